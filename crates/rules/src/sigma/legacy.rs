//! Collections in the old form: `action: global`, `repeat`, `reset`.
//!
//! Before documents could refer to each other, a file held parts that are merged: `global` is added
//! to all that follow, `repeat` is the document before with changes, `reset` forgets the global
//! part. Maps are merged key by key, anything else is replaced by the later one.

use std::collections::HashMap;

use super::fault::Fault;
use super::yaml::{Kind, Node};

/// Nodes that merging may copy in one text: each use of a global part copies it.
pub const MERGED_NODES_MAX: usize = 400_000;

/// The state between documents of one text.
#[derive(Default)]
pub struct Collection {
    global: Option<Node>,
    previous: Option<Node>,
    copied: usize,
}

impl Collection {
    /// The document that results, or none if it only changes the state.
    pub fn resolve(&mut self, mut node: Node) -> Result<Option<Node>, Fault> {
        let Kind::Map(entries) = &mut node.kind else { return Ok(Some(node)) };
        let action = entries.iter().position(|(key, _)| key.text == "action").map(|at| entries.remove(at).1);
        let Some(action) = action else {
            let merged = match &self.global {
                Some(global) => {
                    self.copied = self.copied.saturating_add(count(global));
                    merge(global.clone(), node)
                }
                None => node,
            };
            self.check(&merged)?;
            return self.remember(merged).map(Some);
        };
        let name = match &action.kind {
            Kind::Scalar(scalar) => scalar.text.as_str(),
            _ => "",
        };
        match name {
            "global" => {
                self.global = Some(match self.global.take() {
                    Some(global) => merge(global, node),
                    None => node,
                });
                Ok(None)
            }
            "reset" => {
                self.global = None;
                Ok(None)
            }
            "repeat" => {
                let Some(previous) = self.previous.take() else {
                    return Err(Fault::new(action.span, "`action: repeat` with no document before it"));
                };
                let merged = merge(previous, node);
                self.check(&merged)?;
                self.remember(merged).map(Some)
            }
            _ => Err(Fault::new(action.span, "`action` must be global, repeat or reset")),
        }
    }

    fn check(&self, node: &Node) -> Result<(), Fault> {
        if self.copied > MERGED_NODES_MAX {
            let message = format!("`action` documents expand to more than {MERGED_NODES_MAX} nodes");
            return Err(Fault::new(node.span, message));
        }
        Ok(())
    }

    /// Keeps a copy for `repeat`.
    fn remember(&mut self, node: Node) -> Result<Node, Fault> {
        self.copied = self.copied.saturating_add(if self.previous.is_some() { count(&node) } else { 0 });
        self.previous = Some(node.clone());
        Ok(node)
    }
}

/// `base` with what `over` adds or replaces; the place is that of `over`.
fn merge(base: Node, over: Node) -> Node {
    match (base.kind, over.kind) {
        (Kind::Map(mut entries), Kind::Map(more)) => {
            let places: HashMap<String, usize> =
                entries.iter().enumerate().map(|(at, (key, _))| (key.text.clone(), at)).collect();
            for (key, value) in more {
                match places.get(&key.text).and_then(|at| entries.get_mut(*at)) {
                    Some(entry) => {
                        let empty = Node { span: key.span, kind: Kind::List(Vec::new()) };
                        entry.1 = merge(std::mem::replace(&mut entry.1, empty), value);
                    }
                    None => entries.push((key, value)),
                }
            }
            Node { span: over.span, kind: Kind::Map(entries) }
        }
        (_, kind) => Node { span: over.span, kind },
    }
}

fn count(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) => 1,
        Kind::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|(_, value)| count(value)).sum::<usize>(),
    }
}
