//! Why an exercise could not be written.

/// What went wrong, in words that stand alone.
#[derive(Debug, thiserror::Error)]
pub enum ExerciseError {
    /// No such scenario.
    #[error("there is no scenario {name:?}; there are: {known}, and \"all\"")]
    Scenario {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Days out of range.
    #[error("cannot spread an exercise over {0} days; give 1 to {max}", max = crate::MAX_DAYS)]
    Days(u32),
    /// Scale out of range.
    #[error("cannot scale everyday records by {0}; give {min} to {max}", min = crate::MIN_SCALE, max = crate::MAX_SCALE)]
    Scale(f64),
    /// The sink refused.
    #[error("cannot write the evidence file {file}: {source}")]
    Sink {
        /// Path inside the evidence folder.
        file: String,
        /// Why.
        source: std::io::Error,
    },
}
