//! Whether two groups of films come from one place.

use rand::seq::SliceRandom;

use plainfilm_seed as seed;

/// Fewest films that are a group.
pub const LEAST_FILMS: usize = 20;
/// Most films of either side that are compared: more say the same, and pairs are many.
const MOST_FILMS: usize = 300;
/// Divisions of all films at random that the one found is held against.
const PERMUTATIONS: usize = 999;
/// The p-value from which on nothing is claimed.
const LEVEL: f64 = 0.01;

/// The outcome of a two-sample test: the energy distance (Székely & Rizzo 2013) under permutations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupTest {
    /// Films that were tested.
    pub films: usize,
    /// How often a division at random sets the two sides as far apart, at least 0.001.
    pub p: f64,
}

impl GroupTest {
    /// Whether the films differ, as a group, from the model's own.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        self.p < LEVEL
    }

    /// None for fewer than [`LEAST_FILMS`] on either side.
    pub(super) fn of(own: &[&[f32]], others: &[&[f32]]) -> Option<Self> {
        if own.len().min(others.len()) < LEAST_FILMS {
            return None;
        }
        let thinned = |rows: &[&[f32]]| -> Vec<Vec<f32>> {
            let count = rows.len().min(MOST_FILMS);
            (0..count)
                .map(|index| rows[index * rows.len() / count].to_vec())
                .collect()
        };
        let (own, tested) = (thinned(own), thinned(others));
        let all: Vec<&Vec<f32>> = own.iter().chain(&tested).collect();
        let count = all.len();
        let mut distances = vec![0.0_f64; count * count];
        for a in 0..count {
            for b in 0..a {
                let squares = all[a]
                    .iter()
                    .zip(all[b])
                    .map(|(x, y)| f64::from(x - y).powi(2));
                let distance = squares.sum::<f64>().sqrt();
                distances[a * count + b] = distance;
                distances[b * count + a] = distance;
            }
        }
        let mut is_own: Vec<bool> = (0..count).map(|index| index < own.len()).collect();
        let found = energy(&distances, &is_own);
        let mut generator = seed::generator(1, "permuted groups", &[]);
        let mut as_far = 0;
        for _ in 0..PERMUTATIONS {
            is_own.shuffle(&mut generator);
            as_far += usize::from(energy(&distances, &is_own) >= found);
        }
        Some(Self {
            films: others.len(),
            p: (as_far + 1) as f64 / (PERMUTATIONS + 1) as f64,
        })
    }
}

/// Twice the mean distance between the sides, less the mean distances within each.
fn energy(distances: &[f64], is_own: &[bool]) -> f64 {
    let (mut between, mut own, mut other) = (0.0, 0.0, 0.0);
    for (row, &a) in distances.chunks_exact(is_own.len()).zip(is_own) {
        for (distance, &b) in row.iter().zip(is_own) {
            match (a, b) {
                (true, true) => own += distance,
                (false, false) => other += distance,
                _ => between += distance,
            }
        }
    }
    let count = is_own.iter().filter(|&&own| own).count() as f64;
    let others = is_own.len() as f64 - count;
    // Each pair between the sides was met twice.
    between / (count * others) - own / (count * count) - other / (others * others)
}
