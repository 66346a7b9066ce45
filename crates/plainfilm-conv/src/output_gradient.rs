//! Where the gradient of a convolution's output comes from.

use crate::buffer::at_least;

/// Where the gradient with respect to the convolution's output comes from.
#[derive(Clone, Copy)]
pub(crate) enum OutputGradient<'a> {
    /// It lies in memory, `[films, channels, output plane]`.
    Given(&'a [f32]),
    /// It is computed, one film at a time: film number and `[channels, output plane]` to fill.
    Rebuilt(&'a (dyn Fn(usize, &mut [f32]) + Sync)),
}

impl OutputGradient<'_> {
    /// One film of `length` values, computed into `memory` if need be.
    pub fn film<'a>(&'a self, film: usize, length: usize, memory: &'a mut Vec<f32>) -> &'a [f32] {
        match self {
            Self::Given(values) => &values[film * length..][..length],
            Self::Rebuilt(write) => {
                let memory = at_least(memory, length);
                write(film, memory);
                memory
            }
        }
    }
}
