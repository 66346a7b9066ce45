//! `predict`, `evaluate` and `compare`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plainfilm::dataset::Uncertain;
use plainfilm::device::Precision;

use super::TableFormat;

/// Classify films.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Films, folders, patterns such as 'films/*.png', or - for a list of paths on stdin
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// Model file or run folder [default: the bundled model, Covid-19 or anything else]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Also write heat maps (Grad-CAM; occlusion of ONNX models) into this folder [without DIR: explanations]; `explain`
    /// has more methods
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

/// Judge a model, or predictions that any tool wrote, on labelled films.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Model file or run folder
    #[arg(
        required_unless_present = "predictions",
        conflicts_with = "predictions"
    )]
    pub model: Option<PathBuf>,
    /// Films: a folder with a sub-folder per label, a manifest (CSV, Parquet or Excel), or a zip of either
    #[arg(
        required_unless_present = "predictions",
        conflicts_with = "predictions"
    )]
    pub data: Option<PathBuf>,
    /// Judge this table (CSV, Parquet or Excel) instead of a model: a film's path or id, its true label and a column of
    /// probabilities for each label in each row, whatever wrote it
    #[arg(long, value_name = "FILE")]
    pub predictions: Option<PathBuf>,
    /// With --predictions: the films, for patients, subgroups, pictures and the audit
    #[arg(
        long = "data",
        id = "films",
        value_name = "DATA",
        requires = "predictions"
    )]
    pub films: Option<PathBuf>,
    /// Rename true labels of the data or the table to those of the model or of the probabilities
    #[arg(long, value_name = "FROM=TO,…", value_delimiter = ',')]
    pub map: Vec<String>,
    /// The positive label of two, to which sensitivity, predictive values and threshold refer [default: the
    /// model's; of a table, the one whose name does not say that nothing was found]
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    /// Names of the table's columns, as for `train`; with --predictions those for path, truth, patient, source, view,
    /// sex, age and each label's probability [default: these names, else common ones]
    #[arg(long, value_name = "path=filename,truth=y_true,LABEL=COLUMN")]
    pub columns: Option<String>,
    /// How to read findings marked as uncertain, such as CheXpert's -1: ignore, positive or negative
    /// [default: ignore]
    #[arg(long, value_name = "WHAT")]
    pub uncertain: Option<Uncertain>,
    /// With --predictions: a film is classified as positive from this probability on [default: 0.5]
    #[arg(long, value_name = "X", value_parser = share, requires = "predictions")]
    pub threshold: Option<f64>,
    /// Prevalence of the finding among future patients, for predictive values [default: that of the films]
    #[arg(long, value_name = "X", value_parser = share)]
    pub prevalence: Option<f64>,
    /// Do not leave out films that the model was trained or validated on: the metrics then do not show how it
    /// does on new films
    #[arg(long, conflicts_with = "predictions")]
    pub include_training_films: bool,
    /// Also write report.html, metrics.json, predictions.csv and split.csv (the patients) into this folder
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Do not audit the films for the report; it then says so
    #[arg(long)]
    pub no_audit: bool,
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
