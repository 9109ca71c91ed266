//! What the EVTX tests share: real logs, and a way to read one into plain rows.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use palisade_host::{Context, Format, Piece, Scratch, json};
use palisade_model::{
    Batch, Buffers, Catalogue, FieldId, FieldSet, Fields, FieldsBuilder, Origin, Problem, Projection,
    RowBatch, RowHeader, SourceId, Value,
};

/// Where test data lies; `None`, loudly, when it is absent.
pub fn data_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("PALISADE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data"), PathBuf::from);
    if dir.join("host/evtx-odd.tar.zst").exists() {
        return Some(dir);
    }
    let required = std::env::var("PALISADE_TEST_DATA_REQUIRED").is_ok_and(|v| v == "1");
    assert!(!required, "test data is required and absent: {}", dir.display());
    eprintln!("SKIPPED: no test data at {} (set PALISADE_TEST_DATA)", dir.display());
    None
}

/// Every `.evtx` given, by name.
pub fn logs() -> BTreeMap<String, Vec<u8>> {
    let mut logs = BTreeMap::new();
    let Some(dir) = data_dir() else { return logs };
    for archive in ["evtx-attack-samples", "evtx-odd"] {
        let file = std::fs::File::open(dir.join(format!("host/{archive}.tar.zst"))).unwrap();
        let mut tar = tar::Archive::new(zstd::Decoder::new(file).unwrap());
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            let name = format!("{archive}/{}", entry.path().unwrap().display());
            if name.ends_with(".evtx") {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                logs.insert(name, bytes);
            }
        }
    }
    for rule in std::fs::read_dir(dir.join("host/regression")).unwrap() {
        for file in std::fs::read_dir(rule.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|e| e == "evtx") {
                let name = path.strip_prefix(dir.join("host")).unwrap().display().to_string();
                logs.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    logs
}

/// A value that a cell holds, owned.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cell {
    Blank,
    Text(String),
    Number(String),
    Bool(bool),
}

impl Cell {
    pub fn text(&self) -> &str {
        match self {
            Cell::Blank => "",
            Cell::Text(t) | Cell::Number(t) => t,
            Cell::Bool(true) => "true",
            Cell::Bool(false) => "false",
        }
    }
}

/// A row, owned.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    pub header: RowHeader,
    pub cells: Vec<(String, Cell)>,
    pub text: String,
}

impl Row {
    pub fn all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        self.cells.iter().filter(move |(n, _)| n == name).map(|(_, c)| c.text())
    }
    pub fn get<'r>(&'r self, name: &'r str) -> Option<&'r str> {
        self.all(name).next()
    }
}

/// What a run asks for.
pub struct Setup {
    pub fields: Fields,
    pub catalogue: Catalogue,
    pub projection: Projection,
    pub dialects: json::Dialects,
}

impl Setup {
    /// A run that wants these fields of every record.
    pub fn wanting<'n>(names: impl IntoIterator<Item = &'n str>) -> Setup {
        Setup::routed("product = \"windows\"", names)
    }

    /// The same with a routing file of its own.
    pub fn routed<'n>(routing: &str, names: impl IntoIterator<Item = &'n str>) -> Setup {
        let mut fields = FieldsBuilder::new();
        let mut set = FieldSet::new();
        for name in names {
            set.insert(fields.intern(name).unwrap());
        }
        let mut catalogue = Catalogue::default();
        catalogue.add("test.toml", routing, &mut fields).unwrap();
        let mut projection = Projection::new(&catalogue);
        let shapes: Vec<_> = catalogue.shapes().map(|(id, _)| id).collect();
        for id in shapes {
            projection.want(id, &set);
        }
        Setup { fields: fields.close(), catalogue, projection, dialects: json::Dialects::default() }
    }

    /// The same run, keeping records whole.
    pub fn whole(mut self) -> Setup {
        self.projection.keep_everything(&self.fields);
        self
    }

    pub fn context(&self) -> Context<'_> {
        Context {
            fields: &self.fields,
            catalogue: &self.catalogue,
            projection: &self.projection,
            dialects: &self.dialects,
            zone: None,
            as_of: None,
        }
    }

    /// The pieces of a log and what `split` could not read.
    pub fn pieces(bytes: &[u8]) -> (Vec<Piece>, Vec<Problem>) {
        let mut pieces = Vec::new();
        let mut stream = bytes;
        let problems =
            palisade_host::split(Format::Evtx, &Origin::file("log.evtx"), &mut stream, &mut |piece| {
                pieces.push(piece);
                ControlFlow::Continue(())
            });
        (pieces, problems)
    }

    /// Every row of a log and every problem.
    pub fn read(&self, bytes: &[u8]) -> (Vec<Row>, Vec<Problem>) {
        let (pieces, mut problems) = Setup::pieces(bytes);
        let mut rows = Vec::new();
        let mut scratch = Scratch::default();
        for piece in pieces {
            problems.extend(self.read_piece(piece, &mut scratch, &mut rows));
        }
        (rows, problems)
    }

    /// Reads a log for its number of rows only.
    pub fn count(&self, bytes: &[u8]) -> usize {
        let (origin, mut stream) = (Origin::file("log.evtx"), bytes);
        let (mut rows, mut scratch) = (0, Scratch::default());
        palisade_host::split(Format::Evtx, &origin, &mut stream, &mut |piece| {
            let mut sink = |batch: RowBatch| -> Buffers {
                rows += batch.len();
                batch.into_buffers()
            };
            palisade_host::read(piece, self.context(), SourceId(0), &origin, &mut scratch, &mut sink);
            ControlFlow::Continue(())
        });
        rows
    }

    pub fn read_piece(&self, piece: Piece, scratch: &mut Scratch, rows: &mut Vec<Row>) -> Vec<Problem> {
        let mut sink = |batch: RowBatch| -> Buffers {
            for row in 0..batch.len() {
                let mut cells = Vec::new();
                let mut keep = |field: FieldId, value: Value<'_>| {
                    let cell = match value {
                        Value::Blank | Value::Null | Value::Missing => Cell::Blank,
                        Value::Text(t) => Cell::Text(t.to_owned()),
                        Value::Number(t) => Cell::Number(t.to_owned()),
                        Value::Bool(b) => Cell::Bool(b),
                    };
                    let local = batch.local_name(field);
                    let name = if field.is_local() { local } else { self.fields.name(field) };
                    cells.push((name.to_owned(), cell));
                };
                match self.projection.everything() {
                    true => batch.every(row, &mut keep),
                    false => batch.each(row, &mut keep),
                }
                rows.push(Row { header: batch.header(row), cells, text: batch.text(row).text.to_owned() });
            }
            batch.into_buffers()
        };
        palisade_host::read(piece, self.context(), SourceId(0), &Origin::file("log.evtx"), scratch, &mut sink)
    }
}
