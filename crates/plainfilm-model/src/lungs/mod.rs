//! Finding the lungs on a film, with a small network that comes with the program.
//!
//! What lies outside the lungs (markers, collimation, arms, tubes of another hospital) tells a
//! network where a film comes from. A crop to the lungs takes most of that away, and a mask says
//! how much of an explanation lies on the lungs at all.
//!
//! People who draw lungs do not agree on where they end ([`Outline`]), so the network draws both: it was
//! fitted to films of adults, children and patients with Covid-19, each with the outline it came with.
//! `docs/elsewhere.md` says how well it does on patients it never saw. It runs on the CPU.

mod mask;
mod network;
mod weights;

use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData, activation::sigmoid};

pub use mask::Mask;
pub use network::LungNetwork;
pub use weights::{read_network, write_network};

use crate::likeness::{FACTS, FoundLungs, facts};
use plainfilm_film::radiograph::{
    Fit, Histogram, Inversion, LungBox, LungFinder, NoLungs, Plane, Preprocessing, Radiograph,
};

/// Side of the grid that lungs are found on, in pixels.
pub const SIZE: usize = 128;

/// Trained by `benches/elsewhere/lungs.sh`.
static BYTES: &[u8] = include_bytes!("../../models/lungs.safetensors");

/// What counts as lung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outline {
    /// The lung fields alone, without the shadows of heart and diaphragm, as SCR draws them (van Ginneken,
    /// Stegmann & Loog, Med Image Anal 2006).
    WithoutHeart,
    /// The lungs up to the spine and behind most of the heart, as v7labs draws them: what the program
    /// calls lungs wherever nothing else is said.
    WithHeart,
}

impl Outline {
    /// How many there are: the network's maps, in the order of the variants.
    pub const COUNT: usize = 2;

    /// The network's map that draws it.
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Why lungs cannot be learnt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LungsError {
    /// A file of weights that does not fit the network, or weights that fit no file.
    #[error("weights of the lung network: {reason}")]
    Weights {
        /// What was expected and found.
        reason: String,
    },
    /// Nothing to learn from.
    #[error("expected films with lung masks to learn from, found none")]
    NoFilms,
}

/// Where the lungs are on a film.
pub fn segment(film: &Radiograph) -> Mask {
    segment_stored(film, Inversion::None)
}

/// [`segment`] for a film that may be stored with black and white changed over.
pub(crate) fn segment_stored(film: &Radiograph, inversion: Inversion) -> Mask {
    thread_local! {
        // One for each thread: layers keep packed weights that threads cannot share.
        static NETWORK: LungNetwork = read_network(BYTES, &Device::default())
            .expect("this build's own weights fit, as a test makes sure");
    }
    let settings = Preprocessing {
        inversion,
        ..input_settings()
    };
    let plane = settings.plane(film, &NoLungs);
    NETWORK.with(|network| probabilities(network, &[plane], Outline::WithHeart).remove(0))
}

/// The facts of a film (see [`likeness`](crate::likeness)), with the lungs that the bundled network finds.
#[must_use]
pub fn film_facts(film: &Radiograph, inversion: Inversion) -> [f32; FACTS.len()] {
    LungsOfOneFilm::default().facts(film, inversion)
}

/// The bundled lung network for one film, which it looks at once however often its lungs are asked for.
#[derive(Debug, Default)]
pub(crate) struct LungsOfOneFilm(OnceLock<Mask>);

impl LungsOfOneFilm {
    fn mask(&self, film: &Radiograph, inversion: Inversion) -> &Mask {
        self.0.get_or_init(|| segment_stored(film, inversion))
    }

    /// See [`film_facts`]. The film and its inversion have to be the same in every call.
    pub(crate) fn facts(&self, film: &Radiograph, inversion: Inversion) -> [f32; FACTS.len()] {
        let mask = self.mask(film, inversion);
        let found = FoundLungs {
            probabilities: &mask.values,
            bounds: mask.lung_box(),
        };
        facts(film, found)
    }
}

impl LungFinder for LungsOfOneFilm {
    fn lung_box(&self, film: &Radiograph, inversion: Inversion) -> Option<LungBox> {
        self.mask(film, inversion).lung_box()
    }
}

/// The bundled lung network, as preprocessing asks for it.
#[derive(Debug, Clone, Copy, Default)]
pub struct BundledLungs;

impl LungFinder for BundledLungs {
    fn lung_box(&self, film: &Radiograph, inversion: Inversion) -> Option<LungBox> {
        segment_stored(film, inversion).lung_box()
    }
}

/// How films reach the network: the whole film squashed to a square, its histogram equalised.
pub fn input_settings() -> Preprocessing {
    Preprocessing {
        fit: Fit::Squash,
        size: SIZE,
        channels: 1,
        histogram: Histogram::Equalised,
        ..Preprocessing::default()
    }
}

/// The films as one tensor `[films, 1, 128, 128]`.
pub fn batch(planes: &[Plane], device: &Device) -> Tensor<4> {
    let settings = input_settings();
    let mut pixels = vec![0.0; planes.len() * settings.tensor_len()];
    for (plane, target) in planes
        .iter()
        .zip(pixels.chunks_exact_mut(settings.tensor_len()))
    {
        settings.write_tensor(plane, target);
    }
    let shape = [planes.len(), 1, SIZE, SIZE];
    // Ranks have a mean of one half.
    Tensor::from_data(TensorData::new(pixels, shape), device) - 0.5
}

/// The probability of lung (`0..=1`), by an outline, at each pixel of each film.
pub fn probabilities(network: &LungNetwork, planes: &[Plane], outline: Outline) -> Vec<Mask> {
    let logits = network.forward(batch(planes, &Device::default()));
    let of_outline = logits.narrow(1, outline.index(), 1);
    let values: Vec<f32> = sigmoid(of_outline).into_data().iter::<f32>().collect();
    values
        .chunks_exact(SIZE * SIZE)
        .map(|values| Mask {
            values: values.to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_of_this_build_fit_and_are_small() {
        assert!(BYTES.len() < 500_000, "{} bytes", BYTES.len());
        assert!(read_network(BYTES, &Device::default()).is_ok());
    }
}
