//! What the bundled model's backbone sees on a film, for the audit's question whether labels are wrong.

use std::cell::RefCell;

use burn::tensor::Device;

use super::{Predictor, Scorer};
use crate::bundle::{BundleError, ModelFile, bundled};
use crate::lungs::BundledLungs;
use plainfilm_audit::FilmFeatures;
use plainfilm_film::radiograph::Radiograph;

/// The maps before the bundled model's head, averaged: 32-bit floats, as many as its backbone has maps. The backbone
/// was fitted without any label (`models/README.md`), so they know none of the films that it was fitted to; the head,
/// which does, has no part in them.
#[derive(Debug)]
pub struct BundledFeatures {
    file: ModelFile,
}

impl BundledFeatures {
    /// Reads the bundled model.
    ///
    /// # Errors
    ///
    /// When this build's bytes do not fit its networks, which a test rules out.
    pub fn new() -> Result<Self, BundleError> {
        let file = bundled()?;
        // Every thread makes its own of it later, where nothing can be refused any more.
        Predictor::new(&file, &Device::default())?;
        Ok(Self { file })
    }
}

impl FilmFeatures for BundledFeatures {
    fn features(&self, film: &Radiograph) -> Vec<f32> {
        thread_local! {
            // One for each thread: layers keep packed weights that threads cannot share.
            static PREDICTOR: RefCell<Option<Predictor>> = const { RefCell::new(None) };
        }
        PREDICTOR.with(|slot| {
            let mut slot = slot.borrow_mut();
            let predictor = slot.get_or_insert_with(|| {
                Predictor::new(&self.file, &Device::default())
                    .expect("the same file made a network before")
            });
            let plane = predictor.preprocessing().plane(film, &BundledLungs);
            let mut scores = predictor
                .probabilities_and_features(&[plane])
                .expect("a plane of the network's own preprocessing fits it");
            scores.swap_remove(0).features
        })
    }
}
