//! Learning rates: how far each step goes.

use serde::{Deserialize, Serialize};

/// How the learning rate changes over training.
///
/// Every rule is a pure function of the step and of the validation losses so far, so a resumed run
/// needs no state of its own to continue it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Schedule {
    /// The same rate throughout.
    Constant,
    /// Cosine up from `peak / 25` over the first `warm_up` of all steps, then cosine down to
    /// `peak / 250,000` (Smith & Topin 2018, with PyTorch's `OneCycleLR` constants; the
    /// momentum is not cycled).
    OneCycle {
        /// Share of all steps spent rising, `0..1`.
        warm_up: f64,
    },
    /// Half a cosine from the peak to zero (Loshchilov & Hutter 2017, without restarts).
    Cosine,
    /// Multiplied by `factor` after every `epochs` epochs.
    Step {
        /// Epochs between two drops.
        epochs: usize,
        /// Multiplier at each drop, `0..=1`.
        factor: f64,
    },
    /// Multiplied by `factor` when the validation loss has not improved for `patience` epochs;
    /// the count starts anew after a drop (PyTorch's `ReduceLROnPlateau` with threshold 0).
    Plateau {
        /// Epochs without improvement before a drop.
        patience: usize,
        /// Multiplier at each drop, `0..=1`.
        factor: f64,
    },
    /// `peak / (1 + decay * step)`, counted in steps: Keras' legacy `decay`.
    InverseTime {
        /// Decay per step.
        decay: f64,
    },
}

/// Where training stands when a rate is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Position<'a> {
    /// Steps taken so far.
    pub step: usize,
    /// Steps in the whole training.
    pub total_steps: usize,
    /// Epochs finished so far.
    pub epoch: usize,
    /// Validation loss of each finished epoch, oldest first.
    pub validation_losses: &'a [f64],
}

impl Schedule {
    /// The learning rate for the next step, given the peak rate of the settings.
    #[must_use]
    pub fn rate(&self, peak: f64, at: Position<'_>) -> f64 {
        match *self {
            Self::Constant => peak,
            Self::OneCycle { warm_up } => {
                let last = at.total_steps.saturating_sub(1).max(1) as f64;
                let top = (warm_up * at.total_steps as f64 - 1.0).max(0.0);
                let step = at.step as f64;
                let (start, floor) = (peak / 25.0, peak / 250_000.0);
                if step <= top {
                    let share = if top > 0.0 { step / top } else { 1.0 };
                    cosine_between(start, peak, share)
                } else {
                    cosine_between(peak, floor, (step - top) / (last - top).max(1.0))
                }
            }
            Self::Cosine => {
                cosine_between(peak, 0.0, at.step as f64 / at.total_steps.max(1) as f64)
            }
            Self::Step { epochs, factor } => {
                let drops = at.epoch / epochs.max(1);
                peak * factor.powi(i32::try_from(drops).unwrap_or(i32::MAX))
            }
            Self::Plateau { patience, factor } => {
                peak * factor.powi(plateau_drops(at.validation_losses, patience))
            }
            Self::InverseTime { decay } => peak / (1.0 + decay * at.step as f64),
        }
    }
}

fn cosine_between(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * (1.0 + (std::f64::consts::PI * share.min(1.0)).cos()) / 2.0
}

fn plateau_drops(losses: &[f64], patience: usize) -> i32 {
    let (mut best, mut waited, mut drops) = (f64::INFINITY, 0, 0);
    for &loss in losses {
        if loss < best {
            best = loss;
            waited = 0;
        } else {
            waited += 1;
            if waited > patience {
                drops += 1;
                waited = 0;
            }
        }
    }
    drops
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: usize, epoch: usize, validation_losses: &[f64]) -> Position<'_> {
        Position {
            step,
            total_steps: 10,
            epoch,
            validation_losses,
        }
    }

    #[test]
    fn one_cycle_rises_to_the_peak_and_falls_to_the_floor_by_cosines() {
        let schedule = Schedule::OneCycle {
            warm_up: 3.0 / 11.0,
        };
        let peak = 3e-3;
        let (start, floor) = (peak / 25.0, peak / 250_000.0);
        // The peak is at step 3/11 * 11 - 1 = 2, the floor at the last; halfway between two ends a
        // cosine is at their mean.
        for (step, expected) in [
            (0, start),
            (1, (start + peak) / 2.0),
            (2, peak),
            (6, (peak + floor) / 2.0),
            (10, floor),
        ] {
            let position = Position {
                total_steps: 11,
                ..at(step, 0, &[])
            };
            let rate = schedule.rate(peak, position);
            assert!(
                (rate - expected).abs() < 1e-15,
                "step {step}: {rate} is not {expected}"
            );
        }
    }

    #[test]
    fn each_rule_at_a_known_point() {
        let flat = [1.0, 1.0, 1.0, 1.0];
        let cases: [(Schedule, Position<'_>, f64); 7] = [
            (Schedule::Constant, at(5, 2, &[]), 1.0),
            (Schedule::Cosine, at(0, 0, &[]), 1.0),
            (Schedule::Cosine, at(5, 0, &[]), 0.5),
            (
                Schedule::Step {
                    epochs: 2,
                    factor: 0.1,
                },
                at(0, 5, &[]),
                0.01,
            ),
            (
                Schedule::Plateau {
                    patience: 2,
                    factor: 0.5,
                },
                at(0, 4, &flat),
                0.5,
            ),
            (
                Schedule::Plateau {
                    patience: 3,
                    factor: 0.5,
                },
                at(0, 4, &flat),
                1.0,
            ),
            (Schedule::InverseTime { decay: 0.5 }, at(2, 0, &[]), 0.5),
        ];
        for (schedule, position, expected) in cases {
            let rate = schedule.rate(1.0, position);
            assert!((rate - expected).abs() < 1e-12, "{schedule:?}: {rate}");
        }
    }
}
