//! Splitting a data set into training, validation and test part, once or in folds.

use std::collections::{BTreeMap, HashSet};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Dataset, DatasetError, Part, PatientOrigin};

mod file;
mod given;
mod grouped;
mod method;
mod random;
mod shrink;
mod sources_left_out;
#[cfg(test)]
mod tests;

pub use method::SplitMethod;

/// How a data set is split once.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitOptions {
    /// How films are dealt to the parts.
    pub method: SplitMethod,
    /// Same data, method, fractions and seed: same split.
    pub seed: u64,
    /// Shares of training, validation and test; they add up to 1. Not used for a file.
    pub fractions: [f64; 3],
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self {
            method: SplitMethod::Grouped,
            seed: 0,
            fractions: [0.8, 0.1, 0.1],
        }
    }
}

/// Which fold of how many a split is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fold {
    /// Counted from 0.
    pub index: usize,
    /// How many folds there are.
    pub of: usize,
}

/// A part for every film of a data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Split {
    /// How films were dealt to the parts.
    pub method: SplitMethod,
    /// Seed of the draw; 0 for a file.
    pub seed: u64,
    /// Which fold this is, in cross-validation.
    pub fold: Option<Fold>,
    /// One part per film, in the order of [`Dataset::films`].
    pub parts: Vec<Part>,
    /// One number per film; films of one patient have the same.
    patients: Vec<usize>,
    patient_origin: PatientOrigin,
}

impl Split {
    /// Splits once.
    ///
    /// With [`SplitMethod::Grouped`] every part that has a share also has at least one patient of
    /// every label. With [`SplitMethod::Random`] the sizes are those of scikit-learn applied twice,
    /// first cutting off validation and test together and then the test part: 625 films give 500,
    /// 63 and 62.
    ///
    /// # Errors
    ///
    /// When the fractions are not shares of a whole, a label has too few patients to be in every
    /// part, or a split file and the data do not name the same films.
    pub fn make(dataset: &Dataset, options: &SplitOptions) -> Result<Self, DatasetError> {
        let films = Films::of(dataset);
        let parts = match &options.method {
            SplitMethod::File(path) => return Self::read_csv(dataset, path),
            SplitMethod::Random => {
                check_fractions(&options.fractions)?;
                random::parts(films.len(), &options.fractions, options.seed)
            }
            SplitMethod::Sources => films.parts_by_source(options)?,
            SplitMethod::Folders => given::parts(dataset, &films, options)?,
            SplitMethod::Grouped | SplitMethod::Stratified => {
                check_fractions(&options.fractions)?;
                let unit = films.unit(&options.method)?;
                let all: Vec<usize> = (0..films.len()).collect();
                films
                    .deal(&unit, &all, &options.fractions, options.seed, "split", 0)?
                    .into_iter()
                    .map(|part| [Part::Train, Part::Validation, Part::Test][part])
                    .collect()
            }
        };
        Ok(films.into_split(options.method.clone(), options.seed, None, parts))
    }

    /// Every film in the test part, as when a network is tested on another hospital's films.
    #[must_use]
    pub fn all_test(dataset: &Dataset) -> Self {
        let films = Films::of(dataset);
        let parts = vec![Part::Test; films.len()];
        films.into_split(SplitMethod::Grouped, 0, None, parts)
    }

    /// Splits into `folds` splits for cross-validation: in split `i` the test part is fold `i`, and
    /// `validation_fraction` of the other films is the validation part, drawn by the same method;
    /// 0 leaves it empty.
    ///
    /// # Errors
    ///
    /// When there are fewer than 2 folds or fewer films than folds, the fraction is not in
    /// `0.0..1.0`, the method is a file, or a label has too few patients.
    pub fn folds(
        dataset: &Dataset,
        folds: usize,
        method: &SplitMethod,
        seed: u64,
        validation_fraction: f64,
    ) -> Result<Vec<Self>, DatasetError> {
        if folds < 2 || folds > dataset.films.len() {
            return Err(DatasetError::SplitSettings(format!(
                "expected 2 to {} folds (the number of films), found {folds}",
                dataset.films.len()
            )));
        }
        if !(0.0..1.0).contains(&validation_fraction) {
            return Err(DatasetError::SplitSettings(format!(
                "expected a validation fraction from 0 to below 1, found {validation_fraction}"
            )));
        }
        let films = Films::of(dataset);
        let all: Vec<usize> = (0..films.len()).collect();
        let fold_of = match method {
            SplitMethod::File(path) => {
                return Err(DatasetError::SplitSettings(format!(
                    "expected `grouped`, `sources`, `stratified` or `random` for folds, found the file {}",
                    path.display()
                )));
            }
            SplitMethod::Folders => {
                return Err(DatasetError::SplitSettings(
                    "expected `grouped`, `sources`, `stratified` or `random` for folds, found `folders`, which \
                     divide the films once"
                        .into(),
                ));
            }
            SplitMethod::Grouped | SplitMethod::Sources | SplitMethod::Stratified => {
                let fractions = vec![1.0 / folds as f64; folds];
                films.deal(&films.unit(method)?, &all, &fractions, seed, "folds", 0)?
            }
            SplitMethod::Random => random::folds(films.len(), folds, seed),
        };
        let mut splits = Vec::with_capacity(folds);
        for index in 0..folds {
            let rest: Vec<usize> = (0..films.len())
                .filter(|film| fold_of[*film] != index)
                .collect();
            let index_of_draw = index as u64;
            let in_validation = if validation_fraction == 0.0 {
                vec![0; rest.len()]
            } else if *method == SplitMethod::Random {
                random::share(rest.len(), validation_fraction, seed, index_of_draw)
            } else {
                let unit = films.validation_unit(method);
                let fractions = [1.0 - validation_fraction, validation_fraction];
                films.deal(
                    &unit,
                    &rest,
                    &fractions,
                    seed,
                    "fold validation",
                    index_of_draw,
                )?
            };
            let mut parts = vec![Part::Test; films.len()];
            for (film, validation) in rest.iter().zip(in_validation) {
                parts[*film] = [Part::Train, Part::Validation][validation];
            }
            let fold = Fold { index, of: folds };
            splits.push(
                films
                    .clone()
                    .into_split(method.clone(), seed, Some(fold), parts),
            );
        }
        Ok(splits)
    }

    /// Films of `part`, as indices into [`Dataset::films`], ascending.
    pub fn indices(&self, part: Part) -> Vec<usize> {
        (0..self.parts.len())
            .filter(|film| self.parts[*film] == part)
            .collect()
    }

    /// How many films of `part` have a film of the same patient in training.
    pub fn shared_with_training(&self, part: Part) -> usize {
        let training: HashSet<usize> = self
            .indices(Part::Train)
            .into_iter()
            .map(|film| self.patients[film])
            .collect();
        self.indices(part)
            .into_iter()
            .filter(|film| training.contains(&self.patients[*film]))
            .count()
    }

    /// How many test films have a film of the same patient in training.
    pub fn shared_patients(&self) -> usize {
        self.shared_with_training(Part::Test)
    }

    /// Different patients in `part`.
    pub fn patients_in(&self, part: Part) -> usize {
        let patients: HashSet<usize> = self
            .indices(part)
            .into_iter()
            .map(|film| self.patients[film])
            .collect();
        patients.len()
    }

    /// One sentence for every output: how the split was made and whether patients are shared.
    pub fn label_text(&self) -> String {
        let patients = match self.patient_origin {
            PatientOrigin::Manifest => "patients",
            PatientOrigin::Pattern => "patients (by file name)",
            PatientOrigin::NearDuplicates => {
                "groups of near-duplicate films (standing in for patients, which are not known)"
            }
        };
        let how = match &self.method {
            SplitMethod::Grouped => "grouped by patient".to_owned(),
            SplitMethod::Sources => "whole sources left out".to_owned(),
            SplitMethod::Stratified => "stratified by label, patients ignored".to_owned(),
            SplitMethod::Random => "random".to_owned(),
            SplitMethod::Folders => "as the data set's own folders divide it".to_owned(),
            SplitMethod::File(path) => format!("from {}", path.display()),
        };
        let seed = match self.method {
            SplitMethod::File(_) => String::new(),
            _ => format!(" (seed {})", self.seed),
        };
        let fold = self
            .fold
            .map(|fold| format!(", fold {} of {}", fold.index + 1, fold.of))
            .unwrap_or_default();
        let test = self.indices(Part::Test).len();
        let shared = match self.shared_patients() {
            0 => format!("no {patients} shared between training and test"),
            count => format!(
                "{patients} shared between parts: {count} of {test} test films have a sibling in training"
            ),
        };
        format!("{how}{seed}{fold}, {shared}")
    }
}

/// A fold for each film, whole patients at a time and labels in equal shares; none when a label has
/// fewer patients than there are folds. Where the films need not be those of a data set.
pub fn folds_by_patient(
    labels: &[usize],
    patients: &[usize],
    classes: usize,
    folds: usize,
    seed: u64,
) -> Option<Vec<usize>> {
    let films = Films {
        labels: vec![String::new(); classes],
        label: labels.to_vec(),
        patient: patients.to_vec(),
        source: vec![None; labels.len()],
        origin: PatientOrigin::Manifest,
    };
    let all: Vec<usize> = (0..films.len()).collect();
    let fractions = vec![1.0 / folds as f64; folds];
    let unit = films.validation_unit(&SplitMethod::Grouped);
    films.deal(&unit, &all, &fractions, seed, "folds", 0).ok()
}

/// What is dealt in one piece.
struct Unit {
    /// One number per film; films that stay together have the same.
    of: Vec<usize>,
    /// For messages: `patients`, `sources` or `films`.
    name: &'static str,
}

/// Numbers in the order of the names, so that the order of films does not matter.
fn numbered<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
    let mut numbers: BTreeMap<&str, usize> = names.clone().map(|name| (name, 0)).collect();
    for (number, slot) in numbers.values_mut().enumerate() {
        *slot = number;
    }
    names.map(|name| numbers[name]).collect()
}

/// What splitting needs to know about the films.
#[derive(Clone)]
struct Films {
    labels: Vec<String>,
    label: Vec<usize>,
    patient: Vec<usize>,
    source: Vec<Option<String>>,
    origin: PatientOrigin,
}

impl Films {
    fn of(dataset: &Dataset) -> Self {
        let films = &dataset.films;
        Self {
            labels: dataset.labels.clone(),
            label: films.iter().map(|film| film.label).collect(),
            patient: numbered(films.iter().map(|film| film.patient_id.as_str())),
            source: films.iter().map(|film| film.source.clone()).collect(),
            origin: dataset.patients,
        }
    }

    /// What the method keeps in one part.
    fn unit(&self, method: &SplitMethod) -> Result<Unit, DatasetError> {
        if *method != SplitMethod::Sources {
            return Ok(self.validation_unit(method));
        }
        let without = self.source.iter().filter(|source| source.is_none()).count();
        if without > 0 {
            return Err(DatasetError::SplitSettings(format!(
                "expected a source for every film to leave whole sources out, found none for {without} of {} \
                 (hint: the `source` column of a manifest says where a film is from)",
                self.len()
            )));
        }
        Ok(Unit {
            of: numbered(
                self.source
                    .iter()
                    .map(|source| source.as_deref().unwrap_or_default()),
            ),
            name: "sources",
        })
    }

    /// What the validation part is dealt in: whole sources would leave too few to learn from.
    fn validation_unit(&self, method: &SplitMethod) -> Unit {
        match method {
            SplitMethod::Stratified => Unit {
                of: (0..self.len()).collect(),
                name: "films",
            },
            _ => Unit {
                of: self.patient.clone(),
                name: "patients",
            },
        }
    }

    /// The test part by source, then the validation part by patient.
    fn parts_by_source(&self, options: &SplitOptions) -> Result<Vec<Part>, DatasetError> {
        check_fractions(&options.fractions)?;
        let [train, validation, test] = options.fractions;
        let all: Vec<usize> = (0..self.len()).collect();
        let (unit, seed) = (self.unit(&options.method)?, options.seed);
        let held_out = self.deal(&unit, &all, &[1.0 - test, test], seed, "split", 0)?;
        let mut parts = vec![Part::Test; self.len()];
        let rest: Vec<usize> = all
            .into_iter()
            .filter(|&film| held_out[film] == 0)
            .collect();
        let unit = self.validation_unit(&options.method);
        let kept = train + validation;
        let shares = [train / kept, validation / kept];
        let dealt = self.deal(&unit, &rest, &shares, seed, "split validation", 0)?;
        for (film, part) in rest.into_iter().zip(dealt) {
            parts[film] = [Part::Train, Part::Validation][part];
        }
        Ok(parts)
    }

    fn len(&self) -> usize {
        self.label.len()
    }

    fn into_split(
        self,
        method: SplitMethod,
        seed: u64,
        fold: Option<Fold>,
        parts: Vec<Part>,
    ) -> Split {
        Split {
            method,
            seed,
            fold,
            parts,
            patients: self.patient,
            patient_origin: self.origin,
        }
    }

    /// A part (an index into `fractions`) for each of `films`, whole units at a time.
    fn deal(
        &self,
        unit: &Unit,
        films: &[usize],
        fractions: &[f64],
        seed: u64,
        purpose: &str,
        index: u64,
    ) -> Result<Vec<usize>, DatasetError> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for film in films {
            let counts = groups
                .entry(unit.of[*film])
                .or_insert_with(|| vec![0; self.labels.len()]);
            counts[self.label[*film]] += 1;
        }
        let counts: Vec<Vec<usize>> = groups.values().cloned().collect();
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.shuffle(&mut generator(seed, purpose, index));
        let dealt =
            grouped::deal(&counts, order, fractions).map_err(|lacking| DatasetError::TooFew {
                label: self.labels[lacking.label].clone(),
                unit: unit.name,
                found: lacking.groups,
                parts: lacking.parts,
            })?;
        let part_of: BTreeMap<usize, usize> = groups.into_keys().zip(dealt).collect();
        Ok(films.iter().map(|film| part_of[&unit.of[*film]]).collect())
    }
}

fn check_fractions(fractions: &[f64; 3]) -> Result<(), DatasetError> {
    let sum: f64 = fractions.iter().sum();
    let valid = fractions.iter().all(|share| (0.0..=1.0).contains(share))
        && (sum - 1.0).abs() < 1e-6
        && fractions[0] > 0.0;
    if valid {
        return Ok(());
    }
    Err(DatasetError::SplitSettings(format!(
        "expected three shares of 0 or more that add up to 1, the first above 0, found {fractions:?}"
    )))
}

/// A generator whose draws depend on nothing but the seed, what they are for, and an index.
fn generator(seed: u64, purpose: &str, index: u64) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(b"plainfilm split\0");
    hash.update(purpose.as_bytes());
    hash.update(b"\0");
    hash.update(seed.to_le_bytes());
    hash.update(index.to_le_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}
