//! One value of one field of one event, borrowed from its batch.

/// A field's value as the record has it.
///
/// Numbers stay text: Sigma compares `EventID: 4688` with `"4688"` and with
/// `4688` alike, and a hash or a 64-bit id must not pass through a float.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// The record has no such field.
    Missing,
    /// The field is there and is null (JSON `null`).
    Null,
    /// The field is an XML element without content (EVTX `<Data Name="x"/>`).
    /// Rules written `x: null` and rules written `x: ''` both mean it.
    Blank,
    /// Text.
    Text(&'a str),
    /// A number, as the record writes it or as its decimal text.
    Number(&'a str),
    /// A boolean.
    Bool(bool),
}

impl<'a> Value<'a> {
    /// The text that string comparison sees; `None` when there is nothing to compare.
    /// A blank element compares as the empty string.
    #[inline]
    pub fn text(self) -> Option<&'a str> {
        match self {
            Value::Text(t) | Value::Number(t) => Some(t),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Blank => Some(""),
            Value::Missing | Value::Null => None,
        }
    }

    /// Whether the field is absent, null, or a blank element: what Sigma's `null` means.
    pub fn is_null(self) -> bool {
        matches!(self, Value::Missing | Value::Null | Value::Blank)
    }

    /// Whether the value is text and not empty: worth showing.
    pub fn is_shown(self) -> bool {
        self.text().is_some_and(|t| !t.is_empty())
    }
}
