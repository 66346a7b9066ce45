//! The directions in which features vary most.

use super::rows::Rows;

/// Steps of the iteration; the directions need not be exact.
const STEPS: usize = 30;

/// Principal axes of rows, each divided by the deviation along it, so that what is projected has variance 1.
///
/// Orthogonal iteration (Golub & Van Loan, Matrix Computations, 4th ed., 8.2.4) on centred rows; directions
/// with less than a millionth of the first one's variance are left out. `draws` starts it.
pub fn whitened_axes(
    rows: &[Vec<f32>],
    mean: &[f32],
    most: usize,
    draws: &mut dyn FnMut() -> f32,
) -> Rows {
    let width = mean.len();
    let most = most.min(width).min(rows.len().saturating_sub(1));
    let centred: Vec<Vec<f32>> = rows
        .iter()
        .map(|row| {
            row.iter()
                .zip(mean)
                .map(|(value, mean)| value - mean)
                .collect()
        })
        .collect();
    let mut axes: Vec<Vec<f64>> = (0..most)
        .map(|_| (0..width).map(|_| f64::from(draws())).collect())
        .collect();
    orthonormalise(&mut axes);
    let mut variances = vec![0.0; most];
    for _ in 0..STEPS {
        for (axis, variance) in axes.iter_mut().zip(&mut variances) {
            let mut next = vec![0.0_f64; width];
            let mut squares = 0.0;
            for row in &centred {
                let along: f64 = row
                    .iter()
                    .zip(axis.iter())
                    .map(|(&v, a)| f64::from(v) * a)
                    .sum();
                squares += along * along;
                for (sum, &value) in next.iter_mut().zip(row) {
                    *sum += along * f64::from(value);
                }
            }
            *variance = squares / centred.len().max(1) as f64;
            *axis = next;
        }
        orthonormalise(&mut axes);
    }
    let first = variances.first().copied().unwrap_or(0.0);
    let mut whitened = Rows::new(width.max(1));
    for (axis, variance) in axes.iter().zip(variances) {
        if variance > 0.0 && variance >= first * 1e-6 {
            let deviation = variance.sqrt();
            let row: Vec<f32> = axis
                .iter()
                .map(|value| (value / deviation) as f32)
                .collect();
            whitened.push(&row);
        }
    }
    whitened
}

/// Gram and Schmidt, each vector against those before it; twice, for the rounding.
fn orthonormalise(axes: &mut [Vec<f64>]) {
    for index in 0..axes.len() {
        let (before, rest) = axes.split_at_mut(index);
        let axis = &mut rest[0];
        for _ in 0..2 {
            for other in before.iter() {
                let along: f64 = axis.iter().zip(other).map(|(a, b)| a * b).sum();
                for (value, other) in axis.iter_mut().zip(other) {
                    *value -= along * other;
                }
            }
        }
        let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt();
        for value in axis.iter_mut() {
            *value /= length.max(f64::MIN_POSITIVE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_of_a_cloud_by_hand() {
        // Along (0.6, 0.8) with variance 4, across it with variance 1, nothing in the third direction.
        let rows: Vec<Vec<f32>> = [(2.0, 1.0), (-2.0, 1.0), (2.0, -1.0), (-2.0, -1.0)]
            .map(|(along, across)| {
                vec![
                    0.6 * along - 0.8 * across + 5.0,
                    0.8 * along + 0.6 * across,
                    3.0,
                ]
            })
            .to_vec();
        let mut next = 0.1;
        let mut draws = || {
            next = (next * 7.3 + 0.37) % 1.0;
            next - 0.5
        };
        let axes = whitened_axes(&rows, &[5.0, 0.0, 3.0], 3, &mut draws);
        let axes: Vec<&[f32]> = axes.iter().collect();
        assert_eq!(axes.len(), 2);
        let sign = axes[0][0].signum();
        for (found, expected) in axes[0].iter().zip([0.3, 0.4, 0.0]) {
            assert!((found * sign - expected).abs() < 1e-5, "{axes:?}");
        }
        let sign = -axes[1][0].signum();
        for (found, expected) in axes[1].iter().zip([-0.8, 0.6, 0.0]) {
            assert!((found * sign - expected).abs() < 1e-5, "{axes:?}");
        }
    }
}
