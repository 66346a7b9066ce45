//! The training loop and what feeds it.
//!
//! [`train`] takes a data set and settings to a finished run folder. Every random draw is a pure
//! function of the seed and of what it is for, and the checkpoint holds all the rest, so a run that
//! was killed at any moment ends with the bytes of one that was not.

pub mod augment;
mod average;
mod batch;
mod checkpoint;
pub mod distil;
mod elsewhere;
mod error;
mod features;
mod films;
mod findings_figures;
mod fold_summary;
mod folds;
mod learning_curve;
mod learning_point;
mod logs;
mod loss;
pub mod lungs;
mod merge;
mod observer;
mod optimiser;
mod permuted_labels;
pub mod recipe;
mod reporter;
mod results;
mod run;
mod run_folder;
mod run_metrics;
mod schedule;
mod scoring;
mod settings;
mod shard;
mod trainer;

use std::sync::atomic::AtomicBool;

pub use checkpoint::{Best, EpochSums, HistoryRow, Progress};
pub use elsewhere::ElsewhereEstimate;
pub use error::TrainError;
pub use features::FeatureCache;
pub use films::LoadedFilms;
pub use findings_figures::{FindingFigures, FindingsFigures};
pub use fold_summary::{FoldSummary, Ungrouped};
pub use learning_point::LearningPoint;
pub use logs::{LogError, LogSettings, MlFlowSettings, TrainingLogs};
pub use merge::merge;
pub use observer::{BatchProgress, Silent, TrainObserver};
pub use optimiser::{OptimiserKind, OptimiserSettings};
pub use reporter::{FinishedRun, NoReport, Reporter, TestedNetwork};
pub use run_folder::{RunFolder, settings_text};
pub use run_metrics::{LastEpoch, RunMetrics};
pub use schedule::{Position, Schedule};
pub use settings::{Balance, Selection, SplitSettings, TrainDefaults, TrainSettings, Views};
pub use shard::Shard;

use observer::Logged;
use plainfilm_audit::{AuditSettings, Collector, conclude};
use plainfilm_data::{Dataset, SetAside, Split};
use plainfilm_model::device;
use run::Run;

/// How a training ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The figures of the run; of all folds together when there are folds.
    pub metrics: RunMetrics,
    /// The folds, when there are any.
    pub folds: Option<FoldSummary>,
    /// Films that could not be used.
    pub set_aside: Vec<SetAside>,
}

/// Trains on a data set as the settings say and fills the run folder.
///
/// Features of frozen layers are kept in `cache` between runs, if there is one; the result does not
/// depend on it. Each network that is done, and all folds together, are handed to the `reporter`.
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
    reporter: &dyn Reporter,
) -> Result<Outcome, TrainError> {
    settings.check()?;
    let has_sources = dataset.films.iter().any(|film| film.source.is_some());
    if settings.balance == Balance::Sources && !has_sources {
        return Err(TrainError::Setting {
            setting: "balance",
            expected: "one that needs no sources: no film of the data names one (hint: --balance sampling)",
            found: "sources".to_owned(),
        });
    }
    device::parse_with_precision(&settings.device, settings.precision)?;
    // Settings come first: from here on a killed run can be resumed, and before it nothing is lost.
    folder.create()?;
    let _claim = folder.claim()?;
    folder.write_settings(settings)?;
    folder.create_for_training()?;
    folder.log(&format!(
        "plainfilm {} on {}",
        env!("CARGO_PKG_VERSION"),
        settings.data.display()
    ));
    let observer: &mut dyn TrainObserver = &mut Logged {
        folder: folder.clone(),
        observer,
    };
    let earlier = folder.read_audit().filter(|_| settings.audit);
    let collector = (settings.audit && earlier.is_none())
        .then(|| Collector::new(&dataset, &audit_settings(settings)));
    let films = LoadedFilms::load(
        dataset,
        &settings.preprocessing,
        observer.loading(),
        collector.as_ref(),
    );
    folder.write_set_aside(&films.dataset.set_aside)?;
    let set_aside = films.dataset.set_aside.clone();
    let mut run = Run {
        films: &films,
        features: None,
        settings,
        audit: None,
        shares: &settings.learning_curve,
        curve: &[],
        elsewhere: None,
        permuted: &[],
        interrupt,
        reporter,
    };
    let jobs = match settings.split.folds {
        None => Vec::new(),
        Some(_) => folds::jobs(&run)?,
    };
    let splits: Vec<Split> = if jobs.is_empty() {
        vec![run.split(folder)?]
    } else {
        jobs.iter().map(|job| job.split().clone()).collect()
    };
    let without_sources = elsewhere::splits(&films.dataset, settings);
    let audit = match collector {
        Some(collector) => {
            // Further repeats, and a second cross-validation, deal the same films.
            let first = &splits[..settings.split.folds.unwrap_or(1).min(splits.len())];
            let audit = conclude(collector, &films.dataset, first, &|_| {});
            folder.write_audit(&audit)?;
            Some(audit)
        }
        None => earlier,
    };
    if let Some(audit) = &audit {
        observer.audited(&audit.summary(None));
    }
    run.audit = audit.as_ref();
    // Folds that are all there, as after a merge, need none.
    let features = if jobs.is_empty() || folds::is_unfinished(&run, &jobs, folder) {
        let mut all = splits.clone();
        all.extend(
            without_sources
                .iter()
                .flatten()
                .map(|(_, split)| split.clone()),
        );
        run.features(&all, cache, observer)?
    } else {
        None
    };
    run.features = features.as_ref();
    let elsewhere = elsewhere::estimate(&run, &without_sources, folder, observer)?;
    run.elsewhere = Some(&elsewhere);
    let (metrics, folds) = match settings.split.folds {
        None => {
            let curve = learning_curve::train(&run, &splits[0], folder, observer)?;
            let permuted = permuted_labels::train(&run, &splits[0], folder, observer)?;
            let run = Run {
                curve: &curve,
                permuted: &permuted,
                ..run
            };
            (run.train_split(&splits[0], folder, observer)?.0, None)
        }
        Some(_) => {
            let (metrics, folds) = folds::train(&run, &jobs, folder, observer)?;
            (metrics, Some(folds))
        }
    };
    folder.log("finished");
    Ok(Outcome {
        metrics,
        folds,
        set_aside,
    })
}

/// The audit judges films as stored, and a second time as the network is shown them.
fn audit_settings(settings: &TrainSettings) -> AuditSettings {
    AuditSettings {
        seed: settings.seed,
        split: settings.split.method.clone(),
        fractions: settings.split.fractions,
        after: Some(settings.preprocessing.clone()),
    }
}
