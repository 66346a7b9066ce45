//! What a training tells whoever watches it.

use super::checkpoint::{Best, EpochSums, HistoryRow};
use super::run_folder::RunFolder;
use plainfilm_audit::AuditSummary;

/// A watcher of one training. Every method may be ignored.
pub trait TrainObserver {
    /// `done` of `total` films have been read; called from many threads.
    fn loading(&self) -> &(dyn Fn(usize, usize) + Sync);
    /// `done` of `total` views have gone through the frozen layers; called from the training's thread.
    fn features(&self) -> &(dyn Fn(usize, usize) + Sync);
    /// The training of a fold begins, in this folder of the run; its epochs are counted from 1.
    fn fold(&mut self, folder: &str) {
        let _ = folder;
    }
    /// A step has been taken.
    fn batch(&mut self, progress: &BatchProgress);
    /// An epoch has ended; `best` is the epoch whose weights are kept.
    fn epoch(&mut self, row: &HistoryRow, best: Option<Best>);
    /// The data have been audited.
    fn audited(&mut self, audit: &AuditSummary);
    /// Something a person should know, in one sentence.
    fn notice(&mut self, sentence: &str);
}

/// Writes what happens to the run's `log.txt` and passes it on.
pub(super) struct Logged<'a> {
    pub folder: RunFolder,
    pub observer: &'a mut dyn TrainObserver,
}

impl TrainObserver for Logged<'_> {
    fn loading(&self) -> &(dyn Fn(usize, usize) + Sync) {
        self.observer.loading()
    }

    fn features(&self) -> &(dyn Fn(usize, usize) + Sync) {
        self.observer.features()
    }

    fn fold(&mut self, folder: &str) {
        self.observer.fold(folder);
    }

    fn batch(&mut self, progress: &BatchProgress) {
        self.observer.batch(progress);
    }

    fn epoch(&mut self, row: &HistoryRow, best: Option<Best>) {
        let part =
            |value: Option<f64>| value.map_or("n/a".to_owned(), |value| format!("{value:.4}"));
        self.folder.log(&format!(
            "epoch {}: loss {:.4}, accuracy {:.4}, validation loss {}, validation accuracy {}",
            row.epoch,
            row.train_loss,
            row.train_accuracy,
            part(row.validation_loss),
            part(row.validation_accuracy),
        ));
        self.observer.epoch(row, best);
    }

    fn audited(&mut self, audit: &AuditSummary) {
        self.folder.log(&format!(
            "audit {}: {}",
            audit.verdict.name(),
            audit.sentence
        ));
        self.observer.audited(audit);
    }

    fn notice(&mut self, sentence: &str) {
        self.folder.log(sentence);
        self.observer.notice(sentence);
    }
}

/// Watches nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl TrainObserver for Silent {
    fn loading(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &|_, _| {}
    }
    fn features(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &|_, _| {}
    }
    fn batch(&mut self, _: &BatchProgress) {}
    fn epoch(&mut self, _: &HistoryRow, _: Option<Best>) {}
    fn audited(&mut self, _: &AuditSummary) {}
    fn notice(&mut self, _: &str) {}
}

/// Where an epoch stands after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchProgress {
    /// Counted from 1.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Steps taken in this epoch.
    pub step: usize,
    /// Steps of an epoch.
    pub steps: usize,
    /// Mean loss of the epoch so far.
    pub loss: f64,
    /// Share of films right in the epoch so far, `0..=1`.
    pub accuracy: f64,
    /// Training films a second in this epoch.
    pub films_per_second: f64,
    /// Seconds until the last epoch ends at this speed, validation not counted.
    pub seconds_left: f64,
}

impl BatchProgress {
    pub(super) fn new(
        epoch: usize,
        epochs: usize,
        step: usize,
        steps: usize,
        films_an_epoch: usize,
        sums: &EpochSums,
    ) -> Self {
        let films = sums.films.max(1) as f64;
        let films_per_second = sums.films as f64 / sums.seconds.max(1e-9);
        let films_left = (epochs - epoch) * films_an_epoch - sums.films.min(films_an_epoch);
        Self {
            epoch: epoch + 1,
            epochs,
            step,
            steps,
            loss: sums.loss / films,
            accuracy: sums.right / films,
            films_per_second,
            seconds_left: films_left as f64 / films_per_second.max(1e-9),
        }
    }
}
