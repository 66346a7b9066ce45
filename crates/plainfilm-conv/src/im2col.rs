//! Between a film and its column matrix: one row per (channel, kernel tap), one column per output.

use std::ops::Range;

use crate::geometry::Shape;

/// Writes the column matrix of output rows `rows` for input channels `channels` of one group.
///
/// `film` holds the group's input `[inputs, height, width]`; `columns` receives
/// `[channels * taps, rows * output width]`, where a tap outside the film reads zero.
pub(crate) fn im2col(
    film: &[f32],
    shape: &Shape,
    channels: Range<usize>,
    rows: Range<usize>,
    columns: &mut [f32],
) {
    let tile = rows.len() * shape.output[1];
    let taps = shape.taps();
    for tap in 0..taps {
        let seen = Seen::new(shape, tap, rows.clone());
        for (at, channel) in channels.clone().enumerate() {
            let plane = &film[channel * shape.input_plane()..][..shape.input_plane()];
            seen.gather(plane, &mut columns[(at * taps + tap) * tile..][..tile]);
        }
    }
}

/// What one kernel tap sees of a plane, for some output rows.
struct Seen {
    /// The rows whose tap lies inside the plane, counted from the first wanted row, and the input
    /// row of the first of them.
    rows: Range<usize>,
    first_row: usize,
    /// The same for columns.
    columns: Range<usize>,
    first_column: usize,
    /// Columns of the output and of the input.
    widths: [usize; 2],
    stride: [usize; 2],
}

impl Seen {
    fn new(shape: &Shape, tap: usize, wanted: Range<usize>) -> Self {
        let (inside, first) = shape.inside(0, tap / shape.kernel[1]);
        let (columns, first_column) = shape.inside(1, tap % shape.kernel[1]);
        let start = inside.start.clamp(wanted.start, wanted.end);
        let end = inside.end.clamp(start, wanted.end);
        Self {
            rows: start - wanted.start..end - wanted.start,
            first_row: first + (start - inside.start.min(start)) * shape.stride[0],
            columns,
            first_column,
            widths: [shape.output[1], shape.input[1]],
            stride: shape.stride,
        }
    }

    /// Writes one row of the column matrix, with zeros where the tap lies outside the plane.
    fn gather(&self, plane: &[f32], out: &mut [f32]) {
        let width = self.widths[0];
        if self.rows.is_empty() || self.columns.is_empty() {
            return out.fill(0.0);
        }
        out[..self.rows.start * width].fill(0.0);
        out[self.rows.end * width..].fill(0.0);
        let out = &mut out[self.rows.start * width..self.rows.end * width];
        if self.stride == [1, 1] && self.widths[0] == self.widths[1] {
            self.gather_shifted(plane, out);
        } else {
            self.gather_lines(plane, out);
        }
    }

    /// Input and output of the same width: one copy of all rows, shifted, which leaves values of
    /// neighbouring rows where the tap is beside the plane; those become zero after it.
    fn gather_shifted(&self, plane: &[f32], out: &mut [f32]) {
        let width = self.widths[0];
        // The first and last copied values, in `out` and in `plane`.
        let from = self.columns.start;
        let source = self.first_row * width + self.first_column;
        let length = out.len() - from - (width - self.columns.end);
        out[from..from + length].copy_from_slice(&plane[source..source + length]);
        for beside in (0..self.columns.start).chain(self.columns.end..width) {
            for value in out[beside..].iter_mut().step_by(width) {
                *value = 0.0;
            }
        }
    }

    /// Any other geometry, line by line.
    fn gather_lines(&self, plane: &[f32], out: &mut [f32]) {
        let [stride_y, stride_x] = self.stride;
        let sources = plane.chunks_exact(self.widths[1]).skip(self.first_row);
        for (source, line) in sources
            .step_by(stride_y)
            .zip(out.chunks_exact_mut(self.widths[0]))
        {
            line[..self.columns.start].fill(0.0);
            line[self.columns.end..].fill(0.0);
            let line = &mut line[self.columns.clone()];
            let source = &source[self.first_column..];
            if stride_x == 1 {
                line.copy_from_slice(&source[..line.len()]);
            } else {
                for (value, &source) in line.iter_mut().zip(source.iter().step_by(stride_x)) {
                    *value = source;
                }
            }
        }
    }
}

/// Adds a column matrix of output rows `rows`, all channels of one group, back onto the pixels it
/// was read from: the adjoint of [`im2col`].
pub(crate) fn col2im(columns: &[f32], shape: &Shape, rows: Range<usize>, film: &mut [f32]) {
    let width = shape.output[1];
    let tile = rows.len() * width;
    let [stride_y, stride_x] = shape.stride;
    let input_width = shape.input[1];
    let planes = film.chunks_exact_mut(shape.input_plane());
    for (plane, block) in planes.zip(columns.chunks_exact(shape.taps() * tile)) {
        for (tap, column) in block.chunks_exact(tile).enumerate() {
            let (inside_y, first_y) = shape.inside(0, tap / shape.kernel[1]);
            let (inside_x, first_x) = shape.inside(1, tap % shape.kernel[1]);
            if inside_x.is_empty() {
                continue;
            }
            for (y, line) in rows.clone().zip(column.chunks_exact(width)) {
                if !inside_y.contains(&y) {
                    continue;
                }
                let target_y = first_y + (y - inside_y.start) * stride_y;
                let target =
                    &mut plane[target_y * input_width + first_x..][..input_width - first_x];
                let line = &line[inside_x.clone()];
                for (target, value) in target.iter_mut().step_by(stride_x).zip(line) {
                    *target += value;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::ConvGeometry;

    fn shapes() -> Vec<Shape> {
        let mut shapes = Vec::new();
        for (size, kernel, stride, padding, dilation) in [
            ([5, 7], [3, 3], [1, 1], [1, 1], [1, 1]),
            ([5, 7], [3, 2], [2, 1], [0, 2], [1, 2]),
            ([1, 1], [1, 1], [3, 3], [1, 1], [1, 1]),
            ([6, 4], [2, 2], [4, 3], [0, 0], [1, 1]),
        ] {
            let geometry = ConvGeometry {
                stride,
                padding,
                dilation,
                groups: 1,
            };
            let input = [1, 2, size[0], size[1]];
            shapes.push(Shape::new(input, [1, 2, kernel[0], kernel[1]], &geometry).unwrap());
        }
        // Negative padding, as the transposed shape of an over-padded 1x1 kernel has.
        shapes.push(shapes[0].transposed().unwrap());
        let over = Shape::new([1, 2, 4, 4], [3, 2, 1, 1], &ConvGeometry::padded(1)).unwrap();
        shapes.push(over.transposed().unwrap());
        shapes
    }

    #[test]
    fn columns_hold_what_each_tap_sees() {
        for shape in shapes() {
            let film: Vec<f32> = (0..shape.inputs * shape.input_plane())
                .map(|i| i as f32 + 1.0)
                .collect();
            let rows = 0..shape.output[0];
            let mut columns = vec![f32::NAN; shape.patch() * shape.output_plane()];
            im2col(&film, &shape, 0..shape.inputs, rows, &mut columns);
            for (at, &value) in columns.iter().enumerate() {
                let (row, pixel) = (at / shape.output_plane(), at % shape.output_plane());
                let (channel, tap) = (row / shape.taps(), row % shape.taps());
                let position = |axis: usize, output: usize, tap: usize| {
                    (output * shape.stride[axis] + tap * shape.dilation[axis]) as isize
                        - shape.padding[axis]
                };
                let y = position(0, pixel / shape.output[1], tap / shape.kernel[1]);
                let x = position(1, pixel % shape.output[1], tap % shape.kernel[1]);
                let inside = (0..shape.input[0] as isize).contains(&y)
                    && (0..shape.input[1] as isize).contains(&x);
                let expected = if inside {
                    film[channel * shape.input_plane() + y as usize * shape.input[1] + x as usize]
                } else {
                    0.0
                };
                assert_eq!(value, expected, "{shape:?} row {row} pixel {pixel}");
            }
        }
    }

    #[test]
    fn col2im_is_the_adjoint_of_im2col() {
        for shape in shapes() {
            let size = shape.inputs * shape.input_plane();
            let film: Vec<f32> = (0..size).map(|i| (i % 11) as f32 - 5.0).collect();
            let probe: Vec<f32> = (0..shape.patch() * shape.output_plane())
                .map(|i| (i % 13) as f32 - 6.0)
                .collect();
            let rows = 0..shape.output[0];
            let mut columns = vec![0.0; probe.len()];
            im2col(&film, &shape, 0..shape.inputs, rows.clone(), &mut columns);
            let mut back = vec![0.0; size];
            col2im(&probe, &shape, rows, &mut back);
            let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
            assert_eq!(dot(&columns, &probe), dot(&film, &back), "{shape:?}");
        }
    }
}
