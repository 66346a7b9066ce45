//! Films averaged to a small square grid, on which frames, layout and likeness are told.

use crate::radiograph::Radiograph;

/// Cells of a grid, across and down.
pub const GRID: usize = 128;
/// Levels that ranks are given as.
pub const LEVELS: usize = 16;

/// A film as [`GRID`] x [`GRID`] means, row by row, whatever its size and shape.
pub struct Grid(pub Vec<f32>);

/// Part of a grid, in cells; ends are exclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// First column.
    pub left: f32,
    /// First row.
    pub top: f32,
    /// Column after the last.
    pub right: f32,
    /// Row after the last.
    pub bottom: f32,
}

impl Grid {
    /// The film averaged to the grid, its aspect ratio ignored.
    pub fn of(film: &Radiograph) -> Self {
        Self(averaged(film))
    }

    /// What is left when a plain frame around the film is cut off.
    pub fn without_frame(&self) -> Window {
        let rows = Frame::of(&self.0, |row, at| row * GRID + at);
        let columns = Frame::of(&self.0, |column, at| at * GRID + column);
        Window {
            left: columns.start as f32,
            top: rows.start as f32,
            right: columns.end as f32,
            bottom: rows.end as f32,
        }
    }

    /// A part of the grid averaged to `side` x `side` values, row by row.
    pub fn square(&self, window: &Window, side: usize) -> Vec<f32> {
        // The share of each line of the grid in each line of the square.
        let shares = |start: f32, end: f32| -> Vec<Vec<(usize, f32)>> {
            let step = (end - start) / side as f32;
            (0..side)
                .map(|line| {
                    let start = start + line as f32 * step;
                    let end = start + step;
                    (start as usize..(end.ceil() as usize).min(GRID))
                        .map(|index| {
                            let covered = end.min(index as f32 + 1.0) - start.max(index as f32);
                            (index, covered / step)
                        })
                        .collect()
                })
                .collect()
        };
        let columns = shares(window.left, window.right);
        let rows = shares(window.top, window.bottom);
        let mut square = Vec::with_capacity(side * side);
        for row in &rows {
            for column in &columns {
                let mut sum = 0.0;
                for &(y, down) in row {
                    for &(x, across) in column {
                        sum += self.0[y * GRID + x] * down * across;
                    }
                }
                square.push(sum);
            }
        }
        square
    }
}

/// Means over a square grid. A cell between the pixels of a film smaller than the grid has the value
/// of the pixel it lies in.
fn averaged(film: &Radiograph) -> Vec<f32> {
    let (width, height) = (film.width as usize, film.height as usize);
    let range = |cell: usize, length: usize| {
        let start = cell * length / GRID;
        start..((cell + 1) * length / GRID).max(start + 1)
    };
    let columns: Vec<_> = (0..GRID).map(|column| range(column, width)).collect();
    let mut grid = Vec::with_capacity(GRID * GRID);
    let mut sums = vec![0_u64; GRID];
    for row in 0..GRID {
        let rows = range(row, height);
        sums.fill(0);
        for y in rows.clone() {
            let pixels = &film.pixels[y * width..(y + 1) * width];
            for (sum, columns) in sums.iter_mut().zip(&columns) {
                *sum += pixels[columns.clone()]
                    .iter()
                    .map(|&pixel| u64::from(pixel))
                    .sum::<u64>();
            }
        }
        grid.extend(
            sums.iter()
                .zip(&columns)
                .map(|(&sum, columns)| sum as f32 / (rows.len() * columns.len()) as f32),
        );
    }
    grid
}

/// The lines of the grid that are left when a plain frame around the film is cut off.
struct Frame {
    start: usize,
    end: usize,
}

impl Frame {
    /// Part of the greatest possible contrast within which a frame's cells are one grey.
    const EVEN: f32 = 0.02;
    /// Part of it by which the picture must differ from the frame where it begins, on average along
    /// the line: the dark air beside a patient, which ends softly, is no frame.
    const STEP: f32 = 0.06;
    /// Most lines that are cut off on one side.
    const MOST: usize = GRID / 4;

    /// `cell(line, at)` is where in the grid cell `at` of a line lies.
    fn of(grid: &[f32], cell: impl Fn(usize, usize) -> usize) -> Self {
        let low = grid.iter().copied().fold(f32::INFINITY, f32::min);
        let high = grid.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let contrast = (high - low).max(f32::MIN_POSITIVE);
        let cut = |line: &dyn Fn(usize) -> usize| {
            let values = |index: usize| (0..GRID).map(move |at| (index, at));
            let value = |(index, at): (usize, usize)| grid[cell(line(index), at)];
            let mut first: Vec<f32> = values(0).map(value).collect();
            first.sort_unstable_by(f32::total_cmp);
            let level = first[GRID / 2];
            // A marker burnt into the frame may take a tenth of a line.
            let is_frame = |index: &usize| {
                let off = values(*index)
                    .filter(|&at| (value(at) - level).abs() > Self::EVEN * contrast)
                    .count();
                off <= GRID / 10
            };
            let lines = (0..GRID).take_while(is_frame).count();
            if lines == 0 || lines > Self::MOST {
                return 0;
            }
            // The line in which the frame ends is partly frame, so the next one counts.
            let step = values(lines + 1)
                .map(|at| (value(at) - level).abs())
                .sum::<f32>()
                / GRID as f32;
            if step >= Self::STEP * contrast {
                lines
            } else {
                0
            }
        };
        Self {
            start: cut(&|index| index),
            end: GRID - cut(&|index| GRID - 1 - index),
        }
    }
}

/// The rank of each value as a level below [`LEVELS`], as many values at each. Equal values, and those
/// that differ by less than rounding, share the level of their middle.
pub fn ranks(values: &[f32]) -> Vec<u8> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut levels = vec![0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let lowest = values[order[start]];
        let equal = order[start..]
            .iter()
            .take_while(|&&cell| values[cell] - lowest <= 1e-3)
            .count();
        let level = (2 * start + equal - 1) * LEVELS / (2 * values.len());
        for &cell in &order[start..start + equal] {
            levels[cell] = level as u8;
        }
        start += equal;
    }
    levels
}
