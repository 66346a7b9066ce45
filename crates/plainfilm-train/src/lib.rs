//! The training loop and what feeds it.
//!
//! [`train`] takes a data set and settings to a finished run folder. Every random draw is a pure
//! function of the seed and of what it is for, and the checkpoint holds all the rest, so a run that
//! was killed at any moment ends with the bytes of one that was not.

pub mod augment;
mod average;
mod batch;
mod checkpoint;
mod error;
mod features;
mod films;
mod findings;
mod folds;
mod learning;
mod logs;
mod loss;
pub mod lungs;
mod merge;
mod observer;
mod optimiser;
mod parallel_folds;
mod precision_name;
pub mod recipe;
mod reporter;
mod results;
mod run_folder;
mod run_metrics;
mod schedule;
mod settings;
mod trainer;

use std::sync::atomic::AtomicBool;

pub use checkpoint::{Best, EpochSums, HistoryRow, Progress};
pub use error::TrainError;
pub use features::FeatureCache;
pub use films::LoadedFilms;
pub use findings::{FindingFigures, FindingsFigures};
pub use folds::{FoldSummary, Shard, Ungrouped};
pub use learning::LearningPoint;
pub use logs::{LogError, LogSettings, MlFlowSettings, TrainingLogs};
pub use merge::merge;
pub use observer::{BatchProgress, Silent, TrainObserver};
pub use reporter::{FinishedRun, NoReport, Reporter, TestedNetwork};
pub use run_folder::{RunFolder, settings_text};
pub use run_metrics::{LastEpoch, RunMetrics};
pub use schedule::{Position, Schedule};
pub use settings::{
    Balance, OptimiserKind, OptimiserSettings, Selection, SplitSettings, TrainDefaults,
    TrainSettings, Views,
};

use checkpoint::Checkpoint;
use features::Features;
use observer::Logged;
use plainfilm_audit::{Audit, AuditSettings, Collector, conclude};
use plainfilm_data::{Dataset, Part, SetAside, Split, SplitOptions};
use plainfilm_model::device;
use plainfilm_model::networks::Network;
use trainer::Trainer;

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
    device::parse_with_precision(&settings.device, settings.precision)?;
    // Settings come first: from here on a killed run can be resumed, and before it nothing is lost.
    folder.create()?;
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
        run.features(&splits, cache, observer)?
    } else {
        None
    };
    run.features = features.as_ref();
    let (metrics, folds) = match settings.split.folds {
        None => {
            let curve = learning::train(&run, &splits[0], folder, observer)?;
            let run = Run {
                curve: &curve,
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

/// The network before the first step: drawn from the seed, or with the weights to start from.
fn starting_network(
    settings: &TrainSettings,
    device: &burn::tensor::Device,
) -> Result<Network, TrainError> {
    let network = Network::new(&settings.network(), settings.seed, device)?;
    Ok(match &settings.weights {
        None => network,
        Some(weights) => weights.read(&settings.network())?.load_into(network)?,
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

/// One training's data and settings.
struct Run<'a> {
    films: &'a LoadedFilms,
    /// None when every epoch goes through the whole network.
    features: Option<&'a Features<'a>>,
    settings: &'a TrainSettings,
    /// None when the run is not audited.
    audit: Option<&'a Audit>,
    /// Of the training patients, to be trained on first.
    shares: &'a [f64],
    /// What they reached.
    curve: &'a [LearningPoint],
    interrupt: &'a AtomicBool,
    reporter: &'a dyn Reporter,
}

impl<'a> Run<'a> {
    /// What the frozen layers make of all films, for all splits together, where views are kept.
    fn features(
        &self,
        splits: &[Split],
        cache: Option<&FeatureCache>,
        observer: &mut dyn TrainObserver,
    ) -> Result<Option<Features<'a>>, TrainError> {
        let settings = self.settings;
        let Views::Kept(views) = settings.views else {
            return Ok(None);
        };
        let device = device::parse(&settings.device)?;
        let network = starting_network(settings, &device)?;
        let mut features = Features::new(self.films, settings, network, device, views, cache)?;
        let mut augmented: Vec<usize> = splits
            .iter()
            .flat_map(|split| split.indices(Part::Train))
            .collect();
        augmented.sort_unstable();
        augmented.dedup();
        let done = features.prepare(&augmented, self.interrupt, observer.features())?;
        observer.notice(&format!(
            "features of {} films, {} views of {} kB: {} computed, {} from the cache, {:.1} s",
            self.films.dataset.films.len(),
            done.views,
            done.view_bytes.div_ceil(1000),
            done.computed,
            done.views - done.computed,
            done.time.as_secs_f64(),
        ));
        Ok(Some(features))
    }

    /// The split that the folder holds, else a new one.
    fn split(&self, folder: &RunFolder) -> Result<Split, TrainError> {
        let saved = folder.split_path();
        if saved.is_file() {
            let mut split = Split::read_csv(&self.films.dataset, &saved)?;
            // The file is the result of these settings: a resumed run must describe it as the
            // uninterrupted one does.
            split.method = self.settings.split.method.clone();
            split.seed = self.settings.seed;
            return Ok(split);
        }
        Ok(Split::make(
            &self.films.dataset,
            &SplitOptions {
                method: self.settings.split.method.clone(),
                seed: self.settings.seed,
                fractions: self.settings.split.fractions,
            },
        )?)
    }

    /// Trains one split to its end and writes its results.
    fn train_split(
        &self,
        split: &Split,
        folder: &RunFolder,
        observer: &mut dyn TrainObserver,
    ) -> Result<(RunMetrics, Vec<plainfilm_figures::ScoredFilm>), TrainError> {
        if split.indices(Part::Train).is_empty() {
            return Err(TrainError::EmptyPart {
                part: "training",
                found: self.films.dataset.films.len(),
                total: self.films.dataset.films.len() + self.films.dataset.set_aside.len(),
                hint: "see set_aside.csv in the run folder for the reasons",
            });
        }
        folder.create_for_training()?;
        split.write_csv(&self.films.dataset, &folder.split_path())?;
        let trainer = Trainer {
            films: self.films,
            features: self.features,
            split,
            audit: self.audit,
            curve: self.curve,
            settings: self.settings,
            folder,
            device: device::parse(&self.settings.device)?,
            interrupt: self.interrupt,
            reporter: self.reporter,
        };
        let checkpoint = folder.checkpoint_path();
        let resume = checkpoint
            .is_file()
            .then(|| Checkpoint::load(&checkpoint))
            .transpose()?;
        let trained = trainer.run(resume, observer)?;
        results::write(&trainer, &trained)
    }
}
