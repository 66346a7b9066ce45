//! Which numbers a file holds.

use std::fmt;

/// How weights are stored, and what is computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// As they were trained.
    #[default]
    F32,
    /// Weights of convolutions and linear layers rounded to f16; computed with f32.
    F16,
    /// Weights and maps as whole numbers of 8 bits, computed with whole numbers.
    Int8,
}

impl Precision {
    /// All of them, the most exact one first.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Int8];
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        })
    }
}

/// What a quantised model reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interface {
    /// The same as without quantisation.
    #[default]
    Float,
    /// Whole numbers from 0 to 255: a camera's pixels in, 256ths of probabilities out.
    Uint8,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Uint8 => "uint8",
        })
    }
}
