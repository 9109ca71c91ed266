//! Everything that is closed before evidence is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_host::json::{DialectError, DialectSet, Dialects};
use palisade_model::{Catalogue, CatalogueError, Fields, FieldsBuilder, Projection, RuleInfo};
use palisade_rules::engine::{self, Engine};
use palisade_rules::indicators::{Indicator, IndicatorSet};
use palisade_rules::sigma::Rule;

use crate::packed;
use crate::rules::read_text;

/// Fields, kinds of record, dialects, rules and indicators of a run.
#[derive(Debug)]
pub struct Knowledge {
    /// Every field name somebody asked for.
    pub fields: Fields,
    /// Kinds of records.
    pub catalogue: Catalogue,
    /// JSON dialects.
    pub dialects: Dialects,
    /// What is wanted of each kind.
    pub projection: Projection,
    /// Compiled rules.
    pub engine: Engine,
    /// What findings of each rule say of it, by rule index.
    pub infos: Vec<Arc<RuleInfo>>,
    /// Indicators.
    pub indicators: IndicatorSet,
}

/// Why knowledge cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// A routing file.
    #[error("cannot use routing file {0}")]
    Catalogue(#[from] CatalogueError),
    /// A dialect file.
    #[error("cannot use dialect file: {0}")]
    Dialect(#[from] DialectError),
    /// A file that cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Knowledge {
    /// Closes the knowledge of a run: shipped routing data, the user's own on top, rules, indicators.
    pub fn new(
        rules: Vec<Rule>,
        indicators: Vec<Indicator>,
        own_routing: &[PathBuf],
    ) -> Result<Knowledge, KnowledgeError> {
        let mut fields = FieldsBuilder::new();
        let mut catalogue = Catalogue::default();
        let mut dialects = DialectSet::new();
        for path in own_routing.iter().filter(|p| is_dialects(&p.display().to_string())) {
            dialects.add(&path.display().to_string(), &read(path)?)?;
        }
        for (name, text) in packed::below("fields/", ".toml") {
            if is_dialects(name) {
                dialects.add(name, text)?;
            } else {
                catalogue.add(name, text, &mut fields)?;
            }
        }
        for path in own_routing.iter().filter(|p| !is_dialects(&p.display().to_string())) {
            catalogue.add(&path.display().to_string(), &read(path)?, &mut fields)?;
        }
        engine::intern_fields(&rules, &catalogue, &mut fields);
        let fields = fields.close();
        let dialects = dialects.close(&fields)?;
        let infos = rules.iter().map(|r| Arc::new(engine::rule_info(r))).collect();
        let engine = Engine::new(rules, &catalogue, &fields);
        let indicators = IndicatorSet::new(indicators);
        let mut projection = Projection::new(&catalogue);
        engine.want(&mut projection);
        Ok(Knowledge { fields, catalogue, dialects, projection, engine, infos, indicators })
    }
}

fn read(path: &Path) -> Result<String, KnowledgeError> {
    read_text(path).map_err(|reason| KnowledgeError::Read { path: path.to_owned(), reason })
}

/// Dialect files are told by their name: `dialects.toml`, `own-dialects.toml`.
fn is_dialects(name: &str) -> bool {
    name.ends_with("dialects.toml")
}
