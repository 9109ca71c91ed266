//! What a container reader hands back: something inside something.

use std::fmt;
use std::io::{Read, Seek};

/// The way from the evidence file to an object: `mails.zip!inbox.mbox!invoice.iso`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Origin {
    parts: Vec<String>,
}

/// Longest member name kept; longer ones are cut at a character boundary.
const MAX_NAME: usize = 4_096;

impl Origin {
    /// An evidence file as the user named it.
    pub fn file(name: impl Into<String>) -> Origin {
        Origin { parts: vec![name.into()] }
    }

    /// A member of this object. The name is evidence: it is data, never a path to write to.
    pub fn member(&self, name: &str) -> Origin {
        let mut parts = self.parts.clone();
        let mut end = name.len().min(MAX_NAME);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        parts.push(name[..end].to_owned());
        Origin { parts }
    }

    /// The evidence file.
    pub fn top(&self) -> &str {
        self.parts.first().map_or("", |p| p)
    }

    /// Name of the innermost object.
    pub fn name(&self) -> &str {
        self.parts.last().map_or("", |p| p)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("!"))
    }
}

/// What the container said of an object, to be believed only as a hint.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Hints {
    /// Passwords to try, from the text around the object.
    pub passwords: Vec<String>,
    /// Declared content type.
    pub content_type: Option<String>,
    /// Declared size in bytes.
    pub size: Option<u64>,
}

/// An object's bytes.
pub enum Content<'a> {
    /// Held in memory.
    Bytes(&'a [u8]),
    /// Arriving; can be read once.
    Stream(&'a mut dyn Read),
    /// Can be read in any order (an evidence file on disk).
    Seekable(&'a mut dyn ReadSeek),
}

/// Readable in any order.
pub trait ReadSeek: Read + Seek {}
impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// Something found inside something: bytes, a name, where it came from, hints.
pub struct Object<'a> {
    /// Chain of names from the evidence file.
    pub origin: Origin,
    /// What was said of it.
    pub hints: Hints,
    /// Its bytes.
    pub content: Content<'a>,
}
