//! Scoring films with a trained network: the one path that training, evaluation and prediction use.

mod bundled_features;
mod data_set;
mod film_prediction;
mod link;
mod own_films;
mod scorer;
#[cfg(test)]
mod test_films;
mod usage;

use burn::tensor::{Device, Tensor, TensorData};

pub use bundled_features::BundledFeatures;
pub use data_set::{DatasetLikeness, ScoredDataset, score_dataset, score_findings};
pub use film_prediction::{FilmPrediction, NOT_SURE, Probabilities, Status};
pub use link::Link;
pub use own_films::{OwnFilm, OwnFilms, OwnFilmsIn};
pub use scorer::{
    Examined, FilmScore, PlaneScore, Preparation, PreparedFilm, ScoreError, Scorer,
    examined_scores, score, score_and_examine,
};
pub use usage::{NO_FINDING, Usage, positive_named, positive_of};

use crate::bundle::{BundleError, ModelFile};
use crate::likeness::Likeness;
use crate::networks::Network;
use plainfilm_film::radiograph::{Plane, Preprocessing};

/// A model, ready to score films: a network of ours, or anything else that gives probabilities.
#[derive(Debug)]
pub struct Predictor {
    inside: Inside,
    usage: Usage,
}

/// A scorer that is not a network of ours, as a [`Predictor`] keeps it.
pub type BoxedScorer = Box<dyn ForeignScorer>;

/// A [`Scorer`] that can be kept, handed to another thread and printed while looking for faults.
pub trait ForeignScorer: Scorer + std::fmt::Debug + Send + Sync {}

impl<S: Scorer + std::fmt::Debug + Send + Sync> ForeignScorer for S {}

#[derive(Debug)]
enum Inside {
    Ours {
        network: Box<Network>,
        device: Device,
    },
    Foreign(BoxedScorer),
}

impl Predictor {
    /// Puts the network of a model file on a device.
    ///
    /// # Errors
    ///
    /// When the file's tensors are not those of its architecture.
    pub fn new(file: &ModelFile, device: &Device) -> Result<Self, BundleError> {
        Ok(Self {
            inside: Inside::Ours {
                network: Box::new(file.network(device)?),
                device: device.clone(),
            },
            usage: Usage::from(&file.header),
        })
    }

    /// Of a model that is not ours. Its probabilities are taken as they are: a calibration in `usage` is for the
    /// logits of our networks.
    #[must_use]
    pub fn foreign(scorer: BoxedScorer, usage: Usage) -> Self {
        Self {
            inside: Inside::Foreign(scorer),
            usage,
        }
    }

    /// What is known of the model beside its network.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Whether the network is not one of ours.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.inside, Inside::Foreign(_))
    }
}

impl Scorer for Predictor {
    fn preprocessing(&self) -> &Preprocessing {
        &self.usage.preprocessing
    }

    fn labels(&self) -> &[String] {
        &self.usage.labels
    }

    fn probabilities(&self, planes: &[Plane]) -> Result<Vec<Vec<f64>>, ScoreError> {
        check_sizes(planes, self.usage.preprocessing.size)?;
        match &self.inside {
            Inside::Ours { network, device } => {
                let logits = self
                    .input(planes, device)
                    .map(|input| network.forward(input));
                Ok(self.calibrated(logits))
            }
            Inside::Foreign(scorer) => scorer.probabilities(planes),
        }
    }

    fn likeness(&self) -> Option<&Likeness> {
        self.usage.likeness.as_ref()
    }

    fn probabilities_and_features(&self, planes: &[Plane]) -> Result<Vec<PlaneScore>, ScoreError> {
        let (network, device) = match &self.inside {
            Inside::Ours { network, device } if self.usage.likeness.is_some() => (network, device),
            // Nothing goes by features.
            _ => {
                let rows = self.probabilities(planes)?;
                return Ok(rows.into_iter().map(PlaneScore::without_features).collect());
            }
        };
        check_sizes(planes, self.usage.preprocessing.size)?;
        let Some(input) = self.input(planes, device) else {
            return Ok(Vec::new());
        };
        let (logits, features) = network.forward_with_features(input);
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
    fn input(&self, planes: &[Plane], device: &Device) -> Option<Tensor<4>> {
        let preprocessing = &self.usage.preprocessing;
        let size = preprocessing.size;
        if planes.is_empty() {
            return None;
        }
        let shape = [planes.len(), preprocessing.channels, size, size];
        let pixels = TensorData::new(preprocessing.tensors(planes), shape);
        Some(Tensor::from_data(pixels, device))
    }

    fn calibrated(&self, logits: Option<Tensor<2>>) -> Vec<Vec<f64>> {
        let rows = logits.map(rows_of).unwrap_or_default();
        rows.iter()
            .map(|film| self.usage.calibrated(film))
            .collect()
    }
}

/// Refuses planes that another preprocessing made.
fn check_sizes(planes: &[Plane], expected: usize) -> Result<(), ScoreError> {
    match planes.iter().find(|plane| plane.size != expected) {
        Some(other) => Err(ScoreError::Size {
            expected,
            found: other.size,
        }),
        None => Ok(()),
    }
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
    use plainfilm_figures::{Band, Calibration, CalibrationMethod, Operation, decide};

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
        let size = plain.usage().preprocessing.size;
        let values = (0..size * size)
            .map(|i| (i % size) as f32 / size as f32)
            .collect();
        let planes = [Plane { size, values }];
        let before = &plain.probabilities(&planes).unwrap()[0];
        let after = &corrected.probabilities(&planes).unwrap()[0];
        assert_eq!(*after, calibration.apply(plain.usage().positive, before));
        assert_ne!(after, before);
        let is_called = after[corrected.usage().positive] >= 0.9;
        assert_eq!(
            corrected.usage().label(after) == corrected.usage().positive,
            is_called
        );
        assert!(corrected.usage().is_not_sure(after) && !plain.usage().is_not_sure(before));
        assert!(
            corrected
                .usage()
                .operation_text()
                .contains("calibrated (Platt's scaling, fitted on 40")
        );
        assert!(
            plain
                .usage()
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
