//! Random values as pure functions of what they are for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use super::tensor_plan::{Start, TensorPlan};

/// A generator that depends on the seed and the purpose alone.
fn generator(seed: u64, purpose: &str, name: &str) -> ChaCha8Rng {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_le_bytes());
    // The zero byte keeps ("ab", "c") apart from ("a", "bc").
    hasher.update(purpose.as_bytes());
    hasher.update([0]);
    hasher.update(name.as_bytes());
    ChaCha8Rng::from_seed(hasher.finalize().into())
}

/// The first values of a tensor: they depend on the seed and on the tensor's name, not on the other
/// tensors or on the order in which they are made.
pub fn starting_values(seed: u64, tensor: &TensorPlan) -> Vec<f32> {
    let elements = tensor.elements();
    match tensor.start {
        Start::Constant(value) => vec![value; elements],
        Start::Uniform(bound) => {
            let mut generator = generator(seed, "weights", &tensor.name);
            (0..elements)
                .map(|_| ((2.0 * unit(&mut generator) - 1.0) * bound) as f32)
                .collect()
        }
        Start::Normal(deviation) => {
            let mut generator = generator(seed, "weights", &tensor.name);
            (0..elements)
                .map(|_| (normal(&mut generator) * deviation) as f32)
                .collect()
        }
    }
}

/// A dropout mask: 0 with probability `rate`, else 1 / (1 - rate).
pub(crate) fn dropout_mask(key: u64, layer: u64, rate: f64, elements: usize) -> Vec<f32> {
    let mut generator = generator(key, "dropout", &layer.to_string());
    let kept = (1.0 / (1.0 - rate)) as f32;
    (0..elements)
        .map(|_| {
            if unit(&mut generator) < rate {
                0.0
            } else {
                kept
            }
        })
        .collect()
}

/// Uniform in 0..1, with 32 random bits.
fn unit(generator: &mut ChaCha8Rng) -> f64 {
    f64::from(generator.next_u32()) / (f64::from(u32::MAX) + 1.0)
}

/// Standard normal, by Box and Muller's transform (1958); its second value is not used.
fn normal(generator: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - unit(generator)).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit(generator)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, start: Start) -> TensorPlan {
        TensorPlan {
            name: name.to_owned(),
            shape: vec![100, 100],
            start,
            parameter: true,
            trainable: true,
        }
    }

    #[test]
    fn values_follow_seed_and_name() {
        let first = tensor("first", Start::Uniform(0.5));
        let values = starting_values(7, &first);
        assert_eq!(values, starting_values(7, &first));
        assert_ne!(values, starting_values(8, &first));
        assert_ne!(
            values,
            starting_values(7, &tensor("second", Start::Uniform(0.5)))
        );
    }

    #[test]
    fn values_have_the_spread_that_was_asked_for() {
        for (start, low, high) in [
            (Start::Uniform(0.3), 0.3 / 3f64.sqrt(), 0.3),
            (Start::Normal(0.2), 0.2, f64::INFINITY),
        ] {
            let values = starting_values(1, &tensor("t", start));
            let count = values.len() as f64;
            let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
            let square = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / count;
            assert!(mean.abs() < 0.01, "{start:?}: mean {mean}");
            assert!((square.sqrt() - low).abs() < 0.01, "{start:?}: {square}");
            assert!(values.iter().all(|v| f64::from(v.abs()) <= high));
        }
    }

    #[test]
    fn a_mask_drops_its_share_and_keeps_the_expectation() {
        let mask = dropout_mask(3, 0, 0.25, 40_000);
        let dropped = mask.iter().filter(|v| **v == 0.0).count() as f64 / 40_000.0;
        let mean = mask.iter().map(|v| f64::from(*v)).sum::<f64>() / 40_000.0;
        assert!((dropped - 0.25).abs() < 0.01, "{dropped}");
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert_ne!(mask, dropout_mask(3, 1, 0.25, 40_000));
        assert_ne!(mask, dropout_mask(4, 0, 0.25, 40_000));
    }
}
