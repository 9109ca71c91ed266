//! What a parser finds in a record: names and the places of their values. Nothing is copied
//! that stands in the record as it is.

use std::ops::Range;

use palisade_model::Time;

/// Most values of one record; more are a Problem of the sheet, not memory.
pub(super) const MAX_VALUES: usize = 4_096;

/// Why a record is not what its log is.
pub(super) type Fault = &'static str;

/// Text of the record, or text that was made of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// At these bytes of the record.
    Text(u32, u32),
    /// At these bytes of [`Row::made`].
    Made(u32, u32),
}

/// A field's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Name {
    /// The format's own.
    Fixed(&'static str),
    /// The record's.
    At(Place),
}

/// A value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Value {
    pub name: Name,
    pub place: Place,
}

/// When a record happened, as it says itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum When {
    /// It does not say.
    #[default]
    Never,
    /// A moment.
    At(Time),
    /// A local time without a zone, given as if it were UTC.
    Local(Time),
}

/// One record, parsed.
#[derive(Default, Debug)]
pub(super) struct Row {
    pub values: Vec<Value>,
    /// Decoded text, one value after another.
    pub made: String,
    pub when: When,
    /// Stream names, the narrowest first; the first that the catalogue knows counts.
    pub streams: Vec<Stream>,
    pub event_id: u32,
    /// More values than [`MAX_VALUES`].
    pub overflow: bool,
}

/// The name of a kind of record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Stream {
    /// The format's own.
    Fixed(&'static str),
    /// `syslog.` and the program at this place.
    Program(Place),
}

impl Row {
    /// Empties it.
    pub fn begin(&mut self) -> &mut Row {
        self.values.clear();
        self.made.clear();
        self.when = When::Never;
        self.streams.clear();
        self.event_id = 0;
        self.overflow = false;
        self
    }

    /// Back to an earlier state: what was found since is forgotten.
    pub fn back_to(&mut self, values: usize) {
        self.values.truncate(values);
    }

    fn push(&mut self, name: Name, place: Place) {
        if self.values.len() < MAX_VALUES {
            self.values.push(Value { name, place });
        } else {
            self.overflow = true;
        }
    }

    /// The value of a field of the format at `range` of the record.
    pub fn put(&mut self, name: &'static str, range: Range<usize>) {
        self.push(Name::Fixed(name), text(range));
    }

    /// The same, unless it is empty or a dash that stands for nothing.
    pub fn put_some(&mut self, name: &'static str, line: &str, range: Range<usize>) {
        if !matches!(line.get(range.clone()), None | Some("" | "-")) {
            self.put(name, range);
        }
    }

    /// The value at `range` of the field whose name stands at `name` of the record.
    pub fn put_named(&mut self, name: Range<usize>, range: Range<usize>) {
        self.push(Name::At(text(name)), text(range));
    }

    /// A value that was made of the record.
    pub fn put_made(&mut self, name: &'static str, value: &str) {
        let place = self.make(value);
        self.push(Name::Fixed(name), place);
    }

    /// A value that was made of the record, of a field that is named in the record.
    pub fn put_named_made(&mut self, name: Range<usize>, value: &str) {
        let place = self.make(value);
        self.push(Name::At(text(name)), place);
    }

    /// A value somewhere, under a name somewhere.
    pub fn put_at(&mut self, name: Name, place: Place) {
        self.push(name, place);
    }

    /// Text that the record does not have as it is.
    pub fn make(&mut self, value: &str) -> Place {
        let start = self.made.len();
        self.made.push_str(value);
        let end = self.made.len();
        // Values stay apart for who searches the whole.
        self.made.push('\n');
        Place::Made(start as u32, end as u32)
    }

    /// The text at a place, of a record that reads `line`.
    pub fn text<'t>(&'t self, line: &'t str, place: Place) -> &'t str {
        match place {
            Place::Text(a, b) => line.get(a as usize..b as usize),
            Place::Made(a, b) => self.made.get(a as usize..b as usize),
        }
        .unwrap_or("")
    }

    /// The first value of a fixed name.
    pub fn value<'t>(&'t self, line: &'t str, name: &str) -> Option<&'t str> {
        let v = self.values.iter().find(|v| match v.name {
            Name::Fixed(n) => n == name,
            Name::At(p) => self.text(line, p) == name,
        })?;
        Some(self.text(line, v.place))
    }

    /// The record belongs to this stream, if no narrower one is known.
    pub fn stream(&mut self, name: &'static str) {
        self.streams.push(Stream::Fixed(name));
    }
}

/// A place in the record. Records are shorter than 4 GiB by the limit on their length.
pub(super) fn text(range: Range<usize>) -> Place {
    Place::Text(range.start as u32, range.end as u32)
}
