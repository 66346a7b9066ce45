//! What DenseNet has between its convolutions: normalisation, averages and greatest values of squares.

use std::ops::Range;

use super::conv::{Conv, Pixels};
use super::memory::Lines;
use super::{Scratch, Size};
use crate::fused::{Curve, Normalisation};
use crate::kernel::blocked::{BLOCK, Run};
use crate::kernel::vectorised;
use crate::matrix::MatMut;
use crate::max_pool::Windows;

/// One pixel of a block.
type Pixel = [f32; BLOCK];

/// A batch normalisation with running statistics and an activation: `curve(scale x + shift)`.
pub(crate) struct Affine {
    /// For each block of channels the scales, then the shifts.
    factors: Lines,
    curve: Curve,
}

impl Affine {
    pub fn new(norm: &Normalisation<'_>, curve: Curve) -> Self {
        let channels = norm.gamma.len();
        let mut factors = Lines::zeroed(2 * channels.next_multiple_of(BLOCK));
        for channel in 0..channels {
            let scale = norm.gamma[channel] / (norm.variance[channel] + norm.epsilon as f32).sqrt();
            let at = channel / BLOCK * 2 * BLOCK + channel % BLOCK;
            factors.values_mut()[at] = scale;
            factors.values_mut()[at + BLOCK] = norm.beta[channel] - norm.mean[channel] * scale;
        }
        Self { factors, curve }
    }

    fn block(&self, block: usize) -> [&Pixel; 2] {
        let (factors, _) = self.factors.values().as_chunks::<BLOCK>();
        [&factors[2 * block], &factors[2 * block + 1]]
    }

    /// Some pixels of one block.
    pub fn apply(&self, block: usize, source: &[f32], out: &mut [f32]) {
        let [scale, shift] = self.block(block);
        vectorised(
            #[inline(always)]
            || affine(source, scale, shift, self.curve, out),
        );
    }
}

#[inline(always)]
fn affine(source: &[f32], scale: &Pixel, shift: &Pixel, curve: Curve, out: &mut [f32]) {
    let (source, out) = (
        source.as_chunks::<BLOCK>().0,
        out.as_chunks_mut::<BLOCK>().0,
    );
    for (out, source) in out.iter_mut().zip(source) {
        for lane in 0..BLOCK {
            out[lane] = curve.value(source[lane] * scale[lane] + shift[lane]);
        }
    }
}

/// A normalisation with its activation, the average of squares, and a 1x1 convolution; each may be
/// missing.
///
/// DenseNet convolves before it averages. Both are sums, so their order is free, and this one has a
/// quarter of the products.
pub(crate) struct NormPoolConv {
    input: Size,
    norm: Option<Affine>,
    /// Side of the squares: 1 leaves the map as it is.
    size: usize,
    conv: Option<(Conv, Vec<Run>)>,
    output: Size,
    /// Rows of the output that are computed at a time.
    at_once: usize,
}

/// Values of a map that is thrown away, at most: they stay in the second-level cache beside weights.
const MOST: usize = 64 * 1024;

impl NormPoolConv {
    pub fn new(input: Size, norm: Option<Affine>, size: usize, conv: Option<Conv>) -> Self {
        let averaged = Size {
            height: input.height / size,
            width: input.width / size,
            ..input
        };
        let per_row = averaged.blocks() * averaged.row();
        let at_once = (MOST / per_row.max(1)).clamp(1, averaged.height.max(1));
        Self {
            input,
            norm,
            size,
            output: Size {
                channels: conv.as_ref().map_or(input.channels, Conv::outputs),
                ..averaged
            },
            conv: conv.map(|conv| {
                let runs = conv.runs(at_once * averaged.row(), averaged.row());
                (conv, runs)
            }),
            at_once,
        }
    }

    pub fn output(&self) -> Size {
        self.output
    }

    /// Computes some rows of the output, which are all that `out` has.
    pub fn rows(
        &self,
        input: &[f32],
        rows: Range<usize>,
        out: &mut MatMut<'_>,
        Scratch { map, .. }: &mut Scratch,
    ) {
        let line = self.output.row();
        for first in rows.clone().step_by(self.at_once) {
            let part = first..(first + self.at_once).min(rows.end);
            let columns = (first - rows.start) * line..(part.end - rows.start) * line;
            let Some((conv, runs)) = &self.conv else {
                for block in 0..self.output.blocks() {
                    let out = &mut out.row(block)[columns.clone()];
                    self.average(block, input, part.clone(), out);
                }
                continue;
            };
            let plane = self.at_once * line;
            let map = map.at_least(self.input.blocks() * plane);
            for (block, map) in map.chunks_exact_mut(plane).enumerate() {
                self.average(block, input, part.clone(), &mut map[..part.len() * line]);
            }
            let pixels = Pixels {
                source: map,
                runs,
                step: BLOCK,
                count: part.len() * self.output.width,
                rows: [part.len() * self.output.width; 2],
                kept: None,
            };
            conv.run(&pixels, &mut out.block(0..self.output.blocks(), columns));
        }
    }

    /// Some rows of one block, normalised and averaged.
    fn average(&self, block: usize, input: &[f32], rows: Range<usize>, out: &mut [f32]) {
        let source = &input[block * self.input.plane()..][..self.input.plane()];
        if self.size == 1 {
            let source = &source[rows.start * self.input.row()..rows.end * self.input.row()];
            match &self.norm {
                Some(norm) => norm.apply(block, source, out),
                None => out.copy_from_slice(source),
            }
            return;
        }
        let unchanged = [&[1.0; BLOCK], &[0.0; BLOCK]];
        let (factors, curve) = match &self.norm {
            Some(norm) => (norm.block(block), norm.curve),
            None => (unchanged, crate::fused::Activation::Identity.curve()),
        };
        let source = &source[rows.start * self.size * self.input.row()..];
        vectorised(
            #[inline(always)]
            || averages(source, self.input.width, self.size, factors, curve, out),
        );
    }
}

/// Averages of squares of `size` pixels a side, in as many rows as `out` holds.
#[inline(always)]
fn averages(
    source: &[f32],
    width: usize,
    size: usize,
    [scale, shift]: [&Pixel; 2],
    curve: Curve,
    out: &mut [f32],
) {
    let share = 1.0 / (size * size) as f32;
    let (source, out) = (
        source.as_chunks::<BLOCK>().0,
        out.as_chunks_mut::<BLOCK>().0,
    );
    for (row, out) in out.chunks_exact_mut(width / size).enumerate() {
        for (column, out) in out.iter_mut().enumerate() {
            let mut sum = [0.0; BLOCK];
            for y in row * size..(row + 1) * size {
                for pixel in &source[y * width + column * size..][..size] {
                    for lane in 0..BLOCK {
                        sum[lane] += curve.value(pixel[lane] * scale[lane] + shift[lane]);
                    }
                }
            }
            for lane in 0..BLOCK {
                out[lane] = sum[lane] * share;
            }
        }
    }
}

/// The greatest value of each window; the padding is never the greatest.
pub(crate) struct MaxPool {
    input: Size,
    windows: Windows,
    output: Size,
}

impl MaxPool {
    pub fn new(input: Size, windows: Windows) -> Self {
        let [height, width] = windows.output([input.height, input.width]);
        Self {
            input,
            windows,
            output: Size {
                height,
                width,
                ..input
            },
        }
    }

    pub fn output(&self) -> Size {
        self.output
    }

    /// Computes some rows of the output, which are all that `out` has.
    pub fn rows(&self, input: &[f32], rows: Range<usize>, out: &mut MatMut<'_>) {
        for block in 0..self.output.blocks() {
            let source = &input[block * self.input.plane()..][..self.input.plane()];
            let out = out.row(block);
            for (row, out) in rows.clone().zip(out.chunks_exact_mut(self.output.row())) {
                let above = self.inside(row, self.input.height);
                let lines = &source[above.start * self.input.row()..above.end * self.input.row()];
                for (column, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
                    let columns = self.inside(column, self.input.width);
                    vectorised(
                        #[inline(always)]
                        || greatest(lines, self.input.width, columns, out),
                    );
                }
            }
        }
    }

    /// What of a window lies on the map, by rows or by columns.
    fn inside(&self, at: usize, side: usize) -> Range<usize> {
        let Windows {
            size,
            stride,
            padding,
        } = self.windows;
        (at * stride).saturating_sub(padding)..(at * stride + size - padding).min(side)
    }
}

/// The greatest values of some columns of all rows of `width` pixels; a value that is not a number is
/// the greatest.
#[inline(always)]
fn greatest(lines: &[f32], width: usize, columns: Range<usize>, out: &mut Pixel) {
    let mut largest = [f32::NEG_INFINITY; BLOCK];
    for line in lines.as_chunks::<BLOCK>().0.chunks_exact(width) {
        for pixel in &line[columns.clone()] {
            for lane in 0..BLOCK {
                let value = pixel[lane];
                let is_larger = value > largest[lane] || value.is_nan();
                largest[lane] = if is_larger { value } else { largest[lane] };
            }
        }
    }
    *out = largest;
}
