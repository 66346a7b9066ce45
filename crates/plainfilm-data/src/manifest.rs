//! A manifest: one row per film, with the columns `path` and `label`, and where known
//! `patient_id`, `source`, `view`, `sex`, `age` (years), `synthetic` and `mask` (a picture of the
//! film's lungs, white is lung). Other columns are not read.
//!
//! Where a label has several parts (`Effusion|Mass`), or there is a column `unknown` (findings of which
//! nobody knows whether the film shows them, likewise), every film may show any number of findings.
//!
//! The manifest alone says what the films are: files beside it that it does not name are no
//! inputs. Its paths are relative to its own folder and may not leave it. A row that cannot be used
//! is set aside with its number.

use std::collections::HashMap;

use super::Location;
use super::archive::clean_path;
use super::listing::{Listed, Listing};
use super::root::{Identity, Root};
use super::table::{self, Row, Table};
use super::{DatasetError, findings};

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
    let lists = |row: &Row| {
        let cells = row.cells.as_ref().ok();
        cells.is_some_and(|cells| cells[columns.label].contains(findings::SEPARATOR))
    };
    let mut listing = Listing {
        several: columns.unknown.is_some() || table.rows.iter().any(lists),
        ..Listing::default()
    };
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
    unknown: Option<usize>,
    patient_id: Option<usize>,
    source: Option<usize>,
    view: Option<usize>,
    sex: Option<usize>,
    age: Option<usize>,
    synthetic: Option<usize>,
    mask: Option<usize>,
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
            unknown: find("unknown")?,
            patient_id: find("patient_id")?,
            source: find("source")?,
            view: find("view")?,
            sex: find("sex")?,
            age: find("age")?,
            synthetic: find("synthetic")?,
            mask: find("mask")?,
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
    let mask = optional(columns.mask)
        .map(|text| mask(&text, root))
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
        unknown: optional(columns.unknown),
        patient_id: optional(columns.patient_id),
        source: optional(columns.source),
        view: optional(columns.view),
        sex: optional(columns.sex),
        age,
        mask,
        synthetic: optional(columns.synthetic)
            .is_some_and(|text| ["true", "1", "yes"].contains(&text.to_lowercase().as_str())),
        ..Listed::new(path, location, label)
    });
    Ok(())
}

/// Where a film's mask is. Films may share one, as the two of a pair that was taken at once do.
fn mask(given: &str, root: &Root) -> Result<Location, String> {
    let named = |reason: String| format!("its lung mask {given}: {reason}");
    let path = clean_path(given).map_err(named)?;
    let (location, _) = root.locate(&path).map_err(named)?;
    Ok(location)
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// A folder with `x/a.png` and `x/b.png`, and a manifest of `text`.
    fn listed(text: &str) -> (tempfile::TempDir, Result<Listing, DatasetError>) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("x")).unwrap();
        for name in ["x/a.png", "x/b.png"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::write(folder.path().join("manifest.csv"), text).unwrap();
        let listing = list(&Root::Folder(folder.path().into()), "manifest.csv");
        (folder, listing)
    }

    #[test]
    fn all_columns_are_read_and_others_are_not() {
        let (folder, listing) = listed(
            "Label,path,extra,Patient_ID,source,view,sex,age,synthetic,mask\n\
             x,./x//a.png,?,p1,site,PA,F,045Y,true,x/b.png\n\
             y,x\\b.png,?,nan,,AP,,6M,,\n",
        );
        let listing = listing.unwrap();
        let [a, b] = &listing.films[..] else {
            panic!("{listing:?}")
        };
        assert_eq!((a.path.as_str(), a.label.as_str()), ("x/a.png", "x"));
        assert_eq!(a.patient_id.as_deref(), Some("p1"));
        assert_eq!(a.source.as_deref(), Some("site"));
        assert_eq!((a.age, a.synthetic), (Some(45.0), true));
        assert_eq!((b.path.as_str(), b.label.as_str()), ("x/b.png", "y"));
        let mask = Location::File(folder.path().join("x/b.png"));
        assert_eq!((&a.mask, &b.mask), (&Some(mask), &None));
        assert_eq!(b.patient_id, None);
        assert_eq!((b.age, b.sex.as_deref()), (Some(0.5), None));
        assert!(listing.rejected.is_empty());
    }

    #[test]
    fn a_row_that_cannot_be_used_is_set_aside_with_its_number() {
        let cases = [
            ("missing.png,x,", "row 2: file not found"),
            ("x,x,", "row 2: expected a file, found a folder"),
            ("/etc/passwd,x,", "found an absolute one"),
            ("C:\\films\\a.png,x,", "found an absolute one"),
            ("../a.png,x,", "found `..`"),
            ("x/../../a.png,x,", "found `..`"),
            (",x,", "expected a path, found none"),
            ("x/a.png,,", "expected a label, found none"),
            ("x/a.png,x,old", "found `old`"),
            ("x/a.png,x,-3", "found `-3`"),
            ("x/a.png,x,411", "found `411`"),
        ];
        for (row, expected) in cases {
            let (_folder, listing) = listed(&format!("path,label,age\n{row}\nx/b.png,x,5\n"));
            let listing = listing.unwrap();
            assert_eq!(listing.films.len(), 1, "{row}");
            assert_eq!(listing.rejected.len(), 1, "{row}");
            let reason = &listing.rejected[0].reason;
            assert!(reason.starts_with("row 2: "), "{row}: {reason}");
            assert!(reason.contains(expected), "{row}: {reason}");
        }
    }

    #[test]
    fn a_mask_that_is_not_there_is_named() {
        for (mask, expected) in [
            ("masks/a.png", "its lung mask masks/a.png: file not found"),
            ("../a.png", "its lung mask ../a.png: "),
        ] {
            let (_folder, listing) = listed(&format!("path,label,mask\nx/a.png,x,{mask}\n"));
            let reason = &listing.unwrap().rejected[0].reason;
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn a_path_is_taken_once() {
        let (_folder, listing) = listed("path,label\nx/a.png,x\n./x/a.png,y\n");
        let listing = listing.unwrap();
        assert_eq!(listing.films.len(), 1);
        assert_eq!(listing.rejected[0].reason, "row 3: the same path as row 2");
    }

    #[test]
    fn a_missing_column_is_one_error_that_lists_those_there_are() {
        let (_folder, listing) = listed("file,finding\nx/a.png,x\n");
        let text = listing.unwrap_err().to_string();
        assert!(text.contains("found no `path`, `label`"), "{text}");
        assert!(text.contains("columns found: `file`, `finding`"), "{text}");
    }

    #[test]
    fn a_manifest_that_is_gone_is_an_error() {
        let root = Root::Folder(Path::new("no such folder").into());
        assert!(matches!(
            list(&root, "manifest.csv"),
            Err(DatasetError::Manifest { .. })
        ));
    }
}
