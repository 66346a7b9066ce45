//! Tiles and kernels of sixteen channels at a time, one channel a lane.

use std::ops::Range;

use super::transform::{self, Lanes, along_columns, along_rows};
use super::{MATRICES, TILE};
use crate::buffer::at_least;
use crate::kernel::{WIDEST, interleave, vectorised};

/// Channels side by side: the widest register.
pub(super) const LANES: usize = WIDEST;
/// Input channels whose kernels are turned at once: 36 KiB, which stay in the first-level cache.
const KERNELS: usize = 64;

/// Maps of a batch, `[films, channels, height, width]`.
pub(super) struct Maps<'a> {
    pub values: &'a [f32],
    pub channels: usize,
    pub size: [usize; 2],
    /// What the first tile lies outside the map.
    pub padding: [usize; 2],
}

/// Some tiles of one film: whole rows of them.
pub(super) struct Tiles {
    pub film: usize,
    pub rows: Range<usize>,
    pub columns: usize,
}

impl Maps<'_> {
    /// Transforms every tile of `SIDE` by `SIDE` values, four apart, of up to sixteen channels, and
    /// hands `put` each of its 36 values: matrix, number of the tile, lanes. Lanes without a channel
    /// are zero.
    #[inline(always)]
    pub fn transform<const SIDE: usize>(
        &self,
        tiles: &Tiles,
        channels: Range<usize>,
        transform: impl Fn(&[Lanes<LANES>; SIDE]) -> [Lanes<LANES>; 6] + Copy,
        memory: &mut Vec<f32>,
        mut put: impl FnMut(usize, usize, &Lanes<LANES>),
    ) {
        let [height, width] = self.size;
        let plane = height * width;
        let first = (tiles.rows.start * TILE).saturating_sub(self.padding[0]);
        let end = (tiles.rows.end * TILE + SIDE - TILE).saturating_sub(self.padding[0]);
        let pixels = first * width..end.min(height) * width;
        let mut rows: [&[f32]; LANES] = [&[]; LANES];
        let count = channels.len();
        for (row, channel) in rows.iter_mut().zip(channels) {
            let map = &self.values[(tiles.film * self.channels + channel) * plane..][..plane];
            *row = &map[pixels.clone()];
        }
        let memory = at_least(memory, pixels.len() * LANES);
        interleave(&rows[..count], memory);
        let pixels = memory.as_chunks::<LANES>().0;
        vectorised(|| {
            let mut tile = 0;
            for row in tiles.rows.clone() {
                for column in 0..tiles.columns {
                    let mut lanes = [[[0.0; LANES]; SIDE]; SIDE];
                    for (y, lanes) in lanes.iter_mut().enumerate() {
                        let y = (row * TILE + y).wrapping_sub(self.padding[0]);
                        if y >= height {
                            continue;
                        }
                        let line = &pixels[(y - first) * width..][..width];
                        for (x, lanes) in lanes.iter_mut().enumerate() {
                            let x = (column * TILE + x).wrapping_sub(self.padding[1]);
                            if let Some(values) = line.get(x) {
                                *lanes = *values;
                            }
                        }
                    }
                    let table = along_columns(&along_rows(&lanes, transform), transform);
                    for (matrix, values) in table.as_flattened().iter().enumerate() {
                        put(matrix, tile, values);
                    }
                    tile += 1;
                }
            }
        });
    }
}

/// The kernels of a layer, `[outputs, inputs, 3, 3]`.
#[derive(Clone, Copy)]
pub(super) struct Kernels<'a> {
    pub values: &'a [f32],
    /// Channels of what is convolved.
    pub inputs: usize,
    /// Channels of the result.
    pub outputs: usize,
    /// Whether they go from the layer's outputs back to its inputs, turned by half a turn.
    pub turned: bool,
}

impl Kernels<'_> {
    /// Transforms the kernels of up to sixteen outputs from `first` on, and hands `put` each of their
    /// 36 values: matrix, input channel, lanes. Lanes without an output are zero.
    #[inline(always)]
    pub fn transform(
        &self,
        first: usize,
        memory: &mut Vec<f32>,
        mut put: impl FnMut(usize, usize, &Lanes<LANES>),
    ) {
        let outputs = first..(first + LANES).min(self.outputs);
        let memory = at_least(memory, KERNELS.min(self.inputs) * 9 * LANES);
        for inputs in (0..self.inputs).step_by(KERNELS) {
            let inputs = inputs..(inputs + KERNELS).min(self.inputs);
            let taps = &mut memory[..inputs.len() * 9 * LANES];
            let mut rows: [&[f32]; LANES] = [&[]; LANES];
            if self.turned {
                for (input, taps) in inputs.clone().zip(taps.chunks_exact_mut(9 * LANES)) {
                    let kernels = &self.values[(input * self.outputs + first) * 9..];
                    for (row, kernel) in rows.iter_mut().zip(kernels.chunks_exact(9)) {
                        *row = kernel;
                    }
                    interleave(&rows[..outputs.len()], taps);
                }
            } else {
                for (row, output) in rows.iter_mut().zip(outputs.clone()) {
                    let kernels = &self.values[output * self.inputs * 9..][..self.inputs * 9];
                    *row = &kernels[inputs.start * 9..inputs.end * 9];
                }
                interleave(&rows[..outputs.len()], taps);
            }
            vectorised(|| {
                let taps = taps.as_chunks::<LANES>().0.as_chunks::<9>().0;
                for (input, taps) in inputs.clone().zip(taps) {
                    let mut kernel = [[[0.0; LANES]; 3]; 3];
                    for (tap, lanes) in kernel.as_flattened_mut().iter_mut().enumerate() {
                        *lanes = taps[if self.turned { 8 - tap } else { tap }];
                    }
                    let table =
                        along_columns(&along_rows(&kernel, transform::kernel), transform::kernel);
                    for (matrix, values) in table.as_flattened().iter().enumerate() {
                        put(matrix, input, values);
                    }
                }
            });
        }
        debug_assert!(MATRICES == 36 && first < self.outputs);
    }
}
