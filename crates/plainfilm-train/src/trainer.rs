//! The epoch loop: steps, validation, the best weights, and a checkpoint to go on from.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Bytes, Device, Tensor, TensorData};

use super::average::WeightAverage;
use super::batch;
use super::checkpoint::{Best, Checkpoint, EpochSums, HistoryRow, Progress};
use super::elsewhere::ElsewhereEstimate;
use super::error::TrainError;
use super::features::{Features, FilmView};
use super::films::LoadedFilms;
use super::learning_point::LearningPoint;
use super::loss::Loss;
use super::observer::{BatchProgress, TrainObserver};
use super::reporter::Reporter;
use super::run_folder::RunFolder;
use super::schedule::Position;
use super::settings::{Selection, TrainSettings};
use plainfilm_audit::Audit;
use plainfilm_data::{Part, Split};
use plainfilm_model::networks::{NamedTensor, Network, state_dict};
use plainfilm_seed as seed;

/// How often a checkpoint is written within an epoch.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);
/// And after an epoch, where epochs on kept features take less time than a checkpoint does.
const CHECKPOINT_SHORT_EPOCHS: Duration = Duration::from_secs(5);

/// What the epoch loop works on.
pub(super) struct Trainer<'a> {
    pub films: &'a LoadedFilms,
    /// None when every epoch goes through the whole network.
    pub features: Option<&'a Features<'a>>,
    pub split: &'a Split,
    /// None when the run is not audited.
    pub audit: Option<&'a Audit>,
    /// What fewer films reached.
    pub curve: &'a [LearningPoint],
    /// What the training reaches on sources that it has not seen.
    pub elsewhere: Option<&'a ElsewhereEstimate>,
    /// Networks of the same recipe that learned from permuted labels.
    pub permuted: &'a [Vec<NamedTensor>],
    pub settings: &'a TrainSettings,
    pub folder: &'a RunFolder,
    pub device: Device,
    pub interrupt: &'a AtomicBool,
    pub reporter: &'a dyn Reporter,
}

/// The network before the first step: drawn from the seed, or with the weights to start from.
pub(super) fn starting_network(
    settings: &TrainSettings,
    device: &Device,
) -> Result<Network, TrainError> {
    let network = Network::new(&settings.network(), settings.seed, device)?;
    Ok(match &settings.weights {
        None => network,
        Some(weights) => weights
            .read(&settings.network(), &settings.labels)?
            .load_into(network)?,
    })
}

/// Weights and numbers as training left them.
pub(super) struct Trained {
    /// Weights of the epoch that was selected.
    pub tensors: Vec<NamedTensor>,
    /// Weights of the last epoch, where both are asked for.
    pub last: Option<Vec<NamedTensor>>,
    pub progress: Progress,
}

/// The moving parts: everything a checkpoint saves.
struct State {
    network: Network,
    optimiser: ModuleOptimizer,
    progress: Progress,
    /// The average of the weights so far, where one is asked for: what is validated and kept.
    average: Option<WeightAverage>,
    /// The best epoch's network, for prediction: it shares the frozen tensors with the other. None
    /// before the first epoch ended.
    best: Option<Network>,
}

impl Trainer<'_> {
    /// Trains from a fresh network, or from the run's checkpoint, to the last epoch.
    pub fn run(
        &self,
        resume: Option<Checkpoint>,
        observer: &mut dyn TrainObserver,
    ) -> Result<Trained, TrainError> {
        let fingerprint = self.films.dataset.fingerprint();
        let mut state = self.initial_state(resume, fingerprint)?;
        let mut saved = Instant::now();
        while state.progress.epochs_done < self.settings.epochs && !self.has_stopped_early(&state) {
            self.epoch(&mut state, &mut saved, observer)?;
        }
        let now = match &state.average {
            Some(average) => average.network(),
            None => &state.network,
        };
        let last = (self.settings.selection == Selection::BestAndLast).then(|| state_dict(now));
        Ok(Trained {
            tensors: state_dict(state.best.as_ref().unwrap_or(now)),
            last,
            progress: state.progress,
        })
    }

    fn initial_state(
        &self,
        resume: Option<Checkpoint>,
        fingerprint: String,
    ) -> Result<State, TrainError> {
        let settings = self.settings;
        let device = self.device.clone().autodiff();
        let optimiser = settings.optimiser.init();
        let Some(checkpoint) = resume else {
            let progress = Progress {
                fingerprint,
                started: jiff::ZonedDateTime::now()
                    .strftime("%Y-%m-%d %H:%M %Z")
                    .to_string(),
                epochs_done: 0,
                steps_done: 0,
                sums: EpochSums::default(),
                best: None,
                history: Vec::new(),
            };
            let network = starting_network(settings, &device)?;
            return Ok(State {
                average: settings
                    .ema
                    .map(|decay| WeightAverage::new(&network, decay)),
                network,
                optimiser,
                progress,
                best: None,
            });
        };
        if checkpoint.progress.fingerprint != fingerprint {
            return Err(TrainError::DataChanged {
                data: settings.data.clone(),
                expected: checkpoint.progress.fingerprint,
                found: fingerprint,
            });
        }
        let optimiser = optimiser
            .from_bytes(Bytes::from_bytes_vec(checkpoint.optimiser))
            .map_err(|error| TrainError::Corrupt {
                path: self.folder.checkpoint_path(),
                problem: format!("the optimiser's state cannot be read: {error}"),
            })?;
        let network_of = |tensors: &[NamedTensor]| match tensors {
            [] => Ok(None),
            tensors => {
                Network::from_state_dict(&settings.network(), tensors, &self.device).map(Some)
            }
        };
        let network = Network::from_state_dict(&settings.network(), &checkpoint.model, &device)?;
        let average = network_of(&checkpoint.average)?;
        Ok(State {
            average: settings.ema.map(|decay| match average {
                Some(average) => WeightAverage::resumed(average, decay),
                None => WeightAverage::new(&network, decay),
            }),
            network,
            optimiser,
            progress: checkpoint.progress,
            best: network_of(&checkpoint.best)?,
        })
    }

    fn has_stopped_early(&self, state: &State) -> bool {
        let history = &state.progress.history;
        let losses = history
            .iter()
            .filter_map(|row| Some((row.epoch, row.validation_loss?)));
        // The first of equals, as for the weights that are kept.
        let least = losses.min_by(|(_, a), (_, b)| a.total_cmp(b));
        match (self.settings.early_stopping, least) {
            (Some(patience), Some((epoch, _))) => state.progress.epochs_done >= epoch + patience,
            _ => false,
        }
    }

    fn epoch(
        &self,
        state: &mut State,
        saved: &mut Instant,
        observer: &mut dyn TrainObserver,
    ) -> Result<(), TrainError> {
        let settings = self.settings;
        let epoch = state.progress.epochs_done;
        let films = &self.films.dataset.films;
        let train = self.split.indices(Part::Train);
        let loss = self.loss(&train);
        let order = batch::epoch_order(films, &train, settings.balance, settings.seed, epoch);
        let batches: Vec<&[usize]> = order.chunks(settings.batch).collect();
        let losses: Vec<f64> = state
            .progress
            .history
            .iter()
            .filter_map(|row| row.validation_loss)
            .collect();
        let mut rate = settings.optimiser.learning_rate;
        while state.progress.steps_done < batches.len() {
            let begun = Instant::now();
            let step = state.progress.steps_done;
            rate = settings.schedule.rate(
                settings.optimiser.learning_rate,
                Position {
                    step: epoch * batches.len() + step,
                    total_steps: settings.epochs * batches.len(),
                    epoch,
                    validation_losses: &losses,
                },
            );
            self.step(state, &loss, batches[step], rate)?;
            if let Some(average) = &mut state.average {
                average.update(&state.network, epoch * batches.len() + step);
            }
            state.progress.sums.seconds += begun.elapsed().as_secs_f64();
            observer.batch(&BatchProgress::new(
                epoch,
                settings.epochs,
                state.progress.steps_done,
                batches.len(),
                train.len(),
                &state.progress.sums,
            ));
            if self.interrupt.load(Ordering::Relaxed) {
                self.checkpoint(state)?;
                return Err(TrainError::Interrupted { epoch: epoch + 1 });
            }
            if saved.elapsed() >= CHECKPOINT_EVERY {
                self.checkpoint(state)?;
                *saved = Instant::now();
            }
        }
        let row = self.finish_epoch(state, rate)?;
        let is_last =
            state.progress.epochs_done >= settings.epochs || self.has_stopped_early(state);
        if self.features.is_none() || is_last || saved.elapsed() >= CHECKPOINT_SHORT_EPOCHS {
            self.checkpoint(state)?;
            *saved = Instant::now();
        }
        self.folder.write_history(&state.progress.history)?;
        observer.epoch(&row, state.progress.best);
        Ok(())
    }

    /// One step of the optimiser on one batch.
    fn step(
        &self,
        state: &mut State,
        loss: &Loss,
        batch: &[usize],
        rate: f64,
    ) -> Result<(), TrainError> {
        let settings = self.settings;
        let (epoch, step) = (state.progress.epochs_done, state.progress.steps_done);
        let films = &self.films.dataset.films;
        let device = self.device.clone().autodiff();
        // A key for this step alone, so that a resumed run drops what the uninterrupted one does.
        let key = seed::derive(settings.seed, "dropout", &[epoch as u64, step as u64]);
        state.network.seed_dropout(key);
        let logits = match self.features {
            None => {
                let draws = |position: usize| {
                    let indices = [epoch as u64, batch[position] as u64];
                    Some(seed::generator(settings.seed, "augment", &indices))
                };
                let change: batch::Change<'_> = (&settings.augmentation, &draws);
                let pixels = batch::pixels(self.films, batch, Some(change))?;
                let data = TensorData::new(pixels, self.shape_of(batch.len()));
                state.network.forward(Tensor::from_data(data, &device))
            }
            Some(features) => {
                let views: Vec<FilmView> = batch
                    .iter()
                    .map(|&film| (film, features.view(film, epoch)))
                    .collect();
                let maps = features.tensor(&views, &device)?;
                state.network.forward_from(maps, features.layers())
            }
        };
        let right = self.share_right(&logits, batch);
        let value = match loss {
            Loss::Labels(loss) => {
                let truth: Vec<usize> = batch.iter().map(|&film| films[film].label).collect();
                loss.forward(logits, &truth, &device)
            }
            Loss::Findings(loss) => loss.forward(logits, &self.presence(batch), &device),
        };
        let number: f32 = value.clone().into_scalar();
        if !number.is_finite() {
            let names: Vec<&str> = batch
                .iter()
                .map(|&film| films[film].path.as_str())
                .collect();
            return Err(TrainError::NotFinite {
                loss: number,
                epoch: epoch + 1,
                step: step + 1,
                rate,
                films: names.join(", "),
            });
        }
        let gradients = GradientsParams::from_grads(value.backward(), &state.network);
        state.network = state.optimiser.step(rate, state.network.clone(), gradients);
        let sums = &mut state.progress.sums;
        sums.films += batch.len();
        sums.loss += f64::from(number) * batch.len() as f64;
        sums.right += right;
        state.progress.steps_done += 1;
        Ok(())
    }

    /// Validates, keeps the weights if they are the best so far, and turns to the next epoch.
    fn finish_epoch(&self, state: &mut State, rate: f64) -> Result<HistoryRow, TrainError> {
        let begun = Instant::now();
        let validation = self.split.indices(Part::Validation);
        let network = match &state.average {
            Some(average) => average.network().valid(),
            None => state.network.valid(),
        };
        let (mut validation_loss, mut validation_accuracy) = (None, None);
        if !validation.is_empty() {
            let scored = self.score(&network, &validation)?;
            let (loss, right) = self.judge(&validation, &scored);
            (validation_loss, validation_accuracy) = (Some(loss), Some(right));
        }
        let progress = &mut state.progress;
        let epoch = progress.epochs_done + 1;
        let is_better = match (validation_loss, progress.best) {
            (
                Some(loss),
                Some(Best {
                    validation_loss: Some(best),
                    ..
                }),
            ) => loss < best,
            // Without a validation part nothing can be chosen: the last epoch stands.
            _ => true,
        } || self.settings.selection == Selection::Last;
        if is_better {
            progress.best = Some(Best {
                epoch,
                validation_loss,
            });
            state.best = Some(network);
        }
        let films = progress.sums.films.max(1) as f64;
        let row = HistoryRow {
            epoch,
            train_loss: progress.sums.loss / films,
            train_accuracy: progress.sums.right / films,
            validation_loss,
            validation_accuracy,
            learning_rate: rate,
            seconds: progress.sums.seconds + begun.elapsed().as_secs_f64(),
        };
        progress.history.push(row.clone());
        progress.epochs_done = epoch;
        progress.steps_done = 0;
        progress.sums = EpochSums::default();
        Ok(row)
    }

    fn checkpoint(&self, state: &State) -> Result<(), TrainError> {
        let path = self.folder.checkpoint_path();
        let optimiser = state
            .optimiser
            .into_bytes()
            .map_err(|error| TrainError::Corrupt {
                path: path.clone(),
                problem: format!("the optimiser's state cannot be written: {error}"),
            })?;
        Checkpoint {
            progress: state.progress.clone(),
            model: state_dict(&state.network),
            average: state
                .average
                .as_ref()
                .map(|average| state_dict(average.network()))
                .unwrap_or_default(),
            best: state.best.as_ref().map(state_dict).unwrap_or_default(),
            optimiser: optimiser.to_vec(),
        }
        .save(&path)
    }
}
