//! Films laid out so that a convolution reads them without a column matrix.
//!
//! Every channel is copied once into a plane with its padding around it; rows are `pitch` apart.
//! Then all outputs of a tile that one kernel tap contributes to are the same memory shifted by a
//! fixed offset, and a run over several rows of outputs is one run over memory: the few values at
//! the end of each row, where a window would reach around into the next, are computed and ignored.
//! With a stride, rows and columns are first sorted by their remainder (their *phase*), and each
//! phase is such a plane. This is one copy of the film where a column matrix is one per kernel tap.

use std::ops::Range;

use crate::geometry::Shape;
use crate::kernel::elementwise::every_second;
use crate::kernel::{WIDEST, vectorised};

/// How channels of a film are laid out for one tile of rows.
#[derive(Clone, Debug)]
pub(crate) struct Lattice {
    /// Rows and columns of the film.
    input: [usize; 2],
    stride: [usize; 2],
    /// The film's row and column at the lattice's first row and column; negative inside padding.
    origin: [isize; 2],
    /// Remainders of row and column, each a plane.
    phases: Vec<[usize; 2]>,
    /// Distance between rows.
    pub pitch: usize,
    /// Rows that a tile needs beyond its own.
    extra: usize,
    /// Values in the plane of one phase.
    plane: usize,
}

/// Where a kernel tap reads, relative to the output it contributes to.
#[derive(Clone, Copy)]
struct TapPlace {
    phase: [usize; 2],
    shift: [usize; 2],
}

impl Lattice {
    /// What the forward convolution reads for tiles of up to `rows` output rows, and the offset of
    /// each kernel tap in the first channel.
    pub fn of_input(shape: &Shape, rows: usize) -> (Self, Vec<usize>) {
        let places: Vec<TapPlace> = (0..shape.taps())
            .map(|tap| {
                let at = [tap / shape.kernel[1], tap % shape.kernel[1]];
                let reach = |axis: usize| at[axis] * shape.dilation[axis];
                TapPlace {
                    phase: [reach(0) % shape.stride[0], reach(1) % shape.stride[1]],
                    shift: [reach(0) / shape.stride[0], reach(1) / shape.stride[1]],
                }
            })
            .collect();
        let furthest = |axis: usize| places.iter().map(|p| p.shift[axis]).max().unwrap_or(0);
        let mut phases: Vec<_> = places.iter().map(|place| place.phase).collect();
        phases.sort_unstable();
        phases.dedup();
        let (extra, pitch) = (furthest(0), shape.output[1] + furthest(1));
        let plane = (rows + extra) * pitch;
        let offsets = places
            .iter()
            .map(|place| {
                let phase = phases.iter().position(|phase| *phase == place.phase);
                phase.unwrap_or(0) * plane + place.shift[0] * pitch + place.shift[1]
            })
            .collect();
        let lattice = Self {
            input: shape.input,
            stride: shape.stride,
            origin: shape.padding.map(|padding| -(padding as isize)),
            phases,
            pitch,
            extra,
            plane,
        };
        (lattice, offsets)
    }

    /// One plane a channel of a map of size `input`, from row and column `origin` on, `pitch` wide,
    /// for tiles of up to `rows` rows and `extra` more.
    pub fn plain(
        input: [usize; 2],
        origin: [isize; 2],
        pitch: usize,
        rows: usize,
        extra: usize,
    ) -> Self {
        Self {
            input,
            stride: [1, 1],
            origin,
            phases: vec![[0, 0]],
            pitch,
            extra,
            plane: (rows + extra) * pitch,
        }
    }

    /// The same with its first row and column at another place of the map: inside it, where the outermost values
    /// are not read.
    pub fn starting_at(self, origin: [isize; 2]) -> Self {
        Self { origin, ..self }
    }

    /// Values between the first value of one channel and of the next.
    pub fn channel(&self) -> usize {
        self.phases.len() * self.plane
    }

    /// Where each (channel, tap) of so many channels reads, given the taps of the first.
    pub fn columns(&self, taps: &[usize], channels: usize) -> Vec<usize> {
        (0..channels)
            .flat_map(|channel| taps.iter().map(move |tap| channel * self.channel() + tap))
            .collect()
    }

    /// Length of the memory for this many channels, spare values at the end included.
    pub fn length(&self, channels: usize) -> usize {
        channels * self.channel() + WIDEST
    }

    /// Copies rows `rows` of the output's maps, of `plane` values with `width` a row, into planes of `room`
    /// values, with the lattice's distance between rows and zeros between and below them.
    pub fn place_output(
        &self,
        maps: &[f32],
        [plane, width]: [usize; 2],
        rows: Range<usize>,
        room: usize,
        out: &mut [f32],
    ) {
        for (map, out) in maps.chunks_exact(plane).zip(out.chunks_exact_mut(room)) {
            let map = &map[rows.start * width..rows.end * width];
            let (out, below) = out.split_at_mut(rows.len() * self.pitch);
            for (from, to) in map
                .chunks_exact(width)
                .zip(out.chunks_exact_mut(self.pitch))
            {
                let (to, gap) = to.split_at_mut(width);
                to.copy_from_slice(from);
                gap.fill(0.0);
            }
            below.fill(0.0);
        }
    }

    /// Lays out channels, given one after another in `film`, for output rows `rows`; all of
    /// `out`, [`length`](Self::length) values, is written.
    pub fn gather(&self, film: &[f32], rows: Range<usize>, out: &mut [f32]) {
        let [height, width] = self.input;
        let used = (rows.len() + self.extra) * self.pitch;
        let channels = film.chunks_exact(height * width);
        let count = channels.len();
        for (plane, out) in channels.zip(out.chunks_exact_mut(self.channel())) {
            for (phase, out) in self.phases.iter().zip(out.chunks_exact_mut(self.plane)) {
                let (out, below) = out.split_at_mut(used);
                below.fill(0.0);
                let columns = Line::new(self.origin[1] + phase[1] as isize, self.stride[1], width);
                for (row, line) in out.chunks_exact_mut(self.pitch).enumerate() {
                    let at = ((rows.start + row) * self.stride[0] + phase[0]) as isize;
                    match usize::try_from(at + self.origin[0]) {
                        Ok(row) if row < height => {
                            columns.copy(&plane[row * width..][..width], line);
                        }
                        _ => line.fill(0.0),
                    }
                }
            }
        }
        out[count * self.channel()..].fill(0.0);
    }
}

/// Which values of a film's row lie in a row of the lattice.
struct Line {
    /// Zeros before the first value.
    before: usize,
    /// The film's column of the first value.
    first: usize,
    stride: usize,
}

impl Line {
    /// A row that starts at column `start` of the film.
    fn new(start: isize, stride: usize, width: usize) -> Self {
        let before = match usize::try_from(-start) {
            Ok(outside) => outside.div_ceil(stride),
            Err(_) => 0,
        };
        let first = start + (before * stride) as isize;
        Self {
            before,
            // Not negative, as `before` steps were taken; beyond the row there is nothing to copy.
            first: usize::try_from(first).unwrap_or(0).min(width),
            stride,
        }
    }

    fn copy(&self, source: &[f32], line: &mut [f32]) {
        let (before, line) = line.split_at_mut(self.before.min(line.len()));
        before.fill(0.0);
        let source = &source[self.first..];
        let count = source.len().div_ceil(self.stride).min(line.len());
        let (line, after) = line.split_at_mut(count);
        match self.stride {
            1 => line.copy_from_slice(&source[..count]),
            2 => vectorised(|| every_second(source, line)),
            stride => {
                for (value, source) in line.iter_mut().zip(source.iter().step_by(stride)) {
                    *value = *source;
                }
            }
        }
        after.fill(0.0);
    }
}

/// Cuts `rows` rows into even parts of at most `most` rows, each but the last a multiple of
/// `multiple`.
pub(crate) fn parts(rows: usize, most: usize, multiple: usize) -> Vec<Range<usize>> {
    let most = (most / multiple).max(1) * multiple;
    let count = rows.div_ceil(most);
    let part = rows.div_ceil(count).next_multiple_of(multiple);
    (0..rows)
        .step_by(part)
        .map(|first| first..(first + part).min(rows))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::ConvGeometry;

    #[test]
    fn a_tap_reads_what_the_convolution_reads() {
        for (size, kernel, stride, padding, dilation) in [
            ([5, 7], [3, 3], [1, 1], [1, 1], [1, 1]),
            ([5, 7], [3, 2], [2, 1], [0, 2], [1, 2]),
            ([1, 1], [1, 1], [3, 3], [1, 1], [1, 1]),
            ([6, 4], [2, 2], [4, 3], [0, 0], [1, 1]),
            ([9, 9], [7, 7], [2, 2], [3, 3], [1, 1]),
            ([8, 5], [3, 3], [3, 2], [2, 4], [2, 1]),
        ] {
            let geometry = ConvGeometry {
                stride,
                padding,
                dilation,
                groups: 1,
                ..ConvGeometry::default()
            };
            let input = [1, 2, size[0], size[1]];
            let shape = Shape::new(input, [1, 2, kernel[0], kernel[1]], &geometry).unwrap();
            let film: Vec<f32> = (0..2 * shape.input_plane())
                .map(|i| i as f32 + 1.0)
                .collect();
            let most = shape.output[0].div_ceil(2);
            let (lattice, offsets) = Lattice::of_input(&shape, most);
            for rows in parts(shape.output[0], most, 1) {
                let mut memory = vec![f32::NAN; lattice.length(2)];
                lattice.gather(&film, rows.clone(), &mut memory);
                assert!(memory.iter().all(|value| !value.is_nan()));
                for (channel, (tap, offset)) in
                    (0..2).flat_map(|c| offsets.iter().enumerate().map(move |o| (c, o)))
                {
                    for (at, y) in rows.clone().enumerate() {
                        for x in 0..shape.output[1] {
                            let place = |axis: usize, output: usize, tap: usize| {
                                (output * stride[axis] + tap * dilation[axis]) as isize
                                    - padding[axis] as isize
                            };
                            let (iy, ix) =
                                (place(0, y, tap / kernel[1]), place(1, x, tap % kernel[1]));
                            let inside = (0..size[0] as isize).contains(&iy)
                                && (0..size[1] as isize).contains(&ix);
                            let expected = if inside {
                                let pixel = iy as usize * size[1] + ix as usize;
                                film[channel * shape.input_plane() + pixel]
                            } else {
                                0.0
                            };
                            let found = memory
                                [channel * lattice.channel() + offset + at * lattice.pitch + x];
                            assert_eq!(found, expected, "{shape:?} tap {tap} at {y}, {x}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn parts_cover_every_row_once_and_evenly() {
        for (rows, most, multiple) in [(224, 193, 1), (7, 100, 1), (13, 4, 2), (5, 1, 2), (1, 1, 1)]
        {
            let found = parts(rows, most, multiple);
            let all: Vec<usize> = found.iter().cloned().flatten().collect();
            assert_eq!(all, (0..rows).collect::<Vec<_>>());
            let full = &found[..found.len() - 1];
            assert!(full.iter().all(|part| part.len() % multiple == 0));
        }
        assert_eq!(parts(224, 193, 1), [0..112, 112..224]);
    }
}
