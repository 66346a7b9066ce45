//! Filling in removed pixels from those around them (ROAD, Rong et al. 2022, arXiv:2202.00449).
//!
//! What a network does to a film with holes says as much about the holes as about the film. Here every
//! removed pixel becomes the weighted mean of its eight neighbours, removed ones included, and a little
//! noise, so that the shape of the hole can hardly be seen.

/// Weights of neighbours that share a side, and of those that share a corner, as in the paper.
const BESIDE: f32 = 1.0 / 6.0;
const ACROSS: f32 = 1.0 / 12.0;
/// Part of its first length at which the residual is small enough for a picture.
const SMALL: f64 = 1e-4;
/// Turns of the solver at most.
const MOST_TURNS: usize = 1000;

/// One channel of `size` x `size` pixels with the removed ones filled in, without noise. Where nothing is left
/// it stays as it is.
pub(super) fn fill_in(channel: &[f32], removed: &[bool], size: usize) -> Vec<f32> {
    let mut filled = channel.to_vec();
    let holes: Vec<usize> = (0..filled.len()).filter(|&pixel| removed[pixel]).collect();
    let left = filled.len() - holes.len();
    if holes.is_empty() || left == 0 {
        return filled;
    }
    let mean = channel
        .iter()
        .zip(removed)
        .filter(|(_, removed)| !**removed)
        .map(|(&value, _)| f64::from(value))
        .sum::<f64>()
        / left as f64;
    for &pixel in &holes {
        filled[pixel] = mean as f32;
    }
    // Conjugate gradients (Hestenes and Stiefel 1952) on A x = b, where a row of A is the sum of a pixel's
    // weights times itself, less its removed neighbours, and b holds the others. A is symmetric,
    // and positive because some pixel is left. With x in place of the holes, b - A x is the
    // weighted mean's distance.
    let mut residual: Vec<f64> = holes
        .iter()
        .map(|&pixel| -lack(&filled, pixel, size))
        .collect();
    let mut direction = vec![0.0_f32; filled.len()];
    for (&pixel, &r) in holes.iter().zip(&residual) {
        direction[pixel] = r as f32;
    }
    let square = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>();
    let mut length = square(&residual);
    let enough = length * SMALL * SMALL;
    for _ in 0..MOST_TURNS {
        if length <= enough || length == 0.0 {
            break;
        }
        // Zero outside the holes, so that this is A times the direction.
        let product: Vec<f64> = holes
            .iter()
            .map(|&pixel| lack(&direction, pixel, size))
            .collect();
        let along: f64 = holes
            .iter()
            .zip(&product)
            .map(|(&pixel, p)| f64::from(direction[pixel]) * p)
            .sum();
        let step = length / along;
        for ((&pixel, r), p) in holes.iter().zip(&mut residual).zip(&product) {
            filled[pixel] += step as f32 * direction[pixel];
            *r -= step * p;
        }
        let next = square(&residual);
        for (&pixel, r) in holes.iter().zip(&residual) {
            direction[pixel] = (*r + next / length * f64::from(direction[pixel])) as f32;
        }
        length = next;
    }
    filled
}

/// A pixel's own value times the weights of its neighbours, less what they add up to.
fn lack(values: &[f32], pixel: usize, size: usize) -> f64 {
    let (x, y) = (pixel % size, pixel / size);
    let own = values[pixel];
    let mut sum = 0.0;
    for row in y.saturating_sub(1)..=(y + 1).min(size - 1) {
        for column in x.saturating_sub(1)..=(x + 1).min(size - 1) {
            let weight = match (row == y, column == x) {
                (true, true) => continue,
                (false, false) => ACROSS,
                _ => BESIDE,
            };
            sum += f64::from(weight * (own - values[row * size + column]));
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_a_slope_is_filled_with_the_slope() {
        let size = 24;
        let slope: Vec<f32> = (0..size * size)
            .map(|pixel| (pixel % size) as f32 * 0.5 + (pixel / size) as f32)
            .collect();
        let mut holed = slope.clone();
        let removed: Vec<bool> = (0..size * size)
            .map(|pixel| (4..17).contains(&(pixel % size)) && (6..20).contains(&(pixel / size)))
            .collect();
        for (value, removed) in holed.iter_mut().zip(&removed) {
            if *removed {
                *value = 1e3;
            }
        }
        let filled = fill_in(&holed, &removed, size);
        for (found, expected) in filled.iter().zip(&slope) {
            assert!((found - expected).abs() < 0.02, "{found} {expected}");
        }
    }

    #[test]
    fn edges_and_whole_films_are_no_trouble() {
        let flat = vec![0.25; 64];
        let corner: Vec<bool> = (0..64).map(|pixel| pixel < 30).collect();
        let filled = fill_in(&flat, &corner, 8);
        assert!(filled.iter().all(|value| (value - 0.25).abs() < 1e-6));
        assert_eq!(fill_in(&flat, &[true; 64], 8), flat);
        assert_eq!(fill_in(&flat, &[false; 64], 8), flat);
    }
}
