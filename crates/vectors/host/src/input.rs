//! A stream as UTF-8 text, read block by block; it never holds more than a block.

use std::io::Read;

/// How the bytes of a stream stand for text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    Utf8,
    Utf16 { little: bool },
}

/// The stream as UTF-8.
pub(crate) struct Input<'r> {
    stream: &'r mut dyn Read,
    /// How its bytes stand for text.
    pub encoding: Encoding,
    /// Read but not handed out: the head, an odd byte, half a surrogate pair.
    pub held: Vec<u8>,
    /// Nothing more comes.
    pub ended: bool,
    /// Why reading stopped.
    pub error: Option<std::io::Error>,
}

impl<'r> Input<'r> {
    /// The stream, taken as UTF-8 until its head says otherwise.
    pub fn new(stream: &'r mut dyn Read) -> Input<'r> {
        Input { stream, encoding: Encoding::Utf8, held: Vec::new(), ended: false, error: None }
    }

    /// Appends raw bytes: what is held, then the stream, about `most` in all.
    pub fn raw(&mut self, raw: &mut Vec<u8>, most: usize) {
        let mut held = std::mem::take(&mut self.held);
        let want = most.saturating_sub(held.len());
        raw.append(&mut held);
        if want > 0 && !self.ended {
            raw.reserve(want);
            match (&mut *self.stream).take(want as u64).read_to_end(raw) {
                Ok(n) => self.ended = n < want,
                Err(e) => {
                    self.error = Some(e);
                    self.ended = true;
                }
            }
        }
    }

    /// Appends up to about `most` bytes; whether there was anything.
    pub fn fill(&mut self, out: &mut Vec<u8>, most: usize) -> bool {
        match self.encoding {
            Encoding::Utf8 => {
                let before = out.len();
                self.raw(out, most);
                out.len() > before
            }
            Encoding::Utf16 { little } => {
                let mut raw = Vec::new();
                self.raw(&mut raw, most);
                let unit = |p: &[u8]| {
                    if little { u16::from_le_bytes([p[0], p[1]]) } else { u16::from_be_bytes([p[0], p[1]]) }
                };
                let mut whole = raw.len() / 2 * 2;
                if whole >= 2 && !self.ended && (0xD800..0xDC00).contains(&unit(&raw[whole - 2..])) {
                    whole -= 2;
                }
                let units = raw[..whole].chunks_exact(2).map(unit);
                let text: String = char::decode_utf16(units).map(|c| c.unwrap_or('\u{FFFD}')).collect();
                out.extend_from_slice(text.as_bytes());
                if !self.ended {
                    self.held = raw[whole..].to_vec();
                }
                whole > 0
            }
        }
    }
}

/// Text from bytes that are not UTF-8: one `?` for each bad byte, so that the places
/// of all others stay what they are in the source.
pub(crate) fn mend(mut bytes: Vec<u8>) -> String {
    let mut bad = Vec::new();
    let mut at = 0;
    for chunk in bytes.utf8_chunks() {
        at += chunk.valid().len();
        bad.push(at..at + chunk.invalid().len());
        at += chunk.invalid().len();
    }
    for range in bad {
        bytes[range].fill(b'?');
    }
    String::from_utf8(bytes).unwrap_or_default()
}
