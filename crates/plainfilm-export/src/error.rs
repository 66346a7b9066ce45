//! Why a model could not be exported.

use std::path::PathBuf;

use plainfilm_foreign::ForeignError;
use plainfilm_model::bundle::BundleError;
use plainfilm_model::networks::ModelError;
use plainfilm_model::predict::ScoreError;

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
    /// Whole numbers as input of a model whose scaling looks at the whole film.
    #[error(
        "interface uint8: expected a model that scales each grey level by itself, found one that scales by the whole \
         film (its histogram, percentiles or deviation)\nhint: export it with the float interface"
    )]
    WholeFilm,
    /// Another interface than float without int8.
    #[error("interface {interface}: expected precision int8, found {precision}")]
    Interface {
        /// What was asked for.
        interface: Interface,
        /// With which precision.
        precision: Precision,
    },
    /// The model or the file failed on films that both were shown.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The model file is no model.
    #[error(transparent)]
    Model(#[from] BundleError),
    /// Our reader of other programs' models does not take the file.
    #[error("reading what was written: {0}")]
    Reader(#[from] ForeignError),
    /// A file could not be written or read.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// As the system has it.
        source: std::io::Error,
    },
    /// What lies in the folder already belongs to another model.
    #[error(
        "{path}: expected what belongs to this model, found another's\nhint: export each model to a folder of its own"
    )]
    OtherModel {
        /// The file that differs.
        path: PathBuf,
    },
    /// `parity.json` is none.
    #[error("{path}: expected what an export writes: {reason}")]
    Record {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A format that nothing here reads.
    #[error(
        "{path}: expected an ONNX file, found none\nhint: `python check.py FILE`, which lies beside an exported file, checks TensorFlow Lite"
    )]
    NoReader {
        /// The file.
        path: PathBuf,
    },
    /// Files could not be put at the end.
    #[error("the files in the model: {0}")]
    Archive(#[from] zip::result::ZipError),
}
