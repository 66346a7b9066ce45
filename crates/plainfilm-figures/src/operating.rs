//! From which probability on a film is classified as positive: chosen on validation films, judged on others.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Estimate, Figure, Interval, ScoredFilm, patient_indices, wilson_by_patient};

/// How an operating point is chosen. In files and arguments: `0.5`, `youden`, `sensitivity=0.95`,
/// `specificity=0.95`, `cost=10:1`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ThresholdRule {
    /// This probability; nothing is chosen.
    Fixed(f64),
    /// The largest sum of sensitivity and specificity (Youden, Cancer 1950).
    Youden,
    /// At least this sensitivity, and then the highest specificity.
    Sensitivity(f64),
    /// At least this specificity, and then the highest sensitivity.
    Specificity(f64),
    /// The least cost, where a missed finding costs `miss` and a false alarm `alarm`.
    Cost {
        /// Of a missed finding, above 0.
        miss: f64,
        /// Of a false alarm, above 0.
        alarm: f64,
    },
}

impl ThresholdRule {
    /// The rule that chooses the same answers, told of the other of two labels.
    #[must_use]
    pub fn of_the_other_label(self) -> Self {
        match self {
            Self::Fixed(value) => Self::Fixed(1.0 - value),
            Self::Youden => Self::Youden,
            Self::Sensitivity(least) => Self::Specificity(least),
            Self::Specificity(least) => Self::Sensitivity(least),
            Self::Cost { miss, alarm } => Self::Cost {
                miss: alarm,
                alarm: miss,
            },
        }
    }
}

impl Default for ThresholdRule {
    fn default() -> Self {
        Self::Fixed(0.5)
    }
}

impl fmt::Display for ThresholdRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Fixed(value) => value.to_string(),
            Self::Youden => "youden".to_owned(),
            Self::Sensitivity(value) => format!("sensitivity={value}"),
            Self::Specificity(value) => format!("specificity={value}"),
            Self::Cost { miss, alarm } => format!("cost={miss}:{alarm}"),
        };
        f.pad(&text)
    }
}

impl FromStr for ThresholdRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected a probability, youden, sensitivity=X, specificity=X or cost=MISS:ALARM, found {text:?}"
            )
        };
        let number = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
        let share = |text: &str| match number(text)? {
            value if (0.0..=1.0).contains(&value) => Ok(value),
            _ => Err(format!("expected a share from 0 to 1, found {text:?}")),
        };
        match text.split_once('=') {
            None if text == "youden" => Ok(Self::Youden),
            None => share(text).map(Self::Fixed),
            Some(("sensitivity", value)) => share(value).map(Self::Sensitivity),
            Some(("specificity", value)) => share(value).map(Self::Specificity),
            Some(("cost", costs)) => {
                let (miss, alarm) = costs.split_once(':').ok_or_else(wrong)?;
                let (miss, alarm) = (number(miss)?, number(alarm)?);
                if !(miss > 0.0 && alarm > 0.0 && miss.is_finite() && alarm.is_finite()) {
                    return Err(format!("expected two costs above 0, found {costs:?}"));
                }
                Ok(Self::Cost { miss, alarm })
            }
            Some(_) => Err(wrong()),
        }
    }
}

impl Serialize for ThresholdRule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ThresholdRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// One threshold's figures on films that it was chosen on, or on others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PointFigures {
    /// Share of the films with the finding that are classified as positive.
    pub sensitivity: Estimate,
    /// Share of the films without it that are not.
    pub specificity: Estimate,
    /// Chance that a film classified as positive has the finding, at the prevalence that is stated.
    pub ppv: Estimate,
    /// Chance that a film not classified as positive does not have it.
    pub npv: Estimate,
}

impl PointFigures {
    /// The same answers' figures for the other of two labels.
    #[must_use]
    pub fn of_the_other_label(&self) -> Self {
        Self {
            sensitivity: self.specificity.clone(),
            specificity: self.sensitivity.clone(),
            ppv: self.npv.clone(),
            npv: self.ppv.clone(),
        }
    }

    /// The figures of the films at a threshold, films of one patient together. `prevalence` is the share of
    /// patients with the finding among those to come, 0 to 1.
    ///
    /// Predictive values follow from Bayes' theorem, their intervals from those of sensitivity and
    /// specificity as the interval of a ratio (MOVER-R, Donner and Zou, Stat Methods Med Res 2012).
    pub fn of(scored: &[ScoredFilm], positive: usize, threshold: f64, prevalence: f64) -> Self {
        let (patients, _) = patient_indices(scored);
        let share = |with: bool| {
            let counted: Vec<(usize, bool)> = scored
                .iter()
                .zip(&patients)
                .filter(|(film, _)| (film.truth == positive) == with)
                .map(|(film, &patient)| {
                    let called = film.probabilities[positive] >= threshold;
                    (patient, called == with)
                })
                .collect();
            wilson_by_patient(&counted)
        };
        let (sensitivity, specificity) = (share(true), share(false));
        let (ppv, npv) = match (&sensitivity, &specificity) {
            (Some(se), Some(sp)) => (
                predictive(&complement(sp), se, (1.0 - prevalence) / prevalence),
                predictive(&complement(se), sp, prevalence / (1.0 - prevalence)),
            ),
            _ => (Estimate::or_undefined(None), Estimate::or_undefined(None)),
        };
        Self {
            sensitivity: Estimate::or_undefined(sensitivity),
            specificity: Estimate::or_undefined(specificity),
            ppv,
            npv,
        }
    }
}

fn complement(share: &Interval) -> Interval {
    Interval::new(
        1.0 - share.value,
        1.0 - share.high,
        1.0 - share.low,
        &share.method,
    )
}

/// `1 / (1 + odds * wrong / right)`: how much an answer is worth, from the share of one group that gets it
/// wrongly and the share of the other that gets it rightly.
fn predictive(wrong: &Interval, right: &Interval, odds: f64) -> Estimate {
    let value = |ratio: f64| 1.0 / (1.0 + odds * ratio);
    if right.value == 0.0 || !odds.is_finite() {
        let figure = if right.value == 0.0 && wrong.value == 0.0 {
            Figure::UNDEFINED
        } else {
            Figure::from(value(wrong.value / right.value))
        };
        return Estimate::without_interval(figure, "no film is rightly classified so");
    }
    let product = wrong.value * right.value;
    let part = |wrong_end: f64, right_end: f64| {
        let inner = product * product
            - wrong_end
                * right_end
                * (2.0 * wrong.value - wrong_end)
                * (2.0 * right.value - right_end);
        (
            inner.max(0.0).sqrt(),
            right_end * (2.0 * right.value - right_end),
        )
    };
    let (low_root, low_divisor) = part(wrong.low, right.high);
    let (high_root, high_divisor) = part(wrong.high, right.low);
    let observed = wrong.value / right.value;
    // Past the largest ratio the divisor is not positive: nothing bounds it.
    let low = if low_divisor > 0.0 {
        ((product - low_root) / low_divisor).clamp(0.0, observed)
    } else {
        0.0
    };
    let high = if high_divisor > 0.0 {
        ((product + high_root) / high_divisor).max(observed)
    } else {
        f64::INFINITY
    };
    Interval::new(
        value(observed),
        value(high),
        value(low),
        "Wilson, by patient, MOVER-R at the stated prevalence",
    )
    .into()
}

/// The threshold that a rule chooses on films, a film being classified as positive from it on; none unless there
/// are films with and without the finding. Of thresholds that are as good as one another, the one nearest
/// to 0.5 is taken. `prevalence` (that of the films if none) weighs the costs of [`ThresholdRule::Cost`].
pub fn choose_threshold(
    rule: ThresholdRule,
    positive: &[bool],
    scores: &[f64],
    prevalence: Option<f64>,
) -> Option<f64> {
    if let ThresholdRule::Fixed(value) = rule {
        return Some(value);
    }
    assert_eq!(positive.len(), scores.len(), "one score per film");
    let positives = positive.iter().filter(|is| **is).count() as f64;
    let negatives = positive.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 || scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    let prevalence = prevalence.unwrap_or(positives / positive.len() as f64);
    let worth = |sensitivity: f64, specificity: f64| -> [f64; 2] {
        match rule {
            ThresholdRule::Fixed(_) => [0.0, 0.0],
            ThresholdRule::Youden => [sensitivity + specificity, 0.0],
            // A hair below the wish is the wish: shares of films are not decimal fractions.
            ThresholdRule::Sensitivity(least) if sensitivity + 1e-12 >= least => [1.0, specificity],
            ThresholdRule::Sensitivity(_) => [0.0, sensitivity],
            ThresholdRule::Specificity(least) if specificity + 1e-12 >= least => [1.0, sensitivity],
            ThresholdRule::Specificity(_) => [0.0, specificity],
            ThresholdRule::Cost { miss, alarm } => [
                -(miss * prevalence * (1.0 - sensitivity)
                    + alarm * (1.0 - prevalence) * (1.0 - specificity)),
                0.0,
            ],
        }
    };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    // Thresholds in (below, above] give the same answers; the first interval calls nobody.
    let mut best: Option<([f64; 2], f64)> = None;
    let (mut above, mut index) = (1.0, 0);
    let (mut found, mut alarms) = (0.0, 0.0);
    loop {
        let below = order.get(index).map_or(0.0, |&film| scores[film]);
        let worth = worth(found / positives, 1.0 - alarms / negatives);
        let value = if below < 0.5 && 0.5 <= above {
            0.5
        } else {
            f64::midpoint(below, above)
        };
        let is_better = best.is_none_or(|(found, place)| {
            let more = (0..2)
                .map(|i| worth[i] - found[i])
                .find(|d| d.abs() > 1e-12);
            match more {
                Some(difference) => difference > 0.0,
                None => (value - 0.5).abs() < (place - 0.5_f64).abs(),
            }
        });
        // No probability is above 1, so nothing calls a film of 1 negative.
        if is_better && below < above {
            best = Some((worth, value));
        }
        if index >= order.len() {
            break;
        }
        while index < order.len() && scores[order[index]] == below {
            if positive[order[index]] {
                found += 1.0;
            } else {
                alarms += 1.0;
            }
            index += 1;
        }
        above = below;
    }
    best.map(|(_, threshold)| threshold)
}

/// Where the answer is "not sure": probabilities of the positive label (two labels) from `low` to `high`,
/// or, with more labels, a most probable one below `high`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Lower end, 0 to 1; 0 with more than two labels.
    pub low: f64,
    /// Upper end, 0 to 1.
    pub high: f64,
}

impl Band {
    /// Whether these probabilities are in it.
    pub fn holds(&self, positive: usize, probabilities: &[f64]) -> bool {
        let value = match probabilities {
            [_, _] => probabilities[positive],
            _ => probabilities.iter().copied().fold(0.0, f64::max),
        };
        value > self.low && value < self.high
    }
}

/// How sure an answer is: with two labels the distance of the log odds from the threshold's, otherwise the
/// largest probability.
pub fn certainty(probabilities: &[f64], positive: usize, threshold: f64) -> f64 {
    match probabilities {
        [_, _] => (log_odds(probabilities[positive]) - log_odds(threshold)).abs(),
        _ => probabilities.iter().copied().fold(0.0, f64::max),
    }
}

fn log_odds(p: f64) -> f64 {
    let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    (p / (1.0 - p)).ln()
}

/// The band that leaves this share of films without an answer: the least certain ones. None where the
/// share is 0, or there is no film.
pub fn choose_band(
    scored: &[ScoredFilm],
    positive: usize,
    threshold: f64,
    share: f64,
) -> Option<Band> {
    let unanswered = (share * scored.len() as f64).round() as usize;
    if unanswered == 0 {
        return None;
    }
    let mut sure: Vec<f64> = scored
        .iter()
        .map(|film| certainty(&film.probabilities, positive, threshold))
        .collect();
    if sure.iter().any(|value| value.is_nan()) {
        return None;
    }
    sure.sort_unstable_by(f64::total_cmp);
    let last = sure[unanswered - 1];
    let next = sure.get(unanswered).copied().unwrap_or(last);
    let edge = f64::midpoint(last, next);
    if scored[0].probabilities.len() != 2 {
        let high = edge.max(f64::MIN_POSITIVE);
        return Some(Band { low: 0.0, high });
    }
    let end = |distance: f64| 1.0 / (1.0 + (-(log_odds(threshold) + distance)).exp());
    Some(Band {
        low: end(-edge),
        high: end(edge),
    })
}

/// A point of the coverage-accuracy curve: how many of the surest answers are right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Share of films that are answered, 0 to 1.
    pub coverage: f64,
    /// Share of these that are right.
    pub accuracy: Estimate,
}

/// Accuracy of the surest 10 %, 20 % … 100 % of films, each with its interval.
pub fn coverage_curve(scored: &[ScoredFilm], positive: usize, threshold: f64) -> Vec<Coverage> {
    let (patients, _) = patient_indices(scored);
    let sure: Vec<f64> = scored
        .iter()
        .map(|film| certainty(&film.probabilities, positive, threshold))
        .collect();
    let mut order: Vec<usize> = (0..scored.len()).collect();
    order.sort_by(|&a, &b| sure[b].total_cmp(&sure[a]));
    (1..=10)
        .filter_map(|tenth| {
            let count = (scored.len() * tenth).div_ceil(10);
            let counted: Vec<(usize, bool)> = order[..count]
                .iter()
                .map(|&film| (patients[film], scored[film].is_correct()))
                .collect();
            let accuracy = wilson_by_patient(&counted)?;
            Some(Coverage {
                coverage: count as f64 / scored.len() as f64,
                accuracy: accuracy.into(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_written() {
        for text in [
            "0.5",
            "youden",
            "sensitivity=0.95",
            "specificity=0.9",
            "cost=10:1",
        ] {
            assert_eq!(text.parse::<ThresholdRule>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "1.5",
            "best",
            "sensitivity=2",
            "cost=1",
            "cost=0:1",
            "x=1",
            "cost=a:b",
        ] {
            assert!(text.parse::<ThresholdRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn thresholds_by_hand() {
        let positive = [true, true, true, false, true, false, false, false];
        let scores = [0.95, 0.9, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1];
        let cases = [
            // 3 of 4 without an alarm (0.7) are as good as 4 of 4 with one (0.35), which is nearer to 0.5.
            ("youden", 0.35),
            ("sensitivity=1", 0.35),
            ("sensitivity=0.75", 0.7),
            ("specificity=1", 0.7),
            ("specificity=0.75", 0.35),
            ("cost=10:1", 0.35),
            ("cost=1:10", 0.7),
            ("0.25", 0.25),
        ];
        for (rule, expected) in cases {
            let rule: ThresholdRule = rule.parse().unwrap();
            let found = choose_threshold(rule, &positive, &scores, None).unwrap();
            assert!((found - expected).abs() < 1e-12, "{rule}: {found}");
        }
        // A perfect ranking leaves room, and the middle is taken.
        let youden = ThresholdRule::Youden;
        assert_eq!(
            choose_threshold(youden, &[true, false], &[0.9, 0.1], None),
            Some(0.5)
        );
        let found = choose_threshold(youden, &[true, false], &[0.9, 0.7], None).unwrap();
        assert!((found - 0.8).abs() < 1e-12);
        assert_eq!(choose_threshold(youden, &[true], &[0.9], None), None);
        assert_eq!(
            choose_threshold(youden, &[true, false], &[f64::NAN, 0.7], None),
            None
        );
    }

    fn films(count: usize) -> Vec<ScoredFilm> {
        (0..count)
            .map(|index| {
                let truth = index % 2;
                let p = if truth == 0 { 0.5 } else { 0.1 } + 0.4 * (index % 10) as f64 / 10.0;
                ScoredFilm::alone(index.to_string(), truth, vec![p, 1.0 - p])
            })
            .collect()
    }

    #[test]
    fn predictive_values_follow_bayes() {
        let scored = films(400);
        let half = PointFigures::of(&scored, 0, 0.45, 0.5);
        let (se, sp) = (
            half.sensitivity.value().unwrap(),
            half.specificity.value().unwrap(),
        );
        for prevalence in [0.5, 0.02] {
            let found = PointFigures::of(&scored, 0, 0.45, prevalence);
            let ppv = se * prevalence / (se * prevalence + (1.0 - sp) * (1.0 - prevalence));
            let npv = sp * (1.0 - prevalence) / (sp * (1.0 - prevalence) + (1.0 - se) * prevalence);
            for (figure, expected) in [(&found.ppv, ppv), (&found.npv, npv)] {
                let (low, high) = figure.ends().unwrap();
                assert!((figure.value().unwrap() - expected).abs() < 1e-12);
                assert!(
                    low <= expected && expected <= high && high <= 1.0,
                    "{figure:?}"
                );
            }
            let (low, high) = found.ppv.ends().unwrap();
            assert!(low < ppv && ppv < high, "{found:?}");
        }
        // No false alarm is not certainty.
        let none = PointFigures::of(&scored, 0, 0.499, 0.5);
        assert_eq!(none.ppv.value(), Some(1.0));
        assert!(none.ppv.ends().unwrap().0 < 0.999, "{:?}", none.ppv);
        // Nobody classified as positive.
        assert_eq!(PointFigures::of(&scored, 0, 0.99, 0.5).ppv.value(), None);
    }

    #[test]
    fn the_least_sure_are_left_unanswered_and_the_rest_are_right_more_often() {
        let scored = films(100);
        assert_eq!(choose_band(&scored, 0, 0.45, 0.0), None);
        let band = choose_band(&scored, 0, 0.45, 0.2).unwrap();
        let unanswered = scored
            .iter()
            .filter(|film| band.holds(0, &film.probabilities))
            .count();
        assert!((10..=30).contains(&unanswered), "{unanswered}: {band:?}");
        assert!(band.low < 0.45 && 0.45 < band.high);
        let three = [
            ScoredFilm::alone("a", 0, vec![0.4, 0.3, 0.3]),
            ScoredFilm::alone("b", 0, vec![0.8, 0.1, 0.1]),
        ];
        let band = choose_band(&three, 0, 0.5, 0.5).unwrap();
        assert!(band.holds(0, &three[0].probabilities) && !band.holds(0, &three[1].probabilities));
        let curve = coverage_curve(&scored, 0, 0.45);
        assert_eq!(curve.len(), 10);
        assert_eq!(curve[9].coverage, 1.0);
        let accuracy = |point: &Coverage| point.accuracy.value().unwrap();
        assert!(accuracy(&curve[0]) >= accuracy(&curve[9]));
    }
}
