//! Which films there are, which label and patient each has, and how they are split.
//!
//! A data set is a folder with one sub-folder per label, a manifest (CSV, Parquet or Excel, one row per
//! film), or a zip archive of either. [`Dataset::open`] lists the films and finds their patients;
//! it decodes nothing, unless near-duplicate groups must stand in for patients.
//!
//! Every file that looks like an input is a film or [set aside](Dataset::set_aside) with a reason;
//! other files are [noted](Dataset::ignored).

pub mod dicom;
pub mod download;
pub mod phantom;
pub mod public;

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod archive;
mod cells;
mod columns;
mod error;
mod finder;
mod findings;
mod folder;
mod identity;
mod known_tables;
mod labels;
mod left_out;
mod legacy_names;
mod listing;
mod manifest;
mod near_duplicates;
mod open;
mod parts;
mod patients;
mod predictions;
mod reading;
mod relabel;
mod root;
mod rows;
mod runs;
mod source;
mod spelling;
mod split;
mod spreadsheet;
mod table;
mod text;
mod walk;

pub use columns::ColumnNames;
pub use error::DatasetError;
pub use findings::SEPARATOR;
pub use folder::{FolderFilms, films_in_folder};
pub use known_tables::Uncertain;
pub use labels::place_of_label;
pub use predictions::{
    Joined, PredictionColumns, PredictionOptions, PredictionTable, PredictionTableError,
};
pub use source::{FilmFiles, FilmSource, FilmSubset, FilmsInMemory, stream_films};
pub use split::{Fold, Split, SplitMethod, SplitOptions, folds_by_patient};

use plainfilm_figures::{Presence, ScoredFilm};
use plainfilm_film::radiograph::Limits;

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
    /// Path relative to the data set's root, with `/` between parts; unique within the data set. Of a
    /// film elsewhere on disk, which a manifest may name, the path below the root of the disk.
    pub path: String,
    /// Where its bytes are.
    pub location: Location,
    /// Index into [`Dataset::labels`].
    pub label: usize,
    /// Whether it shows each of [`Dataset::findings`].
    pub findings: Vec<Presence>,
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
    /// Where a picture of its lungs is, as the manifest has it.
    pub mask: Option<Location>,
    /// The part of a split that the data set's own folders or manifest put it in.
    pub part: Option<Part>,
}

impl Film {
    /// The film with its probabilities, one per label.
    pub fn scored(&self, probabilities: Vec<f64>) -> ScoredFilm {
        ScoredFilm {
            path: self.path.clone(),
            truth: self.label,
            probabilities,
            called: None,
            patient: self.patient_id.clone(),
            source: self.source.clone(),
            view: self.view.clone(),
            sex: self.sex.clone(),
            age: self.age,
        }
    }
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

/// How a data set is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetOptions {
    /// Labels or findings to use, in the order of the network's outputs; all of them, sorted, when `None`.
    pub labels: Option<Vec<String>>,
    /// A regular expression with one capture group that finds the patient in a file name (or else
    /// in the path), for films to which the manifest gives no `patient_id`.
    pub patient_pattern: Option<String>,
    /// Which columns of a table tell path, label and so on, where they have other names.
    pub columns: Option<ColumnNames>,
    /// What a finding counts as that a table calls uncertain.
    pub uncertain: Uncertain,
    /// Limits that a film's file must keep.
    pub limits: Limits,
}

/// A labelled collection of films.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// The folder, manifest or archive it was opened from.
    pub origin: PathBuf,
    /// Label names; a film has one of them. In the order of the network's outputs, but for a data set
    /// with findings, whose labels say whether a film shows any.
    pub labels: Vec<String>,
    /// Findings, of which a film may show any number, in the order of the network's outputs. Empty where
    /// every film has one label and no more.
    pub findings: Vec<String>,
    /// Films in a fixed order: sorted by path.
    pub films: Vec<Film>,
    /// What looks like an input and could not be used, sorted by path.
    pub set_aside: Vec<SetAside>,
    /// What was found and is no input, with the reason, sorted by path: hidden files, notes, mask
    /// folders, folders without pictures. Empty for a manifest, which alone says what the inputs
    /// are.
    pub ignored: Vec<SetAside>,
    /// What a user should know of how it was read, in whole sentences: which known table it was taken for,
    /// which columns were guessed, which labels are one in several spellings.
    pub notes: Vec<String>,
    /// How patients were found.
    pub patients: PatientOrigin,
    /// Whether a generator drew the films: the manifest says so of at least one.
    pub synthetic: bool,
    limits: Limits,
    archive: Option<Arc<archive::Archive>>,
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
    /// Not used: training films that a point of a learning curve does without.
    LeftOut,
}
