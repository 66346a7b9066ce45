//! How the chest lies in a film, told by likeness to the average chest film.

use std::sync::LazyLock;

use plainfilm_film::average_film::{MEANS, ORDER, wave};
use plainfilm_film::grid::{Grid, LEVELS, Window, ranks};

/// Side of the squares that are compared.
const SIDE: usize = 32;

type Square = [f32; SIDE * SIDE];

/// The average chest film, of mean 0 and length 1.
static CHEST: LazyLock<Square> = LazyLock::new(|| {
    normal(std::array::from_fn(|cell| {
        let (x, y) = (cell % SIDE, cell / SIDE);
        (1..ORDER * ORDER)
            .map(|frequency| {
                MEANS[frequency]
                    * wave(frequency % ORDER, x, SIDE)
                    * wave(frequency / ORDER, y, SIDE)
            })
            .sum()
    }))
});

/// Parts of the average chest film, which an over-cropped film shows: by size as a part of the side,
/// and place.
static PARTS: LazyLock<Vec<Square>> = LazyLock::new(|| {
    let mut parts = Vec::new();
    for size in [0.45, 0.6] {
        for down in [0.0, 0.5, 1.0] {
            for across in [0.0, 0.5, 1.0] {
                parts.push(part(across * (1.0 - size), down * (1.0 - size), size, size));
            }
        }
    }
    // Halves: one lung, or the upper or lower chest.
    for place in [0.0, 0.5] {
        parts.push(part(place, 0.0, 0.5, 1.0));
        parts.push(part(0.0, place, 1.0, 0.5));
    }
    parts
});

/// A part of the average chest film, blown up to the whole square. All in parts of the side.
fn part(left: f32, top: f32, width: f32, height: f32) -> Square {
    normal(std::array::from_fn(|cell| {
        let at = |cell: usize, start: f32, length: f32| {
            let place = start + (cell as f32 + 0.5) / SIDE as f32 * length;
            ((place * SIDE as f32) as usize).min(SIDE - 1)
        };
        CHEST[at(cell / SIDE, top, height) * SIDE + at(cell % SIDE, left, width)]
    }))
}

fn normal(square: Square) -> Square {
    let mean = square.iter().sum::<f32>() / square.len() as f32;
    let square = square.map(|value| value - mean);
    let length = square.iter().map(|value| value * value).sum::<f32>().sqrt();
    square.map(|value| value / length.max(f32::MIN_POSITIVE))
}

/// What a film's likeness to the average chest film says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    /// Correlation with the average chest film, turned clockwise by 0, 90, 180 and 270 degrees. Below
    /// 0 the film looks like its negative.
    pub(super) turned: [f32; 4],
    /// Greatest correlation with a part of it.
    pub(super) part: f32,
    /// Correlation of the film with its own mirror image.
    pub(super) symmetry: f32,
    /// Of the ways to cut the film into equal panels, the greatest least correlation of a panel, with
    /// the panels across and down.
    pub(super) panels: (f32, usize, usize),
}

impl Layout {
    pub(super) fn of(grid: &Grid) -> Self {
        let whole = grid.without_frame();
        let film = seen(grid, &whole);
        let turned = [0, 1, 2, 3].map(|quarters| {
            let turned = std::array::from_fn(|cell| CHEST[source(cell, quarters)]);
            product(&film, &turned)
        });
        let part = PARTS
            .iter()
            .map(|part| product(&film, part))
            .fold(-1.0, f32::max);
        let mirrored = std::array::from_fn(|cell| {
            let (x, y) = (cell % SIDE, cell / SIDE);
            film[y * SIDE + SIDE - 1 - x]
        });
        let panels = [(2, 1), (1, 2), (2, 2), (3, 1), (3, 2), (2, 3), (3, 3)]
            .map(|(across, down)| (least_panel(grid, &whole, across, down), across, down))
            .into_iter()
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .expect("the list of layouts is not empty");
        Self {
            turned,
            part,
            symmetry: product(&film, &mirrored),
            panels,
        }
    }
}

/// Correlation of a film with the average chest film.
pub(super) fn likeness(grid: &Grid) -> f32 {
    product(&seen(grid, &grid.without_frame()), &CHEST)
}

/// Where a cell of the square lay before the square was turned clockwise.
fn source(cell: usize, quarters: usize) -> usize {
    let last = SIDE - 1;
    let (x, y) = (cell % SIDE, cell / SIDE);
    let (x, y) = match quarters {
        0 => (x, y),
        1 => (y, last - x),
        2 => (last - x, last - y),
        _ => (last - y, x),
    };
    y * SIDE + x
}

/// A part of a film as ranks, of mean 0 and length 1.
fn seen(grid: &Grid, window: &Window) -> Square {
    let levels = ranks(&grid.square(window, SIDE));
    normal(std::array::from_fn(|cell| {
        f32::from(levels[cell]) / LEVELS as f32
    }))
}

fn product(a: &Square, b: &Square) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn least_panel(grid: &Grid, whole: &Window, across: usize, down: usize) -> f32 {
    let (width, height) = (
        (whole.right - whole.left) / across as f32,
        (whole.bottom - whole.top) / down as f32,
    );
    (0..across * down)
        .map(|panel| {
            let left = whole.left + (panel % across) as f32 * width;
            let top = whole.top + (panel / across) as f32 * height;
            let window = Window {
                left,
                top,
                right: left + width,
                bottom: top + height,
            };
            product(&seen(grid, &window), &CHEST)
        })
        .fold(1.0, f32::min)
}
