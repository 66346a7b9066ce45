//! Nearest shrunken centroids (Tibshirani et al., PNAS 2002): a learner for many columns of which few matter,
//! such as the one cell of a grid that a letter lies in.
//!
//! Each column's difference between a label's films and all others, in standard errors, is drawn towards 0
//! by `sqrt(2 ln columns)`, above which noise alone has no column left (Donoho and Johnstone, Biometrika 1994). A
//! film's score is the sum of its standardised columns, weighted by what is left: where nothing is, all
//! films score alike.

use super::{FOLDS, OutOfFold, Subjects, Table};

/// Standardised values are held within this many standard deviations, so that one film cannot decide.
const FARTHEST: f32 = 4.0;

/// Scores every film by a learner fitted to the other folds, `folds` giving each its own; once for every
/// assignment of labels to films.
pub fn cross_validate(
    table: &Table,
    folds: &[usize],
    labellings: &[Vec<usize>],
    classes: usize,
) -> Vec<OutOfFold> {
    use rayon::prelude::*;
    let table = table.standardised(FARTHEST);
    labellings
        .par_iter()
        .map(|labels| {
            let subjects = Subjects {
                labels: labels.clone(),
                patients: Vec::new(),
                classes,
            };
            let mut scores = vec![vec![0.0; classes]; table.rows()];
            for fold in 0..FOLDS {
                let fitted: Vec<usize> = (0..table.rows())
                    .filter(|&row| folds[row] != fold)
                    .collect();
                let weights: Vec<Vec<(usize, f64)>> = (0..classes)
                    .map(|label| weights(&table, &fitted, &subjects, label))
                    .collect();
                for (row, scores) in scores.iter_mut().enumerate() {
                    if folds[row] != fold {
                        continue;
                    }
                    for (score, weights) in scores.iter_mut().zip(&weights) {
                        *score = weights
                            .iter()
                            .map(|(column, weight)| weight * f64::from(table.row(row)[*column]))
                            .sum();
                    }
                }
            }
            OutOfFold { scores }
        })
        .collect()
}

/// Columns that are left, with their shrunken differences.
fn weights(
    table: &Table,
    fitted: &[usize],
    subjects: &Subjects,
    label: usize,
) -> Vec<(usize, f64)> {
    let columns = table.columns();
    let mut sums = vec![[0.0_f64; 2]; columns];
    let mut squares = vec![[0.0_f64; 2]; columns];
    let mut counts = [0.0_f64; 2];
    for &row in fitted {
        let side = usize::from(subjects.labels[row] == label);
        counts[side] += 1.0;
        for ((sum, square), &value) in sums.iter_mut().zip(&mut squares).zip(table.row(row)) {
            sum[side] += f64::from(value);
            square[side] += f64::from(value) * f64::from(value);
        }
    }
    if counts.iter().any(|&count| count < 2.0) {
        return Vec::new();
    }
    let limit = (2.0 * (columns as f64).max(2.0).ln()).sqrt();
    (0..columns)
        .filter_map(|column| {
            let mean = |side: usize| sums[column][side] / counts[side];
            let spread: f64 = (0..2)
                .map(|side| squares[column][side] - counts[side] * mean(side).powi(2))
                .sum();
            let pooled = (spread.max(0.0) / (counts[0] + counts[1] - 2.0)).sqrt();
            // A tenth of the columns' own spread keeps columns that hardly vary within labels from deciding.
            let error = (pooled + 0.1) * (1.0 / counts[0] + 1.0 / counts[1]).sqrt();
            let difference = (mean(1) - mean(0)) / error;
            let left = difference.abs() - limit;
            (left > 0.0).then_some((column, left * difference.signum()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::subjects;
    use super::*;
    use rand::RngExt;

    fn area(of: impl Fn(usize, usize, f32) -> f32) -> f64 {
        let labels: Vec<usize> = (0..200).map(|row| row % 2).collect();
        let subjects = subjects(&labels, 1);
        let mut draws = plainfilm_seed::generator(5, "test", &[]);
        let rows: Vec<Vec<f32>> = (0..200)
            .map(|row| {
                (0..400)
                    .map(|column| of(row, column, draws.random_range(-1.0..1.0)))
                    .collect()
            })
            .collect();
        let folds = subjects.folds(1).unwrap();
        let table = Table::from_rows(&rows);
        let found = cross_validate(&table, &folds, std::slice::from_ref(&labels), 2);
        found[0].separation(&subjects).unwrap().auroc.value
    }

    #[test]
    fn one_column_of_four_hundred_is_found_and_noise_is_not() {
        let one = area(|row, column, noise| {
            noise
                + if column == 77 {
                    1.5 * (row % 2) as f32
                } else {
                    0.0
                }
        });
        assert!(one > 0.9, "{one}");
        let none = area(|_, _, noise| noise);
        assert!((0.4..0.6).contains(&none), "{none}");
    }
}
