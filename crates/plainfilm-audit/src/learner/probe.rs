//! Several learners tried on the same films and judged by the best of them, which luck must not decide.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::{OutOfFold, Separation, Subjects, Table, kernel, shrunken};
use plainfilm_figures::Interval;
use plainfilm_seed::generator;

/// Times that labels are dealt to patients at random: a figure above all of them is one that luck has in less than
/// one case of 40.
const DEALS: u64 = 39;
/// Standard deviations within which a value is held.
const FARTHEST: f32 = 5.0;

/// Which learner a probe uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Learner {
    /// [`kernel::cross_validate_linear`], for numbers that tell together.
    Ridge,
    /// [`shrunken::cross_validate`], for many numbers of which one or two may tell.
    Shrunken,
}

/// One thing that is tried.
pub(crate) struct Probe {
    /// What it looks at, for people.
    pub name: &'static str,
    pub learner: Learner,
    pub table: Table,
}

impl Probe {
    pub fn new(name: &'static str, learner: Learner, rows: &[Vec<f32>]) -> Self {
        Self {
            name,
            learner,
            table: Table::from_rows(rows),
        }
    }

    fn scores(&self, folds: &[usize], labellings: &[Vec<usize>], classes: usize) -> Vec<OutOfFold> {
        match self.learner {
            Learner::Ridge => {
                kernel::cross_validate_linear(&self.table, folds, labellings, classes, FARTHEST)
            }
            Learner::Shrunken => shrunken::cross_validate(&self.table, folds, labellings, classes),
        }
    }
}

/// What the best of several probes told.
pub(crate) struct Found {
    /// How well it tells the label.
    pub best: Separation,
    /// Its scores of the films.
    pub scores: OutOfFold,
    /// Every probe by name, on the label that the best tells.
    pub areas: Vec<(&'static str, Interval)>,
    /// The highest area that the best of the same probes reached when labels were dealt to patients at
    /// random.
    pub by_luck: f64,
}

/// Tries every probe. None when a label has too few patients.
pub(crate) fn try_all(probes: &[Probe], subjects: &Subjects, seed: u64) -> Option<Found> {
    let folds = subjects.folds(seed)?;
    let mut dealt = vec![subjects.clone()];
    dealt.extend((0..DEALS).map(|deal| dealt_again(subjects, seed, deal)));
    let labellings: Vec<Vec<usize>> = dealt.iter().map(|deal| deal.labels.clone()).collect();
    let mut scores: Vec<Vec<OutOfFold>> = probes
        .iter()
        .map(|probe| probe.scores(&folds, &labellings, subjects.classes))
        .collect();
    let by_luck = (1..dealt.len())
        .into_par_iter()
        .filter_map(|deal| {
            let tried = scores
                .iter()
                .filter_map(|scores| scores[deal].separation(&dealt[deal]));
            tried.map(|found| found.auroc.value).reduce(f64::max)
        })
        .reduce(|| 0.5, f64::max);
    let (index, best) = scores
        .iter()
        .enumerate()
        .filter_map(|(index, scores)| Some((index, scores[0].separation(subjects)?)))
        // Ties go to the first.
        .fold(None, |best: Option<(usize, Separation)>, next| match best {
            Some(best) if best.1.auroc.low >= next.1.auroc.low => Some(best),
            _ => Some(next),
        })?;
    let areas = probes
        .iter()
        .zip(&scores)
        .filter_map(|(probe, scores)| Some((probe.name, scores[0].area(best.label, subjects)?)))
        .collect();
    Some(Found {
        best,
        areas,
        by_luck,
        scores: scores.swap_remove(index).swap_remove(0),
    })
}

/// The same patients with each other's labels: who is whose changes, how many of each there are does not. A patient
/// with films of several labels counts with the first.
fn dealt_again(subjects: &Subjects, seed: u64, deal: u64) -> Subjects {
    let mut own: BTreeMap<usize, usize> = BTreeMap::new();
    for (&patient, &label) in subjects.patients.iter().zip(&subjects.labels) {
        own.entry(patient).or_insert(label);
    }
    let mut labels: Vec<usize> = own.values().copied().collect();
    labels.shuffle(&mut generator(seed, "labels dealt at random", &[deal]));
    let dealt: BTreeMap<usize, usize> = own.keys().copied().zip(labels).collect();
    Subjects {
        labels: subjects
            .patients
            .iter()
            .map(|patient| dealt[patient])
            .collect(),
        ..subjects.clone()
    }
}
