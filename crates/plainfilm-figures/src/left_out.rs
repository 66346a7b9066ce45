//! What a training reaches on sources that it has not seen: every source with films of both kinds is left out in
//! turn, and films are compared within their source only, so that no source's look can tell the label.

use std::collections::BTreeMap;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{DRAWS, Estimate, Figure, Interval, Resampling, ScoredFilm, auroc, wilson_by_patient};
use plainfilm_seed as seed;

/// With fewer sources, drawing them says nothing about sources to come.
const FEWEST_SOURCES: usize = 3;

/// The films of one source, by a network that saw no film of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceLeftOut {
    /// The source.
    pub name: String,
    /// Its films, as that network classified them.
    pub films: Vec<ScoredFilm>,
}

/// What is expected elsewhere, from sources that were left out in turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// AUROC over pairs of films of one source, all sources together; its interval draws patients.
    pub auroc: Estimate,
    /// The same figure, its interval drawing sources and then their patients; without an interval for fewer than
    /// three sources.
    pub auroc_by_source: Estimate,
    /// Share of the positive films that are classified as such, by each network's own threshold.
    pub sensitivity: Estimate,
    /// Share of the other films that are not.
    pub specificity: Estimate,
    /// Source by source, the largest first.
    pub sources: Vec<SourceFigures>,
}

/// One source that was left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceFigures {
    /// Its name in the manifest.
    pub name: String,
    /// Its films.
    pub films: usize,
    /// Those with the positive label.
    pub positive: usize,
    /// AUROC among them.
    pub auroc: Figure,
}

/// A film by what the figures need.
struct Shown {
    patient: usize,
    is_positive: bool,
    score: f64,
}

impl Elsewhere {
    /// None without a source that has films of both kinds.
    #[must_use]
    pub fn of(sources: &[SourceLeftOut], positive: usize) -> Option<Self> {
        let mut patients: BTreeMap<&str, usize> = BTreeMap::new();
        let mut counted: [Vec<(usize, bool)>; 2] = [Vec::new(), Vec::new()];
        let mut shown: Vec<Vec<Shown>> = Vec::new();
        let mut each = Vec::new();
        for source in sources {
            let films: Vec<Shown> = source
                .films
                .iter()
                .map(|film| {
                    let next = patients.len();
                    let patient = *patients.entry(&film.patient).or_insert(next);
                    let is_positive = film.truth == positive;
                    let is_called = film.called == Some(positive);
                    counted[usize::from(!is_positive)].push((patient, is_called == is_positive));
                    Shown {
                        patient,
                        is_positive,
                        score: film.probabilities[positive],
                    }
                })
                .collect();
            let truth: Vec<bool> = films.iter().map(|film| film.is_positive).collect();
            let scores: Vec<f64> = films.iter().map(|film| film.score).collect();
            each.push(SourceFigures {
                name: source.name.clone(),
                films: films.len(),
                positive: truth.iter().filter(|&&is_positive| is_positive).count(),
                auroc: auroc(&truth, &scores),
            });
            shown.push(films);
        }
        each.sort_by(|a, b| b.films.cmp(&a.films).then_with(|| a.name.cmp(&b.name)));
        let pooled = |weights: &[u32], often: &[u32]| -> f64 {
            let sums = shown
                .iter()
                .zip(often)
                .map(|(films, &times)| (f64::from(times), wins(films, weights)));
            let (won, pairs) = sums.fold((0.0, 0.0), |(won, pairs), (times, (w, p))| {
                (won + times * w, pairs + times * p)
            });
            won / pairs
        };
        let once = vec![1; shown.len()];
        let value = pooled(&vec![1; patients.len()], &once);
        if !value.is_finite() {
            return None;
        }
        let resampling = Resampling {
            patients: patients.len(),
            work: sources.iter().map(|source| source.films.len()).sum(),
            statistic: &|weights| vec![pooled(weights, &once)],
            without_groups: None,
        };
        let [sensitivity, specificity] =
            counted.map(|films| Estimate::or_undefined(wilson_by_patient(&films)));
        Some(Self {
            auroc: resampling.estimates().remove(0),
            auroc_by_source: by_source(value, &shown, patients.len(), &pooled),
            sensitivity,
            specificity,
            sources: each,
        })
    }
}

/// Pairs of a positive and another film that the positive one wins, ties counting half, and all pairs; each film
/// counts as often as its patient.
fn wins(films: &[Shown], weights: &[u32]) -> (f64, f64) {
    let (mut won, mut pairs) = (0.0, 0.0);
    let weight = |film: &Shown| f64::from(weights[film.patient]);
    for positive in films.iter().filter(|film| film.is_positive) {
        for other in films.iter().filter(|film| !film.is_positive) {
            let both = weight(positive) * weight(other);
            pairs += both;
            won += both
                * match positive.score.total_cmp(&other.score) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                };
        }
    }
    (won, pairs)
}

/// Draws sources with replacement and then their patients (Davison & Hinkley, Bootstrap Methods, 1997, 3.8);
/// the middle 95 % of the draws.
fn by_source(
    value: f64,
    sources: &[Vec<Shown>],
    patients: usize,
    pooled: &dyn Fn(&[u32], &[u32]) -> f64,
) -> Estimate {
    if sources.len() < FEWEST_SOURCES {
        let why = format!("{} left out, and drawing needs {FEWEST_SOURCES}", {
            super::counted(sources.len(), "source")
        });
        return Estimate::without_interval(Figure::from(value), &why);
    }
    let mut generator = seed::generator(20_200_428, "sources left out", &[]);
    let mut draws: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let mut often = vec![0; sources.len()];
            for _ in 0..sources.len() {
                often[generator.random_range(0..sources.len())] += 1;
            }
            let mut weights = vec![0; patients];
            for films in sources {
                let mut theirs: Vec<usize> = films.iter().map(|film| film.patient).collect();
                theirs.sort_unstable();
                theirs.dedup();
                for _ in 0..theirs.len() {
                    weights[theirs[generator.random_range(0..theirs.len())]] += 1;
                }
            }
            let drawn = pooled(&weights, &often);
            drawn.is_finite().then_some(drawn)
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    let at = |share: f64| draws[((draws.len() - 1) as f64 * share).round() as usize];
    match draws.len() > DRAWS / 2 {
        true => Interval::new(
            value,
            at(0.025),
            at(0.975),
            &format!(
                "percentiles of {} draws of sources and their patients",
                draws.len()
            ),
        )
        .into(),
        false => Estimate::without_interval(Figure::from(value), "undefined in most draws"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, films: &[(usize, f64)]) -> SourceLeftOut {
        let films = films.iter().enumerate().map(|(index, &(truth, p))| {
            let path = format!("{name}/{index}");
            ScoredFilm {
                called: Some(usize::from(p < 0.5)),
                ..ScoredFilm::alone(path, truth, vec![p, 1.0 - p])
            }
        });
        SourceLeftOut {
            name: name.to_owned(),
            films: films.collect(),
        }
    }

    #[test]
    fn a_network_that_knows_only_the_source_is_at_chance() {
        // Source a is mostly positive and always scores high: pooled over films that would look like skill.
        let a: Vec<(usize, f64)> = (0..20).map(|i| (usize::from(i >= 16), 0.9)).collect();
        let b: Vec<(usize, f64)> = (0..20).map(|i| (usize::from(i >= 4), 0.1)).collect();
        let found = Elsewhere::of(&[source("a", &a), source("b", &b)], 0).unwrap();
        assert_eq!(found.auroc.value(), Some(0.5));
        assert_eq!(found.sensitivity.value(), Some(16.0 / 20.0));
        assert_eq!(found.specificity.value(), Some(16.0 / 20.0));
        assert_eq!(found.auroc_by_source.ends(), None);
        assert!(found.auroc_by_source.method.contains("2 sources left out"));
    }

    #[test]
    fn pairs_within_sources_by_hand() {
        let a = source("a", &[(0, 0.9), (0, 0.4), (1, 0.5)]);
        let b = source("b", &[(0, 0.3), (1, 0.3), (1, 0.2), (1, 0.6)]);
        let found = Elsewhere::of(&[a.clone(), b], 0).unwrap();
        // One of two pairs, and half and one of three.
        assert_eq!(found.auroc.value(), Some(2.5 / 5.0));
        assert_eq!(found.sources[0].name, "b");
        assert_eq!(found.sources[1].auroc.value(), Some(0.5));
        assert!(Elsewhere::of(&[source("c", &[(0, 0.5)])], 0).is_none());
        assert!(Elsewhere::of(&[], 0).is_none());
    }

    #[test]
    fn both_intervals_hold_the_figure_and_that_of_sources_is_wider() {
        let mut generator = seed::generator(3, "sources", &[]);
        let sources: Vec<SourceLeftOut> = (0..6)
            .map(|number| {
                // Skill that differs from source to source.
                let skill = 0.3 * f64::from(number % 3);
                let films: Vec<(usize, f64)> = (0..40)
                    .map(|i| {
                        let truth = i % 2;
                        let lift = if truth == 0 { skill } else { 0.0 };
                        (truth, 0.6 * generator.random::<f64>() + lift * 0.6)
                    })
                    .collect();
                source(&number.to_string(), &films)
            })
            .collect();
        let found = Elsewhere::of(&sources, 0).unwrap();
        let value = found.auroc.value().unwrap();
        let (low, high) = found.auroc.ends().unwrap();
        let (lower, higher) = found.auroc_by_source.ends().unwrap();
        assert!(low < value && value < high && lower < value && value < higher);
        assert!(higher - lower > high - low, "{lower} {low} {high} {higher}");
    }
}
