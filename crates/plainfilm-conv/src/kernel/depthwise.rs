//! One kernel over one plane: depthwise convolution with bias and activation.

use pulp::{Simd, WithSimd};

use super::elementwise::every_second;
use super::{WIDEST, curved, dispatch};
use crate::fused::Curve;

/// A plane with its padding around it, and what is done with it.
pub(crate) struct PaddedPlane<'a> {
    /// Rows of `pitch` values, and [`WIDEST`] spare values after the last.
    pub values: &'a [f32],
    /// Distance between rows.
    pub pitch: usize,
    /// Kernel rows and columns.
    pub kernel: [usize; 2],
    /// Rows and columns between the values that a kernel sees.
    pub dilation: [usize; 2],
    /// Rows and columns between kernels.
    pub stride: [usize; 2],
    /// The kernel, row by row.
    pub weight: &'a [f32],
    /// Added to every sum.
    pub bias: f32,
    /// The activation.
    pub curve: Curve,
}

/// Writes the plane's `out.len() / width` output rows of `width` values. `spare` is of any content, at
/// least [`spare_length`] long.
pub(crate) fn depthwise_plane(
    plane: &PaddedPlane<'_>,
    width: usize,
    out: &mut [f32],
    spare: &mut [f32],
) {
    let rows = out.len() / width;
    let length = (width - 1) * plane.stride[1] + 1;
    let furthest = (rows.max(1) - 1) * plane.stride[0] + (plane.kernel[0] - 1) * plane.dilation[0];
    let last = furthest * plane.pitch + (plane.kernel[1] - 1) * plane.dilation[1];
    assert!(
        last + length.next_multiple_of(WIDEST) <= plane.values.len(),
        "{rows} rows of {width} values reach to {last} and further in a plane of {}",
        plane.values.len()
    );
    assert_eq!(
        plane.kernel[0] * plane.kernel[1],
        plane.weight.len(),
        "values of the kernel"
    );
    assert!(spare.len() >= spare_length(width, plane.stride[1]), "spare");
    dispatch(Depthwise {
        plane,
        width,
        length,
        out,
        spare,
    });
}

/// Spare values that an output row of `width` values needs: a row before its stride is taken.
pub(crate) fn spare_length(width: usize, stride: usize) -> usize {
    ((width - 1) * stride + 1).next_multiple_of(WIDEST)
}

struct Depthwise<'a> {
    plane: &'a PaddedPlane<'a>,
    width: usize,
    /// Values of a row before its stride is taken.
    length: usize,
    out: &'a mut [f32],
    spare: &'a mut [f32],
}

impl WithSimd for Depthwise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // SAFETY: `depthwise_plane` checked that the last row's last register lies inside the plane, and the
        // number of weights.
        unsafe {
            match (self.plane.kernel, self.plane.dilation) {
                ([3, 3], [1, 1]) => self.rows(simd, Square::<S, 3, 9>::new(simd, self.plane)),
                ([5, 5], [1, 1]) => self.rows(simd, Square::<S, 5, 25>::new(simd, self.plane)),
                _ => self.rows(simd, Taps(self.plane)),
            }
        }
    }
}

impl Depthwise<'_> {
    /// All output rows.
    ///
    /// # Safety
    /// As checked by [`depthwise_plane`].
    #[inline(always)]
    unsafe fn rows<S: Simd>(&mut self, simd: S, kernel: impl Kernel<S>) {
        let Self { plane, length, .. } = *self;
        for (row, out) in self.out.chunks_exact_mut(self.width).enumerate() {
            let first = row * plane.stride[0] * plane.pitch;
            // At a stride of two every second sum is for nothing; sorting the plane first costs more.
            let sums = if plane.stride[1] == 1 {
                &mut *out
            } else {
                &mut self.spare[..length]
            };
            // SAFETY: the caller's promise.
            unsafe {
                let mut at = 0;
                while at + 4 * S::F32_LANES <= length.next_multiple_of(S::F32_LANES) {
                    registers::<S, 4>(simd, plane, &kernel, first, at, sums);
                    at += 4 * S::F32_LANES;
                }
                while at + 2 * S::F32_LANES <= length.next_multiple_of(S::F32_LANES) {
                    registers::<S, 2>(simd, plane, &kernel, first, at, sums);
                    at += 2 * S::F32_LANES;
                }
                if at < length {
                    registers::<S, 1>(simd, plane, &kernel, first, at, sums);
                }
            }
            match plane.stride[1] {
                1 => {}
                2 => every_second(&self.spare[..length], out),
                stride => {
                    for (out, sum) in out.iter_mut().zip(self.spare.iter().step_by(stride)) {
                        *out = *sum;
                    }
                }
            }
        }
    }
}

/// The sum over a kernel.
trait Kernel<S: Simd> {
    /// For `V` registers of outputs, whose first value sees `start`; in the order of the weights.
    ///
    /// # Safety
    /// For every value of the kernel there are `V` registers to read where it lies.
    unsafe fn sum<const V: usize>(&self, simd: S, start: *const f32) -> [S::f32s; V];
}

/// A kernel whose weights stay in registers.
struct Square<S: Simd, const SIDE: usize, const COUNT: usize> {
    weights: [S::f32s; COUNT],
    pitch: usize,
}

impl<S: Simd, const SIDE: usize, const COUNT: usize> Square<S, SIDE, COUNT> {
    #[inline(always)]
    fn new(simd: S, plane: &PaddedPlane<'_>) -> Self {
        let mut weights = [simd.splat_f32s(0.0); COUNT];
        for (weight, &value) in weights.iter_mut().zip(plane.weight) {
            *weight = simd.splat_f32s(value);
        }
        Self {
            weights,
            pitch: plane.pitch,
        }
    }
}

impl<S: Simd, const SIDE: usize, const COUNT: usize> Kernel<S> for Square<S, SIDE, COUNT> {
    #[inline(always)]
    unsafe fn sum<const V: usize>(&self, simd: S, start: *const f32) -> [S::f32s; V] {
        let mut totals = [simd.splat_f32s(0.0); V];
        for (tap, &weight) in self.weights.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                let seen = start.add(tap / SIDE * self.pitch + tap % SIDE);
                let seen = seen.cast::<S::f32s>();
                for (v, total) in totals.iter_mut().enumerate() {
                    *total = simd.mul_add_e_f32s(weight, seen.add(v).read_unaligned(), *total);
                }
            }
        }
        totals
    }
}

/// A kernel of any shape.
struct Taps<'a>(&'a PaddedPlane<'a>);

impl<S: Simd> Kernel<S> for Taps<'_> {
    #[inline(always)]
    unsafe fn sum<const V: usize>(&self, simd: S, start: *const f32) -> [S::f32s; V] {
        let Self(plane) = *self;
        let mut totals = [simd.splat_f32s(0.0); V];
        for (tap, &weight) in plane.weight.iter().enumerate() {
            let (row, column) = (tap / plane.kernel[1], tap % plane.kernel[1]);
            let reach = row * plane.dilation[0] * plane.pitch + column * plane.dilation[1];
            let weight = simd.splat_f32s(weight);
            // SAFETY: the caller's promise.
            unsafe {
                let seen = start.add(reach).cast::<S::f32s>();
                for (v, total) in totals.iter_mut().enumerate() {
                    *total = simd.mul_add_e_f32s(weight, seen.add(v).read_unaligned(), *total);
                }
            }
        }
        totals
    }
}

/// `V` registers of one row, from column `at` on; `sums` takes what of them lies inside it.
///
/// # Safety
/// For every value of the kernel the plane holds `V` registers from where the kernel's value lies, moved by
/// `first + at`.
#[inline(always)]
unsafe fn registers<S: Simd, const V: usize>(
    simd: S,
    plane: &PaddedPlane<'_>,
    kernel: &impl Kernel<S>,
    first: usize,
    at: usize,
    sums: &mut [f32],
) {
    // SAFETY: the caller's promise.
    let totals = unsafe { kernel.sum::<V>(simd, plane.values.as_ptr().add(first + at)) };
    let bias = simd.splat_f32s(plane.bias);
    for (v, &total) in totals.iter().enumerate() {
        let value = curved(simd, plane.curve, simd.add_f32s(total, bias));
        let from = at + v * S::F32_LANES;
        match sums.get_mut(from..from + S::F32_LANES) {
            // SAFETY: a register of values, which need no alignment here.
            Some(sums) => unsafe { sums.as_mut_ptr().cast::<S::f32s>().write_unaligned(value) },
            None => simd.partial_store_f32s(&mut sums[from..], value),
        }
    }
}

/// Copies rows of `width` values into rows `pitch` apart, from `out`'s first value on; what is between rows is
/// overwritten with zeros or left alone. `out` reaches at least [`WIDEST`] beyond the last row.
pub(crate) fn place_rows(rows: &[f32], width: usize, out: &mut [f32], pitch: usize) {
    let count = rows.len() / width;
    assert!(
        count == 0 || (width <= pitch && (count - 1) * pitch + width + WIDEST <= out.len()),
        "{count} rows of {width}, {pitch} apart, with spare values in {}",
        out.len()
    );
    dispatch(Rows {
        rows,
        width,
        out,
        pitch,
    });
}

struct Rows<'a> {
    rows: &'a [f32],
    width: usize,
    out: &'a mut [f32],
    pitch: usize,
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let whole = self.width / S::F32_LANES * S::F32_LANES;
        for (row, values) in self.rows.chunks_exact(self.width).enumerate() {
            // SAFETY: `place_rows` checked that a register from anywhere in the last row on lies inside;
            // a register of values needs no alignment here.
            unsafe {
                let out = self.out.as_mut_ptr().add(row * self.pitch);
                for at in (0..whole).step_by(S::F32_LANES) {
                    let value = values.as_ptr().add(at).cast::<S::f32s>().read_unaligned();
                    out.add(at).cast::<S::f32s>().write_unaligned(value);
                }
                if whole < self.width {
                    // Its zeros fall between this row and the next, and on the next row before that is
                    // written.
                    let value = simd.partial_load_f32s(&values[whole..]);
                    out.add(whole).cast::<S::f32s>().write_unaligned(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fused::Activation;

    #[test]
    fn a_plane_agrees_with_a_loop() {
        // Whole numbers, so that every order of adding gives the same float.
        for (kernel, dilation, stride, rows, width) in [
            ([3, 3], [1, 1], [1, 1], 5, 7),
            ([3, 3], [1, 1], [2, 2], 4, 56),
            ([5, 5], [1, 1], [1, 1], 3, 112),
            ([3, 2], [2, 3], [1, 3], 2, 20),
            ([1, 1], [1, 1], [4, 1], 1, 1),
        ] {
            let length = (width - 1) * stride[1] + 1;
            let pitch = length + (kernel[1] - 1) * dilation[1];
            let height = (rows - 1) * stride[0] + (kernel[0] - 1) * dilation[0] + 1;
            let values: Vec<f32> = (0..height * pitch + WIDEST)
                .map(|i| ((i * 5) % 13) as f32 - 6.0)
                .collect();
            let weight: Vec<f32> = (0..kernel[0] * kernel[1])
                .map(|i| (i % 4) as f32 - 1.0)
                .collect();
            let mut out = vec![f32::NAN; rows * width];
            let mut spare = vec![f32::NAN; spare_length(width, stride[1])];
            let plane = PaddedPlane {
                values: &values,
                pitch,
                kernel,
                dilation,
                stride,
                weight: &weight,
                bias: 2.0,
                curve: Activation::LeakyRelu(0.5).curve(),
            };
            depthwise_plane(&plane, width, &mut out, &mut spare);
            for (at, &found) in out.iter().enumerate() {
                let (y, x) = (at / width * stride[0], at % width * stride[1]);
                let sum: f32 = (0..weight.len())
                    .map(|k| {
                        let (row, column) = (k / kernel[1], k % kernel[1]);
                        let row = y + row * dilation[0];
                        weight[k] * values[row * pitch + x + column * dilation[1]]
                    })
                    .sum();
                let expected = if sum + 2.0 > 0.0 {
                    sum + 2.0
                } else {
                    (sum + 2.0) / 2.0
                };
                assert_eq!(found, expected, "{kernel:?} {stride:?}, value {at}");
            }
        }
    }

    #[test]
    fn rows_are_placed_with_nothing_but_zeros_after_them() {
        for (width, pitch) in [(1, 3), (7, 9), (16, 18), (30, 30), (33, 50)] {
            let rows: Vec<f32> = (0..4 * width).map(|i| i as f32 + 1.0).collect();
            let mut out = vec![0.0; 4 * pitch + WIDEST];
            place_rows(&rows, width, &mut out, pitch);
            for (at, &found) in out[..4 * pitch].iter().enumerate() {
                let (row, column) = (at / pitch, at % pitch);
                let expected = if column < width {
                    rows[row * width + column]
                } else {
                    0.0
                };
                assert_eq!(found, expected, "{width} in {pitch}, value {at}");
            }
        }
    }
}
