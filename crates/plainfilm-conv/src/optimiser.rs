//! A step of Adam in one pass over the weights.
//!
//! Written as tensor operations it is some twelve passes over four arrays, most of them on one
//! thread; for a network of 11 million weights that is a fifth of a training step.

use rayon::prelude::*;

use crate::kernel::vectorised;

/// Values that one task takes.
const CHUNK: usize = 64 * 1024;

/// One step of Adam (Kingma and Ba 2015, algorithm 1), with weight decay as part of the gradient or
/// decoupled from it (AdamW: Loshchilov and Hutter 2019, algorithm 2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Learning rate.
    pub rate: f32,
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Added to the root of the corrected second moment.
    pub epsilon: f32,
    /// Times the weight, added to the gradient; 0 for AdamW.
    pub coupled_decay: f32,
    /// Times rate and weight, taken off the weight; 0 for Adam.
    pub decoupled_decay: f32,
    /// Number of this step, from 1.
    pub time: i32,
}

/// What the rates and the time come to.
#[derive(Clone, Copy)]
pub(crate) struct Factors {
    /// `1 - rate * decoupled_decay`.
    pub kept: f32,
    /// `rate / (1 - beta_1^time)`.
    pub rate: f32,
    /// `1 / sqrt(1 - beta_2^time)`.
    pub root: f32,
}

impl AdamStep {
    pub(crate) fn factors(&self) -> Factors {
        Factors {
            kept: 1.0 - self.rate * self.decoupled_decay,
            rate: self.rate / (1.0 - self.beta_1.powi(self.time)),
            root: 1.0 / (1.0 - self.beta_2.powi(self.time)).sqrt(),
        }
    }

    /// Updates both moments in place and writes the new weights to `out`; all of one length.
    pub(crate) fn run(
        &self,
        weight: &[f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        out: &mut [f32],
    ) {
        let factors = self.factors();
        out.par_chunks_mut(CHUNK)
            .zip(weight.par_chunks(CHUNK))
            .zip(gradient.par_chunks(CHUNK))
            .zip(first.par_chunks_mut(CHUNK))
            .zip(second.par_chunks_mut(CHUNK))
            .for_each(|((((out, weight), gradient), first), second)| {
                vectorised(|| chunk(*self, factors, weight, gradient, first, second, out));
            });
    }
}

#[inline(always)]
fn chunk(
    step: AdamStep,
    Factors { kept, rate, root }: Factors,
    weight: &[f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    out: &mut [f32],
) {
    let moments = first.iter_mut().zip(second);
    let given = weight.iter().zip(gradient);
    for (((m, v), (&w, &g)), out) in moments.zip(given).zip(out) {
        let g = g + step.coupled_decay * w;
        *m = step.beta_1 * *m + (1.0 - step.beta_1) * g;
        *v = step.beta_2 * *v + (1.0 - step.beta_2) * (g * g);
        *out = kept * w - rate * *m / (v.sqrt() * root + step.epsilon);
    }
}
