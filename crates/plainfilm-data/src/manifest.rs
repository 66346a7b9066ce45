//! A manifest: one row per film, with the columns `path` and `label`, and where known
//! `patient_id`, `source`, `view`, `sex`, `age` (years), `synthetic`, `split` and `mask` (a picture of
//! the film's lungs, white is lung). Other tables are read by [`columns`] and [`known_tables`] as if
//! they were one; columns that tell nothing of these are not read.
//!
//! Where a label has several parts (`Effusion|Mass`), or there is a column `unknown` (findings of which
//! nobody knows whether the film shows them, likewise), every film may show any number of findings.
//!
//! The manifest alone says what the films are: files beside it that it does not name are no
//! inputs. Its paths are relative to its own folder, which they may not leave, or, on disk, absolute. A
//! row that cannot be used is set aside with its number.

use super::listing::Listing;
use super::reading::Reading;
use super::root::Root;
use super::rows::Rows;
use super::table::{self, Table};
use super::{DatasetError, DatasetOptions, columns, findings, known_tables};

/// Names under which a folder's or archive's manifest is looked for, first match first.
pub(super) const NAMES: [&str; 3] = ["manifest.csv", "manifest.parquet", "manifest.xlsx"];

/// Largest manifest that is read, in bytes: some ten million rows.
pub(super) const MAX_BYTES: u64 = 1 << 30;

/// Lists by the manifest in `root`, else by a table that a known data set comes with, if there is one.
pub(super) fn list_if_there(
    root: &Root,
    options: &DatasetOptions,
) -> Result<Option<Listing>, DatasetError> {
    if let Some(name) = NAMES.iter().find(|name| root.has_file(name)) {
        return list(root, name, options).map(Some);
    }
    for name in known_tables::NAMES {
        let Some(name) = plain_or_packed(root, name) else {
            continue;
        };
        let name = name.as_str();
        // A file that only has such a name says nothing about the films.
        let Ok(table) = read_table(root, name) else {
            continue;
        };
        let reading = known(root, name, &table, options)?;
        if let Some(mut reading) = reading {
            reading
                .notes
                .insert(0, format!("films are those of {name}"));
            return Ok(Some(list_reading(root, name, &table, reading)));
        }
    }
    Ok(None)
}

/// Lists the films that the table `name` in `root` names.
pub(super) fn list(
    root: &Root,
    name: &str,
    options: &DatasetOptions,
) -> Result<Listing, DatasetError> {
    if name.to_lowercase().ends_with(".txt") {
        let bytes = root.read(name, MAX_BYTES)?;
        let reading = known_tables::read_list(&bytes).map_err(|reason| DatasetError::Manifest {
            manifest: root.name_of(name),
            reason,
        })?;
        return Ok(rows_of(root, name, reading));
    }
    let table = read_table(root, name)?;
    let own = ["path", "label"].map(|column| table.column(column));
    let is_manifest = !matches!(own, [Ok(None), _] | [_, Ok(None)]);
    let of_known_set = match options.columns.is_none() && !is_manifest {
        true => known(root, name, &table, options)?,
        false => None,
    };
    let reading = match of_known_set {
        Some(reading) => reading,
        None => columns::read(&table, options.columns.as_ref(), &root.name_of(name))?,
    };
    Ok(list_reading(root, name, &table, reading))
}

/// The name under which a table is there, as it is or packed by gzip; none where it is not.
fn plain_or_packed(root: &Root, name: &str) -> Option<String> {
    [name.to_owned(), format!("{name}.gz")]
        .into_iter()
        .find(|name| root.has_file(name))
}

/// The table as one of a known data set, with the others of that set beside it; none where it is none.
fn known(
    root: &Root,
    name: &str,
    table: &Table,
    options: &DatasetOptions,
) -> Result<Option<Reading>, DatasetError> {
    let beside = |names: &[&str]| {
        let there = names.iter().find_map(|name| plain_or_packed(root, name))?;
        read_table(root, &there).ok()
    };
    known_tables::read(table, options.uncertain, &beside).map_err(|reason| DatasetError::Manifest {
        manifest: root.name_of(name),
        reason,
    })
}

fn read_table(root: &Root, name: &str) -> Result<Table, DatasetError> {
    let bytes = root.read(name, MAX_BYTES)?;
    table::by_name(name, bytes).map_err(|reason| DatasetError::Manifest {
        manifest: root.name_of(name),
        reason,
    })
}

fn list_reading(root: &Root, name: &str, table: &Table, mut reading: Reading) -> Listing {
    if let Some(encoding) = table.encoding {
        let note = format!("{name} is in {encoding}, not UTF-8: check that names are spelt right");
        reading.notes.push(note);
    }
    rows_of(root, name, reading)
}

fn rows_of(root: &Root, name: &str, mut reading: Reading) -> Listing {
    let lists = |label: &str| label.contains(findings::SEPARATOR);
    let records = reading.records.iter().flat_map(|(_, record)| record);
    let mut listing = Listing {
        several: reading.several || records.into_iter().any(|record| lists(&record.label)),
        notes: std::mem::take(&mut reading.notes),
        ..Listing::default()
    };
    for (path, reason) in std::mem::take(&mut reading.left_out) {
        listing.ignore(&path, reason);
    }
    if let Some(archive) = root.archive() {
        archive.report_refused_names(&mut listing);
    }
    let rows = Rows::new(root, name, &reading);
    rows.take_all(reading.records, &mut listing);
    listing
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    use crate::Location;

    /// A folder with `x/a.png` and `x/b.png`, and a manifest of `text`.
    fn listed(text: &str) -> (tempfile::TempDir, Result<Listing, DatasetError>) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("x")).unwrap();
        for name in ["x/a.png", "x/b.png"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        fs::write(folder.path().join("manifest.csv"), text).unwrap();
        let options = DatasetOptions::default();
        let listing = list(
            &Root::Folder(folder.path().into()),
            "manifest.csv",
            &options,
        );
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
            ("C:\\films\\a.png,x,", "found an absolute one"),
            ("../a.png,x,", "found `..`"),
            ("x/../../a.png,x,", "found `..`"),
            (",x,", "expected a path, found none"),
            ("x/a.png,,", "expected a label, found none"),
            ("x/a.png,nan,", "expected a label, found `nan`"),
            ("x/a.png,#N/A,", "expected a label, found `#N/A`"),
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
    fn a_missing_column_is_one_error_that_lists_those_there_are() {
        let (_folder, listing) = listed("films,state\nx/a.png,x\n");
        let text = listing.unwrap_err().to_string();
        assert!(text.contains("found no `path`, `label`"), "{text}");
        assert!(text.contains("columns found: `films`, `state`"), "{text}");
        assert!(text.contains("hint: name them, as in --columns"), "{text}");
    }

    #[test]
    fn a_manifest_that_is_gone_is_an_error() {
        let root = Root::Folder(Path::new("no such folder").into());
        assert!(matches!(
            list(&root, "manifest.csv", &DatasetOptions::default()),
            Err(DatasetError::Manifest { .. })
        ));
    }
}
