//! Affixes: every literal that a value starts with (or, read backwards, ends with), in one walk.
//!
//! Cost is the length of the longest shared affix, not the number of literals: of a
//! thousand rules on `\….exe` a value walks one path.

/// A byte trie in flat arrays: nodes in one table, edges in another, sorted per node.
#[derive(Debug, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    edges: Vec<(u8, u32)>,
    targets: Vec<u32>,
    /// Edge of the root per byte: the first step of every walk.
    root: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Node {
    edges: (u32, u32),
    targets: (u32, u32),
}

const NONE: u32 = u32::MAX;

impl Trie {
    /// A trie over `(bytes, target)`; several targets may share the same bytes.
    pub(super) fn new(mut entries: Vec<(Vec<u8>, u32)>) -> Trie {
        entries.sort();
        entries.dedup();
        let mut trie = Trie::default();
        if entries.is_empty() {
            return trie;
        }
        // Breadth-first over ranges of the sorted entries that share a prefix.
        trie.nodes.push(Node { edges: (0, 0), targets: (0, 0) });
        let mut queue = std::collections::VecDeque::from([(0usize, 0..entries.len(), 0usize)]);
        while let Some((node, range, depth)) = queue.pop_front() {
            let first_target = trie.targets.len() as u32;
            let mut at = range.start;
            while at < range.end && entries[at].0.len() == depth {
                trie.targets.push(entries[at].1);
                at += 1;
            }
            let first_edge = trie.edges.len() as u32;
            while at < range.end {
                let byte = entries[at].0[depth];
                let mut end = at;
                while end < range.end && entries[end].0[depth] == byte {
                    end += 1;
                }
                let child = trie.nodes.len();
                trie.nodes.push(Node { edges: (0, 0), targets: (0, 0) });
                trie.edges.push((byte, child as u32));
                queue.push_back((child, at..end, depth + 1));
                at = end;
            }
            trie.nodes[node] = Node {
                edges: (first_edge, trie.edges.len() as u32),
                targets: (first_target, trie.targets.len() as u32),
            };
        }
        trie.root = vec![NONE; 256];
        let (a, b) = trie.nodes[0].edges;
        for (byte, child) in &trie.edges[a as usize..b as usize] {
            trie.root[*byte as usize] = *child;
        }
        trie
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Calls `hit` with the target of every entry that is a prefix of `bytes` (given in walking order).
    #[inline]
    pub(super) fn walk(&self, mut bytes: impl Iterator<Item = u8>, mut hit: impl FnMut(u32)) {
        let Some(first) = bytes.next() else { return };
        let Some(mut node) = self.root.get(first as usize).copied().filter(|n| *n != NONE) else { return };
        loop {
            let n = self.nodes[node as usize];
            for target in &self.targets[n.targets.0 as usize..n.targets.1 as usize] {
                hit(*target);
            }
            let edges = &self.edges[n.edges.0 as usize..n.edges.1 as usize];
            if edges.is_empty() {
                return;
            }
            let Some(byte) = bytes.next() else { return };
            let next = if edges.len() <= 8 {
                edges.iter().find(|(b, _)| *b == byte)
            } else {
                edges.binary_search_by_key(&byte, |(b, _)| *b).ok().map(|i| &edges[i])
            };
            match next {
                Some((_, child)) => node = *child,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Trie;

    #[test]
    fn every_prefix_is_hit() {
        let words = ["a", "ab", "abc", "b", "abd", "zz"];
        let trie =
            Trie::new(words.iter().enumerate().map(|(i, w)| (w.as_bytes().to_vec(), i as u32)).collect());
        for text in ["abcd", "ab", "", "b", "zzz", "q"] {
            let mut got = Vec::new();
            trie.walk(text.bytes(), |t| got.push(words[t as usize]));
            let want: Vec<&str> = words.iter().copied().filter(|w| text.starts_with(w)).collect();
            got.sort_unstable();
            let mut want_sorted = want.clone();
            want_sorted.sort_unstable();
            assert_eq!(got, want_sorted, "{text}");
        }
    }
}
