//! Products for maps in blocks of channels: single input values times vectors of output channels.
//!
//! Sixteen channels of a pixel lie side by side, so the weights of sixteen outputs are one vector, an
//! input value is read by all of them at once, and neighbouring pixels are a fixed distance apart:
//! nothing is packed but the weights, and what follows the sums costs no second way through memory.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use super::{curved, dispatch};
use crate::fused::Curve;
use crate::matrix::MatMut;

/// Channels in a block.
pub(crate) const BLOCK: usize = 16;
/// Blocks of outputs that are computed together.
pub(crate) const BLOCKS_TOGETHER: usize = 2;

/// Input values that lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Of the first, from the pixel's place in the source.
    pub offset: usize,
    /// How many.
    pub count: usize,
}

/// What [`blocked_products`] multiplies, and what it does with the sums.
pub(crate) struct BlockedProduct<'a> {
    /// For each input of all runs in order, a value for each output of `blocks` blocks.
    pub weights: &'a [f32],
    /// Blocks of outputs: at most [`BLOCKS_TOGETHER`].
    pub blocks: usize,
    /// Where a pixel's inputs lie.
    pub runs: &'a [Run],
    /// What the first pixel's offsets count from.
    pub source: &'a [f32],
    /// Values from pixel to pixel in the source: see [`STEPS`].
    pub step: usize,
    /// Pixels to compute.
    pub pixels: usize,
    /// One value for every output.
    pub bias: &'a [f32],
    /// Added before the activation, blocks of [`BLOCK`] values a pixel, and the distance between blocks.
    pub kept: Option<(&'a [f32], usize)>,
    /// The activation.
    pub curve: Curve,
    /// Pixels of a row, and from row to row, where they are written.
    pub rows: [usize; 2],
}

/// The steps that there are kernels for: pixels of a plane with stride 2, and of blocks with stride 1 or 2.
pub(crate) const STEPS: [usize; 3] = [2, BLOCK, 2 * BLOCK];

/// Writes `pixels` pixels of all blocks: block `b` of pixel `p` at row `b`, column
/// `(p / width * pitch + p % width) * BLOCK` of `out`, with `[width, pitch]` the product's `rows`.
///
/// Each value is one sum in the order of the inputs, from the bias on, then what is kept: it does not
/// depend on how a map is cut.
pub(crate) fn blocked_products(product: &BlockedProduct<'_>, out: &mut MatMut<'_>) {
    let BlockedProduct { blocks, pixels, .. } = *product;
    if pixels == 0 {
        return;
    }
    let outputs = blocks * BLOCK;
    let inputs: usize = product.runs.iter().map(|run| run.count).sum();
    let reach = product.runs.iter().map(|run| run.offset + run.count).max();
    assert!((1..=BLOCKS_TOGETHER).contains(&blocks), "{blocks} blocks");
    assert!(
        product.weights.len() == inputs * outputs && product.bias.len() == outputs,
        "{} weights and {} biases for {inputs} inputs and {outputs} outputs",
        product.weights.len(),
        product.bias.len()
    );
    assert!(
        (pixels - 1) * product.step + reach.unwrap_or(0) <= product.source.len(),
        "{pixels} pixels, {} apart, with inputs up to {reach:?} in a source of {}",
        product.step,
        product.source.len()
    );
    let [width, pitch] = product.rows;
    let last = (pixels - 1) / width * pitch + (pixels - 1) % width;
    let [rows, columns] = out.size();
    assert!(
        blocks <= rows && (last + 1) * BLOCK <= columns && width <= pitch,
        "{blocks} blocks of {pixels} pixels in rows of {width}, {pitch} apart, into {rows}x{columns}"
    );
    if let Some((kept, stride)) = product.kept {
        assert!(
            (blocks - 1) * stride + pixels * BLOCK <= kept.len(),
            "{blocks} blocks of {pixels} kept pixels, {stride} apart, in {}",
            kept.len()
        );
    }
    let (out, stride) = out.parts();
    dispatch(Blocked {
        product,
        out,
        stride,
    });
}

struct Blocked<'a> {
    product: &'a BlockedProduct<'a>,
    out: *mut f32,
    stride: usize,
}

impl WithSimd for Blocked<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: `blocked_products` checked that every read and write lies inside its slice or matrix.
        unsafe {
            match self.product.step {
                2 => self.columns::<S, 2>(simd),
                BLOCK => self.columns::<S, BLOCK>(simd),
                step => {
                    assert_eq!(step, 2 * BLOCK, "a step that there is a kernel for");
                    self.columns::<S, { 2 * BLOCK }>(simd);
                }
            }
        }
    }
}

impl Blocked<'_> {
    /// All outputs, two registers of them at a time.
    ///
    /// # Safety
    /// As checked by [`blocked_products`], with pixels `STEP` apart.
    #[inline(always)]
    unsafe fn columns<S: Simd, const STEP: usize>(&self, simd: S) {
        let registers = self.product.blocks * BLOCK / S::F32_LANES;
        let mut at = 0;
        // SAFETY: passed on.
        unsafe {
            while registers - at >= 2 {
                self.pixels::<S, STEP, 2>(simd, at * S::F32_LANES);
                at += 2;
            }
            if at < registers {
                self.pixels::<S, STEP, 1>(simd, at * S::F32_LANES);
            }
        }
    }

    /// All pixels of `V` registers of outputs from `first` on; as many pixels at a time as there are
    /// registers for.
    ///
    /// # Safety
    /// As [`columns`](Self::columns).
    #[inline(always)]
    unsafe fn pixels<S: Simd, const STEP: usize, const V: usize>(&self, simd: S, first: usize) {
        let pixels = self.product.pixels;
        let mut at = 0;
        // SAFETY: passed on; every tile lies before the last pixel.
        unsafe {
            if S::REGISTER_COUNT >= 32 {
                while pixels - at >= 14 {
                    self.tile::<S, STEP, V, 14>(simd, first, at);
                    at += 14;
                }
                if pixels - at >= 7 {
                    self.tile::<S, STEP, V, 7>(simd, first, at);
                    at += 7;
                }
            } else {
                while pixels - at >= 6 {
                    self.tile::<S, STEP, V, 6>(simd, first, at);
                    at += 6;
                }
            }
            if pixels - at >= 4 {
                self.tile::<S, STEP, V, 4>(simd, first, at);
                at += 4;
            }
            if pixels - at >= 2 {
                self.tile::<S, STEP, V, 2>(simd, first, at);
                at += 2;
            }
            if at < pixels {
                self.tile::<S, STEP, V, 1>(simd, first, at);
            }
        }
    }

    /// `M` pixels from `pixel` on.
    ///
    /// # Safety
    /// As [`pixels`](Self::pixels), with `M` pixels left.
    #[inline(always)]
    unsafe fn tile<S: Simd, const STEP: usize, const V: usize, const M: usize>(
        &self,
        simd: S,
        first: usize,
        pixel: usize,
    ) {
        let outputs = self.product.blocks * BLOCK;
        let mut finished = MaybeUninit::<[[S::f32s; V]; M]>::uninit();
        let finished = finished.as_mut_ptr().cast::<S::f32s>();
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[simd.splat_f32s(0.0); V]; M];
            let bias = self.product.bias.as_ptr().add(first).cast::<S::f32s>();
            for sums in &mut sums {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = bias.add(v).read_unaligned();
                }
            }
            let mut weights = self.product.weights.as_ptr().add(first);
            let source = self.product.source.as_ptr().add(pixel * STEP);
            for run in self.product.runs {
                let mut inputs = source.add(run.offset);
                for _ in 0..run.count {
                    let mut weight = [simd.splat_f32s(0.0); V];
                    for (v, weight) in weight.iter_mut().enumerate() {
                        *weight = weights.cast::<S::f32s>().add(v).read_unaligned();
                    }
                    for (m, sums) in sums.iter_mut().enumerate() {
                        let input = simd.splat_f32s(*inputs.add(m * STEP));
                        for (sum, &weight) in sums.iter_mut().zip(&weight) {
                            *sum = simd.mul_add_e_f32s(weight, input, *sum);
                        }
                    }
                    weights = weights.add(outputs);
                    inputs = inputs.add(1);
                }
            }
            // Through memory, which stays in the first-level cache: with the rest in one loop the compiler
            // keeps the sums themselves in memory.
            for (m, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    finished.add(m * V + v).write(sum);
                }
            }
            let [width, pitch] = self.product.rows;
            let (mut place, mut column) = (pixel / width * pitch + pixel % width, pixel % width);
            for m in 0..M {
                for v in 0..V {
                    let output = first + v * S::F32_LANES;
                    let sum = finished.add(m * V + v).read();
                    self.finish(simd, output, pixel + m, place, sum);
                }
                (place, column) = (place + 1, column + 1);
                if column == width {
                    (place, column) = (place + pitch - width, 0);
                }
            }
        }
    }

    /// What is kept, and the activation, for a register of sums from `output` on, and its place.
    ///
    /// # Safety
    /// As [`tile`](Self::tile), for one of its pixels and registers.
    #[inline(always)]
    unsafe fn finish<S: Simd>(
        &self,
        simd: S,
        output: usize,
        pixel: usize,
        place: usize,
        sum: S::f32s,
    ) {
        let (block, within) = (output / BLOCK, output % BLOCK);
        let mut value = sum;
        // SAFETY: the caller's promise.
        unsafe {
            if let Some((kept, stride)) = self.product.kept {
                let kept = kept.as_ptr().add(block * stride + pixel * BLOCK + within);
                value = simd.add_f32s(value, kept.cast::<S::f32s>().read_unaligned());
            }
            let value = curved(simd, self.product.curve, value);
            let out = self.out.add(block * self.stride + place * BLOCK + within);
            out.cast::<S::f32s>().write_unaligned(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fused::Activation;

    #[test]
    fn products_agree_with_a_loop() {
        // Whole numbers, so that every order of adding gives the same float.
        let runs = [(0, 16), (1000, 5), (16, 16)];
        let runs = runs.map(|(offset, count)| Run { offset, count });
        let inputs = 37;
        for step in STEPS {
            for (blocks, pixels, width, pitch) in [
                (1, 1, 1, 1),
                (2, 14, 14, 14),
                (2, 31, 7, 9),
                (1, 26, 13, 15),
            ] {
                for has_kept in [false, true] {
                    let number = |i: usize| ((i * 7) % 11) as f32 - 5.0;
                    let outputs = blocks * BLOCK;
                    let source: Vec<f32> = (0..1005 + 30 * step).map(number).collect();
                    let weights: Vec<f32> = (0..inputs * outputs).map(|i| number(i * 3)).collect();
                    let bias: Vec<f32> = (0..outputs).map(number).collect();
                    let kept: Vec<f32> = (0..outputs * pixels).map(|i| number(i * 5)).collect();
                    let columns = (pixels.div_ceil(width) * pitch) * BLOCK;
                    let mut values = vec![f32::NAN; blocks * columns];
                    blocked_products(
                        &BlockedProduct {
                            weights: &weights,
                            blocks,
                            runs: &runs,
                            source: &source,
                            step,
                            pixels,
                            bias: &bias,
                            kept: has_kept.then_some((&kept, pixels * BLOCK)),
                            curve: Activation::Relu.curve(),
                            rows: [width, pitch],
                        },
                        &mut MatMut::new(&mut values, blocks, columns),
                    );
                    let mut written = 0;
                    for output in 0..outputs {
                        let (block, lane) = (output / BLOCK, output % BLOCK);
                        for p in 0..pixels {
                            let places = runs
                                .iter()
                                .flat_map(|run| run.offset..run.offset + run.count);
                            let sum: f32 = places
                                .enumerate()
                                .map(|(k, at)| {
                                    weights[k * outputs + output] * source[at + p * step]
                                })
                                .sum();
                            let more = if has_kept {
                                kept[(block * pixels + p) * BLOCK + lane]
                            } else {
                                0.0
                            };
                            let place = p / width * pitch + p % width;
                            let found = values[block * columns + place * BLOCK + lane];
                            let expected = (sum + bias[output] + more).max(0.0);
                            assert_eq!(found, expected, "{step} {blocks} {pixels} {output} {p}");
                            written += 1;
                        }
                    }
                    let unwritten = values.iter().filter(|value| value.is_nan()).count();
                    assert_eq!(written + unwritten, values.len());
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "in a source of 31")]
    fn a_source_that_ends_early_is_refused() {
        let mut values = [0.0; 32];
        let product = BlockedProduct {
            weights: &[0.0; 256],
            blocks: 1,
            runs: &[Run {
                offset: 0,
                count: 16,
            }],
            source: &[0.0; 31],
            step: BLOCK,
            pixels: 2,
            bias: &[0.0; 16],
            kept: None,
            curve: Activation::Identity.curve(),
            rows: [2, 2],
        };
        blocked_products(&product, &mut MatMut::new(&mut values, 1, 32));
    }
}
