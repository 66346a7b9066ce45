//! What a training hands on when a network is done, for whoever shows it to people. Training itself
//! ends with data and knows no page.

use super::checkpoint::Progress;
use super::error::TrainError;
use super::films::LoadedFilms;
use super::run_folder::RunFolder;
use super::run_metrics::RunMetrics;
use super::settings::TrainSettings;
use plainfilm_audit::Audit;
use plainfilm_data::Split;
use plainfilm_figures::ScoredFilm;
use plainfilm_model::bundle::ModelFile;
use plainfilm_model::networks::NamedTensor;

/// A trained network and the split whose test films it did not see.
#[derive(Debug)]
pub struct TestedNetwork {
    /// How the films were divided for it.
    pub split: Split,
    /// The network.
    pub model: ModelFile,
}

/// One network that is trained and judged, one finding of it, or all folds together.
#[derive(Debug)]
pub struct FinishedRun<'a> {
    /// Films and data set.
    pub films: &'a LoadedFilms,
    /// What was asked for.
    pub settings: &'a TrainSettings,
    /// How films were divided; of folds together, every film that was tested is a test film.
    pub split: &'a Split,
    /// None when the run is not audited.
    pub audit: Option<&'a Audit>,
    /// Epoch by epoch; none of folds together.
    pub progress: Option<&'a Progress>,
    /// The figures.
    pub metrics: &'a RunMetrics,
    /// The test films, calibrated and called.
    pub test: &'a [ScoredFilm],
    /// Networks whose heat maps belong here; none for a fold of several or for one finding.
    pub networks: &'a [TestedNetwork],
    /// Weights of networks of the same recipe that learned from permuted labels; none where that would have taken long.
    pub permuted: &'a [Vec<NamedTensor>],
    /// Where results go. `metrics.json` is written last, so it is not there yet.
    pub folder: &'a RunFolder,
}

/// Shows finished runs. Folds call it from several threads.
pub trait Reporter: Sync {
    /// Writes what people read of a run into its folder.
    ///
    /// # Errors
    ///
    /// When a page or a heat map cannot be made or written; the training then ends with this error.
    fn report(&self, run: &FinishedRun<'_>) -> Result<(), TrainError>;
}

/// Writes nothing: for trainings whose figures are all that is wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoReport;

impl Reporter for NoReport {
    fn report(&self, _: &FinishedRun<'_>) -> Result<(), TrainError> {
        Ok(())
    }
}
