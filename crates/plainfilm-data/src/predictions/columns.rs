//! Which column of a table of predictions is which.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::PredictionTableError;
use crate::columns::{locate, named, usual_names};
use crate::table::{Table, normalised};

/// What a column can tell of a film, besides the probabilities.
const ROLES: [&str; 7] = [
    "path",
    "truth",
    "patient_id",
    "source",
    "view",
    "sex",
    "age",
];
/// Names of films where there are no files.
const FILM_NAMES: [&str; 5] = ["id", "image_id", "film", "film_id", "uid"];
/// Names of the truth that are not those of a label.
const TRUTH_NAMES: [&str; 9] = [
    "y_true",
    "true_label",
    "label_true",
    "ground_truth",
    "gt",
    "target",
    "actual",
    "label",
    "labels",
];
/// What stands before and after a label's name in the name of its column of probabilities.
const AROUND_LABEL: [(&str, &str); 10] = [
    ("", ""),
    ("prob_", ""),
    ("p_", ""),
    ("", "_prob"),
    ("score_", ""),
    ("", "_score"),
    ("proba_", ""),
    ("", "_proba"),
    ("probability_", ""),
    ("", "_probability"),
];
/// Names of the one column of probabilities of the positive label.
const ALONE: [&str; 9] = [
    "probability",
    "prob",
    "score",
    "y_prob",
    "y_score",
    "p",
    "proba",
    "y_proba",
    "y_pred_proba",
];

/// Which column tells what, as `path=filename,truth=y_true,Pneumonia=prob`: every name that is none of `path`, `truth`,
/// `patient` (or `patient_id`), `source`, `view`, `sex` and `age` is a label, whose probability the column holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PredictionColumns {
    roles: BTreeMap<String, String>,
    labels: Vec<(String, String)>,
}

impl FromStr for PredictionColumns {
    type Err = PredictionTableError;

    fn from_str(text: &str) -> Result<Self, PredictionTableError> {
        let mut columns = Self::default();
        for pair in text.split(',') {
            let refuse = |reason: &str| PredictionTableError::ColumnNames {
                pair: pair.trim().to_owned(),
                reason: reason.to_owned(),
            };
            let (name, column) = match pair.split_once('=') {
                Some((name, column)) if !name.trim().is_empty() && !column.trim().is_empty() => {
                    (name.trim(), column.trim().to_owned())
                }
                _ => return Err(refuse("expected NAME=COLUMN")),
            };
            let role = match normalised(name).as_str() {
                "patient" => "patient_id".to_owned(),
                other => other.to_owned(),
            };
            let is_new = if ROLES.contains(&role.as_str()) {
                columns.roles.insert(role, column).is_none()
            } else {
                let is_new = columns.labels.iter().all(|(label, _)| label != name);
                columns.labels.push((name.to_owned(), column));
                is_new
            };
            if !is_new {
                return Err(refuse("expected each name once"));
            }
        }
        Ok(columns)
    }
}

impl PredictionColumns {
    /// Labels that were named.
    pub(super) fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.labels.iter().map(|(label, _)| label.as_str())
    }
}

/// Where the columns other than those of probabilities are.
pub(super) struct FilmColumns {
    at: [Option<usize>; ROLES.len()],
    /// What was taken for what, where the names differ.
    pub taken: Vec<String>,
}

impl FilmColumns {
    /// The error is one line.
    pub fn of(table: &Table, names: &PredictionColumns) -> Result<Self, String> {
        let mut found = Self {
            at: [None; ROLES.len()],
            taken: Vec::new(),
        };
        for (index, role) in ROLES.iter().enumerate() {
            let usual: Vec<&str> = match *role {
                "path" => [usual_names(role), &FILM_NAMES].concat(),
                "truth" => [&TRUTH_NAMES, usual_names("label")].concat(),
                _ => usual_names(role).to_vec(),
            };
            let asked = names.roles.get(*role).map(String::as_str);
            let is_taken = |column| found.at.contains(&Some(column));
            let (at, _) = locate(table, role, &usual, asked, is_taken)?;
            found.at[index] = at;
            if let Some(column) = at.map(|at| &table.columns[at])
                && column != role
            {
                found.taken.push(format!("{role} from `{column}`"));
            }
        }
        Ok(found)
    }

    /// What a row says of a role; none where the table has no such column.
    pub fn get<'a>(&self, role: &str, cells: &'a [String]) -> Option<&'a str> {
        Some(&cells[self.place(role)?])
    }

    /// Where the column of a role is.
    pub fn place(&self, role: &str) -> Option<usize> {
        let index = ROLES.iter().position(|name| *name == role)?;
        self.at[index]
    }

    fn is_taken(&self, column: usize) -> bool {
        self.at.contains(&Some(column))
    }
}

/// Where the probabilities are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Probabilities {
    /// One column for each label, which come in this order.
    Each(Vec<(String, usize)>),
    /// One column, of this label.
    One(String, usize),
    /// One column, of whichever of two labels is the positive one.
    Positive(usize),
}

impl Probabilities {
    /// Finds them for the labels that films have, in order. None where there are none; the error is one line.
    pub fn of(
        table: &Table,
        names: &PredictionColumns,
        films: &FilmColumns,
        truths: &[String],
    ) -> Result<Option<Self>, String> {
        if !names.labels.is_empty() {
            let columns = names.labels.iter().map(|(label, column)| {
                Ok((label.clone(), named(table, &format!("`{label}`"), column)?))
            });
            let mut columns: Vec<(String, usize)> = columns.collect::<Result<_, String>>()?;
            return Ok(match columns.len() {
                1 => columns.pop().map(|(label, at)| Self::One(label, at)),
                _ => Some(Self::Each(columns)),
            });
        }
        if let Some(own) = own_columns(table, truths) {
            return Ok(Some(Self::Each(own)));
        }
        let free = |name: &str| -> Result<Option<usize>, String> {
            Ok(table.column(name)?.filter(|at| !films.is_taken(*at)))
        };
        let mut one = None;
        for (before, after) in AROUND_LABEL {
            let mut found = Vec::new();
            for label in truths {
                let exact = format!("{before}{label}{after}");
                let spelt = table.columns.iter().position(|name| *name == exact);
                let at = match spelt.filter(|at| !films.is_taken(*at)) {
                    Some(at) => Some(at),
                    None => free(&normalised(&exact))?,
                };
                found.extend(at.map(|at| (label.clone(), at)));
            }
            if found.len() == truths.len() && !found.is_empty() {
                add_labels_without_films(table, films, (before, after), &mut found);
                return Ok(Some(Self::Each(found)));
            }
            if let ([(label, at)], [_, _]) = (found.as_slice(), truths) {
                one.get_or_insert_with(|| Self::One(label.clone(), *at));
            }
        }
        if one.is_none() && truths.len() == 2 {
            for name in ALONE {
                if let Some(at) = free(name)? {
                    return Ok(Some(Self::Positive(at)));
                }
            }
        }
        Ok(one)
    }
}

/// The columns of a `predictions.csv` of ours: `path,truth,label`, then one for each label.
fn own_columns(table: &Table, truths: &[String]) -> Option<Vec<(String, usize)>> {
    let (first, labels) = table.columns.split_at_checked(3)?;
    let is_own = first == ["path", "truth", "label"] && labels.len() > 1;
    let has_all = truths.iter().all(|truth| labels.contains(truth));
    (is_own && has_all).then(|| labels.iter().cloned().zip(3..).collect())
}

/// A model may know labels that no film has: where something stands around a label's name, the other columns with
/// it are labels too.
fn add_labels_without_films(
    table: &Table,
    films: &FilmColumns,
    (before, after): (&str, &str),
    found: &mut Vec<(String, usize)>,
) {
    if before.is_empty() && after.is_empty() {
        return;
    }
    for (at, column) in table.columns.iter().enumerate() {
        let inner = column
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after));
        let is_new = !films.is_taken(at) && found.iter().all(|(_, known)| *known != at);
        if let Some(label) = inner.filter(|label| is_new && !label.is_empty()) {
            found.push((label.to_owned(), at));
        }
    }
}
