//! From values to cells: the forms in which rules look for them.

use std::ops::Range;

use memchr::memchr;
use palisade_model::{FieldId, Fields, RowBuilder};

use super::dialect::Dialect;
use super::scan::{Entry, Found, Kind};

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

/// Where the other spelling of the GUID that `e` may be lies.
pub(super) fn other_spelling(builder: &mut RowBuilder<'_>, e: &Entry) -> Option<Range<usize>> {
    let text = matches!(e.kind, Kind::Text | Kind::Plain);
    if text { builder.guid_spelling(e.start as usize..e.end as usize) } else { None }
}

/// Whether a value that is there only because the record is kept whole must stay out of
/// what keywords are searched in, as it is in every other run: objects, whose leaves are
/// searched, and empty texts.
pub(super) fn is_quiet(e: &Entry) -> bool {
    match e.kind {
        Kind::Raw => true,
        Kind::Text | Kind::Plain => e.start == e.end,
        _ => false,
    }
}

/// What stands before the path of a value that must not count for the field it is called
/// like, because the field has its values from elsewhere in the record.
const ELSEWHERE: &str = "$.";

/// The name, in this batch, of a value that came into no known field: its place in the
/// dialect's mounted object, else its path. `outdone`: it is a place of a known field, but
/// the record has a better one. `path` is scratch.
pub(super) fn local(
    builder: &mut RowBuilder<'_>,
    found: &Found,
    key: u32,
    dialect: &Dialect,
    fields: &Fields,
    outdone: bool,
    path: &mut String,
) -> FieldId {
    path.clear();
    path.push_str(ELSEWHERE);
    if !found.path(builder.arena(), key, path) {
        return FieldId::NONE;
    }
    let name = dialect.name_of(path.get(ELSEWHERE.len()..).unwrap_or(""));
    if outdone || fields.id(&name).is_some() { builder.local(path) } else { builder.local(&name) }
}
