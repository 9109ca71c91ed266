//! A group: the rules that bind to one kind of record, compiled together.

use palisade_model::{Batch, FieldId, FieldSet, Value};

use crate::sigma::fold::fold_into;
use crate::sigma::ir::{Expr, Rule, Target, Test};

use super::field::{Effect, FieldBuilder, FieldMatcher};
use super::keyword::Keywords;
use super::lazy::{Computed, compare};
use super::lower::{AtomId, AtomKind, Atoms, Node, Place};
use super::memory::Memory;

const NO_SLOT: u16 = u16::MAX;

/// Most telling fields a match names.
const MAX_TELLING: usize = 6;

/// Rules of one kind of record, ready to run.
#[derive(Debug)]
pub(super) struct Group {
    slot_of: Vec<u16>,
    slots: Vec<FieldMatcher>,
    atoms: Vec<AtomRun>,
    rules: Vec<GroupRule>,
    /// Rules without a witness: evaluated on every event of the group.
    always: Vec<u32>,
    keywords: Option<Keywords>,
}

/// A rule in a group.
#[derive(Debug)]
pub(super) struct GroupRule {
    /// Index in the engine's rule list.
    pub(super) rule: u32,
    node: Node,
    /// Fields whose values tell why it matched, as the record names them.
    pub(super) telling: Vec<FieldId>,
    /// Fields that correlations ask for, as the record names them.
    pub(super) asked: Vec<Option<FieldId>>,
}

#[derive(Debug, Default)]
struct AtomRun {
    slot: u16,
    other: u16,
    computed: Option<Computed>,
    eager: bool,
    /// Atoms that hold when this one does: itself if a rule asks for it, and every *any of* with it.
    sets: Vec<AtomId>,
    /// Rules to evaluate once this holds.
    wakes: Vec<u32>,
}

/// What one thread keeps while it scans: stamps instead of clearing.
#[derive(Default, Debug)]
pub(super) struct State {
    epoch: u32,
    /// Counts values; wide enough never to wrap.
    value_epoch: u64,
    holds: Vec<u32>,
    tried: Vec<u64>,
    known: Vec<(u32, bool)>,
    seen: Vec<u32>,
    woken: Vec<u32>,
    touched: Vec<AtomId>,
    fired: Vec<AtomId>,
    memory: Vec<Memory>,
    folded: String,
    raw: String,
}

/// Folded texts of values longer than this are not kept between events.
const KEEP_FOLDED_BYTES: usize = 1 << 20;

impl State {
    fn start(&mut self, group: &Group) {
        let (atoms, slots, rules) = (group.atoms.len(), group.slots.len(), group.rules.len());
        if self.epoch == u32::MAX {
            *self = State::default();
        }
        self.epoch += 1;
        if self.holds.len() < atoms {
            self.holds.resize(atoms, 0);
            self.tried.resize(atoms, 0);
            self.known.resize(atoms, (0, false));
        }
        if self.seen.len() < slots {
            self.seen.resize(slots, 0);
            self.memory.resize_with(slots, Memory::default);
        }
        if self.woken.len() < rules {
            self.woken.resize(rules, 0);
        }
        self.touched.clear();
        if self.folded.capacity() > KEEP_FOLDED_BYTES {
            self.folded = String::new();
        }
        if self.raw.capacity() > KEEP_FOLDED_BYTES {
            self.raw = String::new();
        }
    }

    #[inline]
    fn set(&mut self, atoms: &[AtomRun], atom: AtomId) {
        for id in &atoms[atom as usize].sets {
            let stamp = &mut self.holds[*id as usize];
            if *stamp != self.epoch {
                *stamp = self.epoch;
                if !atoms[*id as usize].wakes.is_empty() {
                    self.touched.push(*id);
                }
            }
        }
    }
}

/// Fields that an expression's rule reads, as this kind of record names them.
pub(super) fn fields_of(
    expr: &Expr,
    resolve: &mut dyn FnMut(&str) -> Option<FieldId>,
    out: &mut FieldSet,
) -> bool {
    match expr {
        Expr::Const(_) => false,
        Expr::Not(inner) => fields_of(inner, resolve, out),
        Expr::And(parts) | Expr::Or(parts) | Expr::AtLeast(_, parts) => {
            parts.iter().fold(false, |text, p| fields_of(p, resolve, out) | text)
        }
        Expr::Atom(atom) => {
            if let Test::FieldRef { other, .. } = &atom.test
                && let Some(id) = resolve(other)
            {
                out.insert(id);
            }
            match &atom.target {
                Target::Keyword => true,
                Target::Field(name) => {
                    if let Some(id) = resolve(name) {
                        out.insert(id);
                    }
                    false
                }
            }
        }
    }
}

/// Fields of the parts of an expression that are not negated, in order.
fn telling(expr: &Expr, resolve: &mut dyn FnMut(&str) -> Option<FieldId>, out: &mut Vec<FieldId>) {
    match expr {
        Expr::Const(_) | Expr::Not(_) => {}
        Expr::And(parts) | Expr::Or(parts) | Expr::AtLeast(_, parts) => {
            parts.iter().for_each(|p| telling(p, resolve, out));
        }
        Expr::Atom(atom) => {
            if let Target::Field(name) = &atom.target
                && let Some(id) = resolve(name)
                && !out.contains(&id)
                && out.len() < MAX_TELLING
            {
                out.push(id);
            }
        }
    }
}

impl Group {
    /// Compiles rules `(index, rule, names)`; `resolve(rule, name)` gives the field behind a rule's name.
    pub(super) fn compile(
        rules: &[(u32, &Rule)],
        fields: usize,
        resolve: &dyn Fn(&Rule, &str) -> Option<FieldId>,
    ) -> Group {
        let mut atoms = Atoms::default();
        let mut nodes = Vec::with_capacity(rules.len());
        for (index, rule) in rules {
            let mut resolve = |name: &str| resolve(rule, name);
            let node = atoms.lower(&rule.expr, &mut resolve);
            let mut fields = Vec::new();
            telling(&rule.expr, &mut resolve, &mut fields);
            let asked = super::asked_of(rule).map(&mut resolve).collect();
            nodes.push(GroupRule { rule: *index, node, telling: fields, asked });
        }
        let mut group = Group {
            slot_of: vec![NO_SLOT; fields],
            slots: Vec::new(),
            atoms: atoms.kinds.iter().map(|_| AtomRun::default()).collect(),
            rules: nodes,
            always: Vec::new(),
            keywords: None,
        };
        // Who sets what.
        for (id, kind) in atoms.kinds.iter().enumerate() {
            match kind {
                AtomKind::AnyOf(ids) => {
                    ids.iter().for_each(|a| group.atoms[*a as usize].sets.push(id as AtomId))
                }
                AtomKind::Base { .. } => group.atoms[id].sets.push(id as AtomId),
            }
        }
        // Witnesses.
        let mut unprompted: Vec<AtomId> = Vec::new();
        for (i, rule) in group.rules.iter().enumerate() {
            match atoms.witness(&rule.node) {
                None => group.always.push(i as u32),
                Some((_, witnesses)) => {
                    for atom in witnesses {
                        group.atoms[atom as usize].wakes.push(i as u32);
                        if !atoms.eager(atom) {
                            unprompted.push(atom);
                        }
                    }
                }
            }
        }
        unprompted.sort_unstable();
        unprompted.dedup();
        // Field scans.
        let mut builders: Vec<FieldBuilder> = Vec::new();
        let mut keyword_builder = FieldBuilder::default();
        let mut has_keywords = false;
        for (id, kind) in atoms.kinds.iter().enumerate() {
            let AtomKind::Base { place, test, other } = kind else {
                group.atoms[id].eager = true;
                continue;
            };
            let mut slot = |field: FieldId| {
                let slot = &mut group.slot_of[field.index()];
                if *slot == NO_SLOT {
                    *slot = builders.len() as u16;
                    builders.push(FieldBuilder::default());
                }
                *slot
            };
            let other = other.map_or(NO_SLOT, &mut slot);
            let id = id as AtomId;
            let (own, builder) = match place {
                Place::Field(field) => {
                    let own = slot(*field);
                    (own, &mut builders[own as usize])
                }
                Place::Keyword => {
                    has_keywords = true;
                    (NO_SLOT, &mut keyword_builder)
                }
            };
            let scanned = builder.add(id, test);
            if !scanned && (*place == Place::Keyword || unprompted.binary_search(&id).is_ok()) {
                builder.matcher.unprompted.push(id);
            }
            let run = &mut group.atoms[id as usize];
            run.slot = own;
            run.other = other;
            run.eager = atoms.eager(id);
            let plain = matches!(test, Test::Text { cased: false, .. } | Test::Any | Test::Empty);
            run.computed = (!plain).then(|| Computed::new(test));
        }
        group.slots = builders.into_iter().map(FieldBuilder::build).collect();
        if has_keywords {
            let tests = atoms.kinds.iter().filter_map(|k| match k {
                AtomKind::Base { place: Place::Keyword, test, .. } => Some(test),
                _ => None,
            });
            group.keywords = Some(Keywords::new(keyword_builder.build(), tests));
        }
        group
    }

    /// Runs the rules over one row and calls `hit` for each that matches, in rule order.
    pub(super) fn scan<'b>(
        &self,
        batch: &'b dyn Batch,
        row: usize,
        values: &mut Vec<(u16, Value<'b>)>,
        state: &mut State,
        hit: &mut dyn FnMut(&GroupRule),
    ) {
        state.start(self);
        values.clear();
        batch.each(row, &mut |field, value| {
            let slot = self.slot_of[field.index()];
            if slot != NO_SLOT {
                values.push((slot, value));
            }
        });
        for (slot, value) in values.iter() {
            state.seen[*slot as usize] = state.epoch;
            self.scan_value(&self.slots[*slot as usize], *value, Some(*slot), state);
        }
        if let Some(keywords) = &self.keywords {
            let mut raw = std::mem::take(&mut state.raw);
            if keywords.may_match(batch.text(row), &mut raw) {
                batch.scan_text(row, &mut |text| {
                    self.scan_value(&keywords.matcher, Value::Text(text), None, state)
                });
            }
            state.raw = raw;
        }
        let mut matched: Vec<u32> = Vec::new();
        let touched = std::mem::take(&mut state.touched);
        for atom in &touched {
            for rule in &self.atoms[*atom as usize].wakes {
                if state.woken[*rule as usize] != state.epoch {
                    state.woken[*rule as usize] = state.epoch;
                    if self.eval(&self.rules[*rule as usize].node, values, state) {
                        matched.push(*rule);
                    }
                }
            }
        }
        state.touched = touched;
        for rule in &self.always {
            if self.eval(&self.rules[*rule as usize].node, values, state) {
                matched.push(*rule);
            }
        }
        // Which literal was met first depends on the record's field order; the order of findings must not.
        matched.sort_unstable();
        for rule in matched {
            hit(&self.rules[rule as usize]);
        }
    }

    /// Sets what one value sets. `slot` is the field's, for the memory of values; keywords have none.
    fn scan_value(&self, matcher: &FieldMatcher, value: Value<'_>, slot: Option<u16>, state: &mut State) {
        if let Some(atom) = matcher.exists {
            state.set(&self.atoms, atom);
        }
        let Some(text) = value.text() else { return };
        if let Some(atom) = matcher.any {
            state.set(&self.atoms, atom);
        }
        if text.is_empty()
            && let Some(atom) = matcher.empty
        {
            state.set(&self.atoms, atom);
        }
        if matcher.reads_text {
            let mut memory = slot.and_then(|slot| state.memory.get_mut(slot as usize)).map(std::mem::take);
            let known = memory.as_mut().and_then(|m| m.look_up(text));
            match known {
                Some(atoms) => atoms.iter().for_each(|atom| state.set(&self.atoms, *atom)),
                None => {
                    self.scan_text(matcher, value, text, state);
                    if let Some(memory) = &mut memory {
                        memory.keep(text, &state.fired);
                    }
                }
            }
            if let (Some(slot), Some(memory)) = (slot, memory) {
                state.memory[slot as usize] = memory;
            }
        }
        for atom in &matcher.unprompted {
            // Comparisons with another field need the whole row: they wake their rules, which ask.
            let run = &self.atoms[*atom as usize];
            let holds = run.other != NO_SLOT || run.computed.as_ref().is_some_and(|c| c.holds(value, None));
            if holds {
                if run.eager {
                    state.set(&self.atoms, *atom);
                } else if state.holds[*atom as usize] != state.epoch {
                    state.holds[*atom as usize] = state.epoch;
                    state.touched.push(*atom);
                }
            }
        }
    }

    /// Scans a text for every literal; `state.fired` holds the atoms it set.
    fn scan_text(&self, matcher: &FieldMatcher, value: Value<'_>, text: &str, state: &mut State) {
        state.value_epoch += 1;
        let mut folded = std::mem::take(&mut state.folded);
        folded.clear();
        fold_into(text, &mut folded);
        state.fired.clear();
        matcher.scan(&folded, |effect: Effect| {
            let atom = effect.atom();
            if state.tried[atom as usize] == state.value_epoch {
                return;
            }
            state.tried[atom as usize] = state.value_epoch;
            let computed = self.atoms[atom as usize].computed.as_ref();
            if !effect.is_trigger() || computed.is_some_and(|c| c.holds(value, Some(&folded))) {
                state.fired.push(atom);
                state.set(&self.atoms, atom);
            }
        });
        state.folded = folded;
    }

    fn eval(&self, node: &Node, values: &[(u16, Value<'_>)], state: &mut State) -> bool {
        match node {
            Node::Const(b) => *b,
            Node::Atom(id) => self.atom(*id, values, state),
            Node::Not(inner) => !self.eval(inner, values, state),
            Node::And(parts) => parts.iter().all(|p| self.eval(p, values, state)),
            Node::Or(parts) => parts.iter().any(|p| self.eval(p, values, state)),
            Node::AtLeast(n, parts) => {
                let mut need = *n;
                for part in parts {
                    if self.eval(part, values, state) {
                        need -= 1;
                        if need == 0 {
                            return true;
                        }
                    }
                }
                false
            }
        }
    }

    fn atom(&self, id: AtomId, values: &[(u16, Value<'_>)], state: &mut State) -> bool {
        let run = &self.atoms[id as usize];
        if run.eager {
            return state.holds[id as usize] == state.epoch;
        }
        if let (epoch, result) = state.known[id as usize]
            && epoch == state.epoch
        {
            return result;
        }
        let Some(computed) = &run.computed else { return false };
        let present = state.seen[run.slot as usize] == state.epoch;
        let own = values.iter().filter(|(slot, _)| *slot == run.slot);
        let result = match computed {
            Computed::Other(Test::Null) => !present || own.into_iter().any(|(_, v)| v.is_null()),
            Computed::Other(Test::FieldRef { kind, cased, .. }) => {
                let texts = |slot: u16| {
                    let of = values.iter().filter(move |(s, _)| *s == slot).filter_map(|(_, v)| v.text());
                    of.map(|t| if *cased { t.into() } else { crate::sigma::fold::fold(t) })
                };
                texts(run.slot).any(|a| texts(run.other).any(|b| compare(*kind, &a, &b)))
            }
            computed => present && own.into_iter().any(|(_, v)| computed.holds(*v, None)),
        };
        state.known[id as usize] = (state.epoch, result);
        result
    }
}
