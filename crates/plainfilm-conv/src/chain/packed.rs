//! A chain whose weights are packed, ready to run.

use crate::blocked::{self, Size};
use crate::buffer::Buffer;
use crate::half as in_half;

/// Layers made ready to run together.
pub struct Chain(pub(super) Kind);

pub(super) enum Kind {
    Blocked(blocked::Chain),
    Half(in_half::Chain),
}

impl Chain {
    /// The shape of the output for so many films: films, channels, height, width.
    pub(crate) fn output(&self, films: usize) -> [usize; 4] {
        match &self.0 {
            Kind::Blocked(chain) => {
                let Size {
                    channels,
                    height,
                    width,
                } = chain.output();
                [films, channels, height, width]
            }
            Kind::Half(chain) => chain.output(films),
        }
    }

    /// Films `[films, channels, height, width]` to maps of the same layout.
    pub(crate) fn run(&self, values: &[f32], films: usize) -> Buffer {
        match &self.0 {
            Kind::Blocked(chain) => chain.run(values),
            Kind::Half(chain) => chain.run(values, films),
        }
    }
}
