//! EfficientNet-B0 (Tan and Le 2019): inverted residuals whose channels are weighed by
//! squeeze-and-excitation (Hu et al. 2018), with SiLU throughout.
//!
//! Names are torchvision's (`features.0.{0, 1}` … `features.8.{0, 1}`, with
//! `features.<stage>.<i>.block.{0.0, 0.1, 1.0, 1.1, 2.fc1, 2.fc2, 3.0, 3.1}` for most blocks,
//! `classifier.1`), so its weights load unchanged. As torchvision does, it pads evenly and has
//! PyTorch's constants in its batch norms (the authors' code has TensorFlow's).
//!
//! Deviations: no block is skipped at random in training ("stochastic depth", in torchvision with up
//! to 0.2); as many logits as labels; the average is taken over the whole last map.
//!
//! Keras' network is the authors': it pads as TensorFlow's "same" and has the authors' constants, as
//! has timm's `tf_efficientnet_b0`. It is laid out beside torchvision's, under the same names.

use super::activation::Activation;
use super::architecture::{Published, USUAL};
use super::efficient_net::{Block, DROPOUT, FIRST, LAST, blocks};
use super::error::ModelError;
use super::head_layouts;
use super::layer_plan::{ConvPlan, GatePlan, LayerPlan, Library, NormConstants};
use super::plan::Planner;
use super::tensor_plan::Initialisation;

/// Channels that enter a block, in units of those that its gate squeezes to.
const SQUEEZE: usize = 4;

/// torchvision's network.
pub(super) const EFFICIENT_NET_B0: Published = Published {
    title: "EfficientNet-B0",
    paper: "Tan and Le 2019, arXiv:1905.11946",
    features: |planner| backbone(planner, Library::Torchvision),
    head,
    ..USUAL
};

/// The authors' and Keras' network.
pub(super) const EFFICIENT_NET_B0_KERAS: Published = Published {
    title: "EfficientNet-B0 of Keras",
    features: |planner| backbone(planner, Library::Keras),
    ..EFFICIENT_NET_B0
};

/// Lays the backbone out.
fn backbone(planner: &mut Planner, library: Library) -> Result<(), ModelError> {
    let constants = match library {
        Library::Torchvision => NormConstants::PYTORCH,
        Library::Keras => NormConstants::EFFICIENT_NET,
    };
    planner.stage("stem");
    planner.push(LayerPlan::Conv(ConvPlan {
        stride: 2,
        padding: library.padding(planner.side(), 3, 2),
        constants,
        ..convolution("features.0", [planner.width(), FIRST], 3)
    }))?;
    blocks(planner, |block| {
        let (name, mut body) = inverted(block);
        library.settle(&mut body, block.side, constants);
        (name, body)
    })?;
    planner.stage("last");
    planner.push(LayerPlan::Conv(ConvPlan {
        constants,
        ..convolution("features.8", [planner.width(), LAST], 1)
    }))
}

/// The published head.
fn head(planner: &mut Planner) -> Result<(), ModelError> {
    head_layouts::linear(
        planner,
        "classifier.1",
        Some(DROPOUT),
        Initialisation::TorchvisionEfficientNetLinear,
    )
}

/// A block's name and its convolutions.
fn inverted(block: &Block) -> (String, Vec<ConvPlan>) {
    let name = format!("features.{}.{}", block.stage, block.index);
    // torchvision numbers the steps of a block in order.
    let mut steps = 0..;
    let mut step = || {
        let step = steps.next().expect("a block has four steps at most");
        format!("{name}.block.{step}")
    };
    let mut body = Vec::new();
    if block.hidden != block.inputs {
        body.push(convolution(&step(), [block.inputs, block.hidden], 1));
    }
    body.push(ConvPlan {
        stride: block.stride,
        groups: block.hidden,
        ..convolution(&step(), [block.hidden; 2], block.kernel)
    });
    if let Some(depthwise) = body.last_mut() {
        depthwise.gate = Some(GatePlan {
            name: step(),
            channels: block.hidden,
            squeezed: block.inputs / SQUEEZE,
            initialisation: Initialisation::TorchvisionVgg,
            trainable: true,
        });
    }
    body.push(ConvPlan {
        activation: Activation::Identity,
        ..convolution(&step(), [block.hidden, block.outputs], 1)
    });
    (name, body)
}

/// A convolution with batch norm and SiLU.
fn convolution(name: &str, shape: [usize; 2], kernel: usize) -> ConvPlan {
    ConvPlan {
        norm: Some(format!("{name}.1")),
        activation: Activation::Silu,
        ..ConvPlan::plain(
            format!("{name}.0"),
            shape,
            kernel,
            Initialisation::TorchvisionVgg,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, NetworkSettings};

    #[test]
    fn names_are_those_of_torchvision() {
        let tensors = NetworkSettings::published(Architecture::EfficientNetB0, 2)
            .plan()
            .expect("published settings")
            .tensors();
        let of = |block: &str| -> Vec<&str> {
            tensors
                .iter()
                .filter_map(|tensor| tensor.name.strip_prefix(block)?.strip_suffix(".weight"))
                .collect()
        };
        assert_eq!(
            of("features.1.0.block."),
            ["0.0", "0.1", "1.fc1", "1.fc2", "2.0", "2.1"]
        );
        assert_eq!(
            of("features.6.3.block."),
            ["0.0", "0.1", "1.0", "1.1", "2.fc1", "2.fc2", "3.0", "3.1"]
        );
        assert_eq!(of("features.8."), ["0", "1"]);
        let squeezed = |name: &str| {
            let tensor = tensors.iter().find(|tensor| tensor.name == name);
            tensor.map(|tensor| tensor.shape.clone())
        };
        // A quarter of the channels that enter the block, not of those inside it.
        assert_eq!(
            squeezed("features.6.3.block.2.fc1.weight"),
            Some(vec![48, 1152, 1, 1])
        );
    }
}
