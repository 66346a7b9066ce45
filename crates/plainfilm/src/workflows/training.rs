//! A training to its report: the loop trains and judges, and each network that is done gets its heat
//! maps and its page.

use std::sync::atomic::AtomicBool;

use super::cannot_show;
use super::run_heat_maps::evidence_section;
use super::run_report::report_input;
use plainfilm_data::Dataset;
use plainfilm_train::{
    FeatureCache, FinishedRun, Outcome, Reporter, RunFolder, TrainError, TrainObserver,
    TrainSettings,
};

/// Trains on a data set as the settings say and fills the run folder, its report included.
///
/// Features of frozen layers are kept in `cache` between runs, if there is one; the result does not
/// depend on it.
///
/// A folder that already holds a part of this run is gone on with: a checkpoint is continued, a
/// split is re-used, a finished fold is not trained again.
///
/// # Errors
///
/// See [`TrainError`]. The folder then holds the last checkpoint.
pub fn train(
    dataset: Dataset,
    settings: &TrainSettings,
    folder: &RunFolder,
    cache: Option<&FeatureCache>,
    interrupt: &AtomicBool,
    observer: &mut dyn TrainObserver,
) -> Result<Outcome, TrainError> {
    plainfilm_train::train(
        dataset,
        settings,
        folder,
        cache,
        interrupt,
        observer,
        &PageWriter,
    )
}

/// Writes heat maps, pictures, page and documents into a run's folder.
struct PageWriter;

impl Reporter for PageWriter {
    fn report(&self, run: &FinishedRun<'_>) -> Result<(), TrainError> {
        let evidence = match run.networks {
            [] => None,
            _ => evidence_section(run)?,
        };
        let input = report_input(run, evidence)?;
        plainfilm_report::write(run.folder.root(), &input).map_err(cannot_show)?;
        Ok(())
    }
}
