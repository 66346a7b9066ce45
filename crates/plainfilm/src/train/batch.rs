//! Which films a step sees, and the tensor they become.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::augment::Augmentation;
use super::error::TrainError;
use super::films::LoadedFilms;
use super::settings::Balance;
use crate::seed;

/// The order in which an epoch visits the training films: a pure function of its arguments.
#[must_use]
pub fn epoch_order(
    train: &[usize],
    label_of: &dyn Fn(usize) -> usize,
    labels: usize,
    balance: Balance,
    seed: u64,
    epoch: usize,
) -> Vec<usize> {
    let mut generator = seed::generator(seed, "order of films", &[epoch as u64]);
    if balance != Balance::Sampling {
        let mut order = train.to_vec();
        order.shuffle(&mut generator);
        return order;
    }
    let by_label: Vec<Vec<usize>> = (0..labels)
        .map(|label| {
            train
                .iter()
                .copied()
                .filter(|&film| label_of(film) == label)
                .collect()
        })
        .filter(|films: &Vec<usize>| !films.is_empty())
        .collect();
    (0..train.len())
        .map(|_| {
            let films = &by_label[generator.random_range(0..by_label.len())];
            films[generator.random_range(0..films.len())]
        })
        .collect()
}

/// How films are changed: by how much, and the draws for the film at a position of the batch; none
/// leaves it as it is.
pub type Change<'a> = (
    &'a Augmentation,
    &'a (dyn Fn(usize) -> Option<ChaCha8Rng> + Sync),
);

/// Pixels of a batch, `[films, channels, size, size]` in one run of memory.
///
/// # Errors
///
/// When a film can no longer be read.
pub fn pixels(
    films: &LoadedFilms,
    indices: &[usize],
    change: Option<Change<'_>>,
) -> Result<Vec<f32>, TrainError> {
    let preprocessing = films.preprocessing();
    let length = preprocessing.tensor_len();
    let mut values = vec![0.0_f32; indices.len() * length];
    values
        .par_chunks_mut(length)
        .zip(indices)
        .enumerate()
        .try_for_each(|(position, (target, &index))| {
            let plane = films.plane(index).map_err(|reason| TrainError::Corrupt {
                path: films.dataset.origin.join(&films.dataset.films[index].path),
                problem: format!("readable at the start and not now: {reason}"),
            })?;
            let drawn = change.and_then(|(by, draws)| Some((by, draws(position)?)));
            match drawn {
                None => preprocessing.write_tensor(&plane, target),
                Some((augmentation, mut draws)) => {
                    let changed = augmentation.apply(&plane, &mut draws);
                    preprocessing.write_tensor(&changed, target);
                }
            }
            Ok::<(), TrainError>(())
        })?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_visits_every_film_once_and_repeats_by_seed() {
        let train: Vec<usize> = (0..50).collect();
        let order = |seed, epoch| epoch_order(&train, &|_| 0, 1, Balance::None, seed, epoch);
        let mut sorted = order(1, 0);
        assert_eq!(sorted, order(1, 0));
        assert_ne!(sorted, order(1, 1));
        assert_ne!(sorted, order(2, 0));
        sorted.sort_unstable();
        assert_eq!(sorted, train);
    }

    #[test]
    fn sampling_draws_each_label_equally_often() {
        let train: Vec<usize> = (0..2000).collect();
        let rare = |film: usize| usize::from(film < 100);
        let order = epoch_order(&train, &rare, 2, Balance::Sampling, 3, 0);
        let drawn = order.iter().filter(|&&film| film < 100).count();
        assert_eq!(order.len(), train.len());
        assert!(
            (850..=1150).contains(&drawn),
            "{drawn} of 2000 draws from 5 % of the films"
        );
    }
}
