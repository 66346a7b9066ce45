//! Figures over all findings of films that may have any number of them.
//!
//! Each finding for itself is a question of two labels, which [`super::evaluate`] answers; this is what
//! many such questions have in common. As scikit-learn defines them for multilabel indicators.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Presence;
use super::bootstrap::{Resampling, Weights};
use super::resampled::{Ranked, average_precision, ranked};
use super::{Estimate, wilson_by_patient};

/// One film with what is known of its findings and what a network says of them.
#[derive(Debug, Clone, PartialEq)]
pub struct FindingsFilm {
    /// The path or archive entry that names the film.
    pub path: String,
    /// The patient.
    pub patient: String,
    /// Which it shows.
    pub presence: Vec<Presence>,
    /// One probability a finding; they need not sum to anything.
    pub probabilities: Vec<f64>,
    /// Which are called: the probability is at the finding's threshold or above.
    pub called: Vec<bool>,
}

/// Figures over all findings, each with its 95 % interval by patient. What is unknown of a film counts
/// nowhere. Only findings that some films show and some do not are averaged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingsAverages {
    /// Films.
    pub n: usize,
    /// Patients that they show.
    pub patients: usize,
    /// How many findings are averaged.
    pub findings: usize,
    /// Films of which all that is known is called right; `accuracy_score` where all is known.
    pub exact: Estimate,
    /// Films times findings that are called right: 1 less the Hamming loss.
    pub accuracy: Estimate,
    /// Mean area under the ROC curve.
    pub macro_auroc: Estimate,
    /// Area under one ROC curve over all films and findings.
    pub micro_auroc: Estimate,
    /// Mean area, each finding weighted by its films.
    pub weighted_auroc: Estimate,
    /// Mean average precision.
    pub macro_auprc: Estimate,
    /// Average precision of one ranking of all films and findings.
    pub micro_auprc: Estimate,
    /// Mean average precision, each finding weighted by its films.
    pub weighted_auprc: Estimate,
    /// Mean F1.
    pub macro_f1: Estimate,
    /// F1 of all calls together.
    pub micro_f1: Estimate,
    /// Mean F1, each finding weighted by its films.
    pub weighted_f1: Estimate,
}

/// Which figures are resampled, in the order of [`FindingsAverages`] from the areas on.
const RESAMPLED: usize = 9;

/// Computes the averages. Shares have Wilson's interval by patient; the others resample patients
/// ([`super::bca`], 2,000 seeded draws).
///
/// # Panics
///
/// When a film has not as many probabilities and calls as findings.
pub fn average_findings(films: &[FindingsFilm]) -> FindingsAverages {
    let (patients, count) = super::indices_of(films.iter().map(|film| film.patient.as_str()));
    let findings = films.first().map_or(0, |film| film.presence.len());
    for film in films {
        let lengths = [
            film.presence.len(),
            film.probabilities.len(),
            film.called.len(),
        ];
        assert_eq!(
            lengths, [findings; 3],
            "{}: one of each a finding",
            film.path
        );
    }
    let questions: Vec<Question> = (0..findings)
        .into_par_iter()
        .map(|finding| Question::of(films, finding..finding + 1, &patients))
        .collect();
    let averaged: Vec<usize> = (0..findings)
        .filter(|&finding| questions[finding].is_defined())
        .collect();
    let together = Question::of(films, averaged.iter().copied(), &patients);
    let questions: Vec<&Question> = averaged
        .iter()
        .map(|&finding| &questions[finding])
        .collect();
    let resampling = Resampling {
        patients: count,
        work: films.len() * 2 * findings,
        statistic: &|weights| figures(&questions, &together, weights),
        without_groups: None,
    };
    let mut estimates = resampling.estimates().into_iter();
    let mut next = || {
        estimates
            .next()
            .expect("the statistic returns this many figures")
    };
    let exact: Vec<(usize, bool)> = films
        .iter()
        .zip(&patients)
        // A film of which nothing is known is neither right nor wrong.
        .filter(|(film, _)| film.answers().next().is_some())
        .map(|(film, &patient)| (patient, film.answers().all(|right| right)))
        .collect();
    let answers: Vec<(usize, bool)> = films
        .iter()
        .zip(&patients)
        .flat_map(|(film, &patient)| film.answers().map(move |right| (patient, right)))
        .collect();
    FindingsAverages {
        n: films.len(),
        patients: count,
        findings: averaged.len(),
        exact: Estimate::or_undefined(wilson_by_patient(&exact)),
        accuracy: Estimate::or_undefined(wilson_by_patient(&answers)),
        macro_auroc: next(),
        micro_auroc: next(),
        weighted_auroc: next(),
        macro_auprc: next(),
        micro_auprc: next(),
        weighted_auprc: next(),
        macro_f1: next(),
        micro_f1: next(),
        weighted_f1: next(),
    }
}

impl FindingsFilm {
    /// Of each finding that is known, whether it is called right.
    fn answers(&self) -> impl Iterator<Item = bool> {
        let pairs = self.presence.iter().zip(&self.called);
        pairs.filter_map(|(&presence, &called)| match presence {
            Presence::Unknown => None,
            presence => Some((presence == Presence::Present) == called),
        })
    }
}

/// One ranking with the calls of the same films.
struct Question {
    ranking: Vec<Ranked>,
    /// Patient, truth and call.
    calls: Vec<(u32, bool, bool)>,
}

impl Question {
    /// The films of which these findings are known, as often as there are findings.
    fn of(
        films: &[FindingsFilm],
        findings: impl Iterator<Item = usize> + Clone,
        patients: &[usize],
    ) -> Self {
        let (mut positive, mut scores) = (vec![], vec![]);
        let (mut of, mut calls) = (vec![], vec![]);
        for (film, &patient) in films.iter().zip(patients) {
            for finding in findings.clone() {
                if film.presence[finding] == Presence::Unknown {
                    continue;
                }
                let present = film.presence[finding] == Presence::Present;
                positive.push(present);
                scores.push(film.probabilities[finding]);
                of.push(patient);
                calls.push((patient as u32, present, film.called[finding]));
            }
        }
        Self {
            ranking: ranked(&positive, &scores, &of),
            calls,
        }
    }

    fn is_defined(&self) -> bool {
        let with = self.calls.iter().filter(|(_, present, _)| *present).count();
        with > 0 && with < self.calls.len()
    }

    /// Area, average precision, F1, and how many films have the finding.
    fn figures(&self, weights: &Weights) -> [f64; 4] {
        let (mut hits, mut errors, mut support) = (0_u64, 0_u64, 0_u64);
        for &(patient, present, called) in &self.calls {
            let weight = u64::from(weights[patient as usize]);
            support += if present { weight } else { 0 };
            hits += if present && called { weight } else { 0 };
            errors += if present != called { weight } else { 0 };
        }
        let f1 = 2.0 * hits as f64 / (2 * hits + errors) as f64;
        [
            area(&self.ranking, weights),
            average_precision(&self.ranking, weights),
            f1,
            support as f64,
        ]
    }
}

/// The area under the ROC curve with films counted as often as their patients; ties count half.
fn area(ranking: &[Ranked], weights: &Weights) -> f64 {
    // Pairs won, twice, so that a tie is a whole number.
    let (mut won, mut above) = (0_u64, 0_u64);
    let (mut tied, mut negatives) = ([0_u64; 2], 0_u64);
    for film in ranking {
        tied[usize::from(film.positive)] += u64::from(weights[film.patient as usize]);
        if film.closes {
            won += tied[0] * (2 * above + tied[1]);
            above += tied[1];
            negatives += tied[0];
            tied = [0; 2];
        }
    }
    won as f64 / (2 * above * negatives) as f64
}

/// In the order of [`FindingsAverages`]; what is undefined is not a number.
fn figures(questions: &[&Question], together: &Question, weights: &Weights) -> Vec<f64> {
    let each: Vec<[f64; 4]> = questions
        .iter()
        .map(|question| question.figures(weights))
        .collect();
    let all = together.figures(weights);
    let support: f64 = each.iter().map(|own| own[3]).sum();
    let mut figures = Vec::with_capacity(RESAMPLED);
    for figure in 0..3 {
        let plain = each.iter().map(|own| own[figure]).sum::<f64>() / each.len() as f64;
        let weighted: f64 = each.iter().map(|own| own[figure] * own[3]).sum();
        figures.extend([plain, all[figure], weighted / support]);
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(index: usize, presence: [Presence; 2], probabilities: [f64; 2]) -> FindingsFilm {
        FindingsFilm {
            path: format!("{index}.png"),
            patient: format!("p{index}"),
            presence: presence.to_vec(),
            probabilities: probabilities.to_vec(),
            called: probabilities.map(|p| p >= 0.5).to_vec(),
        }
    }

    #[test]
    fn what_is_unknown_counts_nowhere() {
        use Presence::{Absent, Present, Unknown};
        let known = [
            film(0, [Present, Absent], [0.9, 0.2]),
            film(1, [Absent, Present], [0.6, 0.7]),
            film(2, [Present, Absent], [0.8, 0.6]),
            film(3, [Absent, Absent], [0.1, 0.4]),
        ];
        let found = average_findings(&known);
        // Of eight answers the two of 0.6 are wrong.
        assert_eq!(found.accuracy.value(), Some(0.75));
        assert_eq!(found.exact.value(), Some(0.5));
        assert_eq!((found.findings, found.macro_auroc.value()), (2, Some(1.0)));
        assert_eq!(found.macro_f1.value(), Some((0.8 + 2.0 / 3.0) / 2.0));
        let mut more = known.to_vec();
        more.push(film(4, [Unknown, Unknown], [0.99, 0.0]));
        let with = average_findings(&more);
        assert_eq!(with.accuracy.value(), found.accuracy.value());
        assert_eq!(with.exact.value(), found.exact.value());
        for (a, b) in [
            (&with.micro_auroc, &found.micro_auroc),
            (&with.weighted_auprc, &found.weighted_auprc),
            (&with.micro_f1, &found.micro_f1),
        ] {
            assert_eq!(a.value(), b.value());
        }
    }

    #[test]
    fn a_finding_that_no_film_shows_is_not_averaged() {
        use Presence::{Absent, Present};
        let films = [
            film(0, [Present, Absent], [0.9, 0.9]),
            film(1, [Absent, Absent], [0.2, 0.1]),
        ];
        let found = average_findings(&films);
        assert_eq!((found.findings, found.macro_auroc.value()), (1, Some(1.0)));
        assert_eq!(average_findings(&[]).macro_auroc.value(), None);
    }
}
