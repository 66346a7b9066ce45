//! Why a model could not be exported.

use plainfilm_model::networks::ModelError;

/// Why a model could not be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The model file's settings make no network.
    #[error(transparent)]
    Network(#[from] ModelError),
    /// The model file lacks a tensor of its network.
    #[error("tensor `{name}`: expected {expected} values, found {found}")]
    Tensor {
        /// Its name in the state dict.
        name: String,
        /// How many values the layer needs.
        expected: usize,
        /// How many there are; 0 where there is no such tensor.
        found: usize,
    },
}
