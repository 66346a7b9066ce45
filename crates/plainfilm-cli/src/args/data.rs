//! `data`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::reading::ReadingArgs;

/// Data sets.
#[derive(Debug, Args)]
pub struct DataArgs {
    #[command(subcommand)]
    pub verb: DataVerb,
}

/// What to do with data sets.
#[derive(Debug, Subcommand)]
pub enum DataVerb {
    /// List the public data sets that can be fetched
    List,
    /// Download a public data set, check it and lay it out with a manifest
    Fetch {
        /// Its name, from `plainfilm data list`
        name: String,
        /// Folder for it [default: data/<name>]
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
        /// Another web address of the same files
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
    },
    /// Check a fetched data set, file by file
    Verify {
        /// Its name, from `plainfilm data list`
        name: String,
        /// Folder that it is in [default: data/<name>]
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
    /// Count the films, patients and sources of a folder, a manifest or a zip
    Describe {
        /// Films
        data: PathBuf,
        /// Labels to use, in order [default: all, by name]
        #[arg(long, value_name = "A,B", value_delimiter = ',')]
        labels: Option<Vec<String>>,
        /// Regular expression with one group that finds the patient in a file's name
        #[arg(long, value_name = "REGEX")]
        patient_pattern: Option<String>,
        #[command(flatten)]
        reading: ReadingArgs,
    },
    /// Write a manifest of a folder of DICOM films: frontal views of the chest, patients as salted hashes
    ImportDicom {
        /// Folder, or a DICOMDIR; films in sub-folders have the sub-folder as their label
        from: PathBuf,
        /// The manifest, in the same folder [default: manifest.csv there]; beside it lies the salt of the hashes
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Take lateral views and other parts of the body too
        #[arg(long)]
        all_views: bool,
    },
    /// Write a folder of DICOM films anew, without what identifies people (after DICOM PS3.15 Annex E)
    Deidentify {
        /// Folder of films; it is only read, but for the salt
        from: PathBuf,
        /// Folder for the new files, which are named after hashes; must be new or empty, and elsewhere
        #[arg(long, value_name = "DIR")]
        output: PathBuf,
        /// Secret that is hashed with identifiers, made where it is not there [default: manifest.salt in the films'
        /// folder, as import-dicom has it]
        #[arg(long, value_name = "FILE")]
        salt: Option<PathBuf>,
        /// Shift dates, back by 1 to 3,650 days, the same number for all films of a patient, and do not empty them
        #[arg(long)]
        shift_dates: bool,
        /// Take films too whose file says that text is drawn into them; the text stays
        #[arg(long)]
        allow_burned_in: bool,
        /// Keep the names of the sub-folders, which are labels; they must not name people
        #[arg(long)]
        keep_folders: bool,
    },
    /// Draw synthetic chest films with labels `opacity` and `clear`
    Phantoms {
        /// Folder for them; must be new or empty
        output: PathBuf,
        /// Films
        #[arg(long, value_name = "N", default_value_t = 240)]
        count: usize,
        /// Longer side in pixels
        #[arg(long, value_name = "N", default_value_t = 320)]
        size: usize,
        /// How strongly the hospital (site) predicts the label: 0 not at all, 1 entirely
        #[arg(long, value_name = "0..1", default_value_t = 0.0)]
        shortcut: f64,
        /// Random seed
        #[arg(long, default_value_t = 42)]
        seed: u64,
    },
}
