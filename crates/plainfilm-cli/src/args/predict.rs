//! `predict`, `evaluate` and `compare`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plainfilm::device::Precision;

use super::TableFormat;
use super::reading::ReadingArgs;

/// Classify films.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Films, folders, patterns such as 'films/*.png', or - for a list of paths on stdin
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// Model file or run folder [default: the bundled model, Covid-19 or anything else]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Also write Grad-CAM heat maps into this folder [without DIR: explanations]; `explain` has more methods
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "explanations"
    )]
    pub explain: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = PredictFormat::Table)]
    pub format: PredictFormat,
    /// Where to compute: cpu, vulkan[:N], cuda[:N] or metal[:N]
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// Precision of convolutions: bf16 is about twice as fast on CPUs with AMX, and rounds to 8 bits of mantissa
    #[arg(long, value_enum, default_value_t = PrecisionArg::F32)]
    pub precision: PrecisionArg,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub threads: Option<usize>,
}

/// `predict --format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PredictFormat {
    /// Aligned columns
    Table,
    /// One JSON object a line
    Json,
    /// Comma-separated, with a header
    Csv,
}

/// Test a model on labelled films and print its metrics.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Model file or run folder
    pub model: PathBuf,
    /// Films: a folder with a sub-folder per label, a manifest (CSV or Parquet), or a zip of either
    pub data: PathBuf,
    /// Rename labels of the data to those of the model
    #[arg(long, value_name = "FROM=TO,…", value_delimiter = ',')]
    pub map: Vec<String>,
    /// The positive label of two, to which sensitivity, predictive values and threshold refer [default: the
    /// model's]
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Prevalence of the finding among future patients, for predictive values [default: that of the films]
    #[arg(long, value_name = "X", value_parser = share)]
    pub prevalence: Option<f64>,
    /// Do not leave out films that the model was trained or validated on: the metrics then do not show how it
    /// does on new films
    #[arg(long)]
    pub include_training_films: bool,
    /// Also write metrics.json, predictions.csv and split.csv (the patients) into this folder
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
    /// Where to compute: cpu, vulkan[:N], cuda[:N] or metal[:N]
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// Precision of convolutions: bf16 is about twice as fast on CPUs with AMX, and rounds to 8 bits of mantissa
    #[arg(long, value_enum, default_value_t = PrecisionArg::F32)]
    pub precision: PrecisionArg,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub threads: Option<usize>,
}

/// Compare networks on the same films.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Run folders, folders of `evaluate --output`, or predictions.csv files: two or more
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    pub networks: Vec<PathBuf>,
    /// The positive label of two, to which sensitivity, predictive values and threshold refer [default: the one
    /// whose name does not say that nothing was found]
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
}

/// A share of patients: above 0 and below 1.
fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value > 0.0 && value < 1.0 => Ok(value),
        _ => Err("expected a number above 0 and below 1".to_owned()),
    }
}

/// `--precision`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PrecisionArg {
    /// 32-bit floats
    F32,
    /// 16-bit floats, added in 32 bits
    Bf16,
}

impl From<PrecisionArg> for Precision {
    fn from(argument: PrecisionArg) -> Self {
        match argument {
            PrecisionArg::F32 => Self::Float32,
            PrecisionArg::Bf16 => Self::BFloat16,
        }
    }
}
