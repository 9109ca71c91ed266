//! One record into one row: gather its values, find its shape, write text and cells.
//!
//! Three steps. *Gather* runs the record's program (and those of nested fragments) and lists
//! where each value lies, decoding nothing. *Route* looks at channel, event number and time
//! among them. *Write* turns every value into text, once, and makes a cell of it if somebody
//! wants its field. What this module never does: allocate per record in steady state.

use std::ops::Range;

use palisade_model::{Catalogue, FieldId, Fields, HashNames, RowBuilder, RowHeader, ShapeId, StreamId, Time};

use super::bytes::{u16_at, u64_at};
use super::names::{self, Name, Names};
use super::template::{self, Chunks, Class, Code, Fit, Instance, Op, Part, Program, Sub, Zone};
use super::value::{self, Written, ty};
use crate::Context;

/// Deepest nesting of fragments and templates in one record.
const MAX_NESTING: usize = 8;
/// Most values of one record.
const MAX_ITEMS: usize = 8_192;
/// Most text of one record. 64 KiB of UTF-16 or binary stay far below.
const MAX_ROW_BYTES: usize = 1 << 20;
/// Most substitution values of one record, nested ones included.
const MAX_SUBS: usize = 1 << 16;
/// Most operations run per chunk: about twenty times what the densest real chunk needs. It
/// bounds fragments that nest in one another many times over.
const MAX_OPS_PER_CHUNK: usize = 1 << 20;
/// Most text written per chunk. Real chunks give about 300 KiB.
const MAX_BYTES_PER_CHUNK: usize = 32 << 20;
/// Channels remembered per piece.
const MAX_CHANNELS: usize = 64;

/// What became of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// A row, whole.
    Row,
    /// A row, but not all of the record could be followed.
    Partial,
    /// A row, read with a template from elsewhere because its own is lost.
    Lent,
    /// A row, cut at a limit.
    Cut,
    /// Nothing readable.
    Nothing,
}

/// Where a record stands.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Its BinXML in the chunk.
    pub body: Range<usize>,
    /// Number of the record header.
    pub record: u64,
    /// FILETIME of the record header.
    pub filetime: u64,
    /// Offset in the source.
    pub offset: u64,
    /// Found in slack.
    pub recovered: bool,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Blank,
    Text(u32, u32),
    Value { kind: u8, start: u32, len: u32 },
    Parts { parts: (u32, u32), subs: (u32, u32) },
}

#[derive(Clone, Copy, Debug)]
struct Item {
    name: u32,
    /// What spells the name when it is no literal.
    dynamic: Option<u32>,
    class: Class,
    content: Content,
}

/// Buffers and caches of one thread.
#[derive(Default)]
pub(super) struct Rows {
    pub names: Names,
    pub code: Code,
    subs: Vec<Sub>,
    items: Vec<Item>,
    text: Vec<u8>,
    name: Vec<u8>,
    channel: Vec<u8>,
    channels: Vec<(Vec<u8>, Option<StreamId>)>,
    hashes: HashNames,
    /// The field `Data`, if wanted.
    data: Option<FieldId>,
    /// Written values of elements without a name, and where.
    unnamed: Vec<(Written, Range<usize>)>,
    /// Parts and values that spell a name.
    dynamic: Vec<((u32, u32), (u32, u32))>,
    /// System names that the event's own data takes, as bits.
    shadowed: u32,
    has_unnamed: bool,
    has_provider: bool,
    damaged: bool,
    cut: bool,
    lent: bool,
    chunk_ops: usize,
    chunk_bytes: usize,
}

impl Rows {
    /// Starts a piece: forgets what belonged to another run's fields and catalogue.
    pub fn next_piece(&mut self, fields: &Fields) {
        self.names.clear(fields);
        self.channels.clear();
        self.hashes = HashNames::new(fields);
        self.data = fields.id("Data");
    }

    /// Starts a chunk.
    pub fn next_chunk(&mut self) {
        self.names.next_chunk();
        self.code.clear();
        self.chunk_ops = 0;
        self.chunk_bytes = 0;
    }

    /// Reads the record at `place` into a row of `builder`.
    pub fn read(
        &mut self,
        Chunks { chunk, all }: Chunks<'_>,
        place: &Place,
        context: Context<'_>,
        builder: &mut RowBuilder<'_>,
    ) -> Outcome {
        self.subs.clear();
        self.items.clear();
        self.dynamic.clear();
        self.shadowed = 0;
        self.has_unnamed = false;
        self.has_provider = false;
        self.damaged = false;
        self.cut = false;
        self.lent = false;
        let strict = place.recovered;
        let record = Gather { chunk, piece: all, end: place.body.end, strict, context };
        self.fragment(record, place.body.start, Zone::Document, 0);
        if self.items.is_empty() || (strict && self.damaged) {
            return Outcome::Nothing;
        }
        if !self.items.iter().any(|i| i.class == Class::System) && strict {
            return Outcome::Nothing;
        }
        let (shape, time) = self.route(chunk, place, context.catalogue);
        self.write(chunk, shape, context, builder);
        let header = RowHeader {
            shape,
            time,
            record: place.record,
            offset: place.offset,
            recovered: place.recovered,
            guids: false,
            blank: true,
        };
        match std::str::from_utf8(&self.text) {
            Ok(text) => builder.arena_mut().push_str(text),
            // Every writer appends UTF-8 only; were one wrong, the row is lost, not the run.
            Err(_) => {
                builder.abandon();
                return Outcome::Nothing;
            }
        }
        builder.end(header);
        match (self.cut, self.damaged) {
            (true, _) => Outcome::Cut,
            (_, true) => Outcome::Partial,
            _ if self.lent => Outcome::Lent,
            _ => Outcome::Row,
        }
    }

    /// Gathers the values of BinXML at `at`: template instances and elements, one after the
    /// other (a value may hold `EventData` and `RenderingInfo`).
    fn fragment(&mut self, g: Gather<'_>, mut at: usize, zone: Zone, depth: usize) {
        if depth > MAX_NESTING {
            self.cut = true;
            return;
        }
        let Some(record) = g.chunk.get(..g.end) else {
            self.damaged = true;
            return;
        };
        loop {
            // Every arm goes forward, so the loop ends with the record.
            at = match record.get(at) {
                Some(0x0f) => at + 4,
                Some(0x0c) => match self.instance(g, at, zone, depth) {
                    Some(end) => end,
                    None => return,
                },
                Some(0x01 | 0x41) => {
                    let (names, fields) = (&mut self.names, g.context.fields);
                    let (program, end) = self.code.compile(g.chunk, at..g.end, zone, false, names, fields);
                    let none = self.subs.len();
                    self.run(g, program, none..none, depth);
                    self.damaged |= program.damaged;
                    if program.damaged {
                        return;
                    }
                    end
                }
                // The end token, or the end of the bytes.
                Some(0) | None => return,
                Some(_) => {
                    self.damaged = true;
                    return;
                }
            };
        }
    }

    /// Gathers the values of a template instance; returns where it ends.
    fn instance(&mut self, g: Gather<'_>, at: usize, zone: Zone, depth: usize) -> Option<usize> {
        if depth > MAX_NESTING || self.subs.len() > MAX_SUBS {
            self.cut = true;
            return None;
        }
        let record = g.chunk.get(..g.end).unwrap_or(&[]);
        let Some(instance) = template::instance(record, at, &mut self.subs) else {
            self.damaged = true;
            return None;
        };
        self.damaged |= instance.short;
        let (names, fields) = (&mut self.names, g.context.fields);
        let Instance { id, definition, subs, end, .. } = instance;
        let piece = Chunks { chunk: g.chunk, all: g.piece };
        match self.code.template_of(piece, id, definition, zone, names, fields) {
            // In slack a definition may have been overwritten by another: then nothing fits.
            Some((program, fit)) if fit != Fit::Wrong || !g.strict => {
                self.damaged |= program.damaged || fit == Fit::Wrong;
                self.lent |= fit == Fit::Lent;
                self.run(g, program, subs, depth);
                Some(end)
            }
            _ => {
                self.damaged = true;
                None
            }
        }
    }

    fn run(&mut self, g: Gather<'_>, program: Program, subs: Range<usize>, depth: usize) {
        for at in program.ops.0..program.ops.1 {
            let Some(op) = self.code.op(at as usize) else { return };
            if self.items.len() >= MAX_ITEMS || self.chunk_ops >= MAX_OPS_PER_CHUNK {
                self.cut = true;
                return;
            }
            self.chunk_ops += 1;
            match op.parts.1 - op.parts.0 {
                0 => self.push(op, &subs, Content::Blank),
                1 => match self.code.part(op.parts.0) {
                    Some(Part::Text(start, len)) => self.push(op, &subs, Content::Text(start, len)),
                    Some(Part::Value { index, optional }) => {
                        self.value(g, op, &subs, index, optional, depth);
                    }
                    Some(Part::Instance(at)) => {
                        self.instance(g, at as usize, op.inner, depth + 1);
                    }
                    None => {}
                },
                _ => self.mixed(g, op, &subs, depth),
            }
        }
    }

    fn value(
        &mut self,
        g: Gather<'_>,
        op: Op,
        subs: &Range<usize>,
        index: u16,
        optional: bool,
        depth: usize,
    ) {
        let sub = self.subs.get(subs.clone()).and_then(|s| s.get(usize::from(index))).copied();
        let Some(sub) = sub.filter(|s| s.kind != ty::NULL) else {
            // A null optional substitution drops its element; any other leaves it empty.
            if !optional {
                self.push(op, subs, Content::Blank);
            }
            return;
        };
        let (start, len) = (sub.start, u32::from(sub.len));
        if sub.kind == ty::BINXML {
            let end = (start + len) as usize;
            return self.fragment(Gather { end, ..g }, start as usize, op.inner, depth + 1);
        }
        if sub.kind & ty::ARRAY == 0 {
            return self.push(op, subs, Content::Value { kind: sub.kind, start, len });
        }
        // An array repeats its element.
        let kind = sub.kind & !ty::ARRAY;
        let mut rest = g.chunk.get(start as usize..(start + len) as usize).unwrap_or(&[]);
        let mut at = start;
        if rest.is_empty() {
            self.push(op, subs, Content::Blank);
        }
        while let Some((len, step)) = value::next_of_array(kind, rest) {
            if self.items.len() >= MAX_ITEMS {
                self.cut = true;
                return;
            }
            self.push(op, subs, Content::Value { kind, start: at, len: len as u32 });
            rest = rest.get(step..).unwrap_or(&[]);
            at += step as u32;
        }
    }

    fn mixed(&mut self, g: Gather<'_>, op: Op, subs: &Range<usize>, depth: usize) {
        let mut dropped = true;
        for at in op.parts.0..op.parts.1 {
            match self.code.part(at) {
                Some(Part::Value { index, optional }) => {
                    let i = subs.start + usize::from(index);
                    let sub = self.subs.get(i).filter(|_| i < subs.end).copied();
                    let null = sub.is_none_or(|s| s.kind == ty::NULL);
                    dropped &= null && optional;
                    if let Some(sub) = sub.filter(|s| s.kind == ty::BINXML) {
                        let end = sub.start as usize + usize::from(sub.len);
                        self.fragment(Gather { end, ..g }, sub.start as usize, op.inner, depth + 1);
                    }
                }
                Some(Part::Instance(at)) => {
                    self.instance(g, at as usize, op.inner, depth + 1);
                }
                Some(Part::Text(..)) => dropped = false,
                None => {}
            }
        }
        if !dropped {
            let subs_range = (subs.start as u32, subs.end as u32);
            self.push(op, subs, Content::Parts { parts: op.parts, subs: subs_range });
        }
    }

    fn push(&mut self, op: Op, subs: &Range<usize>, content: Content) {
        let mut class = op.class;
        if class == Class::Loose {
            let empty = match content {
                Content::Text(start, len) => self.code.text(start, len).trim_ascii().is_empty(),
                Content::Value { len, .. } => len == 0,
                _ => true,
            };
            if empty {
                return;
            }
            class = Class::Data;
        }
        let blank = matches!(content, Content::Blank | Content::Value { len: 0, .. });
        if class == Class::System && blank {
            return;
        }
        let dynamic = (op.name_parts != (0, 0)).then(|| {
            self.dynamic.push((op.name_parts, (subs.start as u32, subs.end as u32)));
            self.dynamic.len() as u32 - 1
        });
        let system = self.names.get(op.name).system;
        match class {
            Class::Data => self.shadowed |= 1 << system,
            Class::Unnamed => self.has_unnamed = true,
            _ => self.has_provider |= system == names::PROVIDER,
        }
        self.items.push(Item { name: op.name, dynamic, class, content });
    }

    /// Finds shape and time. Routing asks the `System` section only: what the event's own
    /// data calls `Channel` is another matter (104, 1102).
    fn route(&mut self, chunk: &[u8], place: &Place, catalogue: &Catalogue) -> (ShapeId, Option<Time>) {
        let mut event_id = 0;
        let mut time = None;
        self.channel.clear();
        let mut raw: &[u8] = &[];
        let mut spelled = Vec::new();
        for item in self.items.iter().filter(|i| i.class == Class::System) {
            match (self.names.get(item.name).system, item.content) {
                (names::CHANNEL, Content::Value { kind: ty::STRING, start, len }) => {
                    raw = chunk.get(start as usize..(start + len) as usize).unwrap_or(&[]);
                }
                (names::CHANNEL, Content::Text(start, len)) => {
                    self.channel.extend_from_slice(self.code.text(start, len));
                }
                (names::CHANNEL, Content::Value { kind: ty::ANSI, start, len }) => {
                    let bytes = chunk.get(start as usize..(start + len) as usize).unwrap_or(&[]);
                    value::write(&mut self.channel, ty::ANSI, bytes);
                }
                // The low half of an integer of any width.
                (
                    names::EVENT_ID,
                    Content::Value { kind: ty::I16..=ty::U64 | ty::HEX32 | ty::HEX64, start, len: 2.. },
                ) => {
                    event_id = u32::from(u16_at(chunk, start as usize).unwrap_or(0));
                }
                // Rare writers spell the number as text.
                (names::EVENT_ID, Content::Value { kind, start, len }) => {
                    let bytes = chunk.get(start as usize..(start + len) as usize).unwrap_or(&[]);
                    spelled.clear();
                    value::write(&mut spelled, kind, bytes);
                    event_id = number(&spelled);
                }
                (names::EVENT_ID, Content::Text(start, len)) => {
                    event_id = number(self.code.text(start, len));
                }
                (names::TIME_CREATED, Content::Value { kind: ty::FILETIME, start, .. }) => {
                    time = u64_at(chunk, start as usize);
                }
                (names::TIME_CREATED, Content::Text(start, len)) => {
                    let text = std::str::from_utf8(self.code.text(start, len)).unwrap_or("");
                    if let Ok(t) = Time::parse(text) {
                        return (self.shape(raw, event_id, catalogue), Some(t));
                    }
                }
                _ => {}
            }
        }
        // Zero means "not set"; the record header's own time stands in for what is not set or absurd.
        let moment = |ft: u64| if ft == 0 { None } else { Time::from_filetime(ft) };
        (self.shape(raw, event_id, catalogue), time.and_then(moment).or_else(|| moment(place.filetime)))
    }

    fn shape(&mut self, raw: &[u8], event_id: u32, catalogue: &Catalogue) -> ShapeId {
        // UTF-16 from the record, or UTF-8 from its template: a literal has no NUL inside.
        let key: &[u8] = if raw.is_empty() { &self.channel } else { raw };
        let known = self.channels.iter().find(|(k, _)| k == key).map(|(_, s)| *s);
        let stream = match known {
            Some(stream) => stream,
            None => {
                let mut text = Vec::new();
                if raw.is_empty() {
                    text.extend_from_slice(&self.channel);
                } else {
                    value::utf16(&mut text, raw);
                }
                let stream = catalogue.stream(&String::from_utf8_lossy(&text));
                if self.channels.len() >= MAX_CHANNELS {
                    self.channels.clear();
                }
                self.channels.push((key.to_vec(), stream));
                stream
            }
        };
        stream.map_or_else(|| catalogue.product("windows"), |s| catalogue.shape(s, event_id))
    }

    fn write(&mut self, chunk: &[u8], shape: ShapeId, context: Context<'_>, builder: &mut RowBuilder<'_>) {
        let projection = context.projection;
        let (kept, all) = (projection.kept(shape), projection.text(shape));
        let whole = projection.everything();
        let wanted = |field: FieldId| {
            if kept.contains(field) { Some(field) } else { all.then_some(FieldId::NONE) }
        };
        builder.begin();
        let base = builder.arena().len();
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        // The event's own data first: its names win over those of the System section.
        for pass in [Class::Data, Class::Unnamed, Class::System] {
            if pass == Class::Unnamed {
                if self.has_unnamed {
                    let field = match self.data {
                        None if whole => Some(builder.local("Data")),
                        data => wanted(data.unwrap_or(FieldId::NONE)),
                    };
                    let quiet = !self.data.is_some_and(|data| projection.wanted(shape).contains(data));
                    self.write_unnamed(chunk, &mut text, base, field, quiet, builder);
                }
                continue;
            }
            for i in 0..self.items.len() {
                let Some(item) = self.items.get(i).copied() else { break };
                if item.class != pass {
                    continue;
                }
                if text.len() > MAX_ROW_BYTES || self.chunk_bytes > MAX_BYTES_PER_CHUNK {
                    self.cut = true;
                    break;
                }
                let mut name = self.names.get(item.name);
                let mut shadowed = false;
                if pass == Class::System {
                    if name.system == names::SOURCE_NAME && !self.has_provider {
                        let provider = self.names.intern("Provider_Name", context.fields);
                        name = self.names.get(provider);
                    }
                    shadowed = name.system != names::OTHER && self.shadowed >> name.system & 1 == 1;
                }
                self.write_name(chunk, item, &mut name, context.fields, &mut text);
                let start = text.len();
                let written = if name.system == names::EVENT_ID && pass == Class::System {
                    self.write_event_id(chunk, item, &mut text)
                } else {
                    self.write_content(chunk, item.content, &mut text)
                };
                let range = base + start..base + text.len();
                if written == Written::Blank && pass == Class::System {
                    // A lone NUL: as good as an absent attribute.
                    text.push(b'\n');
                    continue;
                }
                let field = match shadowed {
                    false if whole && name.field == FieldId::NONE => Some(self.local(name, item, builder)),
                    false => wanted(name.field),
                    true if whole => Some(builder.local(&format!("System_{}", self.names.text(name)))),
                    true => all.then_some(FieldId::NONE),
                };
                cell(builder, field, written, range.clone());
                if name.hashes && written == Written::Text {
                    let whole = text.get(start..).unwrap_or(&[]);
                    self.hashes.split(whole, |field, part| {
                        // The text comes into the arena when the row is done.
                        if projection.wanted(shape).contains(field) {
                            let place = base + start;
                            builder.extra_cell(field, place + part.start..place + part.end);
                        }
                    });
                }
                text.push(b'\n');
            }
        }
        self.chunk_bytes += text.len();
        self.text = text;
    }

    /// Elements without a name: one cell with all of them joined (rules say `Data|contains`),
    /// then one each.
    fn write_unnamed(
        &mut self,
        chunk: &[u8],
        text: &mut Vec<u8>,
        base: usize,
        field: Option<FieldId>,
        quiet: bool,
        builder: &mut RowBuilder<'_>,
    ) {
        text.extend_from_slice(b"Data: ");
        let start = text.len();
        let mut cells = std::mem::take(&mut self.unnamed);
        cells.clear();
        for i in 0..self.items.len() {
            let Some(item) = self.items.get(i).copied() else { break };
            if item.class != Class::Unnamed {
                continue;
            }
            if text.len() > MAX_ROW_BYTES {
                self.cut = true;
                break;
            }
            let from = text.len();
            let written = self.write_content(chunk, item.content, text);
            cells.push((written, from..text.len()));
            text.push(b'\n');
        }
        if let Some(field) = field.filter(|f| cells.len() > 1 && f.is_known()) {
            let joined = base + start..base + text.len() - 1;
            if quiet {
                builder.quiet_cell(field, joined);
            } else {
                builder.range_cell(field, joined);
            }
        }
        for (written, range) in cells.drain(..) {
            cell(builder, field, written, base + range.start..base + range.end);
        }
        self.unnamed = cells;
    }

    /// Writes `Name: `. A name with substitutions in it is spelled now and looked up by text.
    fn write_name(&mut self, chunk: &[u8], item: Item, name: &mut Name, fields: &Fields, text: &mut Vec<u8>) {
        let dynamic = item.dynamic.and_then(|i| self.dynamic.get(i as usize)).copied();
        if let Some((parts, subs)) = dynamic {
            let mut spelled = std::mem::take(&mut self.name);
            spelled.clear();
            self.write_content(chunk, Content::Parts { parts, subs }, &mut spelled);
            spelled.retain(|b| *b != b' ');
            name.field =
                std::str::from_utf8(&spelled).ok().and_then(|n| fields.id(n)).unwrap_or(FieldId::NONE);
            name.hashes = spelled == b"Hashes" || spelled == b"Hash";
            text.extend_from_slice(&spelled);
            self.name = spelled;
        } else {
            text.extend_from_slice(self.names.text(*name).as_bytes());
        }
        text.extend_from_slice(b": ");
    }

    /// The id in this batch of a name that nobody asked for, which [`Rows::write_name`] wrote last.
    fn local(&self, name: Name, item: Item, builder: &mut RowBuilder<'_>) -> FieldId {
        if item.dynamic.is_some() {
            return std::str::from_utf8(&self.name).map_or(FieldId::NONE, |n| builder.local(n));
        }
        // Names beyond the limit of a piece share one that says nothing.
        if item.name == names::OVERFLOW { FieldId::NONE } else { builder.local(self.names.text(name)) }
    }

    fn write_content(&self, chunk: &[u8], content: Content, text: &mut Vec<u8>) -> Written {
        match content {
            Content::Blank => Written::Blank,
            Content::Text(start, len) => {
                text.extend_from_slice(self.code.text(start, len));
                if len == 0 { Written::Blank } else { Written::Text }
            }
            Content::Value { kind, start, len } => {
                let bytes = chunk.get(start as usize..(start + len) as usize).unwrap_or(&[]);
                value::write(text, kind, bytes)
            }
            Content::Parts { parts, subs } => {
                let from = text.len();
                for part in self.code.parts(parts) {
                    match *part {
                        Part::Text(start, len) => text.extend_from_slice(self.code.text(start, len)),
                        Part::Value { index, .. } => {
                            let i = subs.0 as usize + usize::from(index);
                            let Some(sub) = self.subs.get(i).filter(|_| i < subs.1 as usize) else {
                                continue;
                            };
                            if text.len() - from > MAX_ROW_BYTES {
                                break;
                            }
                            let end = sub.start as usize + usize::from(sub.len);
                            let bytes = chunk.get(sub.start as usize..end).unwrap_or(&[]);
                            write_joined(text, sub.kind, bytes);
                        }
                        Part::Instance(_) => {}
                    }
                }
                if text.len() == from { Written::Blank } else { Written::Text }
            }
        }
    }

    /// The event number is the low 16 bits; older writers keep qualifiers above them.
    fn write_event_id(&self, chunk: &[u8], item: Item, text: &mut Vec<u8>) -> Written {
        let start = text.len();
        let written = self.write_content(chunk, item.content, text);
        let written_text = text.get(start..).and_then(|t| std::str::from_utf8(t).ok());
        match written_text.and_then(|t| t.trim().parse::<u64>().ok()) {
            Some(n) => {
                text.truncate(start);
                value::decimal(text, n & 0xffff);
                Written::Number
            }
            None => written,
        }
    }
}

/// What gathering needs, beside the buffers.
#[derive(Clone, Copy)]
struct Gather<'a> {
    chunk: &'a [u8],
    /// The piece the chunk is part of.
    piece: &'a [u8],
    /// Where the record, or the nested fragment, ends.
    end: usize,
    /// The record is from slack: what it refers to must prove itself.
    strict: bool,
    context: Context<'a>,
}

/// The low 16 bits of an event number in decimal; 0 if it is none.
fn number(text: &[u8]) -> u32 {
    let text = std::str::from_utf8(text).unwrap_or("");
    text.trim().parse::<i64>().map_or(0, |n| (n & 0xffff) as u32)
}

/// Appends a value inside other text; items of an array are set apart by commas.
fn write_joined(text: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    if kind & ty::ARRAY == 0 {
        value::write(text, kind, bytes);
        return;
    }
    let mut rest = bytes;
    let mut first = true;
    while let Some((len, step)) = value::next_of_array(kind & !ty::ARRAY, rest) {
        if !std::mem::take(&mut first) {
            text.push(b',');
        }
        value::write(text, kind & !ty::ARRAY, rest.get(..len).unwrap_or(&[]));
        rest = rest.get(step..).unwrap_or(&[]);
    }
}

fn cell(builder: &mut RowBuilder<'_>, field: Option<FieldId>, written: Written, range: Range<usize>) {
    let Some(field) = field else { return };
    match written {
        Written::Blank => builder.blank_cell(field),
        Written::Text => builder.range_cell(field, range),
        Written::Number => builder.number_cell(field, range),
        Written::Bool(value) => builder.bool_cell(field, value),
    }
}
