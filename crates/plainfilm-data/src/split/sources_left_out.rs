//! Splits that leave one source out each, to see what a training reaches where it has not been.

use std::collections::{BTreeMap, BTreeSet};

use super::{Films, Split, SplitMethod};
use crate::{Dataset, DatasetError, Part};

/// Fewest films with the label, and fewest without, of a source that is left out: fewer give hardly a pair.
const FEWEST_FILMS: usize = 3;

impl Split {
    /// A split for each source that has films with a label and films without: the source is the test part, and
    /// the other sources are dealt to training and validation by patient. Other films of the source's
    /// patients are left out. In order of the sources' names.
    ///
    /// # Errors
    ///
    /// [`DatasetError::SplitSettings`] where what is left cannot be dealt: a label that no other source has.
    pub fn sources_left_out(
        dataset: &Dataset,
        label: usize,
        seed: u64,
        validation_fraction: f64,
    ) -> Result<Vec<(String, Self)>, DatasetError> {
        let films = Films::of(dataset);
        let mut counts: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
        for (source, &own) in films.source.iter().zip(&films.label) {
            if let Some(source) = source {
                counts.entry(source).or_default()[usize::from(own != label)] += 1;
            }
        }
        let of_both_kinds = counts
            .iter()
            .filter(|(_, films)| films.iter().all(|&count| count >= FEWEST_FILMS));
        let method = SplitMethod::Sources;
        let mut splits = Vec::new();
        for (index, (&source, _)) in of_both_kinds.enumerate() {
            let is_of_source = |film: usize| films.source[film].as_deref() == Some(source);
            let all = 0..films.len();
            let patients: BTreeSet<usize> = all
                .clone()
                .filter(|&film| is_of_source(film))
                .map(|film| films.patient[film])
                .collect();
            let rest: Vec<usize> = all
                .filter(|&film| !is_of_source(film) && !patients.contains(&films.patient[film]))
                .collect();
            let in_validation = match validation_fraction > 0.0 {
                false => vec![0; rest.len()],
                true => films.deal(
                    &films.validation_unit(&method),
                    &rest,
                    &[1.0 - validation_fraction, validation_fraction],
                    seed,
                    "validation without a source",
                    index as u64,
                )?,
            };
            let mut parts = vec![Part::LeftOut; films.len()];
            for (film, part) in parts.iter_mut().enumerate() {
                if is_of_source(film) {
                    *part = Part::Test;
                }
            }
            for (&film, validation) in rest.iter().zip(in_validation) {
                parts[film] = [Part::Train, Part::Validation][validation];
            }
            let split = films.clone().into_split(method.clone(), seed, None, parts);
            splits.push((source.to_owned(), split));
        }
        Ok(splits)
    }
}
