//! What can go wrong while training.

use std::path::PathBuf;

use super::augment::AugmentationError;
use plainfilm_data::DatasetError;
use plainfilm_film::radiograph::PreprocessingError;
use plainfilm_model::bundle::BundleError;
use plainfilm_model::device::DeviceError;
use plainfilm_model::networks::ModelError;
use plainfilm_model::weights::WeightsError;

/// Why a training stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The loss stopped being a number.
    #[error(
        "the loss is {loss} in epoch {epoch}, step {step}, on the batch {films}\n\
         hint: lower --learning-rate (it was {rate:.1e}), or look at these films; \
         the checkpoint before this step is kept"
    )]
    NotFinite {
        /// The loss as computed.
        loss: f32,
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step within the epoch, counted from 1.
        step: usize,
        /// Learning rate of the step.
        rate: f64,
        /// Paths of the films in the batch, joined by commas.
        films: String,
    },
    /// A part of the split holds no film.
    #[error("no film is left for {part}: {found} of {total} films could be read\nhint: {hint}")]
    EmptyPart {
        /// Which part.
        part: &'static str,
        /// Films that could be read.
        found: usize,
        /// Films that were listed.
        total: usize,
        /// What to do.
        hint: &'static str,
    },
    /// A setting is outside its range.
    #[error("{setting} must be {expected}, found {found}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// The range.
        expected: &'static str,
        /// What it was.
        found: String,
    },
    /// A setting of the preprocessing is outside its range.
    #[error(transparent)]
    Preprocessing(#[from] PreprocessingError),
    /// A setting of the augmentation is outside its range.
    #[error(transparent)]
    Augmentation(#[from] AugmentationError),
    /// A file of the run folder could not be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A file of the run folder does not hold what it should.
    #[error("{}: {problem}\nhint: start a new run, or restore the file", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Expected and found.
        problem: String,
    },
    /// The data changed since the run began.
    #[error(
        "the films in {} are not those this run began with: fingerprint {expected} then, {found} now\n\
         hint: start a new run", data.display()
    )]
    DataChanged {
        /// The data set.
        data: PathBuf,
        /// Fingerprint in the checkpoint.
        expected: String,
        /// Fingerprint now.
        found: String,
    },
    /// Another training writes into the same folder.
    #[error("{} is being trained into by another program\nhint: name another --run, or wait for it to end", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Shards cannot be put together.
    #[error("shards cannot be merged: {problem}")]
    Merge {
        /// Expected and found.
        problem: String,
    },
    /// The device cannot be used.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// Someone asked to stop; the checkpoint is saved.
    #[error("interrupted in epoch {epoch}; saved")]
    Interrupted {
        /// Epoch, counted from 1.
        epoch: usize,
    },
    /// From the data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// From the network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// From the weights that it starts from.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// From the model file.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// From what shows the results of a run: its pages or heat maps.
    #[error(transparent)]
    Reporter(Box<dyn std::error::Error + Send + Sync>),
}
