//! Loading rules into `rsigma-eval`, one engine per distinct set of log sources.
//!
//! The crate leaves log sources to its caller. An engine that holds exactly the
//! rules of one routing key gives its candidate index the best case and saves a
//! check per rule, so the peer is measured at its best.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use anyhow::{Context, Result};
use rsigma_eval::Engine;
use rsigma_eval::event::JsonEvent;
use rsigma_parser::{SigmaRule, parse_sigma_yaml};

use crate::evidence;
use crate::route::{Key, View};

pub struct RuleSet {
    rules: Vec<SigmaRule>,
    engines: HashMap<Key, Engine>,
    failed: HashSet<String>,
}

impl RuleSet {
    /// Parses every `.yml` below `dirs` and compiles each rule once, to count
    /// what the peer refuses.
    pub fn load(dirs: &[PathBuf]) -> Result<Self> {
        let mut set = RuleSet { rules: Vec::new(), engines: HashMap::new(), failed: HashSet::new() };
        for path in evidence::files(dirs)? {
            if path.extension().is_none_or(|e| e != "yml" && e != "yaml") {
                continue;
            }
            let text =
                std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            match parse_sigma_yaml(&text) {
                Ok(collection) => {
                    for error in &collection.errors {
                        eprintln!("rule not parsed: {}: {error}", path.display());
                    }
                    set.rules.extend(collection.rules);
                }
                Err(error) => {
                    eprintln!("rule not parsed: {}: {error}", path.display());
                    set.failed.insert(path.display().to_string());
                }
            }
        }
        Ok(set)
    }

    pub fn loaded(&self) -> usize {
        self.rules.len()
    }

    pub fn failed(&self) -> usize {
        self.failed.len()
    }

    pub fn engines(&self) -> usize {
        self.engines.len()
    }

    /// Ids of the rules that match.
    pub fn evaluate(&mut self, view: &View) -> Result<Vec<String>> {
        if !self.engines.contains_key(&view.key) {
            let engine = self.engine(&view.key);
            self.engines.insert(view.key.clone(), engine);
        }
        let engine = &self.engines[&view.key];
        let results = engine.evaluate(&JsonEvent::borrow(&view.fields));
        Ok(results.into_iter().filter_map(|r| r.header.rule_id).collect())
    }

    fn engine(&mut self, key: &Key) -> Engine {
        let mut engine = Engine::new();
        let (wanted, ids): (Vec<&SigmaRule>, Vec<String>) = self
            .rules
            .iter()
            .filter(|rule| belongs(rule, key))
            .map(|rule| (rule, rule.id.clone().unwrap_or_else(|| rule.title.clone())))
            .unzip();
        let errors: Vec<(usize, String)> =
            engine.add_rules(wanted).into_iter().map(|(i, e)| (i, e.to_string())).collect();
        for (index, error) in errors {
            if self.failed.insert(ids[index].clone()) {
                eprintln!("rule not compiled: {}: {error}", ids[index]);
            }
        }
        engine
    }
}

/// Windows rules only: every event this harness reads is a Windows one.
fn belongs(rule: &SigmaRule, key: &Key) -> bool {
    let source = &rule.logsource;
    let fits = |part: &Option<String>, listed: &[&str]| {
        part.as_deref().is_none_or(|p| listed.iter().any(|l| l.eq_ignore_ascii_case(p)))
    };
    source.product.as_deref().is_some_and(|p| p.eq_ignore_ascii_case("windows"))
        && fits(&source.category, &key.categories)
        && fits(&source.service, &key.services)
        && (key.whole || source.category.is_some())
}
