//! Thin bright or dark strokes, as letters have and anatomy has not.

use plainfilm_film::radiograph::Radiograph;

/// Strokes thinner than this part of the film's shorter side are sought.
const THICKNESS: f32 = 0.012;
/// Part of the film's contrast by which a stroke stands out from both of its sides.
const CONTRAST: f32 = 0.35;
/// The film is averaged to about this many pixels a side before strokes are sought.
const SIDE: usize = 512;

/// Part of a film's pixels that lie on strokes.
///
/// A stroke vanishes when the film is opened (bright strokes) or closed (dark ones) with a square
/// wider than it is; what vanishes is the top-hat of mathematical morphology (Serra 1982).
pub(super) fn share(film: &Radiograph) -> f64 {
    let (width, height) = (film.width as usize, film.height as usize);
    let step = (width.min(height) / SIDE).max(1);
    let (columns, rows) = (width / step, height / step);
    let mut values = Vec::with_capacity(columns * rows);
    let mut sums = vec![0_u32; columns];
    for row in 0..rows {
        sums.fill(0);
        for y in 0..step {
            let line = &film.pixels[(row * step + y) * width..][..columns * step];
            for (sum, pixels) in sums.iter_mut().zip(line.chunks_exact(step)) {
                *sum += pixels.iter().map(|&pixel| u32::from(pixel)).sum::<u32>();
            }
        }
        let area = (step * step) as u32;
        values.extend(sums.iter().map(|sum| (sum / area) as u16));
    }
    if values.is_empty() {
        return 0.0;
    }
    let mut order = values.clone();
    let (below, &mut bright, _) = order.select_nth_unstable(values.len() * 99 / 100);
    let dark = match below.is_empty() {
        true => bright,
        false => *below.select_nth_unstable(values.len() / 100).1,
    };
    let contrast = f32::from(bright) - f32::from(dark);
    let least = (contrast * CONTRAST) as u16;
    if least == 0 {
        return 0.0;
    }
    let radius = ((columns.min(rows) as f32 * THICKNESS / 2.0).ceil() as usize).max(1);
    let size = (columns, rows, radius);
    let least_around = |values: &[u16]| extreme(values, size, |a, b| a.min(b));
    let greatest_around = |values: &[u16]| extreme(values, size, |a, b| a.max(b));
    let opened = greatest_around(&least_around(&values));
    let closed = least_around(&greatest_around(&values));
    let strokes = values
        .iter()
        .zip(opened.iter().zip(&closed))
        .filter(|(value, (opened, closed))| {
            **value - **opened > least || **closed - **value > least
        })
        .count();
    strokes as f64 / values.len() as f64
}

/// The least or greatest value of the square around each pixel, `radius` pixels to each side.
fn extreme(
    values: &[u16],
    (columns, rows, radius): (usize, usize, usize),
    // Not a pointer to a function: whole lines are compared at once where it is inlined.
    choose: impl Fn(u16, u16) -> u16,
) -> Vec<u16> {
    let mut across = values.to_vec();
    for (line, from) in across
        .chunks_exact_mut(columns)
        .zip(values.chunks_exact(columns))
    {
        for shift in 1..=radius.min(columns - 1) {
            for (value, near) in line[shift..].iter_mut().zip(from) {
                *value = choose(*value, *near);
            }
            for (value, near) in line.iter_mut().zip(&from[shift..]) {
                *value = choose(*value, *near);
            }
        }
    }
    let mut down = across.clone();
    for y in 0..rows {
        for near in y.saturating_sub(radius)..(y + radius + 1).min(rows) {
            let line = &mut down[y * columns..][..columns];
            for (value, near) in line.iter_mut().zip(&across[near * columns..]) {
                *value = choose(*value, *near);
            }
        }
    }
    down
}
