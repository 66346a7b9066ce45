//! Public data sets: fetching them from where their authors put them, and checking them.
//!
//! A data set is a table of films that is part of this program. File names, labels and, where
//! they are known, checksums come from that table only; nothing that a server says decides where
//! a file is written.

mod fetch;
mod picture;
#[cfg(test)]
mod tests;
mod verify;

use std::path::PathBuf;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::SetAside;

pub use fetch::{FetchOptions, FetchProgress, FetchReport, NoProgress, fetch, fetch_dataset};
pub use verify::{VerifyReport, verify, verify_dataset};

/// The file beside the manifest that records the checksum of every fetched film.
pub const LOCK_FILE: &str = "checksums.csv";

/// A data set that anybody may fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct PublicDataset {
    /// The name on the command line.
    pub name: String,
    /// One line: what it is.
    pub title: String,
    /// A paragraph: origin, what can be checked, what is left out, licence.
    pub description: String,
    /// Addresses of the folder that holds the films, tried in this order when a film is not found.
    pub bases: Vec<String>,
    /// Every film.
    pub films: Vec<PublicFilm>,
}

/// One film of a [`PublicDataset`]. Empty text means that the table does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicFilm {
    /// `label/file name`, both in the data set and below each base address.
    pub path: String,
    /// Its label, which is also its folder.
    pub label: String,
    /// Whose film it is.
    pub patient_id: String,
    /// The collection it came from.
    pub source: String,
    /// Projection: `PA`, `AP` or `AP Supine`.
    pub view: String,
    /// `F` or `M`.
    pub sex: String,
    /// In years.
    pub age: String,
    /// The film's own licence.
    pub licence: String,
    /// SHA-256 of the file in hexadecimal, where known.
    pub sha256: Option<String>,
    /// Size of the file, where known.
    pub bytes: Option<u64>,
}

/// Why a public data set could not be fetched or checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublicDataError {
    /// No data set has this name.
    #[error("public data set `{name}`: expected one of {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A base address is not one.
    #[error("address `{address}`: expected http:// or https:// and a host")]
    Address {
        /// What was given.
        address: String,
    },
    /// A film's path is not `label/file name`.
    #[error("public data set `{name}`: film path `{path}`: expected `label/file name`")]
    Path {
        /// The data set.
        name: String,
        /// The path.
        path: String,
    },
    /// The server cannot be reached: offline, a wrong name, a firewall, or no answer in time.
    #[error(
        "could not reach {host}: {cause}; hint: check the connection, or name a copy with --mirror \
         URL; films already fetched are kept"
    )]
    Unreachable {
        /// The host.
        host: String,
        /// What the connection said.
        cause: String,
    },
    /// The server was reached, but not one film came.
    #[error(
        "public data set `{name}`: none of {expected} films could be fetched; the first: {first}"
    )]
    Nothing {
        /// The data set.
        name: String,
        /// How many films it has.
        expected: usize,
        /// The first film and what happened to it.
        first: String,
    },
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// The lock file is not one.
    #[error("{}: {reason}; hint: remove it and fetch again", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
}

impl PublicDataset {
    /// Label names with the number of films of each, sorted by name.
    pub fn labels(&self) -> Vec<(&str, usize)> {
        let mut counts = std::collections::BTreeMap::new();
        for film in &self.films {
            *counts.entry(film.label.as_str()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    /// How many films have a checksum in the table.
    pub fn checksummed(&self) -> usize {
        self.films
            .iter()
            .filter(|film| film.sha256.is_some())
            .count()
    }

    /// Refuses film paths that could leave the data set's folder.
    fn check_paths(&self) -> Result<(), PublicDataError> {
        for film in &self.films {
            let plain = |part: &str| {
                !part.is_empty() && !part.starts_with('.') && !part.contains(['/', '\\', ':', '\0'])
            };
            let sound = film
                .path
                .split_once('/')
                .is_some_and(|(folder, file)| folder == film.label && plain(folder) && plain(file));
            if !sound {
                return Err(PublicDataError::Path {
                    name: self.name.clone(),
                    path: film.path.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Every public data set that this program knows.
pub fn catalogue() -> &'static [PublicDataset] {
    static CATALOGUE: LazyLock<Vec<PublicDataset>> = LazyLock::new(|| vec![covid_xray()]);
    &CATALOGUE
}

/// The data set with this name.
///
/// # Errors
/// [`PublicDataError::Unknown`] lists the names there are.
pub fn find(name: &str) -> Result<&'static PublicDataset, PublicDataError> {
    let found = catalogue().iter().find(|dataset| dataset.name == name);
    found.ok_or_else(|| PublicDataError::Unknown {
        name: name.into(),
        known: catalogue()
            .iter()
            .map(|dataset| dataset.name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    })
}

/// The films of DarkCovidNet. The table was computed from a copy whose Covid-19 films are byte for
/// byte the originals; its NIH films had been shrunk, so their original checksums are not known.
fn covid_xray() -> PublicDataset {
    const REPOSITORY: &str = "https://raw.githubusercontent.com/muhammedtalo/COVID-19";
    // The commit of the newest README known to us, which links to the folder of films; then the
    // branch, in case that commit is gone or lacks a film.
    const REVISIONS: [&str; 2] = ["8c645fb9b2b5340e7381c6d1ef4e21f182bfa1d9", "master"];
    let films = csv::Reader::from_reader(include_bytes!("covid_xray.csv").as_slice())
        .into_deserialize()
        .collect::<Result<Vec<PublicFilm>, _>>()
        .expect("the embedded table is read by a test");
    PublicDataset {
        name: "covid-xray".into(),
        title:
            "Covid-19, no findings and pneumonia: the films of DarkCovidNet (Ozturk et al. 2020)"
                .into(),
        description:
            "124 Covid-19 films from the collection of Cohen et al., 500 without findings \
            and 500 with pneumonia from NIH ChestX-ray14. The Covid-19 films are checked against \
            known checksums. The checksums of the NIH films are not known to this program: each is \
            decoded once when it is fetched and its checksum is recorded, so later changes are \
            found, but not a film that was already wrong at its origin. The original set has one \
            more Covid-19 film, covid-19-pneumonia-14-PA.png; it is left out because neither its \
            checksum nor its patient is known here. Licences differ from film to film: see the \
            manifest."
                .into(),
        bases: REVISIONS
            .map(|revision| format!("{REPOSITORY}/{revision}/X-Ray%20Image%20DataSet"))
            .into(),
        films,
    }
}
