//! Which films a step sees, and the tensor they become.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::augment::Augmentation;
use super::error::TrainError;
use super::films::LoadedFilms;
use super::settings::Balance;
use plainfilm_data::Film;
use plainfilm_seed as seed;

/// The order in which an epoch visits the training films, given as indices into `films`: a pure
/// function of its arguments.
#[must_use]
pub fn epoch_order(
    films: &[Film],
    train: &[usize],
    balance: Balance,
    seed: u64,
    epoch: usize,
) -> Vec<usize> {
    let mut generator = seed::generator(seed, "order of films", &[epoch as u64]);
    let by_source = match balance {
        Balance::None | Balance::ClassWeights => {
            let mut order = train.to_vec();
            order.shuffle(&mut generator);
            return order;
        }
        Balance::Sampling => false,
        Balance::Sources => true,
    };
    // Labels of sources of films. Films that do not say where they are from are one source.
    let mut labels: BTreeMap<usize, BTreeMap<Option<&str>, Vec<usize>>> = BTreeMap::new();
    for &index in train {
        let film = &films[index];
        let source = film.source.as_deref().filter(|_| by_source);
        let sources = labels.entry(film.label).or_default();
        sources.entry(source).or_default().push(index);
    }
    let labels: Vec<Vec<Vec<usize>>> = labels
        .into_values()
        .map(|sources| sources.into_values().collect())
        .collect();
    (0..train.len())
        .map(|_| {
            let sources = &labels[generator.random_range(0..labels.len())];
            let films = match sources.as_slice() {
                [films] => films,
                _ => &sources[generator.random_range(0..sources.len())],
            };
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
    use std::path::PathBuf;

    use super::*;
    use plainfilm_data::Location;

    fn film(label: usize, source: &str) -> Film {
        Film {
            path: String::new(),
            location: Location::File(PathBuf::new()),
            label,
            findings: Vec::new(),
            patient_id: String::new(),
            source: Some(source.to_owned()),
            view: None,
            sex: None,
            age: None,
            mask: None,
            part: None,
        }
    }

    #[test]
    fn an_epoch_visits_every_film_once_and_repeats_by_seed() {
        let films: Vec<Film> = (0..50).map(|_| film(0, "a")).collect();
        let train: Vec<usize> = (0..50).collect();
        let order = |seed, epoch| epoch_order(&films, &train, Balance::None, seed, epoch);
        let mut sorted = order(1, 0);
        assert_eq!(sorted, order(1, 0));
        assert_ne!(sorted, order(1, 1));
        assert_ne!(sorted, order(2, 0));
        sorted.sort_unstable();
        assert_eq!(sorted, train);
    }

    #[test]
    fn sampling_draws_each_label_and_each_source_of_it_equally_often() {
        // 1,900 films of one label, 1,800 of them from one hospital, and 100 of another.
        let films: Vec<Film> = (0..2000)
            .map(|index| match index {
                0..1800 => film(0, "large"),
                1800..1900 => film(0, "small"),
                _ => film(1, "small"),
            })
            .collect();
        let train: Vec<usize> = (0..2000).collect();
        for (balance, expected) in [
            (Balance::Sampling, [947, 53, 1000]),
            (Balance::Sources, [500, 500, 1000]),
        ] {
            let order = epoch_order(&films, &train, balance, 3, 0);
            assert_eq!(order.len(), train.len());
            let among = |range: std::ops::Range<usize>| {
                order.iter().filter(|film| range.contains(film)).count()
            };
            let drawn = [among(0..1800), among(1800..1900), among(1900..2000)];
            for (drawn, expected) in drawn.into_iter().zip(expected) {
                // Five deviations of a draw.
                let slack = 5 * (expected as f64).sqrt() as usize;
                assert!(
                    drawn.abs_diff(expected) <= slack,
                    "{balance:?}: {drawn}, expected {expected}"
                );
            }
        }
    }
}
