//! Field mappings: rules in Sigma's names over sources with names of their own.
//!
//! The form is that of pySigma's processing pipelines, of which four transformations are read:
//!
//! ```yaml
//! name: own names
//! transformations:
//!   - type: field_name_mapping        # a list of names: any of them
//!     mapping: { CommandLine: process.command_line, Image: [exe, process.executable] }
//!     rule_conditions:
//!       - { type: logsource, category: process_creation, product: linux }
//!   - { type: field_name_prefix, prefix: win. }
//!   - { type: field_name_suffix, suffix: .keyword }
//!   - type: drop_detection_item
//!     field_name_conditions:
//!       - { type: include_fields, fields: [Provider_Name] }
//! ```
//!
//! Anything else is an error: a transformation that is left out would change what rules find.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{names, optional, scalar_text, texts};
use super::fault::{Fault, did_you_mean};
use super::ir::{Atom, Expr, Logsource, Rule, RuleError, Severity, Span, Target, Test};
use super::yaml::{self, Kind, Node, ScalarKind};

/// Fields that one name may be mapped to.
pub const TARGETS_MAX: usize = 64;

/// Nodes that a rule may grow to by mapping.
pub const MAPPED_NODES_MAX: usize = 400_000;

/// A mapping: transformations in the order in which they apply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    transformations: Vec<Transformation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Transformation {
    kind: TransformationKind,
    /// Conditions on the rule's log source; of several, all or any must hold.
    logsources: Vec<Logsource>,
    any_logsource: bool,
    /// Conditions on the field.
    fields: Vec<FieldCondition>,
    any_field: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TransformationKind {
    Rename(BTreeMap<String, Vec<String>>),
    Prefix(String),
    Suffix(String),
    Drop,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldCondition {
    include: bool,
    fields: Vec<String>,
}

impl Mapping {
    /// Reads a mapping. `file_name` is only repeated in the error.
    ///
    /// # Errors
    /// The first fault; a mapping is taken whole or not at all.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, Box<RuleError>> {
        read(text).map_err(|fault| {
            Box::new(RuleError {
                file: Arc::from(file_name),
                span: fault.span,
                message: fault.message,
                help: fault.help,
                rule_id: None,
                rule_title: None,
                severity: Severity::Error,
            })
        })
    }

    /// Applies the mapping to a rule: to its tree and to the names in `fields`.
    ///
    /// A field with several targets asks each of them: any may answer, except that absence
    /// ([`Test::Null`]) must hold of all. A dropped item leaves the list it stood in; a list that
    /// becomes empty is dropped itself, and of `N of` no more are wanted than are left. A rule of
    /// which nothing is left never matches, and is an error.
    ///
    /// # Errors
    /// The rule is unchanged and should not be used.
    pub fn apply(&self, rule: &mut Rule) -> Result<(), Box<RuleError>> {
        let fault = |message: String, help: &str| {
            Box::new(RuleError {
                file: rule.source.file.clone(),
                span: rule.source.span,
                message,
                help: Some(help.to_owned()),
                rule_id: rule.id.clone(),
                rule_title: Some(rule.title.clone()),
                severity: Severity::Error,
            })
        };
        let mut expr = rule.expr.clone();
        let mut fields = rule.fields.clone();
        let mut asked = rule.correlated.as_ref().map(|c| c.fields.clone()).unwrap_or_default();
        for transformation in self.transformations.iter().filter(|t| t.concerns(&rule.logsource)) {
            let mut nodes = 0;
            expr = match transformation.expr(&expr, &mut nodes) {
                Ok(Some(expr)) => expr,
                Ok(None) => {
                    return Err(fault(
                        "the mapping drops every item of the rule".into(),
                        "exclude the rule, or narrow `drop_detection_item`",
                    ));
                }
                Err(TooLarge) => {
                    return Err(fault(
                        format!("the mapping makes more than {MAPPED_NODES_MAX} nodes of the rule"),
                        "map fields to fewer targets",
                    ));
                }
            };
            fields = fields.iter().flat_map(|field| transformation.names(field)).collect();
            for asked in asked.iter_mut() {
                // A field that became several: a correlation asks for one value, so the first.
                asked.field = transformation.names(&asked.field).into_iter().next().unwrap_or_default();
            }
        }
        if let Some(correlated) = &mut rule.correlated {
            correlated.fields = asked;
        }
        rule.expr = expr;
        rule.fields = fields;
        Ok(())
    }
}

struct TooLarge;

impl Transformation {
    fn concerns(&self, logsource: &Logsource) -> bool {
        let fits = |wanted: &Logsource| {
            let part = |wanted: &Option<String>, own: &Option<String>| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| own.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(wanted)))
            };
            part(&wanted.category, &logsource.category)
                && part(&wanted.product, &logsource.product)
                && part(&wanted.service, &logsource.service)
        };
        hold(&self.logsources, self.any_logsource, fits)
    }

    fn selects(&self, field: &str) -> bool {
        let fits = |condition: &FieldCondition| {
            condition.fields.iter().any(|name| name == field) == condition.include
        };
        hold(&self.fields, self.any_field, fits)
    }

    /// What a field is called afterwards.
    fn names(&self, field: &str) -> Vec<String> {
        if !self.selects(field) {
            return vec![field.to_owned()];
        }
        match &self.kind {
            TransformationKind::Rename(mapping) => {
                mapping.get(field).cloned().unwrap_or_else(|| vec![field.to_owned()])
            }
            TransformationKind::Prefix(prefix) => vec![format!("{prefix}{field}")],
            TransformationKind::Suffix(suffix) => vec![format!("{field}{suffix}")],
            TransformationKind::Drop => vec![field.to_owned()],
        }
    }

    /// The tree afterwards; none if it was dropped.
    fn expr(&self, expr: &Expr, nodes: &mut usize) -> Result<Option<Expr>, TooLarge> {
        *nodes += 1;
        if *nodes > MAPPED_NODES_MAX {
            return Err(TooLarge);
        }
        Ok(match expr {
            Expr::And(operands) => some(self.operands(operands, nodes)?).map(Expr::And),
            Expr::Or(operands) => some(self.operands(operands, nodes)?).map(Expr::Or),
            Expr::AtLeast(wanted, operands) => some(self.operands(operands, nodes)?)
                .map(|operands| Expr::AtLeast((*wanted).min(operands.len()), operands)),
            Expr::Not(inner) => self.expr(inner, nodes)?.map(|inner| Expr::Not(Box::new(inner))),
            Expr::Const(value) => Some(Expr::Const(*value)),
            Expr::Atom(atom) => self.atom(atom, nodes)?,
        })
    }

    fn operands(&self, operands: &[Expr], nodes: &mut usize) -> Result<Vec<Expr>, TooLarge> {
        operands.iter().filter_map(|operand| self.expr(operand, nodes).transpose()).collect()
    }

    fn atom(&self, atom: &Atom, nodes: &mut usize) -> Result<Option<Expr>, TooLarge> {
        let Target::Field(field) = &atom.target else { return Ok(Some(Expr::Atom(atom.clone()))) };
        if self.kind == TransformationKind::Drop && self.selects(field) {
            return Ok(None);
        }
        let tests: Vec<Test> = match &atom.test {
            Test::FieldRef { other, kind, cased } => self
                .names(other)
                .into_iter()
                .map(|other| Test::FieldRef { other, kind: *kind, cased: *cased })
                .collect(),
            test => vec![test.clone()],
        };
        let targets = self.names(field);
        *nodes = nodes.saturating_add(targets.len().saturating_mul(tests.len()));
        if *nodes > MAPPED_NODES_MAX {
            return Err(TooLarge);
        }
        let atoms: Vec<Expr> = targets
            .into_iter()
            .flat_map(|target| {
                tests.iter().map(move |test| {
                    Expr::Atom(Atom { target: Target::Field(target.clone()), test: test.clone() })
                })
            })
            .collect();
        Ok(Some(match atom.test {
            Test::Null => super::condition::all(atoms),
            _ => super::condition::any(atoms),
        }))
    }
}

fn some(operands: Vec<Expr>) -> Option<Vec<Expr>> {
    (!operands.is_empty()).then_some(operands)
}

/// Whether conditions hold: without any, always.
fn hold<T>(conditions: &[T], any: bool, fits: impl Fn(&T) -> bool) -> bool {
    if any { conditions.is_empty() || conditions.iter().any(fits) } else { conditions.iter().all(fits) }
}

fn read(text: &str) -> Result<Mapping, Fault> {
    let mut documents = yaml::load(text).into_iter();
    let start = Span { start: 0, end: 0, line: 1, col: 1 };
    let Some(document) = documents.next() else {
        return Err(Fault::new(start, "the mapping is empty"));
    };
    let document = document?;
    if let Some(second) = documents.next() {
        return Err(Fault::new(second?.span, "a mapping is one document"));
    }
    only(&document, &["name", "priority", "allowed_backends", "transformations"])?;
    let Some(list) = document.get("transformations") else {
        return Err(Fault::new(document.span, "the mapping has no `transformations`"));
    };
    let Kind::List(items) = &list.kind else {
        return Err(Fault::new(
            list.span,
            format!("`transformations` must be a list, not {}", list.describe()),
        ));
    };
    Ok(Mapping { transformations: items.iter().map(transformation).collect::<Result<_, _>>()? })
}

/// Refuses keys that are not `known`: one that is not obeyed would change the meaning.
fn only(node: &Node, known: &[&str]) -> Result<(), Fault> {
    let Kind::Map(entries) = &node.kind else {
        return Err(Fault::new(node.span, format!("expected a map, not {}", node.describe())));
    };
    match entries.iter().find(|(key, _)| !known.contains(&key.text.as_str())) {
        None => Ok(()),
        Some((key, _)) => {
            let mut fault = Fault::new(key.span, format!("`{}` is not supported here", key.text));
            fault.help = did_you_mean(&key.text, known.iter().copied());
            Err(fault)
        }
    }
}

fn required<'a>(node: &'a Node, key: &str) -> Result<&'a Node, Fault> {
    node.get(key).ok_or_else(|| Fault::new(node.span, format!("`{key}` is missing")))
}

fn required_text(node: &Node, key: &str) -> Result<String, Fault> {
    let value = required(node, key)?;
    scalar_text(value)
        .ok_or_else(|| Fault::new(value.span, format!("`{key}` must be text, not {}", value.describe())))
}

fn transformation(node: &Node) -> Result<Transformation, Fault> {
    const COMMON: [&str; 6] =
        ["id", "type", "rule_conditions", "rule_cond_op", "field_name_conditions", "field_name_cond_op"];
    let with = |own: &[&'static str]| [COMMON.as_slice(), own].concat();
    if !matches!(node.kind, Kind::Map(_)) {
        return Err(Fault::new(
            node.span,
            format!("a transformation must be a map, not {}", node.describe()),
        ));
    }
    let name = required_text(node, "type")?;
    let kind = match name.as_str() {
        "field_name_mapping" => {
            only(node, &with(&["mapping"]))?;
            TransformationKind::Rename(renames(required(node, "mapping")?)?)
        }
        "field_name_prefix" => {
            only(node, &with(&["prefix"]))?;
            TransformationKind::Prefix(required_text(node, "prefix")?)
        }
        "field_name_suffix" => {
            only(node, &with(&["suffix"]))?;
            TransformationKind::Suffix(required_text(node, "suffix")?)
        }
        "drop_detection_item" => {
            only(node, &with(&[]))?;
            TransformationKind::Drop
        }
        _ => {
            let known =
                ["field_name_mapping", "field_name_prefix", "field_name_suffix", "drop_detection_item"];
            let span = node.get("type").map_or(node.span, |value| value.span);
            return Err(Fault::new(span, format!("the transformation `{name}` is not supported"))
                .help(format!("supported are {}", known.join(", "))));
        }
    };
    let mut logsources = Vec::new();
    for condition in conditions(node, "rule_conditions")? {
        only(condition, &["type", "category", "product", "service"])?;
        if required_text(condition, "type")? != "logsource" {
            return Err(Fault::new(condition.span, "only conditions of type `logsource` are supported here"));
        }
        logsources.push(Logsource {
            category: optional(condition, "category")?,
            product: optional(condition, "product")?,
            service: optional(condition, "service")?,
            definition: None,
        });
    }
    let mut fields = Vec::new();
    for condition in conditions(node, "field_name_conditions")? {
        only(condition, &["type", "fields"])?;
        let include = match required_text(condition, "type")?.as_str() {
            "include_fields" => true,
            "exclude_fields" => false,
            other => {
                let message = format!("the field condition `{other}` is not supported");
                return Err(Fault::new(condition.span, message).help("include_fields or exclude_fields"));
            }
        };
        required(condition, "fields")?;
        fields.push(FieldCondition { include, fields: texts(condition, "fields")? });
    }
    Ok(Transformation {
        kind,
        logsources,
        any_logsource: operator(node, "rule_cond_op")?,
        fields,
        any_field: operator(node, "field_name_cond_op")?,
    })
}

fn conditions<'a>(node: &'a Node, key: &str) -> Result<&'a [Node], Fault> {
    match node.get(key) {
        None => Ok(&[]),
        Some(Node { kind: Kind::List(items), .. }) => Ok(items),
        Some(other) => Err(Fault::new(other.span, format!("`{key}` must be a list"))),
    }
}

/// Whether conditions are joined by "or"; "and" is the default.
fn operator(node: &Node, key: &str) -> Result<bool, Fault> {
    match optional(node, key)?.as_deref() {
        None | Some("and") => Ok(false),
        Some("or") => Ok(true),
        Some(other) => Err(Fault::new(node.span, format!("`{key}` must be and or or, not `{other}`"))),
    }
}

fn renames(node: &Node) -> Result<BTreeMap<String, Vec<String>>, Fault> {
    let Kind::Map(entries) = &node.kind else {
        return Err(Fault::new(node.span, format!("`mapping` must be a map, not {}", node.describe())));
    };
    let mut mapping = BTreeMap::new();
    for (key, value) in entries {
        if matches!(&value.kind, Kind::Scalar(scalar) if scalar.kind == ScalarKind::Null) {
            return Err(Fault::new(value.span, format!("`{}` is mapped to nothing", key.text)));
        }
        let targets: Vec<String> = names(value)?.into_iter().map(|(name, _)| name).collect();
        if targets.len() > TARGETS_MAX {
            return Err(Fault::new(value.span, format!("more than {TARGETS_MAX} targets of one field")));
        }
        mapping.insert(key.text.clone(), targets);
    }
    Ok(mapping)
}
