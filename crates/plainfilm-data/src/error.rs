//! What can be wrong with a data set as a whole. What is wrong with one film is a
//! [`SetAside`](super::SetAside), never an error.

use std::io;
use std::path::PathBuf;

/// Why a data set could not be opened, read or split.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// A file or folder could not be opened, listed or read.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done: `open`, `read`, `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path is none of the forms a data set can have.
    #[error(
        "{} is not a data set: expected a folder, a .csv, .tsv, .parquet or .xlsx manifest, a COVIDx .txt list, or a .zip, found {found}",
        path.display()
    )]
    NotADataset {
        /// What was given.
        path: PathBuf,
        /// What it is instead.
        found: String,
    },
    /// A manifest lacks a column that it must have.
    #[error(
        "{manifest}: expected columns `path` and `label`, found no {}; columns found: {}{}",
        quoted(missing),
        quoted(found),
        hint(Some("name them, as in --columns path=filename,label=class".to_owned()))
    )]
    MissingColumns {
        /// The manifest.
        manifest: String,
        /// The required columns that are not there.
        missing: Vec<String>,
        /// The columns that are.
        found: Vec<String>,
    },
    /// A manifest cannot be read as a table at all.
    #[error("{manifest}: {reason}")]
    Manifest {
        /// The manifest.
        manifest: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A zip archive is refused as a whole.
    #[error("{}: archive refused: {reason}", archive.display())]
    Archive {
        /// The archive.
        archive: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// A label was asked for that the data does not have.
    #[error(
        "no film has the label `{asked}`; labels found: {}{}",
        quoted(known), hint(suggestion.as_deref().map(|name| format!("did you mean `{name}`?")))
    )]
    UnknownLabel {
        /// The label asked for.
        asked: String,
        /// The labels there are.
        known: Vec<String>,
        /// The label that is spelt most like it, if one is.
        suggestion: Option<String>,
    },
    /// A label was to be renamed to one that the model does not have.
    #[error(
        "the model has no label `{asked}` to rename to; its labels: {}{}",
        quoted(known), hint(suggestion.as_deref().map(|name| format!("did you mean `{name}`?")))
    )]
    UnknownTarget {
        /// The label asked for.
        asked: String,
        /// The model's labels.
        known: Vec<String>,
        /// The label that is spelt most like it, if one is.
        suggestion: Option<String>,
    },
    /// None of the films has a label that the model knows.
    #[error(
        "{}: expected films labelled {}, found {}{}",
        data.display(), quoted(expected), quoted(found),
        hint(Some("rename them with --map FROM=TO".to_owned()))
    )]
    NoSharedLabel {
        /// The data set.
        data: PathBuf,
        /// The model's labels.
        expected: Vec<String>,
        /// The data set's labels.
        found: Vec<String>,
    },
    /// A label was asked for twice.
    #[error("the label `{0}` is asked for twice; expected each label once")]
    RepeatedLabel(String),
    /// The films cannot be told apart: all have one label.
    #[error(
        "{}: expected films of at least two labels, found one: `{label}` ({films} films){}{}",
        origin.display(),
        others.as_ref().map(|names| format!("; folders without pictures: {}", quoted(names))).unwrap_or_default(),
        hint(Some("give the folder that holds one folder for each label, or a manifest with a label for each film".into()))
    )]
    OneLabel {
        /// The folder, manifest or archive.
        origin: PathBuf,
        /// The label.
        label: String,
        /// How many films have it.
        films: usize,
        /// Folders beside it that hold no pictures, if there are any.
        others: Option<Vec<String>>,
    },
    /// Columns were named in no way that can be understood.
    #[error("`{pair}`: {reason}, as in path=filename,label=class")]
    ColumnNames {
        /// The pair that is wrong.
        pair: String,
        /// What was expected.
        reason: String,
    },
    /// Uncertain findings are to be taken for nothing that is known.
    #[error("expected ignore, positive or negative, found `{0}`")]
    Uncertain(String),
    /// There is nothing to use.
    #[error(
        "{}: no usable film found ({set_aside} set aside{}){}",
        origin.display(),
        first_reason.as_ref().map(|reason| format!(", the first because: {reason}")).unwrap_or_default(),
        hint((*set_aside == 0).then(|| "expected one sub-folder of pictures per label, or a manifest.csv with columns path,label".into()))
    )]
    NoFilms {
        /// The folder, manifest or archive.
        origin: PathBuf,
        /// How many films were found but could not be used.
        set_aside: usize,
        /// The first of the reasons.
        first_reason: Option<String>,
    },
    /// The pattern for patients cannot be used.
    #[error("patient pattern `{pattern}`: {reason}")]
    PatientPattern {
        /// The regular expression.
        pattern: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// A film's bytes could not be read.
    #[error("{path}: {reason}")]
    Film {
        /// As in [`Film::path`](super::Film::path).
        path: String,
        /// What was expected and what was found.
        reason: String,
    },
    /// The settings of a split make no sense.
    #[error("split: {0}")]
    SplitSettings(String),
    /// A label has too few patients, sources or films to be in every part.
    #[error(
        "label `{label}` has {found} {unit}, expected at least {parts}: one for each part of the split{}",
        hint(Some(match *unit {
            "patients" => "use fewer folds or parts, leave the label out, or split at random (patients are then shared between parts)".into(),
            "sources" => "what is left out must hold every label, and so must what stays; use fewer folds, or split by patient".into(),
            _ => "use fewer folds or parts, or leave the label out".into(),
        }))
    )]
    TooFew {
        /// The label.
        label: String,
        /// What is kept together: `patients`, `sources` or `films`.
        unit: &'static str,
        /// How many of those the label has.
        found: usize,
        /// The parts that each need one.
        parts: usize,
    },
    /// A split file and the data do not name the same films.
    #[error("split file {}: {reason}", path.display())]
    SplitFile {
        /// The file.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
}

/// Up to ten names in back quotes, and how many more there are.
pub(super) fn quoted(names: &[String]) -> String {
    if names.is_empty() {
        return "none".into();
    }
    let quoted: Vec<String> = names
        .iter()
        .take(MOST_NAMES)
        .map(|name| format!("`{name}`"))
        .collect();
    and_more(quoted.join(", "), names.len(), MOST_NAMES)
}

/// Names that a message lists at most.
const MOST_NAMES: usize = 10;

/// A list that was cut after `shown` of its `count` names says so.
fn and_more(list: String, count: usize, shown: usize) -> String {
    match count.saturating_sub(shown) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

fn hint(text: Option<String>) -> String {
    text.map(|text| format!("\nhint: {text}"))
        .unwrap_or_default()
}

/// Up to five of `names` in back quotes, and how many more there are.
pub(super) fn first_five(names: &[String]) -> String {
    and_more(quoted(&names[..names.len().min(5)]), names.len(), 5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_what_was_expected_and_what_was_found() {
        let error = DatasetError::MissingColumns {
            manifest: "films.csv".into(),
            missing: vec!["label".into()],
            found: vec!["path".into(), "finding".into()],
        };
        assert_eq!(
            error.to_string(),
            "films.csv: expected columns `path` and `label`, found no `label`; columns found: `path`, `finding`\nhint: name them, as in --columns path=filename,label=class"
        );
        let error = DatasetError::UnknownLabel {
            asked: "covid".into(),
            known: vec!["Covid-19".into()],
            suggestion: Some("Covid-19".into()),
        };
        assert!(
            error
                .to_string()
                .ends_with("\nhint: did you mean `Covid-19`?")
        );
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<String> = (0..200).map(|index| index.to_string()).collect();
        let text = quoted(&many);
        assert!(text.ends_with("`8`, `9` and 190 more"), "{text}");
        assert_eq!(quoted(&many[..10]).matches('`').count(), 20);
        let names: Vec<String> = (0..7).map(|index| index.to_string()).collect();
        assert_eq!(first_five(&names), "`0`, `1`, `2`, `3`, `4` and 2 more");
        assert_eq!(first_five(&names[..1]), "`0`");
        assert_eq!(first_five(&[]), "none");
    }
}
