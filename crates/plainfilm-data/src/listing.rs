//! What a folder, manifest or archive lists, before labels are chosen and patients found.

use super::{Location, Part, SetAside};

/// A film as its source lists it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listed {
    pub path: String,
    pub location: Location,
    pub label: String,
    /// Findings of which the manifest says that nobody knows.
    pub unknown: Option<String>,
    pub patient_id: Option<String>,
    pub source: Option<String>,
    pub view: Option<String>,
    pub sex: Option<String>,
    pub age: Option<f32>,
    pub mask: Option<Location>,
    pub synthetic: bool,
    /// The part that the folders or the manifest put it in.
    pub part: Option<Part>,
}

impl Listed {
    /// A film of which only path and label are known.
    pub fn new(path: String, location: Location, label: String) -> Self {
        Self {
            path,
            location,
            label,
            unknown: None,
            patient_id: None,
            source: None,
            view: None,
            sex: None,
            age: None,
            mask: None,
            synthetic: false,
            part: None,
        }
    }
}

/// Something that looks like an input and cannot be used.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rejected {
    pub path: String,
    /// The label it would have had, where one is known: a film of a label that nobody asked for
    /// is no loss.
    pub label: Option<String>,
    pub reason: String,
}

/// Everything a source holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Listing {
    pub films: Vec<Listed>,
    pub rejected: Vec<Rejected>,
    pub ignored: Vec<SetAside>,
    /// Whether a film may show several findings: labels are then lists.
    pub several: bool,
    /// What the user should know of how it was read, in whole sentences.
    pub notes: Vec<String>,
}

impl Listing {
    pub fn reject(&mut self, path: &str, label: Option<&str>, reason: impl Into<String>) {
        self.rejected.push(Rejected {
            path: path.into(),
            label: label.map(str::to_owned),
            reason: reason.into(),
        });
    }

    pub fn ignore(&mut self, path: &str, reason: impl Into<String>) {
        self.ignored.push(SetAside {
            path: path.into(),
            reason: reason.into(),
        });
    }
}
