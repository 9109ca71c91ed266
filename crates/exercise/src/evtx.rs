//! Windows event logs in their own format: file header, chunks of 64 KiB, records of BinXML with templates.
//!
//! Written from the public descriptions of the format ([MS-EVEN6], section 2.2.12 on BinXml; J. Metz, "Windows XML
//! Event Log (EVTX) format"). The file looks like a log that was copied while in use: its header is marked dirty and
//! does not count the chunks, so it can be written front to back. One chunk is held in memory. It never uses a
//! reader's code.

use std::collections::BTreeMap;

use palisade_model::Time;

use crate::record::Event;

/// Size of the file header's block.
const FILE_HEADER: usize = 4_096;
/// Size of a chunk.
const CHUNK: usize = 65_536;
/// Where a chunk's records begin.
const FIRST_RECORD: usize = 512;
/// Microseconds from 1601-01-01, where FILETIME begins, to 1970-01-01.
const TO_1970: i64 = 11_644_473_600_000_000;

/// Types of BinXML values.
const STRING: u8 = 0x01;
const UINT16: u8 = 0x06;
const UINT64: u8 = 0x0a;
const FILETIME: u8 = 0x11;

/// A log under construction: whole chunks are taken with [`Evtx::take`].
pub(crate) struct Evtx {
    computer: String,
    chunk: Vec<u8>,
    /// Templates of this chunk: shape of event → offset of its definition.
    templates: BTreeMap<(u16, &'static str, Vec<&'static str>), u32>,
    first: u64,
    next: u64,
    last_record: usize,
    ready: Vec<u8>,
}

impl Evtx {
    /// A log of a computer whose first record has number 1.
    pub fn new(computer: &str) -> Evtx {
        let mut header = vec![0; FILE_HEADER];
        header[..8].copy_from_slice(b"ElfFile\0");
        put(&mut header, 24, &1_u64.to_le_bytes());
        put(&mut header, 32, &128_u32.to_le_bytes());
        put(&mut header, 36, &1_u16.to_le_bytes());
        put(&mut header, 38, &3_u16.to_le_bytes());
        put(&mut header, 40, &4_096_u16.to_le_bytes());
        // Dirty: the log was in use, and what the header counts is not up to date.
        put(&mut header, 120, &1_u32.to_le_bytes());
        let sum = crc32(&header[..120]);
        put(&mut header, 124, &sum.to_le_bytes());
        Evtx {
            computer: computer.to_owned(),
            chunk: vec![0; FIRST_RECORD],
            templates: BTreeMap::new(),
            first: 1,
            next: 1,
            last_record: FIRST_RECORD,
            ready: header,
        }
    }

    /// Adds an event and gives its number.
    pub fn add(&mut self, time: Time, event: &Event) -> u64 {
        let (at, last) = (self.chunk.len(), self.last_record);
        self.record(time, event);
        if self.chunk.len() > CHUNK {
            // It does not fit: it opens the next chunk, where no template is known yet.
            self.chunk.truncate(at);
            self.last_record = last;
            self.close();
            self.record(time, event);
        }
        self.next += 1;
        self.next - 1
    }

    /// Bytes that are complete.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }

    /// Ends the log and gives its last bytes.
    pub fn finish(mut self) -> Vec<u8> {
        if self.chunk.len() > FIRST_RECORD {
            self.close();
        }
        self.ready
    }

    fn record(&mut self, time: Time, event: &Event) {
        let at = self.chunk.len();
        self.last_record = at;
        let filetime = ((time.0 + TO_1970) * 10) as u64;
        self.chunk.extend_from_slice(b"**\0\0\0\0\0\0");
        self.chunk.extend_from_slice(&self.next.to_le_bytes());
        self.chunk.extend_from_slice(&filetime.to_le_bytes());
        self.chunk.extend_from_slice(&[0x0f, 1, 1, 0]);
        self.instance(filetime, event);
        self.chunk.push(0);
        let size = (self.chunk.len() + 4 - at) as u32;
        put(&mut self.chunk, at + 4, &size.to_le_bytes());
        self.chunk.extend_from_slice(&size.to_le_bytes());
    }

    /// A template, defined where it is first used, and the values that go into it.
    fn instance(&mut self, filetime: u64, event: &Event) {
        let names: Vec<&'static str> = event.fields.iter().map(|(name, _)| *name).collect();
        let key = (event.id, event.channel(), names);
        self.chunk.extend_from_slice(&[0x0c, 1]);
        let id = u32::from(event.id) << 8 | event.fields.len() as u32 & 0xff;
        self.chunk.extend_from_slice(&id.to_le_bytes());
        match self.templates.get(&key) {
            Some(offset) => self.chunk.extend_from_slice(&offset.to_le_bytes()),
            None => {
                let here = (self.chunk.len() + 4) as u32;
                self.chunk.extend_from_slice(&here.to_le_bytes());
                self.definition(id, event);
                self.templates.insert(key, here);
            }
        }
        let texts =
            std::iter::once(self.computer.as_str()).chain(event.fields.iter().map(|(_, v)| v.as_str()));
        let texts: Vec<Vec<u8>> = texts.map(utf16).collect();
        self.chunk.extend_from_slice(&(texts.len() as u32 + 3).to_le_bytes());
        let mut describe = |size: usize, kind: u8| {
            self.chunk.extend_from_slice(&(size as u16).to_le_bytes());
            self.chunk.extend_from_slice(&[kind, 0]);
        };
        describe(2, UINT16);
        describe(8, FILETIME);
        describe(8, UINT64);
        texts.iter().for_each(|t| describe(t.len(), STRING));
        self.chunk.extend_from_slice(&event.id.to_le_bytes());
        self.chunk.extend_from_slice(&filetime.to_le_bytes());
        self.chunk.extend_from_slice(&self.next.to_le_bytes());
        texts.iter().for_each(|t| self.chunk.extend_from_slice(t));
    }

    /// `<Event><System>…</System><EventData>…</EventData></Event>` with places for values.
    fn definition(&mut self, id: u32, event: &Event) {
        let out = &mut self.chunk;
        out.extend_from_slice(&0_u32.to_le_bytes());
        // A GUID, of which readers use the first four bytes as the template's id.
        out.extend_from_slice(&id.to_le_bytes());
        out.extend_from_slice(&[0x5a; 12]);
        let size = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&[0x0f, 1, 1, 0]);
        let namespace = "http://schemas.microsoft.com/win/2004/08/events/event";
        element(out, "Event", &[("xmlns", Part::Text(namespace))], |out| {
            element(out, "System", &[], |out| {
                element(out, "Provider", &[("Name", Part::Text(event.provider()))], |_| ());
                element(out, "EventID", &[], |out| place(out, 0, UINT16));
                element(out, "Level", &[], |out| text(out, "4"));
                element(out, "TimeCreated", &[("SystemTime", Part::Place(1, FILETIME))], |_| ());
                element(out, "EventRecordID", &[], |out| place(out, 2, UINT64));
                element(out, "Channel", &[], |out| text(out, event.channel()));
                element(out, "Computer", &[], |out| place(out, 3, STRING));
            });
            let values = |out: &mut Vec<u8>, named: bool| {
                for (n, (name, _)) in event.fields.iter().enumerate() {
                    let (place_of, name) = (n as u16 + 4, *name);
                    if named {
                        element(out, "Data", &[("Name", Part::Text(name))], |out| {
                            place(out, place_of, STRING)
                        });
                    } else {
                        element(out, name, &[], |out| place(out, place_of, STRING));
                    }
                }
            };
            if event.user_data() {
                element(out, "UserData", &[], |out| {
                    element(out, "LogFileCleared", &[], |out| values(out, false))
                });
            } else {
                element(out, "EventData", &[], |out| values(out, true));
            }
        });
        out.push(0);
        let length = (out.len() - size - 4) as u32;
        put(out, size, &length.to_le_bytes());
    }

    /// Fills in the chunk's header and makes room for the next.
    fn close(&mut self) {
        let chunk = &mut self.chunk;
        let free = chunk.len();
        let body = crc32(&chunk[FIRST_RECORD..]);
        chunk.resize(CHUNK, 0);
        chunk[..8].copy_from_slice(b"ElfChnk\0");
        for (at, number) in [(8, self.first), (16, self.next - 1), (24, self.first), (32, self.next - 1)] {
            put(chunk, at, &number.to_le_bytes());
        }
        for (at, number) in [(40, 128), (44, self.last_record as u32), (48, free as u32), (52, body)] {
            put(chunk, at, &number.to_le_bytes());
        }
        // Over the header without itself, then the tables behind it.
        let sum = crc32_of(&[&chunk[..120], &chunk[128..FIRST_RECORD]]);
        put(chunk, 124, &sum.to_le_bytes());
        self.ready.append(chunk);
        chunk.resize(FIRST_RECORD, 0);
        self.templates.clear();
        self.first = self.next;
    }
}

/// What an attribute holds.
enum Part<'a> {
    Text(&'a str),
    Place(u16, u8),
}

/// Writes an element. Names stand where they are first used; here each use is a first one.
fn element(
    out: &mut Vec<u8>,
    name: &str,
    attributes: &[(&str, Part<'_>)],
    inside: impl FnOnce(&mut Vec<u8>),
) {
    out.push(if attributes.is_empty() { 0x01 } else { 0x41 });
    out.extend_from_slice(&u16::MAX.to_le_bytes());
    let size = out.len();
    out.extend_from_slice(&[0; 4]);
    write_name(out, name);
    if !attributes.is_empty() {
        let list = out.len();
        out.extend_from_slice(&[0; 4]);
        for (n, (name, part)) in attributes.iter().enumerate() {
            out.push(if n + 1 == attributes.len() { 0x06 } else { 0x46 });
            write_name(out, name);
            match part {
                Part::Text(value) => text(out, value),
                Part::Place(index, kind) => place(out, *index, *kind),
            }
        }
        let length = (out.len() - list - 4) as u32;
        put(out, list, &length.to_le_bytes());
    }
    let before = out.len();
    out.push(0x02);
    inside(out);
    if out.len() == before + 1 {
        // Nothing inside: the tag closes itself.
        out[before] = 0x03;
    } else {
        out.push(0x04);
    }
    let length = (out.len() - size - 4) as u32;
    put(out, size, &length.to_le_bytes());
}

/// A name with its place, which is right behind.
fn write_name(out: &mut Vec<u8>, name: &str) {
    let here = (out.len() + 4) as u32;
    out.extend_from_slice(&here.to_le_bytes());
    out.extend_from_slice(&0_u32.to_le_bytes());
    // MS-EVEN6 2.2.12: the hash of a name.
    let hash = name.encode_utf16().fold(0_u32, |h, c| h.wrapping_mul(65_599).wrapping_add(u32::from(c)));
    out.extend_from_slice(&(hash as u16).to_le_bytes());
    let units = utf16(name);
    out.extend_from_slice(&((units.len() / 2) as u16).to_le_bytes());
    out.extend_from_slice(&units);
    out.extend_from_slice(&[0, 0]);
}

/// A value that is the same in every event of the template.
fn text(out: &mut Vec<u8>, value: &str) {
    let units = utf16(value);
    out.extend_from_slice(&[0x05, STRING]);
    out.extend_from_slice(&((units.len() / 2) as u16).to_le_bytes());
    out.extend_from_slice(&units);
}

/// A place for a value of the event.
fn place(out: &mut Vec<u8>, index: u16, kind: u8) {
    out.push(0x0d);
    out.extend_from_slice(&index.to_le_bytes());
    out.push(kind);
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Overwrites bytes; what would lie outside is left out.
fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    crc32_of(&[bytes])
}

/// CRC-32 (ISO 3309, as zip and Ethernet use it) over several pieces.
fn crc32_of(pieces: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in pieces.iter().copied().flatten() {
        let index = (crc ^ u32::from(*byte)) & 0xff;
        crc = TABLE[index as usize] ^ crc >> 8;
    }
    !crc
}

/// Remainders of all bytes.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { 0xedb8_8320 ^ crc >> 1 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acts;

    /// The check value of the polynomial.
    #[test]
    fn sums_are_right() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32_of(&[b"1234", b"56789"]), 0xcbf4_3926);
    }

    #[test]
    fn chunks_are_whole_and_numbered() {
        let mut log = Evtx::new("DC01.grid.example");
        let event = acts::ticket(4768, "a.novak", "GRID", "krbtgt", "10.1.2.3");
        let numbers: Vec<u64> = (0..900).map(|n| log.add(Time(n * 1_000_000), &event)).collect();
        assert_eq!(numbers, (1..=900).collect::<Vec<u64>>());
        let bytes = log.finish();
        assert_eq!((bytes.len() - FILE_HEADER) % CHUNK, 0);
        let mut next = 1;
        for chunk in bytes[FILE_HEADER..].chunks(CHUNK) {
            let number = |at: usize| u64::from_le_bytes(chunk[at..at + 8].try_into().unwrap());
            assert_eq!(&chunk[..8], b"ElfChnk\0");
            assert_eq!(number(8), next, "chunks follow each other");
            next = number(16) + 1;
        }
        assert_eq!(next, 901);
    }
}
