//! `predict`, `evaluate` and `compare`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use plainfilm::device::Precision;

use super::TableFormat;
use super::reading::ReadingArgs;

/// Score films.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Films, folders, patterns such as 'films/*.png', or - for a list of paths on stdin
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<String>,
    /// Model file or run folder [default: the bundled model, Covid-19 vs No_findings]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Also show where the network looked: Grad-CAM pictures and maps in this folder [without DIR:
    /// explanations]; `explain` has more
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "explanations"
    )]
    pub explain: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = PredictFormat::Table)]
    pub format: PredictFormat,
    /// Where to compute: cpu, vulkan[:N], cuda[:N] or metal[:N]
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// bf16 is about twice as fast on CPUs with AMX, and costs about three digits
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

/// Score labelled films and print the figures.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// Model file or run folder
    pub model: PathBuf,
    /// Films: a folder with a sub-folder per label, a manifest (CSV or Parquet), or a zip of either
    pub data: PathBuf,
    /// Rename the data's labels to the model's
    #[arg(long, value_name = "FROM=TO,…", value_delimiter = ',')]
    pub map: Vec<String>,
    /// The label that sensitivity, predictive values and threshold are about, of two [default: the model's]
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Share of patients with the finding among those to come, for predictive values [default: that of the
    /// films]
    #[arg(long, value_name = "X", value_parser = share)]
    pub prevalence: Option<f64>,
    /// Keep films in the figures that the model was trained or validated on: they then do not say how it
    /// does on new films
    #[arg(long)]
    pub include_training_films: bool,
    /// Also write metrics.json, predictions.csv and split.csv (the patients) into this folder
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
    /// Where to compute: cpu, vulkan[:N], cuda[:N] or metal[:N]
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// bf16 is about twice as fast on CPUs with AMX, and costs about three digits
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
    /// The label that sensitivity, predictive values and threshold are about, of two [default: the one whose name
    /// does not say that nothing was found]
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    /// How to print
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
