//! Random draws as pure functions of what they are for.
//!
//! A draw is seeded from (seed, purpose, indices) and from nothing else, so it depends neither on
//! the order of threads nor on what was drawn before it. That is what lets a run be resumed at any
//! step and end with the same bytes.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// A generator for one purpose, such as `("shuffle", [epoch])`.
#[must_use]
pub fn generator(seed: u64, purpose: &str, indices: &[u64]) -> ChaCha8Rng {
    ChaCha8Rng::from_seed(digest(seed, purpose, indices))
}

/// A 64-bit seed for one purpose, for libraries that take only a number.
#[must_use]
pub fn derive(seed: u64, purpose: &str, indices: &[u64]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = digest(seed, purpose, indices);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn digest(seed: u64, purpose: &str, indices: &[u64]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update((purpose.len() as u64).to_le_bytes());
    hash.update(purpose.as_bytes());
    for index in indices {
        hash.update(index.to_le_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differs_by_seed_purpose_and_index_and_by_nothing_else() {
        let reference = derive(7, "shuffle", &[1, 2]);
        assert_eq!(reference, derive(7, "shuffle", &[1, 2]));
        for other in [
            derive(8, "shuffle", &[1, 2]),
            derive(7, "augment", &[1, 2]),
            derive(7, "shuffle", &[2, 1]),
            derive(7, "shuffle", &[1]),
        ] {
            assert_ne!(reference, other);
        }
    }
}
