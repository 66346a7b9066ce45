//! The methods at work on a network and its input, before films, labels and files come in.

use std::convert::Infallible;

use burn::tensor::{Device, Tensor, TensorData};

use super::cam::{eigen_cam, grad_cam, grad_cam_plus_plus, hi_res_cam};
use super::method::Needs;
use super::perturbed::{occlusion, rise};
use super::scores::PixelScores;
use super::{Evidence, ExplainError, ExplainSettings, Grid, Method};
use plainfilm_model::networks::{NamedTensor, Network, NetworkSettings};

/// Films that go through the network together.
const BATCH: usize = 16;

/// A network that can be asked for scores, and for gradients of them.
///
/// It holds the weights twice: without gradients, where everything before the layer that is looked at is
/// computed the way prediction computes it, and with them.
#[derive(Debug)]
pub struct Attribution {
    network: Network,
    tracked: Network,
    device: Device,
    settings: ExplainSettings,
    /// Layers from the film to the maps that are looked at.
    layers: usize,
    grid: Grid,
}

/// The maps of a batch and where they lead to.
pub(super) struct Scored {
    /// `channels * cells` values a film.
    maps: Vec<f32>,
    channels: usize,
    /// One a label for each film.
    pub logits: Vec<Vec<f32>>,
    /// The maps once more, tracked, with the logits made from them.
    recorded: Option<(Tensor<4>, Tensor<2>)>,
}

impl Attribution {
    /// A network of these settings with these weights.
    ///
    /// # Errors
    ///
    /// When the tensors are not the network's, a setting is outside its range, or the network has no stage of the name.
    pub fn new(
        network: &NetworkSettings,
        tensors: &[NamedTensor],
        settings: &ExplainSettings,
        device: &Device,
    ) -> Result<Self, ExplainError> {
        settings.check()?;
        let plain = Network::from_state_dict(network, tensors, device)?;
        let tracked = Network::from_state_dict(network, tensors, &device.clone().autodiff())?;
        let layers = layers_up_to(&plain, settings.stage.as_deref())?;
        let [_, side, _] = plain
            .map_shape(layers)
            .expect("a stage of the backbone ends in maps");
        let grid = if settings.stretched {
            Grid::stretched(side, network.size)
        } else {
            Grid::of_layers(plain.plan().layers().take(layers), side)
        };
        Ok(Self {
            network: plain,
            tracked: tracked.for_gradients(),
            device: device.clone(),
            settings: settings.clone(),
            layers,
            grid,
        })
    }

    /// The settings that the network was made with.
    pub fn network(&self) -> &NetworkSettings {
        self.network.settings()
    }

    pub(super) fn weights(&self) -> &Network {
        &self.network
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// How maps are made.
    pub fn settings(&self) -> &ExplainSettings {
        &self.settings
    }

    /// Values of one film, `channels * size * size`.
    pub fn film_len(&self) -> usize {
        let NetworkSettings { channels, size, .. } = self.network.settings();
        channels * size * size
    }

    /// The logits of films, one row each. `pixels` holds whole films as the network is shown them.
    pub fn logits(&self, pixels: &[f32]) -> Vec<Vec<f32>> {
        pixels
            .chunks(BATCH * self.film_len())
            .flat_map(|pixels| {
                let films = self.films(pixels, &self.device);
                rows(self.network.forward(films))
            })
            .collect()
    }

    /// Evidence for a label on each of some films; `labels` has one index a film.
    ///
    /// # Panics
    ///
    /// When `pixels` are not as many films as there are labels, or a label is not the network's.
    pub fn evidence(&self, method: Method, pixels: &[f32], labels: &[usize]) -> Vec<Evidence> {
        assert_eq!(
            pixels.len(),
            labels.len() * self.film_len(),
            "one label for each film"
        );
        let films = pixels.chunks(BATCH * self.film_len());
        films
            .zip(labels.chunks(BATCH))
            .flat_map(|(pixels, labels)| match method.needs() {
                Needs::Maps | Needs::MapGradients => {
                    let mut scored = self.look(pixels, method.needs() == Needs::MapGradients);
                    self.cams(&[method], &mut scored, labels).remove(0)
                }
                Needs::PixelGradients | Needs::Scores => pixels
                    .chunks_exact(self.film_len())
                    .zip(labels)
                    .map(|(film, &label)| self.evidence_by_film(method, film, label))
                    .collect(),
            })
            .collect()
    }

    /// Evidence on one film by a method that looks at the film again and again.
    pub(super) fn evidence_by_film(&self, method: Method, film: &[f32], label: usize) -> Evidence {
        match method {
            Method::IntegratedGradients => self.integrated_gradients(film, label).evidence,
            Method::SmoothIntegratedGradients => self.smooth_integrated_gradients(film, label),
            Method::Occlusion => {
                let Ok(evidence) = occlusion(self, film, label);
                evidence
            }
            Method::Rise => {
                let Ok(evidence) = rise(self, film, label);
                evidence
            }
            Method::GradCam | Method::GradCamPlusPlus | Method::HiResCam | Method::EigenCam => {
                self.evidence(method, film, &[label]).remove(0)
            }
        }
    }

    /// Films through the network, recorded from the maps on where gradients are wanted.
    pub(super) fn look(&self, pixels: &[f32], gradients: bool) -> Scored {
        let films = self.films(pixels, &self.device);
        let maps = self.network.features_up_to(films, self.layers);
        let channels = maps.dims()[1];
        let (logits, recorded) = if gradients {
            let leaf = maps.clone().autodiff().require_grad();
            let logits = self.tracked.forward_from(leaf.clone(), self.layers);
            (rows(logits.clone().inner()), Some((leaf, logits)))
        } else {
            (
                rows(self.network.forward_from(maps.clone(), self.layers)),
                None,
            )
        };
        Scored {
            maps: values(maps),
            channels,
            logits,
            recorded,
        }
    }

    /// The maps of each method, for each of the films that were looked at. Methods that need gradients want
    /// them recorded; those that are no class activation maps are not for here.
    pub(super) fn cams(
        &self,
        methods: &[Method],
        scored: &mut Scored,
        labels: &[usize],
    ) -> Vec<Vec<Evidence>> {
        let cells = self.grid.side * self.grid.side;
        let gradients = scored.recorded.take().map(|(leaf, logits)| {
            let mut gradients = chosen(&logits, labels).backward();
            let gradient = leaf
                .grad_remove(&mut gradients)
                .expect("logits depend on the maps that they are made from");
            values(gradient)
        });
        let length = scored.channels * cells;
        let of_film = |method: Method, film: usize| {
            let maps = &scored.maps[film * length..][..length];
            let gradients = || {
                let gradients = gradients.as_ref().expect("gradients were recorded");
                &gradients[film * length..][..length]
            };
            let values = match method {
                Method::GradCam => grad_cam(maps, gradients(), cells),
                Method::GradCamPlusPlus => grad_cam_plus_plus(maps, gradients(), cells),
                Method::HiResCam => hi_res_cam(maps, gradients(), cells),
                Method::EigenCam => eigen_cam(maps, cells),
                _ => unreachable!("{method} is no class activation map"),
            };
            Evidence {
                grid: self.grid,
                values,
            }
        };
        methods
            .iter()
            .map(|&method| {
                (0..labels.len())
                    .map(|film| of_film(method, film))
                    .collect()
            })
            .collect()
    }

    /// The gradient of a label's logit for the pixels of each film, and the logits.
    pub(super) fn pixel_gradients(&self, pixels: &[f32], label: usize) -> (Vec<f32>, Vec<f32>) {
        let mut gradients = Vec::with_capacity(pixels.len());
        let mut scores = vec![];
        for pixels in pixels.chunks(BATCH * self.film_len()) {
            let device = self.device.clone().autodiff();
            let films = self.films(pixels, &device).require_grad();
            let logits = self.tracked.forward(films.clone());
            scores.extend(rows(logits.clone().inner()).iter().map(|row| row[label]));
            let labels = vec![label; pixels.len() / self.film_len()];
            let mut found = chosen(&logits, &labels).backward();
            let gradient = films
                .grad_remove(&mut found)
                .expect("logits depend on the films that they are made from");
            gradients.extend(values(gradient));
        }
        (gradients, scores)
    }

    fn films(&self, pixels: &[f32], device: &Device) -> Tensor<4> {
        let &NetworkSettings { channels, size, .. } = self.network.settings();
        let shape = [pixels.len() / self.film_len(), channels, size, size];
        Tensor::from_data(TensorData::new(pixels.to_vec(), shape), device)
    }
}

impl PixelScores for Attribution {
    type Error = Infallible;

    fn size(&self) -> usize {
        self.network.settings().size
    }

    fn settings(&self) -> &ExplainSettings {
        &self.settings
    }

    fn scores(&self, pixels: &[f32]) -> Result<Vec<Vec<f32>>, Infallible> {
        Ok(self.logits(pixels))
    }
}

/// How many layers lead to the end of a stage, or of the backbone.
fn layers_up_to(network: &Network, stage: Option<&str>) -> Result<usize, ExplainError> {
    let plan = network.plan();
    let Some(name) = stage else {
        return Ok(plan.features.len());
    };
    let position = plan.stages.iter().position(|stage| stage.name == name);
    let position = position.ok_or_else(|| ExplainError::UnknownStage {
        found: name.to_owned(),
        expected: plan
            .stages
            .iter()
            .map(|stage| stage.name.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    })?;
    let next = plan.stages.get(position + 1);
    Ok(next.map_or(plan.features.len(), |stage| stage.first_layer))
}

/// The sum of each film's own label's logit: films do not meet in a network that predicts, so its
/// gradient holds that of each.
fn chosen(logits: &Tensor<2>, labels: &[usize]) -> Tensor<1> {
    let [films, classes] = logits.dims();
    let mut mask = vec![0.0_f32; films * classes];
    for (row, &label) in mask.chunks_exact_mut(classes).zip(labels) {
        row[label] = 1.0;
    }
    let mask = Tensor::<2>::from_data(TensorData::new(mask, [films, classes]), &logits.device());
    (logits.clone() * mask).sum()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data()
        .try_into_vec::<f32>()
        .expect("networks compute in 32-bit floats on every device we offer")
}

fn rows(logits: Tensor<2>) -> Vec<Vec<f32>> {
    let classes = logits.dims()[1];
    values(logits)
        .chunks_exact(classes)
        .map(<[f32]>::to_vec)
        .collect()
}
