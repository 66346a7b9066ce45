//! Letters, lines and objects: what stands out from its surroundings at three sizes.
//!
//! What is narrower than a square vanishes when a picture is opened (bright things) or closed (dark ones)
//! with it; what vanishes is the top-hat of mathematical morphology (Serra 1982). Letters and leads are found
//! at the finest size, tubes at the next, devices at the third.

use super::plane::{Levels, SIDE};
use crate::border::{GRID, Region};

/// How often the picture is halved, and the reach of the square in pixels there, for a picture of [`SIDE`].
const SIZES: [(usize, f32); 3] = [(0, 3.0), (1, 3.0), (2, 5.0)];
/// Parts of the pixels below the values that are kept.
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];
/// Added before a logarithm is taken: less is rounding.
const FLOOR: f32 = 0.5;

/// What stands out in a film.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Marks {
    /// Logarithms of quantiles of border and middle: three sizes, bright and dark, four quantiles.
    pub border: Vec<f32>,
    pub middle: Vec<f32>,
    /// For each cell of the grid, the logarithms of what is brightest and darkest at the finest size.
    cells: Vec<f32>,
}

impl Marks {
    pub fn of(levels: Levels) -> Self {
        let mut marks = Self::default();
        let mut halvings = 0;
        let full = levels.width;
        let mut levels = levels;
        for (wanted, reach) in SIZES {
            while halvings < wanted {
                levels = levels.halved();
                halvings += 1;
            }
            let reach = ((reach * full as f32 / SIDE as f32).round() as usize).max(1);
            for hat in hats(&levels, reach) {
                if wanted == 0 {
                    marks.cells.extend(greatest(&levels, &hat));
                }
                let [border, middle] = split(&levels, &hat);
                marks.border.extend(quantiles(border));
                marks.middle.extend(quantiles(middle));
            }
        }
        marks
    }

    /// The numbers of the cells in a region.
    pub fn cells(&self, region: Region) -> Vec<f32> {
        let cells = self.cells.chunks(GRID * GRID);
        cells
            .flat_map(|cells| cells.iter().enumerate())
            .filter(|(cell, _)| region.holds(cell / GRID, cell % GRID))
            .map(|(_, value)| *value)
            .collect()
    }
}

/// Bright and dark top-hats with a square of `reach` pixels to each side.
fn hats(levels: &Levels, reach: usize) -> [Vec<f32>; 2] {
    let size = (levels.width, levels.height);
    let least = |values: &[f32]| extreme(values, size, reach, |a, b| if b < a { b } else { a });
    let greatest = |values: &[f32]| extreme(values, size, reach, |a, b| if b > a { b } else { a });
    let opened = greatest(&least(&levels.values));
    let closed = least(&greatest(&levels.values));
    let difference = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a - b).collect();
    [
        difference(&levels.values, &opened),
        difference(&closed, &levels.values),
    ]
}

/// The least or greatest value of the square around each pixel: first along rows, then along columns.
fn extreme(
    values: &[f32],
    (width, height): (usize, usize),
    reach: usize,
    choose: impl Fn(f32, f32) -> f32,
) -> Vec<f32> {
    let mut narrow = values.to_vec();
    for (out, row) in narrow
        .chunks_mut(width.max(1))
        .zip(values.chunks(width.max(1)))
    {
        for shift in 1..=reach.min(width.saturating_sub(1)) {
            for (out, other) in out[shift..].iter_mut().zip(row) {
                *out = choose(*out, *other);
            }
            for (out, other) in out.iter_mut().zip(&row[shift..]) {
                *out = choose(*out, *other);
            }
        }
    }
    let mut found = narrow.clone();
    for shift in 1..=reach.min(height.saturating_sub(1)) {
        let shift = shift * width;
        for (out, other) in found[shift..].iter_mut().zip(&narrow) {
            *out = choose(*out, *other);
        }
        for (out, other) in found.iter_mut().zip(&narrow[shift..]) {
            *out = choose(*out, *other);
        }
    }
    found
}

/// The logarithm of the greatest value in each cell of the grid.
fn greatest(levels: &Levels, hat: &[f32]) -> Vec<f32> {
    let mut cells = vec![0.0_f32; GRID * GRID];
    for (row, values) in hat.chunks(levels.width.max(1)).enumerate() {
        let first = row * GRID / levels.height * GRID;
        for (column, value) in values.iter().enumerate() {
            let cell = &mut cells[first + column * GRID / levels.width];
            *cell = cell.max(*value);
        }
    }
    cells.iter().map(|value| (value + FLOOR).ln()).collect()
}

/// The values of the border and those of the middle.
fn split(levels: &Levels, hat: &[f32]) -> [Vec<f32>; 2] {
    let (mut border, mut middle) = (Vec::new(), Vec::new());
    for (row, values) in hat.chunks(levels.width.max(1)).enumerate() {
        let [left, right] = levels.border(row, 0);
        border.extend_from_slice(&values[left.clone()]);
        border.extend_from_slice(&values[right.clone()]);
        middle.extend_from_slice(&values[left.end..right.start]);
    }
    [border, middle]
}

fn quantiles(mut values: Vec<f32>) -> [f32; QUANTILES.len()] {
    QUANTILES.map(|part| {
        if values.is_empty() {
            return FLOOR.ln();
        }
        let at = (part * (values.len() - 1) as f64) as usize;
        let (_, value, _) = values.select_nth_unstable_by(at, f32::total_cmp);
        (*value + FLOOR).ln()
    })
}
