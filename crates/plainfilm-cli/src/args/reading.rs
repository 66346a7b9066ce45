//! How tables of films are read, for every verb that opens a data set.

use clap::Args;
use plainfilm::dataset::{ColumnNames, DatasetOptions, Uncertain};

/// How a table of films is read.
#[derive(Debug, Clone, Default, Args)]
pub struct ReadingArgs {
    /// Names of the table's columns for path, label, unknown, patient_id, source, view, sex, age, synthetic, mask
    /// and split [default: these names, else common ones]
    #[arg(long, value_name = "path=filename,label=class")]
    pub columns: Option<ColumnNames>,
    /// How to read findings marked as uncertain, such as CheXpert's -1: ignore, positive or negative
    /// [default: ignore]
    #[arg(long, value_name = "WHAT")]
    pub uncertain: Option<Uncertain>,
}

impl ReadingArgs {
    /// Options that are otherwise as usual.
    pub fn options(&self) -> DatasetOptions {
        DatasetOptions {
            columns: self.columns.clone(),
            uncertain: self.uncertain.unwrap_or_default(),
            ..DatasetOptions::default()
        }
    }
}
