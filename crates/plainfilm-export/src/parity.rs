//! Whether an exported file answers as its model does.

use std::time::Instant;

use plainfilm_film::radiograph::Plane;
use plainfilm_model::predict::{ScoreError, Scorer};
use serde::Serialize;

use crate::precision::Precision;

/// What was found when a model and its exported file were shown the same films.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Size of the exported file, in bytes.
    pub bytes: u64,
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

/// Shows films to both, and compares. `label` is what the model makes of probabilities.
///
/// # Errors
///
/// What either of them fails with.
pub fn compare(
    [model, file]: [&dyn Scorer; 2],
    planes: &[Plane],
    label: &dyn Fn(&[f64]) -> usize,
    precision: Precision,
) -> Result<Parity, ScoreError> {
    // What is done once, such as packing weights, says nothing about the speed.
    for scorer in [model, file] {
        scorer.probabilities(&planes[..planes.len().min(1)])?;
    }
    let timed = |scorer: &dyn Scorer| -> Result<_, ScoreError> {
        let start = Instant::now();
        let mut rows = Vec::with_capacity(planes.len());
        for some in planes.chunks(16) {
            rows.extend(scorer.probabilities(some)?);
        }
        Ok((rows, planes.len() as f64 / start.elapsed().as_secs_f64()))
    };
    let (expected, speed) = timed(model)?;
    let (found, other_speed) = timed(file)?;
    let pairs = || expected.iter().zip(&found);
    let differences = pairs().flat_map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    Ok(Parity {
        films: planes.len(),
        films_from: String::new(),
        // A number that is none is as far off as can be.
        largest_difference: differences
            .fold(0.0, |most, d| if d > most || d.is_nan() { d } else { most }),
        tolerance: precision.tolerance(),
        label_flips: pairs().filter(|(a, b)| label(a) != label(b)).count(),
        most_flips: precision.most_flips(planes.len()),
        films_per_second: [speed, other_speed],
        bytes: 0,
        reader: String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_film::radiograph::Preprocessing;

    /// Says the same number of every film, plus what it was told to add to the first.
    struct Constant(Preprocessing, [String; 2], f64);

    impl Scorer for Constant {
        fn preprocessing(&self) -> &Preprocessing {
            &self.0
        }

        fn labels(&self) -> &[String] {
            &self.1
        }

        fn probabilities(&self, planes: &[Plane]) -> Result<Vec<Vec<f64>>, ScoreError> {
            let p = |index: usize| 0.499 + if index == 0 { self.2 } else { 0.0 };
            Ok((0..planes.len())
                .map(|index| vec![p(index), 1.0 - p(index)])
                .collect())
        }
    }

    #[test]
    fn what_is_off_is_seen() {
        let scorer = |more| {
            Constant(
                Preprocessing::default(),
                ["a", "b"].map(str::to_owned),
                more,
            )
        };
        let planes: Vec<Plane> = (0..3)
            .map(|_| Plane {
                size: 1,
                values: vec![0.0],
            })
            .collect();
        let label = |p: &[f64]| usize::from(p[0] < 0.5);
        for (more, precision, holds, flips) in [
            (0.0, Precision::F32, true, 0),
            (2e-5, Precision::F32, false, 0),
            (5e-4, Precision::F16, true, 0),
            (2e-3, Precision::F16, false, 1),
            (5e-2, Precision::Int8, true, 1),
            (f64::NAN, Precision::F32, false, 1),
        ] {
            let (a, b) = (scorer(0.0), scorer(more));
            let found = compare([&a, &b], &planes, &label, precision).expect("scores");
            assert_eq!(found.holds(), holds, "{more}: {found:?}");
            assert_eq!(found.label_flips, flips, "{more}");
        }
    }
}
