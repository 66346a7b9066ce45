//! Which numbers a model's tensors hold.

use super::levels::Levels;
use crate::Interface;
use crate::graph::ValueId;

/// Which numbers a model's tensors hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Numbers {
    /// f32 throughout.
    F32,
    /// Weights in f16, all else in f32.
    F16,
    /// Whole numbers with these levels, one entry a value of the graph, between ends of this kind.
    Int8(Vec<Levels>, Interface),
}

impl Numbers {
    /// The levels of a value, where it has levels.
    pub(super) fn levels(&self, value: ValueId) -> Option<Levels> {
        match self {
            Self::F32 | Self::F16 => None,
            Self::Int8(levels, _) => Some(levels[value]),
        }
    }
}
