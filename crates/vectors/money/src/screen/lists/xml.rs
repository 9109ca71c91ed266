//! Lists in XML: a stream of which one record at a time becomes a small [`Element`].
//!
//! Entities other than the five of XML and character references stay as they are written: nothing is
//! expanded, so nothing explodes. Elements, depth, text and the size of one record are bounded.
//!
//! What this module never does: hold a document, or know what an element means.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Most bytes of one tag or text.
const MAX_EVENT: usize = 4 << 20;
/// Most elements and attributes of one record.
const MAX_NODES: usize = 50_000;
/// Most bytes of text and attributes of one record.
const MAX_RECORD: usize = 8 << 20;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// An element of one record, without namespace.
#[derive(Debug, Default)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Local names and values.
    pub attributes: Vec<(String, String)>,
    /// Its own text.
    pub text: String,
    /// Its elements.
    pub children: Vec<Element>,
}

impl Element {
    /// Value of an attribute; empty if there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.trim())
    }

    /// Elements of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }

    /// The first element of that name.
    pub fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// Text of the first element of that name; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        self.child(name).map_or("", |c| c.text.trim())
    }

    /// Elements of that name, however deep.
    pub fn deep<'a>(&'a self, name: &str, found: &mut Vec<&'a Element>) {
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            child.deep(name, found);
        }
    }
}

/// Why reading stopped or a record was left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bad {
    /// A record beyond the limits; reading goes on behind it.
    Limit,
    /// Reading stopped.
    Fatal(String),
}

/// Stops a read that feeds one event without end.
struct Leash<'a> {
    inner: &'a mut dyn Read,
    left: Rc<Cell<usize>>,
}

impl Read for Leash<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.get().checked_sub(read) {
            Some(left) => self.left.set(left),
            None => return Err(io::Error::other("one tag or text is longer than 4 MiB")),
        }
        Ok(read)
    }
}

/// Reads a document and hands over each element that `wanted` names (local names), with its byte offset.
///
/// `root` sees the root element's tag. Wanted elements are not looked for inside wanted elements.
pub fn records(
    input: &mut dyn Read,
    wanted: &[&str],
    root: &mut dyn FnMut(&Element),
    each: &mut dyn FnMut(Result<(Element, u64), Bad>),
) {
    let left = Rc::new(Cell::new(MAX_EVENT));
    let leash = Leash { inner: input, left: Rc::clone(&left) };
    let mut reader = Reader::from_reader(BufReader::with_capacity(64 << 10, leash));
    let mut buffer = Vec::new();
    let mut depth = 0usize;
    let mut open: Vec<Element> = Vec::new();
    let (mut nodes, mut bytes) = (0usize, 0usize);
    // Depth at which a record that met a limit began.
    let mut skipping: Option<usize> = None;
    let mut offset = 0;
    loop {
        buffer.clear();
        left.set(MAX_EVENT);
        let before = reader.buffer_position();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(e) => return each(Err(Bad::Fatal(e.to_string()))),
        };
        match event {
            Event::Start(start) => {
                if depth == 0 {
                    root(&element(&start));
                }
                depth += 1;
                if depth > MAX_DEPTH {
                    return each(Err(Bad::Fatal(format!("elements nest more than {MAX_DEPTH} deep"))));
                }
                if skipping.is_some() {
                    continue;
                }
                if open.is_empty() {
                    if !named(&start, wanted) {
                        continue;
                    }
                    (nodes, bytes, offset) = (0, 0, before);
                }
                open.push(element(&start));
                nodes += 1 + start.attributes_raw().len() / 8;
                bytes += start.len();
            }
            Event::Empty(start) => {
                if depth == 0 {
                    root(&element(&start));
                }
                if skipping.is_some() {
                    continue;
                }
                match open.last_mut() {
                    Some(parent) => parent.children.push(element(&start)),
                    None if named(&start, wanted) => each(Ok((element(&start), before))),
                    None => {}
                }
                nodes += 1 + start.attributes_raw().len() / 8;
                bytes += start.len();
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if skipping.is_some_and(|at| depth < at) {
                    skipping = None;
                    continue;
                }
                if let Some(done) = open.pop() {
                    match open.last_mut() {
                        Some(parent) => parent.children.push(done),
                        None => each(Ok((done, offset))),
                    }
                }
            }
            Event::Text(text) => {
                if let Some(top) = open.last_mut() {
                    bytes += text.len();
                    top.text.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some(top) = open.last_mut() {
                    bytes += text.len();
                    top.text.push_str(&text);
                }
            }
            Event::GeneralRef(name) => {
                if let Some(top) = open.last_mut() {
                    bytes += 8 + name.len();
                    reference(&name, &mut top.text);
                }
            }
            Event::Eof => {
                if depth > 0 {
                    each(Err(Bad::Fatal("the document ends before its root element does".to_owned())));
                }
                return;
            }
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
        }
        if !open.is_empty() && (nodes > MAX_NODES || bytes > MAX_RECORD) {
            skipping = Some(depth + 1 - open.len());
            open.clear();
            each(Err(Bad::Limit));
        }
    }
}

fn reference(name: &str, out: &mut String) {
    let number = name.strip_prefix('#').and_then(|n| match n.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => n.parse().ok(),
    });
    match (name, number.and_then(char::from_u32)) {
        (_, Some(c)) => out.push(c),
        ("amp", _) => out.push('&'),
        ("lt", _) => out.push('<'),
        ("gt", _) => out.push('>'),
        ("quot", _) => out.push('"'),
        ("apos", _) => out.push('\''),
        _ => {
            out.push('&');
            out.push_str(name);
            out.push(';');
        }
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn named(start: &BytesStart<'_>, wanted: &[&str]) -> bool {
    let name = start.name();
    let name = local(name.as_ref());
    wanted.contains(&name)
}

fn element(start: &BytesStart<'_>) -> Element {
    let name = local(start.name().as_ref()).to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes().with_checks(false).flatten().take(64) {
        attributes.push((local(attribute.key.as_ref()).to_owned(), unescape(&attribute.value)));
    }
    Element { name, attributes, text: String::new(), children: Vec::new() }
}

/// Resolves references in an attribute's value.
fn unescape(raw: &str) -> String {
    if !raw.contains('&') {
        return raw.to_owned();
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        match after.split_once(';').filter(|(name, _)| name.len() <= 10) {
            Some((name, tail)) => {
                reference(name, &mut out);
                rest = tail;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}
