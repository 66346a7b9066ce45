//! Training told to programs that people watch it with: TensorBoard and MLflow. Both are off unless asked for.

mod mlflow;
mod tensorboard;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::checkpoint::{Best, HistoryRow};
use super::observer::{BatchProgress, TrainObserver};
use super::run_folder::RunFolder;
use super::run_metrics::RunMetrics;
use super::settings::TrainSettings;
use mlflow::MlFlow;
use plainfilm_audit::AuditSummary;
use plainfilm_data::Part;
use tensorboard::TensorBoard;

/// Where a training is told of, beside the run folder. Kept in `logs.json`, so that a resumed run goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSettings {
    /// Event files for TensorBoard in the run folder's `tensorboard`.
    #[serde(default)]
    pub tensorboard: bool,
    /// An MLflow server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mlflow: Option<MlFlowSettings>,
}

/// Which MLflow server, and what the run is called there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MlFlowSettings {
    /// Such as `http://127.0.0.1:5000`.
    pub address: String,
    /// Made where it is missing.
    pub experiment: String,
    /// The run, once the server has made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
}

/// Why a log cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// A file cannot be written.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The server cannot be reached.
    #[error("{address}: {problem}\nhint: is `mlflow server` running there?")]
    Unreachable {
        /// What was asked.
        address: String,
        /// What happened.
        problem: String,
    },
    /// The server answers something else than expected.
    #[error("{address}: expected {expected}, found {found}")]
    Answer {
        /// What was asked.
        address: String,
        /// What should have come.
        expected: &'static str,
        /// The status, and the beginning of the answer.
        found: String,
    },
}

/// Takes numbers with names.
trait Sink {
    /// Whether it is still worth telling.
    fn name(&self) -> &'static str;
    /// `fold` is the folder of a fold inside the run folder, empty without folds; a step is an epoch from 1.
    fn scalars(&mut self, fold: &str, step: i64, values: &[(String, f64)]) -> Result<(), LogError>;
    /// Nothing more will come.
    fn close(&mut self, done: bool) -> Result<(), LogError>;
}

/// Tells logs what it is told, and passes it on. A log that fails is given up with a notice: no training dies
/// of it.
pub struct TrainingLogs<'a> {
    sinks: Vec<Box<dyn Sink>>,
    fold: String,
    observer: &'a mut dyn TrainObserver,
}

impl<'a> TrainingLogs<'a> {
    /// Opens the logs that are asked for, or that the run folder says were; without any, this only passes on.
    ///
    /// # Errors
    ///
    /// When the run folder cannot be written, or the server does not take the run: it is better to know before
    /// training than after.
    pub fn open(
        asked: &LogSettings,
        folder: &RunFolder,
        settings: &TrainSettings,
        observer: &'a mut dyn TrainObserver,
    ) -> Result<Self, LogError> {
        let path = folder.root().join("logs.json");
        let earlier = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| serde_json::from_str::<LogSettings>(&text).ok());
        let mut wanted = match earlier {
            Some(earlier) if *asked == LogSettings::default() => earlier,
            _ => asked.clone(),
        };
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if wanted.tensorboard {
            sinks.push(Box::new(TensorBoard::in_folder(
                &folder.root().join("tensorboard"),
            )));
        }
        if let Some(server) = &mut wanted.mlflow {
            let name = folder.root().file_name().unwrap_or_default();
            sinks.push(Box::new(MlFlow::open(
                server,
                &name.to_string_lossy(),
                settings,
            )?));
        }
        if !sinks.is_empty() {
            let text = serde_json::to_string_pretty(&wanted).expect("text and switches only");
            let failed = |cause| LogError::File {
                path: path.clone(),
                cause,
            };
            std::fs::create_dir_all(folder.root()).map_err(failed)?;
            plainfilm_film::files::atomic_write(&path, text.as_bytes()).map_err(failed)?;
        }
        Ok(Self {
            sinks,
            fold: String::new(),
            observer,
        })
    }

    /// Tells the figures of the finished run and closes the logs; `None` when it did not come to its end.
    pub fn finish(mut self, metrics: Option<&RunMetrics>) {
        self.fold.clear();
        if let Some(metrics) = metrics {
            let last = metrics.best_epoch.unwrap_or(0) as i64;
            self.tell(last, &final_values(metrics));
        }
        let done = metrics.is_some();
        self.each(&mut |sink| sink.close(done));
    }

    fn tell(&mut self, step: i64, values: &[(String, f64)]) {
        let values: Vec<(String, f64)> = values
            .iter()
            .filter(|(_, value)| value.is_finite())
            .cloned()
            .collect();
        let fold = self.fold.clone();
        self.each(&mut |sink| sink.scalars(&fold, step, &values));
    }

    fn each(&mut self, act: &mut dyn FnMut(&mut dyn Sink) -> Result<(), LogError>) {
        let observer = &mut *self.observer;
        self.sinks.retain_mut(|sink| match act(&mut **sink) {
            Ok(()) => true,
            Err(error) => {
                observer.notice(&format!("{} gets no more logs: {error}", sink.name()));
                false
            }
        });
    }
}

/// The figures of every part, with names such as `test/accuracy`.
fn final_values(metrics: &RunMetrics) -> Vec<(String, f64)> {
    let parts = [Part::Train, Part::Validation, Part::Test];
    let mut values = Vec::new();
    for (part, figures) in parts
        .into_iter()
        .filter_map(|part| Some((part, metrics.part(part)?)))
    {
        for (name, figure) in [
            ("accuracy", &figures.accuracy),
            ("balanced_accuracy", &figures.balanced_accuracy),
            ("auroc", &figures.auroc),
            ("auprc", &figures.auprc),
            ("loss", &figures.loss),
            ("brier", &figures.brier),
            ("ece", &figures.ece),
        ] {
            if let Some(value) = figure.value() {
                values.push((format!("{}/{name}", part.name()), value));
            }
        }
    }
    let of_findings = metrics.findings.iter();
    for (name, figure) in of_findings.flat_map(|all| {
        let of = &all.averages;
        [
            ("macro_auroc", &of.macro_auroc),
            ("macro_auprc", &of.macro_auprc),
            ("macro_f1", &of.macro_f1),
        ]
    }) {
        values.extend(figure.value().map(|value| (format!("test/{name}"), value)));
    }
    values
}

impl TrainObserver for TrainingLogs<'_> {
    fn loading(&self) -> &(dyn Fn(usize, usize) + Sync) {
        self.observer.loading()
    }

    fn features(&self) -> &(dyn Fn(usize, usize) + Sync) {
        self.observer.features()
    }

    fn batch(&mut self, progress: &BatchProgress) {
        self.observer.batch(progress);
    }

    fn fold(&mut self, folder: &str) {
        folder.clone_into(&mut self.fold);
        self.observer.fold(folder);
    }

    fn epoch(&mut self, row: &HistoryRow, best: Option<Best>) {
        let mut values = vec![
            ("epoch/train_loss".to_owned(), row.train_loss),
            ("epoch/train_accuracy".to_owned(), row.train_accuracy),
            ("epoch/learning_rate".to_owned(), row.learning_rate),
            ("epoch/seconds".to_owned(), row.seconds),
        ];
        let validation = [
            ("epoch/validation_loss", row.validation_loss),
            ("epoch/validation_accuracy", row.validation_accuracy),
        ];
        for (name, value) in validation {
            values.extend(value.map(|value| (name.to_owned(), value)));
        }
        self.tell(row.epoch as i64, &values);
        self.observer.epoch(row, best);
    }

    fn audited(&mut self, audit: &AuditSummary) {
        self.observer.audited(audit);
    }

    fn notice(&mut self, sentence: &str) {
        self.observer.notice(sentence);
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
