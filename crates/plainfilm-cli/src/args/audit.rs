//! `audit`

use std::path::PathBuf;

use clap::Args;

use super::TableFormat;
use super::reading::ReadingArgs;

/// Measure what predicts the label besides the lungs.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Films: a folder with a sub-folder per label, a manifest (CSV, Parquet or Excel), or a zip of either
    pub data: PathBuf,
    /// Labels to use, in order [default: all, by name]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub labels: Option<Vec<String>>,
    /// Exit with code 4 when the verdict is fail
    #[arg(long)]
    pub strict: bool,
    /// Also write audit.json, audit.html and suspect_labels.csv into this folder
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Output format
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
    /// Also audit the films after this preprocessing, given as options of `train`, such as
    /// "--fit crop --strip-borders 8%"
    #[arg(long, value_name = "PREPROCESSING", allow_hyphen_values = true)]
    pub after: Option<String>,
    /// How training will divide the films: as --split of `train`
    #[arg(
        long,
        value_name = "grouped|sources|stratified|random|folders|FILE",
        default_value = "grouped"
    )]
    pub split: String,
    /// Regular expression with one group that finds the patient in a file's name
    #[arg(long, value_name = "REGEX")]
    pub patient_pattern: Option<String>,
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = crate::settings::DEFAULT_SEED)]
    pub seed: u64,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub threads: Option<usize>,
}
