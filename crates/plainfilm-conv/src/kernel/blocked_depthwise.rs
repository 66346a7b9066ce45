//! Depthwise convolution of one block of channels, with bias and activation: every tap is a vector of
//! weights, kept in a register, times the vector of the pixel that it sees.

use pulp::{Simd, WithSimd};

use super::blocked::BLOCK;
use super::{curved, dispatch};
use crate::fused::Curve;

/// A block of channels with its padding around it, and what is done with it.
pub(crate) struct BlockedPlane<'a> {
    /// Rows of `pitch` pixels.
    pub values: &'a [f32],
    /// Pixels from row to row.
    pub pitch: usize,
    /// Side of the kernels: see [`KERNELS`].
    pub kernel: usize,
    /// Rows and columns between kernels: 1 or 2.
    pub stride: usize,
    /// The kernels tap by tap, row by row, [`BLOCK`] values each.
    pub weights: &'a [f32],
    /// Added to every sum, [`BLOCK`] values.
    pub bias: &'a [f32],
    /// The activation.
    pub curve: Curve,
}

/// The sides of kernels that there are loops for.
pub(crate) const KERNELS: [usize; 2] = [3, 5];
/// Pixels whose sums are taken at once.
const TOGETHER: usize = 4;

/// Writes the block's output rows of `width` pixels; as many rows as `out` holds.
pub(crate) fn blocked_depthwise(plane: &BlockedPlane<'_>, width: usize, out: &mut [f32]) {
    let rows = out.len() / (width * BLOCK);
    if rows == 0 {
        return;
    }
    let last_row = (rows - 1) * plane.stride + plane.kernel - 1;
    let last_pixel = (width - 1) * plane.stride + plane.kernel - 1;
    assert!(
        last_pixel < plane.pitch
            && (last_row * plane.pitch + last_pixel + 1) * BLOCK <= plane.values.len(),
        "{rows} rows of {width} pixels see row {last_row} and column {last_pixel} of rows of {} in {} values",
        plane.pitch,
        plane.values.len()
    );
    assert!(
        plane.weights.len() == plane.kernel * plane.kernel * BLOCK && plane.bias.len() == BLOCK,
        "{} weights and {} biases for a kernel of {}",
        plane.weights.len(),
        plane.bias.len(),
        plane.kernel
    );
    dispatch(Depthwise { plane, width, out });
}

struct Depthwise<'a> {
    plane: &'a BlockedPlane<'a>,
    width: usize,
    out: &'a mut [f32],
}

impl WithSimd for Depthwise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // SAFETY: `blocked_depthwise` checked that what the last pixel sees lies inside the plane, and
        // the number of weights.
        unsafe {
            match (self.plane.kernel, self.plane.stride) {
                (3, 1) => self.lanes::<S, 3, 9, 1>(simd),
                (3, 2) => self.lanes::<S, 3, 9, 2>(simd),
                (5, 1) => self.lanes::<S, 5, 25, 1>(simd),
                (kernel, stride) => {
                    assert_eq!(
                        (kernel, stride),
                        (5, 2),
                        "a kernel that there is a loop for"
                    );
                    self.lanes::<S, 5, 25, 2>(simd);
                }
            }
        }
    }
}

impl Depthwise<'_> {
    /// All rows, as many channels at a time as a register holds.
    ///
    /// # Safety
    /// As checked by [`blocked_depthwise`], for a kernel of `K` by `K` taps, `T` in all.
    #[inline(always)]
    unsafe fn lanes<S: Simd, const K: usize, const T: usize, const STRIDE: usize>(
        &mut self,
        simd: S,
    ) {
        for lane in (0..BLOCK).step_by(S::F32_LANES) {
            let mut weights = [simd.splat_f32s(0.0); T];
            for (tap, weight) in weights.iter_mut().enumerate() {
                // SAFETY: the caller's promise: `T` taps of `BLOCK` values.
                *weight = unsafe {
                    let weights = self.plane.weights.as_ptr().add(tap * BLOCK + lane);
                    weights.cast::<S::f32s>().read_unaligned()
                };
            }
            let row_values = STRIDE * self.plane.pitch * BLOCK;
            for (row, out) in self.out.chunks_exact_mut(self.width * BLOCK).enumerate() {
                let mut at = 0;
                // SAFETY: the caller's promise; `row_values` is the distance of output rows' kernels.
                unsafe {
                    let source = self.plane.values.as_ptr().add(row * row_values + lane);
                    let out = out.as_mut_ptr().add(lane);
                    while self.width - at >= TOGETHER {
                        self.plane.pixels::<S, K, T, STRIDE, TOGETHER>(
                            simd, &weights, source, out, lane, at,
                        );
                        at += TOGETHER;
                    }
                    while at < self.width {
                        self.plane
                            .pixels::<S, K, T, STRIDE, 1>(simd, &weights, source, out, lane, at);
                        at += 1;
                    }
                }
            }
        }
    }
}

impl BlockedPlane<'_> {
    /// `X` output pixels of a row from `at` on.
    ///
    /// # Safety
    /// `source` is the row's first value that is seen, `out` the row's first output, both with `lane`
    /// added; everything else as [`Depthwise::lanes`].
    #[inline(always)]
    unsafe fn pixels<
        S: Simd,
        const K: usize,
        const T: usize,
        const STRIDE: usize,
        const X: usize,
    >(
        &self,
        simd: S,
        weights: &[S::f32s; T],
        source: *const f32,
        out: *mut f32,
        lane: usize,
        at: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let bias = self
                .bias
                .as_ptr()
                .add(lane)
                .cast::<S::f32s>()
                .read_unaligned();
            let mut sums = [bias; X];
            for y in 0..K {
                let line = source.add((y * self.pitch + at * STRIDE) * BLOCK);
                for x in 0..K {
                    for (pixel, sum) in sums.iter_mut().enumerate() {
                        let seen = line.add((pixel * STRIDE + x) * BLOCK);
                        let seen = seen.cast::<S::f32s>().read_unaligned();
                        *sum = simd.mul_add_e_f32s(weights[y * K + x], seen, *sum);
                    }
                }
            }
            for (pixel, &sum) in sums.iter().enumerate() {
                let value = curved(simd, self.curve, sum);
                let out = out.add((at + pixel) * BLOCK);
                out.cast::<S::f32s>().write_unaligned(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fused::Activation;

    #[test]
    fn rows_agree_with_a_loop() {
        let number = |i: usize| ((i * 7) % 11) as f32 - 5.0;
        for kernel in KERNELS {
            for stride in [1, 2] {
                for (rows, width) in [(1, 1), (3, 4), (2, 11)] {
                    let pitch = (width - 1) * stride + kernel + 1;
                    let height = (rows - 1) * stride + kernel;
                    let values: Vec<f32> = (0..height * pitch * BLOCK).map(number).collect();
                    let taps = kernel * kernel * BLOCK;
                    let weights: Vec<f32> = (0..taps).map(|i| number(i * 3)).collect();
                    let bias: Vec<f32> = (0..BLOCK).map(number).collect();
                    let mut out = vec![f32::NAN; rows * width * BLOCK];
                    let plane = BlockedPlane {
                        values: &values,
                        pitch,
                        kernel,
                        stride,
                        weights: &weights,
                        bias: &bias,
                        curve: Activation::Identity.curve(),
                    };
                    blocked_depthwise(&plane, width, &mut out);
                    for (at, found) in out.iter().enumerate() {
                        let (lane, pixel) = (at % BLOCK, at / BLOCK);
                        let (row, column) = (pixel / width * stride, pixel % width * stride);
                        let mut expected = bias[lane];
                        for tap in 0..kernel * kernel {
                            let seen = (row + tap / kernel) * pitch + column + tap % kernel;
                            expected += weights[tap * BLOCK + lane] * values[seen * BLOCK + lane];
                        }
                        assert_eq!(*found, expected, "{kernel} {stride} {rows} {width} {at}");
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "see row 2 and column 3")]
    fn a_plane_that_is_too_small_is_refused() {
        let plane = BlockedPlane {
            values: &[0.0; 9 * BLOCK],
            pitch: 3,
            kernel: 3,
            stride: 1,
            weights: &[0.0; 9 * BLOCK],
            bias: &[0.0; BLOCK],
            curve: Activation::Identity.curve(),
        };
        blocked_depthwise(&plane, 2, &mut [0.0; 2 * BLOCK]);
    }
}
