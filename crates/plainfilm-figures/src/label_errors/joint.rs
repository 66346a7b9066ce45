//! Films by the label that was given and the label that the probabilities are sure of.

/// Probabilities this close below a threshold are taken to reach it, as cleanlab does: a label whose films all have one
/// probability would else fall short of its own mean by rounding.
const TOLERANCE: f64 = 1e-6;

/// For each label the mean of its probability over the films that were given it, each counted `weights[i]` times; none of a
/// label without films.
pub(super) fn thresholds(
    given: &[usize],
    probabilities: &[Vec<f64>],
    classes: usize,
    weights: &[u32],
) -> Vec<Option<f64>> {
    let mut sums = vec![(0.0, 0.0); classes];
    for ((&label, row), &weight) in given.iter().zip(probabilities).zip(weights) {
        let weight = f64::from(weight);
        sums[label].0 += weight * row[label];
        sums[label].1 += weight;
    }
    sums.into_iter()
        .map(|(sum, films)| (films > 0.0).then(|| sum / films))
        .collect()
}

/// For each film the label whose threshold it reaches, of several the most probable, of equals the first; none where it
/// reaches none.
pub(super) fn guesses(
    probabilities: &[Vec<f64>],
    thresholds: &[Option<f64>],
) -> Vec<Option<usize>> {
    probabilities
        .iter()
        .map(|row| {
            let mut best: Option<usize> = None;
            for (label, threshold) in thresholds.iter().enumerate() {
                let is_reached = threshold.is_some_and(|least| row[label] >= least - TOLERANCE);
                if is_reached && best.is_none_or(|best| row[label] > row[best]) {
                    best = Some(label);
                }
            }
            best
        })
        .collect()
}

/// The counts.
pub(super) struct Joint {
    /// By given label, then by guess.
    counts: Vec<Vec<f64>>,
    /// Films of each given label, whether sure or not.
    given: Vec<f64>,
}

impl Joint {
    /// Counts films, each `weights[i]` times. A label keeps at least one film that it is right of.
    pub fn of(given: &[usize], guesses: &[Option<usize>], classes: usize, weights: &[u32]) -> Self {
        let mut joint = Self {
            counts: vec![vec![0.0; classes]; classes],
            given: vec![0.0; classes],
        };
        for ((&label, guess), &weight) in given.iter().zip(guesses).zip(weights) {
            joint.given[label] += f64::from(weight);
            if let Some(guess) = guess {
                joint.counts[label][*guess] += f64::from(weight);
            }
        }
        for label in 0..classes {
            joint.counts[label][label] = joint.counts[label][label].max(1.0);
        }
        joint
    }

    /// The counts as they are, in films.
    pub fn films(&self) -> Vec<Vec<usize>> {
        let whole = |row: &Vec<f64>| row.iter().map(|&count| count as usize).collect();
        self.counts.iter().map(whole).collect()
    }

    /// Each row scaled to the films that were given its label.
    fn calibrated(&self) -> Vec<Vec<f64>> {
        let scaled = |(row, films): (&Vec<f64>, &f64)| {
            // At least the film on the diagonal.
            let sum: f64 = row.iter().sum();
            row.iter().map(|count| count / sum * films).collect()
        };
        self.counts.iter().zip(&self.given).map(scaled).collect()
    }

    /// The same in whole films, with every row's sum kept.
    pub fn calibrated_films(&self) -> Vec<Vec<usize>> {
        self.calibrated().iter().map(|row| rounded(row)).collect()
    }

    /// The share of films off the diagonal; not a number without films.
    pub fn wrong_share(&self) -> f64 {
        let calibrated = self.calibrated();
        let right: f64 = (0..calibrated.len())
            .map(|label| calibrated[label][label])
            .sum();
        let films: f64 = self.given.iter().sum();
        ((films - right) / films).max(0.0)
    }
}

/// Films off the diagonal.
pub(super) fn off_diagonal(joint: &[Vec<usize>]) -> usize {
    joint
        .iter()
        .enumerate()
        .map(|(label, row)| row.iter().sum::<usize>() - row[label])
        .sum()
}

/// Whole numbers with the same sum: halves go to even ones, and what is missing goes where most was rounded off.
fn rounded(row: &[f64]) -> Vec<usize> {
    let mut whole: Vec<f64> = row.iter().map(|value| value.round_ties_even()).collect();
    let sum = row.iter().sum::<f64>().round_ties_even();
    let missing = sum - whole.iter().sum::<f64>();
    let step = missing.signum();
    let mut order: Vec<usize> = (0..row.len()).collect();
    if step > 0.0 {
        // Of equals the last, as cleanlab does.
        order.reverse();
    }
    order.sort_by(|&a, &b| (step * (row[b] - whole[b])).total_cmp(&(step * (row[a] - whole[a]))));
    // Rounding is off by at most half of a film a label, so that once around is enough.
    for &index in order.iter().take(missing.abs() as usize) {
        whole[index] += step;
    }
    whole
        .into_iter()
        .map(|value| value.max(0.0) as usize)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_keeps_the_sum() {
        for (row, expected) in [
            (vec![0.4, 0.4, 0.2], vec![0, 1, 0]),
            (vec![0.6, 0.6, 0.8], vec![0, 1, 1]),
            (vec![2.5, 3.5], vec![2, 4]),
            (vec![0.0, 7.0], vec![0, 7]),
        ] {
            assert_eq!(rounded(&row), expected, "{row:?}");
        }
    }
}
