//! All figures of one part of a split.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{ConfusionMatrix, Figure, LabelMetrics, ScoredFilm, auroc, average_precision};

/// Bins of the calibration error, of equal width over `0.0..=1.0`.
pub const CALIBRATION_BINS: usize = 10;

/// The figures of one part of a split, as `metrics.json` holds them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartMetrics {
    /// Films.
    pub n: usize,
    /// Mean negative log-likelihood of the true label, in nats; probabilities are clipped to
    /// [2^-52, 1 - 2^-52] as in `sklearn.metrics.log_loss`.
    pub loss: Figure,
    /// Correct films / all films.
    pub accuracy: Figure,
    /// Mean sensitivity over the labels that have films.
    pub balanced_accuracy: Figure,
    /// Area under the ROC curve. Two labels: of the positive one; more: the unweighted mean over
    /// labels, each against the rest. Undefined when a label has no films.
    pub auroc: Figure,
    /// Average precision. Two labels: of the positive one; more: the unweighted mean over labels, each
    /// against the rest. Undefined when one of those labels has no films.
    pub auprc: Figure,
    /// Brier score. Two labels: mean of (p - y)^2 for the positive label, 0 to 1. More: mean of the sum
    /// of (p - y)^2 over all labels, 0 to 2. As `sklearn.metrics.brier_score_loss`.
    pub brier: Figure,
    /// Expected calibration error of the predicted label's probability: films in
    /// [`CALIBRATION_BINS`] bins of equal width, each open below and closed above; mean over films of
    /// |bin's accuracy - bin's mean probability| (Guo et al., ICML 2017).
    pub ece: Figure,
    /// Rows = truth, columns = prediction, both in label order.
    pub confusion_matrix: ConfusionMatrix,
    /// Each label with its figures, in label order; a JSON object.
    #[serde(serialize_with = "write_in_order", deserialize_with = "read_in_order")]
    pub per_label: Vec<(String, LabelMetrics)>,
}

/// Computes all figures from scored films. `positive` is the label whose ranking is judged when there
/// are two labels (see [`positive_label`]).
///
/// # Panics
/// If a film's true label, the number of its probabilities, or `positive` does not fit `labels`.
pub fn evaluate(labels: &[String], positive: usize, scored: &[ScoredFilm]) -> PartMetrics {
    for film in scored {
        assert!(film.truth < labels.len(), "{}: no such label", film.path);
        assert_eq!(
            film.probabilities.len(),
            labels.len(),
            "{}: one probability per label",
            film.path
        );
    }
    assert!(positive < labels.len(), "the positive label is one of them");
    // With two labels one ranking says it all; otherwise each label is ranked against the rest.
    let ranked = if labels.len() == 2 {
        positive..positive + 1
    } else {
        0..labels.len()
    };
    let over_ranked = |figure: fn(&[bool], &[f64]) -> Figure| {
        Figure::mean(ranked.clone().map(|label| {
            let (truth, scores) = against_the_rest(scored, label);
            figure(&truth, &scores)
        }))
    };
    let confusion_matrix = ConfusionMatrix::count(labels.len(), scored);
    PartMetrics {
        n: scored.len(),
        loss: mean_over(scored, negative_log_likelihood),
        accuracy: confusion_matrix.accuracy(),
        balanced_accuracy: confusion_matrix.balanced_accuracy(),
        auroc: over_ranked(auroc),
        auprc: over_ranked(average_precision),
        brier: mean_over(scored, |film| {
            ranked
                .clone()
                .map(|label| {
                    let truth = f64::from(u8::from(film.truth == label));
                    (film.probabilities[label] - truth).powi(2)
                })
                .sum()
        }),
        ece: expected_calibration_error(scored),
        per_label: labels
            .iter()
            .enumerate()
            .map(|(index, label)| (label.clone(), confusion_matrix.label(index)))
            .collect(),
        confusion_matrix,
    }
}

/// Which films have the label, and the probability that each was given for it.
pub(crate) fn against_the_rest(scored: &[ScoredFilm], label: usize) -> (Vec<bool>, Vec<f64>) {
    scored
        .iter()
        .map(|film| (film.truth == label, film.probabilities[label]))
        .unzip()
}

fn mean_over(scored: &[ScoredFilm], figure: impl Fn(&ScoredFilm) -> f64) -> Figure {
    Figure::ratio(scored.iter().map(figure).sum(), scored.len() as f64)
}

fn negative_log_likelihood(film: &ScoredFilm) -> f64 {
    -film.probabilities[film.truth]
        .clamp(f64::EPSILON, 1.0 - f64::EPSILON)
        .ln()
}

fn expected_calibration_error(scored: &[ScoredFilm]) -> Figure {
    let mut surplus = [0.0; CALIBRATION_BINS];
    for film in scored {
        let confidence = film.probabilities[film.predicted()];
        if confidence.is_nan() {
            return Figure::UNDEFINED;
        }
        let bin = (confidence * CALIBRATION_BINS as f64).ceil() as usize;
        let correct = f64::from(u8::from(film.is_correct()));
        surplus[bin.clamp(1, CALIBRATION_BINS) - 1] += correct - confidence;
    }
    Figure::ratio(
        surplus.iter().map(|sum: &f64| sum.abs()).sum(),
        scored.len() as f64,
    )
}

/// Names under which collections file films without the finding, without case and separators.
const NOTHING_FOUND: [&str; 14] = [
    "clear",
    "control",
    "controls",
    "healthy",
    "neg",
    "negative",
    "nofinding",
    "nofindings",
    "none",
    "noncovid",
    "noncovid19",
    "normal",
    "normals",
    "unremarkable",
];

/// The label whose presence is the finding: the first that is not a known name for "nothing found"
/// (`No_findings`, `normal`, `clear`, `healthy`, `negative`, …; case and separators do not matter),
/// else the first.
pub fn positive_label(labels: &[String]) -> usize {
    labels
        .iter()
        .position(|label| {
            let plain: String = label
                .chars()
                .filter(|character| character.is_alphanumeric())
                .flat_map(char::to_lowercase)
                .collect();
            !NOTHING_FOUND.contains(&plain.as_str())
        })
        .unwrap_or(0)
}

/// Writes a JSON object whose keys stay in label order.
fn write_in_order<S: Serializer>(
    per_label: &[(String, LabelMetrics)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(per_label.len()))?;
    for (label, metrics) in per_label {
        map.serialize_entry(label, metrics)?;
    }
    map.end()
}

/// Reads a JSON object and keeps the order of its keys.
fn read_in_order<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, LabelMetrics)>, D::Error> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(String, LabelMetrics)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with one entry per label")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut per_label = Vec::new();
            while let Some(entry) = map.next_entry()? {
                per_label.push(entry);
            }
            Ok(per_label)
        }
    }
    deserializer.deserialize_map(InOrder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn film(truth: usize, probabilities: &[f64]) -> ScoredFilm {
        ScoredFilm {
            path: "film.png".into(),
            truth,
            probabilities: probabilities.to_vec(),
        }
    }

    #[test]
    fn the_finding_is_the_positive_label() {
        let cases: [(&[&str], usize); 9] = [
            (&["Covid-19", "No_findings"], 0),
            (&["No_findings", "Covid-19"], 1),
            (&["clear", "opacity"], 1),
            (&["NORMAL", "PNEUMONIA"], 1),
            (&["No finding", "Healthy", "Effusion"], 2),
            (&["non-COVID", "COVID"], 1),
            (&["negative", "positive"], 1),
            (&["normal", "healthy"], 0),
            (&["a", "b", "c"], 0),
        ];
        for (names, expected) in cases {
            assert_eq!(positive_label(&labels(names)), expected, "{names:?}");
        }
    }

    #[test]
    fn metrics_json_has_the_agreed_names_in_order() {
        let metrics = evaluate(
            &labels(&["Zebra", "Ape"]),
            0,
            &[film(0, &[0.5, 0.5]), film(0, &[0.5, 0.5])],
        );
        let json = serde_json::to_string(&metrics).unwrap();
        assert_eq!(
            json,
            concat!(
                r#"{"n":2,"loss":0.6931471805599453,"accuracy":1.0,"balanced_accuracy":1.0,"#,
                r#""auroc":null,"auprc":1.0,"brier":0.25,"ece":0.5,"#,
                r#""confusion_matrix":[[2,0],[0,0]],"per_label":{"#,
                r#""Zebra":{"sensitivity":1.0,"specificity":null,"precision":1.0,"f1":1.0,"support":2},"#,
                r#""Ape":{"sensitivity":null,"specificity":1.0,"precision":null,"f1":null,"support":0}}}"#,
            )
        );
        let back: PartMetrics = serde_json::from_str(&json).unwrap();
        assert_eq!(back, metrics);
    }

    #[test]
    fn no_films_define_nothing() {
        let metrics = evaluate(&labels(&["a", "b", "c"]), 0, &[]);
        assert_eq!(metrics.n, 0);
        for figure in [
            metrics.loss,
            metrics.accuracy,
            metrics.balanced_accuracy,
            metrics.auroc,
            metrics.auprc,
            metrics.brier,
            metrics.ece,
        ] {
            assert_eq!(figure, Figure::UNDEFINED);
        }
    }

    #[test]
    fn probabilities_that_are_not_numbers_leave_figures_undefined() {
        let scored = [film(0, &[f64::NAN, f64::NAN]), film(1, &[0.2, 0.8])];
        let metrics = evaluate(&labels(&["a", "b"]), 0, &scored);
        assert_eq!(metrics.loss, Figure::UNDEFINED);
        assert_eq!(metrics.auroc, Figure::UNDEFINED);
        assert_eq!(metrics.brier, Figure::UNDEFINED);
        assert_eq!(metrics.ece, Figure::UNDEFINED);
    }

    #[test]
    fn certainty_in_the_wrong_label_costs_a_finite_loss() {
        let metrics = evaluate(&labels(&["a", "b"]), 0, &[film(1, &[1.0, 0.0])]);
        assert_eq!(metrics.loss.value(), Some(-f64::EPSILON.ln()));
        assert_eq!(metrics.ece.value(), Some(1.0));
    }
}
