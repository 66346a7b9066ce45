//! Scoring films with a trained network: the one path that training, evaluation and prediction use.

mod data_set;
mod film_prediction;
mod link;
mod own_films;
mod scorer;
#[cfg(test)]
mod test_films;

use burn::tensor::{Device, Tensor, TensorData};

pub use data_set::{DatasetLikeness, ScoredDataset, score_dataset, score_findings};
pub use film_prediction::{FilmPrediction, NOT_SURE, Probabilities, Status};
pub use link::Link;
pub use own_films::{OwnFilm, OwnFilms, OwnFilmsIn};
pub use scorer::{
    Examined, FilmScore, PlaneScore, Preparation, PreparedFilm, ScoreError, Scorer,
    examined_scores, score, score_and_examine,
};

use crate::bundle::{BundleError, ModelFile, ModelHeader};
use crate::likeness::Likeness;
use crate::networks::Network;
use plainfilm_data::SEPARATOR;
use plainfilm_figures::{CalibrationMethod, Operation, decide, most_probable, positive_label};
use plainfilm_film::radiograph::{Plane, Preprocessing};

/// Findings whose thresholds a line names.
const MOST_THRESHOLDS: usize = 10;

/// A trained network, ready to score films.
#[derive(Debug)]
pub struct Predictor {
    network: Network,
    header: ModelHeader,
    device: Device,
}

impl Predictor {
    /// Puts the network of a model file on a device.
    ///
    /// # Errors
    ///
    /// When the file's tensors are not those of its architecture.
    pub fn new(file: &ModelFile, device: &Device) -> Result<Self, BundleError> {
        Ok(Self {
            network: file.network(device)?,
            header: file.header.clone(),
            device: device.clone(),
        })
    }

    /// What the model file says about itself.
    #[must_use]
    pub fn header(&self) -> &ModelHeader {
        &self.header
    }

    /// Index of the label that the threshold is about.
    #[must_use]
    pub fn positive(&self) -> usize {
        positive_of(&self.header)
    }

    /// Whether the answer for these probabilities is "not sure".
    #[must_use]
    pub fn is_not_sure(&self, probabilities: &[f64]) -> bool {
        let operation = self.header.operation.as_ref();
        operation
            .and_then(|operation| operation.not_sure)
            .is_some_and(|band| band.holds(self.positive(), probabilities))
    }

    /// One line on what was done to the probabilities and how labels were chosen.
    #[must_use]
    pub fn operation_text(&self) -> String {
        let header = &self.header;
        if !header.findings.is_empty() {
            return self.findings_text();
        }
        let calibration = match &header.operation {
            Some(operation) if operation.calibration.method != CalibrationMethod::None => {
                format!("calibrated ({})", operation.calibration.chosen)
            }
            Some(operation) => format!("not calibrated: {}", operation.calibration.chosen),
            None if header.calibration_temperature != 1.0 => {
                format!(
                    "calibrated (temperature {})",
                    header.calibration_temperature
                )
            }
            None => "not calibrated".to_owned(),
        };
        let label = &header.labels[self.positive()];
        let threshold = match header.labels.len() {
            2 => format!(
                "“{label}” from {:.3} on ({})",
                header.threshold.value, header.threshold.chosen
            ),
            _ => "the most probable label is predicted".to_owned(),
        };
        let band = match header.operation.as_ref().and_then(|o| o.not_sure) {
            Some(band) if header.labels.len() == 2 => {
                format!("; not sure from {:.3} to {:.3}", band.low, band.high)
            }
            Some(band) => format!("; not sure below {:.3}", band.high),
            None => String::new(),
        };
        format!("probabilities {calibration}; {threshold}{band}")
    }

    fn findings_text(&self) -> String {
        let header = &self.header;
        let calibrated =
            |operation: &&Operation| operation.calibration.method != CalibrationMethod::None;
        let mut thresholds: Vec<String> = header
            .labels
            .iter()
            .zip(&header.findings)
            .map(|(label, operation)| format!("{label} from {:.3} on", operation.threshold))
            .collect();
        if thresholds.len() > MOST_THRESHOLDS {
            let more = thresholds.len() - MOST_THRESHOLDS;
            thresholds.truncate(MOST_THRESHOLDS);
            thresholds.push(format!("and {more} more"));
        }
        format!(
            "any number of findings a film, each for itself; probabilities of {} of {} findings calibrated; {}",
            header.findings.iter().filter(calibrated).count(),
            header.labels.len(),
            thresholds.join(", ")
        )
    }

    /// Index of the label that the model file's threshold gives these probabilities; of findings the most
    /// probable one, called or not.
    #[must_use]
    pub fn label(&self, probabilities: &[f64]) -> usize {
        self.header.label(probabilities)
    }

    /// What a film is called: its label, or its findings with [`SEPARATOR`] between them, or that there is
    /// none.
    #[must_use]
    pub fn answer(&self, probabilities: &[f64]) -> String {
        self.header.answer(probabilities)
    }
}

impl Scorer for Predictor {
    fn preprocessing(&self) -> &Preprocessing {
        &self.header.preprocessing
    }

    fn labels(&self) -> &[String] {
        &self.header.labels
    }

    fn probabilities(&self, planes: &[Plane]) -> Result<Vec<Vec<f64>>, ScoreError> {
        let logits = self.input(planes)?.map(|input| self.network.forward(input));
        Ok(self.calibrated(logits))
    }

    fn likeness(&self) -> Option<&Likeness> {
        self.header.likeness.as_ref()
    }

    fn probabilities_and_features(&self, planes: &[Plane]) -> Result<Vec<PlaneScore>, ScoreError> {
        if self.header.likeness.is_none() {
            let rows = self.probabilities(planes)?;
            return Ok(rows.into_iter().map(PlaneScore::without_features).collect());
        }
        let Some(input) = self.input(planes)? else {
            return Ok(Vec::new());
        };
        let (logits, features) = self.network.forward_with_features(input);
        let rows = self.calibrated(Some(logits)).into_iter();
        Ok(rows
            .zip(rows_of(features))
            .map(|(probabilities, features)| PlaneScore {
                probabilities,
                features,
            })
            .collect())
    }
}

impl Predictor {
    /// The planes as the network's input; none of none.
    fn input(&self, planes: &[Plane]) -> Result<Option<Tensor<4>>, ScoreError> {
        let preprocessing = &self.header.preprocessing;
        let size = preprocessing.size;
        if let Some(other) = planes.iter().find(|plane| plane.size != size) {
            return Err(ScoreError::Size {
                expected: size,
                found: other.size,
            });
        }
        if planes.is_empty() {
            return Ok(None);
        }
        let length = preprocessing.tensor_len();
        let mut pixels = vec![0.0; planes.len() * length];
        for (plane, target) in planes.iter().zip(pixels.chunks_exact_mut(length)) {
            preprocessing.write_tensor(plane, target);
        }
        let shape = [planes.len(), preprocessing.channels, size, size];
        Ok(Some(Tensor::from_data(
            TensorData::new(pixels, shape),
            &self.device,
        )))
    }

    fn calibrated(&self, logits: Option<Tensor<2>>) -> Vec<Vec<f64>> {
        let rows = logits.map(rows_of).unwrap_or_default();
        rows.iter()
            .map(|film| self.header.calibrated(film))
            .collect()
    }
}

/// The answer where no finding is called.
pub const NO_FINDING: &str = "No finding";

impl ModelHeader {
    /// Probabilities of a film's logits, calibrated.
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
                operation
                    .calibration
                    .apply(positive_of(self), &probabilities)
            }
            _ => probabilities,
        }
    }

    /// See [`Predictor::label`].
    pub fn label(&self, probabilities: &[f64]) -> usize {
        match self.findings.is_empty() {
            true => decide(probabilities, positive_of(self), self.threshold.value),
            false => most_probable(probabilities),
        }
    }

    /// See [`Predictor::answer`].
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

/// Index of the label that a model's threshold is about.
pub fn positive_of(header: &ModelHeader) -> usize {
    let named = header.positive_label.as_ref();
    named
        .and_then(|name| header.labels.iter().position(|label| label == name))
        .unwrap_or_else(|| positive_label(&header.labels))
}

/// What a network answers for pixels of shape `[films, channels, size, size]`.
#[must_use]
pub fn probabilities(
    network: &Network,
    pixels: Vec<f32>,
    shape: [usize; 4],
    link: Link,
    device: &Device,
) -> Vec<Vec<f64>> {
    if shape[0] == 0 {
        return Vec::new();
    }
    let input = Tensor::<4>::from_data(TensorData::new(pixels, shape), device);
    of_logits(network.forward(input), link)
}

/// Probabilities of logits `[films, labels]`.
pub fn of_logits(logits: Tensor<2>, link: Link) -> Vec<Vec<f64>> {
    rows_of(logits)
        .iter()
        .map(|row| link.probabilities(row))
        .collect()
}

/// The rows of a matrix, one a film.
pub fn rows_of(matrix: Tensor<2>) -> Vec<Vec<f32>> {
    let width = matrix.dims()[1];
    let values: Vec<f32> = matrix
        .into_data()
        .try_into_vec::<f32>()
        .expect("a network computes 32-bit floats on every device we offer");
    values.chunks_exact(width).map(<[f32]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_figures::{Band, Calibration, Operation};

    #[test]
    fn a_models_correction_and_threshold_are_used() {
        let mut plain = crate::bundle::bundled().unwrap();
        plain.header.operation = None;
        plain.header.calibration_temperature = 1.0;
        let mut corrected = plain.clone();
        let calibration = Calibration {
            method: CalibrationMethod::Platt,
            slope: 0.5,
            intercept: 0.75,
            films: 40,
            chosen: "Platt's scaling, fitted on 40 validation films".to_owned(),
        };
        corrected.header.threshold.value = 0.9;
        corrected.header.operation = Some(Operation {
            calibration: calibration.clone(),
            threshold: 0.9,
            chosen: "as asked for".to_owned(),
            points: Vec::new(),
            not_sure: Some(Band {
                low: 0.0,
                high: 1.0,
            }),
        });
        let device = Device::flex();
        let [plain, corrected] =
            [plain, corrected].map(|file| Predictor::new(&file, &device).unwrap());
        let size = plain.header().preprocessing.size;
        let values = (0..size * size)
            .map(|i| (i % size) as f32 / size as f32)
            .collect();
        let planes = [Plane { size, values }];
        let before = &plain.probabilities(&planes).unwrap()[0];
        let after = &corrected.probabilities(&planes).unwrap()[0];
        assert_eq!(*after, calibration.apply(plain.positive(), before));
        assert_ne!(after, before);
        let is_called = after[corrected.positive()] >= 0.9;
        assert_eq!(corrected.label(after) == corrected.positive(), is_called);
        assert!(corrected.is_not_sure(after) && !plain.is_not_sure(before));
        assert!(
            corrected
                .operation_text()
                .contains("calibrated (Platt's scaling, fitted on 40")
        );
        assert!(
            plain
                .operation_text()
                .starts_with("probabilities not calibrated")
        );
    }

    #[test]
    fn a_plane_of_another_size_is_an_error_not_a_panic() {
        let file = crate::bundle::bundled().unwrap();
        let predictor = Predictor::new(&file, &Device::flex()).unwrap();
        let expected = predictor.preprocessing().size;
        let values = vec![0.0; 9];
        let found = predictor.probabilities(&[Plane { size: 3, values }]);
        assert_eq!(found, Err(ScoreError::Size { expected, found: 3 }));
        assert_eq!(predictor.probabilities(&[]), Ok(vec![]));
    }

    #[test]
    fn two_labels_follow_the_threshold_and_more_the_largest() {
        let cases: [(&[f64], usize, f64, usize); 5] = [
            (&[0.3, 0.7], 0, 0.3, 0),
            (&[0.29, 0.71], 0, 0.3, 1),
            (&[0.4, 0.6], 1, 0.5, 1),
            (&[0.2, 0.5, 0.3], 0, 0.1, 1),
            (&[0.4, 0.4, 0.2], 2, 0.5, 0),
        ];
        for (probabilities, positive, threshold, expected) in cases {
            assert_eq!(
                decide(probabilities, positive, threshold),
                expected,
                "{probabilities:?}"
            );
        }
    }
}
