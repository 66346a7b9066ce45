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
mod label_null;
mod lung_share;
mod map_files;
mod mean;
mod method;
mod perturbed;
mod road;
mod scores;
mod settings;

use burn::tensor::Device;

pub use attribution::Attribution;
pub use error::ExplainError;
pub use evidence::{Evidence, FilmEvidence, Grid};
pub use faithfulness::{CheckDepth, MethodCheck, Randomised, TOO_ALIKE};
pub use films::{FilmExplanation, FilmToExplain};
pub use integrated::IntegratedGradients;
pub use label_null::LabelNull;
pub use lung_share::{
    ExplainedFilm, LungFigures, LungMask, LungShare, LungSummary, MaskOrigin, lung_share, summarise,
};
pub use map_files::{npy, tiff};
pub use mean::MeanEvidence;
pub use method::Method;
pub use settings::ExplainSettings;

use method::Needs;
use perturbed::{occlusion, rise};
use plainfilm_film::radiograph::Plane;
use plainfilm_model::bundle::ModelFile;
use plainfilm_model::predict::{Predictor, Usage};
use scores::{OutsideModel, PixelScores};

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

/// A trained model, ready to say where it looked.
#[derive(Debug)]
pub struct Explainer {
    model: Model,
    usage: Usage,
}

#[derive(Debug)]
enum Model {
    /// A network of ours, with all that is within.
    Network(Box<Attribution>),
    /// Anything that gives probabilities.
    Outside(Box<OutsideModel>),
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
        let attribution = Attribution::new(&header.network, &file.tensors, settings, device)?;
        Ok(Self {
            model: Model::Network(Box::new(attribution)),
            usage: Usage::from(header),
        })
    }

    /// Of a model whose probabilities are all that it shows: [`Method::of_probabilities`] are the methods for it.
    ///
    /// # Errors
    ///
    /// When a setting is outside its range.
    pub fn of_probabilities(
        predictor: Predictor,
        settings: &ExplainSettings,
    ) -> Result<Self, ExplainError> {
        let usage = predictor.usage().clone();
        Ok(Self {
            model: Model::Outside(Box::new(OutsideModel::new(predictor, settings)?)),
            usage,
        })
    }

    /// The labels, what films go through before, and how outputs become answers.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// How maps are made.
    pub fn settings(&self) -> &ExplainSettings {
        match &self.model {
            Model::Network(attribution) => attribution.settings(),
            Model::Outside(model) => model.settings(),
        }
    }

    /// Refuses the first of the methods that the model cannot be explained by.
    ///
    /// # Errors
    ///
    /// [`ExplainError::NeedsNetwork`].
    pub fn check_methods(&self, methods: &[Method]) -> Result<(), ExplainError> {
        let needs_network = |method: &&Method| method.needs() != Needs::Scores;
        match (&self.model, methods.iter().find(needs_network)) {
            (Model::Outside(_), Some(&method)) => Err(ExplainError::NeedsNetwork { method }),
            _ => Ok(()),
        }
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
        let labels = &self.usage.labels;
        let found = labels.iter().position(|label| label == name);
        found
            .map(Target::Label)
            .ok_or_else(|| ExplainError::UnknownLabel {
                found: name.to_owned(),
                expected: labels.join(", "),
            })
    }

    /// What the model says about each film and where it looked, by each of the methods.
    ///
    /// # Errors
    ///
    /// Never of a network of ours; else when the model fails, or a method is not for it.
    pub fn explain(
        &self,
        planes: &[Plane],
        target: Target,
        methods: &[Method],
    ) -> Result<Vec<Explained>, ExplainError> {
        self.check_methods(methods)?;
        let mut explained = Vec::with_capacity(planes.len());
        for planes in planes.chunks(BATCH) {
            let pixels = self.pixels(planes);
            explained.extend(match &self.model {
                Model::Network(attribution) => {
                    self.by_network(attribution, &pixels, target, methods)
                }
                Model::Outside(model) => self.by_probabilities(model, &pixels, target, methods)?,
            });
        }
        Ok(explained)
    }

    /// Films as methods change them, one after another: as a network is shown them, or, of a model that shows
    /// nothing within, before scaling.
    pub fn pixels(&self, planes: &[Plane]) -> Vec<f32> {
        match &self.model {
            Model::Network(_) => self.usage.preprocessing.tensors(planes),
            Model::Outside(_) => planes
                .iter()
                .flat_map(|plane| plane.values.iter().copied())
                .collect(),
        }
    }

    fn by_network(
        &self,
        attribution: &Attribution,
        pixels: &[f32],
        target: Target,
        methods: &[Method],
    ) -> Vec<Explained> {
        let of_maps: Vec<Method> = methods
            .iter()
            .copied()
            .filter(|method| matches!(method.needs(), Needs::Maps | Needs::MapGradients))
            .collect();
        let gradients = of_maps
            .iter()
            .any(|method| method.needs() == Needs::MapGradients);
        let mut scored = attribution.look(pixels, gradients);
        let mut films: Vec<Explained> = scored
            .logits
            .iter()
            .map(|logits| self.unexplained(self.usage.calibrated(logits), target, methods))
            .collect();
        let labels: Vec<usize> = films.iter().map(|film| film.label).collect();
        let mut cams = attribution.cams(&of_maps, &mut scored, &labels).into_iter();
        for &method in methods {
            let maps: Vec<Evidence> = if of_maps.contains(&method) {
                cams.next()
                    .expect("one list of maps for each of these methods")
            } else {
                pixels
                    .chunks_exact(attribution.film_len())
                    .zip(&labels)
                    .map(|(film, &label)| attribution.evidence_by_film(method, film, label))
                    .collect()
            };
            for (film, map) in films.iter_mut().zip(maps) {
                film.evidence.push(map);
            }
        }
        films
    }

    fn by_probabilities(
        &self,
        model: &OutsideModel,
        pixels: &[f32],
        target: Target,
        methods: &[Method],
    ) -> Result<Vec<Explained>, ExplainError> {
        let rows = model.probabilities(pixels)?;
        let films = pixels.chunks_exact(self.film_len());
        rows.into_iter()
            .zip(films)
            .map(|(probabilities, film)| {
                let mut explained = self.unexplained(probabilities, target, methods);
                for &method in methods {
                    let evidence = outside_evidence(model, method, film, explained.label)?;
                    explained.evidence.push(evidence);
                }
                Ok(explained)
            })
            .collect()
    }

    /// A film without maps so far.
    fn unexplained(
        &self,
        probabilities: Vec<f64>,
        target: Target,
        methods: &[Method],
    ) -> Explained {
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
    }

    /// Values of one film, as [`Self::pixels`] has it.
    fn film_len(&self) -> usize {
        match &self.model {
            Model::Network(attribution) => attribution.film_len(),
            Model::Outside(model) => model.size() * model.size(),
        }
    }

    /// Calibrated probabilities of films, as [`Self::pixels`] has them.
    fn probabilities(&self, pixels: &[f32]) -> Result<Vec<Vec<f64>>, ExplainError> {
        match &self.model {
            Model::Network(attribution) => {
                let logits = attribution.logits(pixels);
                Ok(logits
                    .iter()
                    .map(|logits| self.usage.calibrated(logits))
                    .collect())
            }
            Model::Outside(model) => Ok(model.probabilities(pixels)?),
        }
    }
}

/// Evidence on one film from a model that shows its probabilities alone.
fn outside_evidence(
    model: &OutsideModel,
    method: Method,
    film: &[f32],
    label: usize,
) -> Result<Evidence, ExplainError> {
    Ok(match method {
        Method::Rise => rise(model, film, label)?,
        Method::Occlusion => occlusion(model, film, label)?,
        _ => return Err(ExplainError::NeedsNetwork { method }),
    })
}
