//! All figures of one part of a split.

use std::fmt;

use rayon::prelude::*;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::delong::{auroc_interval, mean_auroc_interval};
use super::resampled::resample;
use super::{
    CalibrationLuck, ConfusionMatrix, Estimate, FEWEST_PATIENTS, Figure, Interval, ScoredFilm,
    counted, mean_of_shares, patient_indices, wilson_by_patient,
};

/// The figures of one part of a split, as `metrics.json` holds them, each with its 95 % interval.
///
/// Intervals are about new patients of the same kind: films of one patient are resampled together, or
/// count together. They say nothing about other hospitals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartMetrics {
    /// Films.
    pub n: usize,
    /// Patients, or what stands in for them, that the films show.
    pub patients: usize,
    /// Mean negative log-likelihood of the true label, in nats; probabilities are clipped to
    /// [2^-52, 1 - 2^-52] as in `sklearn.metrics.log_loss`.
    pub loss: Estimate,
    /// Films called what they are / all films; what a film is called, the operating point says
    /// ([`ScoredFilm::predicted`]).
    pub accuracy: Estimate,
    /// Mean sensitivity over the labels that have films.
    pub balanced_accuracy: Estimate,
    /// Area under the ROC curve. Two labels: of the positive one; more: the unweighted mean over
    /// labels, each against the rest. Undefined when a label has no films.
    pub auroc: Estimate,
    /// Average precision. Two labels: of the positive one; more: the unweighted mean over labels, each
    /// against the rest. Undefined when one of those labels has no films.
    pub auprc: Estimate,
    /// Brier score. Two labels: mean of (p - y)^2 for the positive label, 0 to 1. More: mean of the sum
    /// of (p - y)^2 over all labels, 0 to 2. As `sklearn.metrics.brier_score_loss`.
    pub brier: Estimate,
    /// Expected calibration error of the most probable label's probability: films in
    /// [`super::CALIBRATION_BINS`] bins of equally many ([`super::equal_mass_bins`]); mean over films of
    /// |bin's accuracy - bin's mean probability| (Guo et al., ICML 2017; bins as in Nixon et al., CVPR
    /// workshops 2019). Luck keeps it above 0 however good the probabilities are, so it has no interval: what stands
    /// beside it is in `calibration`.
    pub ece: Estimate,
    /// The calibration error without what chance adds to it, and what luck alone would make of it.
    #[serde(default)]
    pub calibration: CalibrationLuck,
    /// Cohen's kappa: agreement beyond chance.
    pub kappa: Estimate,
    /// Matthews' correlation coefficient, for any number of labels.
    pub mcc: Estimate,
    /// Mean F1 over labels, each counting once.
    pub macro_f1: Estimate,
    /// Mean F1 over labels, each counting by its films.
    pub weighted_f1: Estimate,
    /// Films whose true label is among the two most probable; none with two labels, where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_2_accuracy: Option<Estimate>,
    /// The same among the five most probable; none with five labels or fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_5_accuracy: Option<Estimate>,
    /// Area under one ROC curve over all films and labels, each probability against whether it is its film's label; none
    /// with two labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_auroc: Option<Estimate>,
    /// The labels' areas, each weighted by its films; none with two labels, or where a label has no films.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weighted_auroc: Option<Estimate>,
    /// Rows = truth, columns = prediction, both in label order.
    pub confusion_matrix: ConfusionMatrix,
    /// Each label with its figures, in label order; a JSON object.
    #[serde(serialize_with = "write_in_order", deserialize_with = "read_in_order")]
    pub per_label: Vec<(String, LabelMetrics)>,
    /// What these films are too few to show, one sentence each.
    pub not_shown: Vec<String>,
}

/// The figures of one label against the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelMetrics {
    /// As [`super::LabelFigures::sensitivity`].
    pub sensitivity: Estimate,
    /// As [`super::LabelFigures::specificity`].
    pub specificity: Estimate,
    /// As [`super::LabelFigures::precision`].
    pub precision: Estimate,
    /// As [`super::LabelFigures::f1`].
    pub f1: Estimate,
    /// Area under the ROC curve of this label's probability.
    pub auroc: Estimate,
    /// Average precision of this label's probability.
    pub auprc: Estimate,
    /// Films with this label.
    pub support: u64,
    /// Patients with a film of this label.
    pub patients: u64,
}

impl LabelMetrics {
    /// What a table of labels shows: sensitivity, specificity, precision and F1.
    pub fn table_row(&self) -> [&Estimate; 4] {
        [
            &self.sensitivity,
            &self.specificity,
            &self.precision,
            &self.f1,
        ]
    }
}

/// Computes all figures from scored films. `positive` is the label whose ranking is judged when there
/// are two labels (see [`super::positive_label`]). The same films give the same intervals: resampling has a
/// fixed seed.
///
/// Shares have Wilson's interval ([`wilson_by_patient`]), areas under ROC curves DeLong's
/// ([`auroc_interval`]), and the others resample patients ([`super::bca`], 2,000 draws).
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
    let ranked = ranked_labels(labels.len(), positive);
    let (patients, patient_count) = patient_indices(scored);
    let share = |keep: &dyn Fn(&ScoredFilm) -> bool, hit: &dyn Fn(&ScoredFilm) -> bool| {
        let counted: Vec<(usize, bool)> = scored
            .iter()
            .zip(&patients)
            .filter(|(film, _)| keep(film))
            .map(|(film, &patient)| (patient, hit(film)))
            .collect();
        wilson_by_patient(&counted)
    };
    let truths: Vec<usize> = scored.iter().map(|film| film.truth).collect();
    let sensitivities: Vec<Option<Interval>> = (0..labels.len())
        .map(|label| share(&|film| film.truth == label, &ScoredFilm::is_correct))
        .collect();
    let resampled = || {
        let all = (&patients[..], patient_count);
        resample(labels.len(), ranked.clone(), scored, all)
    };
    let area = || {
        let scores = |label| against_the_rest(scored, label).1;
        mean_auroc_interval(ranked.clone(), &truths, scores, &patients)
    };
    let (resampled, auroc) = rayon::join(resampled, area);
    let calibration = CalibrationLuck::of(scored);
    let per_label: Vec<(String, LabelMetrics)> = labels
        .par_iter()
        .zip(resampled.f1)
        .zip(resampled.label_auprc)
        .enumerate()
        .map(|(label, ((name, f1), auprc))| {
            let (truth, scores) = against_the_rest(scored, label);
            let is_called = |film: &ScoredFilm| film.predicted() == label;
            let mut shown = vec![false; patient_count];
            for (&patient, _) in patients.iter().zip(&truth).filter(|(_, has)| **has) {
                shown[patient] = true;
            }
            let metrics = LabelMetrics {
                sensitivity: Estimate::or_undefined(sensitivities[label].clone()),
                specificity: Estimate::or_undefined(share(&|film| film.truth != label, &|film| {
                    !is_called(film)
                })),
                precision: Estimate::or_undefined(share(&is_called, &ScoredFilm::is_correct)),
                f1,
                auroc: Estimate::or_undefined(auroc_interval(&truth, &scores, &patients)),
                auprc,
                support: truth.iter().filter(|has| **has).count() as u64,
                patients: shown.into_iter().filter(|is| *is).count() as u64,
            };
            (name.clone(), metrics)
        })
        .collect();
    let present: Vec<Interval> = sensitivities.into_iter().flatten().collect();
    let mut metrics = PartMetrics {
        n: scored.len(),
        patients: patient_count,
        loss: resampled.loss,
        accuracy: Estimate::or_undefined(share(&|_| true, &ScoredFilm::is_correct)),
        balanced_accuracy: Estimate::or_undefined(mean_of_shares(&present)),
        auroc,
        auprc: resampled.auprc,
        brier: resampled.brier,
        ece: Estimate::without_interval(resampled.ece, &calibration.instead_of_an_interval()),
        calibration,
        kappa: resampled.kappa,
        mcc: resampled.matthews,
        macro_f1: resampled.macro_f1,
        weighted_f1: resampled.weighted_f1,
        top_2_accuracy: (labels.len() > 2)
            .then(|| Estimate::or_undefined(share(&|_| true, &|film| film.rank_of_truth() < 2))),
        top_5_accuracy: (labels.len() > 5)
            .then(|| Estimate::or_undefined(share(&|_| true, &|film| film.rank_of_truth() < 5))),
        micro_auroc: (labels.len() > 2).then(|| micro_auroc(scored, &patients)),
        weighted_auroc: (labels.len() > 2).then(|| weighted_auroc(&per_label, scored.len())),
        confusion_matrix: ConfusionMatrix::count(labels.len(), scored),
        per_label,
        not_shown: Vec::new(),
    };
    metrics.not_shown = not_shown(&metrics);
    metrics
}

/// Every film's every probability in one ranking, films of one patient together.
fn micro_auroc(scored: &[ScoredFilm], patients: &[usize]) -> Estimate {
    let mut truth = Vec::new();
    let (mut scores, mut clusters) = (Vec::new(), Vec::new());
    for (film, &patient) in scored.iter().zip(patients) {
        for (label, &probability) in film.probabilities.iter().enumerate() {
            truth.push(film.truth == label);
            scores.push(probability);
            clusters.push(patient);
        }
    }
    Estimate::or_undefined(auroc_interval(&truth, &scores, &clusters))
}

/// Without an interval: the labels' areas depend on one another and on the shares of the labels.
fn weighted_auroc(per_label: &[(String, LabelMetrics)], films: usize) -> Estimate {
    let area: Option<f64> = per_label
        .iter()
        .map(|(_, label)| Some(label.auroc.value()? * label.support as f64))
        .sum();
    match area.filter(|_| films > 0) {
        Some(area) => Estimate::without_interval(
            Figure::from(area / films as f64),
            "the weights are drawn with the films; see the labels' own",
        ),
        None => Estimate::or_undefined(None),
    }
}

/// The labels whose ranking is judged: with two labels the positive one, which says it all, otherwise each
/// against the rest.
pub fn ranked_labels(labels: usize, positive: usize) -> std::ops::Range<usize> {
    if labels == 2 {
        positive..positive + 1
    } else {
        0..labels
    }
}

/// What the films are too few to show.
fn not_shown(metrics: &PartMetrics) -> Vec<String> {
    let mut sentences = Vec::new();
    if metrics.n == 0 {
        return sentences;
    }
    let majority = metrics
        .per_label
        .iter()
        .max_by_key(|(_, label)| label.support);
    if let (Some((name, label)), Some((low, _))) = (majority, metrics.accuracy.ends()) {
        let share = label.support as f64 / metrics.n as f64;
        if low <= share {
            sentences.push(format!(
                "that the accuracy is above that of always answering “{name}” ({:.1} %): its interval begins \
                 at {:.1} %",
                100.0 * share,
                100.0 * low
            ));
        }
    }
    if let Some((low, _)) = metrics.auroc.ends()
        && low <= 0.5
    {
        sentences.push(format!(
            "that the ranking is better than guessing: the interval of the AUROC begins at {low:.3}"
        ));
    }
    for (name, label) in &metrics.per_label {
        if label.support == 0 {
            sentences.push(format!("anything about “{name}”: no film has this label"));
        } else if (label.patients as usize) < FEWEST_PATIENTS {
            sentences.push(format!(
                "how well “{name}” is found: its films show {}, and the sensitivity may be anything \
                 from {}",
                counted(label.patients as usize, "patient"),
                label.sensitivity.percent_ends(0)
            ));
        }
    }
    sentences
}

/// Which films have the label, and the probability that each was given for it.
pub fn against_the_rest(scored: &[ScoredFilm], label: usize) -> (Vec<bool>, Vec<f64>) {
    scored
        .iter()
        .map(|film| (film.truth == label, film.probabilities[label]))
        .unzip()
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
        ScoredFilm::alone(format!("{probabilities:?}"), truth, probabilities.to_vec())
    }

    #[test]
    fn metrics_json_has_the_agreed_names_in_order() {
        let metrics = evaluate(
            &labels(&["Zebra", "Ape"]),
            0,
            &[film(0, &[0.5, 0.5]), film(0, &[0.5, 0.5])],
        );
        let json = serde_json::to_string(&metrics).unwrap();
        // Two films of the same name are two of one patient.
        for expected in [
            r#"{"n":2,"patients":1,"loss":{"value":0.6931471805599453,"low":null,"high":null,"method":"none: 1 patient, and resampling needs 10"},"accuracy":{"value":1.0,"low":0.2065"#,
            r#""auroc":{"value":null,"low":null,"high":null,"method":"none: not defined by these films"}"#,
            r#""confusion_matrix":[[2,0],[0,0]],"per_label":{"Zebra":{"sensitivity":{"value":1.0,"#,
            r#""support":2,"patients":1},"Ape":{"sensitivity":{"value":null,"#,
            r#""not_shown":["that the accuracy is above that of always answering “Zebra” (100.0 %)"#,
            "“Ape”: no film has this label",
        ] {
            assert!(json.contains(expected), "{expected} is not in\n{json}");
        }
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
            metrics.kappa,
            metrics.mcc,
            metrics.macro_f1,
        ] {
            assert_eq!((figure.value(), figure.ends()), (None, None));
        }
    }

    #[test]
    fn probabilities_that_are_not_numbers_leave_figures_undefined() {
        let scored = [film(0, &[f64::NAN, f64::NAN]), film(1, &[0.2, 0.8])];
        let metrics = evaluate(&labels(&["a", "b"]), 0, &scored);
        assert_eq!(metrics.loss.value(), None);
        assert_eq!(metrics.auroc.value(), None);
        assert_eq!(metrics.brier.value(), None);
        assert_eq!(metrics.ece.value(), None);
    }

    #[test]
    fn films_of_one_patient_widen_every_interval() {
        let scored = |films_per_patient: usize| -> Vec<ScoredFilm> {
            (0..120)
                .map(|index| {
                    let patient = index / films_per_patient;
                    let truth = patient % 2;
                    let own = (patient * 37 % 41) as f64 / 41.0;
                    let first = 0.7 * own + if truth == 0 { 0.3 } else { 0.0 };
                    ScoredFilm {
                        patient: patient.to_string(),
                        ..film(truth, &[first, 1.0 - first])
                    }
                })
                .collect()
        };
        // What four films of one patient that look alike are worth: one.
        let (alike, patients) = (scored(4), {
            let mut one_each = scored(4);
            one_each.dedup_by(|a, b| a.patient == b.patient);
            one_each
        });
        let names = labels(&["a", "b"]);
        let (clustered, one_each) = (evaluate(&names, 0, &alike), evaluate(&names, 0, &patients));
        assert_eq!((clustered.patients, one_each.patients), (30, 30));
        for (name, a, b) in [
            ("accuracy", &clustered.accuracy, &one_each.accuracy),
            ("AUROC", &clustered.auroc, &one_each.auroc),
            ("AUPRC", &clustered.auprc, &one_each.auprc),
            ("Brier", &clustered.brier, &one_each.brier),
            ("MCC", &clustered.mcc, &one_each.mcc),
        ] {
            let width = |figure: &Estimate| {
                let (low, high) = figure.ends().unwrap();
                high - low
            };
            assert!(
                (a.value().unwrap() - b.value().unwrap()).abs() < 1e-9,
                "{name}"
            );
            let ratio = width(a) / width(b);
            assert!((0.93..1.07).contains(&ratio), "{name}: {ratio}");
        }
    }

    #[test]
    fn certainty_in_the_wrong_label_costs_a_finite_loss() {
        let metrics = evaluate(&labels(&["a", "b"]), 0, &[film(1, &[1.0, 0.0])]);
        assert_eq!(metrics.loss.value(), Some(-f64::EPSILON.ln()));
        assert_eq!(metrics.ece.value(), Some(1.0));
    }
}
