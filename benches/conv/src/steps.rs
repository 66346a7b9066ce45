//! Steps over a batch in memory: no films are read.

use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Int, Tensor, activation::log_softmax};
use plainfilm::model::{Architecture, Freeze, ModelError, Network, NetworkSettings};
use plainfilm::train::{TrainDefaults, TrainSettings};

/// Side of the films, in pixels.
pub const SIZE: usize = 224;
/// Labels, and so logits.
pub const CLASSES: usize = 2;

/// The network as it is timed: published, but for the size, and with nothing frozen.
pub fn settings(architecture: Architecture) -> NetworkSettings {
    NetworkSettings {
        size: SIZE,
        freeze: Freeze::None,
        ..NetworkSettings::published(architecture, CLASSES)
    }
}

/// A forward pass as `plainfilm predict` computes it.
pub fn forward(
    architecture: Architecture,
    batch: usize,
    device: &Device,
) -> Result<impl FnMut() + use<>, ModelError> {
    let network = Network::new(&settings(architecture), 0, device)?;
    let films = random_films(batch, device);
    Ok(move || {
        std::hint::black_box(network.forward(films.clone()));
    })
}

/// Forward, cross-entropy, backward, and a step of the optimiser that `plainfilm train` takes by
/// default for the network.
pub fn train_step(
    architecture: Architecture,
    batch: usize,
    device: &Device,
) -> Result<impl FnMut() + use<>, ModelError> {
    let device = device.clone().autodiff();
    let mut network = Some(Network::new(&settings(architecture), 0, &device)?);
    let films = random_films(batch, &device);
    let truth: Vec<i32> = (0..batch).map(|film| (film % CLASSES) as i32).collect();
    let truth = Tensor::<1, Int>::from_ints(truth.as_slice(), &device).unsqueeze_dim::<2>(1);
    let rule = TrainSettings::defaults(TrainDefaults {
        data: "none".into(),
        model: architecture,
        seed: 0,
        threads: rayon::current_num_threads(),
    })
    .optimiser;
    let mut optimiser = rule.init();
    Ok(move || {
        let before = network.take().expect("put back at the end of each step");
        let logits = before.forward(films.clone());
        let loss = -log_softmax(logits, 1).gather(1, truth.clone()).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &before);
        // A small rate: what is timed does not depend on it, and the weights stay finite.
        network = Some(optimiser.step(1e-5, before, gradients));
    })
}

/// Films of random values in 0..1.
pub fn random_films(batch: usize, device: &Device) -> Tensor<4> {
    Tensor::random([batch, 3, SIZE, SIZE], Distribution::Default, device)
}
