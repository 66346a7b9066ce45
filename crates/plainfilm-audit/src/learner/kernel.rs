//! Kernel ridge regression with a Gaussian kernel (Saunders et al., ICML 1998) on standardised columns:
//! one system of equations, nothing to tune, and curved boundaries.
//!
//! As scikit-learn's `KernelRidge(alpha=1, kernel="rbf", gamma=1 / columns)`, fitted to one column per
//! label: 1 for its films and 0 for others, less the mean over the films fitted on.

use rayon::prelude::*;

use super::{FOLDS, OutOfFold, Subjects, Table};

/// Penalty on the weights.
const ALPHA: f64 = 1.0;

/// Scores every film by a learner fitted to the other folds. None when a label has too few patients.
///
/// Columns are standardised over all films, which looks at no label.
pub fn cross_validate(table: &Table, subjects: &Subjects, seed: u64) -> Option<OutOfFold> {
    let folds = subjects.folds(seed)?;
    let kernel = gaussian_kernel(table);
    let parts: Vec<Vec<(usize, Vec<f64>)>> = (0..FOLDS)
        .into_par_iter()
        .map(|fold| {
            let (held, fitted): (Vec<usize>, Vec<usize>) =
                (0..table.rows()).partition(|&row| folds[row] == fold);
            let scores = predict(&kernel, table.rows(), subjects, &fitted, &held);
            held.into_iter().zip(scores).collect()
        })
        .collect();
    let mut scores = vec![Vec::new(); table.rows()];
    for (row, score) in parts.into_iter().flatten() {
        scores[row] = score;
    }
    Some(OutOfFold { scores })
}

/// Rows that were held out of a fold, and for each labelling their scores, one a label.
type HeldOut = (Vec<usize>, Vec<Vec<Vec<f64>>>);

/// Scores every film by ridge regression (Hoerl and Kennard, Technometrics 1970) on its standardised columns,
/// fitted to the other folds, `folds` giving each film its own; once for every assignment of labels to
/// films, for which the equations are factorised once.
///
/// Values are held within `farthest` standard deviations, so that one film cannot decide.
pub fn cross_validate_linear(
    table: &Table,
    folds: &[usize],
    labellings: &[Vec<usize>],
    classes: usize,
    farthest: f32,
) -> Vec<OutOfFold> {
    let rows = table.rows();
    let kernel = products(&table.standardised(farthest), |_, _, product| product);
    let parts: Vec<HeldOut> = (0..FOLDS)
        .into_par_iter()
        .map(|fold| {
            let (held, fitted): (Vec<usize>, Vec<usize>) =
                (0..rows).partition(|&row| folds[row] == fold);
            let lower = factor(&kernel, rows, &fitted);
            let scores = labellings
                .iter()
                .map(|labels| {
                    let weights = solutions(&lower, &fitted, labels, classes);
                    score_all(&kernel, rows, &weights, &fitted, &held)
                })
                .collect();
            (held, scores)
        })
        .collect();
    let mut found = vec![
        OutOfFold {
            scores: vec![Vec::new(); rows]
        };
        labellings.len()
    ];
    for (held, scores) in parts {
        for (found, scores) in found.iter_mut().zip(scores) {
            for (&row, score) in held.iter().zip(scores) {
                found.scores[row] = score;
            }
        }
    }
    found
}

/// Scores of the `held` rows by a learner fitted to the `fitted` ones, one per label, standardised over
/// all rows of the table.
pub fn scores(
    table: &Table,
    subjects: &Subjects,
    fitted: &[usize],
    held: &[usize],
) -> Vec<Vec<f64>> {
    let kernel = gaussian_kernel(table);
    predict(&kernel, table.rows(), subjects, fitted, held)
}

fn predict(
    kernel: &[f32],
    rows: usize,
    subjects: &Subjects,
    fitted: &[usize],
    held: &[usize],
) -> Vec<Vec<f64>> {
    let lower = factor(kernel, rows, fitted);
    let weights = solutions(&lower, fitted, &subjects.labels, subjects.classes);
    score_all(kernel, rows, &weights, fitted, held)
}

/// For each held row its scores, one per label.
fn score_all(
    kernel: &[f32],
    rows: usize,
    weights: &[Vec<f64>],
    fitted: &[usize],
    held: &[usize],
) -> Vec<Vec<f64>> {
    let score = |row: usize, weights: &Vec<f64>| {
        let near = &kernel[row * rows..(row + 1) * rows];
        let terms = fitted.iter().zip(weights);
        terms.map(|(&other, w)| f64::from(near[other]) * w).sum()
    };
    held.iter()
        .map(|&row| weights.iter().map(|weights| score(row, weights)).collect())
        .collect()
}

/// Cholesky's factor of the penalised kernel of the fitted rows.
fn factor(kernel: &[f32], rows: usize, fitted: &[usize]) -> Vec<f64> {
    let count = fitted.len();
    let mut lower = vec![0.0; count * count];
    for (i, &a) in fitted.iter().enumerate() {
        for (j, &b) in fitted[..=i].iter().enumerate() {
            lower[i * count + j] = f64::from(kernel[a * rows + b]);
        }
        lower[i * count + i] += ALPHA;
    }
    factorise(&mut lower, count);
    lower
}

/// Weights of the fitted rows, one vector per label.
fn solutions(lower: &[f64], fitted: &[usize], labels: &[usize], classes: usize) -> Vec<Vec<f64>> {
    let count = fitted.len();
    (0..classes)
        .map(|label| {
            let truth = |row: usize| f64::from(u8::from(labels[row] == label));
            let mean = fitted.iter().map(|&row| truth(row)).sum::<f64>() / count.max(1) as f64;
            let target = fitted.iter().map(|&row| truth(row) - mean).collect();
            solve(lower, count, target)
        })
        .collect()
}

/// Cholesky's factor, in place, in the lower triangle. A kernel plus a positive diagonal is positive
/// definite, so no pivot vanishes.
fn factorise(lower: &mut [f64], count: usize) {
    for i in 0..count {
        let (above, rest) = lower.split_at_mut(i * count);
        let row = &mut rest[..count];
        for j in 0..i {
            let other = &above[j * count..j * count + j];
            row[j] = (row[j] - dot(&row[..j], other)) / above[j * count + j];
        }
        row[i] = (row[i] - dot(&row[..i], &row[..i])).sqrt();
    }
}

/// Solves `L Lᵀ x = target`.
fn solve(lower: &[f64], count: usize, mut target: Vec<f64>) -> Vec<f64> {
    for i in 0..count {
        let row = &lower[i * count..i * count + i];
        target[i] = (target[i] - dot(row, &target[..i])) / lower[i * count + i];
    }
    for i in (0..count).rev() {
        target[i] /= lower[i * count + i];
        let value = target[i];
        for (entry, factor) in target[..i].iter_mut().zip(&lower[i * count..i * count + i]) {
            *entry -= factor * value;
        }
    }
    target
}

/// A sum of products in eight parallel sums, always in the same order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_blocks, b_blocks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a_blocks
        .remainder()
        .iter()
        .zip(b_blocks.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// `exp(-|x - y|² / columns)` of all pairs of rows, standardised; columns that never change are left
/// out of the distance but counted, as scikit-learn's scaler leaves them at 0.
fn gaussian_kernel(table: &Table) -> Vec<f32> {
    let (rows, columns) = (table.rows(), table.columns());
    let table = table.standardised(f32::INFINITY);
    let norm = |row: usize| -> f32 { table.row(row).iter().map(|v| v * v).sum() };
    let norms: Vec<f32> = (0..rows).map(norm).collect();
    products(&table, |row, other, product| {
        let distance = norms[row] + norms[other] - 2.0 * product;
        (-distance.max(0.0) / columns.max(1) as f32).exp()
    })
}

/// A value of every pair of rows, made from the sum of products of their columns.
fn products(table: &Table, value: impl Fn(usize, usize, f32) -> f32 + Sync) -> Vec<f32> {
    let rows = table.rows();
    let mut kernel = vec![0.0_f32; rows * rows];
    // Blocks of rows, so that a block of the others stays in the cache.
    kernel
        .par_chunks_mut((16 * rows).max(1))
        .enumerate()
        .for_each(|(block, out)| {
            let first = block * 16;
            for other in 0..rows {
                let b = table.row(other);
                for (offset, line) in out.chunks_mut(rows).enumerate() {
                    let row = first + offset;
                    line[other] = value(row, other, dot_f32(table.row(row), b));
                }
            }
        });
    kernel
}

/// As [`dot`], in 32 bits and sixteen sums; one function for both would have to be generic over type and
/// width, and be longer than the two.
fn dot_f32(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    let (a_blocks, b_blocks) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a_blocks
        .remainder()
        .iter()
        .zip(b_blocks.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a_blocks.zip(b_blocks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::super::tests::subjects;
    use super::*;

    #[test]
    fn a_ring_around_a_disc_is_told_apart() {
        let labels: Vec<usize> = (0..160).map(|row| row % 2).collect();
        let rows: Vec<[f32; 2]> = (0..160)
            .map(|row| {
                let angle = row as f32 * 2.399;
                let radius = 1.0 + (row % 2) as f32 * 2.0 + (row as f32 * 0.77).sin() * 0.5;
                [radius * angle.cos(), radius * angle.sin()]
            })
            .collect();
        let subjects = subjects(&labels, 1);
        let found = cross_validate(&Table::from_rows(&rows), &subjects, 1).unwrap();
        let area = found.separation(&subjects).unwrap().auroc.value;
        assert!(area > 0.99, "{area}");
    }

    #[test]
    fn the_factor_solves_its_equations() {
        let count = 19;
        let matrix = |i: usize, j: usize| {
            let distance = i.abs_diff(j) as f64;
            (-distance * distance / 9.0).exp() + if i == j { 1.0 } else { 0.0 }
        };
        let mut lower: Vec<f64> = (0..count * count)
            .map(|cell| matrix(cell / count, cell % count))
            .collect();
        factorise(&mut lower, count);
        let truth: Vec<f64> = (0..count).map(|i| (i as f64).sin()).collect();
        let target = (0..count)
            .map(|i| (0..count).map(|j| matrix(i, j) * truth[j]).sum())
            .collect();
        for (found, expected) in solve(&lower, count, target).iter().zip(&truth) {
            assert!((found - expected).abs() < 1e-12);
        }
    }
}
