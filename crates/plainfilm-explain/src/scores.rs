//! The seam between methods that need scores alone and whatever gives them.

use super::{ExplainError, ExplainSettings};
use plainfilm_film::radiograph::Plane;
use plainfilm_model::predict::{Predictor, ScoreError, Scorer};

/// Probabilities nearer to 0 or 1 than this are taken as this near: behind it lies the rounding of 32-bit softmax.
const NEAREST: f64 = 1e-7;

/// Something that scores films by their values.
pub(crate) trait PixelScores {
    /// Why it may fail.
    type Error;

    /// Pixels along a side of a film.
    fn size(&self) -> usize;

    /// How maps are made.
    fn settings(&self) -> &ExplainSettings;

    /// One row a film, one score a label: logits, or log odds where there are no logits to be had. `pixels` holds
    /// whole films, `channels * size * size` values each.
    fn scores(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, Self::Error>;
}

/// A film without structure: every channel, `area` values, has its own mean everywhere.
pub(crate) fn without_structure(film: &[f32], area: usize) -> Vec<f32> {
    film.chunks_exact(area)
        .flat_map(|channel| {
            let mean = channel.iter().map(|&v| f64::from(v)).sum::<f64>() / area as f64;
            std::iter::repeat_n(mean as f32, area)
        })
        .collect()
}

/// A model that shows its probabilities and nothing within. What is covered is covered on the film as
/// preprocessing leaves it, before scaling, so that there is one channel.
#[derive(Debug)]
pub(crate) struct OutsideModel {
    predictor: Predictor,
    settings: ExplainSettings,
}

impl OutsideModel {
    /// # Errors
    ///
    /// When a setting is outside its range.
    pub(crate) fn new(
        predictor: Predictor,
        settings: &ExplainSettings,
    ) -> Result<Self, ExplainError> {
        settings.check()?;
        Ok(Self {
            predictor,
            settings: settings.clone(),
        })
    }

    /// Probabilities of films, one row each.
    pub(crate) fn probabilities(&self, pixels: &[f32]) -> Result<Vec<Vec<f64>>, ScoreError> {
        let size = self.size();
        let planes: Vec<Plane> = pixels
            .chunks_exact(size * size)
            .map(|values| Plane {
                size,
                values: values.to_vec(),
            })
            .collect();
        self.predictor.probabilities(&planes)
    }
}

impl PixelScores for OutsideModel {
    type Error = ScoreError;

    fn size(&self) -> usize {
        self.predictor.preprocessing().size
    }

    fn settings(&self) -> &ExplainSettings {
        &self.settings
    }

    fn scores(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, ScoreError> {
        let log_odds = |p: f64| {
            let p = p.clamp(NEAREST, 1.0 - NEAREST);
            (p / (1.0 - p)).ln() as f32
        };
        let rows = self.probabilities(pixels)?;
        Ok(rows
            .into_iter()
            .map(|row| row.into_iter().map(log_odds).collect())
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CheckDepth, Explainer, Method, Target};
    use super::*;
    use plainfilm_figures::{Calibration, Operation};
    use plainfilm_film::radiograph::Preprocessing;
    use plainfilm_model::bundle::Threshold;
    use plainfilm_model::predict::Usage;

    const SIZE: usize = 32;

    /// Sees the upper left quarter alone: the brighter, the likelier is `opacity`.
    #[derive(Debug)]
    struct Quarter {
        preprocessing: Preprocessing,
        labels: Vec<String>,
        fails: bool,
    }

    impl Scorer for Quarter {
        fn preprocessing(&self) -> &Preprocessing {
            &self.preprocessing
        }

        fn labels(&self) -> &[String] {
            &self.labels
        }

        fn probabilities(&self, planes: &[Plane]) -> Result<Vec<Vec<f64>>, ScoreError> {
            if self.fails {
                return Err(ScoreError::Other("out of order".to_owned()));
            }
            let half = SIZE / 2;
            let of_plane = |plane: &Plane| {
                let rows = plane.values.chunks_exact(SIZE).take(half);
                let sum: f32 = rows.flat_map(|row| &row[..half]).sum();
                let mean = f64::from(sum) / (half * half) as f64;
                let p = 1.0 / (1.0 + (-8.0 * (mean - 0.5)).exp());
                vec![1.0 - p, p]
            };
            Ok(planes.iter().map(of_plane).collect())
        }
    }

    fn explainer(fails: bool) -> Explainer {
        let labels = vec!["clear".to_owned(), "opacity".to_owned()];
        let preprocessing = Preprocessing {
            size: SIZE,
            channels: 3,
            ..Preprocessing::default()
        };
        let chosen = "for a test".to_owned();
        let usage = Usage {
            kind: "quarter".to_owned(),
            labels: labels.clone(),
            preprocessing: preprocessing.clone(),
            positive: 1,
            threshold: Threshold {
                value: 0.5,
                chosen: chosen.clone(),
            },
            calibration_temperature: 1.0,
            operation: Some(Operation {
                calibration: Calibration::none("for a test"),
                threshold: 0.5,
                chosen,
                points: vec![],
                not_sure: None,
            }),
            findings: vec![],
            fitted_on: None,
            likeness: None,
            audit: None,
        };
        let scorer = Quarter {
            preprocessing,
            labels,
            fails,
        };
        let predictor = Predictor::foreign(Box::new(scorer), usage);
        let settings = ExplainSettings {
            masks: 600,
            ..ExplainSettings::default()
        };
        Explainer::of_probabilities(predictor, &settings).expect("settings in their ranges")
    }

    /// Bright in its upper left quarter, with some structure.
    fn film() -> Plane {
        let value = |pixel: usize| {
            let (x, y) = (pixel % SIZE, pixel / SIZE);
            let level = if x < SIZE / 2 && y < SIZE / 2 {
                0.8
            } else {
                0.3
            };
            level + 0.05 * ((x * 7 + y * 3) % 5) as f32 / 4.0
        };
        Plane {
            size: SIZE,
            values: (0..SIZE * SIZE).map(value).collect(),
        }
    }

    #[test]
    fn a_model_that_shows_its_probabilities_alone_is_explained_by_where_it_looks() {
        let explainer = explainer(false);
        let methods: Vec<Method> = Method::of_probabilities().collect();
        assert_eq!(methods, [Method::Occlusion, Method::Rise]);
        let explained = explainer
            .explain(&[film()], Target::Predicted, &methods)
            .expect("these methods need probabilities alone")
            .remove(0);
        assert_eq!((explained.predicted, explained.label), (1, 1));
        for (method, evidence) in methods.iter().zip(&explained.evidence) {
            let there = evidence.at(8.0, 8.0);
            for [x, y] in [[24.0, 8.0], [8.0, 24.0], [24.0, 24.0]] {
                let elsewhere = evidence.at(x, y);
                assert!(
                    there > 4.0 * elsewhere.abs(),
                    "{method}: {there}, {elsewhere}"
                );
            }
        }
        let pixels = explainer.pixels(&[film()]);
        let checks = explainer
            .check(&pixels, &[1], &methods, CheckDepth::Everything, &|_, _| {})
            .expect("these methods need probabilities alone");
        for check in checks {
            assert!(check.randomised.is_empty() && !check.failed(), "{check:?}");
            assert!(check.insertion > check.deletion, "{check:?}");
        }
    }

    #[test]
    fn what_such_a_model_cannot_do_is_an_error() {
        let planes = [film()];
        let error = explainer(false).explain(&planes, Target::Predicted, &[Method::GradCam]);
        let error = error.expect_err("there are no maps within").to_string();
        assert!(error.contains("hint: occlusion and rise"), "{error}");
        let failed = explainer(true).explain(&planes, Target::Predicted, &[Method::Rise]);
        assert_eq!(failed.expect_err("it fails").to_string(), "out of order");
    }
}
