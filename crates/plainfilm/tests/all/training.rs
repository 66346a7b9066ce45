//! Properties of the training loop itself.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use plainfilm::audit::AuditSummary;
use plainfilm::bundle::bundled;
use plainfilm::dataset::phantom::{PhantomSettings, generate};
use plainfilm::dataset::{Dataset, DatasetOptions};
use plainfilm::model::{Architecture, Freeze, Head};
use plainfilm::predict::{OwnFilms, Predictor, score_dataset};
use plainfilm::radiograph::{Limits, Preprocessing};
use plainfilm::train::{
    BatchProgress, Best, HistoryRow, LoadedFilms, RunFolder, TrainDefaults, TrainObserver,
    TrainSettings, Views, train,
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

/// Synthetic films of 64 pixels.
fn draw(count: usize, films: &Path) {
    let phantoms = PhantomSettings {
        count,
        size: 64,
        seed: 7,
        shortcut: 0.0,
    };
    generate(&phantoms, films, &|_, _| {}).expect("written");
}

/// Training and scoring once decoded within the default limits, whatever the data set was opened with.
#[test]
fn films_past_the_limits_of_their_data_set_are_set_aside() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let films = folder.path().join("films");
    draw(4, &films);
    for (max_side, readable) in [(64, 4), (32, 0)] {
        let options = DatasetOptions {
            limits: Limits {
                max_side,
                ..Limits::default()
            },
            // Patients by name, so that opening decodes no film.
            patient_pattern: Some("([0-9]+)".to_owned()),
            ..DatasetOptions::default()
        };
        let dataset = Dataset::open(&films, &options).expect("a data set");
        let count = dataset.films.len();
        assert_eq!(count, 4);
        let read = dataset
            .films
            .iter()
            .filter(|film| dataset.film(film).is_ok());
        assert_eq!(read.count(), readable, "{max_side}");
        let predictor = Predictor::new(&bundled().expect("its own model"), &Device::default())
            .expect("its own network");
        let scored = score_dataset(&predictor, &dataset, OwnFilms::Included, &|_, _| {})
            .expect("films are scored");
        assert_eq!(scored.films.len(), readable, "{max_side}");
        let loaded = LoadedFilms::load(dataset, &Preprocessing::default(), &|_, _| {}, None);
        assert_eq!(loaded.dataset.films.len(), readable, "{max_side}");
        for lost in &loaded.dataset.set_aside {
            assert!(lost.reason.contains("32"), "{}", lost.reason);
        }
        assert_eq!(loaded.dataset.set_aside, scored.set_aside);
        assert_eq!(loaded.dataset.set_aside.len(), count - readable);
    }
}

/// The network hardly learns, and its frozen layers look at each film once: from epoch to epoch only
/// what is dropped differs.
#[test]
fn every_step_drops_other_units() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let films = folder.path().join("films");
    draw(30, &films);
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
