//! Values on cache lines: a register's worth never lies across two of them.

use crate::kernel::blocked::BLOCK;

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; BLOCK]);

/// Memory that begins on a cache line.
#[derive(Clone, Default)]
pub(crate) struct Lines(Vec<Line>);

impl Lines {
    /// So many zeros, rounded up to whole lines.
    pub fn zeroed(values: usize) -> Self {
        Self(vec![Line([0.0; BLOCK]); values.div_ceil(BLOCK)])
    }

    /// The first `values` values of memory that grows where needed; what they hold is unspecified.
    pub fn at_least(&mut self, values: usize) -> &mut [f32] {
        let lines = values.div_ceil(BLOCK);
        if self.0.len() < lines {
            self.0.resize(lines, Line([0.0; BLOCK]));
        }
        if cfg!(debug_assertions) {
            // A value that is read before it is written shows.
            self.values_mut().fill(f32::NAN);
        }
        &mut self.values_mut()[..values]
    }

    /// All values.
    pub fn values(&self) -> &[f32] {
        // SAFETY: lines are arrays of floats without anything between them.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), self.0.len() * BLOCK) }
    }

    /// All values, to write.
    pub fn values_mut(&mut self) -> &mut [f32] {
        // SAFETY: the same memory, borrowed for as long.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), self.0.len() * BLOCK) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_begins_on_a_line_and_grows() {
        let mut lines = Lines::zeroed(17);
        assert_eq!(lines.values(), [0.0; 32]);
        lines.values_mut()[16] = 1.0;
        assert_eq!(lines.values()[16], 1.0);
        for values in [3, 100, 40] {
            let found = lines.at_least(values);
            assert_eq!((found.len(), found.as_ptr() as usize % 64), (values, 0));
        }
    }
}
