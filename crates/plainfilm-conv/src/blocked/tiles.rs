//! A 3x3 convolution by transformed tiles, as in [`winograd`](crate::winograd), on maps in blocks.
//!
//! A tile's 36 values are vectors of sixteen channels, so transforms are plain sums of vectors, and each of
//! the 36 products is a 1x1 convolution whose pixels are tiles.

use std::array::from_fn;

use super::conv::{Conv, Folded, Inputs, Pixels};
use super::memory::Lines;
use crate::fused::{Activation, Curve};
use crate::kernel::blocked::{BLOCK, Run};
use crate::kernel::vectorised;
use crate::matrix::MatMut;
use crate::winograd::transform::{along_columns, along_rows, input, kernel, output};
use crate::winograd::{MATRICES, TILE};

/// One pixel of a block.
type Pixel = [f32; BLOCK];
/// Inputs of a tile, each way.
const SIDE: usize = TILE + 2;
/// Pixels of a map from which on transforms save more than reading four times the weights costs.
const FEWEST_PIXELS: usize = 500;
/// Tiles that are multiplied at once, at least where there are as many: two sets of registers.
const TOGETHER: usize = 28;

/// A convolution of 3x3 taps made ready.
pub(crate) struct Tiles {
    /// One for each of the 36 places of a tile.
    products: Vec<Conv>,
    bias: Lines,
    curve: Curve,
    inputs: usize,
    outputs: usize,
    /// Tiles of a row.
    columns: usize,
    /// Rows of tiles that are multiplied at once.
    rows: usize,
    runs: Vec<Run>,
}

/// Working memory: transformed tiles, and their products.
#[derive(Default)]
pub(crate) struct TileMemory {
    seen: Lines,
    made: Lines,
}

impl Tiles {
    /// Whether the transforms pay for maps of this height and width.
    pub fn pay(kernel: usize, [height, width]: [usize; 2]) -> bool {
        kernel == 3 && height * width >= FEWEST_PIXELS
    }

    /// `folded.weight` is `[outputs, inputs, 3, 3]`.
    pub fn new(folded: &Folded, width: usize, curve: Curve) -> Self {
        let outputs = folded.bias.len();
        let inputs = folded.weight.len() / outputs / 9;
        let mut places = vec![vec![0.0; outputs * inputs]; MATRICES];
        for (at, taps) in folded.weight.as_chunks::<9>().0.iter().enumerate() {
            let taps: [[[f32; 1]; 3]; 3] = from_fn(|y| from_fn(|x| [taps[3 * y + x]]));
            let transformed = along_columns(&along_rows(&taps, kernel), kernel);
            for (place, values) in places.iter_mut().enumerate() {
                values[at] = transformed[place / SIDE][place % SIDE][0];
            }
        }
        let products = places.into_iter().map(|weight| {
            let folded = Folded {
                weight,
                bias: vec![0.0; outputs],
            };
            Conv::new(&folded, 1, Inputs::Blocks, Activation::Identity.curve())
        });
        let products: Vec<Conv> = products.collect();
        let columns = width.div_ceil(TILE);
        let rows = TOGETHER.div_ceil(columns);
        let mut bias = Lines::zeroed(outputs.next_multiple_of(BLOCK));
        bias.values_mut()[..outputs].copy_from_slice(&folded.bias);
        Self {
            runs: products[0].runs(rows * columns * BLOCK, rows * columns * BLOCK),
            products,
            bias,
            curve,
            inputs,
            outputs,
            columns,
            rows,
        }
    }

    /// Channels that come out.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Columns of a map with its padding that whole tiles see.
    pub fn columns_seen(&self) -> usize {
        self.columns * TILE + 2
    }

    /// Computes `height` rows of `width` pixels into `out`, a row for each block, from column `first` on. The map
    /// lies in blocks `plane` values apart and rows of `pitch` values, padding included; what whole
    /// tiles see of it beyond the rows is finite.
    pub fn run(
        &self,
        map: &[f32],
        [plane, pitch]: [usize; 2],
        [height, width]: [usize; 2],
        first: usize,
        out: &mut MatMut<'_>,
        TileMemory { seen, made }: &mut TileMemory,
    ) {
        let (inputs, outputs) = (self.inputs.div_ceil(BLOCK), self.outputs.div_ceil(BLOCK));
        let capacity = self.rows * self.columns * BLOCK;
        let seen = seen.at_least(MATRICES * inputs * capacity);
        let made = made.at_least(MATRICES * outputs * capacity);
        let all = height.div_ceil(TILE);
        for top in (0..all).step_by(self.rows) {
            let rows = self.rows.min(all - top);
            for block in 0..inputs {
                for row in 0..rows {
                    let lines = &map[block * plane + (top + row) * TILE * pitch..];
                    let at = block * capacity + row * self.columns * BLOCK;
                    let place = inputs * capacity;
                    vectorised(
                        #[inline(always)]
                        || transform_row(lines, pitch, self.columns, &mut seen[at..], place),
                    );
                }
            }
            let places = seen.chunks_exact(inputs * capacity);
            let results = made.chunks_exact_mut(outputs * capacity);
            for ((conv, seen), made) in self.products.iter().zip(places).zip(results) {
                let tiles = rows * self.columns;
                let pixels = Pixels {
                    source: seen,
                    runs: &self.runs,
                    step: BLOCK,
                    count: tiles,
                    rows: [tiles; 2],
                    kept: None,
                };
                let mut made = MatMut::new(made, outputs, capacity);
                conv.run(&pixels, &mut made.block(0..outputs, 0..tiles * BLOCK));
            }
            for block in 0..outputs {
                let (bias, _) = self.bias.values().as_chunks::<BLOCK>();
                for row in 0..rows {
                    let at = block * capacity + row * self.columns * BLOCK;
                    let from = (top + row) * TILE;
                    let count = TILE.min(height - from);
                    let begin = first + from * width * BLOCK;
                    let out = &mut out.row(block)[begin..begin + count * width * BLOCK];
                    let place = outputs * capacity;
                    let (made, bias, curve) = (&made[at..], &bias[block], self.curve);
                    vectorised(
                        #[inline(always)]
                        || back_row(made, place, bias, curve, width, out),
                    );
                }
            }
        }
    }
}

/// Transforms a row of tiles of one block: place `p` of tile `t` goes to `p * place` values and `t`
/// pixels from the start of `out`.
#[inline(always)]
fn transform_row(lines: &[f32], pitch: usize, columns: usize, out: &mut [f32], place: usize) {
    for tile in 0..columns {
        let mut table = [[[0.0; BLOCK]; SIDE]; SIDE];
        for (y, row) in table.iter_mut().enumerate() {
            let line = &lines[y * pitch + tile * TILE * BLOCK..][..SIDE * BLOCK];
            row.copy_from_slice(line.as_chunks::<BLOCK>().0);
        }
        let table = along_columns(&along_rows(&table, input), input);
        for (y, row) in table.iter().enumerate() {
            for (x, pixel) in row.iter().enumerate() {
                let at = (y * SIDE + x) * place + tile * BLOCK;
                out[at..at + BLOCK].copy_from_slice(pixel);
            }
        }
    }
}

/// Transforms the products of a row of tiles of one block back, and finishes them; what lies beyond the
/// rows of `out` is not written.
#[inline(always)]
fn back_row(made: &[f32], place: usize, bias: &Pixel, curve: Curve, width: usize, out: &mut [f32]) {
    for (tile, first) in (0..width).step_by(TILE).enumerate() {
        let mut table = [[[0.0; BLOCK]; SIDE]; SIDE];
        for (y, row) in table.iter_mut().enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                let at = (y * SIDE + x) * place + tile * BLOCK;
                pixel.copy_from_slice(&made[at..at + BLOCK]);
            }
        }
        let table = along_columns(&along_rows(&table, output), output);
        for (row, out) in table.iter().zip(out.chunks_exact_mut(width * BLOCK)) {
            let out = &mut out.as_chunks_mut::<BLOCK>().0[first..];
            for (pixel, out) in row.iter().zip(out) {
                for lane in 0..BLOCK {
                    out[lane] = curve.value(pixel[lane] + bias[lane]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_agree_with_a_loop() {
        let number = |i: usize| ((i * 7) % 11) as f32 - 5.0;
        let (inputs, outputs) = (20, 17);
        for (height, width) in [(1usize, 1), (4, 8), (9, 6), (13, 33)] {
            let folded = Folded {
                weight: (0..outputs * inputs * 9).map(|i| number(i * 3)).collect(),
                bias: (0..outputs).map(number).collect(),
            };
            let tiles = Tiles::new(&folded, width, Activation::Relu.curve());
            // With its padding, which here holds values like any other.
            let (rows, columns) = (height.next_multiple_of(TILE) + 2, tiles.columns_seen());
            let (pitch, plane) = (columns * BLOCK, rows * columns * BLOCK);
            let map: Vec<f32> = (0..inputs.div_ceil(BLOCK) * plane)
                .map(|i| {
                    if i / plane * BLOCK + i % BLOCK < inputs {
                        number(i)
                    } else {
                        0.0
                    }
                })
                .collect();
            let (first, all) = (2 * BLOCK, (height * width + 2) * BLOCK);
            let mut out = vec![f32::NAN; outputs.div_ceil(BLOCK) * all];
            tiles.run(
                &map,
                [plane, pitch],
                [height, width],
                first,
                &mut MatMut::new(&mut out, outputs.div_ceil(BLOCK), all),
                &mut TileMemory::default(),
            );
            let largest = (inputs * 9 * 25) as f32;
            for output in 0..outputs {
                for at in 0..height * width {
                    let (row, column) = (at / width, at % width);
                    let mut sum = folded.bias[output];
                    for input in 0..inputs {
                        for tap in 0..9 {
                            let weight = folded.weight[(output * inputs + input) * 9 + tap];
                            let seen = (row + tap / 3) * columns + column + tap % 3;
                            let place = input / BLOCK * plane + seen * BLOCK + input % BLOCK;
                            sum += weight * map[place];
                        }
                    }
                    let place = output / BLOCK * all + first + at * BLOCK + output % BLOCK;
                    let difference = (out[place] - sum.max(0.0)).abs();
                    assert!(
                        difference < 1e-5 * largest,
                        "{height} {width} {output} {at}"
                    );
                }
            }
            let before = out.chunks_exact(all).flat_map(|block| &block[..first]);
            assert!(before.into_iter().all(|value| value.is_nan()));
        }
    }
}
