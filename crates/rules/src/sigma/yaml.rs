//! YAML as a tree with the place of every node.
//!
//! Sigma needs of YAML what is in the 1.2 core schema, and rejects what would silently change a
//! detection: duplicate keys (the second would replace the first), merge keys and foreign tags.
//! Only *plain* scalars have a type; `'4688'` is text. Reading is iterative and bounded by the
//! constants below, so a small text cannot expand to a large tree.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::fault::Fault;
use super::ir::Span;

/// Bytes one text may have. The largest public Sigma rule has 30 KB.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Documents one text may have.
pub const DOCUMENTS_MAX: usize = 10_000;

/// Nodes of all documents of one text, copies made by aliases included.
pub const NODES_MAX: usize = 400_000;

/// Nesting depth of collections. Everything after this module may recurse over a tree.
pub const DEPTH_MAX: usize = 32;

/// Bytes of scalars that aliases may copy, in one text.
pub const ALIAS_BYTES_MAX: usize = 1 << 20;

/// A node and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands. For a copy made by an alias: where the original stands.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A single value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map in order of writing; no key occurs twice.
    Map(Vec<(Key, Node)>),
}

/// The key of a map entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it stands.
    pub span: Span,
    /// Its text.
    pub text: String,
}

/// A single value: text, and the type that the core schema gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// As written (quotes and YAML escapes resolved).
    pub text: String,
    /// The type.
    pub kind: ScalarKind,
}

/// The types of the core schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScalarKind {
    /// `null`, `~`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number: decimal, `0x…` or `0o…`.
    Int,
    /// A number with a point or an exponent, `.inf` or `.nan`.
    Float,
    /// Anything else, and everything in quotes.
    Text,
}

impl Node {
    /// The entry of a map under `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// The entry of a map under `key`, with the key.
    pub fn entry(&self, key: &str) -> Option<(&Key, &Node)> {
        match &self.kind {
            Kind::Map(entries) => {
                entries.iter().find(|(name, _)| name.text == key).map(|(name, node)| (name, node))
            }
            _ => None,
        }
    }

    /// What it is, for messages: "a list".
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar(scalar) => match scalar.kind {
                ScalarKind::Null => "null",
                ScalarKind::Bool(_) => "a boolean",
                ScalarKind::Int | ScalarKind::Float => "a number",
                ScalarKind::Text => "text",
            },
        }
    }
}

/// Reads all documents. A document with a fault of its own does not affect the others; after a
/// fault in the syntax or a limit nothing more is read. Empty documents are left out.
pub fn load(text: &str) -> Vec<Result<Node, Fault>> {
    if text.len() > TEXT_BYTES_MAX {
        let span = Span { start: 0, end: 0, line: 1, col: 1 };
        let message = format!("the text has {} bytes, more than the {TEXT_BYTES_MAX} allowed", text.len());
        return vec![Err(Fault::new(span, message))];
    }
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut loader = Loader::new(body, text.len() - body.len());
    if let Err(fault) = loader.run(body) {
        loader.documents.push(Err(fault));
    }
    loader.documents
}

/// Turns the char positions of the parser into bytes.
struct Positions {
    /// Byte offset of every char and of the end; empty for ASCII, where both are the same.
    offsets: Vec<usize>,
    base: usize,
    len: usize,
}

impl Positions {
    fn new(body: &str, base: usize) -> Self {
        let offsets = if body.is_ascii() {
            Vec::new()
        } else {
            body.char_indices().map(|(at, _)| at).chain([body.len()]).collect()
        };
        Self { offsets, base, len: body.len() }
    }

    fn byte(&self, index: usize) -> usize {
        let at = if self.offsets.is_empty() {
            index.min(self.len)
        } else {
            self.offsets.get(index).copied().unwrap_or(self.len)
        };
        self.base + at
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let start = self.byte(span.start.index());
        Span { start, end: self.byte(span.end.index()).max(start), ..place(&span.start) }
    }
}

fn place(marker: &saphyr_parser::Marker) -> Span {
    Span {
        start: 0,
        end: 0,
        line: u32::try_from(marker.line()).unwrap_or(u32::MAX),
        col: u32::try_from(marker.col()).unwrap_or(u32::MAX).saturating_add(1),
    }
}

/// A collection that is being read.
struct Frame {
    anchor: usize,
    span: Span,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, seen: HashSet<String>, pending: Option<Key> },
}

struct Loader {
    positions: Positions,
    documents: Vec<Result<Node, Fault>>,
    stack: Vec<Frame>,
    /// Finished nodes by anchor number.
    anchors: HashMap<usize, Node>,
    root: Option<Node>,
    /// The first fault of this document that need not stop the reading of others.
    fault: Option<Fault>,
    nodes: usize,
    alias_bytes: usize,
}

impl Loader {
    fn new(body: &str, base: usize) -> Self {
        Self {
            positions: Positions::new(body, base),
            documents: Vec::new(),
            stack: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            fault: None,
            nodes: 0,
            alias_bytes: 0,
        }
    }

    fn run(&mut self, body: &str) -> Result<(), Fault> {
        for item in Parser::new_from_str(body) {
            let (event, span) = item.map_err(|error| {
                let start = self.positions.byte(error.marker().index());
                let span = Span { start, end: start, ..place(error.marker()) };
                Fault::new(span, format!("not valid YAML: {}", error.info()))
            })?;
            let span = self.positions.span(span);
            match event {
                Event::Nothing | Event::StreamStart | Event::StreamEnd => {}
                Event::DocumentStart(_) => {
                    if self.documents.len() >= DOCUMENTS_MAX {
                        return Err(Fault::new(span, format!("more than {DOCUMENTS_MAX} documents")));
                    }
                    self.anchors.clear();
                    self.root = None;
                    self.fault = None;
                }
                Event::DocumentEnd => self.end_document(),
                Event::Scalar(text, style, anchor, tag) => {
                    let kind = self.scalar_kind(&text, style, tag.as_ref(), span);
                    let scalar = Scalar { text: text.into_owned(), kind };
                    self.add(anchor, Node { span, kind: Kind::Scalar(scalar) })?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.check_collection_tag(tag.as_ref(), "seq", span);
                    self.open(anchor, span, Content::List(Vec::new()))?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.check_collection_tag(tag.as_ref(), "map", span);
                    let content = Content::Map { entries: Vec::new(), seen: HashSet::new(), pending: None };
                    self.open(anchor, span, content)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
                Event::Alias(anchor) => self.alias(anchor, span)?,
            }
        }
        Ok(())
    }

    fn end_document(&mut self) {
        match (self.fault.take(), self.root.take()) {
            (Some(fault), _) => self.documents.push(Err(fault)),
            (None, Some(node)) => {
                let empty = matches!(&node.kind, Kind::Scalar(s) if s.kind == ScalarKind::Null);
                if !empty {
                    self.documents.push(Ok(node));
                }
            }
            (None, None) => {}
        }
    }

    /// Remembers a fault that spoils this document only.
    fn spoil(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    fn count_node(&mut self, span: Span) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Fault::new(span, format!("more than {NODES_MAX} YAML nodes (aliases included)")));
        }
        Ok(())
    }

    fn open(&mut self, anchor: usize, span: Span, content: Content) -> Result<(), Fault> {
        self.count_node(span)?;
        if self.stack.len() >= DEPTH_MAX {
            return Err(Fault::new(span, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        if matches!(self.stack.last(), Some(Frame { content: Content::Map { pending: None, .. }, .. })) {
            self.spoil(Fault::new(span, "the key of a map must be a single value"));
        }
        self.stack.push(Frame { anchor, span, content });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Fault> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let span = Span { end: end.end.max(frame.span.end), ..frame.span };
        let kind = match frame.content {
            Content::List(items) => Kind::List(items),
            Content::Map { entries, .. } => Kind::Map(entries),
        };
        self.attach(frame.anchor, Node { span, kind })
    }

    fn add(&mut self, anchor: usize, node: Node) -> Result<(), Fault> {
        self.count_node(node.span)?;
        self.attach(anchor, node)
    }

    /// Puts a finished node into the collection that is open, as key or value.
    fn attach(&mut self, anchor: usize, node: Node) -> Result<(), Fault> {
        if anchor != 0 {
            // The copy kept for aliases costs as much as an alias does.
            self.charge(&node)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        let mut fault = None;
        match &mut frame.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, seen, pending } => match pending.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let Node { span, kind } = node;
                    let text = match kind {
                        Kind::Scalar(scalar) => scalar.text,
                        // Already reported when it was opened; the place holder keeps the pairing.
                        _ => String::new(),
                    };
                    if text == "<<" {
                        fault = Some(
                            Fault::new(span, "merge keys (`<<`) are not part of YAML 1.2")
                                .help("write the entries out"),
                        );
                    } else if !seen.insert(text.clone()) {
                        fault = Some(
                            Fault::new(span, format!("the key `{text}` occurs twice in this map"))
                                .help("YAML would keep only one of them; merge their values into a list"),
                        );
                    }
                    *pending = Some(Key { span, text });
                }
            },
        }
        if let Some(fault) = fault {
            self.spoil(fault);
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Fault> {
        if self.stack.iter().any(|frame| frame.anchor == anchor) {
            return Err(Fault::new(span, "this alias refers to the collection it is in"));
        }
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(Fault::new(span, "this alias refers to nothing"));
        };
        self.charge(&node)?;
        let depth = depth(&node);
        if self.stack.len() + depth > DEPTH_MAX {
            return Err(Fault::new(span, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let key_expected =
            matches!(self.stack.last(), Some(Frame { content: Content::Map { pending: None, .. }, .. }));
        if key_expected && depth > 0 {
            self.spoil(Fault::new(span, "the key of a map must be a single value"));
        }
        self.attach(0, node)
    }

    /// Counts a copy of `node` against the limits.
    fn charge(&mut self, node: &Node) -> Result<(), Fault> {
        let mut todo = vec![node];
        while let Some(next) = todo.pop() {
            self.count_node(node.span)?;
            match &next.kind {
                Kind::Scalar(scalar) => self.charge_bytes(scalar.text.len(), node.span)?,
                Kind::List(items) => todo.extend(items),
                Kind::Map(entries) => {
                    for (key, value) in entries {
                        self.charge_bytes(key.text.len(), node.span)?;
                        todo.push(value);
                    }
                }
            }
        }
        Ok(())
    }

    fn charge_bytes(&mut self, bytes: usize, span: Span) -> Result<(), Fault> {
        self.alias_bytes = self.alias_bytes.saturating_add(bytes);
        if self.alias_bytes > ALIAS_BYTES_MAX {
            return Err(Fault::new(span, format!("aliases expand to more than {ALIAS_BYTES_MAX} bytes")));
        }
        Ok(())
    }

    fn scalar_kind(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Cow<'_, Tag>>,
        span: Span,
    ) -> ScalarKind {
        if let Some(tag) = tag {
            if tag.is_yaml_core_schema() {
                match tag.suffix.as_str() {
                    "str" => return ScalarKind::Text,
                    "null" | "bool" | "int" | "float" => return plain_kind(text),
                    _ => {}
                }
            } else if tag.handle == "!" && tag.suffix.is_empty() {
                return ScalarKind::Text;
            }
            self.spoil(Fault::new(span, format!("the YAML tag `{tag}` is not supported")));
        }
        if style == ScalarStyle::Plain { plain_kind(text) } else { ScalarKind::Text }
    }

    fn check_collection_tag(&mut self, tag: Option<&Cow<'_, Tag>>, expected: &str, span: Span) {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && tag.suffix == expected)
        {
            self.spoil(Fault::new(span, format!("the YAML tag `{tag}` is not supported")));
        }
    }
}

/// Levels of collections in `node`; 0 for a scalar. Bounded by [`DEPTH_MAX`].
fn depth(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) => 0,
        Kind::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Kind::Map(entries) => 1 + entries.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
    }
}

/// The core schema (YAML 1.2.2, section 10.3.2).
fn plain_kind(text: &str) -> ScalarKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return ScalarKind::Null,
        "true" | "True" | "TRUE" => return ScalarKind::Bool(true),
        "false" | "False" | "FALSE" => return ScalarKind::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return ScalarKind::Float,
        _ => {}
    }
    let all = |digits: &str, test: fn(&u8) -> bool| !digits.is_empty() && digits.as_bytes().iter().all(test);
    if text.strip_prefix("0x").is_some_and(|digits| all(digits, u8::is_ascii_hexdigit))
        || text.strip_prefix("0o").is_some_and(|digits| all(digits, |b| (b'0'..=b'7').contains(b)))
    {
        return ScalarKind::Int;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if all(unsigned, u8::is_ascii_digit) {
        return ScalarKind::Int;
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return ScalarKind::Float;
    }
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (!whole.is_empty() || !fraction.is_empty())
        && digits(whole)
        && digits(fraction)
        && exponent.is_none_or(|part| !part.is_empty() && digits(part))
    {
        return ScalarKind::Float;
    }
    ScalarKind::Text
}
