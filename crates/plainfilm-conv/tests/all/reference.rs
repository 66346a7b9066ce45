//! Convolutions and blocks against PyTorch in float64: `reference/convolution/export.py` made the
//! numbers, and says how x, weight and the rest are filled.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use burn::tensor::{DType, Device, Tensor};
use plainfilm_conv::{Activation, ConvGeometry, conv_bias_act, conv_bn_act, conv2d};
use serde::Deserialize;

use crate::support::{TOLERANCE, numbers, tensor, uniform};

const EPSILON: f64 = 1e-5;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    films: usize,
    channels: [usize; 2],
    size: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
    seed: u64,
    /// By variant, then by tensor: the largest magnitude, the product with hashed numbers, and
    /// values spread over the tensor.
    results: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
}

fn reference() -> Reference {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/convolution/expected.json");
    let text = std::fs::read_to_string(path).expect("the reference output is committed");
    serde_json::from_str(&text).expect("as the script wrote it")
}

/// What goes into a case, tracked.
struct Inputs {
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
}

impl Case {
    fn geometry(&self) -> ConvGeometry {
        ConvGeometry {
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
            ..ConvGeometry::default()
        }
    }

    /// The script's values for tensor number `number`.
    fn filled<const D: usize>(
        &self,
        number: u64,
        shape: [usize; D],
        scale: f64,
        device: &Device,
    ) -> Tensor<D> {
        let values = uniform(16 * self.seed + number, shape.iter().product());
        let scaled: Vec<f64> = values.iter().map(|value| value * scale).collect();
        tensor(&scaled, shape, DType::F32, device)
    }

    fn inputs(&self, device: &Device) -> Inputs {
        let [inputs, outputs] = self.channels;
        let x = [self.films, inputs, self.size[0], self.size[1]];
        let weight = [
            outputs,
            inputs / self.groups,
            self.kernel[0],
            self.kernel[1],
        ];
        Inputs {
            x: self.filled(1, x, 1.0, device),
            weight: self.filled(2, weight, 1.0, device),
            bias: self.filled(3, [outputs], 1.0, device),
            gamma: self.filled(4, [outputs], 4.0, device),
            beta: self.filled(5, [outputs], 4.0, device),
        }
    }

    /// The gradients of a loss whose gradient with respect to `y` is the script's.
    fn backward(&self, y: &Tensor<4>) -> burn::tensor::Gradients {
        let above = self.filled(6, y.dims(), 1.0, &y.device());
        (y.clone() * above).sum().backward()
    }

    /// The tensors of one variant, by the script's names.
    fn compute(&self, variant: &str) -> Vec<(&'static str, Vec<f64>)> {
        let tracking = Device::flex().autodiff();
        let geometry = self.geometry();
        let settings: Vec<&str> = variant.split(' ').collect();
        match settings[..] {
            ["conv"] => {
                let Inputs {
                    x, weight, bias, ..
                } = self.inputs(&tracking).tracked();
                let y = conv2d(x.clone(), weight.clone(), Some(bias.clone()), geometry);
                let gradients = self.backward(&y);
                vec![
                    ("y", numbers(&y)),
                    ("dx", numbers(&x.grad(&gradients).unwrap())),
                    ("dw", numbers(&weight.grad(&gradients).unwrap())),
                    ("db", numbers(&bias.grad(&gradients).unwrap())),
                ]
            }
            ["statistics"] => {
                let (_, mean, variance) = self.block(
                    self.inputs(&tracking).tracked(),
                    Activation::Identity,
                    false,
                );
                vec![("mean", numbers(&mean)), ("variance", numbers(&variance))]
            }
            ["norm", name, ref pool @ ..] => {
                let inputs = self.inputs(&tracking).tracked();
                let leaves = (
                    inputs.x.clone(),
                    inputs.weight.clone(),
                    inputs.gamma.clone(),
                    inputs.beta.clone(),
                );
                let (y, _, _) = self.block(inputs, activation(name), pool == ["pool"]);
                let gradients = self.backward(&y);
                vec![
                    ("y", numbers(&y)),
                    ("dx", numbers(&leaves.0.grad(&gradients).unwrap())),
                    ("dw", numbers(&leaves.1.grad(&gradients).unwrap())),
                    ("dgamma", numbers(&leaves.2.grad(&gradients).unwrap())),
                    ("dbeta", numbers(&leaves.3.grad(&gradients).unwrap())),
                ]
            }
            ["bias", name, ref pool @ ..] => {
                let Inputs {
                    x, weight, bias, ..
                } = self.inputs(&Device::flex());
                let y = conv_bias_act(
                    x,
                    weight,
                    bias,
                    geometry,
                    activation(name),
                    pool == ["pool"],
                );
                vec![("y", numbers(&y))]
            }
            _ => panic!("{}: unknown variant {variant}", self.name),
        }
    }

    fn block(
        &self,
        inputs: Inputs,
        activation: Activation,
        pool: bool,
    ) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
        let Inputs {
            x,
            weight,
            gamma,
            beta,
            ..
        } = inputs;
        conv_bn_act(
            x,
            weight,
            gamma,
            beta,
            self.geometry(),
            EPSILON,
            activation,
            pool,
        )
    }
}

impl Inputs {
    fn tracked(self) -> Self {
        Self {
            x: self.x.require_grad(),
            weight: self.weight.require_grad(),
            bias: self.bias.require_grad(),
            gamma: self.gamma.require_grad(),
            beta: self.beta.require_grad(),
        }
    }
}

fn activation(name: &str) -> Activation {
    match name {
        "identity" => Activation::Identity,
        "relu" => Activation::Relu,
        "leaky_relu" => Activation::LeakyRelu(0.1),
        "relu6" => Activation::Relu6,
        other => panic!("unknown activation {other}"),
    }
}

/// The largest error that the script's numbers show, as a share of the largest magnitude.
///
/// An error of that share everywhere could move the product with hashed numbers by as much times
/// the sum of their magnitudes, so the product's own error is divided by that.
fn error(found: &[f64], expected: &[f64], seed: u64) -> f64 {
    let [largest, dot, ref samples @ ..] = *expected else {
        panic!("expected a magnitude and a product")
    };
    assert!(
        found.iter().all(|value| value.is_finite()),
        "found a value that is not finite"
    );
    let probe = uniform(16 * seed + 7, found.len());
    let product: f64 = found.iter().zip(&probe).map(|(value, p)| value * p).sum();
    let reach: f64 = probe.iter().map(|p| p.abs()).sum();
    let magnitude = found
        .iter()
        .fold(0_f64, |most, value| most.max(value.abs()));
    let mut worst = (magnitude - largest)
        .abs()
        .max((product - dot).abs() / reach);
    for (k, expected) in samples.iter().enumerate() {
        let at = (2 * k + 1) * found.len() / (2 * samples.len());
        worst = worst.max((found[at] - expected).abs());
    }
    worst / largest
}

#[test]
fn every_case_agrees_with_pytorch_in_float64() {
    let reference = reference();
    let mut variants = HashSet::new();
    let mut wrong = Vec::new();
    for case in &reference.cases {
        for (variant, expected) in &case.results {
            variants.insert(variant.clone());
            let found = case.compute(variant);
            assert_eq!(found.len(), expected.len(), "{}: {variant}", case.name);
            for (name, values) in found {
                let error = error(&values, &expected[name], case.seed);
                if error > TOLERANCE {
                    wrong.push(format!("{}: {variant}: {name}: {error:.1e}", case.name));
                }
            }
        }
    }
    assert_eq!(variants.len(), 18, "variants of the script");
    assert!(
        wrong.is_empty(),
        "expected errors up to {TOLERANCE:e}:\n{}",
        wrong.join("\n")
    );
}
