//! Where a training stands, in one file that is written whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::error::TrainError;
use plainfilm_film::files::atomic_write;
use plainfilm_model::networks::NamedTensor;

const METADATA_KEY: &str = "plainfilm.checkpoint";
const OPTIMISER: &str = "optimiser";

/// One row of `history.csv`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Counted from 1.
    pub epoch: usize,
    /// Mean loss over the epoch's batches, as they were seen.
    pub train_loss: f64,
    /// Share of films right, as they were seen.
    pub train_accuracy: f64,
    /// After the epoch; none when there is no validation part.
    pub validation_loss: Option<f64>,
    /// After the epoch; none when there is no validation part.
    pub validation_accuracy: Option<f64>,
    /// Of the epoch's last step.
    pub learning_rate: f64,
    /// Wall-clock time.
    pub seconds: f64,
}

/// Sums over the part of an epoch that has been trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochSums {
    /// Films seen.
    pub films: usize,
    /// Films right; a film with findings counts the share of them that is.
    pub right: f64,
    /// Sum of the batch losses, each times its films.
    pub loss: f64,
    /// Wall-clock seconds.
    pub seconds: f64,
}

/// Which epoch's weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Counted from 1.
    pub epoch: usize,
    /// Its validation loss; none when there is no validation part.
    pub validation_loss: Option<f64>,
}

/// The numbers of a checkpoint. They are written as TOML, whose floats come back to the last bit;
/// JSON's need not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// [`plainfilm_data::Dataset::fingerprint`] of the data trained on.
    pub fingerprint: String,
    /// When the run began, for people to read.
    pub started: String,
    /// Finished epochs.
    pub epochs_done: usize,
    /// Finished steps of the epoch under way.
    pub steps_done: usize,
    /// Sums of the epoch under way.
    pub sums: EpochSums,
    /// The best epoch so far.
    pub best: Option<Best>,
    /// Finished epochs, oldest first.
    pub history: Vec<HistoryRow>,
}

/// A checkpoint: enough to go on as if nothing had happened.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// Its numbers.
    pub progress: Progress,
    /// Weights now.
    pub model: Vec<NamedTensor>,
    /// Averages of the weights; empty where none are asked for.
    pub average: Vec<NamedTensor>,
    /// Weights of the best epoch; empty before the first epoch ended.
    pub best: Vec<NamedTensor>,
    /// The optimiser's record, as Burn writes it.
    pub optimiser: Vec<u8>,
}

impl Checkpoint {
    /// Writes the checkpoint in place of the one before.
    ///
    /// # Errors
    ///
    /// When the file cannot be written; the one before is then untouched.
    pub fn save(&self, path: &Path) -> Result<(), TrainError> {
        let file = |cause: std::io::Error| TrainError::File {
            path: path.to_owned(),
            cause,
        };
        let blobs: Vec<(String, Vec<usize>, Vec<u8>)> = self
            .model
            .iter()
            .map(|tensor| ("model", tensor))
            .chain(self.average.iter().map(|tensor| ("average", tensor)))
            .chain(self.best.iter().map(|tensor| ("best", tensor)))
            .map(|(part, tensor)| {
                let bytes = tensor
                    .values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                (
                    format!("{part}.{}", tensor.name),
                    tensor.shape.clone(),
                    bytes,
                )
            })
            .collect();
        let mut views = BTreeMap::new();
        for (name, shape, bytes) in &blobs {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes)
                .map_err(|error| file(std::io::Error::other(error)))?;
            views.insert(name.as_str(), view);
        }
        let optimiser = TensorView::new(Dtype::U8, vec![self.optimiser.len()], &self.optimiser)
            .map_err(|error| file(std::io::Error::other(error)))?;
        views.insert(OPTIMISER, optimiser);
        let text =
            toml::to_string(&self.progress).map_err(|error| file(std::io::Error::other(error)))?;
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), text)]);
        let bytes = safetensors::serialize(views, Some(metadata))
            .map_err(|error| file(std::io::Error::other(error)))?;
        atomic_write(path, &bytes).map_err(file)
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    ///
    /// When the file is missing or is not a checkpoint.
    pub fn load(path: &Path) -> Result<Self, TrainError> {
        let corrupt = |problem: String| TrainError::Corrupt {
            path: path.to_owned(),
            problem,
        };
        let bytes = std::fs::read(path).map_err(|cause| TrainError::File {
            path: path.to_owned(),
            cause,
        })?;
        let (_, header) =
            SafeTensors::read_metadata(&bytes).map_err(|error| corrupt(error.to_string()))?;
        let text = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(METADATA_KEY))
            .ok_or_else(|| corrupt(format!("expected the metadata {METADATA_KEY}, found none")))?;
        let progress = toml::from_str(text).map_err(|error| corrupt(error.to_string()))?;
        let tensors =
            SafeTensors::deserialize(&bytes).map_err(|error| corrupt(error.to_string()))?;
        let mut checkpoint = Self {
            progress,
            model: Vec::new(),
            average: Vec::new(),
            best: Vec::new(),
            optimiser: Vec::new(),
        };
        for (name, view) in tensors.iter() {
            let (part, name) = name.split_once('.').unwrap_or((name, ""));
            match part {
                OPTIMISER => checkpoint.optimiser = view.data().to_vec(),
                "model" => checkpoint.model.push(named(name, &view)),
                "average" => checkpoint.average.push(named(name, &view)),
                "best" => checkpoint.best.push(named(name, &view)),
                other => return Err(corrupt(format!("unexpected tensor {other}.{name}"))),
            }
        }
        Ok(checkpoint)
    }
}

fn named(name: &str, view: &TensorView<'_>) -> NamedTensor {
    NamedTensor {
        name: name.to_owned(),
        shape: view.shape().to_vec(),
        values: view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Checkpoint {
        let tensor = |values: Vec<f32>| {
            vec![NamedTensor {
                name: "head.weight".into(),
                shape: vec![values.len()],
                values,
            }]
        };
        Checkpoint {
            progress: Progress {
                fingerprint: "abc".into(),
                started: "2026-01-01 12:00".into(),
                epochs_done: 3,
                steps_done: 2,
                sums: EpochSums {
                    films: 16,
                    right: 8.5,
                    loss: 11.25,
                    seconds: 1.5,
                },
                best: Some(Best {
                    epoch: 2,
                    validation_loss: Some(0.1 + 0.2),
                }),
                history: Vec::new(),
            },
            model: tensor(vec![1.0, -0.0, f32::MIN_POSITIVE]),
            average: tensor(vec![0.5, 3.0]),
            best: tensor(vec![2.0]),
            optimiser: vec![1, 2, 3],
        }
    }

    #[test]
    fn what_is_saved_is_loaded_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        let saved = example();
        saved.save(&path).unwrap();
        let loaded = Checkpoint::load(&path).unwrap();
        assert_eq!(loaded.progress, saved.progress);
        assert_eq!(loaded.model, saved.model);
        assert_eq!(loaded.average, saved.average);
        assert_eq!(loaded.best, saved.best);
        assert_eq!(loaded.optimiser, saved.optimiser);
    }

    #[test]
    fn a_damaged_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        example().save(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for bytes in [
            &whole[..0],
            &whole[..7],
            &whole[..whole.len() - 1],
            b"not a checkpoint",
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = Checkpoint::load(&path).unwrap_err().to_string();
            assert!(error.contains("last.safetensors"), "{error}");
        }
    }
}
