//! From values to cells: the forms in which rules look for them.

use std::ops::Range;

use memchr::{memchr, memrchr};
use palisade_model::{FieldId, RowBuilder};

use super::scan::{Entry, Kind};

/// The event number's low 16 bits, if it has others; whether a cell was made.
pub(super) fn event_id_cell(
    builder: &mut RowBuilder<'_>,
    field: FieldId,
    mounted: bool,
    e: &Entry,
    event_id: u32,
) -> bool {
    let text = builder.arena().get(e.start as usize..e.end as usize).unwrap_or("");
    let number = text.trim().parse::<i64>().unwrap_or(0);
    if mounted || matches!(e.kind, Kind::Raw) || number <= 0xFFFF || number & 0xFFFF != i64::from(event_id) {
        return false;
    }
    let start = builder.arena().len();
    let digits = event_id.to_string();
    builder.arena_mut().push_str(&digits);
    builder.number_cell(field, start..start + digits.len());
    true
}

/// One value as a cell of `field`. `plain`: where the value lies unescaped, once that is known.
pub(super) fn cell(
    builder: &mut RowBuilder<'_>,
    field: FieldId,
    e: &Entry,
    hot: bool,
    plain: &mut Option<Range<usize>>,
) {
    let range = e.start as usize..e.end as usize;
    match e.kind {
        Kind::Text => {
            if let Some(done) = plain {
                return builder.range_cell(field, done.clone());
            }
            let bytes = builder.arena().as_bytes().get(range.clone()).unwrap_or(&[]);
            if memchr(b'\\', bytes).is_none() {
                *plain = Some(range.clone());
                return builder.range_cell(field, range);
            }
            let start = builder.arena().len();
            builder.escaped_cell(field, range, hot);
            if hot {
                *plain = Some(start..builder.arena().len());
            }
        }
        Kind::Plain | Kind::Raw => builder.range_cell(field, range),
        Kind::Number => builder.number_cell(field, range),
        Kind::True => builder.bool_cell(field, true),
        Kind::False => builder.bool_cell(field, false),
        Kind::Null => builder.null_cell(field),
        Kind::Blank => builder.blank_cell(field),
        Kind::Void => {}
    }
}

/// Where the same GUID lies with braces if `e` has none, without them if it has some.
/// Exporters drop the braces that Windows writes, and rules are written after either.
pub(super) fn other_spelling(builder: &mut RowBuilder<'_>, e: &Entry) -> Option<Range<usize>> {
    let range = e.start as usize..e.end as usize;
    if !matches!(e.kind, Kind::Text | Kind::Plain) {
        return None;
    }
    match builder.arena().as_bytes().get(range.clone())? {
        [b'{', inner @ .., b'}'] if is_bare_guid(inner) => Some(range.start + 1..range.end - 1),
        bytes if is_bare_guid(bytes) => {
            let arena = builder.arena_mut();
            let start = arena.len();
            arena.push('{');
            arena.extend_from_within(range);
            arena.push('}');
            Some(start..arena.len())
        }
        _ => None,
    }
}

/// `0cce9210-69ae-11d9-bed3-505054503030`
fn is_bare_guid(b: &[u8]) -> bool {
    b.len() == 36
        && b.iter().enumerate().all(|(i, c)| match i {
            8 | 13 | 18 | 23 => *c == b'-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// Sysmon's `SHA1=…,MD5=…,IMPHASH=…` also as fields of their own.
pub(super) fn hashes(
    builder: &mut RowBuilder<'_>,
    names: &super::dialect::Names,
    e: &Entry,
    plain: &Option<Range<usize>>,
    kept: impl Fn(FieldId) -> bool,
) {
    let range = plain.clone().unwrap_or(e.start as usize..e.end as usize);
    let mut at = range.start;
    for _ in 0..8 {
        let Some(rest) = builder.arena().get(at..range.end) else { return };
        let len = memchr(b',', rest.as_bytes()).unwrap_or(rest.len());
        let part = &rest[..len];
        if let Some(eq) = memrchr(b'=', part.as_bytes()) {
            let name = part[..eq].trim();
            let known = names.parts.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            for field in known.into_iter().flat_map(|(_, f)| f.iter().flatten()) {
                if kept(*field) {
                    builder.range_cell(*field, at + eq + 1..at + len);
                }
            }
        }
        at += len + 1;
        if at >= range.end {
            return;
        }
    }
}
