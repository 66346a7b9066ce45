//! What is known of weights beside their tensors: what this program wrote about them, and their scaling.

use std::path::Path;

use super::checksum::{file_name, sha256};
use super::error::{WeightsError, damaged};
use super::formats::{Dialect, OwnMetadata};
use super::input::InputScaling;
use super::naming;
use super::options::ImportOptions;
use crate::bundle::{ModelHeader, WeightsRecord};
use crate::networks::NetworkSettings;
use plainfilm_film::radiograph::Scaling;

/// What this program wrote about the file's weights when it wrote the file.
pub(super) fn own_record(
    dialect: &Dialect,
    path: &Path,
) -> Result<Option<WeightsRecord>, WeightsError> {
    let unreadable = |error: serde_json::Error| {
        damaged(format!("plainfilm's own record in it: {error}")).at(path)
    };
    match dialect {
        Dialect::Own(OwnMetadata::Imported(record)) => {
            serde_json::from_str(record).map(Some).map_err(unreadable)
        }
        Dialect::Own(OwnMetadata::Model(header)) => {
            let header: ModelHeader = serde_json::from_str(header).map_err(unreadable)?;
            Ok(Some(WeightsRecord {
                file: file_name(path),
                sha256: sha256(path)?,
                format: "plainfilm model".to_owned(),
                architecture: header.network.architecture,
                scaling: header.preprocessing.scaling,
                scaling_known_from: "the model file".to_owned(),
                head: false,
                labels: header.labels,
                head_note: None,
                changes: vec![],
                left_out: vec![],
                licence: Some(header.licence),
            }))
        }
        _ => Ok(None),
    }
}

/// The scaling that goes with the weights, and how it is known.
pub(super) fn scaling(
    options: &ImportOptions,
    dialect: &Dialect,
    earlier: Option<&WeightsRecord>,
    input: Option<&InputScaling>,
    settings: &NetworkSettings,
    head: bool,
) -> (Scaling, String) {
    if let Some(scaling) = options.scaling {
        return (scaling, "given with the import".to_owned());
    }
    if let Some(earlier) = earlier {
        return (earlier.scaling, earlier.scaling_known_from.clone());
    }
    if let Some(input) = input {
        return (input.scaling, "the model's own first layers".to_owned());
    }
    if matches!(dialect, Dialect::Keras(_)) && head {
        let why = "not known: a file with a head of its own does not say; the notebook's was fitted on \
                   values from 0 to 1";
        return (Scaling::Unit, why.to_owned());
    }
    let scaling = naming::published_scaling(dialect, settings.architecture);
    (
        scaling,
        "how the library's ImageNet weights are published".to_owned(),
    )
}
