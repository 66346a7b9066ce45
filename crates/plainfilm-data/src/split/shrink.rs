//! A split with fewer training patients, for a learning curve.

use std::collections::{BTreeMap, HashSet};

use rand::seq::SliceRandom;

use super::{Split, generator};
use crate::{Dataset, Part};

impl Split {
    /// The same split with a share of its training patients, `0..=1`, each label's patients in the same
    /// proportion and at least one of each; the others' films are left out. A larger share holds all
    /// patients of a smaller one, and validation and test stay as they are.
    #[must_use]
    pub fn with_training_share(&self, dataset: &Dataset, share: f64) -> Self {
        let mut by_label: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut seen = HashSet::new();
        for film in self.indices(Part::Train) {
            if seen.insert(self.patients[film]) {
                let patients = by_label.entry(dataset.films[film].label).or_default();
                patients.push(self.patients[film]);
            }
        }
        let mut kept = HashSet::new();
        for (label, mut patients) in by_label {
            patients.sort_unstable();
            patients.shuffle(&mut generator(self.seed, "learning curve", label as u64));
            let count = (share * patients.len() as f64).round().max(1.0) as usize;
            kept.extend(patients.into_iter().take(count));
        }
        let mut smaller = self.clone();
        for (part, patient) in smaller.parts.iter_mut().zip(&self.patients) {
            if *part == Part::Train && !kept.contains(patient) {
                *part = Part::LeftOut;
            }
        }
        smaller
    }
}
