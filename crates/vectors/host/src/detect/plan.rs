//! Room: `vectors/host`, door `detect` — reads, laid over the kinds of records, and what they take from a batch.
//!
//! What this module never does: allocate for a record whose facts are known.

use palisade_model::{Batch, Catalogue, Citation, FieldId, FieldSet, Fields, Projection, RowHeader, Value};

use super::clock;
use super::data::{Spec, Take};
use super::facts::{DAY, Entry, Facts, Kind, MAX_PART, SEPARATOR, SHAPES, Seen, Shape, put_number};
use super::mailbox::{addressed, one_of_each_domain};

/// The field that tells a channel's records apart.
const EVENT: &str = "EventID";

/// What is taken from each kind of record.
#[derive(Debug, Default)]
pub struct Plan {
    shapes: Vec<Taken>,
    documents: Vec<String>,
    honest: Vec<String>,
    /// Kinds of record, and what they say on a machine that is set up for it.
    pub(super) says: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Taken {
    name: String,
    /// Its channel: the name without the event.
    channel: String,
    host: Vec<FieldId>,
    /// The field that most taps ask first, looked up once per record.
    event: Option<FieldId>,
    taps: Vec<Tap>,
}

#[derive(Debug)]
struct Tap {
    shape: usize,
    /// Event ids it is meant for; none: any.
    events: Vec<String>,
    only: Vec<(FieldId, Vec<String>)>,
    parts: Vec<Part>,
    spread: Option<Part>,
}

#[derive(Debug, Default)]
struct Part {
    from: Vec<FieldId>,
    take: Take,
    says: Option<String>,
    must: bool,
}

impl Plan {
    pub(super) fn new(spec: &Spec, catalogue: &Catalogue, fields: &Fields) -> Plan {
        let mut shapes: Vec<Taken> = Vec::with_capacity(catalogue.len());
        let mut says = Vec::new();
        for (_, shape) in catalogue.shapes() {
            let mut channel: Vec<&str> = shape.name.split('/').collect();
            channel.truncate(2);
            let mut taken = Taken {
                name: shape.name.to_ascii_lowercase(),
                channel: channel.join("/"),
                host: shape.host.clone(),
                event: None,
                taps: Vec::new(),
            };
            for read in spec.reads.iter().filter(|r| shape.binds(&r.source)) {
                let Some(of) = SHAPES.iter().position(|s| s.name == read.fact) else { continue };
                let id = |name: &String| fields.id(shape.native_name(&read.source, name));
                let part = |name: &&str| {
                    if SHAPES[of].kind == Kind::Audited && *name == "shape" {
                        return Part { says: Some(shape.name.clone()), ..Part::default() };
                    }
                    let Some(p) = read.parts.get(*name) else { return Part::default() };
                    let from = p.from.iter().filter_map(id).collect();
                    Part { from, take: p.take, says: p.says.clone(), must: p.must }
                };
                let mut only: Vec<_> =
                    read.only.iter().map(|(name, values)| (name.as_str(), values.clone())).collect();
                let mut events = Vec::new();
                if let Some(at) = only.iter().position(|(name, _)| *name == EVENT) {
                    events = only.remove(at).1;
                    taken.event = fields.id(shape.native_name(&read.source, EVENT));
                }
                let only: Option<Vec<_>> =
                    only.into_iter().map(|(name, values)| Some((id(&name.to_owned())?, values))).collect();
                // A field that no record of this kind can have: nothing to take.
                let Some(only) = only else { continue };
                if let (Kind::Audited, Some(what)) = (SHAPES[of].kind, read.parts.get("what")) {
                    says.push((
                        shape.name.to_ascii_lowercase(),
                        what.says.clone().unwrap_or_default().to_ascii_lowercase(),
                    ));
                }
                taken.taps.push(Tap {
                    shape: of,
                    events,
                    only,
                    parts: SHAPES[of].parts.iter().map(part).collect(),
                    spread: SHAPES[of].spread.as_ref().map(part),
                });
            }
            shapes.push(taken);
        }
        Plan { shapes, documents: spec.documents.clone(), honest: spec.honest.clone(), says }
    }

    pub(super) fn want(&self, projection: &mut Projection) {
        for (i, taken) in self.shapes.iter().enumerate() {
            let mut set = FieldSet::new();
            taken.host.iter().for_each(|f| set.insert(*f));
            for tap in &taken.taps {
                let parts = tap.parts.iter().chain(&tap.spread).flat_map(|p| &p.from);
                parts.chain(tap.only.iter().map(|(f, _)| f)).for_each(|f| set.insert(*f));
            }
            taken.event.iter().for_each(|f| set.insert(*f));
            if !set.is_empty() {
                projection.want(palisade_model::ShapeId(i as u16), &set);
            }
        }
    }

    pub(super) fn observe(&self, batch: &dyn Batch, numbered: bool, facts: &mut Facts) {
        if facts.active.len() < self.shapes.len() {
            facts.active.resize_with(self.shapes.len(), Default::default);
        }
        for row in 0..batch.len() {
            let header = batch.header(row);
            let index = header.shape.index();
            let Some(taken) = self.shapes.get(index) else { continue };
            let citation =
                Citation { source: batch.source(row), record: header.record, offset: header.offset };
            let seen = Seen { time: header.time, citation };
            let host = taken.host.iter().find_map(|f| shown(batch.field(row, *f))).unwrap_or("");
            self.active(taken, index, host, seen, facts);
            if numbered && !header.recovered {
                facts.number(seen, host, &taken.channel);
            }
            let event = taken.event.and_then(|f| batch.field(row, f).text()).unwrap_or("");
            // A record is one fact of a kind: of several reads that fit it (names that lead to one field, a log that tells the
            // same twice) the first counts. What a machine was set up to say is the exception, for a record may say several things.
            let mut told = 0_u32;
            for tap in &taken.taps {
                if told >> tap.shape & 1 == 1 {
                    continue;
                }
                if !tap.events.is_empty() && !tap.events.iter().any(|e| e == event) {
                    continue;
                }
                let made = self.take(tap, batch, row, &header, host, seen, facts);
                told |= u32::from(made && SHAPES[tap.shape].kind != Kind::Audited) << tap.shape;
            }
        }
        // What waits belongs to records of this batch; the next may be of another source.
        for (index, taken) in self.shapes.iter().enumerate() {
            facts.settle(&taken.name, index);
        }
    }

    /// Counts that a machine wrote a record.
    fn active(&self, taken: &Taken, index: usize, host: &str, seen: Seen, facts: &mut Facts) {
        let (day, mark) = match seen.time {
            Some(t) => (t.0.div_euclid(DAY), 1 << (t.0.rem_euclid(DAY) / (DAY / 64)).min(63)),
            None => (i64::MIN, 0),
        };
        let known = facts
            .active
            .get(index)
            .is_some_and(|a| a.entry.is_some() && a.day == day && a.host.eq_ignore_ascii_case(cut(host)));
        if !known {
            facts.settle(&taken.name, index);
        }
        let Some(active) = facts.active.get_mut(index) else { return };
        if let Some(entry) = &mut active.entry {
            entry.count += 1;
            entry.marks |= mark;
            if seen.time < entry.first.time {
                entry.first = seen;
            }
            if seen.time > entry.last.time {
                entry.last = seen;
            }
            return;
        }
        active.day = day;
        active.host.clear();
        put(&mut active.host, host);
        active.entry = Some(Entry { count: 1, first: seen, last: seen, marks: mark, recovered: false });
    }

    /// Takes one fact, if the record has it, and says whether it has.
    #[allow(clippy::too_many_arguments)]
    fn take(
        &self,
        tap: &Tap,
        batch: &dyn Batch,
        row: usize,
        header: &RowHeader,
        host: &str,
        seen: Seen,
        facts: &mut Facts,
    ) -> bool {
        let is = |field: &FieldId, values: &[String]| {
            batch.field(row, *field).text().is_some_and(|t| values.iter().any(|v| v.eq_ignore_ascii_case(t)))
        };
        if !tap.only.iter().all(|(field, values)| is(field, values)) {
            return false;
        }
        let Shape { kind, bucket, site, .. } = SHAPES[tap.shape];
        facts.text.clear();
        for part in &tap.parts {
            if part.take == Take::Ahead {
                let own = part.from.iter().find_map(|f| shown(batch.field(row, *f)));
                let Some(quarters) = own.zip(header.time).and_then(|(own, t)| clock::ahead(own, t)) else {
                    return false;
                };
                put_number(&mut facts.text, quarters);
                facts.text.push(SEPARATOR);
                continue;
            }
            if matches!(part.take, Take::Addresses | Take::Recipients) {
                let texts: Vec<&str> = part.from.iter().filter_map(|f| shown(batch.field(row, *f))).collect();
                let each = one_of_each_domain(&texts);
                // Whoever sends mail to an address within as well, or to many, must not hide the one outside behind them.
                if each.len() > 1 || !each.is_empty() && texts.len() > 1 {
                    put(&mut facts.text, &each.join(";"));
                    facts.text.push(SEPARATOR);
                    continue;
                }
            }
            let Some(text) = self.part(part, batch, row) else { return false };
            put(&mut facts.text, text);
            facts.text.push(SEPARATOR);
        }
        let marks = match &tap.spread {
            Some(part) => match self.part(part, batch, row) {
                Some(text) => mark(text),
                None => return false,
            },
            None => 0,
        };
        let entry = Entry { count: 1, first: seen, last: seen, marks, recovered: header.recovered };
        if let Some(site) = site {
            let Facts { text, site: out, .. } = facts;
            out.clear();
            out.push_str(text);
            facts.add_site(site, Entry { marks: mark(host), ..entry });
        }
        put(&mut facts.text, host);
        if bucket > 0 {
            // What has no time cannot be put beside anything.
            let Some(time) = header.time else { return false };
            facts.text.push(SEPARATOR);
            put_number(&mut facts.text, time.0.div_euclid(bucket * 1_000_000));
        }
        facts.add(kind, entry);
        true
    }

    /// The text of a part; `None` if there is none and there must be.
    fn part<'b>(&self, part: &'b Part, batch: &'b dyn Batch, row: usize) -> Option<&'b str> {
        if let Some(says) = &part.says {
            return Some(says);
        }
        let text = part.from.iter().find_map(|f| shown(batch.field(row, *f)));
        let text = text.and_then(|t| match part.take {
            Take::Whole => Some(t),
            Take::Folder => t.rfind(['\\', '/']).and_then(|at| t.get(..at)),
            Take::Locked => self.locked(t),
            Take::Addresses => addressed(t),
            Take::Recipients => Some(addressed(t).unwrap_or(t)),
            Take::Present => Some("there"),
            // A number, made where it is put down.
            Take::Ahead => None,
        });
        match text {
            None if part.must => None,
            text => Some(text.unwrap_or("")),
        }
    }

    /// The last ending of `report.docx.locked`; none of `report.docx`, `report.docx.tmp`, `report.locked`.
    fn locked<'t>(&self, path: &'t str) -> Option<&'t str> {
        let name = path.rsplit(['\\', '/']).next()?;
        let (rest, last) = name.rsplit_once('.')?;
        let (_, inner) = rest.rsplit_once('.')?;
        let among = |list: &[String], what: &str| list.iter().any(|l| l.eq_ignore_ascii_case(what));
        let odd = !last.is_empty() && !among(&self.honest, last) && !among(&self.documents, last);
        (odd && among(&self.documents, inner)).then_some(last)
    }
}

/// A value that says something.
fn shown(value: Value<'_>) -> Option<&str> {
    value.text().filter(|t| !t.is_empty() && *t != "-")
}

/// The beginning of a text, on a character boundary.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(MAX_PART);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or("")
}

/// Appends a text in lower case, without what parts are separated by.
fn put(out: &mut String, text: &str) {
    let plain = |c: char| if c == SEPARATOR { ' ' } else { c.to_ascii_lowercase() };
    out.extend(cut(text).chars().map(plain));
}

/// One of 64 marks.
fn mark(text: &str) -> u64 {
    use std::hash::BuildHasher as _;
    use std::hash::Hasher as _;
    let mut hasher = foldhash::fast::FixedState::with_seed(11).build_hasher();
    for byte in text.bytes() {
        hasher.write_u8(byte.to_ascii_lowercase());
    }
    1 << (hasher.finish() % 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_ending_after_a_documents() {
        let plan = Plan {
            documents: ["docx", "pdf"].map(str::to_owned).to_vec(),
            honest: ["tmp", "lnk"].map(str::to_owned).to_vec(),
            ..Plan::default()
        };
        for (path, want) in [
            (r"C:\a\report.docx.LOCKED", Some("LOCKED")),
            (r"C:\a\report.docx", None),
            (r"C:\a\report.docx.tmp", None),
            (r"C:\a\report.docx.pdf", None),
            (r"C:\a.docx\report.locked", None),
            ("/srv/a.pdf.x9k", Some("x9k")),
            ("", None),
        ] {
            assert_eq!(plan.locked(path), want, "{path}");
        }
    }
}
