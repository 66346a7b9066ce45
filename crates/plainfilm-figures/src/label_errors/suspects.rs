//! Which films' labels the probabilities contradict most surely.

use serde::{Deserialize, Serialize};

/// A most probable label counts as another than the given one only when it is this much more probable.
const TOLERANCE: f64 = 1e-6;

/// A film whose label is probably wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// Its row.
    pub film: usize,
    /// Index of the label that it was given.
    pub given: usize,
    /// Index of the most probable label.
    pub suggested: usize,
    /// The probability (`0..=1`) of the given label.
    pub of_given: f64,
    /// The probability (`0..=1`) of the suggested one.
    pub of_suggested: f64,
}

impl Suspect {
    /// How much more probable the suggested label is, `0..=1`.
    #[must_use]
    pub fn margin(&self) -> f64 {
        self.of_suggested - self.of_given
    }
}

/// Of each pair of labels as many films as the joint counts with the one given and the other true: those with the
/// greatest difference of the two probabilities, less those whose given label is the most probable. The
/// surest (the greatest margin of the most probable label) come first, and equals in the order of films.
pub(super) fn find(
    given: &[usize],
    probabilities: &[Vec<f64>],
    calibrated: &[Vec<usize>],
) -> Vec<Suspect> {
    let mut is_suspect = vec![false; given.len()];
    for (label, row) in calibrated.iter().enumerate() {
        let films: Vec<usize> = (0..given.len())
            .filter(|&film| given[film] == label)
            .collect();
        // The one film of a label is all that is known of it.
        if films.len() < 2 {
            continue;
        }
        for (other, &count) in row.iter().enumerate().filter(|(other, _)| *other != label) {
            let margin = |film: usize| probabilities[film][other] - probabilities[film][label];
            let mut surest = films.clone();
            surest.sort_by(|&a, &b| margin(b).total_cmp(&margin(a)));
            for &film in surest.iter().take(count) {
                is_suspect[film] = true;
            }
        }
    }
    let mut suspects: Vec<Suspect> = (0..given.len())
        .filter(|&film| is_suspect[film])
        .filter_map(|film| {
            let (row, label) = (&probabilities[film], given[film]);
            let suggested = crate::most_probable(row);
            (row[suggested] > row[label] + TOLERANCE).then(|| Suspect {
                film,
                given: label,
                suggested,
                of_given: row[label],
                of_suggested: row[suggested],
            })
        })
        .collect();
    suspects.sort_by(|a, b| b.margin().total_cmp(&a.margin()));
    suspects
}
