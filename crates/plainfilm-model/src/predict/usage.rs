//! What is known of a model beside its network, and how its outputs become answers.

use super::Link;
use crate::bundle::{FittedFilms, ModelHeader, Threshold};
use crate::likeness::Likeness;
use plainfilm_audit::AuditSummary;
use plainfilm_data::SEPARATOR;
use plainfilm_figures::{CalibrationMethod, Operation, decide, most_probable, positive_label};
use plainfilm_film::radiograph::Preprocessing;

/// Findings whose thresholds a line names.
const MOST_THRESHOLDS: usize = 10;

/// The answer where no finding is called.
pub const NO_FINDING: &str = "No finding";

/// What prediction needs to know of a model, whoever made it: all but the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// What kind of network it is, in a word or two.
    pub kind: String,
    /// Labels in the order of the probabilities.
    pub labels: Vec<String>,
    /// What a film goes through before it is scored.
    pub preprocessing: Preprocessing,
    /// Index of the label that the threshold is about.
    pub positive: usize,
    /// The operating point for that label.
    pub threshold: Threshold,
    /// What logits are divided by before softmax; 1 leaves them as they are.
    pub calibration_temperature: f64,
    /// See [`ModelHeader::operation`].
    pub operation: Option<Operation>,
    /// See [`ModelHeader::findings`].
    pub findings: Vec<Operation>,
    /// Digests of the films that it was fitted on; none where nobody kept them.
    pub fitted_on: Option<FittedFilms>,
    /// How films differ from those; none where nobody kept that.
    pub likeness: Option<Likeness>,
    /// What the audit of those said; none where there was none.
    pub audit: Option<AuditSummary>,
}

impl From<&ModelHeader> for Usage {
    fn from(header: &ModelHeader) -> Self {
        Self {
            kind: header.network.architecture.to_string(),
            labels: header.labels.clone(),
            preprocessing: header.preprocessing.clone(),
            positive: positive_of(header),
            threshold: header.threshold.clone(),
            calibration_temperature: header.calibration_temperature,
            operation: header.operation.clone(),
            findings: header.findings.clone(),
            fitted_on: header.fitted_on.clone(),
            likeness: header.likeness.clone(),
            audit: header.audit.clone(),
        }
    }
}

/// Index of the label that a model's threshold is about.
pub fn positive_of(header: &ModelHeader) -> usize {
    positive_named(&header.labels, header.positive_label.as_deref())
}

/// Index of a label of this name; where none is named, of the one that sounds like a finding.
#[must_use]
pub fn positive_named(labels: &[String], name: Option<&str>) -> usize {
    name.and_then(|name| labels.iter().position(|label| label == name))
        .unwrap_or_else(|| positive_label(labels))
}

impl Usage {
    /// Whether the answer for these probabilities is "not sure".
    #[must_use]
    pub fn is_not_sure(&self, probabilities: &[f64]) -> bool {
        let operation = self.operation.as_ref();
        operation
            .and_then(|operation| operation.not_sure)
            .is_some_and(|band| band.holds(self.positive, probabilities))
    }

    /// One line on what was done to the probabilities and how labels were chosen.
    #[must_use]
    pub fn operation_text(&self) -> String {
        if !self.findings.is_empty() {
            return self.findings_text();
        }
        let calibration = match &self.operation {
            Some(operation) if operation.calibration.method != CalibrationMethod::None => {
                format!("calibrated ({})", operation.calibration.chosen)
            }
            Some(operation) => format!("not calibrated: {}", operation.calibration.chosen),
            None if self.calibration_temperature != 1.0 => {
                format!("calibrated (temperature {})", self.calibration_temperature)
            }
            None => "not calibrated".to_owned(),
        };
        let label = &self.labels[self.positive];
        let threshold = match self.labels.len() {
            2 => format!(
                "“{label}” from {:.3} on ({})",
                self.threshold.value, self.threshold.chosen
            ),
            _ => "the most probable label is predicted".to_owned(),
        };
        let band = match self.operation.as_ref().and_then(|o| o.not_sure) {
            Some(band) if self.labels.len() == 2 => {
                format!("; not sure from {:.3} to {:.3}", band.low, band.high)
            }
            Some(band) => format!("; not sure below {:.3}", band.high),
            None => String::new(),
        };
        format!("probabilities {calibration}; {threshold}{band}")
    }

    fn findings_text(&self) -> String {
        let calibrated =
            |operation: &&Operation| operation.calibration.method != CalibrationMethod::None;
        let mut thresholds: Vec<String> = self
            .labels
            .iter()
            .zip(&self.findings)
            .map(|(label, operation)| format!("{label} from {:.3} on", operation.threshold))
            .collect();
        if thresholds.len() > MOST_THRESHOLDS {
            let more = thresholds.len() - MOST_THRESHOLDS;
            thresholds.truncate(MOST_THRESHOLDS);
            thresholds.push(format!("and {more} more"));
        }
        format!(
            "any number of findings a film, each for itself; probabilities of {} of {} findings calibrated; {}",
            self.findings.iter().filter(calibrated).count(),
            self.labels.len(),
            thresholds.join(", ")
        )
    }

    /// Probabilities of a film's logits, calibrated.
    #[must_use]
    pub fn calibrated(&self, logits: &[f32]) -> Vec<f64> {
        if !self.findings.is_empty() {
            let each = Link::Sigmoid.probabilities(logits);
            return each
                .into_iter()
                .zip(&self.findings)
                .map(|(p, operation)| operation.calibration.apply(0, &[p, 1.0 - p])[0])
                .collect();
        }
        let probabilities = Link::Softmax(self.calibration_temperature).probabilities(logits);
        match &self.operation {
            // A temperature is in the logits already.
            Some(operation) if operation.calibration.method == CalibrationMethod::Platt => {
                operation.calibration.apply(self.positive, &probabilities)
            }
            _ => probabilities,
        }
    }

    /// Index of the label that the threshold gives these probabilities; of findings the most probable one, called or
    /// not.
    #[must_use]
    pub fn label(&self, probabilities: &[f64]) -> usize {
        match self.findings.is_empty() {
            true => decide(probabilities, self.positive, self.threshold.value),
            false => most_probable(probabilities),
        }
    }

    /// What a film is called: its label, or its findings with [`SEPARATOR`] between them, or that there is none.
    #[must_use]
    pub fn answer(&self, probabilities: &[f64]) -> String {
        if self.findings.is_empty() {
            return self.labels[self.label(probabilities)].clone();
        }
        let called: Vec<&str> = self
            .labels
            .iter()
            .zip(self.called(probabilities))
            .filter_map(|(label, called)| called.then_some(label.as_str()))
            .collect();
        match called.as_slice() {
            [] => NO_FINDING.to_owned(),
            called => called.join(&SEPARATOR.to_string()),
        }
    }

    /// Which findings are called, by the threshold of each; none of a model whose films have one label.
    #[must_use]
    pub fn called(&self, probabilities: &[f64]) -> Vec<bool> {
        let findings = self.findings.iter().zip(probabilities);
        findings
            .map(|(operation, &p)| p >= operation.threshold)
            .collect()
    }
}
