//! How films are dealt to the parts, and its name in settings.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How films are dealt to the parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum SplitMethod {
    /// Every patient entirely in one part; labels in the same proportions in each part, as near as
    /// the patients allow.
    #[default]
    Grouped,
    /// Every source (hospital, archive) entirely in one part; as many folds as sources leave each of
    /// them out once. Validation films are drawn by patient from the sources that are left.
    Sources,
    /// Films drawn so that labels have the same proportions in each part, without regard to
    /// patient, as scikit-learn's `train_test_split(stratify=labels)` and `StratifiedKFold` do.
    /// Patients are shared between parts, as with [`Self::Random`].
    Stratified,
    /// Films shuffled and cut, without regard to patient or label, as scikit-learn's
    /// `train_test_split` and `KFold(shuffle=True)` do by default. Patients are shared between
    /// parts; results on such a split overstate how well a network does on new patients.
    Random,
    /// As the data set's own folders (`train`, `val`, `test`) or its manifest's column `split` divide it.
    /// Nobody promises that patients are not shared between parts.
    Folders,
    /// As a file written by [`Split::write_csv`](super::Split::write_csv) says.
    File(PathBuf),
}

impl SplitMethod {
    /// Whether it keeps the films of a patient together. Of a file nothing is known.
    #[must_use]
    pub fn ignores_patients(&self) -> bool {
        matches!(self, Self::Random | Self::Stratified)
    }
}

impl From<String> for SplitMethod {
    fn from(text: String) -> Self {
        match text.as_str() {
            "grouped" => Self::Grouped,
            "sources" => Self::Sources,
            "stratified" => Self::Stratified,
            "random" => Self::Random,
            "folders" => Self::Folders,
            _ => Self::File(text.into()),
        }
    }
}

impl From<SplitMethod> for String {
    fn from(method: SplitMethod) -> Self {
        method.to_string()
    }
}

impl FromStr for SplitMethod {
    type Err = std::convert::Infallible;

    /// `grouped`, `sources`, `stratified`, `random`, `folders`, or else the path of a file.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.to_owned().into())
    }
}

impl fmt::Display for SplitMethod {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grouped => out.write_str("grouped"),
            Self::Sources => out.write_str("sources"),
            Self::Stratified => out.write_str("stratified"),
            Self::Random => out.write_str("random"),
            Self::Folders => out.write_str("folders"),
            Self::File(path) => write!(out, "{}", path.display()),
        }
    }
}
