//! The networks that are timed, as lists of layers.

use burn::tensor::{Device, Distribution, Tensor};
use plainfilm_conv::{Activation, ConvGeometry, conv_bias_act, conv_bn_act};

/// One convolution and what follows it.
#[derive(Clone, Copy)]
pub struct Layer {
    outputs: usize,
    kernel: usize,
    padding: usize,
    stride: usize,
    depthwise: bool,
    pool: bool,
}

/// A network to time.
pub struct Network {
    /// Its name on the command line.
    pub name: &'static str,
    /// Forward and backward with batch statistics, or folded and forward only.
    pub trains: bool,
    activation: Activation,
    layers: &'static [Layer],
}

/// Weight, and two values per channel: gamma and beta, or (the second only) the bias.
pub struct Weights(Vec<(Tensor<4>, Tensor<1>, Tensor<1>)>);

const fn conv(outputs: usize, kernel: usize, pool: bool) -> Layer {
    Layer {
        outputs,
        kernel,
        padding: 1,
        stride: 1,
        depthwise: false,
        pool,
    }
}

const fn depthwise(channels: usize, stride: usize) -> Layer {
    Layer {
        outputs: channels,
        kernel: 3,
        padding: 1,
        stride,
        depthwise: true,
        pool: false,
    }
}

const fn pointwise(outputs: usize) -> Layer {
    Layer {
        outputs,
        kernel: 1,
        padding: 0,
        stride: 1,
        depthwise: false,
        pool: false,
    }
}

/// DarkCovidNet's blocks (Ozturk et al. 2020), less its last convolution and linear layer.
const DARK_COVID_NET: &[Layer] = &[
    conv(8, 3, true),
    conv(16, 3, true),
    conv(32, 3, false),
    conv(16, 1, false),
    conv(32, 3, true),
    conv(64, 3, false),
    conv(32, 1, false),
    conv(64, 3, true),
    conv(128, 3, false),
    conv(64, 1, false),
    conv(128, 3, true),
    conv(256, 3, false),
    conv(128, 1, false),
    conv(256, 3, false),
    conv(128, 1, false),
    conv(256, 3, false),
];

/// VGG16's convolutions (Simonyan and Zisserman 2015).
const VGG16: &[Layer] = &[
    conv(64, 3, false),
    conv(64, 3, true),
    conv(128, 3, false),
    conv(128, 3, true),
    conv(256, 3, false),
    conv(256, 3, false),
    conv(256, 3, true),
    conv(512, 3, false),
    conv(512, 3, false),
    conv(512, 3, true),
    conv(512, 3, false),
    conv(512, 3, false),
    conv(512, 3, true),
];

/// The start of MobileNet (Howard et al. 2017): depthwise and pointwise in turn.
const DEPTHWISE: &[Layer] = &[
    Layer {
        stride: 2,
        ..conv(32, 3, false)
    },
    depthwise(32, 1),
    pointwise(64),
    depthwise(64, 2),
    pointwise(128),
    depthwise(128, 1),
    pointwise(128),
    depthwise(128, 2),
    pointwise(256),
    depthwise(256, 1),
    pointwise(256),
];

/// All of them.
pub const NETWORKS: &[Network] = &[
    Network {
        name: "darkcovidnet",
        trains: true,
        activation: Activation::LeakyRelu(0.1),
        layers: DARK_COVID_NET,
    },
    Network {
        name: "folded",
        trains: false,
        activation: Activation::LeakyRelu(0.1),
        layers: DARK_COVID_NET,
    },
    Network {
        name: "vgg16",
        trains: false,
        activation: Activation::Relu,
        layers: VGG16,
    },
    Network {
        name: "depthwise",
        trains: true,
        activation: Activation::Relu6,
        layers: DEPTHWISE,
    },
];

impl Network {
    /// Random weights, tracked where the network trains.
    pub fn weights(&self, device: &Device) -> Weights {
        let mut inputs = 3;
        let mut weights = Vec::new();
        for layer in self.layers {
            let per_group = if layer.depthwise { 1 } else { inputs };
            let fan_in = (per_group * layer.kernel * layer.kernel) as f64;
            let shape = [layer.outputs, per_group, layer.kernel, layer.kernel];
            let spread = Distribution::Normal(0.0, (2.0 / fan_in).sqrt());
            let weight = Tensor::random(shape, spread, device);
            let gamma = Tensor::ones([layer.outputs], device);
            let beta = Tensor::zeros([layer.outputs], device);
            weights.push(if self.trains {
                (
                    weight.require_grad(),
                    gamma.require_grad(),
                    beta.require_grad(),
                )
            } else {
                (weight, gamma, beta)
            });
            inputs = layer.outputs;
        }
        Weights(weights)
    }

    /// One forward pass, and where the network trains one backward pass.
    pub fn step(&self, films: &Tensor<4>, weights: &Weights) {
        let mut x = films.clone();
        for (layer, (weight, gamma, beta)) in self.layers.iter().zip(&weights.0) {
            let groups = if layer.depthwise { layer.outputs } else { 1 };
            let geometry = ConvGeometry {
                stride: [layer.stride; 2],
                padding: [layer.padding; 2],
                groups,
                ..ConvGeometry::default()
            };
            let (weight, beta) = (weight.clone(), beta.clone());
            x = if self.trains {
                let gamma = gamma.clone();
                let (activation, pool) = (self.activation, layer.pool);
                conv_bn_act(x, weight, gamma, beta, geometry, 1e-5, activation, pool).0
            } else {
                conv_bias_act(x, weight, beta, geometry, self.activation, layer.pool)
            };
        }
        if self.trains {
            let gradients = x.sum().backward();
            std::hint::black_box(gradients);
        } else {
            std::hint::black_box(x);
        }
    }
}
