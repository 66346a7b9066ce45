//! Fitting a small network, from weights at random, to what a larger one makes of films: no labels are needed.
//!
//! The larger network's features are numbers that a layer puts out for a film; the small one learns to put them
//! out for the same film, changed in the same way (Romero et al., FitNets, ICLR 2015, with the last layer as the
//! hint).

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::augment::Augmentation;
use super::error::TrainError;
use super::{OptimiserSettings, Position, Schedule};
use plainfilm_film::radiograph::{Plane, Preprocessing};
use plainfilm_model::networks::{NamedTensor, Network, NetworkSettings, state_dict};
use plainfilm_seed as seed;

/// How the small network is fitted.
#[derive(Debug, Clone)]
pub struct DistilSettings {
    /// The small network: one output for each number of a target.
    pub network: NetworkSettings,
    /// How its films become tensors.
    pub preprocessing: Preprocessing,
    /// How views differ from the film.
    pub augmentation: Augmentation,
    /// Views a film: the film itself, then changed ones.
    pub views: usize,
    /// Passes over the films, each with another view.
    pub epochs: usize,
    /// Films a step.
    pub batch: usize,
    /// Seed of every draw.
    pub seed: u64,
    /// The rule that turns gradients into steps.
    pub optimiser: OptimiserSettings,
    /// The learning rate over time.
    pub schedule: Schedule,
}

/// A film as it is (view 0) or changed: a function of its arguments, so that both networks are shown the same.
#[must_use]
pub fn view(
    augmentation: &Augmentation,
    plane: &Plane,
    seed: u64,
    film: usize,
    view: usize,
) -> Plane {
    match view {
        0 => plane.clone(),
        _ => {
            let mut draws = seed::generator(seed, "view to distil", &[view as u64, film as u64]);
            augmentation.apply(plane, &mut draws)
        }
    }
}

/// Fits the network to `targets`, one row of the network's outputs for each film and view: `target(film, view)`.
/// `progress` is told each epoch's number, from 1, and its mean squared error.
///
/// # Errors
///
/// When the settings ask for a network that cannot be, or the loss is not finite.
pub fn distil<'t>(
    planes: &[Plane],
    settings: &DistilSettings,
    target: &(dyn Fn(usize, usize) -> &'t [f32] + Sync),
    progress: &mut dyn FnMut(usize, f64),
) -> Result<Vec<NamedTensor>, TrainError> {
    let device = Device::default().autodiff();
    let mut network = Network::new(&settings.network, settings.seed, &device)?;
    let mut optimiser = settings.optimiser.init();
    let steps = planes.len().div_ceil(settings.batch);
    let length = settings.preprocessing.tensor_len();
    for epoch in 0..settings.epochs {
        let mut order: Vec<usize> = (0..planes.len()).collect();
        order.shuffle(&mut seed::generator(
            settings.seed,
            "order of films to distil",
            &[epoch as u64],
        ));
        let mut sum = 0.0;
        for (step, films) in order.chunks(settings.batch).enumerate() {
            // Films take turns with their views, each beginning elsewhere.
            let views: Vec<usize> = films
                .iter()
                .map(|film| (epoch + film) % settings.views.max(1))
                .collect();
            let mut pixels = vec![0.0; films.len() * length];
            pixels
                .par_chunks_mut(length)
                .zip(films.par_iter().zip(&views))
                .for_each(|(pixels, (&film, &index))| {
                    let plane = view(
                        &settings.augmentation,
                        &planes[film],
                        settings.seed,
                        film,
                        index,
                    );
                    settings.preprocessing.write_tensor(&plane, pixels);
                });
            let NetworkSettings {
                channels,
                size,
                classes,
                ..
            } = settings.network;
            let shape = [films.len(), channels, size, size];
            let input = Tensor::<4>::from_data(TensorData::new(pixels, shape), &device);
            let wanted: Vec<f32> = films
                .iter()
                .zip(&views)
                .flat_map(|(&film, &view)| target(film, view).iter().copied())
                .collect();
            let wanted = TensorData::new(wanted, [films.len(), classes]);
            let wanted = Tensor::<2>::from_data(wanted, &device);
            let value = (network.forward(input) - wanted).powf_scalar(2.0).mean();
            let number: f32 = value.clone().into_scalar();
            let position = Position {
                step: epoch * steps + step,
                total_steps: settings.epochs * steps,
                epoch,
                validation_losses: &[],
            };
            let rate = settings
                .schedule
                .rate(settings.optimiser.learning_rate, position);
            if !number.is_finite() {
                return Err(TrainError::NotFinite {
                    loss: number,
                    epoch: epoch + 1,
                    step: step + 1,
                    rate,
                    films: format!("{films:?}"),
                });
            }
            sum += f64::from(number) * films.len() as f64;
            let gradients = GradientsParams::from_grads(value.backward(), &network);
            network = optimiser.step(rate, network, gradients);
        }
        progress(epoch + 1, sum / planes.len().max(1) as f64);
    }
    Ok(state_dict(&network))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OptimiserKind;
    use plainfilm_model::networks::{Architecture, Head};

    #[test]
    fn a_small_network_learns_what_another_says_and_repeats() {
        let size = 32;
        let planes: Vec<Plane> = (0..12)
            .map(|film| Plane {
                size,
                values: (0..size * size)
                    .map(|at| {
                        if (at / size) * 12 < (film + 1) * size {
                            0.9
                        } else {
                            0.1
                        }
                    })
                    .collect(),
            })
            .collect();
        let targets: Vec<[f32; 2]> = (0..12).map(|film| [film as f32 / 6.0 - 1.0, 0.5]).collect();
        let settings = DistilSettings {
            network: NetworkSettings {
                size,
                channels: 1,
                head: Head::Linear,
                ..NetworkSettings::published(Architecture::DarkCovidNet, 2)
            },
            preprocessing: Preprocessing {
                size,
                channels: 1,
                ..Preprocessing::default()
            },
            augmentation: Augmentation::default(),
            views: 2,
            epochs: 30,
            batch: 4,
            seed: 3,
            optimiser: OptimiserSettings {
                kind: OptimiserKind::AdamW,
                learning_rate: 3e-3,
                beta_1: 0.9,
                beta_2: 0.99,
                epsilon: 1e-8,
                weight_decay: 1e-2,
            },
            schedule: Schedule::OneCycle { warm_up: 0.2 },
        };
        let run = || {
            let mut losses = vec![];
            let target = |film: usize, _: usize| targets[film].as_slice();
            let tensors = distil(&planes, &settings, &target, &mut |_, loss| {
                losses.push(loss)
            });
            (tensors.unwrap(), losses)
        };
        let (tensors, losses) = run();
        assert!(losses[29] < 0.3 * losses[0], "{losses:?}");
        assert_eq!(run().0, tensors);
    }
}
