//! What stands between a network's probabilities and its answers, chosen on validation films and judged on
//! test films: calibration, operating point, and where the answer is "not sure".

use serde::{Deserialize, Serialize};

use super::calibrate::twelve_digits;
use super::decide;
use super::decision::{NetBenefit, net_benefit};
use super::operating::{Band, PointFigures, choose_band, choose_threshold, coverage_curve};
use super::{
    BrierParts, Calibration, CalibrationMethod, Coverage, Estimate, FEWEST_FILMS, Figure,
    PartMetrics, ScoredFilm, ThresholdRule, against_the_rest, brier_parts, patient_indices,
    ranked_labels, wilson_by_patient,
};

/// What a training is asked to choose on its validation films.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationSettings {
    /// How probabilities are corrected.
    #[serde(default)]
    pub calibration: CalibrationMethod,
    /// How the operating point is chosen; two labels only.
    #[serde(default)]
    pub threshold: ThresholdRule,
    /// Share of patients with the finding among those to come, above 0 and below 1; none: as among the films.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevalence: Option<f64>,
    /// Share of validation films that may go without an answer, `0..1`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_sure: f64,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// A rule with the threshold that it chose on the validation films, and its figures there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperatingPoint {
    /// The rule.
    pub rule: ThresholdRule,
    /// Films are classified as positive from this probability on.
    pub threshold: f64,
    /// On the films that it was chosen on: new films will do worse.
    pub validation: PointFigures,
}

/// How a network's probabilities become answers; part of the model file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The correction of probabilities.
    pub calibration: Calibration,
    /// The threshold in force; 0.5 where there are more than two labels, whose most probable one is the answer.
    pub threshold: f64,
    /// How it was chosen, in words.
    pub chosen: String,
    /// What each rule would have chosen; empty where the validation films are too few.
    pub points: Vec<OperatingPoint>,
    /// Where the answer is "not sure", if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_sure: Option<Band>,
}

/// What an [`Operation`] does on films that chose nothing of it; part of `metrics.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationFigures {
    /// Prevalence that predictive values and net benefit are stated at.
    pub prevalence: f64,
    /// Where the prevalence comes from, in words.
    pub prevalence_from: String,
    /// The threshold in force, then what the rules chose. Two labels only.
    pub points: Vec<PointOnFilms>,
    /// Brier score in three parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brier: Option<BrierParts>,
    /// The same films with the probabilities as they were before calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncalibrated: Option<Uncalibrated>,
    /// Accuracy of the surest films.
    pub coverage: Vec<Coverage>,
    /// What is answered, where some films are left without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
}

/// One threshold on films that did not choose it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointOnFilms {
    /// `in force`, or a rule.
    pub rule: String,
    /// Films are classified as positive from this probability on.
    pub threshold: f64,
    /// Its figures.
    #[serde(flatten)]
    pub figures: PointFigures,
    /// What it is worth at the prevalence; none for a threshold that calls all films alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_benefit: Option<NetBenefit>,
}

/// Figures of probabilities before calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Uncalibrated {
    /// As [`PartMetrics::loss`].
    pub loss: Estimate,
    /// As [`PartMetrics::brier`].
    pub brier: Estimate,
    /// As [`PartMetrics::ece`].
    pub ece: Estimate,
    /// As [`PartMetrics::calibration`].
    #[serde(default)]
    pub calibration: super::CalibrationLuck,
}

/// Films with an answer, where some have none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// Share of films that are answered.
    pub coverage: Estimate,
    /// Share of the answers that are right.
    pub accuracy: Estimate,
}

/// What stands behind a rule that chose its threshold on the very films that it is judged on.
pub const ON_THESE_FILMS: &str = ", chosen on these films";

impl PointOnFilms {
    /// A threshold's figures at a prevalence.
    fn of(
        rule: String,
        scored: &[ScoredFilm],
        positive: usize,
        threshold: f64,
        prevalence: f64,
    ) -> Self {
        Self {
            rule,
            threshold,
            figures: PointFigures::of(scored, positive, threshold, prevalence),
            net_benefit: net_benefit(scored, positive, threshold, prevalence),
        }
    }
}

impl OperationFigures {
    /// Adds what the usual rules choose on these very films, under names that say so ([`ON_THESE_FILMS`]): new films will do
    /// worse. Nothing is added with more than two labels, or with fewer than [`FEWEST_FILMS`] films of either.
    pub fn add_points_of_these_films(&mut self, scored: &[ScoredFilm], positive: usize) {
        let (truth, scores) = against_the_rest(scored, positive);
        let with = truth.iter().filter(|has| **has).count();
        if self.points.is_empty() || with.min(truth.len() - with) < FEWEST_FILMS {
            return;
        }
        for rule in USUAL_RULES {
            let chosen = choose_threshold(rule, &truth, &scores, Some(self.prevalence));
            self.points.extend(chosen.map(|threshold| {
                let name = format!("{rule}{ON_THESE_FILMS}");
                PointOnFilms::of(name, scored, positive, threshold, self.prevalence)
            }));
        }
    }
}

/// Rules that are tried whatever was asked for.
const USUAL_RULES: [ThresholdRule; 3] = [
    ThresholdRule::Youden,
    ThresholdRule::Sensitivity(0.95),
    ThresholdRule::Specificity(0.95),
];

impl Operation {
    /// Probabilities as they are, and a threshold that nothing was asked about: 0.5 unless it is given.
    pub fn as_given(threshold: Option<f64>, why_not_calibrated: &str) -> Self {
        Self {
            calibration: Calibration::none(why_not_calibrated),
            threshold: threshold.unwrap_or(0.5),
            chosen: match threshold {
                Some(_) => "as asked for",
                None => "default",
            }
            .to_owned(),
            points: Vec::new(),
            not_sure: None,
        }
    }

    /// Chooses everything on validation films, which come with the network's own probabilities.
    pub fn choose(
        settings: &OperationSettings,
        labels: &[String],
        positive: usize,
        validation: &[ScoredFilm],
    ) -> Self {
        let calibration = Calibration::fit(settings.calibration, labels, positive, validation);
        let mut operation = Self {
            calibration,
            threshold: 0.5,
            chosen: "default".to_owned(),
            points: Vec::new(),
            not_sure: None,
        };
        let calibrated = operation.apply(positive, validation);
        if labels.len() == 2 {
            operation.choose_points(settings, labels, positive, &calibrated);
        } else if settings.threshold != ThresholdRule::default() {
            operation.chosen = format!(
                "the most probable of {} labels is predicted: {} is for two",
                labels.len(),
                settings.threshold
            );
        }
        operation.not_sure = choose_band(
            &calibrated,
            positive,
            operation.threshold,
            settings.not_sure,
        );
        operation
    }

    fn choose_points(
        &mut self,
        settings: &OperationSettings,
        labels: &[String],
        positive: usize,
        calibrated: &[ScoredFilm],
    ) {
        let (truth, scores) = against_the_rest(calibrated, positive);
        let with = truth.iter().filter(|has| **has).count();
        let rarer = with.min(truth.len() - with);
        if let ThresholdRule::Fixed(value) = settings.threshold {
            self.threshold = value;
            if value != 0.5 {
                self.chosen = "as asked for".to_owned();
            }
        }
        if rarer < FEWEST_FILMS {
            if !matches!(settings.threshold, ThresholdRule::Fixed(_)) {
                let label = if with == rarer {
                    positive
                } else {
                    1 - positive
                };
                self.chosen = format!(
                    "default: {} asks for {FEWEST_FILMS} validation films of every label, and there are \
                     {rarer} of {}",
                    settings.threshold, labels[label]
                );
            }
            return;
        }
        let prevalence = settings
            .prevalence
            .unwrap_or(with as f64 / truth.len() as f64);
        let mut rules = USUAL_RULES.to_vec();
        if !matches!(settings.threshold, ThresholdRule::Fixed(_))
            && !rules.contains(&settings.threshold)
        {
            rules.insert(0, settings.threshold);
        }
        self.points = rules
            .into_iter()
            .filter_map(|rule| {
                let chosen = choose_threshold(rule, &truth, &scores, Some(prevalence))?;
                let threshold = twelve_digits(chosen);
                Some(OperatingPoint {
                    rule,
                    threshold,
                    validation: PointFigures::of(calibrated, positive, threshold, prevalence),
                })
            })
            .collect();
        if let Some(point) = self
            .points
            .iter()
            .find(|point| point.rule == settings.threshold)
        {
            self.threshold = point.threshold;
            self.chosen = format!("{} on {} validation films", point.rule, truth.len());
        }
    }

    /// The films with corrected probabilities, called as the threshold calls them.
    pub fn apply(&self, positive: usize, scored: &[ScoredFilm]) -> Vec<ScoredFilm> {
        scored
            .iter()
            .map(|film| {
                let probabilities = self.calibration.apply(positive, &film.probabilities);
                ScoredFilm {
                    called: Some(decide(&probabilities, positive, self.threshold)),
                    probabilities,
                    ..film.clone()
                }
            })
            .collect()
    }

    /// The same answers told of the other of two labels: a film is classified as it where it was not as the
    /// first.
    #[must_use]
    pub fn of_the_other_label(&self) -> Self {
        let other = |threshold: f64| twelve_digits(1.0 - threshold);
        let points = self.points.iter().map(|point| OperatingPoint {
            rule: point.rule.of_the_other_label(),
            threshold: other(point.threshold),
            validation: point.validation.of_the_other_label(),
        });
        Self {
            threshold: other(self.threshold),
            points: points.collect(),
            not_sure: self.not_sure.map(|band| Band {
                low: other(band.high),
                high: other(band.low),
            }),
            ..self.clone()
        }
    }

    /// What the operation does on films that chose nothing of it. `scored` are as [`Self::apply`] gives
    /// them; `before` are the figures of the probabilities as they were, where they were corrected.
    pub fn judge(
        &self,
        labels: &[String],
        positive: usize,
        scored: &[ScoredFilm],
        before: Option<&PartMetrics>,
        prevalence: Option<f64>,
    ) -> OperationFigures {
        let with = scored.iter().filter(|film| film.truth == positive).count();
        let (prevalence, prevalence_from) = match prevalence {
            Some(prevalence) => (prevalence, "as stated".to_owned()),
            None => (
                Figure::ratio(with as f64, scored.len() as f64)
                    .value()
                    .unwrap_or(0.5),
                "that of these films, which a clinic's patients will not have".to_owned(),
            ),
        };
        let mut points = Vec::new();
        if labels.len() == 2 {
            let asked = std::iter::once(("in force".to_owned(), self.threshold));
            let rules = self
                .points
                .iter()
                .map(|point| (point.rule.to_string(), point.threshold));
            points = asked
                .chain(rules)
                .map(|(rule, threshold)| {
                    PointOnFilms::of(rule, scored, positive, threshold, prevalence)
                })
                .collect();
        }
        OperationFigures {
            prevalence,
            prevalence_from,
            points,
            brier: brier_parts(scored, ranked_labels(labels.len(), positive)),
            uncalibrated: before.map(|before| Uncalibrated {
                loss: before.loss.clone(),
                brier: before.brier.clone(),
                ece: before.ece.clone(),
                calibration: before.calibration.clone(),
            }),
            coverage: coverage_curve(scored, positive, self.threshold),
            answered: self.not_sure.map(|band| answered(scored, positive, band)),
        }
    }
}

fn answered(scored: &[ScoredFilm], positive: usize, band: Band) -> Answered {
    let (patients, _) = patient_indices(scored);
    let with: Vec<(usize, bool, bool)> = scored
        .iter()
        .zip(patients)
        .map(|(film, patient)| {
            let is_answered = !band.holds(positive, &film.probabilities);
            (patient, is_answered, film.is_correct())
        })
        .collect();
    let all: Vec<(usize, bool)> = with.iter().map(|row| (row.0, row.1)).collect();
    let right: Vec<(usize, bool)> = with
        .iter()
        .filter(|row| row.1)
        .map(|row| (row.0, row.2))
        .collect();
    Answered {
        coverage: Estimate::or_undefined(wilson_by_patient(&all)),
        accuracy: Estimate::or_undefined(wilson_by_patient(&right)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate;

    fn labels() -> Vec<String> {
        ["finding", "none"].map(str::to_owned).into()
    }

    #[test]
    fn the_other_label_is_judged_by_the_same_answers() {
        let films = films(300);
        let settings = OperationSettings {
            threshold: ThresholdRule::Sensitivity(0.95),
            ..OperationSettings::default()
        };
        let operation = Operation::choose(&settings, &labels(), 0, &films);
        let films = operation.apply(0, &films);
        let own = operation.judge(&labels(), 0, &films, None, Some(0.2));
        let turned = operation.of_the_other_label();
        assert_eq!(turned.points[1].rule, ThresholdRule::Specificity(0.95));
        let other = turned.judge(&labels(), 1, &films, None, Some(0.8));
        assert_eq!(own.points.len(), other.points.len());
        for (own, other) in own.points.iter().zip(&other.points) {
            for (a, b) in [
                (&own.figures.sensitivity, &other.figures.specificity),
                (&own.figures.specificity, &other.figures.sensitivity),
                (&own.figures.ppv, &other.figures.npv),
            ] {
                let (a, b) = (a.value().unwrap(), b.value().unwrap());
                // The film that chose a threshold is on it, and either label has its threshold's films.
                assert!((a - b).abs() < 0.02, "{}: {a} {b}", own.rule);
            }
        }
    }

    /// A third have the finding; those with it score higher, all of them too high.
    fn films(count: usize) -> Vec<ScoredFilm> {
        (0..count)
            .map(|index| {
                let truth = usize::from(index % 3 != 0);
                let own = (index * 37 % 101) as f64 / 101.0;
                let p = 0.45 * own + if truth == 0 { 0.5 } else { 0.25 };
                ScoredFilm::alone(index.to_string(), truth, vec![p, 1.0 - p])
            })
            .collect()
    }

    #[test]
    fn what_validation_films_choose_is_applied_to_others() {
        let settings = OperationSettings {
            calibration: CalibrationMethod::Platt,
            threshold: ThresholdRule::Youden,
            prevalence: Some(0.1),
            not_sure: 0.2,
        };
        let operation = Operation::choose(&settings, &labels(), 0, &films(300));
        assert_eq!(operation.calibration.method, CalibrationMethod::Platt);
        assert_eq!(operation.chosen, "youden on 300 validation films");
        assert_eq!(operation.points.len(), 3);
        assert!(operation.not_sure.is_some());
        let raw = films(240);
        let test = operation.apply(0, &raw);
        for film in &test {
            let called = usize::from(film.probabilities[0] < operation.threshold);
            assert_eq!(film.predicted(), called);
        }
        let (before, after) = (evaluate(&labels(), 0, &raw), evaluate(&labels(), 0, &test));
        assert!(after.loss.value() < before.loss.value());
        assert!(after.ece.value() < before.ece.value());
        let figures = operation.judge(&labels(), 0, &test, Some(&before), settings.prevalence);
        assert_eq!(figures.points[0].rule, "in force");
        assert_eq!(
            figures.points[0].figures.sensitivity.value(),
            after.per_label[0].1.sensitivity.value()
        );
        let answered = figures.answered.unwrap();
        assert!((answered.coverage.value().unwrap() - 0.8).abs() < 0.1);
        assert!(answered.accuracy.value() > after.accuracy.value());
        let text = serde_json::to_string(&operation).unwrap();
        let back: Operation = serde_json::from_str(&text).unwrap();
        assert_eq!(back.calibration, operation.calibration);
        assert_eq!(
            (back.threshold, &back.chosen),
            (operation.threshold, &operation.chosen)
        );
    }

    #[test]
    fn few_validation_films_choose_nothing_and_say_so() {
        let settings = OperationSettings {
            calibration: CalibrationMethod::Temperature,
            threshold: "sensitivity=0.9".parse().unwrap(),
            ..OperationSettings::default()
        };
        for count in [0, 12] {
            let operation = Operation::choose(&settings, &labels(), 0, &films(count));
            assert_eq!(operation.threshold, 0.5);
            assert!(
                operation
                    .chosen
                    .starts_with("default: sensitivity=0.9 asks for 10")
            );
            assert_eq!(operation.calibration.method, CalibrationMethod::None);
            assert!(operation.points.is_empty());
        }
    }
}
