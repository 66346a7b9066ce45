//! Why something cannot be explained.

use super::Method;
use plainfilm_model::bundle::BundleError;
use plainfilm_model::networks::ModelError;
use plainfilm_model::predict::ScoreError;

/// Why a network cannot be explained as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The model file does not fit.
    #[error(transparent)]
    Model(#[from] BundleError),
    /// The network cannot be built.
    #[error(transparent)]
    Network(#[from] ModelError),
    /// No such method.
    #[error("unknown method {found:?}, expected one of {}", Method::ALL.map(Method::name).join(", "))]
    UnknownMethod {
        /// What was asked for.
        found: String,
    },
    /// A method that looks into the network, of a model that shows its probabilities alone.
    #[error(
        "{method} needs what is within a network, which this model does not show\nhint: {} need its probabilities alone",
        Method::of_probabilities().map(Method::name).collect::<Vec<_>>().join(" and ")
    )]
    NeedsNetwork {
        /// What was asked for.
        method: Method,
    },
    /// A model of another program failed.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// No such label.
    #[error("unknown label {found:?}, expected one of {expected}")]
    UnknownLabel {
        /// What was asked for.
        found: String,
        /// Those of the model, separated by commas.
        expected: String,
    },
    /// No such stage.
    #[error("unknown stage {found:?}, expected one of {expected}")]
    UnknownStage {
        /// What was asked for.
        found: String,
        /// The network's, separated by commas.
        expected: String,
    },
    /// A setting outside its range.
    #[error("explanation setting `{setting}`: expected {expected}, found {found}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// Its range.
        expected: &'static str,
        /// What it was.
        found: usize,
    },
    /// A map cannot be written.
    #[error("{}: cannot write: {reason}", path.display())]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// What was wrong.
        reason: String,
    },
}
