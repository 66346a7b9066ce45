//! Cross-entropy with label smoothing and class weights: over labels of which a film has one, and of
//! findings of which it has any number.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Device, Tensor, TensorData};

use plainfilm_figures::Presence;

/// Cross-entropy over logits, averaged over the batch.
///
/// The target of a film with label `y` is `(1 - s)` on `y` plus `s / K` on every label (Szegedy et
/// al. 2016). With class weights `w`, each film counts `w[y]` and the sum is divided by the sum of
/// those weights, as PyTorch's weighted mean does without smoothing; with smoothing PyTorch weighs
/// each term of the target on its own, and we weigh the film.
#[derive(Debug, Clone)]
pub struct CrossEntropy {
    /// `s` above, `0..1`.
    pub label_smoothing: f32,
    /// One weight per label.
    pub class_weights: Vec<f32>,
}

impl CrossEntropy {
    /// The loss of `logits` (`[batch, labels]`) against `truth`, as a tensor of one element.
    #[must_use]
    pub fn forward(&self, logits: Tensor<2>, truth: &[usize], device: &Device) -> Tensor<1> {
        let labels = self.class_weights.len();
        let total: f32 = truth.iter().map(|&label| self.class_weights[label]).sum();
        let spread = self.label_smoothing / labels as f32;
        let mut targets = Vec::with_capacity(truth.len() * labels);
        for &label in truth {
            let weight = self.class_weights[label] / total;
            targets.extend((0..labels).map(|k| {
                let hit = if k == label {
                    1.0 - self.label_smoothing
                } else {
                    0.0
                };
                weight * (hit + spread)
            }));
        }
        let targets =
            Tensor::<2>::from_data(TensorData::new(targets, [truth.len(), labels]), device);
        (log_softmax(logits, 1) * targets).sum().neg()
    }
}

/// Binary cross-entropy over logits of findings, averaged over what is known of the batch.
///
/// The target of a finding is `1 - s / 2` where it is present and `s / 2` where it is absent; what is present
/// counts `w`, as `pos_weight` of PyTorch's `BCEWithLogitsLoss` has it. What is unknown counts nothing.
#[derive(Debug, Clone)]
pub struct FindingsLoss {
    /// `s` above, `0..1`.
    pub label_smoothing: f32,
    /// `w` above, one for each finding.
    pub positive_weights: Vec<f32>,
}

impl FindingsLoss {
    /// Weights that make the films with a finding count as much as those without, where `balanced`; else 1.
    /// A finding that all films have, or none, has 1 too.
    #[must_use]
    pub fn new(
        findings: usize,
        label_smoothing: f32,
        balanced: bool,
        train: &[&[Presence]],
    ) -> Self {
        let weight = |finding: usize| {
            let count = |presence| {
                let films = train.iter().filter(|film| film[finding] == presence);
                films.count() as f32
            };
            let [with, without] = [count(Presence::Present), count(Presence::Absent)];
            match balanced && with > 0.0 && without > 0.0 {
                true => without / with,
                false => 1.0,
            }
        };
        Self {
            label_smoothing,
            positive_weights: (0..findings).map(weight).collect(),
        }
    }

    /// The loss of `logits` (`[batch, findings]`) against what is known of each film, as a tensor of one
    /// element; 0 where nothing is.
    #[must_use]
    pub fn forward(&self, logits: Tensor<2>, truth: &[&[Presence]], device: &Device) -> Tensor<1> {
        let findings = self.positive_weights.len();
        let known = truth.iter().flat_map(|film| film.iter());
        let known = known.filter(|&&one| one != Presence::Unknown).count();
        let share = 1.0 / known.max(1) as f32;
        // How much the logarithm of the probability counts, and that of its complement.
        let (mut hits, mut misses) = (vec![], vec![]);
        for film in truth {
            for (&presence, weight) in film.iter().zip(&self.positive_weights) {
                let (target, counts) = match presence {
                    Presence::Present => (1.0 - self.label_smoothing / 2.0, share),
                    Presence::Absent => (self.label_smoothing / 2.0, share),
                    Presence::Unknown => (0.0, 0.0),
                };
                hits.push(counts * weight * target);
                misses.push(counts * (1.0 - target));
            }
        }
        let tensor = |values: Vec<f32>| {
            Tensor::<2>::from_data(TensorData::new(values, [truth.len(), findings]), device)
        };
        let (hits, misses) = (tensor(hits), tensor(misses));
        (log_sigmoid(logits.clone()) * hits + log_sigmoid(logits.neg()) * misses)
            .sum()
            .neg()
    }
}

/// What is minimised.
pub(super) enum Loss {
    Labels(CrossEntropy),
    Findings(FindingsLoss),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_count_where_they_are_known() {
        use Presence::{Absent, Present, Unknown};
        let device = Device::default();
        let logits: [[f32; 2]; 2] = [[2.0, -1.0], [0.5, 80.0]];
        let truth: [&[Presence]; 2] = [&[Present, Absent], &[Absent, Unknown]];
        let log_sigmoid = |z: f32| -(1.0 + (-z).exp()).ln();
        for (smoothing, weights) in [(0.0, [1.0, 1.0]), (0.2, [1.0, 1.0]), (0.1, [3.0, 2.0])] {
            let loss = FindingsLoss {
                label_smoothing: smoothing,
                positive_weights: weights.to_vec(),
            };
            let tensor = Tensor::from_floats(logits, &device);
            let found: f32 = loss.forward(tensor, &truth, &device).into_scalar();
            let entry = |z: f32, target: f32, weight: f32| {
                weight * target * log_sigmoid(z) + (1.0 - target) * log_sigmoid(-z)
            };
            let (high, low) = (1.0 - smoothing / 2.0, smoothing / 2.0);
            let expected = -(entry(2.0, high, weights[0])
                + entry(-1.0, low, weights[1])
                + entry(0.5, low, weights[0]))
                / 3.0;
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
        let unknown: [&[Presence]; 1] = [&[Unknown, Unknown]];
        let loss = FindingsLoss::new(2, 0.0, false, &[]);
        let tensor = Tensor::from_floats([[1.0, 2.0]], &device);
        let nothing: f32 = loss.forward(tensor, &unknown, &device).into_scalar();
        assert_eq!(nothing, 0.0);
        let films: [&[Presence]; 4] = [
            &[Present, Absent],
            &[Absent, Absent],
            &[Absent, Unknown],
            &[Unknown, Absent],
        ];
        let balanced = FindingsLoss::new(2, 0.0, true, &films);
        assert_eq!(balanced.positive_weights, [2.0, 1.0]);
    }

    #[test]
    fn equals_the_formula_by_hand() {
        let logits: [[f32; 2]; 2] = [[2.0, 0.0], [0.5, 1.5]];
        let truth = [0, 0];
        let device = Device::default();
        // log-softmax of the two rows, by hand.
        let rows = [
            [-0.126_928_02_f32, -2.126_928],
            [-1.313_261_7, -0.313_261_7],
        ];
        for (smoothing, weights) in [
            (0.0_f32, [1.0_f32, 1.0]),
            (0.1, [1.0, 1.0]),
            (0.2, [3.0, 1.0]),
        ] {
            let loss = CrossEntropy {
                label_smoothing: smoothing,
                class_weights: weights.to_vec(),
            };
            let found: f32 = loss
                .forward(Tensor::from_floats(logits, &device), &truth, &device)
                .into_scalar();
            let expected = rows
                .iter()
                .map(|row| -((1.0 - smoothing / 2.0) * row[0] + smoothing / 2.0 * row[1]))
                .sum::<f32>()
                / 2.0;
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }
}
