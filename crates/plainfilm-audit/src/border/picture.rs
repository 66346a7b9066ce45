//! A film in a few hundred numbers: grey, texture and edges of the cells of a coarse grid.

use crate::settings::View;
use plainfilm_film::radiograph::{Fit, LungFinder, Preprocessing, Radiograph};

/// Cells along each side of the grid.
pub(crate) const GRID: usize = 20;
/// Cells from each edge that count as border: 15 % of the side.
pub(super) const BORDER: usize = 3;
/// Pixels along each side of a cell.
const CELL: usize = 4;
/// Pixels along each side of the square that is looked at.
const SIDE: usize = GRID * CELL;
/// Numbers that describe a cell: mean, spread, and mean steps along rows and columns.
const PER_CELL: usize = 4;
/// Bins of the histogram of greys.
const TONES: usize = 32;

/// Parts of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Region {
    Whole,
    Border,
    Middle,
}

impl Region {
    /// Whether a cell of the grid lies in it.
    pub(crate) fn holds(self, row: usize, column: usize) -> bool {
        let nearest = [row, column, GRID - 1 - row, GRID - 1 - column]
            .into_iter()
            .min()
            .unwrap_or(0);
        match self {
            Self::Whole => true,
            Self::Border => nearest < BORDER,
            Self::Middle => nearest >= BORDER,
        }
    }
}

/// What is kept of a film's picture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sketch {
    /// `GRID * GRID * PER_CELL` numbers, cell by cell.
    cells: Vec<f32>,
    /// Shares of the pixels in each of `TONES` greys.
    tones: Vec<f32>,
}

impl Sketch {
    /// What it shows, for a sentence.
    pub const WHAT: &str = "a coarse sketch of the whole film";

    /// The sketch of a film: whole and squashed to a square when it is judged as stored, else as the
    /// preprocessing leaves it. The square has [`SIDE`] pixels a side, whatever the network's size.
    pub fn of(film: &Radiograph, view: &View, lungs: &dyn LungFinder) -> Self {
        let preprocessing = match view {
            View::AsStored => Preprocessing {
                fit: Fit::Squash,
                size: SIDE,
                channels: 1,
                ..Preprocessing::default()
            },
            View::After(preprocessing) => Preprocessing {
                size: SIDE,
                channels: 1,
                ..preprocessing.clone()
            },
        };
        let plane = preprocessing.plane(film, lungs);
        let mut pixels = vec![0.0; SIDE * SIDE];
        preprocessing.write_tensor(&plane, &mut pixels);
        let mut cells = Vec::with_capacity(GRID * GRID * PER_CELL);
        for row in 0..GRID {
            for column in 0..GRID {
                cells.extend(cell(&pixels, row, column));
            }
        }
        // The plane is within 0 to 1 whatever the scaling.
        let mut tones = vec![0.0; TONES];
        for value in &plane.values {
            let bin = (value * TONES as f32) as usize;
            tones[bin.min(TONES - 1)] += 1.0 / (SIDE * SIDE) as f32;
        }
        Self { cells, tones }
    }

    /// The numbers of the cells in a region.
    pub(super) fn cells(&self, region: Region) -> Vec<f32> {
        self.cells
            .chunks_exact(PER_CELL)
            .enumerate()
            .filter(|(cell, _)| region.holds(cell / GRID, cell % GRID))
            .flat_map(|(_, numbers)| numbers)
            .copied()
            .collect()
    }

    /// The numbers of the whole film.
    pub(crate) fn all_cells(&self) -> &[f32] {
        &self.cells
    }

    /// How often each grey occurs.
    pub(super) fn tones(&self) -> &[f32] {
        &self.tones
    }
}

/// Mean, standard deviation, and mean absolute difference of neighbours within a cell.
fn cell(pixels: &[f32], row: usize, column: usize) -> [f32; PER_CELL] {
    let at = |y: usize, x: usize| pixels[(row * CELL + y) * SIDE + column * CELL + x];
    let count = (CELL * CELL) as f32;
    let (mut sum, mut squares, mut along, mut down) = (0.0, 0.0, 0.0, 0.0);
    for y in 0..CELL {
        for x in 0..CELL {
            sum += at(y, x);
        }
    }
    let mean = sum / count;
    for y in 0..CELL {
        for x in 0..CELL {
            squares += (at(y, x) - mean).powi(2);
            if x > 0 {
                along += (at(y, x) - at(y, x - 1)).abs();
            }
            if y > 0 {
                down += (at(y, x) - at(y - 1, x)).abs();
            }
        }
    }
    let steps = (CELL * (CELL - 1)) as f32;
    [mean, (squares / count).sqrt(), along / steps, down / steps]
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_film::radiograph::NoLungs;
    use plainfilm_film::radiograph::Provenance;

    fn film(side: u32, grey: impl Fn(u32, u32) -> u16) -> Radiograph {
        Radiograph {
            width: side,
            height: side,
            bit_depth: 8,
            pixels: (0..side * side).map(|i| grey(i % side, i / side)).collect(),
            provenance: Provenance {
                name: "film".to_owned(),
                format: "png".to_owned(),
                colour: "grey 8-bit".to_owned(),
                orientation: 1,
                synthetic: true,
                coloured_pixels: 0,
                used_bits: 8,
            },
        }
    }

    #[test]
    fn the_border_knows_nothing_of_the_middle() {
        let dark = Sketch::of(&film(160, |_, _| 20), &View::AsStored, &NoLungs);
        // A bright square in the middle, 60 % of each side: its blur does not reach the border.
        let bright = Sketch::of(
            &film(160, |x, y| {
                if (32..128).contains(&x) && (32..128).contains(&y) {
                    230
                } else {
                    20
                }
            }),
            &View::AsStored,
            &NoLungs,
        );
        assert_eq!(dark.cells(Region::Border), bright.cells(Region::Border));
        assert_ne!(dark.cells(Region::Middle), bright.cells(Region::Middle));
        let lengths = [Region::Border, Region::Middle, Region::Whole]
            .map(|region| dark.cells(region).len() / PER_CELL);
        assert_eq!(lengths, [204, 196, 400]);
    }

    #[test]
    fn a_ramp_has_the_steps_it_has() {
        let ramp = Sketch::of(&film(80, |x, _| x as u16 * 3), &View::AsStored, &NoLungs);
        let first = &ramp.cells(Region::Whole)[..PER_CELL];
        let unit = 3.0 / 255.0;
        for (found, expected) in first
            .iter()
            .zip([1.5 * unit, 1.25_f32.sqrt() * unit, unit, 0.0])
        {
            assert!((found - expected).abs() < 1e-5, "{first:?}");
        }
        assert!((ramp.tones().iter().sum::<f32>() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn preprocessing_decides_what_is_seen() {
        let edge = film(160, |x, _| if x < 12 { 255 } else { 40 });
        let squash = Preprocessing {
            fit: Fit::Squash,
            ..Preprocessing::default()
        };
        let stored = Sketch::of(&edge, &View::AsStored, &NoLungs);
        assert_eq!(
            stored,
            Sketch::of(&edge, &View::After(squash.clone()), &NoLungs)
        );
        let inverted = Preprocessing {
            inversion: plainfilm_film::radiograph::Inversion::Invert,
            ..squash
        };
        assert_ne!(stored, Sketch::of(&edge, &View::After(inverted), &NoLungs));
    }
}
