//! Properties of the training loop itself.

use std::sync::atomic::AtomicBool;

use plainfilm::audit::AuditSummary;
use plainfilm::dataset::phantom::{PhantomSettings, generate};
use plainfilm::dataset::{Dataset, DatasetOptions};
use plainfilm::model::{Architecture, Freeze, Head};
use plainfilm::train::{
    BatchProgress, Best, HistoryRow, RunFolder, TrainDefaults, TrainObserver, TrainSettings, Views,
    train,
};

/// Keeps the training loss of every epoch.
#[derive(Default)]
struct Losses(Vec<f64>);

impl TrainObserver for Losses {
    fn loading(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &|_, _| {}
    }
    fn features(&self) -> &(dyn Fn(usize, usize) + Sync) {
        &|_, _| {}
    }
    fn batch(&mut self, _: &BatchProgress) {}
    fn epoch(&mut self, row: &HistoryRow, _: Option<Best>) {
        self.0.push(row.train_loss);
    }
    fn audited(&mut self, _: &AuditSummary) {}
    fn notice(&mut self, _: &str) {}
}

/// The network hardly learns, and its frozen layers look at each film once: from epoch to epoch only
/// what is dropped differs.
#[test]
fn every_step_drops_other_units() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let films = folder.path().join("films");
    let phantoms = PhantomSettings {
        count: 30,
        size: 64,
        seed: 7,
        shortcut: 0.0,
    };
    generate(&phantoms, &films, &|_, _| {}).expect("written");
    let dataset = Dataset::open(&films, &DatasetOptions::default()).expect("a data set");
    let mut settings = TrainSettings::defaults(TrainDefaults {
        data: films,
        model: Architecture::ResNet18,
        seed: 42,
        threads: rayon::current_num_threads(),
    });
    settings.labels.clone_from(&dataset.labels);
    settings.preprocessing.size = 128;
    settings.freeze = Freeze::Backbone;
    settings.head = Head::Notebook;
    settings.views = Views::Kept(1);
    settings.optimiser.learning_rate = 1e-12;
    settings.epochs = 4;
    // A step of one film: shuffled larger batches would hide that masks stay the same.
    settings.batch = 1;
    settings.audit = false;
    let mut losses = Losses::default();
    let run = RunFolder::at(&folder.path().join("run"));
    train(
        dataset,
        &settings,
        &run,
        None,
        &AtomicBool::new(false),
        &mut losses,
    )
    .expect("trained");
    for (epoch, pair) in losses.0.windows(2).enumerate() {
        assert!(
            (pair[0] - pair[1]).abs() > 1e-4,
            "epochs {} and {}: {:?}",
            epoch + 1,
            epoch + 2,
            losses.0
        );
    }
}
