//! Max-pooling with overlapping windows, forward and backward.
//!
//! The 2x2 pool that closes a block is fused into it ([`fused`](crate::fused)); this is the pool
//! that stands alone.

use rayon::prelude::*;

use crate::buffer::Buffer;
use crate::kernel::vectorised;
use crate::share;

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
        .with_min_len(share::fewest())
        .for_each(|((output, index), input)| {
            let mut scan = Scan::new(input, map, windows);
            let rows = output
                .chunks_exact_mut(width)
                .zip(index.chunks_exact_mut(width));
            for (row, (output, index)) in rows.enumerate() {
                scan.row(row);
                let found = scan.largest.iter().zip(&scan.which).step_by(windows.stride);
                for ((output, index), (&largest, &which)) in output.iter_mut().zip(index).zip(found)
                {
                    *output = largest;
                    *index = which as u8;
                }
            }
        });
    (output, index)
}

/// The windows of one plane, row by row: all that are one column apart, so that registers hold
/// neighbours.
struct Scan<'a> {
    windows: &'a Windows,
    /// The plane with its padding around it, which is less than every value.
    padded: Vec<f32>,
    pitch: usize,
    /// The largest value of the window that begins at each column of the padded plane.
    largest: Vec<f32>,
    /// Its number in the window.
    which: Vec<u32>,
    /// In each window, the columns before its first pixel.
    left: Vec<u32>,
}

impl<'a> Scan<'a> {
    fn new(input: &[f32], map: [usize; 2], windows: &'a Windows) -> Self {
        let &Windows { size, padding, .. } = windows;
        let pitch = map[1] + 2 * padding;
        let mut padded = vec![f32::NEG_INFINITY; pitch * (map[0] + 2 * padding)];
        let lines = padded[padding * pitch..].chunks_exact_mut(pitch);
        for (line, pixels) in lines.zip(input.chunks_exact(map[1])) {
            line[padding..padding + map[1]].copy_from_slice(pixels);
        }
        let positions = pitch - size + 1;
        let left = (0..positions).map(|start| padding.saturating_sub(start) as u32);
        Self {
            windows,
            padded,
            pitch,
            largest: vec![0.0; positions],
            which: vec![0; positions],
            left: left.collect(),
        }
    }

    /// Finds the largest values of output row `row`.
    fn row(&mut self, row: usize) {
        let &Windows {
            size,
            stride,
            padding,
        } = self.windows;
        let above = padding.saturating_sub(row * stride);
        let positions = self.largest.len();
        self.largest.fill(f32::NEG_INFINITY);
        // A window of nothing but -inf takes its first pixel.
        for (which, left) in self.which.iter_mut().zip(&self.left) {
            *which = (above * size) as u32 + left;
        }
        for y in 0..size {
            let line = &self.padded[(row * stride + y) * self.pitch..][..self.pitch];
            for x in 0..size {
                let number = (y * size + x) as u32;
                let (largest, which) = (&mut self.largest, &mut self.which);
                vectorised(|| take_larger(&line[x..][..positions], number, largest, which));
            }
        }
    }
}

/// Takes the values that are larger than those so far, or no numbers, and their number.
#[inline(always)]
fn take_larger(values: &[f32], number: u32, largest: &mut [f32], which: &mut [u32]) {
    for ((&value, largest), which) in values.iter().zip(largest).zip(which) {
        let is_larger = value > *largest || (value.is_nan() && !largest.is_nan());
        *largest = if is_larger { value } else { *largest };
        *which = if is_larger { number } else { *which };
    }
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
