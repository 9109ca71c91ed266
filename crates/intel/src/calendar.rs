//! Room: `intel`, part `calendar` — elections, anniversaries, exercises, sanctions, missile tests: calendars that the
//! user brings, as CSV of our own (`docs/formats/calendar.md`) or iCalendar.
//!
//! What this part never does: fetch a calendar, or say that an occasion means anything. What cannot be read is a
//! [`Problem`].

mod ics;

use std::collections::BTreeMap;
use std::io::Read;

use palisade_model::{Day, Days, Occasion, Origin, Problem, ProblemCode};

use crate::incidents::{Cells, MAX_ROW_BYTES, Tell, cut, short, state_code};

/// Most bytes read of one calendar.
pub const MAX_BYTES: u64 = 64 << 20;
/// Most occasions kept of one calendar.
pub const MAX_OCCASIONS: usize = 200_000;

/// Reads a calendar: iCalendar if it begins so, else CSV.
///
/// `kind` is what occasions are called that name no kind; `until` bounds what repeats without an end.
pub fn read(mut input: impl Read, origin: &Origin, kind: &str, until: Day) -> (Vec<Occasion>, Vec<Problem>) {
    let mut tell = Tell::new(origin);
    let mut bytes = Vec::new();
    if let Err(e) = input.by_ref().take(MAX_BYTES + 1).read_to_end(&mut bytes) {
        tell.say(ProblemCode::Io, bytes.len() as u64, format!("reading a calendar: {e}"));
    }
    if bytes.len() as u64 > MAX_BYTES {
        tell.say(
            ProblemCode::Limit,
            MAX_BYTES,
            format!("more than {MAX_BYTES} bytes; the rest was not read"),
        );
        bytes.truncate(MAX_BYTES as usize);
    }
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let begins =
        body.trim_ascii_start().get(..15).is_some_and(|b| b.eq_ignore_ascii_case(b"BEGIN:VCALENDAR"));
    let mut all = if begins { ics::read(body, kind, until, &mut tell) } else { table(body, kind, &mut tell) };
    all.sort();
    all.dedup();
    (all, tell.done())
}

/// Reads anything as a calendar; for tests with hostile input.
pub fn fuzz(data: &[u8]) {
    let (all, _) = read(data, &Origin::file("fuzz"), "event", Day(30_000));
    assert!(all.len() <= MAX_OCCASIONS);
    assert!(all.iter().all(|o| o.days.first <= o.days.last));
}

fn table(body: &[u8], kind: &str, tell: &mut Tell) -> Vec<Occasion> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(body);
    let mut header: BTreeMap<String, usize> = BTreeMap::new();
    match csv.byte_headers() {
        Ok(h) => {
            for (i, cell) in h.iter().enumerate().take(1_000) {
                header.entry(String::from_utf8_lossy(cell).trim().to_lowercase()).or_insert(i);
            }
        }
        Err(e) => {
            tell.say(ProblemCode::Syntax, None, format!("reading the header of a calendar: {}", short(&e)))
        }
    }
    if !header.contains_key("date") {
        tell.say(
            ProblemCode::Unrecognised,
            None,
            "this is no calendar: iCalendar begins with BEGIN:VCALENDAR, and a CSV needs a column \"date\" (docs/formats/calendar.md)".into(),
        );
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut record = csv::ByteRecord::new();
    for number in 1usize.. {
        let offset = csv.position().byte();
        match csv.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(e) => {
                tell.say(ProblemCode::Syntax, offset, format!("reading a row of a calendar: {}", short(&e)));
                break;
            }
        }
        if record.as_slice().len() > MAX_ROW_BYTES {
            tell.say(
                ProblemCode::Limit,
                offset,
                format!("a row is longer than {MAX_ROW_BYTES} bytes and was left out"),
            );
            continue;
        }
        if all.len() >= MAX_OCCASIONS {
            tell.say(
                ProblemCode::Limit,
                offset,
                format!("more than {MAX_OCCASIONS} occasions; the rest was not read"),
            );
            break;
        }
        let cells = Cells { record: &record, header: &header, number, offset };
        let (date, end) = (cells.get("date"), cells.get("end"));
        let Some(days) = span(&date) else {
            tell.say(
                ProblemCode::DamagedRecord,
                offset,
                "an occasion's date is not YYYY, YYYY-MM or YYYY-MM-DD; it was left out".into(),
            );
            continue;
        };
        let days = match span(&end) {
            Some(e) if e.last >= days.first => Days { first: days.first, last: e.last },
            Some(_) => {
                tell.say(
                    ProblemCode::DamagedRecord,
                    offset,
                    "an occasion ends before it begins; its end was left out".into(),
                );
                days
            }
            None if end.is_empty() => days,
            None => {
                tell.say(
                    ProblemCode::DamagedRecord,
                    offset,
                    "an occasion's end is no date and was left out".into(),
                );
                days
            }
        };
        let own = word(&cells.get("kind"));
        let state = cells.get("state");
        all.push(Occasion {
            days,
            kind: if own.is_empty() { word(kind) } else { own },
            state: state_code(&state).map_or_else(|| cut(&state), str::to_owned),
            title: cut(&cells.get("title")),
        });
    }
    all
}

/// A kind as one word: lower case, `-` for blanks.
fn word(text: &str) -> String {
    cut(&text.split_whitespace().collect::<Vec<_>>().join("-").to_lowercase())
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD` as the days it can mean.
fn span(text: &str) -> Option<Days> {
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    match text.len() {
        4 if digits(text) => {
            let first = Day::new(text.parse().ok()?, 1, 1)?;
            Some(Days { first, last: first.year_end() })
        }
        7 => {
            let first = Day::parse(&format!("{text}-01"))?;
            Some(Days { first, last: first.month_end() })
        }
        _ => Day::parse(text).map(Days::day),
    }
}
