//! Whether an exported file answers as its model does.

use std::time::Instant;

use plainfilm_film::radiograph::Plane;
use plainfilm_model::predict::{ScoreError, Scorer};
use serde::{Deserialize, Serialize};

use crate::precision::Precision;

/// Films that are shown at once.
const AT_ONCE: usize = 16;

/// What was found when a model and its exported file were shown the same films.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parity {
    /// Films that both were shown.
    pub films: usize,
    /// Where the films are from.
    pub films_from: String,
    /// The greatest difference between two probabilities.
    pub largest_difference: f64,
    /// What it may be; none where rounding to eight bits decides, and flips are counted instead.
    pub tolerance: Option<f64>,
    /// Films that get another label.
    pub label_flips: usize,
    /// How many of them there may be.
    pub most_flips: usize,
    /// Films a second of the model, and of the file in the reader that it was checked with.
    pub films_per_second: [f64; 2],
    /// What read the file.
    pub reader: String,
}

impl Parity {
    /// Whether the file answers as the model does, as far as its precision lets it.
    #[must_use]
    pub fn holds(&self) -> bool {
        let is_near = self
            .tolerance
            .is_none_or(|most| self.largest_difference <= most);
        is_near && self.label_flips <= self.most_flips
    }
}

impl Precision {
    /// How far a probability may be off.
    #[must_use]
    pub fn tolerance(self) -> Option<f64> {
        match self {
            Self::F32 => Some(1e-5),
            Self::F16 => Some(2e-3),
            Self::Int8 => None,
        }
    }

    /// How many of so many films may get another label.
    #[must_use]
    pub fn most_flips(self, films: usize) -> usize {
        match self {
            // On the edge of the threshold the last digit decides.
            Self::F32 | Self::F16 => films / 100,
            Self::Int8 => films.div_ceil(100),
        }
    }
}

/// The probabilities that a scorer gives films, and how fast.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// One row a film.
    pub rows: Vec<Vec<f64>>,
    /// Films a second.
    pub films_per_second: f64,
}

impl Scored {
    /// Shows films to a scorer.
    ///
    /// # Errors
    ///
    /// What it fails with.
    pub fn by(scorer: &dyn Scorer, planes: &[Plane]) -> Result<Self, ScoreError> {
        // What is done once, such as packing weights, says nothing about the speed.
        scorer.probabilities(&planes[..planes.len().min(1)])?;
        let start = Instant::now();
        let mut rows = Vec::with_capacity(planes.len());
        for some in planes.chunks(AT_ONCE) {
            rows.extend(scorer.probabilities(some)?);
        }
        Ok(Self {
            rows,
            films_per_second: planes.len() as f64 / start.elapsed().as_secs_f64(),
        })
    }
}

impl Parity {
    /// What a model and its exported file make of the same films. `answer` is what the model makes of probabilities.
    #[must_use]
    pub fn of(
        [model, file]: [&Scored; 2],
        answer: &dyn Fn(&[f64]) -> String,
        precision: Precision,
    ) -> Self {
        let pairs = || model.rows.iter().zip(&file.rows);
        let differences = pairs().flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()));
        Self {
            films: model.rows.len(),
            films_from: String::new(),
            // A number that is none is as far off as can be.
            largest_difference: differences
                .fold(0.0, |most, d| if d > most || d.is_nan() { d } else { most }),
            tolerance: precision.tolerance(),
            label_flips: pairs().filter(|(a, b)| answer(a) != answer(b)).count(),
            most_flips: precision.most_flips(model.rows.len()),
            films_per_second: [model.films_per_second, file.films_per_second],
            reader: String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_off_is_seen() {
        let scored = |more: f64| {
            let p = |film: usize| 0.499 + if film == 0 { more } else { 0.0 };
            Scored {
                rows: (0..3).map(|film| vec![p(film), 1.0 - p(film)]).collect(),
                films_per_second: 1.0,
            }
        };
        let answer = |p: &[f64]| (p[0] < 0.5).to_string();
        for (more, precision, holds, flips) in [
            (0.0, Precision::F32, true, 0),
            (2e-5, Precision::F32, false, 0),
            (5e-4, Precision::F16, true, 0),
            (2e-3, Precision::F16, false, 1),
            (5e-2, Precision::Int8, true, 1),
            (f64::NAN, Precision::F32, false, 1),
        ] {
            let found = Parity::of([&scored(0.0), &scored(more)], &answer, precision);
            assert_eq!(found.holds(), holds, "{more}: {found:?}");
            assert_eq!(found.label_flips, flips, "{more}");
        }
    }
}
