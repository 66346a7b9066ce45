//! Sums over pixels, for the gradient of a weight:
//! `out[m][n] += sum over segments and p of a[rows[m] + segment.a + p] * b[columns[n] + segment.b + p]`.
//!
//! Both operands are read along pixels, so neither needs packing; each sum is kept as one register
//! of partial sums, added up at the end.

use pulp::{Simd, WithSimd};

use super::{WIDEST, dispatch};

/// What [`inner_products`] multiplies.
pub(crate) struct InnerProduct<'a> {
    /// The left operand. In every segment the values from `length` up to the next multiple of
    /// [`WIDEST`] must be zero.
    pub a: &'a [f32],
    /// Where each row lies in `a`.
    pub rows: &'a [usize],
    /// The right operand; what it holds beyond a segment must be finite.
    pub b: &'a [f32],
    /// Where each column lies in `b`.
    pub columns: &'a [usize],
    /// Pairs of places in `a` and `b`, added to those of rows and columns.
    pub segments: &'a [[usize; 2]],
    /// Values in a segment.
    pub length: usize,
}

/// Adds the products to `out`, whose row `m` starts at `m * stride`.
pub(crate) fn inner_products(product: &InnerProduct<'_>, out: &mut [f32], stride: usize) {
    let InnerProduct {
        a,
        rows,
        b,
        columns,
        segments,
        length,
    } = *product;
    let (Some(last_row), Some(last_column)) = (rows.iter().max(), columns.iter().max()) else {
        return;
    };
    let rounded = length.next_multiple_of(WIDEST);
    for &[at_a, at_b] in segments {
        assert!(
            at_a + last_row + rounded <= a.len() && at_b + last_column + rounded <= b.len(),
            "a segment of {rounded} values at {at_a}, {at_b} leaves operands of {} and {}",
            a.len(),
            b.len()
        );
    }
    assert!(
        columns.len() <= stride && (rows.len() - 1) * stride + columns.len() <= out.len(),
        "{}x{} products, {stride} apart, do not fit into {}",
        rows.len(),
        columns.len(),
        out.len()
    );
    dispatch(Inner {
        product,
        out: out.as_mut_ptr(),
        stride,
    });
}

struct Inner<'a> {
    product: &'a InnerProduct<'a>,
    out: *mut f32,
    stride: usize,
}

impl WithSimd for Inner<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let rows = self.product.rows.len();
        let fours = rows / 4 * 4;
        // SAFETY: `inner_products` checked that all reads, rounded up to whole registers, and all
        // writes stay inside their slices.
        unsafe {
            for first in (0..fours).step_by(4) {
                if S::REGISTER_COUNT >= 32 {
                    self.row::<S, 4, 6>(simd, first);
                } else {
                    self.row::<S, 4, 2>(simd, first);
                }
            }
            for first in fours..rows {
                self.row::<S, 1, 6>(simd, first);
            }
        }
    }
}

impl Inner<'_> {
    /// `M` rows against all columns, `N` at a time.
    ///
    /// # Safety
    /// As checked by [`inner_products`]; `first + M` rows exist.
    #[inline(always)]
    unsafe fn row<S: Simd, const M: usize, const N: usize>(&self, simd: S, first: usize) {
        let columns = self.product.columns.len();
        let mut at = 0;
        // SAFETY: passed on.
        unsafe {
            while at + N <= columns {
                self.block::<S, M, N>(simd, first, at);
                at += N;
            }
            if N > 3 && at + 3 <= columns {
                self.block::<S, M, 3>(simd, first, at);
                at += 3;
            }
            while at < columns {
                self.block::<S, M, 1>(simd, first, at);
                at += 1;
            }
        }
    }

    /// `M` rows against `N` columns.
    ///
    /// # Safety
    /// As [`row`](Self::row), and `at + N` columns exist.
    #[inline(always)]
    unsafe fn block<S: Simd, const M: usize, const N: usize>(
        &self,
        simd: S,
        first: usize,
        at: usize,
    ) {
        let InnerProduct {
            a,
            rows,
            b,
            columns,
            segments,
            length,
        } = *self.product;
        let registers = length.div_ceil(S::F32_LANES);
        let mut sums = [[simd.splat_f32s(0.0); N]; M];
        // SAFETY: the caller's promise.
        unsafe {
            for &[at_a, at_b] in segments {
                let mut left = [std::ptr::null::<S::f32s>(); M];
                for (m, left) in left.iter_mut().enumerate() {
                    *left = a.as_ptr().add(at_a + rows.get_unchecked(first + m)).cast();
                }
                let mut right = [std::ptr::null::<S::f32s>(); N];
                for (n, right) in right.iter_mut().enumerate() {
                    *right = b.as_ptr().add(at_b + columns.get_unchecked(at + n)).cast();
                }
                for p in 0..registers {
                    let mut rows = [simd.splat_f32s(0.0); M];
                    for (row, left) in rows.iter_mut().zip(&left) {
                        *row = left.add(p).read_unaligned();
                    }
                    for (n, right) in right.iter().enumerate() {
                        let column = right.add(p).read_unaligned();
                        for (sums, &row) in sums.iter_mut().zip(&rows) {
                            sums[n] = simd.mul_add_e_f32s(row, column, sums[n]);
                        }
                    }
                }
            }
            for (m, sums) in sums.iter().enumerate() {
                for (n, &sum) in sums.iter().enumerate() {
                    *self.out.add((first + m) * self.stride + at + n) += simd.reduce_sum_f32s(sum);
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
        for (rows, columns, length) in [
            (1usize, 1usize, 1usize),
            (4, 6, 16),
            (5, 9, 33),
            (8, 10, 50),
            (3, 13, 7),
        ] {
            let rounded = length.next_multiple_of(WIDEST);
            let segments = [[0, 40], [rows * rounded, 0]];
            let mut a = vec![0.0; 2 * rows * rounded];
            for (at, value) in a.iter_mut().enumerate() {
                if at % rounded < length {
                    *value = (at % 5) as f32 - 2.0;
                }
            }
            let b: Vec<f32> = (0..400).map(|i| ((i * 3) % 7) as f32 - 3.0).collect();
            let row_places: Vec<usize> = (0..rows).map(|m| m * rounded).collect();
            let column_places: Vec<usize> = (0..columns).map(|n| (n * 29) % 200).collect();
            let product = InnerProduct {
                a: &a,
                rows: &row_places,
                b: &b,
                columns: &column_places,
                segments: &segments,
                length,
            };
            let stride = columns + 2;
            let mut out = vec![1.0; rows * stride];
            inner_products(&product, &mut out, stride);
            for m in 0..rows {
                for n in 0..stride {
                    let mut expected = 1.0;
                    if n < columns {
                        for [at_a, at_b] in segments {
                            for p in 0..length {
                                expected +=
                                    a[at_a + row_places[m] + p] * b[at_b + column_places[n] + p];
                            }
                        }
                    }
                    assert_eq!(out[m * stride + n], expected, "{rows} {columns} {length}");
                }
            }
        }
    }
}
