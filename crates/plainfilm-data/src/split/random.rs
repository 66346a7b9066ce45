//! Films shuffled and cut, without regard to patient or label.

use rand::seq::SliceRandom;

use super::generator;
use crate::Part;

/// Whole films for a share of `count`, rounded up as scikit-learn does. The small amount taken off
/// keeps `0.1 * 30 = 3.0000000000000004` from becoming 4.
fn share_of(count: usize, fraction: f64) -> usize {
    let films = (count as f64 * fraction - 1e-9).ceil().max(0.0);
    (films as usize).min(count)
}

fn shuffled(count: usize, seed: u64, purpose: &str, index: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut generator(seed, purpose, index));
    order
}

/// As scikit-learn's `train_test_split`, applied twice.
pub(super) fn parts(count: usize, fractions: &[f64; 3], seed: u64) -> Vec<Part> {
    let held_out_share = fractions[1] + fractions[2];
    let held_out = share_of(count, held_out_share);
    let validation = if held_out == 0 {
        0
    } else {
        share_of(held_out, fractions[1] / held_out_share)
    };
    let mut parts = vec![Part::Train; count];
    for (position, film) in shuffled(count, seed, "random split", 0)
        .into_iter()
        .enumerate()
    {
        if position < validation {
            parts[film] = Part::Validation;
        } else if position < held_out {
            parts[film] = Part::Test;
        }
    }
    parts
}

/// As scikit-learn's `KFold`: the first `count % folds` folds have one film more.
pub(super) fn folds(count: usize, folds: usize, seed: u64) -> Vec<usize> {
    let mut fold_of = vec![0; count];
    let mut order = shuffled(count, seed, "random folds", 0).into_iter();
    for fold in 0..folds {
        let size = count / folds + usize::from(fold < count % folds);
        for film in order.by_ref().take(size) {
            fold_of[film] = fold;
        }
    }
    fold_of
}

/// 1 for a share of the films, 0 for the others.
pub(super) fn share(count: usize, fraction: f64, seed: u64, index: u64) -> Vec<usize> {
    let mut chosen = vec![0; count];
    let order = shuffled(count, seed, "random fold validation", index);
    for film in order.into_iter().take(share_of(count, fraction)) {
        chosen[film] = 1;
    }
    chosen
}
