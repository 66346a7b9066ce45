//! How a film differs from those that a network was trained on.
//!
//! A network answers for a photograph of a cat as surely as for a chest film. What the model file keeps of
//! its own films tells the two apart: facts of each film ([`FACTS`]) and where it lies among the others by
//! the network's own features. A film is *unlike* when it lies further from its nearest training films
//! than 95 of 100 validation films do; a group of films is *from elsewhere* when it and the validation films
//! are told apart by a two-sample test.

mod axes;
mod facts;
mod group;
mod rows;

use rand::RngExt;
use serde::{Deserialize, Serialize};

pub use axes::whitened_axes;
pub use facts::{FACTS, Fact, FoundLungs, facts};
pub use group::{GroupTest, LEAST_FILMS};
pub use rows::Rows;

use plainfilm_seed as seed;

/// Nearest training films that a film's distance is the mean over.
const NEIGHBOURS: usize = 5;
/// Directions of the features that are kept.
const AXES: usize = 16;
/// Share of films like the training films that are taken for unlike.
const FALSE_ALARMS: f64 = 0.05;
/// Fewest validation films that give a limit: below it, no film of theirs lies beyond 95 of 100.
pub const LEAST_VALIDATION: usize = 20;
/// Facts count no further than this many deviations, so that one of them cannot make up for all others.
const MOST_DEVIATIONS: f32 = 8.0;
/// Most films of each part that are kept.
pub const MOST_FILMS: usize = 600;

/// What is measured of one film.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmMeasures {
    /// In the order of [`FACTS`].
    pub facts: [f32; FACTS.len()],
    /// The network's last maps, averaged: one number a channel. Empty for a scorer that has none.
    pub features: Vec<f32>,
}

/// What a model file keeps of its own films, to hold others against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Likeness {
    fact_means: Vec<f32>,
    fact_deviations: Vec<f32>,
    feature_mean: Vec<f32>,
    axes: Rows,
    /// Training films, what nearness is measured to.
    training: Rows,
    /// Validation films, what groups are held against.
    validation: Rows,
    /// The distance of facts, and that of features, beyond which 5 in 100 validation films lie.
    scales: [f64; 2],
    /// The larger distance in these scales beyond which 5 in 100 validation films lie.
    limit: f64,
}

/// How far a film is from the training films.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmLikeness {
    /// Its distance in units of the limit: above 1 it is unlike the training films.
    pub distance: f64,
    /// What differs, in words; empty unless the film is unlike.
    pub reasons: Vec<String>,
}

impl FilmLikeness {
    /// Whether the film is too far from the training films for an answer to mean anything.
    #[must_use]
    pub fn is_unlike(&self) -> bool {
        self.distance > 1.0
    }
}

impl Likeness {
    /// What to keep of these films. None with fewer than 20 validation films: nothing then says what is far.
    #[must_use]
    pub fn of(training: &[FilmMeasures], validation: &[FilmMeasures], seed: u64) -> Option<Self> {
        if training.len() <= NEIGHBOURS || validation.len() < LEAST_VALIDATION {
            return None;
        }
        let columns = |film: &FilmMeasures, fact: usize| film.facts[fact];
        let (fact_means, fact_deviations) = (0..FACTS.len())
            .map(|fact| {
                middle_and_spread(training.iter().map(|film| columns(film, fact)).collect())
            })
            .unzip();
        let features: Vec<Vec<f32>> = training.iter().map(|film| film.features.clone()).collect();
        let feature_mean = mean(&features);
        let mut generator = seed::generator(seed, "axes of features", &[]);
        let axes = axes::whitened_axes(&features, &feature_mean, AXES, &mut || {
            generator.random::<f32>() - 0.5
        });
        let mut kept = Self {
            fact_means,
            fact_deviations,
            feature_mean,
            training: Rows::new(FACTS.len() + axes.len()),
            validation: Rows::new(FACTS.len() + axes.len()),
            axes,
            scales: [1.0; 2],
            limit: 1.0,
        };
        for film in thinned(training) {
            let row = kept.row(film);
            kept.training.push(&row);
        }
        for film in thinned(validation) {
            let row = kept.row(film);
            kept.validation.push(&row);
        }
        let rows: Vec<Vec<f32>> = validation.iter().map(|film| kept.row(film)).collect();
        let distances: Vec<[f64; 2]> = rows.iter().map(|row| kept.distances(row)).collect();
        for part in 0..2 {
            let of_part = distances.iter().map(|each| each[part]).collect();
            kept.scales[part] = beyond(of_part).max(f64::MIN_POSITIVE);
        }
        let farther = |each: &[f64; 2]| (each[0] / kept.scales[0]).max(each[1] / kept.scales[1]);
        kept.limit = beyond(distances.iter().map(farther).collect());
        Some(kept)
    }

    /// Whether the parts fit one another and features of `width` numbers.
    pub(crate) fn check(&self, width: usize) -> Result<(), String> {
        let all = FACTS.len() + self.axes.len();
        let counts = [
            ("means of facts", self.fact_means.len(), FACTS.len()),
            (
                "deviations of facts",
                self.fact_deviations.len(),
                FACTS.len(),
            ),
            ("means of features", self.feature_mean.len(), width),
            ("numbers of an axis", self.axes.width(), width.max(1)),
            ("numbers of a training film", self.training.width(), all),
            ("numbers of a validation film", self.validation.width(), all),
        ];
        for (what, found, expected) in counts {
            if found != expected {
                return Err(format!("expected {expected} {what}, found {found}"));
            }
        }
        let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !(finite(&self.fact_means)
            && finite(&self.feature_mean)
            && self.fact_deviations.iter().all(|&d| positive(f64::from(d)))
            && self.scales.iter().all(|&scale| positive(scale))
            && positive(self.limit))
            || self.training.len() < NEIGHBOURS
        {
            return Err(
                "expected finite means, deviations and limits above 0, and training films"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// How far a film is from the training films.
    ///
    /// # Panics
    ///
    /// When the features are not as many as the network's that this was made for.
    #[must_use]
    pub fn film(&self, film: &FilmMeasures) -> FilmLikeness {
        let row = self.row(film);
        let parts = self.distances(&row);
        let [facts, features] = [0, 1].map(|part| parts[part] / self.scales[part] / self.limit);
        let distance = facts.max(features);
        let mut reasons = Vec::new();
        if facts > 1.0 {
            reasons.extend(self.odd_facts(&row));
        }
        if features > 1.0 || (distance > 1.0 && reasons.is_empty()) {
            reasons.push("the network knows nothing like it".to_owned());
        }
        FilmLikeness { distance, reasons }
    }

    /// Whether films, as a group, differ from the validation films. None for fewer than [`LEAST_FILMS`].
    #[must_use]
    pub fn group(&self, films: &[FilmMeasures]) -> Option<GroupTest> {
        let own: Vec<&[f32]> = self.validation.iter().collect();
        let rows: Vec<Vec<f32>> = films.iter().map(|film| self.row(film)).collect();
        let others: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
        GroupTest::of(&own, &others)
    }

    /// The two facts that are furthest from the training films', in words.
    fn odd_facts(&self, row: &[f32]) -> Vec<String> {
        let mut odd: Vec<(f32, &Fact)> = row
            .iter()
            .zip(&FACTS)
            .filter(|(_, fact)| !fact.of_file)
            .map(|(&deviations, fact)| (deviations, fact))
            .collect();
        odd.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
        let far = odd.iter().filter(|(deviations, _)| deviations.abs() > 2.0);
        far.take(2)
            .map(|(deviations, fact)| match *deviations > 0.0 {
                true => fact.high.to_owned(),
                false => fact.low.to_owned(),
            })
            .collect()
    }

    /// Facts in deviations from the middle, then features along the axes.
    fn row(&self, film: &FilmMeasures) -> Vec<f32> {
        let fact = |(index, &value): (usize, &f32)| {
            let apart = (value - self.fact_means[index]) / self.fact_deviations[index];
            apart.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)
        };
        let mut row: Vec<f32> = film.facts.iter().enumerate().map(fact).collect();
        assert_eq!(
            film.features.len(),
            self.feature_mean.len(),
            "features of the same network"
        );
        let centred: Vec<f32> = film
            .features
            .iter()
            .zip(&self.feature_mean)
            .map(|(value, mean)| value - mean)
            .collect();
        let along = |axis: &[f32]| -> f32 { axis.iter().zip(&centred).map(|(a, c)| a * c).sum() };
        row.extend(self.axes.iter().map(along));
        row
    }

    /// The mean distance to the nearest training films by facts of the picture, and by features.
    fn distances(&self, row: &[f32]) -> [f64; 2] {
        let near = |between: &dyn Fn(&[f32]) -> f64| {
            let mut all: Vec<f64> = self.training.iter().map(between).collect();
            all.sort_by(f64::total_cmp);
            all[..NEIGHBOURS.min(all.len())].iter().sum::<f64>() / NEIGHBOURS.min(all.len()) as f64
        };
        let square = |a: f32, b: f32| f64::from(a - b).powi(2);
        let facts = |other: &[f32]| -> f64 {
            let each = FACTS.iter().enumerate().filter(|(_, fact)| !fact.of_file);
            each.map(|(index, _)| square(row[index], other[index]))
                .sum::<f64>()
                .sqrt()
        };
        let features = |other: &[f32]| -> f64 {
            let pairs = row[FACTS.len()..].iter().zip(&other[FACTS.len()..]);
            pairs.map(|(&a, &b)| square(a, b)).sum::<f64>().sqrt()
        };
        [near(&facts), near(&features)]
    }
}

/// Films of a stream that are kept for [`Likeness::group`]: all of few, evenly spaced ones of many.
#[derive(Debug, Clone)]
pub struct GroupSample {
    films: Vec<FilmMeasures>,
    seen: usize,
    every: usize,
}

impl Default for GroupSample {
    fn default() -> Self {
        Self {
            films: Vec::new(),
            seen: 0,
            every: 1,
        }
    }
}

impl GroupSample {
    /// Takes the next film, or passes over it.
    pub fn push(&mut self, film: FilmMeasures) {
        if self.seen.is_multiple_of(self.every) {
            self.films.push(film);
        }
        self.seen += 1;
        if self.films.len() == 2 * MOST_FILMS {
            let mut index = 0;
            self.films.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.every *= 2;
        }
    }

    /// The films that were kept.
    #[must_use]
    pub fn films(&self) -> &[FilmMeasures] {
        &self.films
    }
}

/// At most [`MOST_FILMS`], evenly from first to last.
fn thinned(films: &[FilmMeasures]) -> impl Iterator<Item = &FilmMeasures> {
    let count = films.len().min(MOST_FILMS);
    (0..count).map(move |index| &films[index * films.len() / count])
}

/// The value beyond which a share of [`FALSE_ALARMS`] of films to come lie, by those seen: the quantile of
/// split conformal prediction (Papadopoulos et al. 2002), which counts the film to come too.
fn beyond(mut seen: Vec<f64>) -> f64 {
    seen.sort_by(f64::total_cmp);
    let rank = ((seen.len() + 1) as f64 * (1.0 - FALSE_ALARMS)).ceil() as usize;
    seen[rank.clamp(1, seen.len()) - 1]
}

fn mean(rows: &[Vec<f32>]) -> Vec<f32> {
    let width = rows.first().map_or(0, Vec::len);
    let mut sums = vec![0.0_f64; width];
    for row in rows {
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value);
        }
    }
    sums.iter()
        .map(|sum| (sum / rows.len().max(1) as f64) as f32)
        .collect()
}

/// The median, and half the range between the 16th and the 84th of 100, which outliers do not move; of a
/// normal distribution its mean and deviation.
fn middle_and_spread(mut values: Vec<f32>) -> (f32, f32) {
    values.sort_by(f32::total_cmp);
    let at = |share: f32| values[((values.len() - 1) as f32 * share).round() as usize];
    let half = (at(0.84) - at(0.16)) / 2.0;
    // A fact that all films share still tells one that does not: by what single films differ in.
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
    let spread = if half > 0.0 { half } else { variance.sqrt() };
    (at(0.5), spread.max(1e-3))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Films around a point: facts and two features, normally distributed.
    fn films(count: usize, shift: f32, draw: &str) -> Vec<FilmMeasures> {
        let mut generator = seed::generator(7, draw, &[]);
        let mut normal = move || {
            // Twelve uniform draws have variance 1.
            (0..12).map(|_| generator.random::<f32>()).sum::<f32>() - 6.0
        };
        (0..count)
            .map(|_| FilmMeasures {
                facts: std::array::from_fn(|_| normal()),
                features: vec![normal() + shift, 2.0 * normal()],
            })
            .collect()
    }

    #[test]
    fn five_in_a_hundred_like_films_are_unlike_and_others_all() {
        let kept =
            Likeness::of(&films(400, 0.0, "train"), &films(200, 0.0, "validation"), 1).unwrap();
        let share = |films: &[FilmMeasures]| {
            let unlike = films
                .iter()
                .filter(|film| kept.film(film).is_unlike())
                .count();
            unlike as f64 / films.len() as f64
        };
        let like = share(&films(1000, 0.0, "test"));
        assert!((0.02..0.09).contains(&like), "{like}");
        assert!(share(&films(200, 6.0, "elsewhere")) > 0.95);
        kept.check(2).unwrap();
        assert!(kept.check(3).unwrap_err().contains("means of features"));
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Likeness>(&text).unwrap(), kept);
    }

    #[test]
    fn the_fact_that_differs_is_named() {
        let kept =
            Likeness::of(&films(300, 0.0, "train"), &films(100, 0.0, "validation"), 1).unwrap();
        let sharpness = FACTS
            .iter()
            .position(|fact| fact.name == "sharpness")
            .unwrap();
        let mut film = films(1, 0.0, "test").remove(0);
        film.facts[sharpness] = 30.0;
        let found = kept.film(&film);
        assert!(found.is_unlike());
        assert_eq!(found.reasons[0], "sharper");
        film.facts[sharpness] = -30.0;
        assert_eq!(kept.film(&film).reasons[0], "more blurred");
    }

    #[test]
    fn too_few_validation_films_say_nothing() {
        assert!(Likeness::of(&films(50, 0.0, "train"), &films(19, 0.0, "validation"), 1).is_none());
    }

    #[test]
    fn groups_from_elsewhere_are_found_and_others_are_not() {
        let kept =
            Likeness::of(&films(300, 0.0, "train"), &films(100, 0.0, "validation"), 1).unwrap();
        let flagged = |shift: f32| {
            let draws = (0..40).filter(|draw| {
                let group = films(40, shift, &format!("group {draw}"));
                kept.group(&group).unwrap().is_elsewhere()
            });
            draws.count()
        };
        assert!(flagged(0.0) <= 3, "{}", flagged(0.0));
        assert_eq!(flagged(2.5), 40);
        assert!(kept.group(&films(LEAST_FILMS - 1, 0.0, "few")).is_none());
    }
}
