//! Whether every setting is within its range.

use super::{TrainSettings, Views};
use crate::error::TrainError;
use plainfilm_data::{SplitMethod, place_of_label};
use plainfilm_figures::{CalibrationMethod, ThresholdRule};
use plainfilm_model::networks::NetworkSettings;

/// A setting, whether it is as it must be, what that is, and what was found.
type Check = (&'static str, bool, &'static str, String);

impl TrainSettings {
    /// Checks every number against its range.
    ///
    /// # Errors
    ///
    /// The first setting that is outside its range; a film too small for the network, or a stage that
    /// it does not have.
    pub fn check(&self) -> Result<(), TrainError> {
        let checks = [
            self.loop_checks(),
            self.split_checks(),
            self.answer_checks(),
        ];
        match checks.into_iter().flatten().find(|(_, holds, ..)| !holds) {
            // The labels are not known to everybody who checks, and change no layer but the last.
            None => {
                if let Some(label) = self.positive.as_ref().filter(|_| !self.labels.is_empty()) {
                    place_of_label(label, &self.labels)?;
                }
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

    /// The loop and the film.
    fn loop_checks(&self) -> Vec<Check> {
        let rate = self.optimiser.learning_rate;
        vec![
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
        ]
    }

    /// How films are divided.
    fn split_checks(&self) -> Vec<Check> {
        vec![
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
        ]
    }

    /// Labels, and how probabilities become answers.
    fn answer_checks(&self) -> Vec<Check> {
        vec![
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
                "prevalence",
                self.has_two_answers() || self.operation.prevalence.is_none(),
                "left out with more than two labels: it is that of one finding",
                format!(
                    "{:?} for {} labels",
                    self.operation.prevalence.unwrap_or(0.0),
                    self.labels.len()
                ),
            ),
            (
                "positive",
                self.positive.is_none() || (self.has_two_answers() && !self.findings),
                "left out where each of several findings is classified separately",
                self.positive.clone().unwrap_or_default(),
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
                "left out with more than two labels: the most probable one is predicted",
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
        ]
    }

    /// Whether every question to the network is one of yes or no.
    fn has_two_answers(&self) -> bool {
        self.findings || self.labels.len() <= 2
    }

    /// Why views cannot be kept.
    pub(crate) fn no_frozen_layer(&self) -> TrainError {
        TrainError::Setting {
            setting: "views",
            expected: "fresh where the first layer is trained (hint: --freeze backbone keeps it)",
            found: self.views.to_string(),
        }
    }
}
