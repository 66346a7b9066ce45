//! Which films there are, which label and patient each has, and how they are split.

pub mod phantom;
pub mod public;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a film's bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file on disk.
    File(PathBuf),
    /// An entry of a zip archive.
    ZipEntry {
        /// The archive.
        archive: PathBuf,
        /// The entry's name inside it.
        entry: String,
    },
}

/// One labelled film.
#[derive(Debug, Clone, PartialEq)]
pub struct Film {
    /// Path relative to the data set's root, with `/` between parts; unique within the data set.
    pub path: String,
    /// Where its bytes are.
    pub location: Location,
    /// Index into [`Dataset::labels`].
    pub label: usize,
    /// Patient, or the group that stands in for one (see [`PatientOrigin`]).
    pub patient_id: String,
    /// Hospital or collection.
    pub source: Option<String>,
    /// Projection, such as `PA` or `AP`.
    pub view: Option<String>,
    /// As the manifest has it.
    pub sex: Option<String>,
    /// Age in years.
    pub age: Option<f32>,
}

/// How films were assigned to patients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatientOrigin {
    /// The manifest's `patient_id` column.
    Manifest,
    /// A pattern over file names.
    Pattern,
    /// Nothing said who the patients are: groups of near-duplicate films stand in for them.
    NearDuplicates,
}

/// A film that could not be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Path as in [`Film::path`].
    pub path: String,
    /// One line: what was expected and what was found.
    pub reason: String,
}

/// A labelled collection of films.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The folder, manifest or archive it was opened from.
    pub origin: PathBuf,
    /// Label names in the order of the network's outputs.
    pub labels: Vec<String>,
    /// Films in a fixed order: sorted by path.
    pub films: Vec<Film>,
    /// What was found and could not be used.
    pub set_aside: Vec<SetAside>,
    /// How patients were found.
    pub patients: PatientOrigin,
    /// Whether a generator drew the films.
    pub synthetic: bool,
}

/// The part of a split that a film belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Weights are fitted on it.
    Train,
    /// Checkpoints are chosen on it.
    Validation,
    /// Nothing is chosen on it.
    Test,
}
