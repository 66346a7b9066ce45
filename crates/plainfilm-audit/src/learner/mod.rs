//! Small learners that show what can be learned from a table of numbers, one row per film.
//!
//! They are no rivals of a network: they are quick, need no tuning, and what even they find, a network
//! finds too. [`forest`] suits few facts of mixed kind (sizes, codes), [`kernel`] many alike (pixels).
//! Scores are always those of a learner that has not seen the film's patient.

pub mod forest;
pub mod kernel;
mod probe;
pub mod shrunken;

pub(crate) use probe::{Found, Learner, Probe, try_all};

use plainfilm_data::folds_by_patient;
use plainfilm_figures::{Interval, auroc_interval};

/// Folds of the cross-validation.
pub const FOLDS: usize = 5;

/// One row of numbers per film.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: usize,
    values: Vec<f32>,
}

impl Table {
    /// A table from its rows.
    ///
    /// # Panics
    /// If rows differ in length.
    pub fn from_rows<R: AsRef<[f32]>>(rows: &[R]) -> Self {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        let mut values = Vec::with_capacity(columns * rows.len());
        for row in rows {
            assert_eq!(row.as_ref().len(), columns, "rows of one length");
            values.extend_from_slice(row.as_ref());
        }
        Self { columns, values }
    }

    /// Films.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// Numbers per film.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// One film's numbers.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    /// With every column less its mean, over its standard deviation, and held within `farthest` of 0; columns that
    /// never change are 0.
    #[must_use]
    pub fn standardised(&self, farthest: f32) -> Self {
        let rows = self.rows().max(1) as f64;
        let mut mean = vec![0.0_f64; self.columns];
        let mut square = vec![0.0_f64; self.columns];
        for row in 0..self.rows() {
            for (sum, &value) in mean.iter_mut().zip(self.row(row)) {
                *sum += f64::from(value) / rows;
            }
        }
        for row in 0..self.rows() {
            for ((sum, &value), mean) in square.iter_mut().zip(self.row(row)).zip(&mean) {
                *sum += (f64::from(value) - mean).powi(2) / rows;
            }
        }
        let mut values = self.values.clone();
        for row in values.chunks_mut(self.columns.max(1)) {
            for (value, (mean, square)) in row.iter_mut().zip(mean.iter().zip(&square)) {
                let sd = square.sqrt();
                // What is left of a constant column is rounding.
                *value = if sd > 1e-6 * mean.abs().max(1e-6) {
                    ((f64::from(*value) - mean) / sd) as f32
                } else {
                    0.0
                };
                *value = value.clamp(-farthest, farthest);
            }
        }
        Self {
            columns: self.columns,
            values,
        }
    }

    /// One number of all films, as a table.
    pub fn only(&self, column: usize) -> Self {
        Self {
            columns: 1,
            values: (0..self.rows()).map(|row| self.row(row)[column]).collect(),
        }
    }
}

/// Who is on each row, and under which label.
#[derive(Debug, Clone, PartialEq)]
pub struct Subjects {
    /// Index of the label, below `classes`.
    pub labels: Vec<usize>,
    /// A number per patient.
    pub patients: Vec<usize>,
    /// How many labels there are.
    pub classes: usize,
}

impl Subjects {
    /// Rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Different patients of each label.
    pub fn patients_per_label(&self) -> Vec<usize> {
        let mut patients = vec![std::collections::BTreeSet::new(); self.classes];
        for (label, patient) in self.labels.iter().zip(&self.patients) {
            patients[*label].insert(*patient);
        }
        patients
            .iter()
            .map(std::collections::BTreeSet::len)
            .collect()
    }

    /// A fold for each row: whole patients, labels in equal shares. None when a label has fewer
    /// patients than there are folds.
    pub fn folds(&self, seed: u64) -> Option<Vec<usize>> {
        folds_by_patient(&self.labels, &self.patients, self.classes, FOLDS, seed)
    }
}

/// Scores of films by learners that have not seen them.
#[derive(Debug, Clone, PartialEq)]
pub struct OutOfFold {
    /// For each film, one score per label: the higher, the more it looks like it.
    pub scores: Vec<Vec<f64>>,
}

/// How well labels can be told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Separation {
    /// The area under the ROC curve of the label that is told best.
    pub auroc: Interval,
    /// That label, against all others.
    pub label: usize,
    /// How often the question "is it this label?" is answered right, as the mean over films with and
    /// without it (balanced accuracy), `0..=1`.
    pub right: f64,
}

impl OutOfFold {
    /// How well the scores tell the labels apart: with two labels their one area, with more that of
    /// the label told best against the rest, since one such label is enough to mislead.
    ///
    /// None when there are fewer than two labels with films.
    pub fn separation(&self, subjects: &Subjects) -> Option<Separation> {
        let candidates = if subjects.classes == 2 {
            1
        } else {
            subjects.classes
        };
        let (label, auroc) = (0..candidates)
            .filter_map(|label| Some((label, self.area(label, subjects)?)))
            // Ties go to the first.
            .fold(None, |best: Option<(usize, Interval)>, next| match best {
                Some(best) if best.1.low >= next.1.low => Some(best),
                _ => Some(next),
            })?;
        let mut right = [(0_usize, 0_usize); 2];
        for (row, &truth) in self.scores.iter().zip(&subjects.labels) {
            let has_it = truth == label;
            let (right, films) = &mut right[usize::from(has_it)];
            *right += usize::from((best_of(row) == label) == has_it);
            *films += 1;
        }
        let share = |(right, films): (usize, usize)| right as f64 / films as f64;
        Some(Separation {
            auroc,
            label,
            right: (share(right[0]) + share(right[1])) / 2.0,
        })
    }

    /// How well the scores tell one label from all others.
    pub fn area(&self, label: usize, subjects: &Subjects) -> Option<Interval> {
        let positive: Vec<bool> = subjects.labels.iter().map(|&l| l == label).collect();
        let scores: Vec<f64> = (0..self.scores.len())
            .map(|film| self.margin(film, label))
            .collect();
        auroc_interval(&positive, &scores, &subjects.patients)
    }

    /// The score for a label less the mean of the others', which ranks two labels as their difference.
    pub(crate) fn margin(&self, film: usize, label: usize) -> f64 {
        let row = &self.scores[film];
        let others = row.iter().sum::<f64>() - row[label];
        row[label] - others / (row.len() as f64 - 1.0).max(1.0)
    }
}

fn best_of(row: &[f64]) -> usize {
    let mut best = 0;
    for (label, score) in row.iter().enumerate() {
        if *score > row[best] {
            best = label;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn subjects(labels: &[usize], films_a_patient: usize) -> Subjects {
        Subjects {
            labels: labels.to_vec(),
            // Patients with different labels never share a number here.
            patients: labels
                .iter()
                .enumerate()
                .map(|(row, label)| row / (2 * films_a_patient) * 2 + label)
                .collect(),
            classes: 2,
        }
    }

    #[test]
    fn folds_keep_patients_whole_and_labels_level() {
        let labels: Vec<usize> = (0..200).map(|row| row % 2).collect();
        let subjects = subjects(&labels, 4);
        let folds = subjects.folds(3).unwrap();
        for fold in 0..FOLDS {
            for label in 0..2 {
                let films = (0..200)
                    .filter(|&row| folds[row] == fold && labels[row] == label)
                    .count();
                assert_eq!(films, 20, "fold {fold}, label {label}");
            }
        }
        for a in 0..200 {
            for b in 0..a {
                if subjects.patients[a] == subjects.patients[b] {
                    assert_eq!(folds[a], folds[b]);
                }
            }
        }
        let few = Subjects {
            labels: vec![0, 1, 0, 1],
            patients: vec![0, 1, 2, 3],
            classes: 2,
        };
        assert_eq!(few.folds(3), None);
    }

    #[test]
    fn the_label_told_best_is_reported() {
        // Label 2 is always told, the other two never.
        let labels: Vec<usize> = (0..90).map(|row| row % 3).collect();
        let scores = labels
            .iter()
            .map(|&label| match label {
                2 => vec![0.0, 0.0, 1.0],
                _ => vec![0.5, 0.5, 0.0],
            })
            .collect();
        let subjects = Subjects {
            patients: (0..90).collect(),
            labels,
            classes: 3,
        };
        let found = OutOfFold { scores }.separation(&subjects).unwrap();
        assert_eq!((found.label, found.auroc.value), (2, 1.0));
        assert_eq!(found.right, 1.0);
    }
}
