//! From logits to probabilities.

/// How logits become probabilities, in double precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Link {
    /// Softmax over a temperature (1 leaves logits as they are): a film has one label.
    Softmax(f64),
    /// Each logit for itself: a film has any number of findings.
    Sigmoid,
}

impl Link {
    /// Of one film.
    #[must_use]
    pub fn probabilities(self, logits: &[f32]) -> Vec<f64> {
        match self {
            Self::Softmax(temperature) => softmax(logits, temperature),
            Self::Sigmoid => logits
                .iter()
                .map(|&logit| 1.0 / (1.0 + (-f64::from(logit)).exp()))
                .collect(),
        }
    }
}

/// Probabilities of logits over a temperature.
fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let top = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let powers: Vec<f64> = logits
        .iter()
        .map(|&logit| ((f64::from(logit) - top) / temperature).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_right_and_does_not_overflow() {
        let even = softmax(&[1000.0, 1000.0], 1.0);
        assert_eq!(even, [0.5, 0.5]);
        let uneven = softmax(&[0.0, 9.0_f32.ln()], 2.0);
        assert!((uneven[1] - 0.75).abs() < 1e-7, "{uneven:?}");
    }
}
