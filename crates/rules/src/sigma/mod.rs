//! The Sigma language: YAML text in, [`ir`] out.
//!
//! This half of the room knows what rules *mean* and nothing about running them fast. It never
//! does I/O, never guesses at what an unreadable rule may have meant, and never drops one silently:
//! a rule is either in the result or there is a [`RuleError`] that says where and why.
//!
//! The way of a rule: [`yaml`] tree → `document` (what it is, who wrote it) → `detection` and
//! `condition` (the tree) → `item` and `modifier` (the atoms) → [`ir::Rule`] → [`ruleset`] (filters
//! applied, duplicates refused) → [`mapping`] (field names of another source). What all that means
//! for an event is defined by [`reference`], slowly and plainly.

use std::collections::BTreeMap;
use std::sync::Arc;

mod condition;
mod correlation;
pub mod decimal;
mod detection;
mod document;
mod encode;
mod fault;
pub mod fold;
pub mod ir;
mod item;
mod legacy;
pub mod mapping;
mod modifier;
mod pcre;
pub mod reference;
pub mod ruleset;
mod text;
pub mod time;
pub mod yaml;

pub use document::software;
pub use ir::{Document, Rule, RuleError, Severity};
pub use ruleset::RuleSet;

/// What the user adds to the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Values for `%name%` placeholders of the `expand` modifier. They are read like values in a
    /// rule: `*` and `?` are wildcards.
    pub placeholders: BTreeMap<String, Vec<String>>,
}

/// Reads every document of one text. `file_name` is only repeated in errors.
///
/// A document with an error is left out and does not affect the others; only a fault in the YAML
/// syntax ends the reading. Errors of [`Severity::Notice`] left nothing out.
///
/// ```
/// use palisade_rules::sigma::{Document, Options, parse_str};
/// let text = "
/// title: Whoami
/// logsource: { category: process_creation, product: windows }
/// detection:
///   selection: { Image|endswith: '\\whoami.exe' }
///   condition: selection
/// ";
/// let (documents, errors) = parse_str("whoami.yml", text, &Options::default());
/// assert!(errors.is_empty());
/// assert!(matches!(documents.as_slice(), [Document::Rule(rule)] if rule.title == "Whoami"));
/// ```
pub fn parse_str(file_name: &str, text: &str, options: &Options) -> (Vec<Document>, Vec<RuleError>) {
    let file: Arc<str> = Arc::from(file_name);
    let mut documents = Vec::new();
    let mut errors = Vec::new();
    let mut collection = legacy::Collection::default();
    for loaded in yaml::load(text) {
        match loaded.and_then(|node| collection.resolve(node)) {
            Ok(Some(node)) => documents.extend(document::document(&file, text, &node, options, &mut errors)),
            Ok(None) => {}
            Err(fault) => errors.push(RuleError {
                file: file.clone(),
                span: fault.span,
                message: fault.message,
                help: fault.help,
                rule_id: None,
                rule_title: None,
                severity: Severity::Error,
            }),
        }
    }
    (documents, errors)
}

/// Fuzz target: whatever the bytes, reading, assembling and mapping must end without a panic.
pub fn fuzz(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let options = Options { placeholders: BTreeMap::from([("name".into(), vec!["a*".into(), "b".into()])]) };
    let (documents, _) = parse_str("fuzz.yml", &text, &options);
    let (set, _) = RuleSet::assemble(documents);
    for rule in &set.rules {
        let _ = reference::matches(&rule.expr, &reference::Blanks);
    }
    let _ = mapping::Mapping::parse("fuzz.yml", &text);
}
