//! The fuzzer's doors: any bytes, read as text logs. Whatever comes in, they return.

use std::ops::ControlFlow;

use palisade_model::{Batch, Catalogue, FieldId, FieldSet, FieldsBuilder, Origin, Projection, SourceId};

use super::{Kind, sniff, split};
use crate::json::DialectSet;
use crate::{Context, Scratch, read};

const SET: &str = r#"
    [[dialect]]
    name = "all"
    require = ["MESSAGE"]
    json = ["AuditData"]
    program = ["MESSAGE"]
    stream = "SYSLOG_IDENTIFIER"
    time = ["__REALTIME_TIMESTAMP"]
"#;

/// Splits and reads any bytes as every kind, with a few names wanted.
pub fn fuzz(data: &[u8]) {
    let _ = sniff(data);
    for kind in Kind::ALL {
        fuzz_kind(kind, data);
    }
}

/// The first byte says which kind the rest is: one reader at a time, so that coverage leads into each.
pub fn fuzz_one(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    fuzz_kind(Kind::ALL[usize::from(*first) % Kind::ALL.len()], rest);
}

/// Splits and reads any bytes as one kind.
pub fn fuzz_kind(kind: Kind, data: &[u8]) {
    let mut set = DialectSet::new();
    if set.add("fuzz", SET).is_ok() {
        run(kind, data, set);
    }
}

/// A mapping, a zero byte, and a table that it may be of.
pub fn fuzz_mapping(data: &[u8]) {
    let at = memchr::memchr(0, data).unwrap_or(data.len());
    let Ok(mapping) = std::str::from_utf8(&data[..at]) else { return };
    let mut set = DialectSet::new();
    // A mapping that is none is said to be, and the rest of the set holds.
    let _ = set.add_mapping("mapping.toml", mapping);
    if set.add("fuzz", SET).is_ok() {
        run(Kind::Table, data.get(at + 1..).unwrap_or(&[]), set);
    }
}

fn run(kind: Kind, data: &[u8], set: DialectSet) {
    let mut fields = FieldsBuilder::new();
    let mut wanted = FieldSet::new();
    for name in
        ["c-ip", "cs-uri-stem", "message", "type", "a0", "a1", "SYSCALL", "src_ip", "MESSAGE", "statement"]
    {
        wanted.insert(fields.intern(name).unwrap_or(FieldId::NONE));
    }
    let fields = fields.close();
    let catalogue = Catalogue::default();
    let mut projection = Projection::new(&catalogue);
    for (id, _) in catalogue.shapes() {
        projection.want(id, &wanted);
        projection.want_text(id);
    }
    let Ok(dialects) = set.close(&fields) else { return };
    for whole in [false, true] {
        if whole {
            projection.keep_everything(&fields);
        }
        let as_of = palisade_model::Time::from_civil((2026, 11, 30), (0, 0, 0), 0, 0);
        let (catalogue, projection, dialects) = (&catalogue, &projection, &dialects);
        let context = Context { fields: &fields, catalogue, projection, dialects, zone: None, as_of };
        let origin = Origin::file("fuzz");
        let mut scratch = Scratch::default();
        let mut stream = data;
        let mut pieces = Vec::new();
        split(kind, &origin, &mut stream, &mut |piece| {
            pieces.push(piece);
            ControlFlow::Continue(())
        });
        for piece in pieces {
            read(piece, context, SourceId(0), &origin, &mut scratch, &mut |batch| {
                for row in 0..batch.len() {
                    batch.scan_text(row, &mut |_| {});
                    batch.every(row, &mut |field, _| {
                        let _ = batch.local_name(field);
                    });
                    let _ = batch.digest(row);
                }
                batch.into_buffers()
            });
        }
    }
}
