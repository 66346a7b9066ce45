//! A band of rows with padding around them, which moves down a map.

use std::ops::Range;

use super::Size;
use crate::kernel::blocked::BLOCK;

/// Values that a band has at most, where a map has more: half of a mebibyte, which stays in the
/// second-level cache beside weights.
const MOST: usize = 128 * 1024;

/// How rows of a map are laid out for a kernel that slides over them.
pub(super) struct Band {
    /// The map that the rows are of.
    map: Size,
    kernel: usize,
    stride: usize,
    /// Zeros above and to the left of the map.
    before: usize,
    /// Rows of the output that are computed at a time.
    pub rows: usize,
    /// Pixels from row to row.
    pub pitch: usize,
}

impl Band {
    /// For a map that is computed from row by row, and an output of this height and width.
    pub fn new(
        map: Size,
        kernel: usize,
        stride: usize,
        before: usize,
        [height, width]: [usize; 2],
    ) -> Self {
        let pitch = ((width - 1) * stride + kernel).max(before + map.width);
        let per_row = map.blocks() * pitch * BLOCK;
        let fits = (MOST / per_row).saturating_sub(kernel) / stride;
        Self {
            map,
            kernel,
            stride,
            before,
            rows: fits.clamp(1, height),
            pitch,
        }
    }

    /// Takes rows in multiples of `multiple`, and at least so many columns.
    pub fn widen(&mut self, multiple: usize, pitch: usize) {
        self.rows = (self.rows / multiple).max(1) * multiple;
        self.pitch = self.pitch.max(pitch);
    }

    /// Values of a block.
    pub fn plane(&self) -> usize {
        ((self.rows - 1) * self.stride + self.kernel) * self.pitch * BLOCK
    }

    /// Values of all blocks.
    pub fn values(&self) -> usize {
        self.map.blocks() * self.plane()
    }

    /// The parts of these output rows that are computed at a time.
    pub fn parts(&self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let most = self.rows;
        rows.clone()
            .step_by(most)
            .map(move |first| first..(first + most).min(rows.end))
    }

    /// The map's rows that these output rows see, padding included.
    fn seen(&self, rows: &Range<usize>) -> Range<isize> {
        let first = (rows.start * self.stride) as isize - self.before as isize;
        first..first + ((rows.len() - 1) * self.stride + self.kernel) as isize
    }

    /// Moves on from the output rows `done` to `next`: keeps the rows that both see, clears the padding,
    /// and tells which rows of the map are to be written, and the first of them's place in a block.
    pub fn advance(
        &self,
        memory: &mut [f32],
        done: Option<&Range<usize>>,
        next: &Range<usize>,
    ) -> (Range<usize>, usize) {
        let line = self.pitch * BLOCK;
        let seen = self.seen(next);
        let place = |row: isize| (row - seen.start) as usize * line;
        // The rows above `fresh` are there already.
        let mut fresh = seen.start;
        let old = done
            .map(|done| self.seen(done))
            .filter(|old| old.end > seen.start);
        for block in memory.chunks_exact_mut(self.plane()) {
            if let Some(old) = &old {
                let first = (seen.start - old.start) as usize * line;
                let last = (old.end - old.start) as usize * line;
                block.copy_within(first..last, 0);
                fresh = old.end;
            }
            for row in fresh..seen.end {
                let values = &mut block[place(row)..][..line];
                if row < 0 || row >= self.map.height as isize {
                    values.fill(0.0);
                } else {
                    values[..self.before * BLOCK].fill(0.0);
                    values[(self.before + self.map.width) * BLOCK..].fill(0.0);
                }
            }
        }
        let first = fresh.clamp(0, self.map.height as isize);
        let last = seen.end.clamp(first, self.map.height as isize);
        let at = if first < last {
            place(first) + self.before * BLOCK
        } else {
            0
        };
        (first as usize..last as usize, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_holds_what_its_rows_see() {
        for (height, kernel, stride, before, at_once) in [
            (7usize, 3usize, 1usize, 1usize, 2usize),
            (9, 5, 2, 2, 1),
            (8, 3, 2, 0, 3),
            (6, 1, 1, 0, 4),
        ] {
            let map = Size {
                channels: 20,
                height,
                width: 3,
            };
            let out = [height.div_ceil(stride), 3usize.div_ceil(stride)];
            let mut band = Band::new(map, kernel, stride, before, out);
            band.rows = at_once.min(out[0]);
            let line = band.pitch * BLOCK;
            let mut memory = vec![f32::NAN; band.values()];
            let mut done: Option<Range<usize>> = None;
            for next in band.parts(0..out[0]) {
                let (fresh, at) = band.advance(&mut memory, done.as_ref(), &next);
                for block in memory.chunks_exact_mut(band.plane()) {
                    for (row, values) in fresh.clone().zip(block[at..].chunks_mut(line)) {
                        values[..map.row()].fill(row as f32 + 1.0);
                    }
                }
                for block in memory.chunks_exact(band.plane()) {
                    let seen = (next.len() - 1) * stride + kernel;
                    for (y, values) in block.chunks_exact(line).take(seen).enumerate() {
                        for (x, pixel) in values.chunks_exact(BLOCK).enumerate() {
                            let row = (next.start * stride + y).wrapping_sub(before);
                            let inside = row < height && (before..before + 3).contains(&x);
                            let expected = if inside { row as f32 + 1.0 } else { 0.0 };
                            assert_eq!(pixel, [expected; BLOCK], "{height} {kernel} {y} {x}");
                        }
                    }
                }
                done = Some(next);
            }
        }
    }
}
