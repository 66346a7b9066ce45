//! Everything that decides what a training does, resolved and repeatable.

mod check;
mod defaults;
mod precision_name;
mod views;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use defaults::TrainDefaults;
pub use views::Views;

use crate::augment::Augmentation;
use crate::optimiser::OptimiserSettings;
use crate::schedule::Schedule;
use crate::shard::Shard;
use plainfilm_data::{ColumnNames, SplitMethod, Uncertain};
use plainfilm_figures::{OperationSettings, positive_label};
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
    /// The label that figures of two labels are about; none: the one that is not denied by its name
    /// ([`plainfilm_figures::PositiveLabel::of`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
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
    /// Whether sources are left out in turn, to see what the training reaches elsewhere; none: where features are
    /// kept, so that it costs little.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<bool>,
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

impl TrainSettings {
    /// The place of the label that figures of two labels are about.
    #[must_use]
    pub fn positive_of(&self, labels: &[String]) -> usize {
        let named = self.positive.as_ref();
        named
            .and_then(|name| labels.iter().position(|label| label == name))
            .unwrap_or_else(|| positive_label(labels))
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
}
