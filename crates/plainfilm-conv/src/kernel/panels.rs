//! The left operand of the outer-product kernel, packed once per layer and step.

use std::ops::Range;

use rayon::prelude::*;

use crate::buffer::Buffer;

/// Rows in a panel, at most: with three registers of columns each that is 24 sums, which 32
/// registers hold beside their operands.
const MOST_ROWS: usize = 8;
/// Values that one thread packs at least.
const PACKED_AT_ONCE: usize = 16 * 1024;

/// One matrix a group, cut into panels of a few rows; in a panel the values of one column follow
/// one another.
pub(crate) struct Panels {
    values: Buffer,
    rows: usize,
    depth: usize,
    height: usize,
}

impl Panels {
    /// Packs `groups` matrices of `rows` rows and `depth` columns, whose values are
    /// `value(group, row, column)`. The last panel of each is filled up with zeros.
    pub fn pack(
        groups: usize,
        rows: usize,
        depth: usize,
        value: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        // A depthwise layer has one row a group: seven rows of zeros would cost eight times as much.
        let height = rows.next_power_of_two().min(MOST_ROWS);
        let panels = rows.div_ceil(height);
        let mut values = Buffer::take(groups * panels * height * depth);
        values
            .par_chunks_exact_mut(height * depth)
            .with_min_len(PACKED_AT_ONCE.div_ceil(height * depth))
            .enumerate()
            .for_each(|(at, values)| {
                let (group, panel) = (at / panels, at % panels);
                for (k, column) in values.chunks_exact_mut(height).enumerate() {
                    for (row, out) in (panel * height..).zip(column) {
                        *out = if row < rows {
                            value(group, row, k)
                        } else {
                            0.0
                        };
                    }
                }
            });
        Self {
            values,
            rows,
            depth,
            height,
        }
    }

    /// Bytes of all panels.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.values)
    }

    /// Rows of every panel, those filled up included.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The panels of one group, with the rows of its matrix that each holds.
    pub fn group(&self, group: usize) -> impl Iterator<Item = (Range<usize>, &[f32])> {
        let length = self.height * self.depth;
        let panels = self.rows.div_ceil(self.height);
        let values = &self.values[group * panels * length..][..panels * length];
        let panels = values.chunks_exact(length).enumerate();
        panels.map(move |(at, values)| {
            let first = at * self.height;
            (first..(first + self.height).min(self.rows), values)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_every_value_once_and_zeros_below() {
        for (rows, height) in [(1, 1), (2, 2), (3, 4), (8, 8), (13, 8)] {
            let number = |group, row, k| (group * 1000 + row * 10 + k + 1) as f32;
            let panels = Panels::pack(3, rows, 5, number);
            assert_eq!(panels.height(), height);
            for group in 0..3 {
                let mut seen = 0;
                for (range, values) in panels.group(group) {
                    for (at, &value) in values.iter().enumerate() {
                        let (k, row) = (at / height, range.start + at % height);
                        let expected = if row < rows {
                            number(group, row, k)
                        } else {
                            0.0
                        };
                        assert_eq!(value, expected, "{rows} rows: row {row}, column {k}");
                    }
                    seen += range.len();
                }
                assert_eq!(seen, rows);
            }
        }
    }
}
