//! `processing` and `marks`: what films carry besides the chest, in their finest detail.
//!
//! Networks see what a coarse sketch does not: how a film was blurred, resized or compressed, and letters, leads
//! and devices on it. Of each film some nine hundred numbers are kept: statistics of the finest detail of its
//! border, and what stands out at three sizes in border and middle.

mod checks;
mod marks;
mod plane;
#[cfg(test)]
#[path = "tests.rs"]
mod planted;
mod processing;

pub(super) use checks::{marks, processing};

use super::settings::View;
use marks::Marks;
use plainfilm_film::radiograph::{LungFinder, Radiograph};
use plane::Levels;

/// What is kept of a film's fine detail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Traces {
    processing: Vec<f32>,
    marks: Marks,
}

impl Traces {
    /// Of a film as stored, pixel by pixel for how it was processed; else of what the network is shown, at
    /// the network's size.
    pub fn of(film: &Radiograph, view: &View, lungs: &dyn LungFinder) -> Self {
        let shown = Levels::shown(film, view, lungs);
        let processing = match view {
            View::AsStored => processing::numbers(&Levels::stored(film)),
            View::After(_) => processing::numbers(&shown),
        };
        Self {
            processing: processing.to_vec(),
            marks: Marks::of(shown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::border::{GRID, Region};
    use plainfilm_data::phantom::{PhantomSettings, draw};
    use plainfilm_film::radiograph::NoLungs;

    fn phantom() -> Radiograph {
        let settings = PhantomSettings {
            count: 1,
            size: 256,
            seed: 4,
            shortcut: 0.0,
        };
        draw(&settings, 0).unwrap()
    }

    fn traces(film: &Radiograph) -> Traces {
        Traces::of(film, &View::AsStored, &NoLungs)
    }

    #[test]
    fn coarse_grey_levels_and_blur_change_the_finest_detail() {
        let film = phantom();
        let full = if film.bit_depth == 16 { 257 } else { 1 };
        let mut coarse = film.clone();
        for pixel in &mut coarse.pixels {
            *pixel = *pixel / (4 * full) * (4 * full);
        }
        let (before, after) = (traces(&film), traces(&coarse));
        // Number 23 is the share of levels that are multiples of four.
        assert!(before.processing[23] < 0.6, "{:?}", before.processing);
        assert!(after.processing[23] > 0.99, "{:?}", after.processing);
        let mut blurred = film.clone();
        for at in 1..film.pixels.len() {
            blurred.pixels[at] = film.pixels[at - 1] / 2 + film.pixels[at] / 2;
        }
        let after = traces(&blurred);
        assert!(after.processing[0] < before.processing[0], "{after:?}");
        assert!(before.processing.iter().all(|number| number.is_finite()));
    }

    #[test]
    fn a_mark_is_found_in_its_cell_and_region() {
        let film = phantom();
        let full = if film.bit_depth == 16 { u16::MAX } else { 255 };
        let with_mark = |from: u32| {
            let mut marked = film.clone();
            for y in from..from + 5 {
                for x in from..from + 2 {
                    marked.pixels[(y * film.width + x) as usize] = full;
                }
            }
            traces(&marked).marks
        };
        let plain = traces(&film).marks;
        let changed = |marks: &Marks, region| {
            let cells = marks.cells(region);
            (cells.iter().zip(plain.cells(region)))
                .filter(|(a, b)| **a > b + 0.3)
                .count()
        };
        let corner = with_mark(8);
        assert!(
            (1..=8).contains(&changed(&corner, Region::Border)),
            "{corner:?}"
        );
        assert_eq!(changed(&corner, Region::Middle), 0);
        let middle = with_mark(120);
        assert_eq!(changed(&middle, Region::Border), 0);
        assert!(changed(&middle, Region::Middle) > 0);
        assert_eq!(middle.border, plain.border);
        assert_eq!(plain.cells(Region::Whole).len(), 2 * GRID * GRID);
    }

    #[test]
    fn films_too_small_for_a_border_have_numbers_too() {
        let mut film = phantom();
        film.width = 3;
        film.height = 2;
        film.pixels.truncate(6);
        let found = traces(&film);
        assert!(found.processing.iter().all(|number| *number == 0.0));
        assert!(found.marks.border.iter().all(|number| number.is_finite()));
    }
}
