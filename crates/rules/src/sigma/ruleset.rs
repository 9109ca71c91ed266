//! A set of rules that may run together: ids unique, filters applied.

use std::collections::{HashMap, HashSet};

use crate::correlate::Correlations;

use super::detection::count;
use super::ir::{
    Correlation, Document, Expr, Filter, FilterRules, Level, Logsource, Rule, RuleError, Severity, Source,
    Span,
};

/// Nodes that all filters together may add to rules: each rule gets its own copy.
pub const FILTERED_NODES_MAX: usize = 5_000_000;

/// Rules in the order in which their documents came, and correlations over them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    /// The rules, filters applied.
    pub rules: Vec<Rule>,
    /// The correlations that can be answered, each after those it refers to.
    pub correlations: Vec<Correlation>,
}

impl RuleSet {
    /// Puts documents together, of any number of texts.
    ///
    /// Of documents with the same id the first stays and each other is an error. A filter narrows
    /// the rules it names (by id or name) whose log source lies within its own; where it names one
    /// that is not there or not within, a notice says so, because the analyst expects it to help.
    /// Filters do not follow the order of the files: those that come before their rules apply, too. A correlation that
    /// refers to what is not there, or to itself, is an error.
    pub fn assemble(documents: Vec<Document>) -> (Self, Vec<RuleError>) {
        let mut set = Self::default();
        let mut errors = Vec::new();
        let mut filters = Vec::new();
        let mut ids: HashMap<String, Source> = HashMap::new();
        for document in documents {
            let (id, title, source) = match &document {
                Document::Rule(rule) => (&rule.id, &rule.title, &rule.source),
                Document::Filter(filter) => (&filter.id, &filter.title, &filter.source),
                Document::Correlation(correlation) => {
                    (&correlation.id, &correlation.title, &correlation.source)
                }
            };
            if let Some(id) = id {
                if let Some(first) = ids.get(&id.to_lowercase()) {
                    errors.push(RuleError {
                        file: source.file.clone(),
                        span: source.span,
                        message: format!(
                            "the id `{id}` is already taken by {}:{}",
                            first.file, first.span.line
                        ),
                        help: Some("the first one stays; give this one its own id".into()),
                        rule_id: Some(id.clone()),
                        rule_title: Some(title.clone()),
                        severity: Severity::Error,
                    });
                    continue;
                }
                ids.insert(id.to_lowercase(), source.clone());
            }
            match document {
                Document::Rule(rule) => set.rules.push(*rule),
                Document::Filter(filter) => filters.push(*filter),
                Document::Correlation(correlation) => set.correlations.push(*correlation),
            }
        }
        let names = by_name(&set.rules);
        let mut nodes = 0;
        for filter in &filters {
            apply(filter, &mut set.rules, &names, &mut nodes, &mut errors);
        }
        let (plan, more) = Correlations::new(&mut set.rules, std::mem::take(&mut set.correlations));
        set.correlations = plan.into_documents();
        errors.extend(more);
        (set, errors)
    }
}

impl From<Vec<Rule>> for RuleSet {
    fn from(rules: Vec<Rule>) -> RuleSet {
        RuleSet { rules, correlations: Vec::new() }
    }
}

impl RuleSet {
    /// Leaves out rules and correlations below a level, and says how many. A rule that a correlation needs stays, and is
    /// silent.
    pub fn at_least(&mut self, level: Level) -> usize {
        let mut needed: HashSet<String> = HashSet::new();
        let mut left_out = 0;
        // Those that refer come last.
        let all = std::mem::take(&mut self.correlations);
        for one in all.into_iter().rev() {
            let names = one.id.iter().chain(&one.name).map(|n| n.to_lowercase());
            if one.level >= level || names.into_iter().any(|n| needed.contains(&n)) {
                needed.extend(one.rules.iter().map(|(name, _)| name.to_lowercase()));
                self.correlations.push(one);
            } else {
                left_out += 1;
            }
        }
        self.correlations.reverse();
        self.rules.retain_mut(|rule| {
            if rule.level >= level {
                return true;
            }
            left_out += 1;
            let wanted = rule.id.iter().chain(&rule.name).any(|n| needed.contains(&n.to_lowercase()));
            if let Some(correlated) = rule.correlated.as_mut().filter(|_| wanted) {
                correlated.reports = false;
                return true;
            }
            false
        });
        left_out
    }
}

/// Positions of rules by lower-cased id and name. A name may be shared.
fn by_name(rules: &[Rule]) -> HashMap<String, Vec<usize>> {
    let mut names: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, rule) in rules.iter().enumerate() {
        for name in rule.id.iter().chain(&rule.name) {
            names.entry(name.to_lowercase()).or_default().push(at);
        }
    }
    names
}

fn apply(
    filter: &Filter,
    rules: &mut [Rule],
    names: &HashMap<String, Vec<usize>>,
    nodes: &mut usize,
    errors: &mut Vec<RuleError>,
) {
    let mut report = |severity: Severity, span: Span, message: String| {
        errors.push(RuleError {
            file: filter.source.file.clone(),
            span,
            message,
            help: None,
            rule_id: filter.id.clone(),
            rule_title: Some(filter.title.clone()),
            severity,
        });
    };
    let mut wanted: Vec<usize> = match &filter.rules {
        FilterRules::Any => (0..rules.len())
            .filter(|at| rules.get(*at).is_some_and(|rule| within(&rule.logsource, &filter.logsource)))
            .collect(),
        FilterRules::Named(list) => {
            let mut wanted = Vec::new();
            for (name, span) in list {
                let Some(found) = names.get(&name.to_lowercase()) else {
                    report(
                        Severity::Notice,
                        *span,
                        format!("the filter names `{name}`, and no such rule is loaded"),
                    );
                    continue;
                };
                for at in found {
                    match rules.get(*at) {
                        Some(rule) if within(&rule.logsource, &filter.logsource) => wanted.push(*at),
                        _ => report(
                            Severity::Notice,
                            *span,
                            format!("the filter is not applied to `{name}`: the rule has another log source"),
                        ),
                    }
                }
            }
            wanted
        }
    };
    wanted.sort_unstable();
    wanted.dedup();
    let copies = wanted.len().saturating_mul(count(&filter.expr));
    if nodes.saturating_add(copies) > FILTERED_NODES_MAX {
        let message = format!(
            "the filter is not applied: filters would add more than {FILTERED_NODES_MAX} nodes in all to the rules"
        );
        report(Severity::Error, filter.source.span, message);
        return;
    }
    *nodes += copies;
    for at in wanted {
        if let Some(rule) = rules.get_mut(at) {
            let own = std::mem::replace(&mut rule.expr, Expr::Const(false));
            rule.expr = Expr::And(vec![own, filter.expr.clone()]);
            rule.filters.push(filter.id.clone().unwrap_or_else(|| filter.title.clone()));
        }
    }
}

/// Whether every event of `inner` is one of `outer`: each part that `outer` names, `inner` names too.
fn within(inner: &Logsource, outer: &Logsource) -> bool {
    let part = |inner: &Option<String>, outer: &Option<String>| match (inner, outer) {
        (_, None) => true,
        (Some(inner), Some(outer)) => inner.eq_ignore_ascii_case(outer),
        (None, Some(_)) => false,
    };
    part(&inner.category, &outer.category)
        && part(&inner.product, &outer.product)
        && part(&inner.service, &outer.service)
}
