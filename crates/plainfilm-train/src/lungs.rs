//! Fitting the lung network to films with masks.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData, activation::sigmoid};
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::augment::{Augmentation, Scanner, Transform};
use super::{OptimiserKind, OptimiserSettings, Position, Schedule};
use plainfilm_film::radiograph::{Histogram, NoLungs, Plane, Preprocessing, Radiograph};
use plainfilm_model::lungs::{
    LungNetwork, LungsError, Mask, Outline, SIZE, batch, input_settings, probabilities,
    read_network, write_network,
};
use plainfilm_seed as seed;

/// Films a step.
const BATCH: usize = 8;

/// A film and its mask (white is lung) on the network's grid.
#[derive(Debug, Clone)]
pub struct Pair {
    film: Plane,
    mask: Plane,
    outline: Outline,
}

impl Pair {
    /// Brings both to the grid; they may differ in size, as both are taken to show the whole film.
    pub fn new(film: &Radiograph, mask: &Radiograph, outline: Outline) -> Self {
        let plain = Preprocessing {
            histogram: Histogram::Stored,
            ..input_settings()
        };
        Self {
            film: plain.plane(film, &NoLungs),
            mask: plain.plane(mask, &NoLungs),
            outline,
        }
    }
}

/// What a training gives.
#[derive(Debug, Clone)]
pub struct TrainedLungs {
    /// The weights, as a safetensors file.
    pub file: Vec<u8>,
    /// Dice's coefficient of every held-out film, in their order.
    pub held_out: Vec<f64>,
}

/// Films are changed much more than any hospital would: masks exist for films of a few collections only,
/// and the network must find lungs on all.
fn augmentation() -> Augmentation {
    Augmentation {
        rotation_degrees: 15.0,
        shift_fraction: 0.12,
        zoom: (0.65, 1.3),
        brightness: 0.3,
        contrast: 0.3,
        flip: true,
        scanner: Scanner::STRONG,
    }
}

/// Trains on `films` for so many epochs and measures on `held_out`; `progress` is told each epoch's
/// number, from 1, and mean loss.
///
/// # Errors
///
/// [`LungsError::NoFilms`] without films.
pub fn train(
    films: &[Pair],
    held_out: &[Pair],
    epochs: usize,
    seed: u64,
    progress: &mut dyn FnMut(usize, f64),
) -> Result<TrainedLungs, LungsError> {
    if films.is_empty() {
        return Err(LungsError::NoFilms);
    }
    let device = Device::default().autodiff();
    let settings = OptimiserSettings {
        kind: OptimiserKind::AdamW,
        learning_rate: 4e-3,
        beta_1: 0.9,
        beta_2: 0.99,
        epsilon: 1e-8,
        weight_decay: 1e-2,
    };
    let schedule = Schedule::OneCycle { warm_up: 0.2 };
    let mut optimiser = settings.init();
    let mut network = LungNetwork::new(seed, &device);
    let steps = films.len().div_ceil(BATCH);
    for epoch in 0..epochs {
        let mut order: Vec<usize> = (0..films.len()).collect();
        order.shuffle(&mut seed::generator(
            seed,
            "order of lungs",
            &[epoch as u64],
        ));
        let mut sum = 0.0;
        for (step, indices) in order.chunks(BATCH).enumerate() {
            let changed: Vec<(Plane, Plane)> = indices
                .par_iter()
                .map(|&index| changed(&films[index], seed, epoch, index))
                .collect();
            let (planes, masks): (Vec<_>, Vec<_>) = changed.into_iter().unzip();
            let logits = network.forward(batch(&planes, &device));
            let outlines: Vec<Outline> = indices.iter().map(|&i| films[i].outline).collect();
            let value = loss(logits, &masks, &outlines, &device);
            let number: f32 = value.clone().into_scalar();
            sum += f64::from(number) * indices.len() as f64;
            let rate = schedule.rate(
                settings.learning_rate,
                Position {
                    step: epoch * steps + step,
                    total_steps: epochs * steps,
                    epoch,
                    validation_losses: &[],
                },
            );
            let gradients = GradientsParams::from_grads(value.backward(), &network);
            network = optimiser.step(rate, network, gradients);
        }
        progress(epoch + 1, sum / films.len() as f64);
    }
    let file = write_network(&network.state())?;
    // Measured on what is shipped: the rounded weights.
    let shipped = read_network(&file, &Device::default())?.valid();
    let held_out = held_out
        .iter()
        .map(|pair| {
            dice(
                &probabilities(&shipped, std::slice::from_ref(&pair.film), pair.outline)[0],
                &pair.mask,
            )
        })
        .collect();
    Ok(TrainedLungs { file, held_out })
}

/// Film and mask moved alike; only the film is lit and scanned.
fn changed(pair: &Pair, seed: u64, epoch: usize, index: usize) -> (Plane, Plane) {
    let mut rng = seed::generator(seed, "augment lungs", &[epoch as u64, index as u64]);
    let (transform, change) = augmentation().draw_changes(&mut rng);
    let mut film = transform.apply(&pair.film);
    if let Some(change) = change {
        change.apply(&mut film);
    }
    let moved = Transform {
        brightness: 0.0,
        contrast: 1.0,
        ..transform
    };
    (film, moved.apply(&pair.mask))
}

/// Binary cross-entropy plus one less the soft Dice coefficient, over all pixels of the batch. A film is held
/// against the map of its own outline; the other map learns from other films.
fn loss(logits: Tensor<4>, masks: &[Plane], outlines: &[Outline], device: &Device) -> Tensor<1> {
    let targets: Vec<f32> = masks
        .iter()
        .flat_map(|mask| mask.values.iter().map(|&value| f32::from(value > 0.5)))
        .collect();
    let shape = [masks.len(), 1, SIZE, SIZE];
    let targets = Tensor::<4>::from_data(TensorData::new(targets, shape), device);
    let own: Vec<f32> = outlines
        .iter()
        .flat_map(|outline| (0..Outline::COUNT).map(|map| f32::from(map == outline.index())))
        .collect();
    let shape = [masks.len(), Outline::COUNT, 1, 1];
    let own = Tensor::<4>::from_data(TensorData::new(own, shape), device);
    let logits = (logits * own).sum_dim(1);
    let softened = (logits.clone().abs().neg().exp() + 1.0).log();
    let entropy =
        (logits.clone().clamp_min(0.0) - logits.clone() * targets.clone() + softened).mean();
    let lungs = sigmoid(logits);
    let both = (lungs.clone() * targets.clone()).sum();
    let each = lungs.sum() + targets.sum();
    entropy + 1.0 - (both * 2.0 + 1.0) / (each + 1.0)
}

/// Dice's coefficient (1945) of a mask and the truth (a plane of the same grid), both cut at one half:
/// twice the overlap over the sum of both areas. 1 where both are empty.
pub fn dice(mask: &Mask, truth: &Plane) -> f64 {
    let (mut both, mut each) = (0_usize, 0_usize);
    for (&found, &true_value) in mask.values.iter().zip(&truth.values) {
        let (found, true_value) = (found > 0.5, true_value > 0.5);
        both += usize::from(found && true_value);
        each += usize::from(found) + usize::from(true_value);
    }
    if each == 0 {
        1.0
    } else {
        2.0 * both as f64 / each as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(index: usize) -> Pair {
        // A dark disc on a bright ground is the "lung".
        let (x0, y0) = (
            44.0 + (index % 3) as f32 * 20.0,
            50.0 + (index / 3) as f32 * 20.0,
        );
        let inside = |index: usize| {
            let (x, y) = ((index % SIZE) as f32, (index / SIZE) as f32);
            (x - x0).powi(2) + (y - y0).powi(2) < 30.0_f32.powi(2)
        };
        let plane = |dark: f32, bright: f32| Plane {
            size: SIZE,
            values: (0..SIZE * SIZE)
                .map(|at| if inside(at) { dark } else { bright })
                .collect(),
        };
        Pair {
            film: plane(0.2, 0.7),
            mask: plane(1.0, 0.0),
            outline: Outline::WithHeart,
        }
    }

    #[test]
    fn dice_by_hand() {
        let mask = |values: [f32; 4]| Mask {
            values: values.to_vec(),
        };
        let truth = |values: [f32; 4]| Plane {
            size: 2,
            values: values.to_vec(),
        };
        for (found, true_values, expected) in [
            ([0.9, 0.9, 0.1, 0.1], [1.0, 0.0, 1.0, 0.0], 0.5),
            ([0.9, 0.9, 0.1, 0.1], [1.0, 1.0, 0.0, 0.0], 1.0),
            ([0.1; 4], [0.0; 4], 1.0),
            ([0.9; 4], [0.0; 4], 0.0),
        ] {
            assert_eq!(dice(&mask(found), &truth(true_values)), expected);
        }
    }

    #[test]
    fn film_and_mask_move_together() {
        let (film, mask) = changed(&pair(0), 1, 0, 0);
        let mean = |lung: bool| {
            let values: Vec<f32> = film
                .values
                .iter()
                .zip(&mask.values)
                .filter(|(_, mask)| (**mask > 0.5) == lung)
                .map(|(value, _)| *value)
                .collect();
            values.iter().sum::<f32>() / values.len() as f32
        };
        assert!(mean(true) < mean(false), "{} {}", mean(true), mean(false));
    }

    #[test]
    fn a_few_epochs_learn_and_repeat() {
        let films: Vec<Pair> = (0..6).map(pair).collect();
        let run = || {
            let mut losses = vec![];
            let trained = train(&films, &films[..1], 8, 1, &mut |_, loss| losses.push(loss));
            (losses, trained.unwrap())
        };
        let (losses, trained) = run();
        assert!(losses[7] < 0.9 * losses[0], "{losses:?}");
        assert!((0.0..=1.0).contains(&trained.held_out[0]));
        assert_eq!(run().1.file, trained.file);
        assert_eq!(
            train(&[], &[], 1, 1, &mut |_, _| {}).unwrap_err(),
            LungsError::NoFilms
        );
    }
}
