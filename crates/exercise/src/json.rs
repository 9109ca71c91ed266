//! JSON text, written front to back into one buffer.
//!
//! The records of an exercise are many and small: building a tree of each only to print it costs more than all the
//! rest. It never checks that its caller closes what it opened; the tests parse every line.

/// A line of JSON under construction.
#[derive(Default)]
pub(crate) struct Json {
    /// The text so far.
    pub text: String,
}

impl Json {
    /// Starts an object that is a line of its own.
    pub fn object() -> Json {
        Json { text: String::from("{") }
    }

    /// Ends the outermost object and gives the line.
    pub fn done(mut self) -> String {
        self.text.push('}');
        self.text
    }

    fn comma(&mut self) {
        if !matches!(self.text.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.text.push(',');
        }
    }

    fn key(&mut self, key: &str) {
        // Keys are ours: none holds what needs an escape.
        self.text.push_str(if matches!(self.text.as_bytes().last(), None | Some(b'{')) {
            "\""
        } else {
            ",\""
        });
        self.text.push_str(key);
        self.text.push_str("\":");
    }

    /// `"key": "value"`
    pub fn str(&mut self, key: &str, value: &str) -> &mut Json {
        self.key(key);
        quote(value, &mut self.text);
        self
    }

    /// `"key": 5`
    pub fn num(&mut self, key: &str, value: u64) -> &mut Json {
        self.key(key);
        self.text.push_str(&value.to_string());
        self
    }

    /// `"key": ` and what stands for itself: `null`, `true`, a number, JSON made elsewhere.
    pub fn raw(&mut self, key: &str, value: &str) -> &mut Json {
        self.key(key);
        self.text.push_str(value);
        self
    }

    /// `"key": {` … `}`
    pub fn obj(&mut self, key: &str, fill: impl FnOnce(&mut Json)) -> &mut Json {
        self.key(key);
        self.text.push('{');
        fill(self);
        self.text.push('}');
        self
    }

    /// `"key": [` … `]`, elements added with [`Json::item`] and [`Json::text_item`].
    pub fn list(&mut self, key: &str, fill: impl FnOnce(&mut Json)) -> &mut Json {
        self.key(key);
        self.text.push('[');
        fill(self);
        self.text.push(']');
        self
    }

    /// An object in a list.
    pub fn item(&mut self, fill: impl FnOnce(&mut Json)) -> &mut Json {
        self.comma();
        self.text.push('{');
        fill(self);
        self.text.push('}');
        self
    }

    /// A text in a list.
    pub fn text_item(&mut self, value: &str) -> &mut Json {
        self.comma();
        quote(value, &mut self.text);
        self
    }

    /// `{Name, Value}` pairs, as mail servers write parameters.
    pub fn pairs(&mut self, key: &str, pairs: &[(&str, &str)]) -> &mut Json {
        self.list(key, |list| {
            for (name, value) in pairs {
                list.item(|o| {
                    o.str("Name", name).str("Value", value);
                });
            }
        })
    }
}

/// Writes `text` as a JSON string (RFC 8259, section 7).
fn quote(text: &str, out: &mut String) {
    out.push('"');
    let bytes = text.as_bytes();
    let (mut from, mut next) = (0, 0);
    // A plain loop: exercises are also written by builds that optimise nothing.
    while next < bytes.len() {
        let (at, byte) = (next, bytes[next]);
        next += 1;
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        // What needs an escape is one ASCII byte, so both cuts lie between characters.
        out.push_str(text.get(from..at).unwrap_or_default());
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            other => out.push_str(&format!("\\u{other:04x}")),
        }
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_json() {
        let mut json = Json::object();
        json.str("a", "x\"\\\n\u{1}ü").num("b", 5).obj("c", |c| {
            c.raw("d", "null").list("e", |e| {
                e.text_item("1").text_item("2").item(|i| {
                    i.str("f", "");
                });
            });
        });
        json.pairs("p", &[("n", "v")]).list("empty", |_| ());
        let value: serde_json::Value = serde_json::from_str(&json.done()).unwrap();
        assert_eq!(value["a"], "x\"\\\n\u{1}ü");
        assert_eq!(value["c"]["e"][2]["f"], "");
        assert_eq!(value["p"][0]["Name"], "n");
        assert_eq!(value["empty"].as_array().unwrap().len(), 0);
    }
}
