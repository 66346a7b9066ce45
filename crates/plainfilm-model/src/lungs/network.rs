//! The segmenter: a small U-Net (Ronneberger et al. 2015) with batch normalisation.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use plainfilm_conv::{Windows, max_pool2d};

use super::{Outline, SIZE};
use crate::networks::{
    Activation, ConvBlock, ConvPlan, Initialisation, NamedTensor, Supply, TensorPlan,
    starting_values,
};

/// Channels at each level; the map's side halves from one to the next, from [`SIZE`] on.
const WIDTHS: [usize; 5] = [12, 24, 32, 48, 64];

/// `[films, 1, 128, 128]` to logits `[films, 2, 128, 128]`, a map for each [`Outline`].
#[derive(Module, Debug)]
pub struct LungNetwork {
    /// Two for each level, the widest map first.
    down: Vec<ConvBlock>,
    /// One for each level but the last, the narrowest map first.
    up: Vec<ConvBlock>,
    last: ConvBlock,
}

/// The layers in the order of the fields.
fn plans() -> (Vec<ConvPlan>, Vec<ConvPlan>, ConvPlan) {
    let block = |name: String, widths| ConvPlan {
        norm: Some(format!("{name}.norm")),
        padding: [1, 1],
        activation: Activation::Relu,
        ..ConvPlan::plain(
            format!("{name}.conv"),
            widths,
            3,
            Initialisation::TorchvisionVgg,
        )
    };
    let mut inputs = 1;
    let mut down = vec![];
    for (level, &width) in WIDTHS.iter().enumerate() {
        down.push(block(format!("down{level}.0"), [inputs, width]));
        down.push(block(format!("down{level}.1"), [width, width]));
        inputs = width;
    }
    let up = (0..WIDTHS.len() - 1).rev().map(|level| {
        let widths = [WIDTHS[level + 1] + WIDTHS[level], WIDTHS[level]];
        block(format!("up{level}"), widths)
    });
    let last = ConvPlan {
        bias: true,
        ..ConvPlan::plain(
            "last",
            [WIDTHS[0], Outline::COUNT],
            1,
            Initialisation::PyTorch,
        )
    };
    (down, up.collect(), last)
}

/// Names, shapes and starts of the tensors, in the order in which the network holds them.
pub(super) fn tensors() -> Vec<TensorPlan> {
    let (down, up, last) = plans();
    let all = down.iter().chain(&up).chain([&last]);
    all.flat_map(ConvPlan::tensors).collect()
}

impl LungNetwork {
    /// A network at its start.
    pub fn new(seed: u64, device: &Device) -> Self {
        let values = |plan: TensorPlan| {
            let values = starting_values(seed, &plan);
            (plan, values)
        };
        Self::from_tensors(tensors().into_iter().map(values).collect(), device)
    }

    /// `tensors` are those of [`tensors`], in its order, with their values.
    pub(super) fn from_tensors(tensors: Vec<(TensorPlan, Vec<f32>)>, device: &Device) -> Self {
        let mut supply = Supply::new(tensors, device);
        let (down, up, last) = plans();
        let mut blocks = |plans: &[ConvPlan]| -> Vec<ConvBlock> {
            plans
                .iter()
                .map(|plan| ConvBlock::new(plan, &mut supply))
                .collect()
        };
        let (down, up) = (blocks(&down), blocks(&up));
        Self {
            down,
            up,
            last: ConvBlock::new(&last, &mut supply),
        }
    }

    /// Logits `[films, 2, 128, 128]`, a map for each [`Outline`], of films `[films, 1, 128, 128]`.
    pub fn forward(&self, films: Tensor<4>) -> Tensor<4> {
        let halving = Windows {
            size: 2,
            stride: 2,
            padding: 0,
        };
        let mut maps = films;
        let mut kept = vec![];
        for (level, pair) in self.down.chunks(2).enumerate() {
            if level > 0 {
                kept.push(maps.clone());
                maps = max_pool2d(maps, halving);
            }
            for block in pair {
                maps = block.forward(maps);
            }
        }
        for block in &self.up {
            let finer = kept.pop().expect("as many levels up as down");
            maps = block.forward(Tensor::cat(vec![doubled(maps), finer], 1));
        }
        self.last.forward(maps)
    }

    /// Every tensor with its name, the running statistics up to date.
    pub fn state(&self) -> Vec<NamedTensor> {
        struct Collector(Vec<Vec<f32>>);
        impl ModuleVisitor for Collector {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let values = param.val().into_data().convert::<f32>().try_to_vec::<f32>();
                self.0.push(values.expect("just converted to f32"));
            }
        }
        let mut collector = Collector(Vec::new());
        self.valid().visit(&mut collector);
        let named = |(plan, values): (TensorPlan, Vec<f32>)| NamedTensor {
            name: plan.name,
            shape: plan.shape,
            values,
        };
        tensors().into_iter().zip(collector.0).map(named).collect()
    }
}

/// Every pixel four times: `[n, c, h, w]` to `[n, c, 2h, 2w]`.
fn doubled(maps: Tensor<4>) -> Tensor<4> {
    let [films, channels, height, width] = maps.dims();
    let columns = maps.reshape([films * channels * height, width, 1, 1]);
    let columns = columns
        .repeat_dim(2, 2)
        .reshape([films * channels, height, 1, 2 * width]);
    let rows = columns.repeat_dim(2, 2);
    rows.reshape([films, channels, 2 * height, 2 * width])
}

/// Levels halve the side four times.
const _: () = assert!(SIZE.is_multiple_of(1 << (WIDTHS.len() - 1)));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubling_repeats_rows_and_columns() {
        let device = Device::default();
        let maps = Tensor::<4>::from_floats([[[[1.0, 2.0], [3.0, 4.0]]]], &device);
        let values: Vec<f32> = doubled(maps).into_data().iter::<f32>().collect();
        assert_eq!(
            values,
            [
                1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 3.0, 3.0, 4.0, 4.0
            ]
        );
    }

    #[test]
    fn the_network_holds_its_tensors_in_order_and_is_small() {
        let network = LungNetwork::new(1, &Device::default());
        let state = network.state();
        let plan = tensors();
        assert_eq!(state.len(), plan.len());
        for (tensor, plan) in state.iter().zip(&plan) {
            assert_eq!(tensor.values, starting_values(1, plan), "{}", plan.name);
        }
        let elements: usize = plan.iter().map(TensorPlan::elements).sum();
        assert!(elements < 250_000, "{elements}");
    }
}
