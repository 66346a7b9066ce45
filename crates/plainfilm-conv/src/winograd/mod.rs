//! Winograd's minimal filtering F(4x4, 3x3) for kernels of 3x3 with stride 1 (Lavin and Gray 2016):
//! a tile of 4x4 outputs takes 36 multiplications per pair of channels instead of 144.
//!
//! Tiles of 6x6 inputs and the kernels are transformed, multiplied as 36 matrices, and transformed
//! back. The transforms cost time too, so small layers stay with the direct kernels: [`pays`] counts
//! cycles. They also cost digits: sums differ from the direct ones by up to about 1e-5 of the
//! largest value, where direct sums in 32 bits differ from exact ones by about 1e-6.

mod forward;
mod lanes;
pub(crate) mod transform;
mod weight;

use crate::geometry::Shape;
use crate::kernel::WIDEST;

pub(crate) use forward::Winograd;
pub(crate) use weight::{weight_gradient, weight_gradient_pays};

/// Matrices that tiles and kernels become.
pub(crate) const MATRICES: usize = 36;
/// Outputs of a tile, each way.
pub(crate) const TILE: usize = 4;

/// Tiles of a map, each way.
fn tiles(map: [usize; 2]) -> [usize; 2] {
    map.map(|side| side.div_ceil(TILE))
}

/// True where the method exists: 3x3, stride 1, no dilation, one group.
fn possible(shape: &Shape) -> bool {
    shape.kernel == [3, 3]
        && shape.stride == [1, 1]
        && shape.dilation == [1, 1]
        && shape.groups == 1
}

/// Cycles for a tile's transform of one input and of one output channel, and for each kernel's,
/// measured with AVX-512; other instruction sets scale all of it alike. A row of tiles has a cost of
/// its own, which narrow maps spread over few of them.
const INPUT_CYCLES: usize = 55;
const INPUT_ROW_CYCLES: usize = 200;
const OUTPUT_CYCLES: usize = 35;
const OUTPUT_ROW_CYCLES: usize = 100;
const WEIGHT_CYCLES: usize = 30;
/// Columns whose multiplication takes as long as reading the transformed weights does.
const READING_COLUMNS: usize = 16;

/// True where the transforms cost less than they save.
pub(crate) fn pays(shape: &Shape) -> bool {
    if !possible(shape) {
        return false;
    }
    let [rows, columns] = tiles(shape.output);
    let films = forward::films_together(shape);
    // Columns that every weight is multiplied with, and as many as it takes to read the weights.
    let tasks = Winograd::tiles(shape);
    let run: usize = if tasks.len() == 1 {
        (films * rows * columns).next_multiple_of(WIDEST) + READING_COLUMNS
    } else {
        let of_task = |rows: &std::ops::Range<usize>| {
            (rows.len().div_ceil(TILE) * columns).next_multiple_of(WIDEST) + READING_COLUMNS
        };
        films * tasks.iter().map(of_task).sum::<usize>()
    };
    let channels = shape.outputs.next_multiple_of(8) * shape.inputs;
    // One register of sums for eight rows is eight multiplications, two a cycle.
    let products = MATRICES * channels * run / WIDEST / 2;
    let transforms = films
        * rows
        * (shape.inputs * (INPUT_CYCLES * columns + INPUT_ROW_CYCLES)
            + shape.outputs * (OUTPUT_CYCLES * columns + OUTPUT_ROW_CYCLES));
    // Prediction transforms weights once, and it alone goes film by film.
    let weights = match shape.films {
        1 => 0,
        all => shape.inputs * shape.outputs * WEIGHT_CYCLES * films / all,
    };
    let pitch = shape.output[1] + 2;
    let direct = 9 * channels * films * (shape.output[0] * pitch).div_ceil(WIDEST) / 2;
    products + transforms + weights < direct
}
