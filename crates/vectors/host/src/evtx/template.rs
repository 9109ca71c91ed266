//! BinXML into flat programs: what XML would say is worked out once per template, not per record.
//!
//! A template (`<Data Name="Image">%5</Data>` …) becomes a list of [`Op`]s, each "this field
//! takes this literal or that substitution". A record then is a walk over its program and its
//! array of values; no tree is ever built. BinXML without a template is compiled the same way.
//!
//! What this module never does: trust an offset, recurse over evidence without a bound, or
//! stop at damage. What was understood before the damage is kept and the program is marked.
//!
//! Tokens and their layouts: MS-EVEN6 2.2.12 and libyal's EVTX format description.

use std::collections::HashMap;
use std::ops::Range;

use palisade_model::Fields;

use super::bytes::{u16_at, u32_at};
use super::names::{self, Names};
use super::value::{self, ty};

/// Deepest nesting of elements in one program.
const MAX_DEPTH: usize = 64;
/// Tokens compiled per chunk. A chunk of 64 KiB holds fewer than 32,768; the rest is room for
/// templates that overlap, which only damage and attackers make.
const MAX_TOKENS: u32 = 1 << 18;

mod token {
    pub const END: u8 = 0x00;
    pub const OPEN: u8 = 0x01;
    pub const CLOSE_START: u8 = 0x02;
    pub const CLOSE_EMPTY: u8 = 0x03;
    pub const CLOSE: u8 = 0x04;
    pub const VALUE: u8 = 0x05;
    pub const ATTRIBUTE: u8 = 0x06;
    pub const CDATA: u8 = 0x07;
    pub const CHAR: u8 = 0x08;
    pub const ENTITY: u8 = 0x09;
    pub const PI_TARGET: u8 = 0x0a;
    pub const PI_DATA: u8 = 0x0b;
    pub const TEMPLATE: u8 = 0x0c;
    pub const SUBSTITUTE: u8 = 0x0d;
    pub const SUBSTITUTE_OPTIONAL: u8 = 0x0e;
    pub const FRAGMENT: u8 = 0x0f;
    pub const HAS_MORE: u8 = 0x40;
}

/// Where in an event an element stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Zone {
    /// Outside the root element.
    Document,
    /// In `Event`: its children are sections.
    Event,
    /// In `System`.
    System,
    /// In `EventData`: `Data` elements with names.
    Data,
    /// In `UserData` or another event's own XML: leaf names are field names.
    User,
    /// In a section named by the number, whose name is put before the leaf's.
    Section(u32),
}

/// What a value is part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// The event's own data.
    Data,
    /// A `Data` element without a name.
    Unnamed,
    /// The `System` section.
    System,
    /// Text of an element that has children: kept if there is any, never blank.
    Loose,
}

/// A piece of an element's content.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// A range of [`Code::text`].
    Text(u32, u32),
    /// A substitution; an optional one that is null takes its element with it.
    Value { index: u16, optional: bool },
    /// A template instance at this chunk offset.
    Instance(u32),
}

/// "This field takes that content."
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub name: u32,
    /// Parts that spell the name, when a substitution is in it.
    pub name_parts: (u32, u32),
    pub parts: (u32, u32),
    pub class: Class,
    /// Where nested BinXML in this place stands.
    pub inner: Zone,
}

/// A compiled template or fragment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub ops: (u32, u32),
    /// First four bytes of the template's GUID; instances repeat them.
    pub id: u32,
    /// Compilation met bytes it could not follow.
    pub damaged: bool,
}

/// One substitution value of an instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sub {
    pub start: u32,
    pub len: u16,
    pub kind: u8,
}

/// A template instance found in a record.
pub(super) struct Instance {
    pub id: u32,
    pub definition: u32,
    /// Range in the list of values.
    pub subs: Range<usize>,
    /// Values reached past the end and were cut.
    pub short: bool,
    pub end: usize,
}

struct Frame {
    name: u32,
    zone: Zone,
    field: u32,
    field_parts: (u32, u32),
    named: bool,
    children: bool,
    parts: usize,
}

/// The programs of one chunk.
#[derive(Default)]
pub(super) struct Code {
    ops: Vec<Op>,
    parts: Vec<Part>,
    /// Literal text, UTF-8.
    text: Vec<u8>,
    programs: HashMap<(u32, Zone), Program, foldhash::fast::FixedState>,
    frames: Vec<Frame>,
    pending: Vec<Part>,
    tokens: u32,
}

impl Code {
    /// Forgets the chunk read last.
    pub fn clear(&mut self) {
        self.ops.clear();
        self.parts.clear();
        self.text.clear();
        self.programs.clear();
        self.tokens = 0;
    }

    pub fn op(&self, at: usize) -> Option<Op> {
        self.ops.get(at).copied()
    }

    pub fn parts(&self, range: (u32, u32)) -> &[Part] {
        self.parts.get(range.0 as usize..range.1 as usize).unwrap_or(&[])
    }

    pub fn part(&self, at: u32) -> Option<Part> {
        self.parts.get(at as usize).copied()
    }

    pub fn text(&self, start: u32, len: u32) -> &[u8] {
        self.text.get(start as usize..(start + len) as usize).unwrap_or(&[])
    }

    /// The program of the template defined at a chunk offset, for values that stand in `zone`.
    /// Definition: next u32, GUID, size u32, fragment.
    pub fn template(
        &mut self,
        chunk: &[u8],
        offset: u32,
        zone: Zone,
        names: &mut Names,
        fields: &Fields,
    ) -> Option<Program> {
        if let Some(p) = self.programs.get(&(offset, zone)) {
            return Some(*p);
        }
        let at = offset as usize;
        let id = u32_at(chunk, at + 4)?;
        let size = u32_at(chunk, at + 20)? as usize;
        let start = at + 24;
        let end = start.saturating_add(size).min(chunk.len());
        let (mut program, _) = self.compile(chunk, start..end, zone, true, names, fields);
        program.id = id;
        self.programs.insert((offset, zone), program);
        Some(program)
    }

    /// Compiles the element or fragment at a range; also returns where it ends.
    /// `in_template`: elements carry a dependency id.
    pub fn compile(
        &mut self,
        chunk: &[u8],
        range: Range<usize>,
        zone: Zone,
        in_template: bool,
        names: &mut Names,
        fields: &Fields,
    ) -> (Program, usize) {
        let first = self.ops.len() as u32;
        self.frames.clear();
        self.pending.clear();
        let mut compiler = Compiler {
            chunk: &chunk[..range.end.min(chunk.len())],
            whole: chunk,
            at: range.start,
            zone,
            in_template,
            attribute: None,
            code: self,
            names,
            fields,
        };
        let clean = compiler.run().is_some();
        compiler.finish();
        let end = compiler.at;
        (Program { ops: (first, self.ops.len() as u32), id: 0, damaged: !clean }, end)
    }
}

struct Compiler<'a> {
    /// The chunk up to the end of what is compiled.
    chunk: &'a [u8],
    /// The whole chunk: names may stand anywhere in it.
    whole: &'a [u8],
    at: usize,
    zone: Zone,
    in_template: bool,
    /// The attribute whose value is being read, and where its parts begin.
    attribute: Option<(u32, usize)>,
    code: &'a mut Code,
    names: &'a mut Names,
    fields: &'a Fields,
}

impl Compiler<'_> {
    fn u8(&mut self) -> Option<u8> {
        let b = *self.chunk.get(self.at)?;
        self.at += 1;
        Some(b)
    }

    fn u16(&mut self) -> Option<u16> {
        let n = u16_at(self.chunk, self.at)?;
        self.at += 2;
        Some(n)
    }

    fn u32(&mut self) -> Option<u32> {
        let n = u32_at(self.chunk, self.at)?;
        self.at += 4;
        Some(n)
    }

    fn name(&mut self) -> Option<u32> {
        let offset = self.u32()?;
        if offset as usize == self.at {
            self.at += Names::inline_len(self.whole, self.at)?;
        }
        self.names.at(self.whole, offset, self.fields)
    }

    /// Follows tokens to the end; `None` at the first that makes no sense.
    fn run(&mut self) -> Option<()> {
        loop {
            if self.at >= self.chunk.len() {
                return Some(());
            }
            self.code.tokens += 1;
            if self.code.tokens > MAX_TOKENS {
                return None;
            }
            let t = self.u8()?;
            match t & !token::HAS_MORE {
                token::END => return Some(()),
                token::OPEN => self.open(t & token::HAS_MORE != 0)?,
                token::CLOSE_START => self.end_attribute(),
                token::CLOSE_EMPTY | token::CLOSE => {
                    self.end_attribute();
                    self.end_element()?;
                    if self.code.frames.is_empty() {
                        // Nothing stands behind the root; in slack, anything may follow.
                        return Some(());
                    }
                }
                token::VALUE => self.literal()?,
                token::ATTRIBUTE => {
                    self.end_attribute();
                    let name = self.name()?;
                    self.attribute = Some((name, self.code.pending.len()));
                }
                token::CDATA => {
                    let units = usize::from(self.u16()?);
                    self.utf16(units)?;
                }
                token::CHAR => {
                    let unit = u32::from(self.u16()?);
                    let c = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                    self.push_text(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                token::ENTITY => {
                    let name = self.name()?;
                    let text: &[u8] = match self.names.text(self.names.get(name)) {
                        "lt" => b"<",
                        "gt" => b">",
                        "amp" => b"&",
                        "quot" => b"\"",
                        "apos" => b"'",
                        _ => b"",
                    };
                    self.push_text(text);
                }
                token::PI_TARGET => {
                    self.name()?;
                }
                token::PI_DATA => {
                    let units = usize::from(self.u16()?);
                    self.at += 2 * units;
                }
                token::TEMPLATE => {
                    let at = self.at - 1;
                    let end = skip_instance(self.chunk, self.at)?;
                    self.code.pending.push(Part::Instance(at as u32));
                    self.at = end;
                    if self.code.frames.is_empty() {
                        self.loose(names::OVERFLOW, self.zone, 0);
                    }
                }
                token::SUBSTITUTE | token::SUBSTITUTE_OPTIONAL => {
                    let index = self.u16()?;
                    self.u8()?;
                    let optional = t & !token::HAS_MORE == token::SUBSTITUTE_OPTIONAL;
                    self.code.pending.push(Part::Value { index, optional });
                }
                token::FRAGMENT => self.at += 3,
                _ => return None,
            }
        }
    }

    /// Closes what damage left open, so that it is not lost.
    fn finish(&mut self) {
        self.end_attribute();
        while self.end_element().is_some() {}
    }

    fn open(&mut self, attributes: bool) -> Option<()> {
        // An element inside an attribute is damage; the attribute ends here.
        self.end_attribute();
        if self.code.frames.len() >= MAX_DEPTH {
            return None;
        }
        if self.in_template {
            self.u16()?;
        }
        self.u32()?;
        let name = self.name()?;
        if attributes {
            self.u32()?;
        }
        let outer = self.inner_zone();
        if let Some(parent) = self.code.frames.last_mut() {
            parent.children = true;
        }
        let field = match outer {
            Zone::Section(section) => match self.names.text(self.names.get(name)) {
                "Message" => name,
                _ => self.names.join(section, name, self.fields),
            },
            _ => name,
        };
        let parts = self.code.pending.len();
        self.code.frames.push(Frame {
            name,
            zone: outer,
            field,
            field_parts: (0, 0),
            named: false,
            children: false,
            parts,
        });
        Some(())
    }

    /// The zone that children of the innermost open element stand in.
    fn inner_zone(&self) -> Zone {
        self.code.frames.last().map_or(self.zone, |f| self.zone_inside(f.zone, f.name))
    }

    fn zone_inside(&self, zone: Zone, name: u32) -> Zone {
        let text = self.names.text(self.names.get(name));
        match (zone, text) {
            (Zone::Document, "Event") => Zone::Event,
            (Zone::Document, _) => Zone::User,
            (Zone::Event, "System") => Zone::System,
            (Zone::Event, "EventData") => Zone::Data,
            (Zone::Event, "UserData") => Zone::User,
            (Zone::Event, _) => Zone::Section(name),
            _ => zone,
        }
    }

    fn push_text(&mut self, text: &[u8]) {
        let start = self.code.text.len() as u32;
        self.code.text.extend_from_slice(text);
        self.code.pending.push(Part::Text(start, text.len() as u32));
    }

    fn utf16(&mut self, units: usize) -> Option<()> {
        let bytes = self.chunk.get(self.at..self.at + 2 * units)?;
        let start = self.code.text.len();
        value::utf16(&mut self.code.text, bytes);
        let len = self.code.text.len() - start;
        self.code.pending.push(Part::Text(start as u32, len as u32));
        self.at += 2 * units;
        Some(())
    }

    /// A value written into the XML itself.
    fn literal(&mut self) -> Option<()> {
        let kind = self.u8()?;
        if kind == ty::STRING {
            let units = usize::from(self.u16()?);
            return self.utf16(units);
        }
        let len = match value::width(kind) {
            0 => usize::from(self.u16()?),
            w => w,
        };
        let bytes = self.chunk.get(self.at..self.at + len)?;
        let start = self.code.text.len();
        value::write(&mut self.code.text, kind, bytes);
        let len_text = self.code.text.len() - start;
        self.code.pending.push(Part::Text(start as u32, len_text as u32));
        self.at += len;
        Some(())
    }

    /// Moves the pending parts from `from` on to their final place.
    fn take_parts(&mut self, from: usize) -> (u32, u32) {
        let start = self.code.parts.len() as u32;
        let from = from.min(self.code.pending.len());
        self.code.parts.extend(self.code.pending.drain(from..));
        (start, self.code.parts.len() as u32)
    }

    fn end_attribute(&mut self) {
        let Some((attribute, from)) = self.attribute.take() else { return };
        let Some(frame) = self.code.frames.last() else {
            self.code.pending.truncate(from);
            return;
        };
        let (zone, element) = (frame.zone, frame.name);
        let text = self.names.text(self.names.get(attribute));
        if text == "xmlns" || text.starts_with("xmlns:") {
            self.code.pending.truncate(from);
            return;
        }
        if zone == Zone::Data && text == "Name" {
            let parts = self.take_parts(from);
            let (mut field, mut field_parts) = (names::OVERFLOW, parts);
            if let [Part::Text(start, len)] = *self.code.parts(parts) {
                // Defender writes `Threat Name`; rules say ThreatName.
                let name = String::from_utf8_lossy(self.code.text(start, len)).replace(' ', "");
                field_parts = (0, 0);
                field = self.names.intern(&name, self.fields);
            }
            if let Some(frame) = self.code.frames.last_mut() {
                (frame.field, frame.field_parts, frame.named) = (field, field_parts, true);
            }
            return;
        }
        let (name, class) = match (zone, self.names.text(self.names.get(element)), text) {
            (Zone::System, "TimeCreated", "SystemTime") => (element, Class::System),
            (Zone::System, "EventID", "Qualifiers") => (attribute, Class::System),
            (Zone::System, _, _) => (self.names.join(element, attribute, self.fields), Class::System),
            _ => (self.names.join(element, attribute, self.fields), Class::Data),
        };
        let parts = self.take_parts(from);
        self.code.ops.push(Op { name, name_parts: (0, 0), parts, class, inner: zone });
    }

    fn end_element(&mut self) -> Option<()> {
        let frame = self.code.frames.pop()?;
        let inner = self.zone_inside(frame.zone, frame.name);
        let structural = frame.children || matches!(frame.zone, Zone::Document | Zone::Event);
        if structural {
            self.loose(frame.field, inner, frame.parts);
            return Some(());
        }
        let class = match frame.zone {
            Zone::System => Class::System,
            Zone::Data if !frame.named && self.names.text(self.names.get(frame.name)) == "Data" => {
                Class::Unnamed
            }
            _ => Class::Data,
        };
        let parts = self.take_parts(frame.parts);
        let op = Op { name: frame.field, name_parts: frame.field_parts, parts, class, inner };
        self.code.ops.push(op);
        Some(())
    }

    /// Content beside child elements: each substitution may be a fragment of its own.
    fn loose(&mut self, name: u32, inner: Zone, from: usize) {
        let (start, end) = self.take_parts(from);
        for at in start..end {
            let parts = (at, at + 1);
            self.code.ops.push(Op { name, name_parts: (0, 0), parts, class: Class::Loose, inner });
        }
    }
}

/// The end of the template instance whose body (behind the token) begins at `at`.
fn skip_instance(chunk: &[u8], at: usize) -> Option<usize> {
    let (values, count) = instance_values(chunk, at)?;
    let mut end = values + 4 * count;
    for i in 0..count {
        end += usize::from(u16_at(chunk, values + 4 * i)?);
    }
    (end <= chunk.len()).then_some(end)
}

/// Where an instance's value descriptors begin and how many there are.
fn instance_values(chunk: &[u8], at: usize) -> Option<(usize, usize)> {
    let definition = u32_at(chunk, at + 5)? as usize;
    let mut values = at + 9;
    if definition == values {
        // The definition itself stands here: the chunk's first use of it.
        values += 24 + u32_at(chunk, values + 20)? as usize;
    }
    let count = u32_at(chunk, values)? as usize;
    let first = values + 4;
    // Four bytes of descriptor each: a count that does not fit is damage.
    (count <= chunk.len().saturating_sub(first) / 4).then_some((first, count))
}

/// Reads the template instance whose token stands at `at`; its values go to `subs`.
/// `chunk` ends where the record does.
pub(super) fn instance(chunk: &[u8], at: usize, subs: &mut Vec<Sub>) -> Option<Instance> {
    let body = at + 1;
    let id = u32_at(chunk, body + 1)?;
    let definition = u32_at(chunk, body + 5)?;
    let (first, count) = instance_values(chunk, body)?;
    let begin = subs.len();
    let mut start = first + 4 * count;
    let mut short = false;
    for descriptor in chunk.get(first..start)?.chunks_exact(4) {
        let len = usize::from(u16::from_le_bytes([descriptor[0], descriptor[1]]));
        let room = chunk.len().saturating_sub(start);
        short |= len > room;
        let kept = len.min(room);
        subs.push(Sub { start: start as u32, len: kept as u16, kind: descriptor[2] });
        start += kept;
    }
    Some(Instance { id, definition, subs: begin..subs.len(), short, end: start })
}
