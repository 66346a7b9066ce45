//! A network that computes: the plan's layers with their weights on a device.

use std::ops::Range;
use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use plainfilm_conv::{ChainCache, ChainLayer, film_by_film, infer_chain};

use super::architecture::Architecture;
use super::blocks::{Growth, MaxPool, NormActivation, Residual};
use super::draws::starting_values;
use super::error::ModelError;
use super::layer_plan::LayerPlan;
use super::layers::{AveragePool, ConvBlock, Dense, Dropout, Supply};
use super::plan::{Placed, Plan};
use super::settings::NetworkSettings;
use super::tensor_plan::TensorPlan;

/// A layer from maps to maps.
#[derive(Module, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a network has some twenty layers, most of them the large one"
)]
enum MapLayer {
    Conv(ConvBlock),
    Norm(NormActivation),
    Residual(Residual),
    Growth(Growth),
    MaxPool(MaxPool),
    AveragePool(AveragePool),
    Dropout(Dropout),
}

impl MapLayer {
    /// `[films, channels, side, side]` to the same with other channels and side.
    fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Conv(block) => block.forward(maps),
            Self::Norm(norm) => norm.forward(maps),
            Self::Residual(block) => block.forward(maps),
            Self::Growth(block) => block.forward(maps),
            Self::MaxPool(pool) => pool.forward(maps),
            Self::AveragePool(pool) => pool.forward(maps),
            Self::Dropout(dropout) => dropout.forward(maps),
        }
    }

    /// The layer in prediction, where it can be run together with others.
    fn chain_layer(&self) -> Option<ChainLayer> {
        match self {
            Self::Conv(block) => Some(ChainLayer::Conv(block.in_chain()?)),
            Self::Norm(norm) => norm.chain_layer(),
            Self::Residual(block) => block.chain_layer(),
            Self::Growth(block) => block.chain_layer(),
            Self::MaxPool(pool) => Some(ChainLayer::MaxPool(pool.windows())),
            Self::AveragePool(pool) => Some(ChainLayer::AveragePool(pool.size)),
            Self::Dropout(_) => None,
        }
    }
}

/// A layer from vectors to vectors.
#[derive(Module, Debug)]
enum VectorLayer {
    Dense(Dense),
    Dropout(Dropout),
}

/// One of the published networks, with weights.
///
/// On a device with `autodiff()` it trains: batch norms use the batch and update their running
/// statistics, dropout drops. `valid()` (from [`Module`]) gives the same network for prediction.
///
/// Cloning shares the running statistics of the batch norms (a property of Burn's
/// `RunningState`): to keep a network as it is while training goes on, keep its
/// [`state_dict`](fn@super::state_dict) or its `valid()`, not its clone.
#[derive(Module, Debug)]
pub struct Network {
    features: Vec<MapLayer>,
    head_maps: Vec<MapLayer>,
    head_vectors: Vec<VectorLayer>,
    #[module(skip)]
    plan: Arc<Plan>,
    #[module(skip)]
    chain: ChainCache,
}

impl Network {
    /// A fresh network. Every tensor's values are a function of the seed and the tensor's name;
    /// [each architecture](super) starts as its own library does.
    ///
    /// # Errors
    ///
    /// When a setting is out of range or the film is too small for the layers.
    pub fn new(settings: &NetworkSettings, seed: u64, device: &Device) -> Result<Self, ModelError> {
        let plan = settings.plan()?;
        let tensors = plan
            .tensors()
            .into_iter()
            .map(|tensor| {
                let values = starting_values(seed, &tensor);
                (tensor, values)
            })
            .collect();
        Ok(Self::from_tensors(plan, tensors, device))
    }

    /// Puts the plan's layers together from its tensors, which have to be in the plan's order.
    pub(crate) fn from_tensors(
        plan: Plan,
        tensors: Vec<(TensorPlan, Vec<f32>)>,
        device: &Device,
    ) -> Self {
        let mut supply = Supply::new(tensors, device);
        let mut dropouts = 0..;
        let mut dropout = |rate, active| {
            let layer = dropouts.next().expect("fewer than 2^64 layers");
            Dropout::new(rate, active, layer, 0)
        };
        let features = map_layers(&plan.features, &mut supply, &mut dropout);
        let head_maps = map_layers(&plan.head, &mut supply, &mut dropout);
        let head_vectors = plan
            .head
            .iter()
            .skip_while(|placed| placed.layer != LayerPlan::Flatten)
            .filter_map(|placed| match &placed.layer {
                LayerPlan::Dense(dense) => Some(VectorLayer::Dense(Dense::new(dense, &mut supply))),
                LayerPlan::Dropout { rate, active } => {
                    Some(VectorLayer::Dropout(dropout(*rate, *active)))
                }
                // The flattening itself; maps come before it.
                _ => None,
            })
            .collect();
        Self {
            features,
            head_maps,
            head_vectors,
            plan: Arc::new(plan),
            chain: ChainCache::default(),
        }
    }

    /// The settings that it was made with.
    pub fn settings(&self) -> &NetworkSettings {
        &self.plan.settings
    }

    /// Which network it is.
    pub fn architecture(&self) -> Architecture {
        self.plan.settings.architecture
    }

    /// Its layers in order.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Fixes the dropout masks of the passes to come.
    ///
    /// Masks are a function of this key and the layer, so a training loop sets a new key (from its
    /// seed and step) before every step; without that, every step drops the same units. Networks
    /// without dropout ignore it.
    pub fn seed_dropout(&mut self, key: u64) {
        for layer in self.features.iter_mut().chain(&mut self.head_maps) {
            if let MapLayer::Dropout(dropout) = layer {
                dropout.seed(key);
            }
        }
        for layer in &mut self.head_vectors {
            if let VectorLayer::Dropout(dropout) = layer {
                dropout.seed(key);
            }
        }
    }

    /// The same network for gradients of what it is shown: on a device with `autodiff()` it computes what it
    /// predicts, batch norms with their running statistics and nothing dropped, and records
    /// gradients of films or maps alone.
    pub fn for_gradients(self) -> Self {
        let mut network = self.freeze();
        for layer in network.features.iter_mut().chain(&mut network.head_maps) {
            if let MapLayer::Dropout(dropout) = layer {
                dropout.switch_off();
            }
        }
        for layer in &mut network.head_vectors {
            if let VectorLayer::Dropout(dropout) = layer {
                dropout.switch_off();
            }
        }
        network
    }

    /// Films `[films, channels, size, size]` to the backbone's maps `[films, maps, side, side]`:
    /// what heat maps weigh and a frozen backbone lets one keep.
    ///
    /// # Panics
    ///
    /// When the films do not have the settings' channels and size.
    pub fn features(&self, films: Tensor<4>) -> Tensor<4> {
        self.features_up_to(films, self.features.len())
    }

    /// The backbone's maps to logits `[films, classes]`.
    pub fn head(&self, maps: Tensor<4>) -> Tensor<2> {
        self.forward_from(maps, self.features.len())
    }

    /// How many of its layers, counted from the film, do the same in training as in prediction: the
    /// frozen ones and the poolings after them, up to where maps become vectors. 0 where the first
    /// layer is trained.
    ///
    /// What [`Self::features_up_to`] makes of a film with that many layers stays the same for a
    /// whole training, so it can be kept and [`Self::forward_from`] go on from it.
    pub fn frozen_prefix(&self) -> usize {
        self.plan.constant_layers()
    }

    /// `[maps, side, side]` after the first `layers` layers; none for 0 layers, or where maps have become
    /// vectors.
    pub fn map_shape(&self, layers: usize) -> Option<[usize; 3]> {
        let last = self.plan.layers().nth(layers.checked_sub(1)?)?;
        last.output.as_slice().try_into().ok()
    }

    /// How many tensors of the state dict belong to the first `layers` layers: they come first.
    pub fn tensors_before(&self, layers: usize) -> usize {
        let layers = self.plan.layers().take(layers);
        layers.map(|placed| placed.layer.tensors().len()).sum()
    }

    /// Films `[films, channels, size, size]` through the first `layers` layers:
    /// `[films, maps, side, side]`. With [`Self::frozen_prefix`] layers on a device with
    /// `autodiff()` no gradient is recorded.
    ///
    /// # Panics
    ///
    /// When the films do not have the settings' channels and size, or when `layers` is more than
    /// there are before maps become vectors.
    pub fn features_up_to(&self, films: Tensor<4>, layers: usize) -> Tensor<4> {
        self.check_films(&films);
        self.check_layers(layers);
        self.through(0..layers, films)
    }

    /// What [`Self::features_up_to`] gave for the same number of layers, to logits
    /// `[films, classes]`.
    ///
    /// # Panics
    ///
    /// When `layers` is more than there are before maps become vectors.
    pub fn forward_from(&self, maps: Tensor<4>, layers: usize) -> Tensor<2> {
        self.check_layers(layers);
        let all = self.features.len() + self.head_maps.len();
        let maps = self.through(layers..all, maps);
        self.head_vectors
            .iter()
            .fold(maps.flatten(1, 3), |vectors, layer| match layer {
                VectorLayer::Dense(dense) => dense.forward(vectors),
                VectorLayer::Dropout(dropout) => dropout.forward(vectors),
            })
    }

    /// Films `[films, channels, size, size]` to logits `[films, classes]`; softmax over the second
    /// dimension makes probabilities of them.
    ///
    /// # Panics
    ///
    /// As [`Self::features`].
    pub fn forward(&self, films: Tensor<4>) -> Tensor<2> {
        self.check_films(&films);
        self.forward_from(films, 0)
    }

    /// Logits as [`Self::forward`] has them, up to rounding, and the backbone's maps averaged over their pixels:
    /// `[films, classes]` and `[films, maps]`.
    ///
    /// # Panics
    ///
    /// As [`Self::features`].
    pub fn forward_with_features(&self, films: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let maps = self.features(films);
        let [films, channels, height, width] = maps.dims();
        let pixels = maps.clone().reshape([films, channels, height * width]);
        let averages = pixels.mean_dim(2).reshape([films, channels]);
        (self.head(maps), averages)
    }

    /// Maps `[films, channels, side, side]` through some of the layers before maps become vectors, counted
    /// from the film as [`map_layers`](super::map_layers()) lists them: one or a few alone, to time them. Layer by
    /// layer, without what prediction does for several at once.
    ///
    /// # Panics
    ///
    /// When the range ends beyond those layers or before it starts, or when the maps are not what its
    /// first layer takes.
    pub fn maps_through(&self, maps: Tensor<4>, layers: Range<usize>) -> Tensor<4> {
        assert!(
            layers.start <= layers.end,
            "expected layers in order, found {layers:?}"
        );
        self.check_layers(layers.end);
        let layers = self.map_layers().skip(layers.start).take(layers.len());
        layers.fold(maps, |maps, layer| layer.forward(maps))
    }

    /// All layers before maps become vectors.
    fn map_layers(&self) -> impl Iterator<Item = &MapLayer> {
        self.features.iter().chain(&self.head_maps)
    }

    /// Maps through these layers; in prediction on the CPU many layers at once or film by film, where
    /// that is faster.
    fn through(&self, layers: Range<usize>, maps: Tensor<4>) -> Tensor<4> {
        let (maps, layers) = match self.chained(&layers, &maps) {
            Some((maps, done)) => (maps, layers.start + done..layers.end),
            None => (maps, layers),
        };
        let alone = self.plan.map_bound_layers.clamp(layers.start, layers.end);
        let chain = |layers: Range<usize>, maps| {
            let layers = self.map_layers().skip(layers.start).take(layers.len());
            layers.fold(maps, |maps, layer| layer.forward(maps))
        };
        let maps = if alone - layers.start > 1 {
            film_by_film(maps, |film| chain(layers.start..alone, film))
        } else {
            chain(layers.start..alone, maps)
        };
        chain(alone..layers.end, maps)
    }

    /// Films through as many of these layers as make a chain, and how many those are.
    fn chained(&self, layers: &Range<usize>, films: &Tensor<4>) -> Option<(Tensor<4>, usize)> {
        if layers.start > 0 || films.device().is_autodiff() {
            return None;
        }
        let layers = self.map_layers().take(layers.end);
        let chain: Vec<ChainLayer> = layers.map_while(MapLayer::chain_layer).collect();
        infer_chain(films, &chain, &self.chain)
    }

    fn check_films(&self, films: &Tensor<4>) {
        let NetworkSettings { channels, size, .. } = self.plan.settings;
        assert_eq!(
            films.dims()[1..],
            [channels, size, size],
            "films have to be [films, channels, size, size] as in the network's settings"
        );
    }

    fn check_layers(&self, layers: usize) {
        let all = self.features.len() + self.head_maps.len();
        assert!(
            layers <= all,
            "expected at most the {all} layers before maps become vectors, found {layers}"
        );
    }
}

/// The layers before any flattening.
fn map_layers(
    layers: &[Placed],
    supply: &mut Supply<'_>,
    dropout: &mut impl FnMut(f64, bool) -> Dropout,
) -> Vec<MapLayer> {
    layers
        .iter()
        .map_while(|placed| match &placed.layer {
            LayerPlan::Conv(conv) => Some(MapLayer::Conv(ConvBlock::new(conv, supply))),
            LayerPlan::Norm(norm) => Some(MapLayer::Norm(NormActivation::new(norm, supply))),
            LayerPlan::Residual(block) => Some(MapLayer::Residual(Residual::new(block, supply))),
            LayerPlan::Growth(block) => Some(MapLayer::Growth(Growth::new(block, supply))),
            &LayerPlan::MaxPool {
                size,
                stride,
                padding,
            } => Some(MapLayer::MaxPool(MaxPool {
                size,
                stride,
                padding,
            })),
            LayerPlan::AveragePool { size } => {
                Some(MapLayer::AveragePool(AveragePool { size: *size }))
            }
            LayerPlan::Dropout { rate, active } => Some(MapLayer::Dropout(dropout(*rate, *active))),
            LayerPlan::Flatten | LayerPlan::Dense(_) => None,
        })
        .collect()
}
