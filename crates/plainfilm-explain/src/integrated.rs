//! Integrated gradients (Sundararajan et al. 2017, arXiv:1703.01365).
//!
//! The way begins at a film without structure: every channel has its own mean everywhere. A black film,
//! the usual beginning, would hide what is black on the film, and lungs are nearly black. Sums over the
//! film are the same whichever way the values are scaled.

use rand::RngExt;

use super::attribution::Attribution;
use super::scores::without_structure;
use super::{Evidence, ExplainSettings, Grid};
use plainfilm_seed as seed;

/// Part of the difference of the scores by which the sum of the map may miss it before steps are doubled.
const TOLERANCE: f64 = 0.01;
/// Logits closer than this are the same for that comparison.
const LEAST_DIFFERENCE: f64 = 0.05;

/// A map with what it should add up to.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegratedGradients {
    /// Signed, one value a pixel, channels added up.
    pub evidence: Evidence,
    /// The sum of the map.
    pub sum: f64,
    /// The logit of the film less that of the film without structure: a complete map adds up to it.
    pub difference: f64,
    /// Steps that were taken in the end.
    pub steps: usize,
}

impl Attribution {
    /// Pixels of a film.
    fn area(&self) -> usize {
        self.network().size * self.network().size
    }

    /// Integrated gradients from the film's own mean to the film.
    pub fn integrated_gradients(&self, film: &[f32], label: usize) -> IntegratedGradients {
        self.from_baseline(film, &without_structure(film, self.area()), label)
    }

    /// Integrated gradients from any beginning, doubling the steps until the map is complete within 1 %.
    pub fn from_baseline(
        &self,
        film: &[f32],
        baseline: &[f32],
        label: usize,
    ) -> IntegratedGradients {
        let scores = self.logits(&[film, baseline].concat());
        let difference = f64::from(scores[0][label]) - f64::from(scores[1][label]);
        let mut steps = self.settings().steps;
        let mut doublings = 0;
        loop {
            let found = self.integrated_along(film, baseline, label, steps);
            let sum: f64 = found.values.iter().map(|&value| f64::from(value)).sum();
            let missed = (sum - difference).abs();
            if missed <= TOLERANCE * difference.abs().max(LEAST_DIFFERENCE)
                || doublings == ExplainSettings::MOST_DOUBLINGS
            {
                return IntegratedGradients {
                    evidence: found,
                    sum,
                    difference,
                    steps,
                };
            }
            steps *= 2;
            doublings += 1;
        }
    }

    /// Integrated gradients averaged over copies of the film with noise (SmoothGrad, Smilkov et al.
    /// 2017, arXiv:1706.03825).
    pub(super) fn smooth_integrated_gradients(&self, film: &[f32], label: usize) -> Evidence {
        let settings = self.settings();
        let (low, high) = film
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
                (low.min(value), high.max(value))
            });
        let deviation = (high - low) * settings.noise as f32 / 100.0;
        let size = self.network().size;
        let baseline = without_structure(film, self.area());
        let mut sums = vec![0.0_f32; size * size];
        for copy in 0..settings.copies {
            let mut random = seed::generator(settings.seed, "noise", &[copy as u64]);
            // The channels show one film: they get one noise.
            let noise: Vec<f32> = (0..size * size)
                .map(|_| {
                    // Twelve draws added up are normal enough for noise.
                    let sum: f32 = (0..12).map(|_| random.random::<f32>()).sum();
                    (sum - 6.0) * deviation
                })
                .collect();
            let noisy: Vec<f32> = film
                .iter()
                .zip(noise.iter().cycle())
                .map(|(value, noise)| value + noise)
                .collect();
            let found = self.integrated_along(&noisy, &baseline, label, settings.steps);
            for (sum, value) in sums.iter_mut().zip(&found.values) {
                *sum += value / settings.copies as f32;
            }
        }
        Evidence {
            grid: Grid::pixels(size),
            values: sums,
        }
    }

    /// The integral along the straight way, by Gauss-Legendre quadrature with this many steps.
    pub fn integrated_along(
        &self,
        film: &[f32],
        baseline: &[f32],
        label: usize,
        steps: usize,
    ) -> Evidence {
        let size = self.network().size;
        let mut sums = vec![0.0_f64; size * size];
        for nodes in gauss_legendre(steps).chunks(16) {
            let pixels: Vec<f32> = nodes
                .iter()
                .flat_map(|&(place, _)| {
                    film.iter()
                        .zip(baseline)
                        .map(move |(to, from)| from + (to - from) * place as f32)
                })
                .collect();
            let (gradients, _) = self.pixel_gradients(&pixels, label);
            for (gradient, &(_, weight)) in gradients.chunks_exact(film.len()).zip(nodes) {
                for (index, ((g, to), from)) in gradient.iter().zip(film).zip(baseline).enumerate()
                {
                    sums[index % (size * size)] += weight * f64::from(*g) * f64::from(to - from);
                }
            }
        }
        Evidence {
            grid: Grid::pixels(size),
            values: sums.into_iter().map(|sum| sum as f32).collect(),
        }
    }
}

/// Places in 0..1 and weights that add up to 1: the roots of the Legendre polynomial of this degree, by
/// Newton's method from the usual first guess (Abramowitz and Stegun 1964, 22.16.6 and 25.4.29).
fn gauss_legendre(degree: usize) -> Vec<(f64, f64)> {
    let n = degree as f64;
    (0..degree)
        .map(|index| {
            let mut x = -((index as f64 + 0.75) / (n + 0.5) * std::f64::consts::PI).cos();
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut before, mut value) = (1.0, x);
                for k in 2..=degree {
                    let k = k as f64;
                    (before, value) = (
                        value,
                        ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k,
                    );
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                let step = value / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            ((x + 1.0) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadrature_is_exact_for_polynomials() {
        for degree in [2, 5, 32, 512] {
            let nodes = gauss_legendre(degree);
            assert!(nodes.windows(2).all(|pair| pair[0].0 < pair[1].0));
            for power in [0, 1, 3] {
                let sum: f64 = nodes.iter().map(|(x, w)| w * x.powi(power)).sum();
                let expected = 1.0 / f64::from(power + 1);
                assert!((sum - expected).abs() < 1e-12, "{degree} {power}: {sum}");
            }
        }
        // Of degree 2: 1/2 -+ 1/sqrt(12).
        assert!((gauss_legendre(2)[0].0 - (0.5 - 1.0 / 12_f64.sqrt())).abs() < 1e-15);
    }
}
