//! BinXML by hand: each case says in XML what its bytes say, and which cells must come of it.

#![allow(clippy::unwrap_used)]

use palisade_model::Time;

use crate::evtx::{Cell, Row, Setup};

/// Builds one chunk with one record.
struct Chunk {
    bytes: Vec<u8>,
}

/// A value of a substitution array.
struct Val(u8, Vec<u8>);

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn string(text: &str) -> Val {
    Val(1, wide(text))
}

impl Chunk {
    /// A chunk up to the body of its first record.
    fn new() -> Chunk {
        let mut bytes = b"ElfChnk\0".to_vec();
        bytes.resize(512, 0);
        bytes[40] = 128;
        bytes[120] = 4; // no checksums
        bytes.extend_from_slice(b"\x2a\x2a\0\0");
        bytes.resize(512 + 24, 0);
        bytes[512 + 8] = 9;
        bytes[512 + 16..512 + 24].copy_from_slice(&132_000_000_000_000_000u64.to_le_bytes());
        bytes.extend_from_slice(&[0x0f, 1, 1, 0]);
        Chunk { bytes }
    }

    fn name(&mut self, name: &str) {
        let here = self.bytes.len() as u32 + 4;
        self.bytes.extend_from_slice(&here.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 6]);
        self.bytes.extend_from_slice(&(name.encode_utf16().count() as u16).to_le_bytes());
        self.bytes.extend(wide(name));
        self.bytes.extend_from_slice(&[0; 2]);
    }

    /// `<name` — elements of a template carry a dependency id.
    fn open(&mut self, name: &str, attributes: bool) {
        self.bytes.push(if attributes { 0x41 } else { 0x01 });
        self.bytes.extend_from_slice(&[0xff, 0xff, 0, 0, 0, 0]);
        self.name(name);
        if attributes {
            self.bytes.extend_from_slice(&[0; 4]);
        }
    }

    fn attribute(&mut self, name: &str) {
        self.bytes.push(0x06);
        self.name(name);
    }

    fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(&[0x05, 0x01]);
        self.bytes.extend_from_slice(&(text.encode_utf16().count() as u16).to_le_bytes());
        self.bytes.extend(wide(text));
    }

    fn entity(&mut self, name: &str) {
        self.bytes.push(0x09);
        self.name(name);
    }

    fn value(&mut self, index: u8) {
        self.bytes.extend_from_slice(&[0x0d, index, 0, 1]);
    }

    fn optional(&mut self, index: u8) {
        self.bytes.extend_from_slice(&[0x0e, index, 0, 1]);
    }

    fn start_closed(&mut self) {
        self.bytes.push(0x02);
    }

    fn empty_closed(&mut self) {
        self.bytes.push(0x03);
    }

    fn close(&mut self) {
        self.bytes.push(0x04);
    }

    fn leaf(&mut self, name: &str, body: impl FnOnce(&mut Chunk)) {
        self.open(name, false);
        self.start_closed();
        body(self);
        self.close();
    }

    /// `<Data Name="name">body</Data>`
    fn data(&mut self, name: &str, body: impl FnOnce(&mut Chunk)) {
        self.open("Data", true);
        self.attribute("Name");
        self.text(name);
        self.start_closed();
        body(self);
        self.close();
    }

    /// A template instance: its definition in place, then its values.
    fn template(&mut self, body: impl FnOnce(&mut Chunk), values: &[Val]) {
        self.bytes.extend_from_slice(&[0x0c, 1]);
        self.bytes.extend_from_slice(b"GUID");
        let definition = self.bytes.len() as u32 + 4;
        self.bytes.extend_from_slice(&definition.to_le_bytes());
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(b"GUIDguidguidguid");
        let size = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(&[0x0f, 1, 1, 0]);
        body(self);
        self.bytes.push(0);
        let len = (self.bytes.len() - size - 4) as u32;
        self.bytes[size..size + 4].copy_from_slice(&len.to_le_bytes());
        self.bytes.extend_from_slice(&(values.len() as u32).to_le_bytes());
        for Val(kind, bytes) in values {
            self.bytes.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
            self.bytes.extend_from_slice(&[*kind, 0]);
        }
        for Val(_, bytes) in values {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Closes record and chunk and reads them.
    fn read(self, names: &[&str]) -> Row {
        let (rows, _) = Setup::wanting(names.iter().copied()).read(&self.close_chunk());
        assert_eq!(rows.len(), 1);
        rows.into_iter().next().unwrap()
    }

    fn close_chunk(mut self) -> Vec<u8> {
        self.bytes.push(0);
        let size = (self.bytes.len() + 4 - 512) as u32;
        self.bytes.extend_from_slice(&size.to_le_bytes());
        self.bytes[516..520].copy_from_slice(&size.to_le_bytes());
        let free = self.bytes.len() as u32;
        self.bytes[48..52].copy_from_slice(&free.to_le_bytes());
        self.bytes.resize(65_536, 0);
        self.bytes
    }
}

/// An event whose `EventData` is made by `body`.
fn event(body: impl FnOnce(&mut Chunk), values: &[Val], names: &[&str]) -> Row {
    event_chunk(body, values).read(names)
}

fn event_chunk(body: impl FnOnce(&mut Chunk), values: &[Val]) -> Chunk {
    let mut chunk = Chunk::new();
    chunk.template(
        |c| {
            c.open("Event", false);
            c.start_closed();
            c.leaf("System", |c| {
                c.open("Provider", true);
                c.attribute("Name");
                c.text("Palisade-Test");
                c.empty_closed();
                c.leaf("EventID", |c| c.text("1102"));
                c.leaf("Channel", |c| c.text("Security"));
            });
            body(c);
            c.close();
        },
        values,
    );
    chunk
}

fn check(body: impl FnOnce(&mut Chunk), values: &[Val], field: &str, expected: &[Cell]) {
    let row = event(body, values, &[field, "EventID"]);
    let cells: Vec<Cell> = row.cells.iter().filter(|(n, _)| n == field).map(|(_, c)| c.clone()).collect();
    assert_eq!(cells, expected, "{row:?}");
}

fn text(t: &str) -> Cell {
    Cell::Text(t.into())
}

#[test]
fn named_data_is_a_field_without_blanks() {
    let body = |c: &mut Chunk| c.leaf("EventData", |c| c.data("Threat Name", |c| c.value(0)));
    check(body, &[string("EICAR")], "ThreatName", &[text("EICAR")]);
}

#[test]
fn types_become_cells_of_their_kind() {
    let body = |c: &mut Chunk| c.leaf("EventData", |c| c.data("X", |c| c.value(0)));
    check(body, &[Val(0x08, vec![7, 0, 0, 0])], "X", &[Cell::Number("7".into())]);
    check(body, &[Val(0x14, vec![0x10, 0x14, 0, 0])], "X", &[text("0x1410")]);
    check(body, &[Val(0x0d, vec![1, 0, 0, 0])], "X", &[Cell::Bool(true)]);
    check(body, &[string("")], "X", &[Cell::Blank]);
    check(body, &[Val(0, vec![])], "X", &[Cell::Blank]);
}

#[test]
fn a_null_optional_value_drops_its_element() {
    let body = |c: &mut Chunk| c.leaf("EventData", |c| c.data("X", |c| c.optional(0)));
    check(body, &[Val(0, vec![])], "X", &[]);
    check(body, &[string("")], "X", &[Cell::Blank]);
    check(body, &[], "X", &[]);
}

#[test]
fn an_empty_element_is_blank() {
    let body = |c: &mut Chunk| {
        c.leaf("EventData", |c| {
            c.open("Data", true);
            c.attribute("Name");
            c.text("X");
            c.empty_closed();
        });
    };
    check(body, &[], "X", &[Cell::Blank]);
}

#[test]
fn an_array_repeats_its_element() {
    let body = |c: &mut Chunk| c.leaf("EventData", |c| c.data("X", |c| c.value(0)));
    check(body, &[Val(0x81, wide("a\0b\0"))], "X", &[text("a"), text("b")]);
    let numbers = [Cell::Number("1".into()), Cell::Number("2".into())];
    check(body, &[Val(0x86, vec![1, 0, 2, 0])], "X", &numbers);
}

#[test]
fn unnamed_data_comes_joined_and_one_by_one() {
    let body = |c: &mut Chunk| {
        c.leaf("EventData", |c| {
            c.leaf("Data", |c| c.value(0));
            c.leaf("Data", |c| c.value(1));
        });
    };
    check(body, &[string("a"), string("b")], "Data", &[text("a\nb"), text("a"), text("b")]);
    let body = |c: &mut Chunk| c.leaf("EventData", |c| c.leaf("Data", |c| c.value(0)));
    check(body, &[string("alone")], "Data", &[text("alone")]);
}

#[test]
fn mixed_content_is_one_value() {
    let body = |c: &mut Chunk| {
        c.leaf("EventData", |c| {
            c.data("X", |c| {
                c.text("a");
                c.entity("amp");
                c.value(0);
                c.bytes.extend_from_slice(&[0x08, 0x3c, 0]); // &#60;
            });
        });
    };
    check(body, &[Val(0x04, vec![7])], "X", &[text("a&7<")]);
}

#[test]
fn nested_binxml_stands_where_its_value_stands() {
    // <Event>%0</Event>, where %0 is itself <EventData><Data Name="X">deep</Data></EventData>.
    let mut chunk = Chunk::new();
    chunk.template(
        |c| {
            c.open("Event", false);
            c.start_closed();
            c.optional(0);
            c.close();
        },
        &[Val(0x21, Vec::new())],
    );
    // Offsets of names count from the chunk's start, so the value is built in its place.
    let start = chunk.bytes.len();
    chunk.bytes.extend_from_slice(&[0x0f, 1, 1, 0]);
    chunk.template(|c| c.leaf("EventData", |c| c.data("X", |c| c.value(0))), &[string("deep")]);
    chunk.bytes.push(0);
    let len = (chunk.bytes.len() - start) as u16;
    chunk.bytes[start - 4..start - 2].copy_from_slice(&len.to_le_bytes());
    let row = chunk.read(&["X"]);
    assert_eq!(row.cells, [("X".to_owned(), text("deep"))]);
}

#[test]
fn the_events_own_channel_wins_over_the_systems() {
    // <UserData><LogFileCleared><Channel>System</Channel>… in a record of channel Security.
    let body = |c: &mut Chunk| {
        c.leaf("UserData", |c| c.leaf("LogFileCleared", |c| c.leaf("Channel", |c| c.value(0))));
    };
    check(body, &[string("System")], "Channel", &[text("System")]);
    let row = event(|_| {}, &[], &["Channel", "EventID", "Provider_Name"]);
    assert_eq!(row.get("Channel"), Some("Security"));
    assert_eq!(row.get("EventID"), Some("1102"));
    assert_eq!(row.get("Provider_Name"), Some("Palisade-Test"));
}

#[test]
fn hashes_are_kept_and_split() {
    let body = |c: &mut Chunk| c.leaf("EventData", |c| c.data("Hashes", |c| c.value(0)));
    let row = event(body, &[string("SHA1=AB,MD5=CD,IMPHASH=EF")], &["Hashes", "Imphash", "md5"]);
    assert_eq!(row.get("Hashes"), Some("SHA1=AB,MD5=CD,IMPHASH=EF"));
    assert_eq!((row.get("Imphash"), row.get("md5")), (Some("EF"), Some("CD")));
}

#[test]
fn the_envelope_comes_from_the_record_header_and_the_text_holds_every_value() {
    let body = |c: &mut Chunk| c.leaf("EventData", |c| c.data("Unwanted", |c| c.value(0)));
    let row = event(body, &[string("still here")], &["EventID"]);
    assert_eq!((row.header.record, row.header.offset), (9, 512));
    assert_eq!(row.header.time, Time::from_filetime(132_000_000_000_000_000));
    assert_eq!(
        row.text,
        "Unwanted: still here\nProvider_Name: Palisade-Test\nEventID: 1102\nChannel: Security\n"
    );
}

#[test]
fn a_template_that_holds_itself_a_thousand_times_ends_at_a_limit() {
    let mut chunk = Chunk::new();
    // Behind token, version and id stands the offset of the definition, which follows it.
    let definition = chunk.bytes.len() as u32 + 10;
    chunk.template(
        |c| {
            c.open("Event", false);
            c.start_closed();
            for _ in 0..1_000 {
                c.bytes.extend_from_slice(&[0x0c, 1]);
                c.bytes.extend_from_slice(b"GUID");
                c.bytes.extend_from_slice(&definition.to_le_bytes());
                c.bytes.extend_from_slice(&[0; 4]);
            }
            c.leaf("X", |c| c.text("x"));
            c.close();
        },
        &[],
    );
    let (rows, problems) = Setup::wanting(["X"]).read(&chunk.close_chunk());
    assert!(rows.len() <= 1);
    assert!(problems.iter().any(|p| p.code == palisade_model::ProblemCode::Limit), "{problems:?}");
}

#[test]
fn a_log_is_recognised_by_either_signature() {
    use palisade_host::{Format, sniff};
    assert_eq!(sniff(b"ElfFile\0rest"), Some(Format::Evtx));
    let mut broken = vec![0xff; 4_096];
    broken.extend_from_slice(b"ElfChnk\0");
    assert_eq!(sniff(&broken), Some(Format::Evtx));
    assert_eq!(sniff(b"ElfFi"), None);
    assert_eq!(sniff(b""), None);
}

#[test]
fn the_systems_channel_and_number_choose_the_shape() {
    let routing = "product = \"windows\"\n[[stream]]\nnames = [\"SECURITY\"]\nservices = [\"security\"]\n\
                   [[stream.event]]\nids = [1102]\ncategories = [\"cleared\"]";
    let setup = Setup::routed(routing, ["Channel"]);
    // The event's own Channel says something else, and does not matter here.
    let body = |c: &mut Chunk| c.leaf("UserData", |c| c.leaf("Channel", |c| c.text("System")));
    let (rows, _) = setup.read(&event_chunk(body, &[]).close_chunk());
    let shape = setup.catalogue.shape_of(rows[0].header.shape);
    assert_eq!(shape.categories, ["cleared"]);
    // A channel that nobody names is still a Windows record.
    let (rows, _) = Setup::wanting([]).read(&event_chunk(|_| {}, &[]).close_chunk());
    let setup = Setup::wanting([]);
    assert_eq!(setup.catalogue.shape_of(rows[0].header.shape).product.as_deref(), Some("windows"));
}

#[test]
fn the_number_and_the_channel_are_read_by_the_type_of_their_values() {
    let routing = "product = \"windows\"\n[[stream]]\nnames = [\"Security\"]\nservices = [\"security\"]\n\
                   [[stream.event]]\nids = [1102]\ncategories = [\"cleared\"]";
    let setup = Setup::routed(routing, ["EventID"]);
    for (kind, number) in [
        (0x06, vec![0x4e, 4]),
        (0x08, vec![0x4e, 4, 0, 0x80]),
        (0x14, vec![0x4e, 4, 0, 0]),
        (0x01, wide("1102")),
        (0x01, wide(" 1102\0")),
        (0x02, b"1102".to_vec()),
        (0x02, b"2147484750".to_vec()),
    ] {
        for channel in [string("Security"), Val(0x02, b"Security".to_vec())] {
            let mut chunk = Chunk::new();
            let said = format!("{kind} {number:?} {}", channel.0);
            chunk.template(
                |c| {
                    c.open("Event", false);
                    c.start_closed();
                    c.leaf("System", |c| {
                        c.leaf("EventID", |c| c.value(0));
                        c.leaf("Channel", |c| c.value(1));
                    });
                    c.close();
                },
                &[Val(kind, number.clone()), channel],
            );
            let (rows, _) = setup.read(&chunk.close_chunk());
            assert_eq!(setup.catalogue.shape_of(rows[0].header.shape).categories, ["cleared"], "{said}");
        }
    }
}

#[test]
fn keyword_rules_see_values_of_fields_nobody_asked_for() {
    use palisade_model::{Batch, Buffers, Origin, RowBatch, SourceId};
    let body = |c: &mut Chunk| c.leaf("EventData", |c| c.data("Whatever", |c| c.value(0)));
    let bytes = event_chunk(body, &[string("mimikatz")]).close_chunk();
    for wanted in [true, false] {
        let mut setup = Setup::wanting(["EventID"]);
        let shapes: Vec<_> = setup.catalogue.shapes().map(|(id, _)| id).collect();
        if wanted {
            shapes.into_iter().for_each(|s| setup.projection.want_text(s));
        }
        let mut seen = Vec::new();
        let mut sink = |batch: RowBatch| -> Buffers {
            batch.scan_text(0, &mut |t| seen.push(t.to_owned()));
            batch.into_buffers()
        };
        for piece in Setup::pieces(&bytes).0 {
            let mut scratch = palisade_host::Scratch::default();
            let (origin, context) = (Origin::default(), setup.context());
            palisade_host::read(piece, context, SourceId(0), &origin, &mut scratch, &mut sink);
        }
        assert_eq!(seen.contains(&"mimikatz".to_owned()), wanted, "{seen:?}");
    }
}
