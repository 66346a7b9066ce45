//! Why a model could not be exported.

use plainfilm_model::networks::ModelError;

use crate::{Interface, Precision};

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
    /// A step that a format has no words for.
    #[error("step `{step}`: expected {expected}, found {found}")]
    Step {
        /// Its name.
        step: String,
        /// What the format can hold.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A weight that f16 cannot hold.
    #[error("step `{step}` holds {value}, more than f16 can hold; hint: export as f32")]
    Overflow {
        /// Its name.
        step: String,
        /// The first such weight.
        value: f32,
    },
    /// Whole numbers were asked for without ranges to lay them over.
    #[error(
        "int8: expected the ranges of all values, found none; hint: name films to calibrate with"
    )]
    NoRanges,
    /// Another interface than float without int8.
    #[error("interface {interface}: expected precision int8, found {precision}")]
    Interface {
        /// What was asked for.
        interface: Interface,
        /// With which precision.
        precision: Precision,
    },
    /// Files could not be put at the end.
    #[error("the files in the model: {0}")]
    Archive(#[from] zip::result::ZipError),
}
