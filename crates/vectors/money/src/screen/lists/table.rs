//! Tables of text: comma-, semicolon- or tab-separated, streamed, with fields in quotes (RFC 4180).
//!
//! One record is held at a time. A field longer than [`MAX_FIELD`] is left out with its record and
//! reading goes on with the next line, so that one stray quote does not swallow a list. Bytes that
//! are no UTF-8 are read as Latin-1, which older lists are in.
//!
//! What this module never does: know what a column means.

use std::io::Read;

/// Longest field, in bytes. Remarks of lists reach a few thousand.
pub const MAX_FIELD: usize = 1 << 20;
/// Most fields of a record. The widest list has 120.
pub const MAX_FIELDS: usize = 1_024;
/// Most records of one file.
pub const MAX_RECORDS: u64 = 20_000_000;

/// One record and where it stands.
#[derive(Default, Debug)]
pub struct Record {
    /// Fields, unquoted.
    pub fields: Vec<String>,
    /// Number, from 1, headers included.
    pub number: u64,
    /// Byte offset of its beginning.
    pub offset: u64,
}

impl Record {
    /// A field without blanks around it; empty if there is none.
    pub fn get(&self, at: usize) -> &str {
        self.fields.get(at).map_or("", |f| f.trim())
    }
}

/// Why a record was left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bad {
    /// Field or record beyond the limits.
    Limit,
    /// The file ended inside quotes.
    Truncated,
    /// The stream failed.
    Io,
}

/// Reads records from a stream.
pub struct Table<'a> {
    input: &'a mut dyn Read,
    delimiter: u8,
    buffer: Vec<u8>,
    at: usize,
    /// Byte offset of `buffer[0]`.
    base: u64,
    ended: bool,
    failed: bool,
    records: u64,
    field: Vec<u8>,
}

const CHUNK: usize = 64 << 10;

impl<'a> Table<'a> {
    /// A table of that delimiter. `offset` is where in the file the stream begins.
    pub fn new(input: &'a mut dyn Read, delimiter: u8) -> Table<'a> {
        Table {
            input,
            delimiter,
            buffer: Vec::new(),
            at: 0,
            base: 0,
            ended: false,
            failed: false,
            records: 0,
            field: Vec::new(),
        }
    }

    fn next(&mut self) -> Option<u8> {
        if self.at == self.buffer.len() {
            if self.ended {
                return None;
            }
            self.base += self.buffer.len() as u64;
            self.buffer.resize(CHUNK, 0);
            self.at = 0;
            let read = loop {
                match self.input.read(&mut self.buffer) {
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    Ok(n) => break n,
                    Err(_) => {
                        self.failed = true;
                        break 0;
                    }
                }
            };
            self.buffer.truncate(read);
            self.ended = read == 0;
            if self.ended {
                return None;
            }
        }
        let byte = self.buffer[self.at];
        self.at += 1;
        Some(byte)
    }

    fn peek(&mut self) -> Option<u8> {
        let byte = self.next()?;
        self.at -= 1;
        Some(byte)
    }

    /// Reads the next record into `record`: `None` at the end. Empty lines and the byte 0x1A, with
    /// which old DOS programs end a file, are no records.
    pub fn read(&mut self, record: &mut Record) -> Option<Result<(), Bad>> {
        loop {
            match self.peek() {
                None if self.failed => {
                    self.failed = false;
                    return Some(Err(Bad::Io));
                }
                None => return None,
                Some(b'\r' | b'\n' | 0x1A) => self.at += 1,
                Some(0xEF) if self.base == 0 && self.at == 0 => {
                    // A byte order mark in front of the first record.
                    self.at += if self.buffer.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
                    if self.at == 0 {
                        break;
                    }
                }
                Some(_) => break,
            }
        }
        record.fields.clear();
        record.offset = self.base + self.at as u64;
        self.records += 1;
        record.number = self.records;
        if self.records > MAX_RECORDS {
            self.ended = true;
            self.at = self.buffer.len();
            return Some(Err(Bad::Limit));
        }
        let mut too_long = false;
        loop {
            let (more, bad) = self.field();
            match bad {
                Some(Bad::Limit) => too_long = true,
                Some(bad) => return Some(Err(bad)),
                None => {}
            }
            if record.fields.len() < MAX_FIELDS {
                record.fields.push(text(&self.field));
            } else {
                too_long = true;
            }
            if !more {
                break;
            }
        }
        Some(if too_long { Err(Bad::Limit) } else { Ok(()) })
    }

    /// Reads one field. Whether another follows in the record, and what is wrong with it.
    fn field(&mut self) -> (bool, Option<Bad>) {
        self.field.clear();
        let mut quoted = false;
        if self.peek() == Some(b'"') {
            self.at += 1;
            quoted = true;
        }
        let mut bad = None;
        loop {
            let Some(byte) = self.next() else {
                let bad = if self.failed { Some(Bad::Io) } else { quoted.then_some(Bad::Truncated).or(bad) };
                return (false, bad);
            };
            match byte {
                b'"' if quoted => {
                    if self.peek() == Some(b'"') {
                        self.at += 1;
                        self.keep(b'"', &mut bad);
                    } else {
                        quoted = false;
                    }
                }
                b'\n' if !quoted || bad.is_some() => return (false, bad),
                b'\r' if !quoted => {}
                b if b == self.delimiter && !quoted => return (true, bad),
                b => self.keep(b, &mut bad),
            }
        }
    }

    fn keep(&mut self, byte: u8, bad: &mut Option<Bad>) {
        if self.field.len() < MAX_FIELD {
            self.field.push(byte);
        } else {
            *bad = Some(Bad::Limit);
        }
    }
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

/// Columns by name, whatever their order.
#[derive(Debug, Default)]
pub struct Header {
    names: Vec<String>,
}

impl Header {
    /// From the record of names.
    pub fn new(record: &Record) -> Header {
        Header { names: record.fields.iter().map(|f| key(f)).collect() }
    }

    /// The column of that name (letters and digits count, case does not).
    pub fn find(&self, name: &str) -> Option<usize> {
        let name = key(name);
        self.names.iter().position(|n| *n == name)
    }

    /// The field of that name; empty if there is none.
    pub fn get<'r>(&self, record: &'r Record, name: &str) -> &'r str {
        self.find(name).map_or("", |at| record.get(at))
    }
}

fn key(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(128).collect()
}
