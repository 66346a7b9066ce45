//! DICOM files to a manifest: one row for each film that can be used, with the person behind a number that leads
//! back to nobody, and a reason for each file that is left out.
//!
//! The manifest has the columns `path`, `label`, `patient_id`, `view`, `sex` and `age`, and `manufacturer` and
//! `modality`, which [`Dataset`](crate::Dataset) does not read. The label is the folder that a film lies in, if any:
//! DICOM itself has none.

mod choice;
mod deidentify;
mod phi_check;
mod pseudonym;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plainfilm_film::files::atomic_write;
use plainfilm_film::radiograph::dicom::{DicomFacts, Listed, directory};
use plainfilm_film::radiograph::{Format, Limits, read_bytes, read_header, without_name};
use rayon::prelude::*;

use crate::DatasetError;
pub use deidentify::{DeidentifiedFilms, DeidentifyOptions, deidentify};
pub use phi_check::{Finding, PhiCheck, phi_check};
pub use pseudonym::Salt;

/// Which films are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DicomChoice {
    /// Only PA and AP views of the chest, the default; otherwise every file with an image that is read.
    pub frontal_chest_only: bool,
    /// How large files and films may be.
    pub limits: Limits,
}

impl Default for DicomChoice {
    fn default() -> Self {
        Self {
            frontal_chest_only: true,
            limits: Limits::default(),
        }
    }
}

/// One film of the manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct DicomRow {
    /// Path below the folder, with `/` between its parts.
    pub path: String,
    /// The first folder of the path; empty for a film that lies in none.
    pub label: String,
    /// The salted hash of the patient's identifier; empty where the file has none.
    pub patient_id: String,
    /// `PA`, `AP` or whatever the file says.
    pub view: String,
    /// `F`, `M` or `O`.
    pub sex: String,
    /// In years.
    pub age: Option<f64>,
    /// The maker of the device.
    pub manufacturer: String,
    /// `CR`, `DX` and so on.
    pub modality: String,
}

/// The films of a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct DicomFilms {
    /// Sorted by path.
    pub rows: Vec<DicomRow>,
    /// Files that are no row, and why, by path. No reason says anything of a person.
    pub left_out: BTreeMap<String, String>,
    /// Paths of rows whose file says that text is drawn into the film, which may name a person.
    pub burned_in: Vec<String>,
}

/// Reads the DICOM files below a folder, or those that a DICOMDIR lists.
///
/// Each patient's identifier is replaced by its hash with `salt`, which belongs to this import alone: see
/// [`Salt::keep`].
///
/// # Errors
///
/// [`DatasetError::Io`] where the folder or DICOMDIR cannot be read, and [`DatasetError::NotADataset`] where it is
/// a file that is no DICOMDIR. What is wrong with one film is in [`DicomFilms::left_out`].
pub fn films(from: &Path, salt: &Salt, choice: &DicomChoice) -> Result<DicomFilms, DatasetError> {
    let mut left_out = BTreeMap::new();
    let (root, paths) = if from.is_dir() {
        (from.to_owned(), below(from, &mut left_out)?)
    } else {
        listed(from, choice, &mut left_out)?
    };
    let read: Vec<_> = paths
        .into_par_iter()
        .map(|path| {
            let taken = one(&root, &path, salt, choice);
            (path, taken)
        })
        .collect();
    let (mut rows, mut burned_in) = (Vec::new(), Vec::new());
    for (path, taken) in read {
        match taken {
            Ok((row, is_burned_in)) => {
                if is_burned_in {
                    burned_in.push(path);
                }
                rows.push(row);
            }
            Err(reason) => {
                left_out.insert(path, reason);
            }
        }
    }
    Ok(DicomFilms {
        rows,
        left_out,
        burned_in,
    })
}

fn io(action: &'static str, path: &Path, source: std::io::Error) -> DatasetError {
    DatasetError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// All files below a folder. Links are not followed: what a disc holds lies on it.
fn below(
    folder: &Path,
    left_out: &mut BTreeMap<String, String>,
) -> Result<Vec<String>, DatasetError> {
    std::fs::read_dir(folder).map_err(|source| io("open", folder, source))?;
    let mut paths = Vec::new();
    for entry in walkdir::WalkDir::new(folder)
        .min_depth(1)
        .sort_by_file_name()
    {
        match entry {
            Ok(entry) if entry.file_type().is_file() => paths.push(shown(folder, entry.path())),
            Ok(entry) if entry.path_is_symlink() => {
                let reason = "a link, which is not followed".to_owned();
                left_out.insert(shown(folder, entry.path()), reason);
            }
            Ok(_) => {}
            Err(error) => {
                let path = error.path().map(|path| shown(folder, path));
                let reason = "it could not be opened".to_owned();
                left_out.insert(path.unwrap_or_default(), reason);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

fn shown(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).iter();
    let parts: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

/// The folder of a DICOMDIR, and the files that it lists there.
fn listed(
    from: &Path,
    choice: &DicomChoice,
    left_out: &mut BTreeMap<String, String>,
) -> Result<(PathBuf, Vec<String>), DatasetError> {
    let not_one = |found: String| DatasetError::NotADataset {
        path: from.to_owned(),
        found,
    };
    let name = from.display().to_string();
    let because = |error: plainfilm_film::radiograph::RadiographError| {
        not_one(without_name(&error.to_string(), &name))
    };
    let bytes = read_bytes(from, &choice.limits).map_err(because)?;
    let listed = directory(&bytes, &name, &choice.limits).map_err(because)?;
    let root = from.parent().unwrap_or(Path::new("")).to_owned();
    let real = |path: &Path| std::fs::canonicalize(path);
    let folder = if root.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        root
    };
    let inside = real(&folder).map_err(|source| io("open", &folder, source))?;
    let mut paths = Vec::new();
    for entry in listed {
        match entry {
            Listed::Refused(number) => {
                let reason = "its path does not lead into the DICOMDIR's folder".to_owned();
                left_out.insert(format!("entry {number} of the DICOMDIR"), reason);
            }
            Listed::File(path) => {
                let shown = shown(Path::new(""), &path);
                // A link on the way may lead out of the folder again.
                match real(&folder.join(&path)) {
                    Ok(real) if real.starts_with(&inside) => paths.push(shown),
                    Ok(_) => {
                        let reason = "it lies outside the DICOMDIR's folder".to_owned();
                        left_out.insert(shown, reason);
                    }
                    Err(_) => {
                        let reason = "the DICOMDIR lists it, and it is not there".to_owned();
                        left_out.insert(shown, reason);
                    }
                }
            }
        }
    }
    paths.sort();
    paths.dedup();
    Ok((folder, paths))
}

/// The row of a file, and whether text is drawn into it.
fn one(
    root: &Path,
    path: &str,
    salt: &Salt,
    choice: &DicomChoice,
) -> Result<(DicomRow, bool), String> {
    let limits = &choice.limits;
    let because =
        |error: plainfilm_film::radiograph::RadiographError| without_name(&error.to_string(), path);
    let file = root.join(path);
    // The name on disk is longer than the path that is shown, so errors are told the latter.
    let bytes = read_bytes(&file, limits).map_err(|_| "it could not be read".to_owned())?;
    if Format::of(&bytes, path).map_err(because)? != Format::Dicom {
        return Err("expected a DICOM file, found a picture of another format".to_owned());
    }
    read_header(&bytes, path, limits).map_err(because)?;
    let facts = DicomFacts::read(&bytes, path, limits).map_err(because)?;
    if choice.frontal_chest_only {
        choice::frontal_chest(&facts)?;
    }
    let label = path.split_once('/').map_or("", |(folder, _)| folder);
    let row = DicomRow {
        path: path.to_owned(),
        label: label.to_owned(),
        patient_id: facts
            .patient_id
            .map_or_else(String::new, |id| salt.pseudonym(&id)),
        view: facts.view_position.unwrap_or_default(),
        sex: facts.sex.unwrap_or_default(),
        age: facts.age,
        manufacturer: facts.manufacturer.unwrap_or_default(),
        modality: facts.modality.unwrap_or_default(),
    };
    Ok((row, facts.burned_in_annotation == Some(true)))
}

impl DicomFilms {
    /// Writes the manifest. Its paths are relative to the folder of the films, so it belongs there.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Io`] where it cannot be written.
    pub fn write(&self, manifest: &Path) -> Result<(), DatasetError> {
        let written = self
            .csv()
            .map_err(|error| io("write", manifest, error.into()))?;
        atomic_write(manifest, &written).map_err(|source| io("write", manifest, source))
    }

    /// Writes the files that are no row, with their reasons.
    ///
    /// # Errors
    ///
    /// [`DatasetError::Io`] where it cannot be written.
    pub fn write_left_out(&self, table: &Path) -> Result<(), DatasetError> {
        let csv = || -> Result<Vec<u8>, csv::Error> {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["path", "reason"])?;
            for (path, reason) in &self.left_out {
                writer.write_record([path, reason])?;
            }
            writer
                .into_inner()
                .map_err(|error| error.into_error().into())
        };
        let written = csv().map_err(|error| io("write", table, error.into()))?;
        atomic_write(table, &written).map_err(|source| io("write", table, source))
    }

    fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([
            "path",
            "label",
            "patient_id",
            "view",
            "sex",
            "age",
            "manufacturer",
            "modality",
        ])?;
        for row in &self.rows {
            let age = row.age.map_or_else(String::new, |age| format!("{age:.2}"));
            writer.write_record([
                row.path.as_str(),
                row.label.as_str(),
                row.patient_id.as_str(),
                row.view.as_str(),
                row.sex.as_str(),
                age.trim_end_matches('0').trim_end_matches('.'),
                row.manufacturer.as_str(),
                row.modality.as_str(),
            ])?;
        }
        writer
            .into_inner()
            .map_err(|error| error.into_error().into())
    }
}
