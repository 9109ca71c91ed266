//! From a rule's expression to what the engine evaluates: numbered atoms, each once per
//! group, and for every rule a *witness*: atoms of which at least one must hold.
//!
//! An `Or` over atoms that the field scan can set by itself becomes one atom (*any of*),
//! so a list of fifty values costs one look, not fifty.

use std::collections::HashMap;

use palisade_model::FieldId;

use crate::sigma::ir::{Atom, Expr, Target, Test, TextKind};

/// Index of an atom in its group.
pub(super) type AtomId = u32;

/// What an atom looks at, with the field resolved for the group's records.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub(super) enum Place {
    Field(FieldId),
    Keyword,
}

/// One numbered question.
#[derive(Clone, Debug)]
pub(super) enum AtomKind {
    /// Asked of a field or of every text.
    Base { place: Place, test: Test, other: Option<FieldId> },
    /// Holds if any of these base atoms holds; set by the scan like a base atom.
    AnyOf(Vec<AtomId>),
}

/// A rule's condition over numbered atoms.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Const(bool),
    Atom(AtomId),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    AtLeast(usize, Vec<Node>),
}

/// Collects the atoms of a group while its rules are lowered.
#[derive(Default)]
pub(super) struct Atoms {
    pub(super) kinds: Vec<AtomKind>,
    /// The other field of a comparison is part of the question: views may resolve one name differently.
    base: HashMap<(Place, Test, Option<FieldId>), AtomId, foldhash::fast::FixedState>,
    any_of: HashMap<Vec<AtomId>, AtomId, foldhash::fast::FixedState>,
}

impl Atoms {
    /// Lowers an expression; `resolve` gives the field a rule's name stands for here.
    pub(super) fn lower(&mut self, expr: &Expr, resolve: &mut dyn FnMut(&str) -> Option<FieldId>) -> Node {
        match expr {
            Expr::Const(b) => Node::Const(*b),
            Expr::Atom(atom) => self.atom(atom, resolve),
            Expr::Not(inner) => match self.lower(inner, resolve) {
                Node::Const(b) => Node::Const(!b),
                Node::Not(inner) => *inner,
                node => Node::Not(Box::new(node)),
            },
            Expr::And(parts) => {
                let parts = parts.iter().map(|p| self.lower(p, resolve)).collect();
                self.and(parts)
            }
            Expr::Or(parts) => {
                let parts = parts.iter().map(|p| self.lower(p, resolve)).collect();
                self.or(parts)
            }
            Expr::AtLeast(n, parts) => {
                let mut nodes: Vec<Node> = parts.iter().map(|p| self.lower(p, resolve)).collect();
                let certain = nodes.iter().filter(|n| **n == Node::Const(true)).count();
                nodes.retain(|n| !matches!(n, Node::Const(_)));
                let need = n.saturating_sub(certain);
                match need {
                    0 => Node::Const(true),
                    1 => self.or(nodes),
                    n if n > nodes.len() => Node::Const(false),
                    n if n == nodes.len() => self.and(nodes),
                    n => Node::AtLeast(n, nodes),
                }
            }
        }
    }

    fn atom(&mut self, atom: &Atom, resolve: &mut dyn FnMut(&str) -> Option<FieldId>) -> Node {
        let place = match &atom.target {
            Target::Keyword => Place::Keyword,
            // A field beyond the limit of known fields is one no event has.
            Target::Field(name) => match resolve(name) {
                Some(id) => Place::Field(id),
                None => return Node::Const(atom.test == Test::Null),
            },
        };
        let other = match &atom.test {
            Test::FieldRef { other, .. } => match resolve(other) {
                Some(id) => Some(id),
                None => return Node::Const(false),
            },
            _ => None,
        };
        let kinds = &mut self.kinds;
        let id = *self.base.entry((place, atom.test.clone(), other)).or_insert_with(|| {
            kinds.push(AtomKind::Base { place, test: atom.test.clone(), other });
            (kinds.len() - 1) as AtomId
        });
        Node::Atom(id)
    }

    fn and(&mut self, parts: Vec<Node>) -> Node {
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Node::Const(true) => {}
                Node::Const(false) => return Node::Const(false),
                Node::And(inner) => out.extend(inner),
                node => out.push(node),
            }
        }
        out.sort_by_key(|n| self.cost(n));
        match out.len() {
            0 => Node::Const(true),
            1 => out.remove(0),
            _ => Node::And(out),
        }
    }

    fn or(&mut self, parts: Vec<Node>) -> Node {
        let mut eager: Vec<AtomId> = Vec::new();
        let mut out = Vec::new();
        let mut stack: Vec<Node> = parts;
        stack.reverse();
        while let Some(part) = stack.pop() {
            match part {
                Node::Const(false) => {}
                Node::Const(true) => return Node::Const(true),
                Node::Or(inner) => stack.extend(inner.into_iter().rev()),
                Node::Atom(id) => match &self.kinds[id as usize] {
                    AtomKind::AnyOf(ids) => eager.extend(ids),
                    AtomKind::Base { place, test, .. } if is_eager(*place, test) => eager.push(id),
                    AtomKind::Base { .. } => out.push(Node::Atom(id)),
                },
                node => out.push(node),
            }
        }
        eager.sort_unstable();
        eager.dedup();
        match eager.len() {
            0 => {}
            1 => out.insert(0, Node::Atom(eager[0])),
            _ => {
                let kinds = &mut self.kinds;
                let id = *self.any_of.entry(eager).or_insert_with_key(|ids| {
                    kinds.push(AtomKind::AnyOf(ids.clone()));
                    (kinds.len() - 1) as AtomId
                });
                out.insert(0, Node::Atom(id));
            }
        }
        out.sort_by_key(|n| self.cost(n));
        match out.len() {
            0 => Node::Const(false),
            1 => out.remove(0),
            _ => Node::Or(out),
        }
    }

    /// Whether the field scan sets the atom without being asked.
    pub(super) fn eager(&self, id: AtomId) -> bool {
        match &self.kinds[id as usize] {
            AtomKind::Base { place, test, .. } => is_eager(*place, test),
            AtomKind::AnyOf(_) => true,
        }
    }

    /// Order of evaluation inside an `And` or `Or`: what is known first, what must be computed last.
    fn cost(&self, node: &Node) -> u32 {
        match node {
            Node::Const(_) => 0,
            Node::Atom(id) if self.eager(*id) => 1,
            Node::Not(inner) => self.cost(inner) + 1,
            Node::Atom(id) => match &self.kinds[*id as usize] {
                AtomKind::Base { test: Test::Regex(_), .. } => 1_000,
                _ => 100,
            },
            Node::And(parts) | Node::Or(parts) | Node::AtLeast(_, parts) => {
                10 + parts.iter().map(|p| self.cost(p)).sum::<u32>()
            }
        }
    }

    /// Atoms of which at least one holds whenever the node holds, and how often that is
    /// expected to happen; `None` if the node can hold with nothing set (negations).
    pub(super) fn witness(&self, node: &Node) -> Option<(f64, Vec<AtomId>)> {
        match node {
            Node::Const(false) => Some((0.0, Vec::new())),
            Node::Const(true) | Node::Not(_) => None,
            Node::Atom(id) => Some((self.frequency(*id)?, vec![*id])),
            Node::And(parts) => {
                parts.iter().filter_map(|p| self.witness(p)).min_by(|a, b| a.0.total_cmp(&b.0))
            }
            Node::Or(parts) => {
                let mut sum = 0.0;
                let mut all = Vec::new();
                for part in parts {
                    let (cost, atoms) = self.witness(part)?;
                    sum += cost;
                    all.extend(atoms);
                }
                all.sort_unstable();
                all.dedup();
                Some((sum, all))
            }
            Node::AtLeast(n, parts) => {
                // Any len-n+1 of the parts include one that holds: take the rarest.
                let mut known: Vec<_> = parts.iter().filter_map(|p| self.witness(p)).collect();
                let need = parts.len() + 1 - n;
                known.sort_by(|a, b| a.0.total_cmp(&b.0));
                (known.len() >= need).then(|| {
                    let chosen = &known[..need];
                    let atoms = chosen.iter().flat_map(|(_, a)| a.iter().copied()).collect();
                    (chosen.iter().map(|(c, _)| c).sum(), atoms)
                })
            }
        }
    }

    /// A rough guess at how often an atom holds on an event that has the field. Only the
    /// order matters: a wrong guess costs time, never a match.
    fn frequency(&self, id: AtomId) -> Option<f64> {
        let (place, test) = match &self.kinds[id as usize] {
            AtomKind::AnyOf(ids) => return ids.iter().map(|id| self.frequency(*id)).sum(),
            AtomKind::Base { place, test, .. } => (place, test),
        };
        let by_length = |len: usize| 1.0 / ((len as f64) * (len as f64) + 1.0);
        let f = match test {
            Test::Null => return None,
            Test::Any | Test::Exists => 1.0,
            Test::Text { kind: TextKind::Equals, value, .. } => 0.5 * by_length(value.len()),
            // Programs have the same few names everywhere.
            Test::Text { kind: TextKind::EndsWith, value, .. } => 0.05 + 2.0 * by_length(value.len()),
            Test::Text { kind: TextKind::StartsWith, value, .. } => 0.05 + 2.0 * by_length(value.len()),
            Test::Text { value, .. } => 2.0 * by_length(value.len()),
            Test::Glob { pieces, .. } => {
                let longest = pieces.iter().map(super::field::literal_len).max().unwrap_or(0);
                2.0 * by_length(longest)
            }
            Test::Regex(re) => super::literal::required(re)
                .map_or(3.0, |set| set.iter().map(|l| 2.0 * by_length(l.len())).sum::<f64>()),
            Test::Empty => 0.2,
            Test::Cidr(_) => 1.5,
            Test::Number { .. } | Test::TimePart { .. } | Test::FieldRef { .. } => 2.0,
        };
        Some(if *place == Place::Keyword { f * 0.1 } else { f })
    }
}

/// Whether the scan of a field sets the atom by itself.
fn is_eager(place: Place, test: &Test) -> bool {
    match test {
        Test::Text { .. } | Test::Glob { .. } | Test::Any => true,
        Test::Empty | Test::Exists => place != Place::Keyword,
        Test::Regex(re) => place == Place::Keyword || super::literal::required(re).is_some(),
        Test::Null | Test::Cidr(_) | Test::Number { .. } | Test::TimePart { .. } | Test::FieldRef { .. } => {
            place == Place::Keyword
        }
    }
}
