//! Matrix views over slices and their product: the one place that calls the `gemm` crate.
//!
//! All the `unsafe` of the convolutions is here. A [`MatMut`] may share its slice with other views
//! (each owning other columns), which slices cannot express; it keeps the invariant by
//! construction, as its only ways in are a whole slice and a split into disjoint columns.

use std::marker::PhantomData;

use gemm::Parallelism;

/// A read-only matrix in a slice, with a stride for rows and one for columns.
#[derive(Clone, Copy)]
pub(crate) struct MatRef<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> MatRef<'a> {
    /// `rows` rows of `columns` values, each row `stride` values after the one before.
    pub fn strided(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        debug_assert!(rows > 0 && columns > 0);
        assert!(
            (rows - 1) * stride + columns <= data.len(),
            "a {rows}x{columns} matrix with stride {stride} does not fit into {} values",
            data.len()
        );
        Self {
            data,
            rows,
            columns,
            row_stride: stride,
            column_stride: 1,
        }
    }

    /// A matrix whose rows follow one another.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// The transposed view.
    pub fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A matrix to write: rows of contiguous values, `stride` apart.
pub(crate) struct MatMut<'a> {
    // Points to the first value; this view alone may touch `rows` runs of `columns` values.
    first: *mut f32,
    rows: usize,
    columns: usize,
    stride: usize,
    lifetime: PhantomData<&'a mut [f32]>,
}

// SAFETY: a `MatMut` stands for a set of `&mut [f32]` (its rows), which are `Send`; it shares no
// value with any other view.
unsafe impl Send for MatMut<'_> {}

impl<'a> MatMut<'a> {
    /// The whole slice as `rows` rows of `columns` values.
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(
            rows * columns,
            data.len(),
            "expected {rows}x{columns} values"
        );
        Self {
            first: data.as_mut_ptr(),
            rows,
            columns,
            stride: columns,
            lifetime: PhantomData,
        }
    }

    /// The first `columns` columns, and the rest.
    pub fn split_columns(self, columns: usize) -> (Self, Self) {
        assert!(columns <= self.columns, "split outside the matrix");
        let left = Self { columns, ..self };
        let right = Self {
            // `wrapping_add`: with no column left this may point past the end, never read.
            first: self.first.wrapping_add(columns),
            columns: self.columns - columns,
            ..self
        };
        (left, right)
    }

    /// Row `row`.
    pub fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row lies inside the slice given to `new`, and this view alone owns its
        // columns; the borrow of `self` keeps rows from being handed out twice.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.stride), self.columns) }
    }

    /// `self = a b`, or `self += a b` with `accumulate`.
    ///
    /// Runs on the calling thread. Each element is one sum over the inner dimension in an order
    /// that depends on the sizes only, so the bytes do not depend on who computes it.
    pub fn multiply(&mut self, accumulate: bool, a: MatRef<'_>, b: MatRef<'_>) {
        assert!(
            a.rows == self.rows && b.columns == self.columns && a.columns == b.rows,
            "expected {}x_ times _x{}, found {}x{} times {}x{}",
            self.rows,
            self.columns,
            a.rows,
            a.columns,
            b.rows,
            b.columns
        );
        // SAFETY: the three views lie inside live slices (checked where they are made), their
        // sizes agree (checked above), and `self` overlaps neither operand, being exclusive.
        unsafe {
            gemm::gemm(
                self.rows,
                self.columns,
                a.columns,
                self.first,
                1,
                self.stride as isize,
                accumulate,
                a.data.as_ptr(),
                a.column_stride as isize,
                a.row_stride as isize,
                b.data.as_ptr(),
                b.column_stride as isize,
                b.row_stride as isize,
                1.0,
                1.0,
                false,
                false,
                false,
                Parallelism::None,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(a: &[f32], b: &[f32], m: usize, n: usize, k: usize) -> Vec<f32> {
        let mut c = vec![0.0; m * n];
        for i in 0..m {
            for j in 0..n {
                c[i * n + j] = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
            }
        }
        c
    }

    #[test]
    fn products_into_column_tiles_agree_with_a_loop() {
        // Whole numbers, so that every order of adding gives the same float.
        for (m, n, k) in [(1, 1, 1), (3, 5, 2), (8, 33, 27), (17, 40, 130)] {
            let a: Vec<f32> = (0..m * k).map(|i| (i % 7) as f32 - 3.0).collect();
            let b: Vec<f32> = (0..k * n).map(|i| (i % 5) as f32 - 2.0).collect();
            let expected = naive(&a, &b, m, n, k);
            let mut c = vec![f32::NAN; m * n];
            let cut = n / 3;
            let (mut left, mut right) = MatMut::new(&mut c, m, n).split_columns(cut);
            if cut > 0 {
                left.multiply(false, MatRef::new(&a, m, k), MatRef::strided(&b, k, cut, n));
            }
            right.multiply(
                false,
                MatRef::new(&a, m, k),
                MatRef::strided(&b[cut..], k, n - cut, n),
            );
            assert_eq!(right.row(m - 1), &expected[(m - 1) * n + cut..]);
            assert_eq!(c, expected);

            let transposed: Vec<f32> = (0..n * k).map(|i| b[(i % k) * n + i / k]).collect();
            MatMut::new(&mut c, m, n).multiply(
                true,
                MatRef::new(&a, m, k),
                MatRef::new(&transposed, n, k).t(),
            );
            let doubled: Vec<f32> = expected.iter().map(|v| 2.0 * v).collect();
            assert_eq!(c, doubled);
        }
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_view_outside_its_slice_is_refused() {
        let _ = MatRef::strided(&[0.0; 8], 3, 3, 3);
    }
}
