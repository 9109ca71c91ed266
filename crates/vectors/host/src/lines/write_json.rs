//! Records in another notation, rewritten as lines of JSON for [`crate::json`], each with its place
//! in the source.

use palisade_model::SourceId;

use crate::json::{Place, read_text};
use crate::problems::Problems;
use crate::{Context, Sink};

/// Lines being written.
#[derive(Default)]
pub(super) struct Lines {
    text: String,
    places: Vec<Place>,
    first: bool,
}

impl Lines {
    /// Begins the line of the record at this place.
    pub fn begin(&mut self, record: u64, offset: u64) {
        self.places.push(Place { record, offset });
        self.text.push('{');
        self.first = true;
    }

    /// A value; an empty one says nothing and is left out.
    pub fn pair(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            return;
        }
        if !std::mem::take(&mut self.first) {
            self.text.push(',');
        }
        self.string(name);
        self.text.push(':');
        self.string(value);
    }

    /// Ends the line.
    pub fn end(&mut self) {
        self.text.push_str("}\n");
    }

    fn string(&mut self, value: &str) {
        self.text.push('"');
        let mut rest = value;
        while let Some(at) = rest.bytes().position(|b| b < 0x20 || b == b'"' || b == b'\\') {
            self.text.push_str(&rest[..at]);
            let byte = rest.as_bytes()[at];
            match byte {
                b'"' => self.text.push_str("\\\""),
                b'\\' => self.text.push_str("\\\\"),
                b'\n' => self.text.push_str("\\n"),
                b'\r' => self.text.push_str("\\r"),
                b'\t' => self.text.push_str("\\t"),
                _ => {
                    const HEX: &[u8; 16] = b"0123456789abcdef";
                    self.text.push_str("\\u00");
                    self.text.push(HEX[usize::from(byte >> 4)] as char);
                    self.text.push(HEX[usize::from(byte & 15)] as char);
                }
            }
            rest = &rest[at + 1..];
        }
        self.text.push_str(rest);
        self.text.push('"');
    }

    /// Reads the lines.
    pub fn read(
        self,
        context: Context<'_>,
        source: SourceId,
        scratch: &mut crate::json::Scratch,
        problems: &mut Problems<'_>,
        sink: &mut Sink<'_>,
    ) {
        read_text(self.text, 0, 0, &self.places, context, source, scratch, problems, sink);
    }
}
