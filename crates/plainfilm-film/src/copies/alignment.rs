//! Laying one film over another, and how alike their detail is then.

use super::fingerprint::{CELLS, SIDE};
use super::view::{Affine, View};

/// Correlation of detail from which two films are one picture.
const MIN_CORRELATION: f32 = 0.95;
/// Part of the square on which both films must lie.
const MIN_OVERLAP: f32 = 0.6;
/// Detail is what differs from the mean of the cells this near, across and down.
const RADIUS: usize = 3;
/// Part of the cells that may be spoilt by text or a marker.
const LEFT_OUT: f32 = 0.08;
/// The least squares look at every other cell of every other row, which is as sure and four times as
/// fast.
const STRIDE: usize = 2;
/// Correlation of detail after the first steps below which a pair is given up.
const HOPEFUL: f32 = 0.8;
/// Steps after which that is asked.
const FIRST_STEPS: usize = 3;
/// Cells by which a step moves the film's edge when it is the last.
const CLOSE_ENOUGH: f32 = 0.05;
/// Most steps of the least squares; nearly all pairs need fewer.
const STEPS: usize = 12;

/// The correlation of the detail of two films laid over each other, if they are one picture.
///
/// `film` seen under `view` is the first guess of how `other` lies on it. Gauss-Newton steps
/// (Lucas and Kanade 1981, with a gain and an offset as in Evangelidis and Psarakis 2008) move,
/// turn and stretch it for the least squared difference.
pub(super) fn correlation(film: &[f32; CELLS], other: &[f32; CELLS], view: &View) -> Option<f32> {
    let mut affine = Affine::of(view);
    for taken in 1..=STEPS {
        let step = improvement(film, other, &affine)?;
        for (value, change) in affine.0.iter_mut().zip(step) {
            *value += change;
        }
        if !affine.is_plausible() {
            return None;
        }
        let middle = SIDE as f32 / 2.0;
        let moved = |i: usize| (step[i] + step[i + 1]).abs() * middle + step[i + 2].abs();
        if moved(0).max(moved(3)) < CLOSE_ENOUGH {
            break;
        }
        if taken == FIRST_STEPS && detail_correlation(film, other, &affine)? < HOPEFUL {
            return None;
        }
    }
    let correlation = detail_correlation(film, other, &affine)?;
    (correlation >= MIN_CORRELATION).then_some(correlation)
}

/// The value of `film` at a point and its slopes; none outside.
#[inline]
fn sample(film: &[f32; CELLS], x: f32, y: f32) -> Option<(f32, f32, f32)> {
    let last = (SIDE - 1) as f32;
    if !(0.0..=last).contains(&x) || !(0.0..=last).contains(&y) {
        return None;
    }
    let (left, top) = ((x as usize).min(SIDE - 2), (y as usize).min(SIDE - 2));
    let (right, down) = (x - left as f32, y - top as f32);
    let at = top * SIDE + left;
    let [a, b, c, d] = [film[at], film[at + 1], film[at + SIDE], film[at + SIDE + 1]];
    let upper = a + (b - a) * right;
    let lower = c + (d - c) * right;
    Some((
        upper + (lower - upper) * down,
        (b - a) * (1.0 - down) + (d - c) * down,
        lower - upper,
    ))
}

/// One Gauss-Newton step of the six numbers of `affine`.
fn improvement(film: &[f32; CELLS], other: &[f32; CELLS], affine: &Affine) -> Option<[f32; 6]> {
    // Unknowns: six changes times the gain, the gain, the offset; the last column is the right side.
    let mut sums = [[0.0_f32; 9]; 8];
    let mut count = 0;
    for y in (0..SIDE).step_by(STRIDE) {
        for x in (0..SIDE).step_by(STRIDE) {
            let (at_x, at_y) = affine.apply(x as f32, y as f32);
            let Some((value, across, down)) = sample(film, at_x, at_y) else {
                continue;
            };
            count += 1;
            let (x_here, y_here) = (x as f32, y as f32);
            let row = [
                across * x_here,
                across * y_here,
                across,
                down * x_here,
                down * y_here,
                down,
                value,
                1.0,
                other[y * SIDE + x],
            ];
            for (unknown, sums) in sums.iter_mut().enumerate() {
                for (sum, value) in sums.iter_mut().zip(&row).skip(unknown) {
                    *sum += row[unknown] * value;
                }
            }
        }
    }
    let all = SIDE.div_ceil(STRIDE).pow(2);
    if (count as f32) < MIN_OVERLAP * all as f32 {
        return None;
    }
    // A whisker of damping: an even film has no slopes to solve for.
    for (unknown, sums) in sums.iter_mut().enumerate() {
        sums[unknown] = sums[unknown] * (1.0 + 1e-4) + 1e-6;
    }
    let solution = solve(sums)?;
    let gain = solution[6];
    // A negative gain lays a film over the negative of the other.
    if gain < 0.05 {
        return None;
    }
    Some(std::array::from_fn(|index| solution[index] / gain))
}

/// Gaussian elimination; the matrix is symmetric and positive, so no pivot is sought, and what lies
/// below its diagonal is never read.
fn solve(mut matrix: [[f32; 9]; 8]) -> Option<[f32; 8]> {
    for pivot in 0..8 {
        let known = matrix[pivot];
        if known[pivot] <= f32::MIN_POSITIVE {
            return None;
        }
        for (row, values) in matrix.iter_mut().enumerate().skip(pivot + 1) {
            let factor = known[row] / known[pivot];
            for (value, known) in values.iter_mut().zip(&known).skip(row) {
                *value -= factor * known;
            }
        }
    }
    let mut solution = [0.0; 8];
    for row in (0..8).rev() {
        let known: f32 = (row + 1..8)
            .map(|column| matrix[row][column] * solution[column])
            .sum();
        solution[row] = (matrix[row][8] - known) / matrix[row][row];
    }
    Some(solution)
}

/// Pearson's correlation of the two films' detail, where both are known.
fn detail_correlation(film: &[f32; CELLS], other: &[f32; CELLS], affine: &Affine) -> Option<f32> {
    let mut laid = [f32::NAN; CELLS];
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (at_x, at_y) = affine.apply(x as f32, y as f32);
            if let Some((value, ..)) = sample(film, at_x, at_y) {
                laid[y * SIDE + x] = value;
            }
        }
    }
    let known: Vec<bool> = laid.iter().map(|value| !value.is_nan()).collect();
    let laid = laid.map(|value| if value.is_nan() { 0.0 } else { value });
    let counts = sums_around(|cell| f32::from(u8::from(known[cell])));
    let film_sums = sums_around(|cell| laid[cell]);
    let other_sums = sums_around(|cell| if known[cell] { other[cell] } else { 0.0 });
    let mut details: Vec<(f32, f32)> = (0..CELLS)
        .filter(|&cell| known[cell])
        .map(|cell| {
            let mean = |sums: &[f32]| sums[cell] / counts[cell];
            (
                laid[cell] - mean(&film_sums),
                other[cell] - mean(&other_sums),
            )
        })
        .collect();
    if (details.len() as f32) < MIN_OVERLAP * CELLS as f32 {
        return None;
    }
    // Burnt-in text and markers: the cells that fit worst under the gain that fits all are left out.
    let gain = (moments(&details).1 / moments(&details).0).sqrt();
    let kept = details.len() - (details.len() as f32 * LEFT_OUT) as usize;
    let misfit = |(a, b): &(f32, f32)| (b - gain * a).abs();
    details.select_nth_unstable_by(kept - 1, |a, b| misfit(a).total_cmp(&misfit(b)));
    let (aa, bb, ab) = moments(&details[..kept]);
    Some(ab / (aa * bb).sqrt().max(f32::MIN_POSITIVE))
}

/// Variances of both films and their covariance.
fn moments(details: &[(f32, f32)]) -> (f32, f32, f32) {
    let (mut a_sum, mut b_sum, mut aa, mut bb, mut ab) = (0.0_f32, 0.0, 0.0, 0.0, 0.0);
    for (a, b) in details {
        a_sum += a;
        b_sum += b;
        aa += a * a;
        bb += b * b;
        ab += a * b;
    }
    let count = details.len() as f32;
    (
        (aa - a_sum * a_sum / count) / count,
        (bb - b_sum * b_sum / count) / count,
        (ab - a_sum * b_sum / count) / count,
    )
}

/// For each cell the sum over the cells at most `RADIUS` away from it across and down.
fn sums_around(value: impl Fn(usize) -> f32) -> Vec<f32> {
    let reach = |at: usize| at.saturating_sub(RADIUS)..(at + RADIUS + 1).min(SIDE);
    let mut across = vec![0.0; CELLS];
    for (cell, sum) in across.iter_mut().enumerate() {
        let row = cell / SIDE * SIDE;
        *sum = reach(cell % SIDE).map(|x| value(row + x)).sum();
    }
    (0..CELLS)
        .map(|cell| {
            reach(cell / SIDE)
                .map(|y| across[y * SIDE + cell % SIDE])
                .sum()
        })
        .collect()
}
