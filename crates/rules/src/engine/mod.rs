//! The engine: which of thousands of rules hold on each event of a batch.
//!
//! Rules are grouped by the kinds of record they bind to ([`Shape`](palisade_model::Shape)).
//! Within a group every distinct question is asked once; per field one scan answers all
//! literal questions; a rule's condition is evaluated only when one of its witnesses
//! holds. So the cost of an event depends on its text and on how much of it is
//! suspicious, hardly on the number of rules.
//!
//! ```text
//! Rule ─ lower ─▶ atoms + condition ─ group ─▶ field scans, witnesses
//! event ─ fields ─▶ scans set atoms ─▶ witnesses wake rules ─▶ conditions ─▶ matches
//! ```
//!
//! What it never does: I/O, clocks, randomness; backtracking expressions.

mod field;
mod grams;
mod group;
mod keyword;
mod lazy;
mod literal;
mod lower;
mod memory;
mod trie;

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use palisade_model::{
    Batch, Catalogue, Confidence, FieldId, FieldSet, Fields, FieldsBuilder, Logsource, Projection, RuleInfo,
    Severity, Shape, ShapeId,
};

use crate::sigma::ir::{Level, Rule, Status};

/// One rule's match on one row.
#[derive(Clone, Copy, Debug)]
pub struct RuleHit<'e> {
    /// Index of the rule in [`Engine::rules`].
    pub rule: u32,
    /// The row.
    pub row: usize,
    /// Fields whose values tell why, as the record names them.
    pub telling: &'e [FieldId],
    /// Fields that correlations ask for, as the record names them, in the order of
    /// [`Correlated::fields`](crate::sigma::ir::Correlated::fields); `None` where this kind of record cannot have one.
    pub asked: &'e [Option<FieldId>],
}

impl RuleHit<'_> {
    /// Calls `f` with the values that correlations ask for. Of a field with several values it is the first;
    /// null, and an element without content, are none.
    pub fn values<T>(&self, batch: &dyn Batch, f: impl FnOnce(&[Option<&str>]) -> T) -> T {
        let value = |field: &Option<FieldId>| {
            let value = field.map(|field| batch.field(self.row, field))?;
            if value.is_null() { None } else { value.text() }
        };
        let values: Vec<Option<&str>> = self.asked.iter().map(value).collect();
        f(&values)
    }
}

/// Compiled rules.
#[derive(Debug)]
pub struct Engine {
    rules: Vec<Rule>,
    plans: Vec<Plan>,
    /// Plan of each shape.
    plan_of: Vec<Option<u32>>,
    fields: usize,
}

#[derive(Debug)]
struct Plan {
    /// Indices of the rules, ascending.
    rules: Vec<u32>,
    /// Rule field names → fields, per log source of the rules (views rename).
    names: BTreeMap<(Logsource, String), FieldId>,
    wanted: FieldSet,
    wants_text: bool,
    /// Compiled when the first record of the kind is met.
    group: OnceLock<group::Group>,
}

/// What one thread keeps between batches.
#[derive(Default, Debug)]
pub struct Scratch {
    state: Vec<group::State>,
}

/// Interns every field that the rules may read on any shape; call before the field set is closed.
///
/// Rules that need more fields than a run can know are returned by index: they cannot run.
pub fn intern_fields(rules: &[Rule], catalogue: &Catalogue, fields: &mut FieldsBuilder) -> Vec<u32> {
    let mut beyond = Vec::new();
    let shapes = shapes_by_source(rules, catalogue);
    for (i, rule) in rules.iter().enumerate() {
        let source = logsource(rule);
        let mut full = false;
        for shape in shapes.get(&source).into_iter().flatten() {
            let shape = catalogue.shape_of(*shape);
            let mut intern = |name: &str| {
                let id = fields.intern(shape.native_name(&source, name));
                full |= id.is_none();
                id
            };
            group::fields_of(&rule.expr, &mut intern, &mut FieldSet::new());
            asked_of(rule).for_each(|name| {
                intern(name);
            });
        }
        if full {
            beyond.push(i as u32);
        }
    }
    beyond
}

/// What correlations ask of a rule's records, as the rule would name it.
fn asked_of(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.correlated.iter().flat_map(|c| &c.fields).map(|a| a.field.as_str())
}

fn logsource(rule: &Rule) -> Logsource {
    Logsource {
        category: rule.logsource.category.clone(),
        product: rule.logsource.product.clone(),
        service: rule.logsource.service.clone(),
    }
}

fn shapes_by_source(rules: &[Rule], catalogue: &Catalogue) -> HashMap<Logsource, Vec<ShapeId>> {
    let mut out: HashMap<Logsource, Vec<ShapeId>> = HashMap::new();
    for rule in rules {
        let source = logsource(rule);
        out.entry(source).or_insert_with_key(|source| {
            catalogue.shapes().filter(|(_, s)| s.binds(source)).map(|(id, _)| id).collect()
        });
    }
    out
}

impl Engine {
    /// Plans the rules over the catalogue's shapes. Groups are compiled when first needed.
    pub fn new(rules: Vec<Rule>, catalogue: &Catalogue, fields: &Fields) -> Engine {
        let shapes = shapes_by_source(&rules, catalogue);
        let mut rules_of: Vec<Vec<u32>> = vec![Vec::new(); catalogue.len()];
        for (i, rule) in rules.iter().enumerate() {
            for shape in shapes.get(&logsource(rule)).into_iter().flatten() {
                rules_of[shape.index()].push(i as u32);
            }
        }
        let mut plans: Vec<Plan> = Vec::new();
        let mut known: HashMap<(Vec<u32>, String), u32> = HashMap::new();
        let mut plan_of = Vec::with_capacity(catalogue.len());
        for ((_, shape), list) in catalogue.shapes().zip(rules_of) {
            if list.is_empty() {
                plan_of.push(None);
                continue;
            }
            // Shapes with the same rules and the same names share a group.
            let key = (list, format!("{:?}", shape.views));
            let plan = *known.entry(key).or_insert_with_key(|(list, _)| {
                plans.push(Plan::new(list.clone(), &rules, shape, fields));
                (plans.len() - 1) as u32
            });
            plan_of.push(Some(plan));
        }
        Engine { rules, plans, plan_of, fields: fields.len() }
    }

    /// The rules, in the order they were given.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// How many kinds of record a rule binds to; a rule that binds to none cannot fire.
    pub fn bindings(&self, rule: u32) -> usize {
        let has =
            |p: &Option<u32>| p.is_some_and(|p| self.plans[p as usize].rules.binary_search(&rule).is_ok());
        self.plan_of.iter().filter(|p| has(p)).count()
    }

    /// Adds to the projection what the rules read.
    pub fn want(&self, projection: &mut Projection) {
        for (i, plan) in self.plan_of.iter().enumerate() {
            let Some(plan) = plan.and_then(|p| self.plans.get(p as usize)) else { continue };
            let shape = ShapeId(i as u16);
            projection.want(shape, &plan.wanted);
            if plan.wants_text {
                projection.want_text(shape);
            }
        }
    }

    /// Whether any rule binds to records of a shape.
    pub fn covers(&self, shape: ShapeId) -> bool {
        self.plan_of.get(shape.index()).is_some_and(Option::is_some)
    }

    /// Runs the rules over a batch; `hit` is called per match in row order, then rule order.
    pub fn scan(&self, batch: &dyn Batch, scratch: &mut Scratch, hit: &mut dyn FnMut(RuleHit<'_>)) {
        scratch.state.resize_with(self.plans.len(), group::State::default);
        let mut values = Vec::new();
        for row in 0..batch.len() {
            let shape = batch.header(row).shape;
            let Some(Some(plan)) = self.plan_of.get(shape.index()) else { continue };
            let group = self.group(*plan);
            let state = &mut scratch.state[*plan as usize];
            group.scan(batch, row, &mut values, state, &mut |rule| {
                hit(RuleHit { rule: rule.rule, row, telling: &rule.telling, asked: &rule.asked });
            });
        }
    }

    fn group(&self, plan: u32) -> &group::Group {
        let plan = &self.plans[plan as usize];
        plan.group.get_or_init(|| {
            let rules: Vec<_> = plan.rules.iter().map(|i| (*i, &self.rules[*i as usize])).collect();
            group::Group::compile(&rules, self.fields, &|rule, name| plan.field(rule, name))
        })
    }
}

impl Plan {
    fn new(list: Vec<u32>, rules: &[Rule], shape: &Shape, fields: &Fields) -> Plan {
        let mut names = BTreeMap::new();
        let mut wanted = FieldSet::new();
        let mut wants_text = false;
        for i in &list {
            let rule = &rules[*i as usize];
            let source = logsource(rule);
            let mut resolve = |name: &str| {
                let id = fields.id(shape.native_name(&source, name))?;
                names.insert((source.clone(), name.to_owned()), id);
                Some(id)
            };
            wants_text |= group::fields_of(&rule.expr, &mut resolve, &mut wanted);
            asked_of(rule).filter_map(&mut resolve).for_each(|id| wanted.insert(id));
        }
        Plan { rules: list, names, wanted, wants_text, group: OnceLock::new() }
    }

    fn field(&self, rule: &Rule, name: &str) -> Option<FieldId> {
        self.names.get(&(logsource(rule), name.to_owned())).copied()
    }
}

/// What findings of a rule say of the rule.
pub fn rule_info(rule: &Rule) -> RuleInfo {
    RuleInfo {
        id: rule.id.clone().unwrap_or_else(|| rule.title.clone()),
        title: rule.title.clone(),
        level: severity(rule.level),
        confidence: confidence(rule.status),
        attack: rule.techniques.clone(),
        software: crate::sigma::software(&rule.tags),
        author: rule.author.clone(),
        license: rule.license.clone(),
        description: rule.description.clone(),
        false_positives: rule.falsepositives.clone(),
        file: rule.source.file.to_string(),
    }
}

/// A rule's level as a finding's severity.
pub fn severity(level: Level) -> Severity {
    match level {
        Level::Informational => Severity::Informational,
        Level::Low => Severity::Low,
        Level::Medium => Severity::Medium,
        Level::High => Severity::High,
        Level::Critical => Severity::Critical,
    }
}

/// How far a rule of this status can be trusted. Sigma's status says how far a rule has been proven; the numbers are ours.
pub fn confidence(status: Option<Status>) -> Confidence {
    Confidence(match status {
        Some(Status::Stable) => 80,
        Some(Status::Test) => 65,
        Some(Status::Experimental) | None => 50,
        Some(Status::Deprecated | Status::Unsupported) => 30,
    })
}
