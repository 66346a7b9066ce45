//! A training that starts from weights.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checksum::sha256;
use super::error::WeightsError;
use super::import::{Imported, import};
use super::options::ImportOptions;
use crate::bundle::WeightsRecord;
use crate::networks::NetworkSettings;

/// The weights that a training starts from, as its settings keep them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartingWeights {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file at `path`, in hexadecimal: a run is repeated with the same bytes.
    pub sha256: String,
    /// What the file was made from and how.
    pub record: WeightsRecord,
}

impl StartingWeights {
    /// Looks at a file once, before a run begins: whether it fits, and what it says of itself.
    ///
    /// # Errors
    ///
    /// As [`import`].
    pub fn open(
        path: &Path,
        settings: &NetworkSettings,
        options: &ImportOptions,
    ) -> Result<Self, WeightsError> {
        let record = import(path, settings, options)?.record;
        // The run may be repeated from another folder.
        let path = std::path::absolute(path).map_err(|source| WeightsError::File {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            sha256: sha256(&path)?,
            path,
            record,
        })
    }

    /// The tensors, with a head for these labels where one came along when the file was opened.
    ///
    /// # Errors
    ///
    /// [`WeightsError::Changed`] when the file is not the one that was opened; else as [`import`].
    pub fn read(
        &self,
        settings: &NetworkSettings,
        labels: &[String],
    ) -> Result<Imported, WeightsError> {
        let found = sha256(&self.path)?;
        if found != self.sha256 {
            return Err(WeightsError::Changed {
                path: self.path.clone(),
                expected: self.sha256.clone(),
                found,
            });
        }
        let options = ImportOptions {
            scaling: Some(self.record.scaling),
            labels: labels.to_vec(),
            // It was asked for then, or the labels are the same.
            keep_head: self.record.head,
        };
        import(&self.path, settings, &options)
    }
}
