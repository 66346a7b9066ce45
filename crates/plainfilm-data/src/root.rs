//! Where relative paths are looked up: a folder on disk, or a folder inside an archive.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::Archive;
use super::identity::{Identity, cause, file_identity};
use super::listing::Listing;
use super::{DatasetError, Location, walk};

/// The folder that a data set's paths are relative to.
#[derive(Debug, Clone)]
pub(super) enum Root {
    Folder(PathBuf),
    Archive {
        archive: Arc<Archive>,
        /// Empty, or a folder inside the archive that ends in `/`.
        prefix: String,
    },
}

impl Root {
    /// The folder `name` inside this one.
    pub fn join(&self, name: &str) -> Self {
        match self {
            Self::Folder(folder) => Self::Folder(folder.join(name)),
            Self::Archive { archive, prefix } => Self::Archive {
                archive: archive.clone(),
                prefix: format!("{prefix}{name}/"),
            },
        }
    }

    /// Where the file at `relative` is. The error is one line that says why it cannot be used.
    pub fn locate(&self, relative: &str) -> Result<(Location, Identity), String> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(relative);
                let identity = file_identity(&path)?;
                Ok((Location::File(path), identity))
            }
            Self::Archive { archive, prefix } => {
                let entry = format!("{prefix}{relative}");
                archive.check(&entry)?;
                Ok((archive.location(&entry), Identity::Entry(entry)))
            }
        }
    }

    /// Whether there is a regular file at `relative`.
    pub fn has_file(&self, relative: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(relative).is_file(),
            Self::Archive { archive, prefix } => {
                archive.check(&format!("{prefix}{relative}")).is_ok()
            }
        }
    }

    /// The bytes of a small file such as a manifest.
    pub fn read(&self, relative: &str, max_bytes: u64) -> Result<Vec<u8>, DatasetError> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(relative);
                read_file(&path, max_bytes).map_err(|reason| DatasetError::Manifest {
                    manifest: path.display().to_string(),
                    reason,
                })
            }
            Self::Archive { archive, prefix } => archive
                .read(&format!("{prefix}{relative}"), max_bytes)
                .map_err(|reason| DatasetError::Manifest {
                    manifest: self.name_of(relative),
                    reason,
                }),
        }
    }

    /// The first bytes of the file at `relative`, as many as there are up to `count`; empty when
    /// it cannot be read.
    pub fn peek(&self, relative: &str, count: u64) -> Vec<u8> {
        let mut head = Vec::new();
        match self {
            Self::Folder(folder) => {
                if let Ok(file) = File::open(folder.join(relative)) {
                    // A failed read leaves `head` short: then nothing recognises it.
                    let _ = file.take(count).read_to_end(&mut head);
                }
            }
            Self::Archive { archive, prefix } => {
                head = archive
                    .peek(&format!("{prefix}{relative}"), count)
                    .unwrap_or_default();
            }
        }
        head
    }

    /// All regular files below, as relative paths, sorted. What cannot be reached is put in
    /// `listing`.
    pub fn files(&self, listing: &mut Listing) -> Result<Vec<String>, DatasetError> {
        match self {
            Self::Folder(folder) => walk::files(folder, listing),
            Self::Archive { archive, prefix } => Ok(archive.files(prefix, listing)),
        }
    }

    /// The file at `relative` as messages name it.
    pub fn name_of(&self, relative: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(relative).display().to_string(),
            Self::Archive { archive, prefix } => {
                format!(
                    "{} in {}",
                    prefix.clone() + relative,
                    archive.path().display()
                )
            }
        }
    }

    pub fn archive(&self) -> Option<Arc<Archive>> {
        match self {
            Self::Folder(_) => None,
            Self::Archive { archive, .. } => Some(archive.clone()),
        }
    }
}

/// Reads a regular file of at most `max_bytes`. The error is one line.
pub(super) fn read_file(path: &Path, max_bytes: u64) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| cause(&error))?;
    if !metadata.is_file() {
        let found = match metadata.is_dir() {
            true => "a folder",
            false => "something else",
        };
        return Err(format!("expected a regular file, found {found}"));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| {
            // One byte more than allowed shows that a file grew or lied about its size.
            file.take(max_bytes.saturating_add(1))
                .read_to_end(&mut bytes)
        })
        .map_err(|error| cause(&error))?;
    if bytes.len() as u64 > max_bytes {
        return Err(format!(
            "expected at most {max_bytes} bytes, found {}",
            metadata.len().max(bytes.len() as u64)
        ));
    }
    Ok(bytes)
}
