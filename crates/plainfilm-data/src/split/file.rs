//! A split as a file: `path,label,patient_id,split`.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::{Films, Split, SplitMethod};
use crate::archive::clean_path;
use crate::error::first_five;
use crate::root::read_file;
use crate::table::{self, Table};
use crate::{Dataset, DatasetError, Part};
use plainfilm_figures::ScoredFilm;
use plainfilm_film::files::atomic_write;

/// Largest split file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 30;

impl Part {
    /// `train`, `validation`, `test` or `left_out`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
            Self::LeftOut => "left_out",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        match name.to_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "validation" | "val" | "valid" => Some(Self::Validation),
            "test" => Some(Self::Test),
            "left_out" => Some(Self::LeftOut),
            _ => None,
        }
    }
}

impl Split {
    /// Writes `path,label,patient_id,split`, one line per film of `dataset`, in one step: the file
    /// is there whole or not at all.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write_csv(&self, dataset: &Dataset, path: &Path) -> Result<(), DatasetError> {
        let rows = dataset.films.iter().zip(&self.parts).map(|(film, part)| {
            let label = dataset.labels[film.label].as_str();
            [film.path.as_str(), label, &film.patient_id, part.name()]
        });
        write_rows(rows, path)
    }

    /// Writes the same of films that were judged, all of them test films.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write_csv_of_test_films(
        labels: &[String],
        films: &[ScoredFilm],
        path: &Path,
    ) -> Result<(), DatasetError> {
        let rows = films.iter().map(|film| {
            let label = labels[film.truth].as_str();
            [film.path.as_str(), label, &film.patient, Part::Test.name()]
        });
        write_rows(rows, path)
    }

    /// Reads what [`Split::write_csv`] wrote, or any CSV file with the columns `path` and `split`
    /// (`train`, `validation` or `test`).
    ///
    /// # Errors
    ///
    /// When the file cannot be read, lacks a column, names a film twice or an unknown part, gives
    /// a film another label than the data, or when it and the data do not name the same films: the
    /// first five are listed.
    pub fn read_csv(dataset: &Dataset, path: &Path) -> Result<Self, DatasetError> {
        let refuse = |reason: String| DatasetError::SplitFile {
            path: path.to_owned(),
            reason,
        };
        let bytes = read_file(path, MAX_BYTES).map_err(refuse)?;
        let table = table::from_csv(&bytes).map_err(refuse)?;
        let parts = parts_by_path(&table, dataset).map_err(refuse)?;

        let in_data: HashSet<&str> = dataset
            .films
            .iter()
            .map(|film| film.path.as_str())
            .collect();
        let mut extra: Vec<String> = parts
            .keys()
            .filter(|path| !in_data.contains(path.as_str()))
            .cloned()
            .collect();
        extra.sort();
        if !extra.is_empty() {
            return Err(refuse(format!(
                "it names films that the data set does not have: {}",
                first_five(&extra)
            )));
        }
        let missing: Vec<String> = dataset
            .films
            .iter()
            .map(|film| film.path.clone())
            .filter(|path| !parts.contains_key(path))
            .collect();
        if !missing.is_empty() {
            return Err(refuse(format!(
                "it does not name all films of the data set, such as {}",
                first_five(&missing)
            )));
        }
        let parts = dataset.films.iter().map(|film| parts[&film.path]).collect();
        let method = SplitMethod::File(path.to_owned());
        Ok(Films::of(dataset).into_split(method, 0, None, parts))
    }
}

fn write_rows<'a>(
    rows: impl Iterator<Item = [&'a str; 4]>,
    path: &Path,
) -> Result<(), DatasetError> {
    let failed = |source: std::io::Error| DatasetError::Io {
        action: "write",
        path: path.to_owned(),
        source,
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(["path", "label", "patient_id", "split"]).chain(rows) {
        writer
            .write_record(row)
            .map_err(|error| failed(error.into()))?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    atomic_write(path, &bytes).map_err(failed)
}

fn parts_by_path(table: &Table, dataset: &Dataset) -> Result<HashMap<String, Part>, String> {
    let required = |name: &str| {
        table.column(name)?.ok_or_else(|| {
            format!(
                "expected columns `path` and `split`, found {}",
                crate::error::quoted(&table.columns)
            )
        })
    };
    let (path_column, split_column) = (required("path")?, required("split")?);
    let label_column = table.column("label")?;
    let label_of: HashMap<&str, &str> = dataset
        .films
        .iter()
        .map(|film| (film.path.as_str(), dataset.labels[film.label].as_str()))
        .collect();
    let mut parts = HashMap::new();
    for row in &table.rows {
        let in_row = |reason: String| format!("row {}: {reason}", row.number);
        let cells = row
            .cells
            .as_ref()
            .map_err(|reason| in_row(reason.clone()))?;
        let path = clean_path(&cells[path_column]).map_err(in_row)?;
        let name = &cells[split_column];
        let part = Part::from_name(name).ok_or_else(|| {
            in_row(format!(
                "expected `train`, `validation` or `test`, found `{name}`"
            ))
        })?;
        if let (Some(column), Some(label)) = (label_column, label_of.get(path.as_str()))
            && cells[column] != *label
        {
            return Err(in_row(format!(
                "expected {path} with the label `{label}` as in the data, found `{}`",
                cells[column]
            )));
        }
        if parts.insert(path.clone(), part).is_some() {
            return Err(in_row(format!("{path} is there twice")));
        }
    }
    Ok(parts)
}
