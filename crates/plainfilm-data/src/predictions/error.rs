//! What can be wrong with a table of predictions.

use std::path::PathBuf;

use crate::error::quoted;

/// Why a table of predictions cannot be judged. Rows are counted as [`crate`] counts those of manifests: of CSV by the
/// line that they begin on, the header being line 1; of Parquet from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictionTableError {
    /// It cannot be read, or not as a table.
    #[error("{}: {reason}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// A column that must be there is not.
    #[error(
        "{}: expected a column for {missing}, found {}\nhint: name it, as in --columns {example}",
        path.display(), quoted(found)
    )]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// What it would tell.
        missing: String,
        /// The columns that are there.
        found: Vec<String>,
        /// How to name it.
        example: String,
    },
    /// A row cannot be used, and with it the table: what a tool wrote for one film it may have written for others.
    #[error("{}, row {row}: {reason}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Which row.
        row: u64,
        /// What was expected and what was found, with a hint where one helps.
        reason: String,
    },
    /// The films cannot be told apart.
    #[error(
        "{}: expected films of at least two labels, found {}{}", path.display(),
        match label { Some(label) => format!("{films} films of one: `{label}`"), None => "no film with a true label".to_owned() },
        if *set_aside > 0 { format!(" ({set_aside} rows were set aside)") } else { String::new() }
    )]
    OneLabel {
        /// The file.
        path: PathBuf,
        /// The label, if there is one.
        label: Option<String>,
        /// How many films have it.
        films: usize,
        /// Rows that were set aside.
        set_aside: usize,
    },
    /// No row is of a film of the data set.
    #[error(
        "{}: none of its {rows} films is in {}: expected paths such as {expected:?}, found {found:?}",
        path.display(), data.display()
    )]
    NothingShared {
        /// The file.
        path: PathBuf,
        /// The data set.
        data: PathBuf,
        /// Films of the table.
        rows: usize,
        /// A path of the data set.
        expected: String,
        /// A path of the table.
        found: String,
    },
    /// Columns were named in no way that can be understood.
    #[error("`{pair}`: {reason}, as in path=filename,truth=y_true,Pneumonia=prob")]
    ColumnNames {
        /// The pair that is wrong.
        pair: String,
        /// What was expected.
        reason: String,
    },
    /// A positive label was asked for that the table does not have.
    #[error("no film has the label `{asked}`; labels found: {}", quoted(found))]
    UnknownLabel {
        /// The label asked for.
        asked: String,
        /// The labels there are.
        found: Vec<String>,
    },
}
