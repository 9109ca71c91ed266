//! From a line to a row: dialect, shape, time, and the cells that the shape wants.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use memchr::memchr;
use palisade_model::{
    Buffers, Catalogue, FieldId, MAX_ROWS, ProblemCode, Projection, RowBuilder, RowHeader, ShapeId, SourceId,
    StreamId, Time, unescape_json,
};

use super::cells::{cell, event_id_cell, is_quiet, local, other_spelling};
use super::dialect::{Dialect, Dialects, Signs};
use super::embed::{self, Base, System};
use super::scan::{Entry, Fault, Found, KeyCache, Kind, Scan};
use super::split::is_mark;
use super::time::{Moment, in_zone, moment};
use super::trie::{ANY, DEAD, ROOT, What};
use crate::problems::Problems;
use crate::{Context, Sink};

/// Wrappers inside wrappers are opened this many times.
pub const MAX_WRAPPERS: usize = 4;

/// Most stream names whose routing is remembered.
const MAX_STREAMS: usize = 1_024;

/// Which place of a field counts, if a record has several: those below are the paths of
/// `rename` in their order.
pub(super) const MOUNTED: u8 = 32;
const FALLBACK: u8 = 33;
const NATIVE: u8 = 34;

/// Most values of one record that are tried as its time.
const MAX_TIMES: usize = 64;

/// What one thread keeps between pieces. It belongs to one [`Context`]: its memory of
/// keys and streams is void for another.
#[derive(Default)]
pub struct Scratch {
    keys: KeyCache,
    found: Found,
    streams: HashMap<Box<str>, Option<StreamId>, foldhash::fast::FixedState>,
    /// The dialect of the signs seen last.
    last: Option<(Signs, u8)>,
    candidates: Vec<Candidate>,
    ranks: Vec<(u32, u8)>,
    stamp: u32,
    times: Vec<(u8, bool, Entry)>,
    path: String,
    message: crate::lines::Message,
    spare: Buffers,
}

/// A value for a field of the row.
#[derive(Clone, Copy)]
struct Candidate {
    entry: u32,
    field: FieldId,
    rank: u8,
}

/// Where a line of a text that was made from a source stands in that source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Number of the record.
    pub record: u64,
    /// Where it begins.
    pub offset: u64,
}

/// Reads every line of `text`, which starts at `offset` of the source; or, if `places` are
/// given, was made from records that stand there, a line from each.
#[allow(clippy::too_many_arguments, reason = "the reader's door, spelt out")]
pub(crate) fn read(
    text: String,
    offset: u64,
    first_record: u64,
    places: &[Place],
    context: Context<'_>,
    source: SourceId,
    scratch: &mut Scratch,
    problems: &mut Problems<'_>,
    sink: &mut Sink<'_>,
) {
    if context.dialects.dialects.is_empty() {
        // No set was closed: there is not even a name to look for.
        return;
    }
    let (catalogue, projection) = (context.catalogue, context.projection);
    let whole = projection.everything();
    let all_text = whole || catalogue.shapes().any(|(id, _)| projection.text(id));
    scratch.found.whole = whole;
    scratch.ranks.resize(context.fields.len(), (0, 0));
    let len = text.len();
    let mut reader = Reader {
        context,
        dialects: context.dialects,
        source,
        offset,
        place: None,
        base: 0,
        end: len,
        builder: RowBuilder::over(source, catalogue, projection, text, std::mem::take(&mut scratch.spare)),
        scratch,
        problems,
        sink,
        all_text,
    };
    let mut at = 0;
    let mut record = first_record;
    let mut places = places.iter();
    while at < len {
        let rest = reader.slice(at..len);
        let end = at + memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        if let Some(place) = places.next() {
            record = place.record;
            reader.place = Some(place.offset);
        }
        reader.line(at..end, record);
        at = end + 1;
        record += 1;
    }
    if reader.builder.rows() > 0 {
        reader.scratch.spare = (reader.sink)(reader.builder.finish());
    }
}

/// Places are offsets in the piece; `base` is where the arena starts in it.
struct Reader<'a, 'p, 'o, 's> {
    context: Context<'a>,
    dialects: &'a Dialects,
    source: SourceId,
    offset: u64,
    /// Where the line's record stands in the source, if not here.
    place: Option<u64>,
    base: usize,
    end: usize,
    builder: RowBuilder<'a>,
    scratch: &'a mut Scratch,
    problems: &'p mut Problems<'o>,
    sink: &'p mut Sink<'s>,
    all_text: bool,
}

impl Reader<'_, '_, '_, '_> {
    fn slice(&self, range: Range<usize>) -> &str {
        self.builder.arena().get(range.start - self.base..range.end - self.base).unwrap_or("")
    }

    fn problem(&mut self, code: ProblemCode, at: usize, message: &str) {
        self.problems.add(code, self.place_of(at), message);
    }

    /// Offset in the source of a place in the text.
    fn place_of(&self, at: usize) -> u64 {
        self.place.unwrap_or(self.offset + at as u64)
    }

    fn syntax(&mut self, fault: Fault) {
        let message = format!("a line is not a JSON record and was left out: {}", fault.what);
        self.problem(ProblemCode::Syntax, fault.at, &message);
    }

    fn line(&mut self, range: Range<usize>, record: u64) {
        let line = self.slice(range.clone());
        let mut at = range.end - line.trim_ascii_start().len();
        let end = range.start + line.trim_ascii_end().len();
        if at >= end {
            return;
        }
        let bytes = line.as_bytes();
        if !matches!(bytes[at - range.start], b'{' | b'[') {
            if is_mark(bytes.trim_ascii()) {
                return;
            }
            // `<13>Nov 23 01:02:03 host app: {…}`: the record begins at the first brace.
            match memchr(b'{', bytes) {
                Some(brace) if bytes[end - range.start - 1] == b'}' => at = range.start + brace,
                _ => {
                    return self.syntax(Fault { at, what: "it begins with neither brace nor bracket" });
                }
            }
        }
        // Several documents may share a line.
        while at < end {
            match self.slice(at..end).as_bytes().first() {
                Some(b'{') => match self.document(at..end, record, 0) {
                    Some(next) => at = next,
                    None => return,
                },
                Some(b'[') => match self.elements(at..end, record, 0) {
                    Some(next) => at = next,
                    None => return,
                },
                _ => return self.syntax(Fault { at, what: "something follows the document" }),
            }
            let rest = self.slice(at..end);
            at = end - rest.trim_ascii_start().len();
        }
    }

    /// Reads the records of the array that starts here; where it ends.
    fn elements(&mut self, range: Range<usize>, record: u64, level: usize) -> Option<usize> {
        let mut at = range.start + 1;
        let end = range.end;
        let mut first = true;
        loop {
            let rest = self.slice(at..end);
            at = end - rest.trim_ascii_start().len();
            match self.slice(at..end).as_bytes().first() {
                Some(b']') => return Some(at + 1),
                Some(b',') if !first => {
                    let rest = self.slice(at + 1..end);
                    at = end - rest.trim_ascii_start().len();
                }
                _ if first => {}
                _ => {
                    self.syntax(Fault { at, what: "neither comma nor closing bracket after a value" });
                    return None;
                }
            }
            first = false;
            match self.slice(at..end).as_bytes().first() {
                Some(b'{') => at = self.document(at..end, record, level)?,
                Some(_) => {
                    // Not a record: go behind it and say so.
                    self.syntax(Fault { at, what: "an element is not an object" });
                    at = self.pass(at..end)?;
                }
                None => {
                    self.syntax(Fault { at, what: "the array does not end" });
                    return None;
                }
            }
        }
    }

    /// Where the value that starts here ends.
    fn pass(&mut self, range: Range<usize>) -> Option<usize> {
        let scratch = &mut *self.scratch;
        scratch.found.clear();
        let arena = self.builder.arena().as_bytes();
        let (from, to) = (range.start - self.base, range.end - self.base);
        let text = arena.get(..to)?;
        let mut scan =
            Scan::new(&self.dialects.trie, text, from, false, &mut scratch.keys, &mut scratch.found);
        let result = scan.value(DEAD, 0);
        let next = scan.at + self.base;
        match result {
            Ok(()) => Some(next),
            Err(fault) => {
                self.syntax(Fault { at: fault.at + self.base, what: fault.what });
                None
            }
        }
    }

    /// Reads the document that starts here; where it ends. `None`: it is not JSON.
    fn document(&mut self, range: Range<usize>, record: u64, level: usize) -> Option<usize> {
        let scratch = &mut *self.scratch;
        scratch.found.clear();
        let (from, to) = (range.start - self.base, range.end - self.base);
        let text = self.builder.arena().as_bytes().get(..to)?;
        let mut scan =
            Scan::new(&self.dialects.trie, text, from, self.all_text, &mut scratch.keys, &mut scratch.found);
        let result = scan.value(ROOT, 0);
        let next = scan.at + self.base;
        if let Err(fault) = result {
            self.syntax(Fault { at: fault.at + self.base, what: fault.what });
            return None;
        }
        let seen = self.scratch.found.seen;
        let mut tag = match self.scratch.last {
            Some((signs, tag)) if signs == seen => tag,
            _ => {
                let tag = self.dialects.recognise(&seen);
                self.scratch.last = Some((seen, tag));
                tag
            }
        };
        let dialects = self.dialects;
        let Some(dialect) = dialects.dialects.get(usize::from(tag)) else { return Some(next) };
        if dialect.wraps && level < MAX_WRAPPERS {
            let wrapped: Vec<Range<usize>> = self
                .scratch
                .found
                .entries
                .iter()
                // An empty list counts as null, and still is a list.
                .filter(|e| matches!(e.kind, Kind::Raw | Kind::Null))
                .filter(|e| self.uses(e, tag).any(|w| w == What::Records))
                .map(|e| e.start as usize + self.base..e.end as usize + self.base)
                .filter(|r| self.slice(r.clone()).starts_with('['))
                .collect();
            if !wrapped.is_empty() {
                self.losses(range.start);
                // The array's text is used, so the scan has checked it.
                for array in wrapped {
                    self.elements(array, record, level + 1);
                }
                return Some(next);
            }
            // What stands under that name is no list of records: a record like any other.
            tag = dialects.dialects.len().saturating_sub(1) as u8;
        }
        let Some(dialect) = dialects.dialects.get(usize::from(tag)) else { return Some(next) };
        self.builder.begin();
        self.row(tag, dialect, from..next - self.base, record);
        self.losses(range.start);
        self.flush(next);
        Some(next)
    }

    /// Tells what of the record at `at` was not read.
    fn losses(&mut self, at: usize) {
        let at = self.place_of(at);
        let found = &mut self.scratch.found;
        if std::mem::take(&mut found.deep) {
            let what = "a record is nested deeper than 64 levels; what lies deeper was not read";
            self.problems.add(ProblemCode::Limit, at, what);
        }
        for (code, what) in found.trouble.drain(..) {
            self.problems.add(code, at, what);
        }
    }

    /// Hands a full batch over; what is still to be read moves to the next one's arena.
    fn flush(&mut self, next: usize) {
        // The input alone may fill the arena; rows are what counts as long as it lasts.
        if self.builder.rows() < MAX_ROWS {
            return;
        }
        let rest = self.slice(next..self.end).to_owned();
        let fresh = RowBuilder::over(
            self.source,
            self.context.catalogue,
            self.context.projection,
            rest,
            std::mem::take(&mut self.scratch.spare),
        );
        let full = std::mem::replace(&mut self.builder, fresh).finish();
        self.scratch.spare = (self.sink)(full);
        self.base = next;
    }

    fn uses<'b>(&'b self, e: &Entry, tag: u8) -> impl Iterator<Item = What> + use<'b> {
        let uses = self.dialects.trie.uses(e.node);
        uses.iter().filter(move |u| u.dialect == tag || u.dialect == ANY).map(|u| u.what)
    }

    /// The text of an entry, escapes resolved.
    fn text_of(&self, e: &Entry) -> std::borrow::Cow<'_, str> {
        let raw = self.builder.arena().get(e.start as usize..e.end as usize).unwrap_or("");
        match e.kind {
            Kind::Text => unescape_json(raw),
            Kind::Null | Kind::Void => "".into(),
            _ => raw.into(),
        }
    }

    /// Looks into texts that hold records, adding to what the scan found. The row's
    /// searchable text is then a copy that shows them unescaped.
    fn unfold(&mut self, tag: u8, dialect: &Dialect, raw: &mut Range<usize>) -> System {
        let mut system = System::default();
        let trie = &self.dialects.trie;
        let mut copied = false;
        for i in 0..self.scratch.found.entries.len() {
            let e = self.scratch.found.entries[i];
            if e.kind != Kind::Text {
                continue;
            }
            let looks = |w: &What| matches!(w, What::Xml | What::Json | What::Audit | What::Program);
            let kinds: Vec<What> = self.uses(&e, tag).filter(looks).collect();
            let base = Base { node: e.node, key: self.scratch.found.key_of(i) };
            for what in kinds {
                if what == What::Program {
                    self.program(tag, base, e);
                    continue;
                }
                if !copied {
                    copied = true;
                    let start = self.builder.arena().len();
                    self.builder.arena_mut().extend_from_within(raw.clone());
                    raw.start = start;
                }
                let text = self.text_of(&e).into_owned();
                let first = text.trim_start().as_bytes().first().copied();
                let arena = self.builder.arena_mut();
                match what {
                    What::Json if matches!(first, Some(b'{' | b'[')) => {
                        arena.push('\n');
                        let from = arena.len();
                        arena.push_str(&text);
                        let scratch = &mut *self.scratch;
                        embed::json(
                            trie,
                            base,
                            self.builder.arena(),
                            from,
                            self.all_text,
                            &mut scratch.keys,
                            &mut scratch.found,
                        );
                    }
                    What::Xml if text.contains('<') => {
                        arena.push('\n');
                        let said = embed::xml(trie, base, &text, &mut self.builder, &mut self.scratch.found);
                        system = System {
                            channel: said.channel.or(system.channel),
                            event_id: said.event_id.or(system.event_id),
                            time: said.time.or(system.time),
                        };
                    }
                    What::Audit if text.contains("audit(") => {
                        arena.push('\n');
                        let time =
                            embed::audit(trie, base, &text, &mut self.builder, &mut self.scratch.found);
                        if time.is_some() {
                            system.time = time;
                            system.channel = Some("auditd".into());
                        }
                    }
                    _ => {}
                }
            }
        }
        if !dialect.names_pairs {
            if copied {
                raw.end = self.builder.arena().len();
            }
            return system;
        }
        // Name-value lists, those of embedded records among them.
        let taken: HashSet<u32, foldhash::fast::FixedState> =
            self.scratch.found.entries.iter().map(|e| e.node).collect();
        for i in 0..self.scratch.found.entries.len() {
            let e = self.scratch.found.entries[i];
            if e.kind == Kind::Raw && self.uses(&e, tag).any(|w| w == What::Named) {
                let (from, end) = (e.start as usize, e.end as usize);
                let base = Base { node: e.node, key: self.scratch.found.key_of(i) };
                embed::named(trie, base, self.builder.arena(), from..end, &taken, &mut self.scratch.found);
            }
        }
        if copied {
            raw.end = self.builder.arena().len();
        }
        system
    }

    /// What the program that the record names says in this text. The record's text stays what it was.
    fn program(&mut self, tag: u8, base: Base, e: Entry) {
        let named = |e: &Entry| {
            let orders =
                self.uses(e, tag).filter_map(|w| if let What::Stream(n) = w { Some(n) } else { None });
            orders.min().filter(|_| e.kind == Kind::Text)
        };
        let entries = self.scratch.found.entries.iter();
        let best = entries.filter_map(|e| Some((named(e)?, *e))).min_by_key(|(order, _)| *order);
        let Some((_, name)) = best else { return };
        let (name, text) = (self.text_of(&name).into_owned(), self.text_of(&e).into_owned());
        let Scratch { found, message, .. } = &mut *self.scratch;
        embed::program(&self.dialects.trie, base, &name, &text, message, &mut self.builder, found);
    }

    fn stream(&mut self, name: &str) -> Option<StreamId> {
        if let Some(known) = self.scratch.streams.get(name) {
            return *known;
        }
        let id = self.context.catalogue.stream(name);
        if self.scratch.streams.len() < MAX_STREAMS {
            self.scratch.streams.insert(name.into(), id);
        }
        id
    }

    /// Assembles the row of the document at `raw` in the arena.
    fn row(&mut self, tag: u8, dialect: &Dialect, mut raw: Range<usize>, record: u64) {
        let offset = self.place_of(self.base + raw.start);
        let place = self.base + raw.start;
        let escaped = true;
        let system = if dialect.embeds { self.unfold(tag, dialect, &mut raw) } else { System::default() };

        // First look: routing, and for each field the best-ranked place it has.
        let mut stream: Option<(u8, Entry)> = None;
        let mut event: Option<(u8, Entry)> = None;
        let mut host: Option<(u8, Entry)> = None;
        {
            let trie = &self.dialects.trie;
            let Scratch { found, candidates, ranks, stamp, times, .. } = &mut *self.scratch;
            candidates.clear();
            times.clear();
            *stamp = stamp.wrapping_add(1);
            for (i, e) in found.entries.iter().enumerate() {
                if e.kind == Kind::Void {
                    continue;
                }
                for u in trie.uses(e.node) {
                    if u.dialect != tag && u.dialect != ANY {
                        continue;
                    }
                    let plain = !matches!(e.kind, Kind::Raw | Kind::Null);
                    let first = |held: &Option<(u8, Entry)>, order: u8| {
                        plain && held.is_none_or(|(best, _)| order < best)
                    };
                    let (field, rank) = match u.what {
                        What::Renamed(f, order) => (f, order),
                        What::Mounted(f) => (f, MOUNTED),
                        What::Unnamed(_) => match self.dialects.names.data {
                            Some(f) => (f, MOUNTED),
                            None => continue,
                        },
                        What::Fallback(f) => (f, FALLBACK),
                        What::Native(f) => (f, NATIVE),
                        What::Time { order, local } => {
                            if plain && times.len() < MAX_TIMES {
                                times.push((order, local, *e));
                            }
                            continue;
                        }
                        What::Stream(order) if first(&stream, order) => {
                            stream = Some((order, *e));
                            continue;
                        }
                        What::EventId(order) if first(&event, order) => {
                            event = Some((order, *e));
                            continue;
                        }
                        What::Host(order) if first(&host, order) => {
                            host = Some((order, *e));
                            continue;
                        }
                        _ => continue,
                    };
                    if let Some(best) = ranks.get_mut(field.index())
                        && (best.0 != *stamp || rank < best.1)
                    {
                        *best = (*stamp, rank);
                    }
                    candidates.push(Candidate { entry: i as u32, field, rank });
                }
            }
        }
        let (shape, event_id) = self.route(dialect, &system, stream.map(|s| s.1), event.map(|e| e.1));
        let time = self.time(&system, place);
        if dialect.windows {
            self.joined_data(tag, shape);
        }
        self.cells(dialect, shape, event_id);
        if let Some((_, e)) = host {
            self.host(shape, e);
        }
        let blank = dialect.embeds && self.scratch.found.entries.iter().any(|e| e.kind == Kind::Blank);
        let header =
            RowHeader { shape, time, record, offset, recovered: false, guids: dialect.windows, blank };
        self.builder.end_over(header, raw, escaped);
    }

    fn route(
        &mut self,
        dialect: &Dialect,
        system: &System,
        stream: Option<Entry>,
        event: Option<Entry>,
    ) -> (ShapeId, u32) {
        let number = event.map_or(0, |e| self.text_of(&e).trim().parse::<i64>().unwrap_or(0));
        let mut event_id = (number & 0xFFFF) as u32;
        let id = if let Some(channel) = &system.channel {
            event_id = system.event_id.unwrap_or(0) & 0xFFFF;
            self.stream(channel)
        } else if let Some(name) = &dialect.stream_const {
            self.stream(name)
        } else if let Some(e) = stream {
            let raw = self.builder.arena().get(e.start as usize..e.end as usize).unwrap_or("");
            let simple = dialect.stream_prefix.is_empty() && !raw.contains('\\');
            match self.scratch.streams.get(raw) {
                Some(known) if simple => *known,
                _ => {
                    let name = format!("{}{}", dialect.stream_prefix, self.text_of(&e));
                    self.stream(&name)
                }
            }
        } else {
            None
        };
        let id = match (id, &dialect.stream_else) {
            (None, Some(name)) => self.stream(name),
            _ => id,
        };
        let catalogue: &Catalogue = self.context.catalogue;
        let shape = match (id, &dialect.product) {
            (Some(id), _) => catalogue.shape(id, event_id),
            (None, Some(product)) => catalogue.product(product),
            (None, None) => ShapeId::UNRECOGNISED,
        };
        (shape, event_id)
    }

    fn time(&mut self, system: &System, place: usize) -> Option<Time> {
        if let Some(text) = &system.time
            && let Moment::At(t) = moment(text, false)
        {
            return Some(t);
        }
        self.scratch.times.sort_by_key(|t| t.0);
        let mut local_time = None;
        for (_, local, e) in &self.scratch.times {
            match moment(&self.text_of(e), *local) {
                Moment::At(t) => return Some(t),
                Moment::Local(t) => local_time = local_time.or(Some(t)),
                Moment::None => {}
            }
        }
        let local = local_time?;
        match self.context.zone {
            Some(zone) => in_zone(local, zone),
            None => {
                self.problem(
                    ProblemCode::NoZone,
                    place,
                    "a record's only time names no zone; declare one with --assume-timezone",
                );
                None
            }
        }
    }

    /// The event's unnamed values as one text, a line each, before they come one by one:
    /// rules say `Data|contains|all`.
    fn joined_data(&mut self, tag: u8, shape: ShapeId) {
        let Some(data) = self.dialects.names.data else { return };
        let best = self.scratch.ranks.get(data.index()).copied().unwrap_or((0, 0));
        if best.0 != self.scratch.stamp || !self.context.projection.kept(shape).contains(data) {
            return;
        }
        let mut parts: Vec<(u8, Entry)> = Vec::new();
        for c in self.scratch.candidates.iter().filter(|c| c.field == data && c.rank == best.1) {
            let Some(e) = self.scratch.found.entries.get(c.entry as usize) else { continue };
            let number =
                self.uses(e, tag).find_map(|u| if let What::Unnamed(n) = u { Some(n) } else { None });
            if !matches!(e.kind, Kind::Raw | Kind::Void) {
                parts.push((number.unwrap_or(0), *e));
            }
        }
        if parts.len() < 2 {
            return;
        }
        // `param10` stands before `param2` in records whose keys are sorted.
        parts.sort_by_key(|p| p.0);
        let texts: Vec<_> = parts.iter().map(|p| self.text_of(&p.1)).collect();
        let joined = texts.join("\n");
        if self.context.projection.wanted(shape).contains(data) {
            self.builder.text_cell(data, &joined);
        } else {
            let start = self.builder.arena().len();
            self.builder.arena_mut().push_str(&joined);
            self.builder.quiet_cell(data, start..start + joined.len());
        }
    }

    /// The cells: every wanted value of every field from its best-ranked place, then
    /// whatever else keyword rules search.
    fn cells(&mut self, dialect: &Dialect, shape: ShapeId, event_id: u32) {
        let projection: &Projection = self.context.projection;
        let (kept, hot) = (projection.kept(shape), projection.hot(shape));
        let (names, fields) = (&self.dialects.names, self.context.fields);
        let (text_wanted, whole) = (projection.text(shape), projection.everything());
        let Scratch { found, candidates, ranks, stamp, path, .. } = &mut *self.scratch;
        let builder = &mut self.builder;
        let mut next = 0;
        for (i, e) in found.entries.iter().enumerate() {
            let (mut used, mut outdone) = (false, false);
            // Several hot fields may read one escaped value: unescape it once.
            let mut plain: Option<Range<usize>> = None;
            let (mut guid, mut spelled) = (None, false);
            while let Some(c) = candidates.get(next).copied().filter(|c| c.entry as usize == i) {
                next += 1;
                let best = ranks.get(c.field.index()).copied().unwrap_or((0, 0));
                if best != (*stamp, c.rank) || !kept.contains(c.field) {
                    outdone = true;
                    continue;
                }
                used = true;
                let is_hot = hot.contains(c.field);
                if names.event_id == Some(c.field)
                    && dialect.windows
                    && event_id_cell(builder, c.field, c.rank == MOUNTED, e, event_id)
                {
                    if whole {
                        // The number as it was; no rule has ever seen it.
                        let name = local(builder, found, found.key_of(i), dialect, fields, true, path);
                        builder.quiet_cell(name, e.start as usize..e.end as usize);
                    }
                    continue;
                }
                if whole && !projection.wanted(shape).contains(c.field) && is_quiet(e) {
                    builder.quiet_cell(c.field, e.start as usize..e.end as usize);
                } else {
                    cell(builder, c.field, e, is_hot, &mut plain);
                }
                if is_hot && dialect.windows {
                    guid = guid.or_else(|| other_spelling(builder, e));
                    if let Some(other) = guid.clone().filter(|_| builder.is_spelled_twice(shape, c.field)) {
                        builder.extra_cell(c.field, other);
                        spelled = true;
                    }
                }
                if names.hashes.is_whole(c.field) && projection.wanted(shape).contains(c.field) {
                    let range = plain.clone().unwrap_or(e.start as usize..e.end as usize);
                    builder.hash_parts(&names.hashes, shape, range);
                }
            }
            if whole && !used && !matches!(e.kind, Kind::Raw | Kind::Void) {
                let name = local(builder, found, found.key_of(i), dialect, fields, outdone, path);
                if is_quiet(e) {
                    builder.quiet_cell(name, e.start as usize..e.end as usize);
                } else {
                    cell(builder, name, e, false, &mut plain);
                }
            } else if text_wanted && !used && e.start < e.end {
                let range = e.start as usize..e.end as usize;
                match e.kind {
                    Kind::Text => builder.escaped_cell(FieldId::NONE, range, false),
                    Kind::Plain => builder.range_cell(FieldId::NONE, range),
                    Kind::Number => builder.number_cell(FieldId::NONE, range),
                    _ => {}
                }
            }
            // Keywords see what they see whichever fields other rules read.
            if text_wanted && !spelled && dialect.windows {
                let other = guid.or_else(|| other_spelling(builder, e));
                if let Some(other) = other {
                    builder.extra_cell(FieldId::NONE, other);
                }
            }
        }
    }

    /// The machine under the name that the shape knows it by, if it has none of those.
    fn host(&mut self, shape: ShapeId, e: Entry) {
        let Some(field) = self.context.catalogue.shape_of(shape).host.first().copied() else { return };
        let Scratch { candidates, ranks, stamp, .. } = &*self.scratch;
        let known = self.context.catalogue.shape_of(shape).host.iter().any(|f| {
            ranks.get(f.index()).is_some_and(|r| r.0 == *stamp) && candidates.iter().any(|c| c.field == *f)
        });
        if !known && self.context.projection.kept(shape).contains(field) {
            let hot = self.context.projection.hot(shape).contains(field);
            cell(&mut self.builder, field, &e, hot, &mut None);
        }
    }
}
