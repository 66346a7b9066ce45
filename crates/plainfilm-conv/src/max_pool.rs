//! Max-pooling with overlapping windows, forward and backward.
//!
//! The 2x2 pool that closes a block is fused into it ([`fused`](crate::fused)); this is the pool
//! that stands alone.

use rayon::prelude::*;

use crate::buffer::Buffer;

/// The windows of a pool, alike in rows and columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Side in pixels; at most 15.
    pub size: usize,
    /// Step between neighbouring windows.
    pub stride: usize,
    /// Pixels around the map, never the largest; at most half of the side, so that every window
    /// holds a pixel.
    pub padding: usize,
}

impl Windows {
    /// Whether [`forward`] can do these: a window's pixels are numbered in a byte.
    pub(crate) fn fit(&self, map: [usize; 2]) -> bool {
        (1..=15).contains(&self.size)
            && self.stride > 0
            && self.padding <= self.size / 2
            && map.iter().all(|side| side + 2 * self.padding >= self.size)
    }

    /// Rows and columns of the pooled map (floor).
    pub(crate) fn output(&self, map: [usize; 2]) -> [usize; 2] {
        map.map(|side| (side + 2 * self.padding - self.size) / self.stride + 1)
    }

    /// The pixels that window `number` covers in rows or columns, and how many of its own come before.
    fn covered(&self, number: usize, side: usize) -> (std::ops::Range<usize>, usize) {
        let first = number * self.stride;
        let start = first.saturating_sub(self.padding);
        let end = (first + self.size).saturating_sub(self.padding).min(side);
        (start..end, start + self.padding - first)
    }
}

/// The largest value of each window of each plane, and its number in the window, a byte each; of
/// equals the first, and a value that is not a number is the largest.
pub(crate) fn forward(input: &[f32], map: [usize; 2], windows: &Windows) -> (Buffer, Buffer) {
    let [height, width] = windows.output(map);
    let planes = input.len() / (map[0] * map[1]);
    let mut output = Buffer::take(planes * height * width);
    let mut index = Buffer::take(output.len().div_ceil(size_of::<f32>()));
    output
        .par_chunks_mut(height * width)
        .zip(index.bytes_mut().par_chunks_mut(height * width))
        .zip(input.par_chunks(map[0] * map[1]))
        .for_each(|((output, index), input)| {
            let rows = output
                .chunks_exact_mut(width)
                .zip(index.chunks_exact_mut(width));
            for (row, (output, index)) in rows.enumerate() {
                let (lines, above) = windows.covered(row, map[0]);
                for column in 0..width {
                    let (columns, left) = windows.covered(column, map[1]);
                    let mut largest = f32::NEG_INFINITY;
                    // A window of nothing but -inf takes its first pixel.
                    let mut which = above * windows.size + left;
                    for (y, line) in lines.clone().enumerate() {
                        let pixels = &input[line * map[1]..][columns.clone()];
                        for (x, &value) in pixels.iter().enumerate() {
                            if value > largest || (value.is_nan() && !largest.is_nan()) {
                                largest = value;
                                which = (above + y) * windows.size + left + x;
                            }
                        }
                    }
                    output[column] = largest;
                    index[column] = which as u8;
                }
            }
        });
    (output, index)
}

/// The gradient of the input: each window's goes to the value it took.
pub(crate) fn backward(
    gradient: &[f32],
    index: &Buffer,
    map: [usize; 2],
    windows: &Windows,
) -> Buffer {
    let [height, width] = windows.output(map);
    let planes = gradient.len() / (height * width);
    let mut input = Buffer::take(planes * map[0] * map[1]);
    input
        .par_chunks_mut(map[0] * map[1])
        .zip(gradient.par_chunks(height * width))
        .zip(index.bytes()[..gradient.len()].par_chunks(height * width))
        .for_each(|((input, gradient), index)| {
            input.fill(0.0);
            for row in 0..height {
                let above = row * windows.stride;
                for column in 0..width {
                    let at = row * width + column;
                    let which = usize::from(index[at]);
                    // In the padded map; the padding is never taken.
                    let y = above + which / windows.size - windows.padding;
                    let x = column * windows.stride + which % windows.size - windows.padding;
                    input[y * map[1] + x] += gradient[at];
                }
            }
        });
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_take_their_largest_and_give_back_to_it() {
        let windows = Windows {
            size: 3,
            stride: 2,
            padding: 1,
        };
        #[rustfmt::skip]
        let input = [
            1.0, 5.0, 2.0, 0.0,
            4.0, 3.0, 9.0, 1.0,
            0.0, 8.0, 7.0, 6.0,
        ];
        assert!(windows.fit([3, 4]));
        assert_eq!(windows.output([3, 4]), [2, 2]);
        let (output, index) = forward(&input, [3, 4], &windows);
        assert_eq!(*output, [5.0, 9.0, 8.0, 9.0]);
        assert_eq!(index.bytes()[..4], [5, 7, 5, 1]);
        let found = backward(&[1.0, 2.0, 3.0, 4.0], &index, [3, 4], &windows);
        #[rustfmt::skip]
        let expected = [
            0.0, 1.0, 0.0, 0.0,
            0.0, 0.0, 6.0, 0.0,
            0.0, 3.0, 0.0, 0.0,
        ];
        assert_eq!(*found, expected);
    }

    #[test]
    fn a_value_that_is_no_number_shows() {
        let windows = Windows {
            size: 2,
            stride: 2,
            padding: 0,
        };
        let (output, _) = forward(&[1.0, f32::NAN, 3.0, 2.0], [2, 2], &windows);
        assert!(output[0].is_nan());
        let (output, index) = forward(&[f32::NEG_INFINITY; 4], [2, 2], &windows);
        assert_eq!((output[0], index.bytes()[0]), (f32::NEG_INFINITY, 0));
    }
}
