//! Steps of `plainfilm train` itself, watched from outside.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use plainfilm::audit::AuditSummary;
use plainfilm::dataset::{Dataset, DatasetOptions};
use plainfilm::model::{Architecture, Freeze};
use plainfilm::train::{
    BatchProgress, Best, HistoryRow, RunFolder, TrainDefaults, TrainError, TrainObserver,
    TrainSettings, train,
};

use crate::args::{Args, Precision};
use crate::round::Round;
use crate::steps::SIZE;

/// Passes over the films: more than any measurement waits for.
const EPOCHS: usize = 100_000;

/// A training in a thread of its own that goes on only while a round is asked for.
pub struct WholeStep {
    orders: Sender<f64>,
    rounds: Receiver<Result<Round, String>>,
}

impl WholeStep {
    /// Reads the films and starts to train with the program's own settings.
    pub fn start(architecture: Architecture, batch: usize, args: &Args) -> Self {
        let (orders, incoming) = channel();
        let (outgoing, rounds) = channel();
        let data = args.data.clone().unwrap_or_default();
        let precision = match args.precision {
            Precision::F32 => plainfilm::device::Precision::Float32,
            Precision::Bf16 => plainfilm::device::Precision::BFloat16,
        };
        let device = args.device.clone();
        let options = DatasetOptions {
            labels: args.labels.clone(),
            ..DatasetOptions::default()
        };
        std::thread::spawn(move || {
            let mut observer = Observer {
                orders: incoming,
                rounds: outgoing.clone(),
                wanted: None,
                seconds: 0.0,
                films: 0,
                batch,
                since: None,
                interrupt: AtomicBool::new(false).into(),
            };
            let result = run(
                (architecture, batch, precision),
                &device,
                &data,
                &options,
                &mut observer,
            );
            if let Err(problem) = result {
                // Nobody listens once the measurements are done.
                let _ = outgoing.send(Err(problem));
            }
        });
        Self { orders, rounds }
    }

    /// The training's next steps, for at least `seconds`.
    pub fn round(&mut self, seconds: f64) -> Result<Round, String> {
        let ended = "the training has ended";
        self.orders.send(seconds).map_err(|_| ended.to_owned())?;
        self.rounds.recv().map_err(|_| ended.to_owned())?
    }
}

fn run(
    (architecture, batch, precision): (Architecture, usize, plainfilm::device::Precision),
    device: &str,
    data: &std::path::Path,
    options: &DatasetOptions,
    observer: &mut Observer,
) -> Result<(), String> {
    let dataset = Dataset::open(data, options).map_err(|error| error.to_string())?;
    let mut settings = TrainSettings::defaults(TrainDefaults {
        data: data.to_owned(),
        model: architecture,
        seed: 42,
        threads: rayon::current_num_threads(),
    });
    settings.labels.clone_from(&dataset.labels);
    settings.preprocessing.size = SIZE;
    settings.freeze = Freeze::None;
    settings.batch = batch;
    settings.precision = precision;
    settings.epochs = EPOCHS;
    settings.audit = false;
    device.clone_into(&mut settings.device);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let interrupt = observer.interrupt.clone();
    let run = RunFolder::at(folder.path());
    match train(dataset, &settings, &run, None, &interrupt, observer) {
        Ok(_) | Err(TrainError::Interrupted { .. }) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Times the steps between its calls, and holds the training up between rounds.
///
/// The first step of an epoch is left out, since the validation before it is no part of a step, and
/// so is a last step of fewer films.
struct Observer {
    orders: Receiver<f64>,
    rounds: Sender<Result<Round, String>>,
    /// Least length of the round asked for; none before the first.
    wanted: Option<f64>,
    seconds: f64,
    films: usize,
    batch: usize,
    /// When the step that is being taken began, where it counts.
    since: Option<Instant>,
    interrupt: std::sync::Arc<AtomicBool>,
}

impl TrainObserver for Observer {
    fn loading(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &|_, _| {}
    }

    /// Steps are timed without an audit before them; it changes none of them.
    fn audited(&mut self, _: &AuditSummary) {}

    fn features(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &|_, _| {}
    }
    fn batch(&mut self, progress: &BatchProgress) {
        if let Some(since) = self.since.filter(|_| progress.step < progress.steps) {
            self.seconds += since.elapsed().as_secs_f64();
            self.films += self.batch;
        }
        let is_open = self
            .wanted
            .is_some_and(|wanted| self.films == 0 || self.seconds < wanted);
        if !is_open {
            if self.wanted.is_some() {
                let round = Round {
                    films_per_second: self.films as f64 / self.seconds,
                    processor_ms: None,
                };
                // When nobody listens any more there is no next order either.
                let _ = self.rounds.send(Ok(round));
            }
            self.wanted = self.orders.recv().ok();
            if self.wanted.is_none() {
                self.interrupt.store(true, Ordering::Relaxed);
            }
            (self.seconds, self.films) = (0.0, 0);
        }
        self.since = (progress.step < progress.steps).then(Instant::now);
    }

    fn epoch(&mut self, _: &HistoryRow, _: Option<Best>) {
        self.since = None;
    }

    fn notice(&mut self, _: &str) {}
}
