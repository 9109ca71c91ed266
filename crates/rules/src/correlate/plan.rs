//! From documents to a plan: who refers to whom, which values each match must bring, what feeds what.
//!
//! Correlations are numbered so that each comes after those it refers to. It never sees a match.

use std::collections::{BTreeMap, HashMap};

use crate::sigma::ir::{
    Asked, BoundOp, Correlated, Correlation, CorrelationKind, NumberOp, Presence, Rule, RuleError, Severity,
    Span,
};

/// Values that one correlation's matches may carry for those that refer to it.
const CARRIED_MAX: usize = 64;

/// Where a match comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Rule(usize),
    Correlation(usize),
}

/// A rule's part in a correlation.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) correlation: u32,
    pub(super) input: u16,
    /// For each column of the correlation: which of the values that the rule's matches bring.
    pub(super) columns: Vec<u16>,
}

/// Where a value of an alert comes from when it becomes a match of another correlation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    Group(usize),
    Carried(usize),
}

/// An alert's part in another correlation.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) correlation: u32,
    pub(super) input: u16,
    pub(super) columns: Vec<Slot>,
}

/// A correlation, ready.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) document: Correlation,
    /// Columns of its matches: group, measured, carried, in this order.
    columns: Vec<String>,
    pub(super) groups: usize,
    pub(super) measured: usize,
    /// Inputs by place in `rules`; a rule that is listed again is the same input.
    pub(super) steps: Vec<u16>,
    pub(super) inputs: usize,
    pub(super) span: i64,
    pub(super) bounds: Vec<(BoundOp, f64)>,
    pub(super) reports: bool,
    pub(super) feeds: Vec<Feed>,
}

impl Planned {
    /// Whether a measure satisfies every comparison.
    pub(super) fn within(&self, measure: f64) -> bool {
        self.bounds.iter().all(|(op, value)| match op {
            BoundOp::Order(NumberOp::Lt) => measure < *value,
            BoundOp::Order(NumberOp::Lte) => measure <= *value,
            BoundOp::Order(NumberOp::Gt) => measure > *value,
            BoundOp::Order(NumberOp::Gte) => measure >= *value,
            BoundOp::Eq => measure == *value,
            BoundOp::Neq => measure != *value,
        })
    }

    pub(super) fn carried(&self) -> usize {
        self.columns.len() - self.groups - self.measured
    }
}

/// Plans; rules learn what they must bring.
pub(super) fn plan(
    rules: &mut [Rule],
    documents: Vec<Correlation>,
) -> (Vec<Planned>, Vec<Vec<Use>>, Vec<RuleError>) {
    let mut errors = Vec::new();
    let order = order(rules, &documents, &mut errors);
    // From document to place in the plan.
    let place: HashMap<usize, usize> = order.iter().enumerate().map(|(at, (doc, _))| (*doc, at)).collect();
    let mut targets: Vec<Vec<Target>> = Vec::with_capacity(order.len());
    for (_, of) in &order {
        let moved = |t: &Target| match t {
            Target::Correlation(doc) => Target::Correlation(place.get(doc).copied().unwrap_or(usize::MAX)),
            rule => *rule,
        };
        targets.push(of.iter().map(moved).collect());
    }
    let mut documents: Vec<Option<Correlation>> = documents.into_iter().map(Some).collect();
    let mut plan: Vec<Planned> = Vec::with_capacity(order.len());
    for (doc, _) in &order {
        if let Some(document) = documents.get_mut(*doc).and_then(Option::take) {
            plan.push(prepare(document));
        }
    }
    // Those that refer come first here: what they ask must be known before what that asks.
    for at in (0..plan.len()).rev() {
        feed(&mut plan, at, rules, &mut targets, &mut errors);
    }
    let uses = ask(&mut plan, rules, &targets, &mut errors);
    (plan, uses, errors)
}

fn prepare(document: Correlation) -> Planned {
    let mut columns = document.group_by.clone();
    columns.extend(document.kind.fields().iter().cloned());
    let number = |d: &crate::sigma::decimal::Decimal| d.to_string().parse().unwrap_or(f64::NAN);
    let mut bounds: Vec<(BoundOp, f64)> =
        document.condition.iter().map(|b| (b.op, number(&b.value))).collect();
    if bounds.is_empty() && document.expression.is_none() {
        // A temporal type without a condition wants every rule.
        bounds.push((BoundOp::Order(NumberOp::Gte), document.rules.len() as f64));
    }
    let mut names: Vec<&str> = Vec::new();
    let mut steps = Vec::new();
    for (name, _) in &document.rules {
        let at = names.iter().position(|n| n.eq_ignore_ascii_case(name));
        steps.push(at.unwrap_or(names.len()) as u16);
        if at.is_none() {
            names.push(name);
        }
    }
    Planned {
        groups: document.group_by.len(),
        measured: document.kind.fields().len(),
        inputs: names.len(),
        columns,
        steps,
        span: i64::try_from(document.timespan_seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX),
        bounds,
        reports: true,
        feeds: Vec::new(),
        document,
    }
}

fn fault(of: &Correlation, span: Span, severity: Severity, message: String, help: Option<&str>) -> RuleError {
    RuleError {
        file: of.source.file.clone(),
        span,
        message,
        help: help.map(str::to_owned),
        rule_id: of.id.clone(),
        rule_title: Some(of.title.clone()),
        severity,
    }
}

/// Documents that can be answered, each after those it refers to, with what its `rules` are.
fn order(
    rules: &[Rule],
    documents: &[Correlation],
    errors: &mut Vec<RuleError>,
) -> Vec<(usize, Vec<Target>)> {
    let mut names: BTreeMap<String, Vec<Target>> = BTreeMap::new();
    let mut name = |text: &Option<String>, target| {
        if let Some(text) = text {
            let of = names.entry(text.to_lowercase()).or_default();
            if !of.contains(&target) {
                of.push(target);
            }
        }
    };
    for (i, rule) in rules.iter().enumerate() {
        name(&rule.id, Target::Rule(i));
        name(&rule.name, Target::Rule(i));
    }
    for (i, document) in documents.iter().enumerate() {
        name(&document.id, Target::Correlation(i));
        name(&document.name, Target::Correlation(i));
    }
    let mut resolved: Vec<Option<Vec<Target>>> = Vec::with_capacity(documents.len());
    for document in documents {
        let mut of = Vec::new();
        for (reference, span) in &document.rules {
            let (message, help) = match names.get(&reference.to_lowercase()).map(Vec::as_slice) {
                Some([one]) => {
                    of.push(*one);
                    continue;
                }
                Some(many) => (
                    format!("`{reference}` is the name of {} rules", many.len()),
                    Some("refer to one by its id"),
                ),
                None => {
                    (format!("the correlation refers to `{reference}`, and no such rule is loaded"), None)
                }
            };
            errors.push(fault(document, *span, Severity::Error, message, help));
        }
        resolved.push((of.len() == document.rules.len()).then_some(of));
    }
    // Children first (Kahn); a correlation whose child is missing falls with it.
    let mut waits: Vec<usize> = vec![0; documents.len()];
    let mut parents: Vec<Vec<usize>> = vec![Vec::new(); documents.len()];
    for (i, of) in resolved.iter().enumerate() {
        for target in of.iter().flatten() {
            if let Target::Correlation(child) = target {
                waits[i] += 1;
                parents[*child].push(i);
            }
        }
    }
    let mut ready: std::collections::BTreeSet<usize> =
        (0..documents.len()).filter(|i| waits[*i] == 0).collect();
    let mut out: Vec<(usize, Vec<Target>)> = Vec::new();
    let mut seen = vec![false; documents.len()];
    while let Some(i) = ready.pop_first() {
        seen[i] = true;
        let whole = resolved[i].take();
        for parent in std::mem::take(&mut parents[i]) {
            waits[parent] -= 1;
            if waits[parent] == 0 {
                ready.insert(parent);
            }
            if whole.is_none() && resolved[parent].take().is_some() {
                let message =
                    format!("the correlation refers to \"{}\", which is not loaded", documents[i].title);
                errors.push(fault(
                    &documents[parent],
                    documents[parent].source.span,
                    Severity::Error,
                    message,
                    None,
                ));
            }
        }
        if let Some(of) = whole {
            out.push((i, of));
        }
    }
    for (i, document) in documents.iter().enumerate().filter(|(i, _)| !seen[*i]) {
        // What only waits for a circle is told, too: it cannot be answered either.
        if resolved[i].is_some() {
            let message = "the correlation refers to itself, directly or through others".to_owned();
            errors.push(fault(document, document.source.span, Severity::Error, message, None));
        }
    }
    out
}

/// What a column is called in the matches of one input: by alias, or by its own name.
fn called<'c>(
    of: &'c Correlation,
    column: &'c str,
    reference: &str,
    id: &Option<String>,
    name: &Option<String>,
) -> (&'c str, bool) {
    let Some(alias) = of.aliases.iter().find(|a| a.name == column) else { return (column, true) };
    let is = |rule: &str| {
        let other =
            [id.as_deref(), name.as_deref()].into_iter().flatten().any(|n| n.eq_ignore_ascii_case(rule));
        other || rule.eq_ignore_ascii_case(reference)
    };
    alias.fields.iter().find(|(rule, _)| is(rule)).map_or((column, false), |(_, field)| (field, true))
}

/// Asks the correlations that one refers to for what it needs of their alerts.
fn feed(
    plan: &mut [Planned],
    at: usize,
    rules: &[Rule],
    targets: &mut [Vec<Target>],
    errors: &mut Vec<RuleError>,
) {
    let (below, rest) = plan.split_at_mut(at);
    let Some(own) = rest.first_mut() else { return };
    let mut done: Vec<u16> = Vec::new();
    for (step, target) in targets[at].iter().enumerate() {
        let input = own.steps[step];
        if done.contains(&input) {
            continue;
        }
        done.push(input);
        let (reference, span) = &own.document.rules[step];
        match target {
            Target::Rule(i) => {
                let rule = &rules[*i];
                for column in &own.columns {
                    if !called(&own.document, column, reference, &rule.id, &rule.name).1 {
                        let message = format!(
                            "alias `{column}` does not say what `{reference}` calls it: its field `{column}` is taken"
                        );
                        errors.push(fault(&own.document, *span, Severity::Notice, message, None));
                    }
                }
            }
            Target::Correlation(child) => {
                let Some(child_plan) = below.get_mut(*child) else { continue };
                let mut columns = Vec::with_capacity(own.columns.len());
                for column in &own.columns {
                    let document = &child_plan.document;
                    let (name, _) = called(&own.document, column, reference, &document.id, &document.name);
                    let grouped = child_plan.document.group_by.iter().position(|g| g == name);
                    columns.push(match grouped {
                        Some(i) => Slot::Group(i),
                        None => {
                            let first = child_plan.groups + child_plan.measured;
                            let known = child_plan.columns.iter().skip(first).position(|c| c == name);
                            let i = known.unwrap_or_else(|| {
                                child_plan.columns.push(name.to_owned());
                                child_plan.columns.len() - 1 - first
                            });
                            Slot::Carried(i)
                        }
                    });
                }
                child_plan.feeds.push(Feed { correlation: at as u32, input, columns });
            }
        }
    }
}

/// Asks rules for what their matches must bring.
fn ask(
    plan: &mut [Planned],
    rules: &mut [Rule],
    targets: &[Vec<Target>],
    errors: &mut Vec<RuleError>,
) -> Vec<Vec<Use>> {
    // A correlation reports if nobody refers to it, or somebody who refers to it says so.
    let generating: Vec<bool> = plan.iter().map(|p| p.document.generate).collect();
    for one in plan.iter_mut() {
        one.reports = one.feeds.is_empty()
            || one.feeds.iter().any(|f| generating.get(f.correlation as usize) == Some(&true));
    }
    let mut uses: Vec<Vec<Use>> = rules.iter().map(|_| Vec::new()).collect();
    let mut asked: Vec<Option<Correlated>> = vec![None; rules.len()];
    for (at, own) in plan.iter().enumerate() {
        if own.carried() > CARRIED_MAX {
            let message =
                format!("more than {CARRIED_MAX} fields are asked of its alerts by other correlations");
            errors.push(fault(&own.document, own.document.source.span, Severity::Error, message, None));
            continue;
        }
        let mut done: Vec<u16> = Vec::new();
        for (step, target) in targets[at].iter().enumerate() {
            let (Target::Rule(i), input) = (target, own.steps[step]) else { continue };
            if done.contains(&input) {
                continue;
            }
            done.push(input);
            let rule = &rules[*i];
            let old = rule.correlated.as_ref();
            let wanted = asked[*i].get_or_insert_with(|| Correlated { fields: Vec::new(), reports: false });
            wanted.reports |= own.document.generate && old.is_none_or(|o| o.reports);
            let mut columns = Vec::with_capacity(own.columns.len());
            for column in &own.columns {
                let reference = &own.document.rules[step].0;
                let (name, _) = called(&own.document, column, reference, &rule.id, &rule.name);
                let known = wanted.fields.iter().position(|a| a.name == name);
                columns.push(known.unwrap_or_else(|| {
                    // A mapping may have renamed it since it was first asked for.
                    let field = old.and_then(|o| o.fields.iter().find(|a| a.name == name));
                    let field = field.map_or(name, |a| a.field.as_str()).to_owned();
                    wanted.fields.push(Asked { name: name.to_owned(), field });
                    wanted.fields.len() - 1
                }) as u16);
            }
            uses[*i].push(Use { correlation: at as u32, input, columns });
        }
    }
    for (rule, correlated) in rules.iter_mut().zip(asked) {
        rule.correlated = correlated;
    }
    uses
}

/// Whether the rules present in a window satisfy an expression. `has` answers for a position in `rules` that must be
/// there, `lacks` for one that must not.
pub(super) fn satisfied(of: &Presence, has: &dyn Fn(u32) -> bool, lacks: &dyn Fn(u32) -> bool) -> bool {
    match of {
        Presence::Has(i) => has(*i),
        Presence::Lacks(i) => lacks(*i),
        Presence::And(parts) => parts.iter().all(|p| satisfied(p, has, lacks)),
        Presence::Or(parts) => parts.iter().any(|p| satisfied(p, has, lacks)),
        Presence::AtLeast(n, parts) => parts.iter().filter(|p| satisfied(p, has, lacks)).count() >= *n,
    }
}

/// Whether a type measures numbers.
pub(super) fn numeric(kind: &CorrelationKind) -> bool {
    matches!(
        kind,
        CorrelationKind::ValueSum(_) | CorrelationKind::ValueAvg(_) | CorrelationKind::ValuePercentile(..)
    )
}
