//! Weights times packed columns, with bias, sum and activation before anything is written:
//! `out[m][p] = activation(bias[m] + sum over k of a[m][k] * columns[k][p] + kept[m][p])`.
//!
//! Packed columns of a layer lie together, so that a wide layer reads no page twice, and what follows
//! the sums costs no second way through memory.

use std::mem::MaybeUninit;

use pulp::{Simd, WithSimd};

use super::{WIDEST, curved, dispatch};
use crate::fused::Curve;
use crate::matrix::MatMut;

/// Columns that are packed together: three of the widest registers.
pub(crate) const PACKED: usize = 3 * WIDEST;

/// What [`packed_products`] multiplies, and what it does with the sums.
pub(crate) struct PackedProduct<'a> {
    /// A panel: for each `k` the `height` values `a[..][k]`.
    pub panel: &'a [f32],
    /// Rows of the panel: 1, 2, 4 or 8.
    pub height: usize,
    /// For each `k`, `width` values.
    pub columns: &'a [f32],
    /// A multiple of [`WIDEST`], [`PACKED`] at most.
    pub width: usize,
    /// One value for every row to write.
    pub bias: &'a [f32],
    /// Added before the activation: rows of as many values as are written, and the distance between them.
    pub kept: Option<(&'a [f32], usize)>,
    /// The activation.
    pub curve: Curve,
}

/// Writes all of `out`: as many rows as there are biases, of at most `width` columns.
///
/// Each value is one sum in the order of `k`, then the bias, then what is kept: it does not depend on
/// how a map is cut.
pub(crate) fn packed_products(product: &PackedProduct<'_>, out: &mut MatMut<'_>) {
    let [rows, length] = out.size();
    let (height, width) = (product.height, product.width);
    let depth = product.panel.len() / height;
    assert!(matches!(height, 1 | 2 | 4 | 8), "panel height");
    assert!(
        width.is_multiple_of(WIDEST) && width <= PACKED,
        "packed width"
    );
    assert!(
        product.columns.len() >= depth * width && product.panel.len() == depth * height,
        "a panel of {} values and {} rows for {} columns {width} wide",
        product.panel.len(),
        height,
        product.columns.len()
    );
    assert!(
        rows == product.bias.len() && rows <= height && length <= width,
        "{rows} rows of {length} values for {} biases, panels of {height} and {width} columns",
        product.bias.len()
    );
    if let Some((kept, stride)) = product.kept {
        assert!(
            rows == 0 || (rows - 1) * stride + length <= kept.len(),
            "{rows} rows of {length} kept values, {stride} apart, in {}",
            kept.len()
        );
    }
    let (out, stride) = out.parts();
    dispatch(Packed {
        product,
        depth,
        out,
        stride,
        length,
    });
}

struct Packed<'a> {
    product: &'a PackedProduct<'a>,
    depth: usize,
    out: *mut f32,
    stride: usize,
    length: usize,
}

// `outer` has the same walk with its own widths; it says why they are two.
impl WithSimd for Packed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: `packed_products` checked that every read and write lies inside its slice or matrix;
        // registers have at most `WIDEST` values, of which `width` is a multiple.
        unsafe {
            match self.product.height {
                8 if S::REGISTER_COUNT >= 32 => self.rows::<S, 8, 3>(simd, 0),
                8 => {
                    self.rows::<S, 4, 2>(simd, 0);
                    self.rows::<S, 4, 2>(simd, 4);
                }
                4 if S::REGISTER_COUNT >= 32 => self.rows::<S, 4, 3>(simd, 0),
                4 => self.rows::<S, 4, 2>(simd, 0),
                2 => self.rows::<S, 2, 3>(simd, 0),
                _ => self.rows::<S, 1, 3>(simd, 0),
            }
        }
    }
}

impl Packed<'_> {
    /// `M` rows of the panel from row `skip` on, `V` registers of columns at a time.
    ///
    /// # Safety
    /// As checked by [`packed_products`]; `skip + M <= height`.
    #[inline(always)]
    unsafe fn rows<S: Simd, const M: usize, const V: usize>(&self, simd: S, skip: usize) {
        let mut left = self.length.div_ceil(S::F32_LANES);
        let mut at = 0;
        // SAFETY: passed on.
        unsafe {
            while left >= V {
                self.block::<S, M, V>(simd, skip, at);
                at += V * S::F32_LANES;
                left -= V;
            }
            while left >= 2 {
                self.block::<S, M, 2>(simd, skip, at);
                at += 2 * S::F32_LANES;
                left -= 2;
            }
            if left > 0 {
                self.block::<S, M, 1>(simd, skip, at);
            }
        }
    }

    /// `M` rows of `V` registers, from column `at` on.
    ///
    /// # Safety
    /// As [`rows`](Self::rows), and every register begins inside the length.
    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        skip: usize,
        at: usize,
    ) {
        let PackedProduct { height, width, .. } = *self.product;
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        // SAFETY: the caller's promise.
        unsafe {
            let mut columns = self.product.columns.as_ptr().add(at);
            let mut weights = self.product.panel.as_ptr().add(skip);
            for _ in 0..self.depth {
                let mut seen = [simd.splat_f32s(0.0); V];
                for (v, seen) in seen.iter_mut().enumerate() {
                    *seen = columns.cast::<S::f32s>().add(v).read_unaligned();
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let weight = simd.splat_f32s(*weights.add(m));
                    for (sum, &seen) in sums.iter_mut().zip(&seen) {
                        *sum = simd.mul_add_e_f32s(weight, seen, *sum);
                    }
                }
                weights = weights.add(height);
                columns = columns.add(width);
            }
            // Through memory, which stays in the first-level cache: with the rest in one loop the compiler
            // keeps the sums themselves in memory.
            let mut finished = MaybeUninit::<[[S::f32s; V]; M]>::uninit();
            let finished = finished.as_mut_ptr().cast::<S::f32s>();
            for (m, sums) in sums.iter().enumerate() {
                for (v, &sum) in sums.iter().enumerate() {
                    finished.add(m * V + v).write(sum);
                }
            }
            for (m, &bias) in self.product.bias.iter().skip(skip).take(M).enumerate() {
                for v in 0..V {
                    let sum = finished.add(m * V + v).read();
                    self.finish(simd, skip + m, at + v * S::F32_LANES, bias, sum);
                }
            }
        }
    }

    /// Bias, what is kept, and activation for one register of sums of row `row`, and its place from column
    /// `first` on.
    ///
    /// # Safety
    /// The row is written, and the register begins inside the length.
    #[inline(always)]
    unsafe fn finish<S: Simd>(&self, simd: S, row: usize, first: usize, bias: f32, sum: S::f32s) {
        let count = S::F32_LANES.min(self.length - first);
        let mut value = simd.add_f32s(sum, simd.splat_f32s(bias));
        // SAFETY: the caller's promise; a register that reaches beyond the length is read and written in
        // part.
        unsafe {
            if let Some((kept, stride)) = self.product.kept {
                let kept = kept.as_ptr().add(row * stride + first);
                let kept = if count == S::F32_LANES {
                    kept.cast::<S::f32s>().read_unaligned()
                } else {
                    simd.partial_load_f32s(std::slice::from_raw_parts(kept, count))
                };
                value = simd.add_f32s(value, kept);
            }
            let value = curved(simd, self.product.curve, value);
            let out = self.out.add(row * self.stride + first);
            if count == S::F32_LANES {
                out.cast::<S::f32s>().write_unaligned(value);
            } else {
                simd.partial_store_f32s(std::slice::from_raw_parts_mut(out, count), value);
            }
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
        for (height, rows) in [(1, 1), (2, 2), (4, 3), (8, 8), (8, 5)] {
            for (depth, width, length) in [(1, 16, 1), (3, 48, 48), (9, 32, 17), (5, 48, 33)] {
                for has_kept in [false, true] {
                    let columns: Vec<f32> = (0..depth * width)
                        .map(|i| ((i * 7) % 11) as f32 - 5.0)
                        .collect();
                    let panel: Vec<f32> =
                        (0..height * depth).map(|i| (i % 5) as f32 - 2.0).collect();
                    let bias: Vec<f32> = (0..rows).map(|row| row as f32 - 1.0).collect();
                    let stride = length + 3;
                    let kept: Vec<f32> = (0..rows * stride).map(|i| (i % 4) as f32).collect();
                    let mut values = vec![f32::NAN; rows * (length + 2)];
                    let mut out = MatMut::new(&mut values, rows, length + 2);
                    packed_products(
                        &PackedProduct {
                            panel: &panel,
                            height,
                            columns: &columns,
                            width,
                            bias: &bias,
                            kept: has_kept.then_some((&kept, stride)),
                            curve: Activation::Relu6.curve(),
                        },
                        &mut out.block(0..rows, 1..1 + length),
                    );
                    for row in 0..rows {
                        let found = &values[row * (length + 2)..][..length + 2];
                        assert!(found[0].is_nan() && found[length + 1].is_nan(), "{found:?}");
                        for (p, found) in found[1..=length].iter().enumerate() {
                            let sum: f32 = (0..depth)
                                .map(|k| panel[k * height + row] * columns[k * width + p])
                                .sum();
                            let more = if has_kept {
                                kept[row * stride + p]
                            } else {
                                0.0
                            };
                            let expected = (sum + bias[row] + more).clamp(0.0, 6.0);
                            assert_eq!(*found, expected, "{height} {rows} {depth} {length}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "rows of 20 values")]
    fn more_columns_than_are_packed_are_refused() {
        let mut values = [0.0; 20];
        let product = PackedProduct {
            panel: &[1.0],
            height: 1,
            columns: &[0.0; 16],
            width: 16,
            bias: &[0.0],
            kept: None,
            curve: Activation::Identity.curve(),
        };
        packed_products(&product, &mut MatMut::new(&mut values, 1, 20));
    }
}
