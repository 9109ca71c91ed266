//! Analytics as they are shipped: detectors, what is unfolded, and the list of exploited weaknesses that the user names.
//!
//! What this module never does: read a file; texts come from the binary or from whoever read them.

use palisade_host::detect::{DetectError, Detectors, Spec};
use palisade_model::{Catalogue, Fields, FieldsBuilder, Projection, Severity};

use crate::kev::Kev;
use crate::packed;
use crate::unfold::{self, Unfolding, UnfoldingSpec};

/// What analytics a run makes besides rules.
#[derive(Debug, Default)]
pub struct Analytics {
    /// Whether the shipped detectors look at evidence, and rules look under the wrappings of scripts.
    pub on: bool,
    /// Detectors below this level are left out.
    pub min_level: Option<Severity>,
    /// Weaknesses that are known to be exploited.
    pub kev: Kev,
}

/// Why the shipped analytics cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnalyticsError {
    /// A detector.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// What is unfolded.
    #[error("{file}: {error}", file = unfold::FILE)]
    Unfold {
        /// What TOML says.
        error: Box<toml::de::Error>,
    },
}

/// Analytics on their way into the knowledge of a run.
pub(crate) struct Opening {
    spec: Spec,
    unfolding: UnfoldingSpec,
}

impl Opening {
    /// What is shipped; nothing if it is not wanted.
    pub(crate) fn new(analytics: &Analytics) -> Result<Opening, AnalyticsError> {
        if !analytics.on {
            return Ok(Opening { spec: Spec::default(), unfolding: UnfoldingSpec::default() });
        }
        let files = packed::below("analytics/", ".toml").filter(|(name, _)| *name != unfold::FILE);
        let text = packed::shipped(unfold::FILE);
        let unfolding = toml::from_str(text).map_err(|e| AnalyticsError::Unfold { error: Box::new(e) })?;
        Ok(Opening { spec: Spec::parse(files)?, unfolding })
    }

    /// Interns what is read.
    pub(crate) fn intern(&self, catalogue: &Catalogue, fields: &mut FieldsBuilder) {
        self.spec.intern(catalogue, fields);
        self.unfolding.intern(catalogue, fields);
    }

    /// Closes it; what it reads goes into the projection.
    pub(crate) fn close(
        self,
        analytics: &Analytics,
        catalogue: &Catalogue,
        fields: &Fields,
        projection: &mut Projection,
    ) -> (Detectors, Unfolding) {
        let mut detectors = Detectors::new(self.spec, catalogue, fields);
        if let Some(level) = analytics.min_level {
            detectors.at_least(level);
        }
        if !detectors.is_empty() {
            detectors.want(projection);
        }
        let unfolding = Unfolding::new(&self.unfolding, analytics.min_level, catalogue, fields);
        unfolding.want(projection);
        (detectors, unfolding)
    }
}
