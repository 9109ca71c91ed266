//! One pass over one JSON document, side by side with the trie.
//!
//! The scanner notes where wanted values lie and which signs of dialects it passed;
//! it copies, unescapes and judges nothing. It is lenient inside strings (any
//! escape, any control character) and strict about structure: what is not JSON is
//! a [`Fault`] with its place.
//!
//! Logs repeat themselves: after `"EventID":` comes the key that came after it last
//! time. The scanner remembers for each key which one followed and compares one
//! run of bytes instead of searching for the key's end and hashing it.

use memchr::memchr;
use palisade_model::{MAX_LOCAL_NAME_BYTES, ProblemCode, unescape_json};

use super::dialect::Signs;
use super::trie::{DEAD, NO_BIT, NodeId, Trie, hash};

/// Objects and arrays may be nested this deep; what lies deeper is skipped unread.
pub const MAX_DEPTH: usize = 64;

/// What kind of value an entry is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The inside of a string, escapes unresolved.
    Text,
    /// Text that holds no escapes whatever it looks like.
    Plain,
    /// A number.
    Number,
    /// `true`
    True,
    /// `false`
    False,
    /// `null`
    Null,
    /// An empty XML element.
    Blank,
    /// An object or an array, as written.
    Raw,
    /// Nothing after all.
    Void,
}

/// A value that may be wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Its position in the trie; [`DEAD`]: kept for keyword search only.
    pub node: NodeId,
    pub start: u32,
    pub end: u32,
    pub kind: Kind,
}

/// Why a document is not JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    /// Where, in the scanned text.
    pub at: usize,
    /// What was expected.
    pub what: &'static str,
}

/// The key of a value, and the key of the object that holds it.
#[derive(Clone, Copy)]
pub(super) struct Key {
    parent: u32,
    start: u32,
    len: u32,
    /// It lies in [`Found::spelled`], not in the scanned text.
    spelled: bool,
}

/// No key: the document itself.
pub(super) const NO_KEY: u32 = u32::MAX;

/// Most keys on the way to a value: those of a document, and those of one in its text.
const MAX_KEYS_ABOVE: usize = 2 * MAX_DEPTH + 4;

/// What the scan of one document found.
#[derive(Default)]
pub(super) struct Found {
    pub entries: Vec<Entry>,
    /// Records are kept whole: each entry knows its key, for the name of a value that is
    /// good for no field. Otherwise the three lists below stay empty.
    pub whole: bool,
    keys: Vec<Key>,
    /// By entry.
    key_of: Vec<u32>,
    /// Keys that do not lie in the arena: those of XML and auditd, escapes resolved.
    spelled: String,
    pub seen: Signs,
    /// Something was nested deeper than [`MAX_DEPTH`].
    pub deep: bool,
    /// What texts inside the record did not give, and why.
    pub trouble: Vec<(ProblemCode, &'static str)>,
}

impl Found {
    /// Ready for the next document.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.keys.clear();
        self.key_of.clear();
        self.spelled.clear();
        self.seen = Signs::default();
        self.deep = false;
        self.trouble.clear();
    }

    /// One more value, under this key.
    #[inline]
    pub fn push(&mut self, entry: Entry, key: u32) {
        self.entries.push(entry);
        if self.whole {
            self.key_of.push(key);
        }
    }

    /// Takes back all values but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        self.entries.truncate(len);
        self.key_of.truncate(len);
    }

    /// The key of an entry, if records are kept whole.
    pub fn key_of(&self, entry: usize) -> u32 {
        self.key_of.get(entry).copied().unwrap_or(NO_KEY)
    }

    /// A key that does not lie in the arena, below `parent`.
    pub fn spell(&mut self, parent: u32, name: &str) -> u32 {
        if !self.whole {
            return NO_KEY;
        }
        let (start, len) = (self.spelled.len() as u32, name.len() as u32);
        self.spelled.push_str(name);
        self.keys.push(Key { parent, start, len, spelled: true });
        self.keys.len() as u32 - 1
    }

    /// Appends the dotted path of a key to `path`, as the record has it, escapes resolved.
    /// `false`: there is none, or it is far longer than any name may be.
    pub fn path(&self, arena: &str, key: u32, path: &mut String) -> bool {
        /// Six characters of JSON may stand for one, and a prefix may be dropped.
        const LONGEST: usize = 8 * MAX_LOCAL_NAME_BYTES;
        let mut chain = [NO_KEY; MAX_KEYS_ABOVE];
        let (mut depth, mut bytes, mut at) = (0, 0, key);
        while let Some(key) = self.keys.get(at as usize) {
            let Some(slot) = chain.get_mut(depth) else { return false };
            *slot = at;
            depth += 1;
            bytes += key.len as usize + 1;
            at = key.parent;
        }
        if depth == 0 || bytes > LONGEST {
            return false;
        }
        for (i, at) in chain.iter().take(depth).rev().enumerate() {
            let Some(key) = self.keys.get(*at as usize) else { return false };
            if i > 0 {
                path.push('.');
            }
            let range = key.start as usize..(key.start + key.len) as usize;
            if key.spelled {
                path.push_str(self.spelled.get(range).unwrap_or(""));
            } else {
                path.push_str(&unescape_json(arena.get(range).unwrap_or("")));
            }
        }
        true
    }
}

/// Keys seen and which key followed which. Bounded, whatever keys evidence invents.
pub(super) struct KeyCache {
    slots: Vec<KeySlot>,
    index: Vec<u32>,
    text: Vec<u8>,
}

#[derive(Clone, Copy)]
struct KeySlot {
    parent: NodeId,
    child: NodeId,
    next: u32,
    at: u32,
    len: u32,
}

/// Most keys remembered. A busy Windows collector shows about 1,500.
const MAX_KEYS: usize = 8_192;

/// Longer keys are looked up each time.
const MAX_KEY_BYTES: usize = 96;

const NO_SLOT: u32 = u32::MAX;

impl Default for KeyCache {
    fn default() -> Self {
        let mut cache = KeyCache { slots: Vec::new(), index: vec![NO_SLOT; MAX_KEYS * 2], text: Vec::new() };
        cache.clear();
        cache
    }
}

impl KeyCache {
    /// Forgets everything (another trie, or too many keys).
    pub fn clear(&mut self) {
        self.slots.clear();
        self.text.clear();
        self.index.fill(NO_SLOT);
        // Slot 0 stands for "the document begins".
        self.slots.push(KeySlot { parent: DEAD, child: DEAD, next: 0, at: 0, len: 0 });
    }

    /// The slot of a key (closing quote included), made if new.
    fn slot(&mut self, trie: &Trie, parent: NodeId, quoted: &[u8]) -> u32 {
        let mask = self.index.len() - 1;
        let mut i = hash(parent, quoted) as usize & mask;
        loop {
            let n = self.index[i];
            if n == NO_SLOT {
                break;
            }
            let s = &self.slots[n as usize];
            if s.parent == parent && &self.text[s.at as usize..(s.at + s.len) as usize] == quoted {
                return n;
            }
            i = (i + 1) & mask;
        }
        if self.slots.len() >= MAX_KEYS {
            self.clear();
            i = hash(parent, quoted) as usize & mask;
        }
        let child = look_up(trie, parent, &quoted[..quoted.len() - 1]);
        let n = self.slots.len() as u32;
        let at = self.text.len() as u32;
        self.text.extend_from_slice(quoted);
        self.slots.push(KeySlot { parent, child, next: 0, at, len: quoted.len() as u32 });
        self.index[i] = n;
        n
    }
}

fn look_up(trie: &Trie, parent: NodeId, raw: &[u8]) -> NodeId {
    match std::str::from_utf8(raw) {
        Ok(key) if key.contains('\\') => trie.child(parent, &unescape_json(key)),
        Ok(key) => trie.child(parent, key),
        Err(_) => DEAD,
    }
}

/// The scan of one document.
pub(super) struct Scan<'t> {
    pub trie: &'t Trie,
    pub text: &'t [u8],
    pub at: usize,
    /// Keep every text and number, for keyword search.
    pub all_text: bool,
    pub keys: &'t mut KeyCache,
    pub found: &'t mut Found,
    /// The slot of the key before.
    prev: u32,
    /// The key of the value being read, if records are kept whole.
    pub key: u32,
}

impl<'t> Scan<'t> {
    /// A scan of `text` from `at` on.
    pub fn new(
        trie: &'t Trie,
        text: &'t [u8],
        at: usize,
        all_text: bool,
        keys: &'t mut KeyCache,
        found: &'t mut Found,
    ) -> Scan<'t> {
        Scan { trie, text, at, all_text, keys, found, prev: 0, key: NO_KEY }
    }

    #[inline]
    fn peek(&self) -> u8 {
        // A NUL stands for the end: it is no part of JSON outside strings either.
        self.text.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn fault<T>(&self, what: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at.min(self.text.len()), what })
    }

    /// Scans one value of any kind.
    #[inline]
    pub fn value(&mut self, node: NodeId, depth: usize) -> Result<(), Fault> {
        self.blanks();
        match self.peek() {
            b'"' => {
                let (start, end) = self.string()?;
                if self.all_text || node != DEAD {
                    self.push(node, Kind::Text, start, end);
                }
                Ok(())
            }
            b'{' => self.container(node, depth, true),
            b'[' => self.container(node, depth, false),
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                self.number()?;
                if self.all_text || node != DEAD {
                    self.push(node, Kind::Number, start, self.at);
                }
                Ok(())
            }
            b't' => self.literal(node, b"true", Kind::True),
            b'f' => self.literal(node, b"false", Kind::False),
            b'n' => self.literal(node, b"null", Kind::Null),
            0 if self.at >= self.text.len() => self.fault("the document ends early"),
            _ => self.fault("no JSON value"),
        }
    }

    #[inline]
    fn push(&mut self, node: NodeId, kind: Kind, start: usize, end: usize) {
        self.found.push(Entry { node, start: start as u32, end: end as u32, kind }, self.key);
    }

    fn literal(&mut self, node: NodeId, word: &[u8], kind: Kind) -> Result<(), Fault> {
        if !self.text[self.at..].starts_with(word) {
            return self.fault("no JSON value");
        }
        let start = self.at;
        self.at += word.len();
        if node != DEAD || self.found.whole {
            self.push(node, kind, start, self.at);
        }
        Ok(())
    }

    /// A number by RFC 8259, but leading zeros and a trailing point are let pass.
    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if !self.peek().is_ascii_digit() {
            return self.fault("no JSON number");
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        if self.peek() == b'.' {
            self.at += 1;
            while self.peek().is_ascii_digit() {
                self.at += 1;
            }
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            if !self.peek().is_ascii_digit() {
                return self.fault("no JSON number");
            }
            while self.peek().is_ascii_digit() {
                self.at += 1;
            }
        }
        Ok(())
    }

    /// The inside of the string that starts here; goes on behind its closing quote.
    #[inline]
    fn string(&mut self) -> Result<(usize, usize), Fault> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            let Some(n) = self.text.get(at..).and_then(|rest| memchr(b'"', rest)) else {
                return self.fault("a string that does not end");
            };
            at += n;
            // A quote after an odd number of backslashes is part of the string.
            let mut back = at;
            while back > start && self.text[back - 1] == b'\\' {
                back -= 1;
            }
            if (at - back).is_multiple_of(2) {
                self.at = at + 1;
                return Ok((start, at));
            }
            at += 1;
        }
    }

    fn container(&mut self, node: NodeId, depth: usize, object: bool) -> Result<(), Fault> {
        if depth >= MAX_DEPTH {
            self.found.deep = true;
            return self.skip();
        }
        if node == DEAD && !self.all_text {
            return self.skip();
        }
        let first = self.found.entries.len();
        let start = self.at;
        let used = self.trie.is_used(node);
        if used {
            self.push(node, Kind::Void, start, start);
        }
        self.at += 1;
        let raw = if object {
            self.object(node, depth + 1)?
        } else if !self.all_text && !used && !self.trie.is_parent(node) {
            self.at = start;
            self.skip()?;
            false
        } else {
            self.array(node, depth + 1)?
        };
        if used && raw {
            let end = self.at;
            let inside = self.text.get(start + 1..end.saturating_sub(1)).unwrap_or(&[]);
            // Sigma knows no empty list: a field without values is null.
            let nothing = !object && inside.trim_ascii().is_empty();
            if let Some(e) = self.found.entries.get_mut(first) {
                e.kind = if nothing { Kind::Null } else { Kind::Raw };
                e.end = end as u32;
            }
        }
        Ok(())
    }

    /// The members of an object; whether its text as a whole means something
    /// (an element with `#text` is its text).
    fn object(&mut self, node: NodeId, depth: usize) -> Result<bool, Fault> {
        let mut raw = true;
        let above = self.key;
        self.blanks();
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(true);
        }
        loop {
            if self.peek() != b'"' {
                return self.fault("no key");
            }
            let mut child = DEAD;
            let start = self.at + 1;
            if node == DEAD {
                self.string()?;
            } else {
                child = self.key(node)?;
                if child == DEAD && self.text_key() {
                    raw = false;
                    child = node;
                }
            }
            if self.found.whole {
                let (start, len) = (start as u32, (self.at - 1 - start) as u32);
                self.key = self.found.keys.len() as u32;
                self.found.keys.push(Key { parent: above, start, len, spelled: false });
            }
            if self.peek() != b':' {
                self.blanks();
                if self.peek() != b':' {
                    return self.fault("no colon after a key");
                }
            }
            self.at += 1;
            let bit = self.trie.bit(child);
            if bit != NO_BIT {
                self.found.seen[usize::from(bit / 64)] |= 1 << (bit % 64);
            }
            self.value(child, depth)?;
            self.blanks();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    self.key = above;
                    return Ok(raw);
                }
                _ => return self.fault("neither comma nor closing brace after a value"),
            }
            self.blanks();
        }
    }

    /// Whether the key just read is `#text`, the content of an XML element turned to JSON.
    #[inline]
    fn text_key(&self) -> bool {
        self.text[..self.at].ends_with(b"\"#text\"")
    }

    /// Where the key that starts here leads.
    #[inline]
    fn key(&mut self, node: NodeId) -> Result<NodeId, Fault> {
        let from = self.at + 1;
        let guess = self.keys.slots[self.prev as usize].next;
        let s = self.keys.slots[guess as usize];
        let known = &self.keys.text[s.at as usize..(s.at + s.len) as usize];
        if s.parent == node && self.text[from..].starts_with(known) {
            self.prev = guess;
            self.at = from + known.len();
            return Ok(s.child);
        }
        let (start, end) = self.string()?;
        if end - start > MAX_KEY_BYTES {
            return Ok(look_up(self.trie, node, &self.text[start..end]));
        }
        let slot = self.keys.slot(self.trie, node, &self.text[start..=end]);
        // The cache may have been emptied to make room.
        if let Some(prev) = self.keys.slots.get_mut(self.prev as usize) {
            prev.next = slot;
        }
        self.prev = slot;
        Ok(self.keys.slots[slot as usize].child)
    }

    /// The elements of an array, all at the array's own position; whether any of them
    /// is an object or an array.
    fn array(&mut self, node: NodeId, depth: usize) -> Result<bool, Fault> {
        let mut nested = false;
        self.blanks();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(true);
        }
        loop {
            self.blanks();
            let first = self.found.entries.len();
            let inner = matches!(self.peek(), b'{' | b'[');
            nested |= inner;
            self.value(node, depth)?;
            // The array's own text holds those of its elements.
            if inner
                && let Some(e) = self.found.entries.get_mut(first)
                && e.node == node
                && e.kind == Kind::Raw
            {
                e.kind = Kind::Void;
            }
            self.blanks();
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(nested);
                }
                _ => return self.fault("neither comma nor closing bracket after a value"),
            }
        }
    }

    /// Goes behind the object or array that starts here without looking into it.
    pub fn skip(&mut self) -> Result<(), Fault> {
        let mut open = 0usize;
        loop {
            match self.peek() {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => {
                    open -= 1;
                    if open == 0 {
                        self.at += 1;
                        return Ok(());
                    }
                }
                0 if self.at >= self.text.len() => return self.fault("the document ends early"),
                _ => {}
            }
            self.at += 1;
        }
    }
}
