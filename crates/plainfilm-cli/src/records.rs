//! What outputs of several verbs say about one film; their JSON is stable.

use serde::Serialize;
use serde::ser::SerializeMap;

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
#[derive(Debug)]
pub struct Probabilities(Vec<(String, f64)>);

impl Probabilities {
    /// One for each label.
    pub fn new(labels: &[String], values: Vec<f64>) -> Self {
        Self(labels.iter().cloned().zip(values).collect())
    }

    /// The probability of a label.
    pub fn of(&self, label: &str) -> Option<f64> {
        let found = self.0.iter().find(|(name, _)| name == label);
        found.map(|(_, probability)| *probability)
    }

    /// All of them.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.0.iter().map(|(_, probability)| *probability)
    }

    /// The probability of the label at a place of the model's order.
    pub fn at(&self, index: usize) -> f64 {
        self.0[index].1
    }
}

impl Serialize for Probabilities {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (label, probability) in &self.0 {
            map.serialize_entry(label, probability)?;
        }
        map.end()
    }
}
