//! The label that probabilities and a threshold stand for.

/// Two labels: the positive one from the threshold up. More labels: the most probable one, the
/// first of equals.
#[must_use]
pub fn decide(probabilities: &[f64], positive: usize, threshold: f64) -> usize {
    if let [_, _] = probabilities {
        return if probabilities[positive] >= threshold {
            positive
        } else {
            1 - positive
        };
    }
    most_probable(probabilities)
}

/// Index of the most probable label; of equals, the first.
#[must_use]
pub fn most_probable(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (label, &probability) in probabilities.iter().enumerate() {
        if probability > probabilities[best] {
            best = label;
        }
    }
    best
}
