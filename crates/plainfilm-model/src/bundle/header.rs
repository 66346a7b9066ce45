//! What a model file says about itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{BundleError, FittedFilms, WeightsRecord};
use crate::likeness::Likeness;
use crate::networks::NetworkSettings;
use plainfilm_audit::AuditSummary;
use plainfilm_figures::Operation;
use plainfilm_film::radiograph::Preprocessing;

/// The layout of [`ModelHeader`] that this program reads and writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The operating point: above which probability of the positive label a film is classified as positive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// A probability, 0 to 1.
    pub value: f64,
    /// How it was chosen, in words, such as `default` or `Youden's J on the validation films`.
    pub chosen: String,
}

/// The films that a network was fitted on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// The name of the folder, manifest or archive, without its path.
    pub name: String,
    /// The data set's fingerprint.
    pub fingerprint: String,
    /// How many films each label has.
    pub films_per_label: BTreeMap<String, u64>,
    /// How the films were split, in words.
    pub split: String,
    /// Whether no patient has films in more than one part.
    pub patients_grouped: bool,
    /// Whether a generator drew the films.
    pub synthetic: bool,
}

/// Truth and probability of the test films, in an order that says nothing of who they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestPredictions {
    /// Indices of the true labels.
    pub truth: Vec<u32>,
    /// Calibrated probabilities of the positive label, 0 to 1, to four decimals.
    pub probability: Vec<f64>,
}

impl TestPredictions {
    /// Of pairs of truth and probability, sorted.
    pub fn of(films: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let mut films: Vec<(u32, f64)> = films
            .into_iter()
            .map(|(truth, probability)| (truth as u32, (probability * 1e4).round() / 1e4))
            .collect();
        films.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let (truth, probability) = films.into_iter().unzip();
        Self { truth, probability }
    }
}

/// Everything about a trained network except its tensors. It holds no time and no path, so the same
/// training gives the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelHeader {
    /// [`SCHEMA_VERSION`] when it was written.
    pub schema_version: u32,
    /// The plainfilm that wrote it.
    pub plainfilm_version: String,
    /// Architecture and shapes.
    pub network: NetworkSettings,
    /// Labels in the order of the network's outputs.
    pub labels: Vec<String>,
    /// How a film becomes the network's input.
    pub preprocessing: Preprocessing,
    /// The label that counts as a finding, one of `labels`; `None` where no label does.
    pub positive_label: Option<String>,
    /// The operating point for `positive_label`.
    pub threshold: Threshold,
    /// What logits are divided by before softmax (Guo et al. 2017); 1 leaves them as they are.
    pub calibration_temperature: f64,
    /// How probabilities are corrected and become answers, as chosen on validation films. Its temperature is
    /// `calibration_temperature`, its threshold `threshold`. None in files from before it was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Where a film may have any number of the labels: each label's own operation, whose positive label is the
    /// first of two, the finding and its absence. Empty where a film has one label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Operation>,
    /// The resolved training settings.
    pub training: serde_json::Value,
    /// The seed of the training.
    pub seed: u64,
    /// The films that it was fitted on.
    pub dataset: DatasetRecord,
    /// Digests of those films, so that they are known when they come again. None in files from before they
    /// were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fitted_on: Option<FittedFilms>,
    /// How films differ from those it was trained on. None in files from before that was kept, and where too few
    /// validation films say what is far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likeness: Option<Likeness>,
    /// What it said of its test films, so that thresholds can be tried without them. None in files from before that
    /// was kept, and where a film may have any number of the labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_predictions: Option<TestPredictions>,
    /// What the audit of the films said; `verdict` is `not_checked` where it was switched off. None in
    /// files from before there were audits: the field is optional, so the schema stays the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditSummary>,
    /// The weights that training started from; None where it started at random, as all did before
    /// there were importers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsRecord>,
    /// The figures that were measured, by part of the split.
    pub metrics: serde_json::Value,
    /// The licence of the weights.
    pub licence: String,
    /// What the network is for, and what not.
    pub intended_use: String,
    /// [`plainfilm_film::NOT_A_MEDICAL_DEVICE`].
    pub not_a_medical_device: String,
}

impl ModelHeader {
    /// Checks what the types cannot: that the parts agree with one another.
    pub(super) fn check(&self, name: &str) -> Result<(), BundleError> {
        let refuse = |field: &'static str, expected: String, found: String| {
            Err(BundleError::Field {
                name: name.to_owned(),
                field,
                expected,
                found,
            })
        };
        if self.schema_version != SCHEMA_VERSION {
            return Err(BundleError::SchemaVersion {
                name: name.to_owned(),
                found: u64::from(self.schema_version),
                expected: SCHEMA_VERSION,
            });
        }
        if self.labels.len() != self.network.classes {
            return refuse(
                "labels",
                format!("{} labels, one per output", self.network.classes),
                format!("{}", self.labels.len()),
            );
        }
        for (index, label) in self.labels.iter().enumerate() {
            if label.is_empty() || self.labels[..index].contains(label) {
                return refuse(
                    "labels",
                    "names that are neither empty nor repeated".to_owned(),
                    format!("`{label}`"),
                );
            }
        }
        if let Err(error) = self.preprocessing.check() {
            return refuse("preprocessing", error.expected, error.found.to_string());
        }
        let fits = (self.network.channels, self.network.size);
        let film = (self.preprocessing.channels, self.preprocessing.size);
        if fits != film {
            let text = |(channels, size)| format!("{channels} channels of {size} x {size}");
            return refuse("preprocessing", text(fits), text(film));
        }
        if let Some(label) = &self.positive_label
            && !self.labels.contains(label)
        {
            return refuse(
                "positive_label",
                format!("one of {}", self.labels.join(", ")),
                format!("`{label}`"),
            );
        }
        if !(0.0..=1.0).contains(&self.threshold.value) {
            return refuse(
                "threshold",
                "a probability".to_owned(),
                self.threshold.value.to_string(),
            );
        }
        if !(self.calibration_temperature.is_finite() && self.calibration_temperature > 0.0) {
            return refuse(
                "calibration_temperature",
                "a number above 0".to_owned(),
                self.calibration_temperature.to_string(),
            );
        }
        if !self.findings.is_empty() && self.findings.len() != self.labels.len() {
            return refuse(
                "findings",
                format!("one operation for each of {} labels", self.labels.len()),
                self.findings.len().to_string(),
            );
        }
        for operation in self.operation.iter().chain(&self.findings) {
            let calibration = &operation.calibration;
            let (slope, intercept) = (calibration.slope, calibration.intercept);
            if !(slope.is_finite() && slope > 0.0 && intercept.is_finite()) {
                return refuse(
                    "operation",
                    "a slope above 0 and a finite intercept".to_owned(),
                    format!("{slope} and {intercept}"),
                );
            }
            if !(0.0..=1.0).contains(&operation.threshold) {
                return refuse(
                    "operation",
                    "a threshold that is a probability".to_owned(),
                    operation.threshold.to_string(),
                );
            }
        }
        if let Some(operation) = &self.operation {
            let calibration = &operation.calibration;
            let agreed = [self.calibration_temperature, self.threshold.value];
            let own = [calibration.temperature(), operation.threshold];
            // A quotient may lose its last digit in the text.
            if (0..2).any(|i| (agreed[i] - own[i]).abs() > 1e-9 * agreed[i]) {
                return refuse(
                    "operation",
                    format!("temperature {} and threshold {}", agreed[0], agreed[1]),
                    format!("{} and {}", own[0], own[1]),
                );
            }
        }
        if let Some(test) = &self.test_predictions {
            let labels = self.labels.len() as u32;
            let is_sound = test.truth.len() == test.probability.len()
                && test.truth.iter().all(|truth| *truth < labels)
                && test.probability.iter().all(|p| (0.0..=1.0).contains(p));
            if !is_sound {
                let found = format!("{} and {}", test.truth.len(), test.probability.len());
                let expected = "as many labels as probabilities".to_owned();
                return refuse("test_predictions", expected, found);
            }
        }
        if let Some(likeness) = &self.likeness {
            // Settings that are no network are refused where the tensors are compared.
            let channels = self
                .network
                .plan()
                .ok()
                .and_then(|plan| plan.feature_channels());
            if let Some(channels) = channels
                && let Err(found) = likeness.check(channels)
            {
                let expected = "what fits the network".to_owned();
                return refuse("likeness", expected, found);
            }
        }
        if self.not_a_medical_device != plainfilm_film::NOT_A_MEDICAL_DEVICE {
            return refuse(
                "not_a_medical_device",
                format!("`{}`", plainfilm_film::NOT_A_MEDICAL_DEVICE),
                format!("`{}`", self.not_a_medical_device),
            );
        }
        Ok(())
    }
}

/// Parses and checks a header; the schema version first, since it decides about all other fields.
pub(super) fn read_header(text: &str, name: &str) -> Result<ModelHeader, BundleError> {
    let wrong = |reason: String| BundleError::Header {
        name: name.to_owned(),
        reason,
    };
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let found = value
        .get("schema_version")
        .and_then(serde_json::Value::as_u64)
        .ok_or_else(|| wrong("expected a whole number `schema_version`".to_owned()))?;
    if found != u64::from(SCHEMA_VERSION) {
        return Err(BundleError::SchemaVersion {
            name: name.to_owned(),
            found,
            expected: SCHEMA_VERSION,
        });
    }
    let written = value.get("preprocessing").cloned();
    let header: ModelHeader =
        serde_json::from_value(value).map_err(|error| wrong(error.to_string()))?;
    // A settings file may leave preprocessing out, for its defaults; a model file may not, since
    // defaults change and its network does not.
    let complete =
        serde_json::to_value(&header.preprocessing).map_err(|error| wrong(error.to_string()))?;
    if written.as_ref() != Some(&complete) {
        return Err(wrong(format!(
            "`preprocessing` has to be written out in full, such as {complete}"
        )));
    }
    header.check(name)?;
    Ok(header)
}
