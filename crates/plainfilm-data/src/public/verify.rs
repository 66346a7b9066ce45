//! Checking a fetched data set against known and recorded checksums.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::download;
use plainfilm_film::files::atomic_write;

use super::picture::{decodes, file_error};
use super::{LOCK_FILE, PublicDataError, PublicDataset, SetAside};

/// Where a checksum in the lock file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Origin {
    /// It was known before the film was fetched.
    Published,
    /// It was computed from what was fetched the first time.
    FirstFetch,
}

/// One film in the lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LockEntry {
    pub(super) sha256: String,
    pub(super) bytes: u64,
    pub(super) origin: Origin,
}

/// One row of the lock file.
#[derive(Serialize, Deserialize)]
struct LockRow {
    path: String,
    sha256: String,
    bytes: u64,
    origin: Origin,
}

/// Reads the lock file; `None` when there is none.
pub(super) fn read_lock(
    path: &Path,
) -> Result<Option<BTreeMap<String, LockEntry>>, PublicDataError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(file_error(path, source)),
    };
    let mut entries = BTreeMap::new();
    for row in csv::Reader::from_reader(bytes.as_slice()).into_deserialize() {
        let row: LockRow = row.map_err(|error| PublicDataError::Lock {
            path: path.to_path_buf(),
            reason: format!("expected path,sha256,bytes,origin: {error}"),
        })?;
        let LockRow {
            path,
            sha256,
            bytes,
            origin,
        } = row;
        entries.insert(
            path,
            LockEntry {
                sha256,
                bytes,
                origin,
            },
        );
    }
    Ok(Some(entries))
}

/// Writes the lock file, sorted by path.
pub(super) fn write_lock(
    path: &Path,
    entries: &BTreeMap<String, LockEntry>,
) -> Result<(), PublicDataError> {
    let mut rows = csv::Writer::from_writer(Vec::new());
    let never = "a Vec takes every byte, and rows have text and numbers only";
    for (film, entry) in entries {
        rows.serialize(LockRow {
            path: film.clone(),
            sha256: entry.sha256.clone(),
            bytes: entry.bytes,
            origin: entry.origin,
        })
        .expect(never);
    }
    let bytes = rows.into_inner().expect(never);
    atomic_write(path, &bytes).map_err(|source| file_error(path, source))
}

/// What a check of a data set found; the counts and lists together are all of its films.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// Films with the checksum that was known beforehand.
    pub published: usize,
    /// Films that are as they were when first fetched; nothing better is known of them.
    pub as_first_fetched: usize,
    /// Films that decode, but for which there is no checksum at all.
    pub unchecked: Vec<String>,
    /// Films that are not there.
    pub missing: Vec<String>,
    /// Films that are not what they should be, and how.
    pub changed: Vec<SetAside>,
}

impl VerifyReport {
    /// Whether every film is there and none is changed; unchecked films are no fault.
    pub fn is_sound(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty()
    }
}

/// Checks the public data set `name` in `folder`; see [`verify_dataset`].
///
/// # Errors
/// [`PublicDataError::Unknown`], and those of [`verify_dataset`].
pub fn verify(name: &str, folder: &Path) -> Result<VerifyReport, PublicDataError> {
    verify_dataset(super::find(name)?, folder)
}

/// Checks every film of `dataset` in `folder`: against its known checksum; where there is none,
/// against the one recorded when it was first fetched; where there is none either, that it
/// decodes.
///
/// # Errors
/// Only when a file that is there cannot be read, or the lock file is not one.
pub fn verify_dataset(
    dataset: &PublicDataset,
    folder: &Path,
) -> Result<VerifyReport, PublicDataError> {
    dataset.check_paths()?;
    let lock = read_lock(&folder.join(LOCK_FILE))?.unwrap_or_default();
    let mut report = VerifyReport {
        published: 0,
        as_first_fetched: 0,
        unchecked: Vec::new(),
        missing: Vec::new(),
        changed: Vec::new(),
    };
    for film in &dataset.films {
        let target = folder.join(&film.path);
        if !target.is_file() {
            report.missing.push(film.path.clone());
            continue;
        }
        let recorded = lock.get(&film.path);
        let expected = film.sha256.as_ref().or(recorded.map(|entry| &entry.sha256));
        let mut change = |reason: String| {
            report.changed.push(SetAside {
                path: film.path.clone(),
                reason,
            });
        };
        match expected {
            Some(expected) => {
                let found =
                    download::sha256_of(&target).map_err(|source| file_error(&target, source))?;
                if found != *expected {
                    change(format!(
                        "wrong checksum: expected SHA-256 {expected}, found {found}"
                    ));
                } else if film.sha256.is_some() {
                    report.published += 1;
                } else {
                    report.as_first_fetched += 1;
                }
            }
            None => match decodes(&target) {
                Ok(()) => report.unchecked.push(film.path.clone()),
                Err(reason) => change(reason),
            },
        }
    }
    Ok(report)
}
