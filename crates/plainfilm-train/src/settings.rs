//! Everything that decides what a training does, resolved and repeatable.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::augment::Augmentation;
use super::error::TrainError;
use super::folds::Shard;
use super::precision_name;
use super::schedule::Schedule;
use plainfilm_data::{ColumnNames, SplitMethod, Uncertain};
use plainfilm_figures::{CalibrationMethod, OperationSettings, ThresholdRule};
use plainfilm_film::radiograph::Preprocessing;
use plainfilm_model::device::Precision;
use plainfilm_model::networks::{Architecture, Freeze, Head, NetworkSettings};
use plainfilm_model::weights::StartingWeights;

/// The resolved settings of one training: with the data they are enough to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSettings {
    /// Folder, manifest or archive of films.
    pub data: PathBuf,
    /// Labels in the order of the network's outputs.
    pub labels: Vec<String>,
    /// Whether a film may have any number of them, each for itself; the data set says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub findings: bool,
    /// Regular expression with one group that finds the patient in a file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient_pattern: Option<String>,
    /// Which columns of a table tell path, label and so on, where they have other names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<ColumnNames>,
    /// What a finding counts as that a table calls uncertain.
    #[serde(default, skip_serializing_if = "Uncertain::is_default")]
    pub uncertain: Uncertain,
    /// The network.
    pub model: Architecture,
    /// Which layers keep their weights. Read from `freeze_backbone` too, its name in runs from before
    /// stages could be named.
    #[serde(alias = "freeze_backbone")]
    pub freeze: Freeze,
    /// What turns the backbone's maps into logits.
    #[serde(default)]
    pub head: Head,
    /// Passes over the training films.
    pub epochs: usize,
    /// Films a step.
    pub batch: usize,
    /// Seed of every random draw.
    pub seed: u64,
    /// Where tensors live, such as `cpu` or `vulkan:0`.
    pub device: String,
    /// Threads; the model's bytes are promised for the same number.
    pub threads: usize,
    /// In which precision convolutions compute, frozen ones and, forward and for their gradients, those that
    /// learn; weights, their steps and everything else are in 32 bits.
    #[serde(default, with = "precision_name")]
    pub precision: Precision,
    /// Smoothing of the target, `0..1`.
    pub label_smoothing: f32,
    /// What is done about labels of unequal size.
    pub balance: Balance,
    /// Decay of the exponential moving average of the weights, which is then what is validated and kept;
    /// none keeps the weights themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// Stop after this many epochs without a better validation loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<usize>,
    /// Whether the data are audited first; a run without says so everywhere.
    #[serde(default = "yes")]
    pub audit: bool,
    /// Whose weights are kept.
    #[serde(default)]
    pub selection: Selection,
    /// How often the frozen layers look at a training film.
    #[serde(default)]
    pub views: Views,
    /// Shares of the training patients that are trained on too, for a learning curve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learning_curve: Vec<f64>,
    /// The recipe that the settings began with, if any: for people, nothing reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// How films are divided; the result is in `split.csv`.
    pub split: SplitSettings,
    /// How films become tensors, in training and in prediction alike.
    pub preprocessing: Preprocessing,
    /// What is chosen on the validation films: calibration, operating point. Runs from before it was
    /// choose nothing.
    #[serde(default)]
    pub operation: OperationSettings,
    /// Random changes to training films.
    pub augmentation: Augmentation,
    /// The rule that turns gradients into steps.
    pub optimiser: OptimiserSettings,
    /// The learning rate over time.
    pub schedule: Schedule,
    /// Weights of another library that training starts from; without, all start at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<StartingWeights>,
}

fn yes() -> bool {
    true
}

/// The epoch whose weights are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The one with the least validation loss; the last where there is no validation part.
    #[default]
    Best,
    /// The last one.
    Last,
    /// As [`Self::Best`]; the test films are scored with the last one's too, to see what that choice
    /// is worth.
    BestAndLast,
}

/// How often the frozen layers look at a training film. In files `"fresh"` or a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Views {
    /// In every epoch, augmented anew.
    #[default]
    Fresh,
    /// As often as this in the whole training: once as it is, else augmented. Epochs take turns with
    /// the views. Only where the first layers are frozen.
    Kept(usize),
}

impl Views {
    /// Where nothing is said and the backbone is frozen.
    pub const DEFAULT_KEPT: Self = Self::Kept(8);
    const MOST: usize = 256;
}

impl fmt::Display for Views {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh => formatter.pad("fresh"),
            Self::Kept(count) => count.fmt(formatter),
        }
    }
}

impl FromStr for Views {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("fresh", _) => Ok(Self::Fresh),
            (_, Ok(count)) => Ok(Self::Kept(count)),
            _ => Err(format!("expected a number or \"fresh\", found {text:?}")),
        }
    }
}

impl Serialize for Views {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fresh => serializer.serialize_str("fresh"),
            Self::Kept(count) => serializer.serialize_u64(*count as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Views {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected `\"fresh\"` or a number of views")]
        enum Written {
            Count(usize),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Count(count) => Ok(Self::Kept(count)),
            Written::Word(word) => word.parse().map_err(serde::de::Error::custom),
        }
    }
}

/// How films are divided into parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSettings {
    /// By patient, at random, or as a file says.
    pub method: SplitMethod,
    /// Shares of train, validation and test.
    pub fractions: [f64; 3],
    /// Cross-validation with this many folds instead of one split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// How often films are dealt to folds anew; once if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<usize>,
    /// The folds that this run trains; all of them if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Cross-validates a second time without regard to patients, to show what that flatters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub both: bool,
}

/// What is done about labels of unequal size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// Nothing.
    None,
    /// A film counts in the loss by `films / (labels * films of its label)`, as scikit-learn's
    /// `class_weight="balanced"`.
    ClassWeights,
    /// An epoch draws as many films as there are, with replacement, each label equally often.
    Sampling,
    /// As [`Self::Sampling`], and each source (hospital, archive) of a label equally often, so that
    /// a large one does not stand for its label.
    Sources,
}

/// Which optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimiserKind {
    /// Adam (Kingma & Ba 2015); weight decay is added to the gradient.
    Adam,
    /// AdamW (Loshchilov & Hutter 2019); weight decay is decoupled.
    AdamW,
}

/// An optimiser and its constants. They are computed with in 32 bits and kept in 64, so that a settings
/// file says 0.9 and not 0.89999998.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimiserSettings {
    /// Which one.
    pub kind: OptimiserKind,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay.
    pub weight_decay: f64,
}

impl Balance {
    /// One weight per label for the loss, given the label of every training film.
    #[must_use]
    pub fn class_weights(self, labels: usize, train: &[usize]) -> Vec<f32> {
        if self != Self::ClassWeights {
            return vec![1.0; labels];
        }
        (0..labels)
            .map(|label| {
                let films = train.iter().filter(|&&l| l == label).count().max(1);
                train.len() as f32 / (labels * films) as f32
            })
            .collect()
    }
}

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
    /// Whether every question to the network is one of yes or no.
    fn has_two_answers(&self) -> bool {
        self.findings || self.labels.len() <= 2
    }

    /// Settings that suit a network on a small set of films. Labels are empty: the data set knows
    /// them.
    #[must_use]
    pub fn defaults(given: TrainDefaults) -> Self {
        let model = given.model;
        let preprocessing = Preprocessing {
            size: model.default_size(),
            channels: model.default_channels(),
            scaling: model.default_scaling(),
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

    /// The network that these settings ask for.
    #[must_use]
    pub fn network(&self) -> NetworkSettings {
        NetworkSettings {
            architecture: self.model,
            classes: self.labels.len(),
            size: self.preprocessing.size,
            channels: self.preprocessing.channels,
            freeze: self.freeze.clone(),
            head: self.head,
        }
    }

    /// Checks every number against its range.
    ///
    /// # Errors
    ///
    /// The first setting that is outside its range; a film too small for the network, or a stage that
    /// it does not have.
    pub fn check(&self) -> Result<(), TrainError> {
        let rate = self.optimiser.learning_rate;
        let checks = [
            (
                "epochs",
                self.epochs >= 1,
                "at least 1",
                self.epochs.to_string(),
            ),
            (
                "batch",
                self.batch >= 1,
                "at least 1",
                self.batch.to_string(),
            ),
            (
                "threads",
                self.threads >= 1,
                "at least 1",
                self.threads.to_string(),
            ),
            (
                "learning-rate",
                rate > 0.0 && rate.is_finite(),
                "a positive number",
                rate.to_string(),
            ),
            (
                "label-smoothing",
                (0.0..1.0).contains(&self.label_smoothing),
                "at least 0 and below 1",
                self.label_smoothing.to_string(),
            ),
            (
                "ema",
                self.ema.is_none_or(|decay| decay > 0.0 && decay < 1.0),
                "above 0 and below 1",
                format!("{:?}", self.ema.unwrap_or(0.0)),
            ),
            (
                "size",
                (16..=2048).contains(&self.preprocessing.size),
                "16 to 2048 pixels",
                self.preprocessing.size.to_string(),
            ),
            (
                "views",
                match self.views {
                    Views::Fresh => true,
                    Views::Kept(count) => (1..=Views::MOST).contains(&count),
                },
                "fresh, or 1 to 256",
                self.views.to_string(),
            ),
            (
                "folds",
                self.split.folds.is_none_or(|folds| folds >= 2),
                "at least 2",
                format!("{:?}", self.split.folds.unwrap_or(0)),
            ),
            (
                "repeats",
                match (self.split.repeats, self.split.folds) {
                    (None, _) => true,
                    (Some(repeats), Some(_)) => (1..=1000).contains(&repeats),
                    (Some(_), None) => false,
                },
                "1 to 1000, with folds",
                format!("{:?}", self.split.repeats.unwrap_or(0)),
            ),
            (
                "shard",
                self.split.shard.is_none() || self.split.folds.is_some(),
                "left out without folds",
                self.split
                    .shard
                    .map_or(String::new(), |shard| shard.to_string()),
            ),
            (
                "both-splits",
                !self.split.both
                    || (self.split.folds.is_some() && self.split.method == SplitMethod::Grouped),
                "used with folds grouped by patient",
                format!("{} split", self.split.method),
            ),
            (
                "learning-curve",
                self.learning_curve
                    .iter()
                    .all(|share| *share > 0.0 && *share < 1.0)
                    && (self.learning_curve.is_empty() || self.split.folds.is_none()),
                "shares above 0 and below 1, without folds",
                format!("{:?}", self.learning_curve),
            ),
            (
                "prevalence",
                self.operation
                    .prevalence
                    .is_none_or(|share| share > 0.0 && share < 1.0),
                "above 0 and below 1",
                format!("{:?}", self.operation.prevalence.unwrap_or(0.0)),
            ),
            (
                "labels",
                !(self.findings && self.labels.len() == 1),
                "at least two findings; one alone is a data set of two labels, with it and without",
                self.labels.join(", "),
            ),
            (
                "not-sure",
                (0.0..1.0).contains(&self.operation.not_sure),
                "at least 0 and below 1",
                self.operation.not_sure.to_string(),
            ),
            (
                "threshold",
                self.has_two_answers() || self.operation.threshold == ThresholdRule::default(),
                "left out with more than two labels: the most probable one is the answer",
                self.operation.threshold.to_string(),
            ),
            (
                "calibration",
                self.has_two_answers() || self.operation.calibration != CalibrationMethod::Platt,
                "none or temperature with more than two labels",
                self.operation.calibration.to_string(),
            ),
            (
                "scaling",
                !self.preprocessing.scaling.is_per_channel() || self.preprocessing.channels == 3,
                "one that suits the channels: imagenet and caffe need 3",
                format!("{} channels", self.preprocessing.channels),
            ),
        ];
        match checks.into_iter().find(|(_, holds, ..)| !holds) {
            // The labels are not known to everybody who checks, and change no layer but the last.
            None => {
                self.preprocessing.check()?;
                self.augmentation.check()?;
                let network = NetworkSettings {
                    classes: self.labels.len().max(2),
                    ..self.network()
                };
                let frozen = network.frozen_layers()?;
                match self.views {
                    Views::Kept(_) if frozen == 0 => Err(self.no_frozen_layer()),
                    _ => Ok(()),
                }
            }
            Some((setting, _, expected, found)) => Err(TrainError::Setting {
                setting,
                expected,
                found,
            }),
        }
    }
}
