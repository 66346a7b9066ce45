//! Which column of a table is which: as named by the user, as a manifest names them, or by the names
//! that are usual elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::DatasetError;
use super::reading::{Reading, Record};
use super::table::{Table, normalised};

/// What a column can tell of a film, with the names other than its own that it usually has.
const ROLES: [(&str, &[&str]); 11] = [
    (
        "path",
        &[
            "filename",
            "file_name",
            "file",
            "filepath",
            "file_path",
            "image",
            "image_path",
            "image_file",
            "image_name",
            "imagename",
            "image_index",
            "x_ray_image_name",
            "img",
            "img_path",
        ],
    ),
    (
        "label",
        &[
            "labels",
            "class",
            "class_name",
            "target",
            "y",
            "diagnosis",
            "finding",
            "findings",
            "finding_labels",
            "category",
            "disease",
        ],
    ),
    ("unknown", &[]),
    (
        "patient_id",
        &[
            "patient",
            "patientid",
            "subject_id",
            "subject",
            "subjectid",
            "pid",
        ],
    ),
    (
        "source",
        &["hospital", "site", "institution", "data_source"],
    ),
    ("view", &["view_position", "viewposition", "projection"]),
    (
        "sex",
        &["gender", "patient_sex", "patientsex", "patient_gender"],
    ),
    ("age", &["patient_age", "patientage"]),
    ("synthetic", &[]),
    ("mask", &["mask_path"]),
    ("split", &["partition", "subset"]),
];

/// Which column tells what, as `path=filename,label=class`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnNames(BTreeMap<String, String>);

impl FromStr for ColumnNames {
    type Err = DatasetError;

    fn from_str(text: &str) -> Result<Self, DatasetError> {
        let mut names = BTreeMap::new();
        for pair in text.split(',') {
            let refuse = |reason: String| DatasetError::ColumnNames {
                pair: pair.trim().to_owned(),
                reason,
            };
            let (role, column) = match pair.split_once('=') {
                Some((role, column)) if !column.trim().is_empty() => {
                    (normalised(role), column.trim().to_owned())
                }
                _ => return Err(refuse("expected NAME=COLUMN".into())),
            };
            if !ROLES.iter().any(|(name, _)| *name == role) {
                let known: Vec<&str> = ROLES.iter().map(|(name, _)| *name).collect();
                return Err(refuse(format!("expected one of {}", known.join(", "))));
            }
            if names.insert(role, column).is_some() {
                return Err(refuse("expected each name once".into()));
            }
        }
        Ok(Self(names))
    }
}

impl TryFrom<String> for ColumnNames {
    type Error = DatasetError;

    fn try_from(text: String) -> Result<Self, DatasetError> {
        text.parse()
    }
}

impl From<ColumnNames> for String {
    fn from(names: ColumnNames) -> Self {
        names.to_string()
    }
}

impl fmt::Display for ColumnNames {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(role, column)| format!("{role}={column}"))
            .collect();
        out.write_str(&pairs.join(","))
    }
}

/// Where the columns are, in the order of [`ROLES`].
struct Columns {
    at: [Option<usize>; ROLES.len()],
    /// Roles that neither the user nor the table named by their own name.
    guessed: Vec<usize>,
}

impl Columns {
    fn of(table: &Table, names: Option<&ColumnNames>) -> Result<Self, String> {
        let mut found = Self {
            at: [None; ROLES.len()],
            guessed: vec![],
        };
        for (index, (role, usual)) in ROLES.iter().enumerate() {
            let asked = names.and_then(|names| names.0.get(*role));
            let taken = |column| found.at.contains(&Some(column));
            let (at, guessed) = locate(table, role, usual, asked.map(String::as_str), taken)?;
            found.at[index] = at;
            if guessed {
                found.guessed.push(index);
            }
        }
        Ok(found)
    }

    fn get<'a>(&self, role: usize, cells: &'a [String]) -> &'a str {
        self.at[role].map_or("", |column| &cells[column])
    }
}

/// The usual names of a column other than its own.
pub(super) fn usual_names(role: &str) -> &'static [&'static str] {
    ROLES
        .iter()
        .find(|(name, _)| *name == role)
        .map_or(&[], |(_, usual)| usual)
}

/// Where the column of a role is, and whether that was guessed: the one that was asked for, else the one with the
/// role's own name, else the first with a usual name that is not taken.
pub(super) fn locate(
    table: &Table,
    role: &str,
    usual: &[&str],
    asked: Option<&str>,
    is_taken: impl Fn(usize) -> bool,
) -> Result<(Option<usize>, bool), String> {
    if let Some(column) = asked {
        return Ok((Some(named(table, role, column)?), false));
    }
    if let Some(own) = table.column(role)? {
        return Ok((Some(own), false));
    }
    for name in usual {
        if let Some(column) = table.column(name)?.filter(|column| !is_taken(*column)) {
            return Ok((Some(column), true));
        }
    }
    Ok((None, false))
}

/// The column that the user named: as it is spelt, else in any case.
pub(super) fn named(table: &Table, role: &str, column: &str) -> Result<usize, String> {
    if let Some(exact) = table.columns.iter().position(|name| name == column) {
        return Ok(exact);
    }
    table.column(&normalised(column))?.ok_or_else(|| {
        format!(
            "expected a column `{column}` for {role}, found {}",
            super::error::quoted(&table.columns)
        )
    })
}

/// Reads a table by its columns.
///
/// # Errors
///
/// When a column that was named is not there, one is there twice, or none tells paths or labels.
pub(super) fn read(
    table: &Table,
    names: Option<&ColumnNames>,
    manifest: &str,
) -> Result<Reading, DatasetError> {
    let columns = Columns::of(table, names).map_err(|reason| DatasetError::Manifest {
        manifest: manifest.to_owned(),
        reason,
    })?;
    let missing: Vec<String> = (0..2)
        .filter(|role| columns.at[*role].is_none())
        .map(|role| ROLES[role].0.to_owned())
        .collect();
    if !missing.is_empty() {
        return Err(DatasetError::MissingColumns {
            manifest: manifest.to_owned(),
            missing,
            found: table.columns.clone(),
        });
    }
    let guesses: Vec<String> = columns
        .guessed
        .iter()
        .filter_map(|role| Some((ROLES[*role].0, columns.at[*role]?)))
        .map(|(role, column)| format!("{role} from `{}`", table.columns[column]))
        .collect();
    let mut reading = Reading::of(table, |cells| {
        let [
            path,
            label,
            unknown,
            patient_id,
            source,
            view,
            sex,
            age,
            synthetic,
            mask,
            split,
        ] = std::array::from_fn(|role| columns.get(role, cells).to_owned());
        Record {
            path,
            label,
            unknown,
            patient_id,
            source,
            view,
            sex,
            age,
            synthetic,
            mask,
            split,
        }
    });
    reading.several = columns.at[2].is_some();
    reading.anywhere = names.is_some() || columns.guessed.contains(&0);
    if !guesses.is_empty() {
        reading.notes.push(format!(
            "columns read by their usual names: {} (--columns names others)",
            guesses.join(", ")
        ));
    }
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::from_csv;

    fn first(text: &str, names: Option<&str>) -> Result<(Record, Vec<String>), DatasetError> {
        let names = names.map(|names| names.parse().unwrap());
        let table = from_csv(text.as_bytes()).unwrap();
        let mut reading = read(&table, names.as_ref(), "films.csv")?;
        Ok((reading.records.remove(0).1.unwrap(), reading.notes))
    }

    #[test]
    fn usual_names_are_guessed_and_said() {
        let (record, notes) = first(
            "Image Path,Diagnosis,Subject-ID,Gender\na.png,x,7,F\n",
            None,
        )
        .unwrap();
        assert_eq!(
            (record.path.as_str(), record.label.as_str()),
            ("a.png", "x")
        );
        assert_eq!(
            (record.patient_id.as_str(), record.sex.as_str()),
            ("7", "F")
        );
        assert_eq!(
            notes,
            [
                "columns read by their usual names: path from `Image Path`, label from `Diagnosis`, \
              patient_id from `Subject-ID`, sex from `Gender` (--columns names others)"
            ]
        );
        let (_, notes) = first("path,label\na.png,x\n", None).unwrap();
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn named_columns_win_over_those_of_their_own_name() {
        let text = "label,class,where\nold,x,a.png\n";
        let (record, _) = first(text, Some("label=class, path=Where")).unwrap();
        assert_eq!(
            (record.path.as_str(), record.label.as_str()),
            ("a.png", "x")
        );
        let error = first(text, Some("label=classes")).unwrap_err().to_string();
        assert!(
            error.contains("expected a column `classes` for label, found `label`, `class`"),
            "{error}"
        );
    }

    #[test]
    fn column_names_are_checked_and_keep_their_spelling() {
        let names: ColumnNames = "path=File Name,label=y".parse().unwrap();
        assert_eq!(names.to_string(), "label=y,path=File Name");
        for (text, expected) in [
            ("path", "expected NAME=COLUMN"),
            ("path=", "expected NAME=COLUMN"),
            ("colour=x", "expected one of path, label"),
            ("path=a,path=b", "expected each name once"),
        ] {
            let error = text.parse::<ColumnNames>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
