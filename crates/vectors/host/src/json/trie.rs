//! One trie over every path that somebody wants: field names of rules, and the
//! paths by which dialects recognise and read their records.
//!
//! A node stands for a position in a JSON document. The scanner walks the document
//! and the trie side by side; where the trie ends, nobody wants what lies below.
//! The trie is built once, from rules and dialect files, never from evidence.

use std::collections::BTreeMap;

use palisade_model::FieldId;

/// Index of a position in the trie.
pub(super) type NodeId = u32;

/// Nobody wants anything here or below.
pub(super) const DEAD: NodeId = u32::MAX;

/// The document itself.
pub(super) const ROOT: NodeId = 0;

/// The dialect tag of uses that count whatever the dialect.
pub(super) const ANY: u8 = u8::MAX;

/// What a value at a position is good for, in records of one dialect (or of any).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum What {
    /// A field that the dialect calls otherwise: a record's body cannot replace it. Lower
    /// numbers are tried first.
    Renamed(FieldId, u8),
    /// A field under the record's mounted object.
    Mounted(FieldId),
    /// One of the numbered keys under which an exporter puts the event's unnamed `Data`.
    Unnamed(u8),
    /// A field that the dialect calls otherwise, unless the body has one of that name.
    Fallback(FieldId),
    /// A field under its own name.
    Native(FieldId),
    /// The time; lower numbers are tried first. `local`: a time without zone is local time.
    Time { order: u8, local: bool },
    /// The name of the stream; lower numbers are tried first.
    Stream(u8),
    /// The event number; lower numbers are tried first.
    EventId(u8),
    /// The machine; lower numbers are tried first.
    Host(u8),
    /// Text that holds XML.
    Xml,
    /// Text that holds JSON.
    Json,
    /// Text that holds a line of auditd.
    Audit,
    /// What a program on Linux said.
    Program,
    /// An array of records.
    Records,
    /// A list of name-value pairs.
    Named,
}

/// One use of a position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Use {
    /// The dialect, or [`ANY`].
    pub dialect: u8,
    /// For what.
    pub what: What,
}

/// A position.
#[derive(Clone, Copy, Debug)]
struct Node {
    uses: (u32, u32),
    /// Index of the presence bit, or `NO_BIT`.
    bit: u16,
    /// Where keys lead that no child has.
    wild: NodeId,
    parent: bool,
}

/// A position without a presence bit.
pub(super) const NO_BIT: u16 = u16::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    parent: NodeId,
    child: NodeId,
    at: u32,
    len: u32,
}

const EMPTY: Slot = Slot { parent: DEAD, child: DEAD, at: 0, len: 0 };

/// The closed trie: an open-addressed table from (position, key) to position.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    uses: Vec<Use>,
    table: Vec<Slot>,
    keys: String,
    strip_spaces: bool,
}

impl Default for Trie {
    fn default() -> Self {
        Builder::new().close(false)
    }
}

/// FNV-1a over whole words: short keys, no attacker (the table's keys are ours; a
/// look-up that misses ends at the first empty slot).
#[inline]
pub(super) fn hash(parent: NodeId, key: &[u8]) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325u64 ^ u64::from(parent) ^ (key.len() as u64) << 32;
    let mut words = key.chunks_exact(8);
    for w in &mut words {
        let mut b = [0; 8];
        b.copy_from_slice(w);
        h = (h ^ u64::from_le_bytes(b)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        h ^= h >> 29;
    }
    let mut tail = 0u64;
    for b in words.remainder() {
        tail = tail << 8 | u64::from(*b);
    }
    h = (h ^ tail).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h ^ h >> 32
}

impl Trie {
    /// What a position is used for.
    #[inline]
    pub fn uses(&self, node: NodeId) -> &[Use] {
        match self.nodes.get(node as usize) {
            Some(n) => &self.uses[n.uses.0 as usize..n.uses.1 as usize],
            None => &[],
        }
    }

    /// Whether anybody uses the value at this very position.
    #[inline]
    pub fn is_used(&self, node: NodeId) -> bool {
        self.nodes.get(node as usize).is_some_and(|n| n.uses.0 != n.uses.1)
    }

    /// Whether anything below is wanted.
    #[inline]
    pub fn is_parent(&self, node: NodeId) -> bool {
        self.nodes.get(node as usize).is_some_and(|n| n.parent)
    }

    /// The position's presence bit, or [`NO_BIT`].
    #[inline]
    pub fn bit(&self, node: NodeId) -> u16 {
        self.nodes.get(node as usize).map_or(NO_BIT, |n| n.bit)
    }

    /// Where a key leads, spaces in it left out if need be; [`DEAD`] if nowhere.
    pub fn child(&self, parent: NodeId, key: &str) -> NodeId {
        const LONGEST: usize = 256;
        if parent == DEAD || key.len() > LONGEST {
            return DEAD;
        }
        let mut found = self.exact(parent, key);
        if found == DEAD && self.strip_spaces && key.contains(' ') {
            let stripped: String = key.chars().filter(|c| *c != ' ').collect();
            found = self.exact(parent, &stripped);
        }
        if found == DEAD { self.wild(parent) } else { found }
    }

    /// Where keys lead that have no position of their own.
    #[inline]
    pub fn wild(&self, parent: NodeId) -> NodeId {
        self.nodes.get(parent as usize).map_or(DEAD, |n| n.wild)
    }

    fn exact(&self, parent: NodeId, key: &str) -> NodeId {
        let mask = self.table.len() - 1;
        let mut i = hash(parent, key.as_bytes()) as usize & mask;
        // The table is at most half full, so there is an empty slot to stop at.
        loop {
            let s = self.table[i];
            if s.child == DEAD {
                return DEAD;
            }
            if s.parent == parent && &self.keys[s.at as usize..(s.at + s.len) as usize] == key {
                return s.child;
            }
            i = (i + 1) & mask;
        }
    }
}

#[derive(Default)]
struct Draft {
    children: BTreeMap<Box<str>, NodeId>,
    uses: Vec<Use>,
    bit: Option<u16>,
    wild: Option<NodeId>,
}

/// Collects paths until the trie is closed.
pub(super) struct Builder {
    nodes: Vec<Draft>,
    bits: u16,
}

impl Builder {
    /// A trie with nothing but a root.
    pub fn new() -> Builder {
        Builder { nodes: vec![Draft::default()], bits: 0 }
    }

    /// The position a key leads to, made if new.
    pub fn step(&mut self, parent: NodeId, key: &str) -> NodeId {
        let next = self.nodes.len() as NodeId;
        let draft = &mut self.nodes[parent as usize];
        let node = if key == "*" {
            *draft.wild.get_or_insert(next)
        } else {
            *draft.children.entry(key.into()).or_insert(next)
        };
        if node == next {
            self.nodes.push(Draft::default());
        }
        node
    }

    /// Every position a dotted path may lead to from `base`: as nested objects, as one
    /// key with dots in it, and in any mixture of the two.
    pub fn path(&mut self, base: NodeId, path: &str) -> Vec<NodeId> {
        // Six names have 32 mixtures; longer paths are read as objects or as one key.
        const MIXED: usize = 6;
        // An element's text stands for the element, so `EventID.#text` is `EventID`.
        let names: Vec<&str> = path.split('.').filter(|n| *n != "#text").collect();
        let joints = names.len().saturating_sub(1);
        let every = (1u32 << joints.min(20)) - 1;
        let mixtures: Vec<u32> = if names.len() <= MIXED { (0..=every).collect() } else { vec![0, every] };
        let mut ends = Vec::new();
        for split in mixtures {
            let mut node = base;
            let mut key = String::new();
            for (i, name) in names.iter().enumerate() {
                key.push_str(name);
                let last = i == joints;
                // A wildcard is always an object of its own.
                let star = *name == "*" || names.get(i + 1) == Some(&"*");
                if last || star || split >> i.min(31) & 1 == 1 || names.len() > MIXED && split != 0 {
                    node = self.step(node, &key);
                    key.clear();
                } else {
                    key.push('.');
                }
            }
            if !ends.contains(&node) {
                ends.push(node);
            }
        }
        ends
    }

    /// Adds a use.
    pub fn add(&mut self, node: NodeId, dialect: u8, what: What) {
        let what = Use { dialect, what };
        let uses = &mut self.nodes[node as usize].uses;
        if !uses.contains(&what) {
            uses.push(what);
        }
    }

    /// The presence bit shared by all of `nodes`, made if new; `None` past the limit.
    pub fn bit(&mut self, nodes: &[NodeId], most: u16) -> Option<u16> {
        let had = nodes.iter().find_map(|n| self.nodes[*n as usize].bit);
        let bit = had.unwrap_or(self.bits);
        if had.is_none() {
            if self.bits >= most {
                return None;
            }
            self.bits += 1;
        }
        for n in nodes {
            self.nodes[*n as usize].bit = Some(bit);
        }
        Some(bit)
    }

    /// Closes the trie.
    pub fn close(self, strip_spaces: bool) -> Trie {
        let edges: usize = self.nodes.iter().map(|n| n.children.len()).sum();
        let mut trie = Trie {
            nodes: Vec::with_capacity(self.nodes.len()),
            uses: Vec::new(),
            table: vec![EMPTY; (edges * 2 + 2).next_power_of_two()],
            keys: String::new(),
            strip_spaces,
        };
        let mask = trie.table.len() - 1;
        for (parent, draft) in self.nodes.into_iter().enumerate() {
            let first = trie.uses.len() as u32;
            trie.uses.extend(draft.uses);
            trie.nodes.push(Node {
                uses: (first, trie.uses.len() as u32),
                bit: draft.bit.unwrap_or(NO_BIT),
                wild: draft.wild.unwrap_or(DEAD),
                parent: draft.wild.is_some() || !draft.children.is_empty(),
            });
            for (key, child) in draft.children {
                let parent = parent as NodeId;
                let mut i = hash(parent, key.as_bytes()) as usize & mask;
                while trie.table[i].child != DEAD {
                    i = (i + 1) & mask;
                }
                let at = trie.keys.len() as u32;
                trie.table[i] = Slot { parent, child, at, len: key.len() as u32 };
                trie.keys.push_str(&key);
            }
        }
        trie
    }
}
