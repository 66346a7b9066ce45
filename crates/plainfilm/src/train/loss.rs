//! Cross-entropy with label smoothing and class weights.

use burn::tensor::{Device, Tensor, TensorData, activation::log_softmax};

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

#[cfg(test)]
mod tests {
    use super::*;

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
