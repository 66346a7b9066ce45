//! What each network is trained with where nothing else is said.

use std::path::PathBuf;

use super::{Balance, Selection, SplitSettings, TrainSettings, Views};
use crate::augment::Augmentation;
use crate::optimiser::{OptimiserKind, OptimiserSettings};
use crate::schedule::Schedule;
use plainfilm_data::{SplitMethod, Uncertain};
use plainfilm_figures::{CalibrationMethod, OperationSettings};
use plainfilm_film::radiograph::{Field, Preprocessing};
use plainfilm_model::device::Precision;
use plainfilm_model::networks::{Architecture, Freeze, Head};

/// What no default can know.
#[derive(Debug, Clone)]
pub struct TrainDefaults {
    /// Folder, manifest or archive of films.
    pub data: PathBuf,
    /// The network, which chooses the rest.
    pub model: Architecture,
    /// Seed of every random draw.
    pub seed: u64,
    /// Threads.
    pub threads: usize,
}

impl TrainSettings {
    /// Settings that suit a network on a small set of films. Labels are empty: the data set knows
    /// them.
    #[must_use]
    pub fn defaults(given: TrainDefaults) -> Self {
        let model = given.model;
        let preprocessing = Preprocessing {
            size: model.default_size(),
            channels: model.default_channels(),
            scaling: model.default_scaling(),
            field: Field::Exposed,
            ..Preprocessing::default()
        };
        let adam = OptimiserSettings {
            kind: OptimiserKind::Adam,
            learning_rate: 1e-3,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            weight_decay: 0.0,
        };
        let base = Self {
            data: given.data,
            labels: Vec::new(),
            positive: None,
            findings: false,
            patient_pattern: None,
            columns: None,
            uncertain: Uncertain::Ignore,
            model,
            freeze: model.default_freeze(),
            head: Head::Published,
            epochs: 20,
            batch: 16,
            seed: given.seed,
            device: "cpu".to_owned(),
            threads: given.threads,
            precision: Precision::Float32,
            label_smoothing: 0.0,
            balance: Balance::None,
            ema: None,
            early_stopping: None,
            audit: true,
            selection: Selection::Best,
            views: if model.default_freeze() == Freeze::Backbone {
                Views::DEFAULT_KEPT
            } else {
                Views::Fresh
            },
            learning_curve: Vec::new(),
            elsewhere: None,
            recipe: None,
            split: SplitSettings {
                method: SplitMethod::Grouped,
                fractions: [0.8, 0.1, 0.1],
                folds: None,
                repeats: None,
                shard: None,
                both: false,
            },
            preprocessing,
            operation: OperationSettings {
                calibration: CalibrationMethod::Temperature,
                ..OperationSettings::default()
            },
            augmentation: Augmentation::default(),
            optimiser: adam,
            schedule: Schedule::OneCycle { warm_up: 0.3 },
            weights: None,
        };
        match model {
            // The paper's optimiser (fastai: Adam with decoupled weight decay, betas 0.9 and 0.99,
            // decay 0.01) at a third of its peak rate, for smaller batches and fewer epochs.
            Architecture::DarkCovidNet => Self {
                optimiser: OptimiserSettings {
                    kind: OptimiserKind::AdamW,
                    learning_rate: 1e-3,
                    beta_2: 0.99,
                    epsilon: 1e-5,
                    weight_decay: 1e-2,
                    ..adam
                },
                ..base
            },
            // The notebook's head on a frozen backbone.
            Architecture::Vgg16 | Architecture::Vgg19 => Self { batch: 8, ..base },
            Architecture::ResNet18
            | Architecture::ResNet50
            | Architecture::ResNet50Keras
            | Architecture::MobileNetV2
            | Architecture::MobileNetV2Keras
            | Architecture::EfficientNetLite0
            | Architecture::EfficientNetB0
            | Architecture::EfficientNetB0Keras
            | Architecture::DenseNet121
            | Architecture::XrvDenseNet121 => base,
            Architecture::PlantsCnn => Self { batch: 32, ..base },
        }
    }
}
