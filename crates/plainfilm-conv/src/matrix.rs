//! A matrix cut into column blocks that different threads write.

use std::marker::PhantomData;
use std::ops::Range;

/// A matrix to write: rows of contiguous values, `stride` apart.
///
/// It may share its slice with other views (each owning other columns), which slices cannot
/// express; its only ways in are a whole slice and a split into disjoint columns.
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

    /// Rows and columns.
    pub fn size(&self) -> [usize; 2] {
        [self.rows, self.columns]
    }

    /// The first value, and the distance between rows: a kernel may write `columns` values from the
    /// start of each row on.
    pub fn parts(&mut self) -> (*mut f32, usize) {
        (self.first, self.stride)
    }

    /// Some rows of some columns.
    pub fn block(&mut self, rows: Range<usize>, columns: Range<usize>) -> MatMut<'_> {
        assert!(
            rows.start <= rows.end && rows.end <= self.rows,
            "rows {rows:?} of {}",
            self.rows
        );
        assert!(
            columns.start <= columns.end && columns.end <= self.columns,
            "columns {columns:?} of {}",
            self.columns
        );
        MatMut {
            // `wrapping_add`: of no rows nothing is ever read.
            first: self
                .first
                .wrapping_add(rows.start * self.stride + columns.start),
            rows: rows.len(),
            columns: columns.len(),
            stride: self.stride,
            lifetime: PhantomData,
        }
    }

    /// Row `row`.
    pub fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row lies inside the slice given to `new`, and this view alone owns its
        // columns; the borrow of `self` keeps rows from being handed out twice.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.stride), self.columns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_blocks_write_their_own_values() {
        let mut values = vec![0.0; 15];
        let (mut left, rest) = MatMut::new(&mut values, 3, 5).split_columns(2);
        let (mut middle, mut right) = rest.split_columns(2);
        for row in 0..3 {
            left.row(row).fill(1.0);
            middle.row(row).fill(2.0);
            right.row(row).fill(3.0);
        }
        assert_eq!(values, [1.0, 1.0, 2.0, 2.0, 3.0].repeat(3));
    }

    #[test]
    fn a_block_is_where_its_rows_and_columns_are() {
        let mut values = vec![0.0; 12];
        let mut all = MatMut::new(&mut values, 3, 4);
        let mut block = all.block(1..3, 2..4);
        assert_eq!(block.size(), [2, 2]);
        block.row(0).fill(1.0);
        block.block(1..2, 1..2).row(0).fill(2.0);
        let expected = [0., 0., 0., 0., 0., 0., 1., 1., 0., 0., 0., 2.];
        assert_eq!(values, expected);
    }

    #[test]
    #[should_panic(expected = "columns 3..5 of 4")]
    fn a_block_outside_is_refused() {
        MatMut::new(&mut [0.0; 12], 3, 4).block(0..1, 3..5);
    }

    #[test]
    #[should_panic(expected = "row 3 of 3")]
    fn a_row_outside_is_refused() {
        let mut values = vec![0.0; 6];
        MatMut::new(&mut values, 3, 2).row(3);
    }
}
