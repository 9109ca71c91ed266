//! Everything that is closed before evidence is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use palisade_host::detect::Detectors;
use palisade_host::json::{DialectError, DialectSet, Dialects};
use palisade_model::{Catalogue, CatalogueError, Fields, FieldsBuilder, HashNames, Projection, RuleInfo};
use palisade_rules::correlate::Correlations;
use palisade_rules::engine::{self, Engine};
use palisade_rules::indicators::{Indicator, IndicatorSet};
use palisade_rules::sigma::RuleSet;
use palisade_store::lake::{Layout, LayoutSpec};
use serde::Deserialize;

use crate::analytics::{Analytics, AnalyticsError, Opening};
use crate::kev::Kev;
use crate::ocsf::{Ocsf, OcsfError};
use crate::packed;
use crate::rules::read_text;
use crate::unfold::Unfolding;

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
    /// Questions about several matches of the rules.
    pub correlations: Correlations,
    /// What findings of each correlation say of it, by its index.
    pub correlation_infos: Vec<Arc<RuleInfo>>,
    /// What looks at events together.
    pub detectors: Detectors,
    /// What is looked at under its wrappings.
    pub unfolding: Unfolding,
    /// Weaknesses known to be exploited.
    pub kev: Kev,
    /// Indicators.
    pub indicators: IndicatorSet,
    /// Fields that hold lists of hashes.
    pub hashes: HashNames,
    /// Where the lake keeps what, if records are read whole ([`Knowledge::whole`]).
    pub layout: Option<Layout>,
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
    /// The mapping to OCSF.
    #[error("cannot use the mapping to OCSF: {0}")]
    Ocsf(#[from] OcsfError),
    /// The shipped analytics.
    #[error("cannot use the analytics: {0}")]
    Analytics(#[from] AnalyticsError),
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
        rules: impl Into<RuleSet>,
        indicators: Vec<Indicator>,
        own_routing: &[PathBuf],
    ) -> Result<Knowledge, KnowledgeError> {
        Knowledge::build(rules.into(), indicators, own_routing, false, Analytics::default())
    }

    /// As [`Knowledge::new`], for a run whose records are read whole because the lake keeps them.
    pub fn whole(
        rules: impl Into<RuleSet>,
        indicators: Vec<Indicator>,
        own_routing: &[PathBuf],
    ) -> Result<Knowledge, KnowledgeError> {
        Knowledge::build(rules.into(), indicators, own_routing, true, Analytics::default())
    }

    /// As [`Knowledge::new`], or as [`Knowledge::whole`] if `whole`, with analytics besides the rules.
    pub fn with_analytics(
        rules: impl Into<RuleSet>,
        indicators: Vec<Indicator>,
        own_routing: &[PathBuf],
        whole: bool,
        analytics: Analytics,
    ) -> Result<Knowledge, KnowledgeError> {
        Knowledge::build(rules.into(), indicators, own_routing, whole, analytics)
    }

    fn build(
        rules: RuleSet,
        indicators: Vec<Indicator>,
        own_routing: &[PathBuf],
        whole: bool,
        analytics: Analytics,
    ) -> Result<Knowledge, KnowledgeError> {
        let opening = Opening::new(&analytics)?;
        let RuleSet { mut rules, correlations } = rules;
        // A set that was assembled has no correlation that cannot be planned; one that was taken apart may.
        let (correlations, _) = Correlations::new(&mut rules, correlations);
        let info = |n| correlations.info(n).map(Arc::new);
        let correlation_infos = (0..correlations.len() as u32).filter_map(info).collect();
        let mut fields = FieldsBuilder::new();
        let mut catalogue = Catalogue::default();
        let mut dialects = DialectSet::new();
        // What somebody says of a table of their own comes before what is known of tables.
        let (tables, own_routing): (Vec<&PathBuf>, Vec<&PathBuf>) =
            own_routing.iter().partition(|p| is_mapping(&p.display().to_string()));
        for path in tables {
            dialects.add_mapping(&path.display().to_string(), &read(path)?)?;
        }
        for path in own_routing.iter().filter(|p| is_dialects(&p.display().to_string())) {
            dialects.add(&path.display().to_string(), &read(path)?)?;
        }
        for (name, text) in packed::below("fields/", ".toml") {
            if is_dialects(name) {
                dialects.add(name, text)?;
            } else if name != COLUMNS {
                catalogue.add(name, text, &mut fields)?;
            }
        }
        for path in own_routing.iter().filter(|p| !is_dialects(&p.display().to_string())) {
            catalogue.add(&path.display().to_string(), &read(path)?, &mut fields)?;
        }
        engine::intern_fields(&rules, &catalogue, &mut fields);
        opening.intern(&catalogue, &mut fields);
        let spec = if whole {
            // A value that a dialect calls otherwise is kept under the name that rules will ask for.
            for name in dialects.names() {
                fields.intern(name);
            }
            // The lake's OCSF views read columns, and a field is one only if its name is known by now.
            for name in Ocsf::shipped()?.fields() {
                fields.intern(name);
            }
            Some(columns(&mut fields)?)
        } else {
            None
        };
        let fields = fields.close();
        let dialects = dialects.close(&fields)?;
        let infos = rules.iter().map(|r| Arc::new(engine::rule_info(r))).collect();
        let engine = Engine::new(rules, &catalogue, &fields);
        let indicators = IndicatorSet::new(indicators);
        let mut projection = Projection::new(&catalogue);
        engine.want(&mut projection);
        let (detectors, unfolding) = opening.close(&analytics, &catalogue, &fields, &mut projection);
        let hashes = HashNames::new(&fields);
        let layout = spec.map(|spec| {
            projection.keep_everything(&fields);
            Layout::new(&spec, &fields, &catalogue)
        });
        Ok(Knowledge {
            fields,
            catalogue,
            dialects,
            projection,
            engine,
            infos,
            correlations,
            correlation_infos,
            detectors,
            unfolding,
            kev: analytics.kev,
            indicators,
            hashes,
            layout,
        })
    }
}

fn read(path: &Path) -> Result<String, KnowledgeError> {
    read_text(path).map_err(|reason| KnowledgeError::Read { path: path.to_owned(), reason })
}

/// The file that says which fields are columns of which type.
const COLUMNS: &str = "fields/columns.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnsToml {
    integer: Vec<String>,
    src_ip: Vec<String>,
    dst_ip: Vec<String>,
    text: Vec<String>,
}

/// Reads it; the fields it names are known from now on.
fn columns(fields: &mut FieldsBuilder) -> Result<LayoutSpec, KnowledgeError> {
    let text = packed::below(COLUMNS, "").next().map_or("", |(_, text)| text);
    let parsed: ColumnsToml = toml::from_str(text).map_err(|e| {
        KnowledgeError::Catalogue(CatalogueError::Toml { file: COLUMNS.into(), error: Box::new(e) })
    })?;
    let ColumnsToml { integer, src_ip, dst_ip, text } = parsed;
    for name in integer.iter().chain(&src_ip).chain(&dst_ip).chain(&text) {
        fields.intern(name);
    }
    Ok(LayoutSpec { integer, src_ip, dst_ip })
}

/// Mappings of tables are told by their name: `mapping.toml`, `proxy-mapping.toml`.
fn is_mapping(name: &str) -> bool {
    name.ends_with("mapping.toml")
}

/// Dialect files are told by their name: `dialects.toml`, `own-dialects.toml`.
fn is_dialects(name: &str) -> bool {
    name.ends_with("dialects.toml")
}
