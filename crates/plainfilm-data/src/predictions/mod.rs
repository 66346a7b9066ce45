//! Predictions that any tool wrote: a table with a film, its true label and its probabilities in each row.
//!
//! A row without a true label is set aside. Anything else that is wrong with a row is an error that names it: a tool
//! that wrote one probability wrongly is not to be judged by the others.

mod columns;
mod error;
mod join;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

pub use columns::PredictionColumns;
pub use error::PredictionTableError;
pub use join::Joined;

use super::cells::{is_missing, known, years};
use super::error::quoted;
use super::manifest::MAX_BYTES;
use super::root::read_file;
use super::table::{self, Table};
use super::{SEPARATOR, SetAside};
use columns::{FilmColumns, Probabilities};
use plainfilm_figures::{PositiveLabel, ScoredFilm};
use values::{probability, row_of_probabilities, truth_text};

/// How a table of predictions is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PredictionOptions {
    /// Which column tells what, where names do not tell.
    pub columns: PredictionColumns,
    /// New names of true labels, as `1` to `Pneumonia`.
    pub renames: BTreeMap<String, String>,
    /// The label that one column of probabilities is about, and that is the positive one of two. Where the truth is
    /// 0 or 1, a name for 1.
    pub positive: Option<String>,
}

/// Films with their true labels and the probabilities that any tool gave them.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionTable {
    /// The file.
    pub origin: PathBuf,
    /// Labels in the order of the probabilities: two or more, and at least two of them have films.
    pub labels: Vec<String>,
    /// Index of the positive label.
    pub positive: usize,
    /// Whether names, or whoever asked, tell the positive label.
    pub positive_is_clear: bool,
    /// In the order of the rows; `called` is what the tool itself called a film, where the table is one of ours.
    pub films: Vec<ScoredFilm>,
    /// Whether the table names patients.
    pub has_patients: bool,
    /// Rows without a true label.
    pub set_aside: Vec<SetAside>,
    /// What was taken for what, and what looks odd, in whole sentences.
    pub notes: Vec<String>,
}

/// A row whose film and truth are known.
struct TrueRow<'a> {
    number: u64,
    cells: &'a [String],
    path: &'a str,
    truth: String,
}

impl PredictionTable {
    /// Reads a table (CSV with commas, semicolons or tabs, or Parquet).
    ///
    /// # Errors
    ///
    /// See [`PredictionTableError`].
    pub fn open(path: &Path, options: &PredictionOptions) -> Result<Self, PredictionTableError> {
        let refuse = |reason| PredictionTableError::Table {
            path: path.to_owned(),
            reason,
        };
        let bytes = read_file(path, MAX_BYTES).map_err(refuse)?;
        let table = table::by_name(&path.to_string_lossy(), bytes).map_err(refuse)?;
        Self::read(path, &table, options)
    }

    fn read(
        path: &Path,
        table: &Table,
        options: &PredictionOptions,
    ) -> Result<Self, PredictionTableError> {
        let refuse = |reason| PredictionTableError::Table {
            path: path.to_owned(),
            reason,
        };
        let missing = |missing: &str, example: &str| PredictionTableError::MissingColumn {
            path: path.to_owned(),
            missing: missing.to_owned(),
            found: table.columns.clone(),
            example: example.to_owned(),
        };
        let films = FilmColumns::of(table, &options.columns).map_err(refuse)?;
        if films.place("path").is_none() {
            return Err(missing("the path or id of a film", "path=filename"));
        }
        if films.place("truth").is_none() {
            return Err(missing("the true label", "truth=y_true"));
        }
        let mut set_aside = Vec::new();
        let mut rows = true_rows(path, table, &films, &mut set_aside)?;
        let is_binary = rows
            .iter()
            .all(|row| ["0", "1"].contains(&row.truth.as_str()));
        for row in &mut rows {
            rename(&mut row.truth, is_binary, options);
        }
        let truths: BTreeSet<&str> = rows.iter().map(|row| row.truth.as_str()).collect();
        if truths.len() < 2 {
            return Err(PredictionTableError::OneLabel {
                path: path.to_owned(),
                label: truths.first().map(|label| (*label).to_owned()),
                films: rows.len(),
                set_aside: set_aside.len(),
            });
        }
        let truths: Vec<String> = truths.into_iter().map(str::to_owned).collect();
        let found = Probabilities::of(table, &options.columns, &films, &truths)
            .map_err(refuse)?
            .ok_or_else(|| {
                missing(
                    &format!(
                        "the probability of each label (the true labels are {})",
                        quoted(&truths)
                    ),
                    &format!("{}=COLUMN", truths[truths.len() - 1]),
                )
            })?;
        let labels = match &found {
            Probabilities::Each(columns) => {
                columns.iter().map(|(label, _)| label.clone()).collect()
            }
            _ => truths,
        };
        let (positive, positive_is_clear) = match &options.positive {
            Some(label) => (
                labels
                    .iter()
                    .position(|known| known == label)
                    .ok_or_else(|| PredictionTableError::UnknownLabel {
                        asked: label.clone(),
                        found: labels.clone(),
                    })?,
                true,
            ),
            None => {
                let guess = PositiveLabel::of(&labels);
                (guess.index, guess.is_clear)
            }
        };
        let mut read = Self {
            origin: path.to_owned(),
            positive,
            positive_is_clear,
            films: Vec::with_capacity(rows.len()),
            has_patients: films.place("patient_id").is_some(),
            set_aside,
            notes: Vec::new(),
            labels,
        };
        // As our own tables have it: what the tool called the film.
        let called_at = films
            .place("truth")
            .filter(|truth| *truth == 1 && table.columns.get(2).is_some_and(|name| name == "label"))
            .map(|_| 2);
        for row in rows {
            let mut film = read.film(&row, &films, &found, table)?;
            film.called = called_at
                .and_then(|at| read.labels.iter().position(|label| *label == row.cells[at]));
            read.films.push(film);
        }
        read.notes = read.notes_on(table, &films, &found);
        Ok(read)
    }

    /// A row as a film.
    fn film(
        &self,
        row: &TrueRow<'_>,
        films: &FilmColumns,
        found: &Probabilities,
        table: &Table,
    ) -> Result<ScoredFilm, PredictionTableError> {
        let refuse = |reason| PredictionTableError::Row {
            path: self.origin.clone(),
            row: row.number,
            reason,
        };
        let place = |label: &str| self.labels.iter().position(|known| known == label);
        let at =
            |column: usize| probability(&row.cells[column], &table.columns[column]).map_err(refuse);
        let of_one = |label: usize, column: usize| -> Result<Vec<f64>, PredictionTableError> {
            let p = at(column)?;
            let mut both = vec![1.0 - p; 2];
            both[label] = p;
            Ok(both)
        };
        let probabilities = match found {
            Probabilities::Positive(column) => of_one(self.positive, *column)?,
            Probabilities::One(label, column) => match place(label) {
                Some(label) if self.labels.len() == 2 => of_one(label, *column)?,
                _ => {
                    return Err(refuse(format!(
                        "expected a column of probabilities for each of {}, found one of `{label}`\nhint: name \
                         them, as in --columns {label}=COLUMN,…, or rename true labels with --map FROM=TO",
                        quoted(&self.labels)
                    )));
                }
            },
            Probabilities::Each(columns) => {
                let values = columns.iter().map(|(_, column)| at(*column));
                let values: Vec<f64> = values.collect::<Result<_, _>>()?;
                row_of_probabilities(values).map_err(refuse)?
            }
        };
        let truth = place(&row.truth).ok_or_else(|| {
            refuse(format!(
                "expected one of the labels that have a column of probabilities ({}), found `{}`\nhint: rename true \
                 labels with --map FROM=TO",
                quoted(&self.labels),
                row.truth
            ))
        })?;
        let told = |role| films.get(role, row.cells).and_then(known);
        Ok(ScoredFilm {
            patient: told("patient_id").unwrap_or_else(|| row.path.to_owned()),
            source: told("source"),
            view: told("view"),
            sex: told("sex"),
            age: told("age").and_then(|text| years(&text)),
            ..ScoredFilm::alone(row.path, truth, probabilities)
        })
    }

    fn notes_on(&self, table: &Table, films: &FilmColumns, found: &Probabilities) -> Vec<String> {
        let column = |at: &usize| format!("`{}`", table.columns[*at]);
        let mut taken = films.taken.clone();
        taken.push(match found {
            Probabilities::Positive(at) => format!(
                "probability of {} from {}",
                self.labels[self.positive],
                column(at)
            ),
            Probabilities::One(label, at) => format!("probability of {label} from {}", column(at)),
            Probabilities::Each(columns) if columns.len() > 6 => {
                format!("probabilities from {} columns", columns.len())
            }
            Probabilities::Each(columns) => {
                let named: Vec<String> = columns
                    .iter()
                    .map(|(label, at)| format!("{label} from {}", column(at)))
                    .collect();
                format!("probabilities of {}", named.join(", "))
            }
        });
        let mut notes = vec![format!("{} (--columns names others)", taken.join(", "))];
        if let Some(encoding) = table.encoding {
            notes.push(format!(
                "{} is in {encoding}, not UTF-8: check that names are spelt right",
                self.origin.display()
            ));
        }
        let is_hard = |film: &ScoredFilm| film.probabilities.iter().all(|p| *p == 0.0 || *p == 1.0);
        if self.films.iter().all(is_hard) {
            notes.push(
                "every probability is 0 or 1: answers, it seems, not probabilities, so that AUROC, calibration and \
                 thresholds say little"
                    .to_owned(),
            );
        }
        notes
    }
}

/// The rows that have a true label; the others are set aside.
fn true_rows<'a>(
    path: &Path,
    table: &'a Table,
    films: &FilmColumns,
    set_aside: &mut Vec<SetAside>,
) -> Result<Vec<TrueRow<'a>>, PredictionTableError> {
    let mut rows = Vec::with_capacity(table.rows.len());
    let mut seen: HashMap<&str, u64> = HashMap::with_capacity(table.rows.len());
    for row in &table.rows {
        let number = row.number;
        let refuse = |reason| PredictionTableError::Row {
            path: path.to_owned(),
            row: number,
            reason,
        };
        let cells = row
            .cells
            .as_ref()
            .map_err(|reason| refuse(reason.clone()))?;
        let film = films.get("path", cells).unwrap_or_default();
        if is_missing(film) {
            return Err(refuse(format!(
                "expected the path or id of a film, found `{film}`"
            )));
        }
        if let Some(first) = seen.insert(film, number) {
            return Err(refuse(format!(
                "expected each film once, found `{film}` in row {first} too"
            )));
        }
        let truth = films.get("truth", cells).unwrap_or_default();
        if is_missing(truth) {
            set_aside.push(SetAside {
                path: film.to_owned(),
                reason: format!("row {number}: expected a true label, found `{truth}`"),
            });
            continue;
        }
        if truth.contains(SEPARATOR) {
            return Err(refuse(format!(
                "expected one true label, found several: `{truth}`\nhint: judge each finding by a table of its own"
            )));
        }
        rows.push(TrueRow {
            number,
            cells,
            path: film,
            truth: truth_text(truth),
        });
    }
    Ok(rows)
}

/// Gives a true label its new name, if any: of 0 and 1, 1 is what the user calls the positive label, or the one label
/// whose column is named.
fn rename(truth: &mut String, is_binary: bool, options: &PredictionOptions) {
    if let Some(name) = options.renames.get(truth.as_str()) {
        name.clone_into(truth);
        return;
    }
    let mut named = options.columns.labels();
    let only = match named.len() {
        1 => named.next(),
        _ => None,
    };
    let name = options.positive.as_deref().or(only);
    if let Some(name) = name.filter(|name| is_binary && !["0", "1"].contains(name)) {
        *truth = match truth.as_str() {
            "1" => name.to_owned(),
            _ => format!("no {name}"),
        };
    }
}
