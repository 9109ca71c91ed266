//! What every test of the JSON reader uses: the shipped dialects, a few shapes, and
//! one way to write down what a text is read as.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use palisade_host::json::Dialects;
use palisade_host::{Context, Format, Piece, Scratch, read, split};
use palisade_model::{
    Batch, Catalogue, FieldSet, Fields, FieldsBuilder, Origin, Problem, Projection, RowBatch, SourceId,
};

pub const DIALECTS: &str = include_str!("../../../../../knowledge/fields/dialects.toml");

const WINDOWS: &str = r#"
product = "windows"
[streams_default]
host = ["Computer"]
[[stream]]
names = ["Microsoft-Windows-Sysmon/Operational"]
services = ["sysmon"]
  [[stream.event]]
  ids = [1]
  categories = ["process_creation"]
[[stream]]
names = ["Security"]
services = ["security"]
[[stream]]
names = ["System"]
services = ["system"]
"#;

const OTHERS: &str = r#"
[[stream]]
names = ["aws.cloudtrail"]
product = "aws"
services = ["cloudtrail"]
[[stream]]
names = ["m365.audit"]
product = "m365"
services = ["audit"]
[[stream]]
names = ["Linux-Sysmon/Operational"]
product = "linux"
services = ["sysmon"]
[[stream]]
names = ["auditd"]
product = "linux"
services = ["auditd"]
[[stream]]
names = ["gcp.google_workspace.admin"]
product = "gcp"
services = ["google_workspace.admin"]
"#;

pub struct House {
    pub fields: Fields,
    pub catalogue: Catalogue,
    pub projection: Projection,
    pub dialects: Dialects,
    pub zone: Option<jiff::tz::TimeZone>,
}

impl House {
    /// A run whose rules want these fields of every shape, and search every text if `text`.
    pub fn new(names: &[&str], text: bool) -> House {
        let mut fields = FieldsBuilder::new();
        let mut catalogue = Catalogue::default();
        catalogue.add("windows.toml", WINDOWS, &mut fields).unwrap();
        catalogue.add("others.toml", OTHERS, &mut fields).unwrap();
        let mut wanted = FieldSet::new();
        for name in names {
            wanted.insert(fields.intern(name).unwrap());
        }
        let fields = fields.close();
        let mut projection = Projection::new(&catalogue);
        for (id, _) in catalogue.shapes() {
            projection.want(id, &wanted);
            if text {
                projection.want_text(id);
            }
        }
        let dialects = Dialects::parse("dialects.toml", DIALECTS).unwrap().close(&fields).unwrap();
        House { fields, catalogue, projection, dialects, zone: None }
    }

    pub fn context(&self) -> Context<'_> {
        Context {
            fields: &self.fields,
            catalogue: &self.catalogue,
            projection: &self.projection,
            dialects: &self.dialects,
            zone: self.zone.as_ref(),
            as_of: None,
        }
    }

    pub fn read_piece(&self, piece: Piece, scratch: &mut Scratch) -> (Vec<RowBatch>, Vec<Problem>) {
        let mut batches = Vec::new();
        let origin = Origin::file("test.json");
        let problems = read(piece, self.context(), SourceId(7), &origin, scratch, &mut |batch| {
            batches.push(batch);
            Default::default()
        });
        (batches, problems)
    }

    /// Splits and reads a text.
    pub fn read(&self, bytes: &[u8]) -> (Vec<RowBatch>, Vec<Problem>) {
        let (pieces, mut problems) = pieces(bytes);
        let mut batches = Vec::new();
        let mut scratch = Scratch::default();
        for piece in pieces {
            let (b, p) = self.read_piece(piece, &mut scratch);
            batches.extend(b);
            problems.extend(p);
        }
        (batches, problems)
    }

    /// Every row as `record@offset shape time` and its cells, every problem as a line.
    pub fn render(&self, bytes: &[u8]) -> String {
        let (batches, problems) = self.read(bytes);
        let mut out = String::new();
        for batch in &batches {
            for row in 0..batch.len() {
                let h = batch.header(row);
                // In UTF-16 the offset is that of the text as UTF-8.
                if !bytes.contains(&0) {
                    assert_eq!(bytes[h.offset as usize], b'{', "an offset points at the record");
                }
                let shape = &self.catalogue.shape_of(h.shape).name;
                let time = h.time.map_or("-".into(), |t| t.to_string());
                writeln!(out, "{}@{} {shape} {time}", h.record, h.offset).unwrap();
                batch.each(row, &mut |f, v| writeln!(out, "  {} = {v:?}", self.fields.name(f)).unwrap());
            }
        }
        for p in problems {
            let at = p.offset.unwrap_or(0);
            writeln!(out, "! {} at {at} x{}: {}", p.code.name(), p.count, p.message).unwrap();
        }
        out
    }

    pub fn check(&self, text: &str, want: &str) {
        let got = self.render(text.as_bytes());
        let trim =
            |s: &str| s.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
        assert_eq!(trim(&got), trim(want), "\n--- text\n{text}\n--- got\n{got}");
    }
}

pub fn pieces(bytes: &[u8]) -> (Vec<Piece>, Vec<Problem>) {
    let mut pieces = Vec::new();
    let mut stream = bytes;
    let problems = split(Format::Json, &Origin::file("test.json"), &mut stream, &mut |p| {
        pieces.push(p);
        ControlFlow::Continue(())
    });
    (pieces, problems)
}
