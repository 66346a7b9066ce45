//! One training's data and settings, and one split trained to its end.

use std::sync::atomic::AtomicBool;

use super::checkpoint::Checkpoint;
use super::elsewhere::ElsewhereEstimate;
use super::error::TrainError;
use super::features::{FeatureCache, Features};
use super::films::LoadedFilms;
use super::learning_point::LearningPoint;
use super::observer::TrainObserver;
use super::reporter::Reporter;
use super::results;
use super::run_folder::RunFolder;
use super::run_metrics::RunMetrics;
use super::settings::{TrainSettings, Views};
use super::trainer::{Trainer, starting_network};
use plainfilm_audit::Audit;
use plainfilm_data::{Part, Split, SplitOptions};
use plainfilm_figures::ScoredFilm;
use plainfilm_model::device;
use plainfilm_model::networks::NamedTensor;

/// One training's data and settings.
pub(crate) struct Run<'a> {
    pub films: &'a LoadedFilms,
    /// None when every epoch goes through the whole network.
    pub features: Option<&'a Features<'a>>,
    pub settings: &'a TrainSettings,
    /// None when the run is not audited.
    pub audit: Option<&'a Audit>,
    /// Of the training patients, to be trained on first.
    pub shares: &'a [f64],
    /// What they reached.
    pub curve: &'a [LearningPoint],
    /// What it reaches on sources that it has not seen; none while that is found out.
    pub elsewhere: Option<&'a ElsewhereEstimate>,
    /// Networks of the same recipe that learned from permuted labels.
    pub permuted: &'a [Vec<NamedTensor>],
    pub interrupt: &'a AtomicBool,
    pub reporter: &'a dyn Reporter,
}

impl<'a> Run<'a> {
    /// What the frozen layers make of all films, for all splits together, where views are kept.
    pub fn features(
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
    pub fn split(&self, folder: &RunFolder) -> Result<Split, TrainError> {
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

    /// The epoch loop on one split, in a folder that is there.
    pub fn trainer<'s>(
        &'s self,
        split: &'s Split,
        folder: &'s RunFolder,
    ) -> Result<Trainer<'s>, TrainError> {
        Ok(Trainer {
            films: self.films,
            features: self.features,
            split,
            audit: self.audit,
            curve: self.curve,
            elsewhere: self.elsewhere,
            permuted: self.permuted,
            settings: self.settings,
            folder,
            device: device::parse(&self.settings.device)?,
            interrupt: self.interrupt,
            reporter: self.reporter,
        })
    }

    /// Trains one split to its end and writes its results.
    pub fn train_split(
        &self,
        split: &Split,
        folder: &RunFolder,
        observer: &mut dyn TrainObserver,
    ) -> Result<(RunMetrics, Vec<ScoredFilm>), TrainError> {
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
        let trainer = self.trainer(split, folder)?;
        let checkpoint = folder.checkpoint_path();
        let resume = checkpoint
            .is_file()
            .then(|| Checkpoint::load(&checkpoint))
            .transpose()?;
        let trained = trainer.run(resume, observer)?;
        results::write(&trainer, &trained)
    }
}
