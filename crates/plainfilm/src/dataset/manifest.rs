//! A manifest: one row per film, with the columns `path` and `label`, and where known
//! `patient_id`, `source`, `view`, `sex`, `age` (years) and `synthetic`. Other columns are not
//! read.
//!
//! The manifest alone says what the films are: files beside it that it does not name are no
//! inputs. Its paths are relative to its own folder and may not leave it. A row that cannot be used
//! is set aside with its number.

use std::collections::HashMap;

use super::DatasetError;
use super::archive::clean_path;
use super::listing::{Listed, Listing};
use super::root::{Identity, Root};
use super::table::{self, Row, Table};

/// Names under which a folder's or archive's manifest is looked for, first match first.
pub(super) const NAMES: [&str; 2] = ["manifest.csv", "manifest.parquet"];

/// Largest manifest that is read, in bytes: some ten million rows.
const MAX_BYTES: u64 = 1 << 30;

/// Lists by the manifest in `root`, if there is one.
pub(super) fn list_if_there(root: &Root) -> Result<Option<Listing>, DatasetError> {
    NAMES
        .iter()
        .find(|name| root.has_file(name))
        .map(|name| list(root, name))
        .transpose()
}

/// Lists the films that the manifest `name` in `root` names.
pub(super) fn list(root: &Root, name: &str) -> Result<Listing, DatasetError> {
    let manifest = root.name_of(name);
    let refuse = |reason: String| DatasetError::Manifest {
        manifest: manifest.clone(),
        reason,
    };
    let bytes = root.read(name, MAX_BYTES)?;
    let parquet = name.to_lowercase().ends_with(".parquet");
    let table = if parquet {
        table::from_parquet(bytes).map_err(refuse)?
    } else {
        table::from_csv(&bytes).map_err(refuse)?
    };
    let columns = Columns::of(&table, &manifest)?;
    let mut listing = Listing::default();
    if let Some(archive) = root.archive() {
        archive.report_refused_names(&mut listing);
    }
    let mut seen = Seen::default();
    for row in &table.rows {
        if let Err(refusal) = take(row, &columns, root, &mut seen, &mut listing) {
            let path = refusal
                .path
                .unwrap_or_else(|| format!("{name} row {}", row.number));
            let reason = format!("row {}: {}", row.number, refusal.reason);
            listing.reject(&path, refusal.label.as_deref(), reason);
        }
    }
    Ok(listing)
}

/// Where each known column is.
struct Columns {
    path: usize,
    label: usize,
    patient_id: Option<usize>,
    source: Option<usize>,
    view: Option<usize>,
    sex: Option<usize>,
    age: Option<usize>,
    synthetic: Option<usize>,
}

impl Columns {
    fn of(table: &Table, manifest: &str) -> Result<Self, DatasetError> {
        let find = |name: &str| {
            table.column(name).map_err(|reason| DatasetError::Manifest {
                manifest: manifest.to_owned(),
                reason,
            })
        };
        let (path, label) = (find("path")?, find("label")?);
        let (Some(path), Some(label)) = (path, label) else {
            let missing = [("path", path), ("label", label)]
                .into_iter()
                .filter(|(_, index)| index.is_none())
                .map(|(name, _)| name.to_owned())
                .collect();
            return Err(DatasetError::MissingColumns {
                manifest: manifest.to_owned(),
                missing,
                found: table.columns.clone(),
            });
        };
        Ok(Self {
            path,
            label,
            patient_id: find("patient_id")?,
            source: find("source")?,
            view: find("view")?,
            sex: find("sex")?,
            age: find("age")?,
            synthetic: find("synthetic")?,
        })
    }
}

/// What earlier rows took.
#[derive(Default)]
struct Seen {
    paths: HashMap<String, u64>,
    files: HashMap<Identity, String>,
}

/// Why a row is not used.
struct Refusal {
    path: Option<String>,
    label: Option<String>,
    reason: String,
}

fn take(
    row: &Row,
    columns: &Columns,
    root: &Root,
    seen: &mut Seen,
    listing: &mut Listing,
) -> Result<(), Refusal> {
    let cells = row.cells.as_ref().map_err(|reason| Refusal {
        path: None,
        label: None,
        reason: reason.clone(),
    })?;
    let label = cells[columns.label].clone();
    let given = &cells[columns.path];
    let refuse = |reason: String| Refusal {
        path: (!given.is_empty()).then(|| given.clone()),
        label: (!label.is_empty()).then(|| label.clone()),
        reason,
    };
    let path = clean_path(given).map_err(refuse)?;
    if label.is_empty() {
        return Err(refuse("expected a label, found none".into()));
    }
    let optional = |column: Option<usize>| column.and_then(|column| known(&cells[column]));
    let age = optional(columns.age)
        .map(|text| years(&text))
        .transpose()
        .map_err(refuse)?;
    if let Some(first) = seen.paths.get(&path) {
        return Err(refuse(format!("the same path as row {first}")));
    }
    let (location, identity) = root.locate(&path).map_err(refuse)?;
    if let Some(same) = seen.files.get(&identity) {
        return Err(refuse(format!(
            "the same file as {same}, reached through a link"
        )));
    }
    seen.paths.insert(path.clone(), row.number);
    seen.files.insert(identity, path.clone());
    listing.films.push(Listed {
        patient_id: optional(columns.patient_id),
        source: optional(columns.source),
        view: optional(columns.view),
        sex: optional(columns.sex),
        age,
        synthetic: optional(columns.synthetic)
            .is_some_and(|text| ["true", "1", "yes"].contains(&text.to_lowercase().as_str())),
        ..Listed::new(path, location, label)
    });
    Ok(())
}

/// A cell's text unless it says that the value is missing.
fn known(cell: &str) -> Option<String> {
    const MISSING: [&str; 7] = ["", "na", "n/a", "nan", "none", "null", "unknown"];
    (!MISSING.contains(&cell.to_lowercase().as_str())).then(|| cell.to_owned())
}

/// An age in years: a number, or DICOM's age string (`045Y`, `006M`, `003W`, `010D`).
fn years(text: &str) -> Result<f32, String> {
    let expected = || format!("expected an age of 0 to 150 years, found `{text}`");
    let (number, per_year) = match text.to_uppercase().chars().last() {
        Some('Y') => (&text[..text.len() - 1], 1.0),
        Some('M') => (&text[..text.len() - 1], 12.0),
        Some('W') => (&text[..text.len() - 1], 365.25 / 7.0),
        Some('D') => (&text[..text.len() - 1], 365.25),
        _ => (text, 1.0),
    };
    let years: f32 = number.trim().parse().map_err(|_| expected())?;
    let years = years / per_year;
    if (0.0..=150.0).contains(&years) {
        Ok(years)
    } else {
        Err(expected())
    }
}
