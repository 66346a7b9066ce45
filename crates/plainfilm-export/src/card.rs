//! What a file of another format says of its model: as much of a model file's header as such formats can hold.

use plainfilm_model::bundle::ModelHeader;

use crate::graph::InputKind;

/// What a file says of its model.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// What people call it: its network and its labels.
    pub name: String,
    /// What it is for, what it was fitted on, and that it is not a medical device.
    pub description: String,
    /// The plainfilm that trained it.
    pub version: String,
    /// Who made it, where that is said.
    pub author: Option<String>,
    /// The licence of its weights.
    pub licence: String,
    /// Labels, in the order of the probabilities.
    pub labels: Vec<String>,
    /// The label that counts as a finding, where one does.
    pub positive_label: Option<String>,
    /// From which probability on a label is the answer: one number, of the positive label, or one for each label
    /// where a film may have any number of them.
    pub thresholds: Vec<f64>,
    /// How a film becomes the network's input.
    pub preprocessing: String,
    /// What the numbers of the input are.
    pub input: InputKind,
    /// What the audit of the films said, where there was one.
    pub audit: Option<String>,
    /// [`plainfilm_film::NOT_A_MEDICAL_DEVICE`].
    pub not_a_medical_device: String,
}

impl Card {
    /// Of a model file.
    #[must_use]
    pub fn of(header: &ModelHeader) -> Self {
        let title = header.network.architecture.title();
        let origin = match header.dataset.synthetic {
            true => "drawn films",
            false => "films",
        };
        let thresholds = match header.findings.is_empty() {
            true => vec![header.threshold.value],
            false => header
                .findings
                .iter()
                .map(|finding| finding.threshold)
                .collect(),
        };
        Self {
            name: format!("{title}: {}", header.labels.join(", ")),
            description: format!(
                "{} Fitted on {origin} of `{}`. {}",
                sentence(&header.intended_use),
                header.dataset.name,
                header.not_a_medical_device
            ),
            version: format!("plainfilm {}", header.plainfilm_version),
            author: None,
            licence: header.licence.clone(),
            labels: header.labels.clone(),
            positive_label: header.positive_label.clone(),
            thresholds,
            preprocessing: header.preprocessing.to_string(),
            input: InputKind::of(&header.preprocessing),
            audit: header.audit.as_ref().map(|audit| audit.sentence.clone()),
            not_a_medical_device: header.not_a_medical_device.clone(),
        }
    }

    /// What the numbers of the input are, in one sentence.
    #[must_use]
    pub fn input_in_words(&self) -> String {
        let numbers = match self.input {
            InputKind::Unit => "grey levels from 0 (black) to 1 (white), the same in every channel",
            InputKind::Scaled => "grey levels scaled as that says",
        };
        format!("A chest film ({}): {numbers}.", self.preprocessing)
    }

    /// All of it as names and values, for formats that have room for such: lists are JSON.
    #[must_use]
    pub fn entries(&self) -> Vec<(String, String)> {
        let list = |values: serde_json::Value| values.to_string();
        let audit = self.audit.as_deref();
        let mut entries = vec![
            ("description", self.description.clone()),
            ("version", self.version.clone()),
            ("licence", self.licence.clone()),
            ("labels", list(self.labels.as_slice().into())),
            ("thresholds", list(self.thresholds.as_slice().into())),
            ("preprocessing", self.preprocessing.clone()),
            ("input", self.input_in_words()),
            ("audit", audit.unwrap_or("not said").to_owned()),
            ("not_a_medical_device", self.not_a_medical_device.clone()),
        ];
        let finding = self.positive_label.iter().cloned();
        entries.extend(finding.map(|label| ("positive_label", label)));
        let prefixed = |(key, value)| (format!("plainfilm.{key}"), value);
        entries.into_iter().map(prefixed).collect()
    }

    /// All of it as a page of text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![
            self.name.clone(),
            String::new(),
            self.description.clone(),
            String::new(),
            format!("Version: {}", self.version),
        ];
        lines.extend(self.author.iter().map(|author| format!("Author: {author}")));
        lines.push(format!("Licence: {}", self.licence));
        lines.push(format!("Input: {}", self.input_in_words()));
        lines.push(format!("Labels: {}", self.labels.join(", ")));
        match (&self.positive_label, self.thresholds.as_slice()) {
            (Some(label), [threshold]) => {
                lines.push(format!(
                    "Finding: {label}, from a probability of {threshold} on"
                ));
            }
            (_, thresholds) if thresholds.len() == self.labels.len() => {
                let each = self.labels.iter().zip(thresholds);
                lines.extend(each.map(|(label, threshold)| {
                    format!("Finding: {label}, from a probability of {threshold} on")
                }));
            }
            _ => {}
        }
        let audit = self.audit.as_deref();
        lines.push(format!(
            "Audit: {}",
            audit.unwrap_or("the model file says nothing of one.")
        ));
        lines.join("\n") + "\n"
    }
}

/// With a full stop at its end.
fn sentence(words: &str) -> String {
    match words.trim_end().trim_end_matches('.') {
        "" => String::new(),
        words => format!("{words}."),
    }
}

#[cfg(test)]
mod tests {
    use plainfilm_film::radiograph::Scaling;
    use plainfilm_model::networks::{Architecture, NetworkSettings};

    use super::*;
    use crate::samples::sample_model;

    #[test]
    fn a_card_says_what_the_header_says() {
        let settings = NetworkSettings::published(Architecture::PlantsCnn, 2);
        let card = Card::of(&sample_model(settings, Scaling::Unit).header);
        let text = card.text();
        for expected in [
            "label 0, label 1\n",
            "tests of exports. Fitted on drawn films of `none`. ",
            plainfilm_film::NOT_A_MEDICAL_DEVICE,
            "Finding: label 0, from a probability of 0.4 on\n",
            "grey levels from 0 (black) to 1 (white)",
            "Audit: the model file says nothing of one.\n",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}
