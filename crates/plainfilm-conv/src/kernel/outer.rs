//! Weights times shifted views of a film: `out[m][p] = sum over k of a[m][k] * source[offsets[k] + p]`.
//!
//! With a table of offsets the right operand needs no column matrix: every kernel tap of every
//! channel is the same memory, read from another place. A plain matrix is the case where offsets
//! are multiples of its row length.

use pulp::{Simd, WithSimd};

use super::{WIDEST, dispatch};

/// What [`outer_products`] multiplies.
pub(crate) struct OuterProduct<'a> {
    /// A panel: for each `k` the `height` values `a[..][k]`.
    pub panel: &'a [f32],
    /// Rows of the panel: 1, 2, 4 or 8.
    pub height: usize,
    /// Where column zero of each `k` lies in `source`.
    pub offsets: &'a [usize],
    /// The largest of `offsets`.
    pub reach: usize,
    /// Added to every offset.
    pub first: usize,
    /// The right operand.
    pub source: &'a [f32],
    /// Columns to compute.
    pub length: usize,
}

/// Writes the products to `out`: row `m` starts at `m * stride`, and up to `length` rounded up to
/// [`WIDEST`] values of it are written (what is beyond `length` means nothing).
///
/// Each value is one sum in the order of `k`, whatever the lengths: results do not depend on how a
/// map is cut into calls.
pub(crate) fn outer_products(product: &OuterProduct<'_>, out: &mut [f32], stride: usize) {
    let rounded = product.length.next_multiple_of(WIDEST);
    assert_eq!(
        product.panel.len(),
        product.height * product.offsets.len(),
        "a panel of {} rows for {} offsets",
        product.height,
        product.offsets.len()
    );
    assert!(matches!(product.height, 1 | 2 | 4 | 8), "panel height");
    assert!(
        product.first + product.reach + rounded <= product.source.len(),
        "offsets up to {} with {rounded} values after them leave a source of {}",
        product.first + product.reach,
        product.source.len()
    );
    debug_assert!(
        product
            .offsets
            .iter()
            .all(|&offset| offset <= product.reach)
    );
    assert!(
        rounded <= stride && product.height * stride <= out.len(),
        "{} rows of {rounded} values, {stride} apart, do not fit into {}",
        product.height,
        out.len()
    );
    dispatch(Outer {
        product,
        out: out.as_mut_ptr(),
        stride,
    });
}

struct Outer<'a> {
    product: &'a OuterProduct<'a>,
    out: *mut f32,
    stride: usize,
}

// The walk is that of `packed`, with other widths and another rule for what is left over: rows are of any
// length here, and of three registers at most there. One walk with all of that as parameters would be
// harder to read than two.
impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // SAFETY: `outer_products` checked that all reads and writes, rounded up to whole
        // registers, stay inside their slices; registers have at most `WIDEST` values.
        unsafe {
            match self.product.height {
                8 if S::REGISTER_COUNT >= 32 => self.rows::<S, 8, 3>(simd, 0),
                8 => {
                    self.rows::<S, 4, 2>(simd, 0);
                    self.rows::<S, 4, 2>(simd, 4);
                }
                4 if S::REGISTER_COUNT >= 32 => self.rows::<S, 4, 4>(simd, 0),
                4 => self.rows::<S, 4, 2>(simd, 0),
                2 => self.rows::<S, 2, 4>(simd, 0),
                _ => self.rows::<S, 1, 8>(simd, 0),
            }
        }
    }
}

impl Outer<'_> {
    /// `M` rows of the panel from row `skip` on, `V` registers of columns at a time.
    ///
    /// # Safety
    /// As checked by [`outer_products`]; `skip + M <= height`.
    #[inline(always)]
    unsafe fn rows<S: Simd, const M: usize, const V: usize>(&self, simd: S, skip: usize) {
        let mut left = self.product.length.div_ceil(S::F32_LANES);
        let mut at = 0;
        // SAFETY: passed on.
        unsafe {
            while left >= V {
                // Four registers as 2 + 2: one alone would wait for its own sums.
                if V == 3 && left == 4 {
                    break;
                }
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
    /// As [`rows`](Self::rows), and the columns lie inside the rounded length.
    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const V: usize>(
        &self,
        simd: S,
        skip: usize,
        at: usize,
    ) {
        let OuterProduct { height, .. } = *self.product;
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        // SAFETY: the caller's promise.
        unsafe {
            let source = self.product.source.as_ptr().add(self.product.first + at);
            let mut weights = self.product.panel.as_ptr().add(skip);
            for &offset in self.product.offsets {
                let columns = source.add(offset).cast::<S::f32s>();
                let mut seen = [simd.splat_f32s(0.0); V];
                for (v, seen) in seen.iter_mut().enumerate() {
                    *seen = columns.add(v).read_unaligned();
                }
                for (m, sums) in sums.iter_mut().enumerate() {
                    let weight = simd.splat_f32s(*weights.add(m));
                    for (sum, &seen) in sums.iter_mut().zip(&seen) {
                        *sum = simd.mul_add_e_f32s(weight, seen, *sum);
                    }
                }
                weights = weights.add(height);
            }
            for (m, sums) in sums.iter().enumerate() {
                let out = self.out.add((skip + m) * self.stride + at);
                for (v, &sum) in sums.iter().enumerate() {
                    out.cast::<S::f32s>().add(v).write_unaligned(sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_a_loop() {
        // Whole numbers, so that every order of adding gives the same float.
        for height in [1, 2, 4, 8] {
            for (depth, length) in [(1, 1), (3, 16), (9, 50), (5, 64), (2, 129), (4, 200)] {
                let source: Vec<f32> = (0..1000).map(|i| ((i * 7) % 11) as f32 - 5.0).collect();
                let offsets: Vec<usize> = (0..depth).map(|k| (k * 37) % 200).collect();
                let panel: Vec<f32> = (0..height * depth).map(|i| (i % 5) as f32 - 2.0).collect();
                let stride = length + 40;
                let mut out = vec![f32::NAN; height * stride];
                let product = OuterProduct {
                    panel: &panel,
                    height,
                    offsets: &offsets,
                    reach: *offsets.iter().max().unwrap(),
                    first: 3,
                    source: &source,
                    length,
                };
                outer_products(&product, &mut out, stride);
                for m in 0..height {
                    for p in 0..length {
                        let expected: f32 = (0..depth)
                            .map(|k| panel[k * height + m] * source[3 + offsets[k] + p])
                            .sum();
                        assert_eq!(out[m * stride + p], expected, "{height} {depth} {length}");
                    }
                    // Not a value further than promised.
                    let end = length.next_multiple_of(WIDEST);
                    assert!(
                        out[m * stride + end..(m + 1) * stride]
                            .iter()
                            .all(|v| v.is_nan())
                    );
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "leave a source")]
    fn a_source_without_spare_values_is_refused() {
        let product = OuterProduct {
            panel: &[1.0],
            height: 1,
            offsets: &[4],
            reach: 4,
            first: 0,
            source: &[0.0; 8],
            length: 4,
        };
        outer_products(&product, &mut [0.0; 16], 16);
    }
}
