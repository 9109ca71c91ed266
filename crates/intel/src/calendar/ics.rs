//! iCalendar (RFC 5545), as far as an occasion needs it: `VEVENT` with start, end, summary, categories, and rules that
//! repeat yearly. Any other rule keeps the first occurrence and is told.

use palisade_model::{Day, Days, Occasion, ProblemCode};

use super::{MAX_OCCASIONS, word};
use crate::incidents::{Tell, cut, state_code};

/// Longest logical line, after unfolding.
const MAX_LINE: usize = 64 << 10;
/// Most repetitions of one event: years.
const MAX_REPEATS: i32 = 400;
/// Deepest nesting of components.
const MAX_DEPTH: usize = 16;

#[derive(Default)]
struct Event {
    start: Option<(Day, bool)>,
    end: Option<(Day, bool)>,
    summary: String,
    kind: String,
    state: String,
    rule: String,
    more_dates: bool,
    cancelled: bool,
    offset: u64,
}

pub(super) fn read(body: &[u8], kind: &str, until: Day, tell: &mut Tell) -> Vec<Occasion> {
    let mut all = Vec::new();
    let mut depth: Vec<String> = Vec::new();
    let mut event: Option<Event> = None;
    let mut lines = Lines::new(body);
    while let Some((offset, line)) = lines.next(tell) {
        let Some((name, params, value)) = property(&line) else {
            if !line.trim().is_empty() {
                tell.say(
                    ProblemCode::Syntax,
                    offset,
                    "a line of a calendar has no colon and was left out".into(),
                );
            }
            continue;
        };
        match name.as_str() {
            "BEGIN" => {
                if depth.len() >= MAX_DEPTH {
                    tell.say(
                        ProblemCode::Limit,
                        offset,
                        format!("components nested deeper than {MAX_DEPTH}"),
                    );
                    break;
                }
                let component = value.trim().to_uppercase();
                if component == "VEVENT" && event.is_none() {
                    event = Some(Event { offset, ..Event::default() });
                }
                depth.push(component);
            }
            "END" => {
                let ended = depth.pop().unwrap_or_default();
                if ended == "VEVENT" && !depth.iter().any(|d| d == "VEVENT") {
                    if let Some(e) = event.take() {
                        finish(e, kind, until, tell, &mut all);
                    }
                    if all.len() >= MAX_OCCASIONS {
                        all.truncate(MAX_OCCASIONS);
                        tell.say(
                            ProblemCode::Limit,
                            offset,
                            format!("more than {MAX_OCCASIONS} occasions; the rest was not read"),
                        );
                        break;
                    }
                }
            }
            // Alarms inside an event have properties of the same names.
            _ if depth.last().is_none_or(|d| d != "VEVENT") => {}
            _ => {
                if let Some(e) = event.as_mut() {
                    take(e, &name, &params, &value);
                }
            }
        }
    }
    if let Some(e) = event {
        tell.say(
            ProblemCode::Truncated,
            e.offset,
            "the calendar ends inside an event, which was left out".into(),
        );
    }
    all
}

fn take(e: &mut Event, name: &str, params: &str, value: &str) {
    let date = |v: &str| {
        let v = v.trim();
        let day = v.get(..8).filter(|d| d.bytes().all(|b| b.is_ascii_digit())).and_then(|d| {
            Day::new(d.get(..4)?.parse().ok()?, d.get(4..6)?.parse().ok()?, d.get(6..8)?.parse().ok()?)
        })?;
        // The second says whether the end is the first moment that no longer belongs to it.
        let exclusive = v.len() == 8 || v.get(8..15) == Some("T000000");
        Some((day, exclusive || params.contains("VALUE=DATE") && v.len() == 8))
    };
    match name {
        "DTSTART" => e.start = date(value),
        "DTEND" => e.end = date(value),
        "SUMMARY" => e.summary = unescape(value),
        "CATEGORIES" if e.kind.is_empty() => {
            e.kind = word(&unescape(value.split(',').next().unwrap_or_default()))
        }
        "X-PALISADE-STATE" => e.state = value.trim().to_owned(),
        "RRULE" => e.rule = value.trim().to_uppercase(),
        "RDATE" | "EXDATE" | "EXRULE" => e.more_dates = true,
        "STATUS" => e.cancelled = value.trim().eq_ignore_ascii_case("CANCELLED"),
        _ => {}
    }
}

fn finish(e: Event, kind: &str, until: Day, tell: &mut Tell, all: &mut Vec<Occasion>) {
    let Some((start, _)) = e.start else {
        tell.say(
            ProblemCode::DamagedRecord,
            e.offset,
            "an event has no start that can be read and was left out".into(),
        );
        return;
    };
    if e.cancelled {
        tell.say(ProblemCode::DamagedRecord, e.offset, "an event is cancelled and was left out".into());
        return;
    }
    let last = match e.end {
        Some((day, exclusive)) => Day(day.0.saturating_sub(i32::from(exclusive))).max(start),
        None => start,
    };
    if e.more_dates {
        tell.say(
            ProblemCode::DamagedRecord,
            e.offset,
            "an event adds or removes single dates (RDATE, EXDATE), which are not followed".into(),
        );
    }
    let length = last.0 - start.0;
    let one = |first: Day| Occasion {
        days: Days { first, last: Day(first.0.saturating_add(length)) },
        kind: if e.kind.is_empty() { word(kind) } else { e.kind.clone() },
        state: state_code(&e.state).map_or_else(|| cut(&e.state), str::to_owned),
        title: cut(&e.summary),
    };
    all.push(one(start));
    if e.rule.is_empty() {
        return;
    }
    let Some(yearly) = Yearly::parse(&e.rule, start) else {
        tell.say(
            ProblemCode::DamagedRecord,
            e.offset,
            format!(
                "an event repeats by a rule that is not followed, only its first date is kept: {}",
                cut(&e.rule)
            ),
        );
        return;
    };
    let (year, month, day) = start.civil();
    let mut times = 1;
    for n in 1..=MAX_REPEATS {
        // 29 February comes where there is one (RFC 5545, 3.3.10: invalid dates are ignored, and not counted).
        let Some(next) =
            year.checked_add(n.saturating_mul(yearly.interval)).and_then(|y| Day::new(y, month, day))
        else {
            continue;
        };
        if next > yearly.until.unwrap_or(until).min(until) || yearly.count.is_some_and(|c| times >= c) {
            break;
        }
        times += 1;
        all.push(one(next));
        if all.len() >= MAX_OCCASIONS {
            break;
        }
    }
}

/// `FREQ=YEARLY`, with what changes nothing about which day it is.
struct Yearly {
    interval: i32,
    count: Option<i32>,
    until: Option<Day>,
}

impl Yearly {
    fn parse(rule: &str, start: Day) -> Option<Yearly> {
        let (_, month, day) = start.civil();
        let mut out = Yearly { interval: 1, count: None, until: None };
        let mut yearly = false;
        for part in rule.split(';').filter(|p| !p.is_empty()) {
            let (key, value) = part.split_once('=')?;
            match key {
                "FREQ" => yearly = value == "YEARLY",
                "INTERVAL" => out.interval = value.parse().ok().filter(|i| (1..=1_000).contains(i))?,
                "COUNT" => out.count = Some(value.parse().ok().filter(|c| *c >= 1)?),
                "UNTIL" => {
                    let d = value.get(..8)?;
                    out.until = Some(Day::new(
                        d.get(..4)?.parse().ok()?,
                        d.get(4..6)?.parse().ok()?,
                        d.get(6..8)?.parse().ok()?,
                    )?);
                }
                "BYMONTH" if value.parse() == Ok(month) => {}
                "BYMONTHDAY" if value.parse() == Ok(day) => {}
                "WKST" => {}
                _ => return None,
            }
        }
        yearly.then_some(out)
    }
}

/// What lies between line breaks.
type RawLines<'a> = std::slice::Split<'a, u8, fn(&u8) -> bool>;

/// Logical lines, one at a time: a line break before a blank or a tab is none. A file of nothing but line breaks costs one line.
struct Lines<'a> {
    raw: std::iter::Peekable<RawLines<'a>>,
    at: u64,
}

impl<'a> Lines<'a> {
    fn new(body: &'a [u8]) -> Lines<'a> {
        let at_break: fn(&u8) -> bool = |b| *b == b'\n';
        Lines { raw: body.split(at_break).peekable(), at: 0 }
    }

    /// The next line that is not empty, with the offset of its beginning.
    fn next(&mut self, tell: &mut Tell) -> Option<(u64, String)> {
        loop {
            let raw = self.raw.next()?;
            let begin = self.at;
            self.at += raw.len() as u64 + 1;
            let mut whole = raw.strip_suffix(b"\r").unwrap_or(raw).to_vec();
            let mut cut = whole.len() > MAX_LINE;
            whole.truncate(MAX_LINE);
            while let Some(raw) = self.raw.next_if(|raw| matches!(raw.first(), Some(b' ' | b'\t'))) {
                self.at += raw.len() as u64 + 1;
                let more = raw.strip_suffix(b"\r").unwrap_or(raw).get(1..).unwrap_or_default();
                if whole.len() + more.len() <= MAX_LINE {
                    whole.extend_from_slice(more);
                } else {
                    cut = true;
                }
            }
            if cut {
                tell.say(
                    ProblemCode::Limit,
                    begin,
                    format!("a line is longer than {MAX_LINE} bytes and was cut"),
                );
            }
            if !whole.is_empty() {
                return Some((begin, String::from_utf8_lossy(&whole).into_owned()));
            }
        }
    }
}

/// `NAME;PARAM=…:VALUE`; a colon in a quoted parameter ends nothing.
fn property(line: &str) -> Option<(String, String, String)> {
    let mut quoted = false;
    let colon = line.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == ':' && !quoted
    });
    let (head, value) = line.split_at_checked(colon?.0)?;
    let (name, params) = head.split_once(';').unwrap_or((head, ""));
    Some((name.trim().to_uppercase(), params.to_uppercase(), value.get(1..).unwrap_or_default().to_owned()))
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push(' '),
                Some(c) => out.push(c),
                None => {}
            },
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}
