//! Where did the network look? Maps of the evidence for a label, how much of it lies on the lungs, and
//! whether the maps themselves can be believed.
//!
//! A map shows which places of a film a network's score depends on, not why, and not whether the network
//! is right. Methods disagree; [`Explainer::check`] says which of them follow this network.
//!
//! [`Explainer`] turns films into [`Explained`] ones; [`lung_share()`] compares their evidence with the lungs.

mod attribution;
mod cam;
mod error;
mod evidence;
mod faithfulness;
mod films;
mod integrated;
mod lung_share;
mod map_files;
mod mean;
mod method;
mod perturbed;
mod road;
mod settings;

use burn::tensor::Device;

pub use attribution::Attribution;
pub use error::ExplainError;
pub use evidence::{Evidence, FilmEvidence, Grid};
pub use faithfulness::{CheckDepth, MethodCheck, Randomised, TOO_ALIKE};
pub use films::{FilmExplanation, FilmToExplain};
pub use integrated::IntegratedGradients;
pub use lung_share::{
    ExplainedFilm, LungFigures, LungMask, LungShare, LungSummary, MaskOrigin, lung_share, summarise,
};
pub use map_files::{npy, tiff};
pub use mean::MeanEvidence;
pub use method::Method;
pub use settings::ExplainSettings;

use method::Needs;
use plainfilm_film::radiograph::Plane;
use plainfilm_model::bundle::{ModelFile, ModelHeader};
use plainfilm_model::predict::Usage;

/// Films that are looked at together.
const BATCH: usize = 16;

/// The label that evidence is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The one that the model predicts.
    Predicted,
    /// The one with this index.
    Label(usize),
}

/// A trained network, ready to say where it looked.
#[derive(Debug)]
pub struct Explainer {
    attribution: Attribution,
    header: ModelHeader,
    usage: Usage,
}

/// What a network said about a film, and where it looked.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// One a label, in label order.
    pub probabilities: Vec<f64>,
    /// Index of the label that the model's threshold gives these probabilities.
    pub predicted: usize,
    /// Index of the label that the evidence is for.
    pub label: usize,
    /// One map a method, in the order in which methods were asked for.
    pub evidence: Vec<Evidence>,
}

impl Explainer {
    /// Puts the network of a model file on a device.
    ///
    /// # Errors
    ///
    /// When the file's tensors are not those of its architecture, or a setting does not fit it.
    pub fn new(
        file: &ModelFile,
        settings: &ExplainSettings,
        device: &Device,
    ) -> Result<Self, ExplainError> {
        let header = &file.header;
        Ok(Self {
            attribution: Attribution::new(&header.network, &file.tensors, settings, device)?,
            header: header.clone(),
            usage: Usage::from(header),
        })
    }

    /// What the model file says about itself.
    pub fn header(&self) -> &ModelHeader {
        &self.header
    }

    /// How its outputs become answers.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The network with its methods.
    pub fn attribution(&self) -> &Attribution {
        &self.attribution
    }

    /// The label of this name, or the predicted one where none is named.
    ///
    /// # Errors
    ///
    /// [`ExplainError::UnknownLabel`].
    pub fn target(&self, name: Option<&str>) -> Result<Target, ExplainError> {
        let Some(name) = name else {
            return Ok(Target::Predicted);
        };
        let labels = &self.header.labels;
        let found = labels.iter().position(|label| label == name);
        found
            .map(Target::Label)
            .ok_or_else(|| ExplainError::UnknownLabel {
                found: name.to_owned(),
                expected: labels.join(", "),
            })
    }

    /// What the network says about each film and where it looked, by each of the methods.
    pub fn explain(&self, planes: &[Plane], target: Target, methods: &[Method]) -> Vec<Explained> {
        planes
            .chunks(BATCH)
            .flat_map(|planes| self.explain_batch(&self.pixels(planes), target, methods))
            .collect()
    }

    /// Films as the network is shown them, one after another.
    pub fn pixels(&self, planes: &[Plane]) -> Vec<f32> {
        self.header.preprocessing.tensors(planes)
    }

    fn explain_batch(&self, pixels: &[f32], target: Target, methods: &[Method]) -> Vec<Explained> {
        let of_maps: Vec<Method> = methods
            .iter()
            .copied()
            .filter(|method| matches!(method.needs(), Needs::Maps | Needs::MapGradients))
            .collect();
        let gradients = of_maps
            .iter()
            .any(|method| method.needs() == Needs::MapGradients);
        let mut scored = self.attribution.look(pixels, gradients);
        let mut films: Vec<Explained> = scored
            .logits
            .iter()
            .map(|logits| {
                let probabilities = self.probabilities(logits);
                let predicted = self.usage.label(&probabilities);
                Explained {
                    probabilities,
                    predicted,
                    label: match target {
                        Target::Predicted => predicted,
                        Target::Label(label) => label,
                    },
                    evidence: Vec::with_capacity(methods.len()),
                }
            })
            .collect();
        let labels: Vec<usize> = films.iter().map(|film| film.label).collect();
        let mut cams = self
            .attribution
            .cams(&of_maps, &mut scored, &labels)
            .into_iter();
        for &method in methods {
            let maps: Vec<Evidence> = if of_maps.contains(&method) {
                cams.next()
                    .expect("one list of maps for each of these methods")
            } else {
                pixels
                    .chunks_exact(self.attribution.film_len())
                    .zip(&labels)
                    .map(|(film, &label)| self.attribution.evidence_by_film(method, film, label))
                    .collect()
            };
            for (film, map) in films.iter_mut().zip(maps) {
                film.evidence.push(map);
            }
        }
        films
    }

    /// Calibrated probabilities of a film's logits.
    pub(crate) fn probabilities(&self, logits: &[f32]) -> Vec<f64> {
        self.usage.calibrated(logits)
    }
}
