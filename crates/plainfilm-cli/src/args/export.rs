//! `export`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plainfilm_export::{Format, Interface, Precision};

/// Write a model for other programs, and check that the file answers as it does.
///
/// Beside the file lie preprocessing.json and preprocessing.py (what has to happen to a film before), parity.json
/// (how file and model compare) and check.py (the same comparison where the file is used). ONNX files get a
/// description (.toml), so that `predict` and `evaluate` take them.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Model file or run folder [default: the bundled model]
    #[arg(value_name = "MODEL", conflicts_with = "against")]
    pub model: Option<PathBuf>,
    /// Format
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        required_unless_present = "verify"
    )]
    pub to: Option<FormatName>,
    /// Numbers of the file: f16 halves it, int8 quarters it and changes probabilities a little
    #[arg(long, value_enum, default_value_t = PrecisionName::F32, conflicts_with = "verify")]
    pub precision: PrecisionName,
    /// What the file reads: grey levels of 0 to 1, or whole numbers of 0 to 255 (with TensorFlow Lite, int8 alone)
    #[arg(long, value_enum, default_value_t = InterfaceName::Float, conflicts_with = "verify")]
    pub input: InterfaceName,
    /// Films (folder, manifest or zip) to check with, and to choose the numbers of int8 by; up to 100 of them are taken
    /// [default: those of the run folder if they are still there, else drawn films, which int8 refuses]
    #[arg(long, value_name = "DATA")]
    pub calibrate: Option<PathBuf>,
    /// File to write [default: the model's name in the current folder]
    #[arg(long, value_name = "FILE", conflicts_with = "verify")]
    pub output: Option<PathBuf>,
    /// Check this exported ONNX file again, and write nothing
    #[arg(long, value_name = "FILE")]
    pub verify: Option<PathBuf>,
    /// The model to compare it with [default: the bundled model]
    #[arg(long, value_name = "MODEL", requires = "verify")]
    pub against: Option<PathBuf>,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub threads: Option<usize>,
    /// Output format
    #[arg(long, value_enum, default_value_t = super::TableFormat::Table)]
    pub format: super::TableFormat,
}

/// A format's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// ONNX, operator set 18: servers, browsers, most runtimes
    Onnx,
    /// TensorFlow Lite: phones and boards
    Tflite,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Onnx => Self::Onnx,
            FormatName::Tflite => Self::Tflite,
        }
    }
}

/// A precision's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrecisionName {
    /// As trained
    F32,
    /// Weights in 16 bits
    F16,
    /// Whole numbers of 8 bits
    Int8,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::F32 => Self::F32,
            PrecisionName::F16 => Self::F16,
            PrecisionName::Int8 => Self::Int8,
        }
    }
}

/// An interface's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InterfaceName {
    /// 0 to 1
    Float,
    /// 0 to 255
    Uint8,
}

impl From<InterfaceName> for Interface {
    fn from(name: InterfaceName) -> Self {
        match name {
            InterfaceName::Float => Self::Float,
            InterfaceName::Uint8 => Self::Uint8,
        }
    }
}
