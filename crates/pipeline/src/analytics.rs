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
    /// The user's own files, by name and text: one that is called like a shipped one takes its place, the others come
    /// besides. Without `on` they run alone.
    pub own: Vec<(String, String)>,
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
    /// What is shipped, nothing if it is not wanted; the user's own over it.
    pub(crate) fn new(analytics: &Analytics) -> Result<Opening, AnalyticsError> {
        let own = |name: &str| {
            let name = name.rsplit('/').next().unwrap_or(name);
            analytics.own.iter().find(|(own, _)| own == name).map(|(_, text)| text.as_str())
        };
        let shipped =
            || packed::below("analytics/", ".toml").filter(|_| analytics.on || !analytics.own.is_empty());
        // Without reads a detector sees nothing: those that are shipped serve the user's own, too.
        let kept = |name: &str| analytics.on || name.ends_with("reads.toml");
        let of_ours = shipped().filter(|(name, _)| *name != unfold::FILE && kept(name));
        let of_ours = of_ours.filter(|(name, _)| own(name).is_none());
        let is_ours = |name: &str| unfold::FILE.ends_with(name);
        let theirs = analytics.own.iter().filter(|(name, _)| !is_ours(name));
        let mut files: Vec<(&str, &str)> = of_ours.collect();
        files.extend(theirs.map(|(name, text)| (name.as_str(), text.as_str())));
        let text = own(unfold::FILE).or_else(|| analytics.on.then(|| packed::shipped(unfold::FILE)));
        let unfolding = text.map(toml::from_str).transpose();
        let unfolding =
            unfolding.map_err(|e| AnalyticsError::Unfold { error: Box::new(e) })?.unwrap_or_default();
        Ok(Opening { spec: Spec::parse(files.into_iter())?, unfolding })
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
