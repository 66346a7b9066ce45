//! How a convolution's output is cut into tasks, and the rows that a task hands on.

use std::ops::Range;

use crate::geometry::Shape;
use crate::kernel::elementwise::Grid;
use crate::lattice::parts;
use crate::matrix::MatMut;

/// Floats of a tile's laid-out input: half a mebibyte, which stays in the second-level cache.
pub(crate) const TILE_FLOATS: usize = 128 * 1024;
/// Values of one output channel that are computed before they are used: eight channels of them
/// stay in the first-level cache.
pub(crate) const CHUNK: usize = 1024;
/// Fewest tasks that a batch is cut into, where it has fewer films.
const TASKS: usize = 8;
/// Rows below which a tile is not cut for the sake of more tasks: its border would cost too much.
const FEWEST_ROWS: usize = 14;

/// One task: some output rows of some channels of one film, and what it gives.
pub(crate) struct Task<'a, R> {
    /// Number of the film.
    pub film: usize,
    /// The output channels; whole groups.
    pub channels: Range<usize>,
    /// The output rows.
    pub rows: Range<usize>,
    /// Where results go: one row a channel.
    pub out: MatMut<'a>,
    /// What else the task finds out.
    pub found: R,
}

/// Freshly computed output rows of one channel.
pub(crate) struct Rows<'a> {
    values: &'a [f32],
    pitch: usize,
    width: usize,
    count: usize,
    /// The first of them, counted from the task's first row.
    pub first: usize,
}

impl<'a> Rows<'a> {
    /// All rows of a task: `count` of them, `width` wide and `pitch` apart.
    pub fn new(values: &'a [f32], pitch: usize, width: usize, count: usize) -> Self {
        Self::part(values, pitch, width, 0..count)
    }

    /// Rows `rows` of a task.
    pub fn part(values: &'a [f32], pitch: usize, width: usize, rows: Range<usize>) -> Self {
        Self {
            values,
            pitch,
            width,
            count: rows.len(),
            first: rows.start,
        }
    }

    /// Row `row` of these.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.pitch..][..self.width]
    }

    /// Number of rows.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Where they belong in a channel's row of the task's output, whose rows are as wide as these.
    pub fn place_in<'b>(&self, out: &'b mut [f32]) -> &'b mut [f32] {
        &mut out[self.first * self.width..][..self.count * self.width]
    }

    /// All of them: values, width, and distance between rows. Without anything between rows they are
    /// one long row.
    pub fn grid(&self) -> Grid<'a> {
        let (width, pitch) = if self.pitch == self.width {
            (self.count * self.width, self.count * self.width)
        } else {
            (self.width, self.pitch)
        };
        Grid {
            values: self.values,
            width,
            pitch,
        }
    }

    /// Copies them into a channel's row of the task's output, whose rows are as wide as these, and
    /// gives the copy.
    pub fn copy_to<'b>(&self, out: &'b mut [f32]) -> &'b mut [f32] {
        let out = self.place_in(out);
        if self.pitch == self.width {
            out.copy_from_slice(&self.values[..out.len()]);
            return out;
        }
        for (row, out) in out.chunks_exact_mut(self.width).enumerate() {
            out.copy_from_slice(self.row(row));
        }
        out
    }
}

/// Cuts the output rows of a film into tasks of at most `most` rows, more than one where there are
/// few films. The cut depends on the sizes only, never on the number of threads.
pub(crate) fn tiles(shape: &Shape, most: usize, multiple: usize) -> Vec<Range<usize>> {
    let shares = TASKS.div_ceil(shape.films);
    let share = shape.output[0].div_ceil(shares).max(FEWEST_ROWS);
    parts(shape.output[0], most.min(share), multiple)
}

/// The part of `values` that belongs to a group, where each group has `length` values.
pub(crate) fn group_of(values: &[f32], group: usize, length: usize) -> &[f32] {
    &values[group * length..][..length]
}
