//! What is measured of a film, whatever network looks at it.

use plainfilm_film::grid::{GRID, Grid, Window};
use plainfilm_film::radiograph::{LungBox, Radiograph};

/// Side of the plane on which sharpness is measured, so that the number of pixels does not count.
const SHARPNESS_SIDE: usize = 256;
/// Side of the plane on which the film is held against its mirror image.
const MIRROR_SIDE: usize = 32;

/// A fact of a film, with the words for a film that has much or little of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// The name in files.
    pub name: &'static str,
    /// What is said of a film that has much less of it than others.
    pub low: &'static str,
    /// What is said of a film that has much more.
    pub high: &'static str,
    /// Whether it belongs to the file rather than to the picture: hospitals differ in it, and a network that
    /// is shown a resized film hardly notices. Then it counts for groups of films only.
    pub of_file: bool,
}

const fn fact(name: &'static str, low: &'static str, high: &'static str) -> Fact {
    Fact {
        name,
        low,
        high,
        of_file: false,
    }
}

/// All facts, in the order of [`facts`].
pub const FACTS: [Fact; 18] = [
    Fact {
        of_file: true,
        ..fact("shape", "narrower", "wider")
    },
    Fact {
        of_file: true,
        ..fact("size", "fewer pixels", "more pixels")
    },
    Fact {
        of_file: true,
        ..fact("noise", "smoother from pixel to pixel", "noisier")
    },
    fact("black", "less black", "more black"),
    fact("white", "less white", "more white"),
    fact("brightness", "darker", "brighter"),
    fact("contrast", "less contrast", "more contrast"),
    fact("sharpness", "more blurred", "sharper"),
    fact("margin", "a darker margin", "a brighter margin"),
    fact(
        "symmetry",
        "not symmetric as a frontal chest film is",
        "unusually symmetric",
    ),
    fact(
        "lung share",
        "little or no lung to be found",
        "much more lung",
    ),
    fact(
        "lung certainty",
        "no clear outline of the lungs",
        "an unusually clear outline of the lungs",
    ),
    fact(
        "lung darkness",
        "lungs that are not dark",
        "unusually dark lungs",
    ),
    fact(
        "lung width",
        "lungs over a small part of its width",
        "lungs over all its width",
    ),
    fact(
        "lung height",
        "lungs over a small part of its height",
        "lungs over all its height",
    ),
    fact("lung texture", "smoother lungs", "coarser lungs"),
    fact(
        "lung balance",
        "one lung that is much smaller",
        "lungs of unusually equal size",
    ),
    fact(
        "layout",
        "not laid out as a chest",
        "laid out more like an average chest",
    ),
];

/// The lungs that were found on a film.
#[derive(Debug, Clone, Copy)]
pub struct FoundLungs<'a> {
    /// The probability of lung (`0..=1`) on a grid of [`GRID`] x [`GRID`] cells over the whole film.
    pub probabilities: &'a [f32],
    /// The box around them; none where there are none.
    pub bounds: Option<LungBox>,
}

/// The facts of a film and of the lungs found on it.
///
/// # Panics
///
/// When the lungs' grid is of another size.
#[must_use]
pub fn facts(film: &Radiograph, lungs: FoundLungs<'_>) -> [f32; FACTS.len()] {
    assert_eq!(
        lungs.probabilities.len(),
        GRID * GRID,
        "a grid as the film's"
    );
    let (width, height) = (film.width as usize, film.height as usize);
    let full = ((1_u32 << film.bit_depth) - 1) as f32;
    let grid = Grid::of(film);
    let whole = Window {
        left: 0.0,
        top: 0.0,
        right: GRID as f32,
        bottom: GRID as f32,
    };
    let mut sorted: Vec<f32> = grid.0.iter().map(|&value| value / full).collect();
    let cells = sorted.clone();
    sorted.sort_by(f32::total_cmp);
    let quantile = |share: f32| sorted[((sorted.len() - 1) as f32 * share) as usize];
    let spread = (quantile(0.9) - quantile(0.1)).max(1e-3);
    let share = |is: &dyn Fn(f32) -> bool| {
        cells.iter().filter(|&&value| is(value)).count() as f32 / cells.len() as f32
    };
    let mirror = grid.square(&whole, MIRROR_SIDE);
    let mirrored: Vec<f32> = mirror
        .chunks_exact(MIRROR_SIDE)
        .flat_map(|row| row.iter().rev().copied())
        .collect();
    let side = GRID;
    let is_margin = |cell: usize| {
        let (x, y) = (cell % side, cell / side);
        let edge = side / 10;
        x < edge || y < edge || x >= side - edge || y >= side - edge
    };
    let mean_where = |is: &dyn Fn(usize) -> bool| {
        let chosen: Vec<f32> = (0..cells.len())
            .filter(|&cell| is(cell))
            .map(|cell| cells[cell])
            .collect();
        match chosen.len() {
            0 => None,
            count => Some(chosen.iter().sum::<f32>() / count as f32),
        }
    };
    let middle = quantile(0.5);
    let margin = mean_where(&is_margin).unwrap_or(middle);
    let is_lung = |cell: usize| lungs.probabilities[cell] > 0.5;
    let inside = mean_where(&is_lung).unwrap_or(middle);
    let outside = mean_where(&|cell| !is_lung(cell)).unwrap_or(middle);
    let certainty = {
        let sum: f32 = lungs
            .probabilities
            .iter()
            .map(|p| (2.0 * p - 1.0).abs())
            .sum();
        sum / (GRID * GRID) as f32
    };
    let halves = [0, 1].map(|half| {
        let is_half = |cell: usize| (cell % side) / (side / 2) == half;
        (0..cells.len())
            .filter(|&cell| is_half(cell) && is_lung(cell))
            .count() as f32
    });
    let balance = (halves[0].min(halves[1]) + 1.0) / (halves[0].max(halves[1]) + 1.0);
    let log = |value: f32| value.max(1e-6).ln();
    [
        log(width as f32 / height as f32),
        log((width as f32 * height as f32).sqrt()),
        log(noise(film) / full / spread),
        share(&|value| value < 0.02),
        share(&|value| value > 0.98),
        middle,
        spread,
        log(sharpness(film) / spread),
        (margin - middle) / spread,
        correlation(&mirror, &mirrored),
        (0..cells.len()).filter(|&cell| is_lung(cell)).count() as f32 / cells.len() as f32,
        certainty,
        (outside - inside) / spread,
        lungs.bounds.map_or(0.0, |found| found.right - found.left),
        lungs.bounds.map_or(0.0, |found| found.bottom - found.top),
        log(texture(&cells, &is_lung) / spread),
        balance.ln(),
        plainfilm_audit::quality::likeness_to_a_chest(&grid),
    ]
}

/// The mean size of the finest diagonal differences (Haar's wavelet), grey levels.
fn noise(film: &Radiograph) -> f32 {
    let width = film.width as usize;
    let (mut sum, mut count) = (0_u64, 0_u64);
    for rows in film.pixels.chunks_exact(2 * width) {
        let (upper, lower) = rows.split_at(width);
        for (above, below) in upper.chunks_exact(2).zip(lower.chunks_exact(2)) {
            let difference = i64::from(above[0]) + i64::from(below[1])
                - i64::from(above[1])
                - i64::from(below[0]);
            sum += difference.unsigned_abs();
            count += 1;
        }
    }
    sum as f32 / 2.0 / count.max(1) as f32
}

/// The mean size of Laplace's differences on the film shrunk to [`SHARPNESS_SIDE`], fractions of full scale.
fn sharpness(film: &Radiograph) -> f32 {
    let (width, height, values) = film.shrunk(SHARPNESS_SIDE);
    let mut sum = 0.0;
    let mut count = 0_usize;
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = y * width + x;
            let around = values[at - 1] + values[at + 1] + values[at - width] + values[at + width];
            sum += (4.0 * values[at] - around).abs();
            count += 1;
        }
    }
    sum / count.max(1) as f32
}

/// The mean size of differences between neighbouring cells of the lungs.
fn texture(cells: &[f32], is_lung: &dyn Fn(usize) -> bool) -> f32 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for cell in 0..cells.len() - 1 {
        if is_lung(cell) && is_lung(cell + 1) {
            sum += (cells[cell + 1] - cells[cell]).abs();
            count += 1;
        }
    }
    sum / count.max(1) as f32
}

/// Pearson's correlation; 0 where either does not vary.
fn correlation(a: &[f32], b: &[f32]) -> f32 {
    let count = a.len() as f32;
    let mean = |values: &[f32]| values.iter().sum::<f32>() / count;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        both += (x - mean_a) * (y - mean_b);
        square_a += (x - mean_a).powi(2);
        square_b += (y - mean_b).powi(2);
    }
    match square_a * square_b > 0.0 {
        true => both / (square_a * square_b).sqrt(),
        false => 0.0,
    }
}
