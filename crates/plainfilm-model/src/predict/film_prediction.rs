//! What is said of one film, by the program and by the service; its JSON is a stable output.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{FilmScore, Predictor, Scorer};
use plainfilm_audit::quality::Defect;
use plainfilm_data::Part;

/// The answer where a model leaves a film without one: the label is then none, and this the reason.
pub const NOT_SURE: &str = "not sure";

/// What became of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has a score.
    Scored,
    /// It could not be read.
    SetAside,
}

/// Label and probability, in the model's label order.
#[derive(Debug, Clone, PartialEq)]
pub struct Probabilities(Vec<(String, f64)>);

impl Probabilities {
    /// One for each label.
    #[must_use]
    pub fn new(labels: &[String], values: Vec<f64>) -> Self {
        Self(labels.iter().cloned().zip(values).collect())
    }

    /// The probability of a label.
    #[must_use]
    pub fn of(&self, label: &str) -> Option<f64> {
        let found = self.0.iter().find(|(name, _)| name == label);
        found.map(|(_, probability)| *probability)
    }

    /// All of them.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|(_, probability)| *probability)
    }

    /// The probability of the label at a place of the model's order.
    #[must_use]
    pub fn at(&self, index: usize) -> f64 {
        self.0[index].1
    }
}

impl Serialize for Probabilities {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (label, probability) in &self.0 {
            map.serialize_entry(label, probability)?;
        }
        map.end()
    }
}

/// What a model says of a film, or why it says nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FilmPrediction {
    /// How the film was named.
    pub path: String,
    /// Whether it has a score.
    pub status: Status,
    /// The label; none where the model is not sure and where there is no score.
    pub label: Option<String>,
    /// One a label, calibrated where the model is.
    pub probabilities: Option<Probabilities>,
    /// The one threshold of the model; none where every finding has its own.
    pub threshold: Option<f64>,
    /// Why there is no label.
    pub reason: Option<String>,
    /// What makes the film other than the frontal chest films that networks are trained on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<Defect>,
    /// Why no label means anything for the film; the label is none then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unlike: Vec<String>,
    /// How far the film is from the training films: beyond 1 it is unlike them. None of a model file that does not
    /// say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distance: Option<f64>,
    /// The model was fitted on this film: how it does on new ones is not seen here.
    #[serde(skip_serializing_if = "is_false")]
    pub seen_in_training: bool,
    /// The model's epoch and operation were chosen by this film, among others.
    #[serde(skip_serializing_if = "is_false")]
    pub seen_in_validation: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl FilmPrediction {
    /// Of a film that has no score, and why.
    #[must_use]
    pub fn set_aside(path: String, reason: String) -> Self {
        Self {
            path,
            status: Status::SetAside,
            label: None,
            probabilities: None,
            threshold: None,
            reason: Some(reason),
            doubts: Vec::new(),
            unlike: Vec::new(),
            distance: None,
            seen_in_training: false,
            seen_in_validation: false,
        }
    }

    /// Of a scored film. `seen` is the part of the model's own training that it was in.
    #[must_use]
    pub fn of(predictor: &Predictor, path: String, score: FilmScore, seen: Option<Part>) -> Self {
        let usage = predictor.usage();
        let unlike = score.unlike();
        let values = score.probabilities;
        let is_not_sure = !unlike.is_empty() || usage.is_not_sure(&values);
        Self {
            path,
            status: Status::Scored,
            label: (!is_not_sure).then(|| usage.answer(&values)),
            probabilities: Some(Probabilities::new(predictor.labels(), values)),
            threshold: usage.findings.is_empty().then_some(usage.threshold.value),
            reason: is_not_sure.then(|| NOT_SURE.to_owned()),
            doubts: score.doubts.iter().map(|found| found.defect).collect(),
            unlike,
            distance: score.likeness.map(|(_, likeness)| likeness.distance),
            seen_in_training: seen == Some(Part::Train),
            seen_in_validation: seen == Some(Part::Validation),
        }
    }

    /// The part of the model's own training that the film was in.
    #[must_use]
    pub fn seen(&self) -> Option<Part> {
        match (self.seen_in_training, self.seen_in_validation) {
            (true, _) => Some(Part::Train),
            (_, true) => Some(Part::Validation),
            _ => None,
        }
    }
}
