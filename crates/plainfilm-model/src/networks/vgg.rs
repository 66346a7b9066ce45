//! VGG16 and VGG19 without their classifiers (Simonyan and Zisserman 2014).
//!
//! Names are torchvision's (`features.0.weight` … `features.28.bias`, in VGG19 to `features.34`),
//! so their weights load unchanged; stages have Keras' names, `block1` to `block5`. The head that goes
//! with them is the Keras notebook's.
//!
//! Deviation: a fresh backbone starts as torchvision's does, since the notebook's ImageNet weights
//! are not part of this program.

use super::activation::Activation;
use super::architecture::{Published, USUAL};
use super::error::ModelError;
use super::head_layouts;
use super::layer_plan::{ConvPlan, LayerPlan};
use super::plan::Planner;
use super::tensor_plan::Initialisation;

/// Outputs of the 3x3 convolutions in each stage; each stage ends in a max-pooling.
const STAGES: [usize; 5] = [64, 128, 256, 512, 512];
/// Convolutions in each stage of configuration D of the paper.
const DEPTHS16: [usize; 5] = [2, 2, 3, 3, 3];
/// The same of configuration E.
const DEPTHS19: [usize; 5] = [2, 2, 4, 4, 4];

/// VGG16, under the notebook's head.
pub(super) const VGG16: Published = Published {
    title: "VGG16",
    paper: "Simonyan and Zisserman 2014, arXiv:1409.1556; head from \
            github.com/zekaouinoureddine/Detecting-COVID-19-in-X-ray-Images",
    frozen: true,
    features: |planner| features(planner, DEPTHS16),
    head: head_layouts::notebook,
    ..USUAL
};

/// VGG19, likewise.
pub(super) const VGG19: Published = Published {
    title: "VGG19",
    features: |planner| features(planner, DEPTHS19),
    ..VGG16
};

fn features(planner: &mut Planner, depths: [usize; 5]) -> Result<(), ModelError> {
    // torchvision numbers convolutions, activations and poolings alike.
    let mut position = 0;
    for (number, (outputs, depth)) in (1..).zip(STAGES.into_iter().zip(depths)) {
        planner.stage(format!("block{number}"));
        for index in 1..=depth {
            let last = index == depth;
            planner.push(LayerPlan::Conv(ConvPlan {
                padding: [1, 1],
                bias: true,
                activation: Activation::Relu,
                pool: last,
                ..ConvPlan::plain(
                    format!("features.{position}"),
                    [planner.width(), outputs],
                    3,
                    Initialisation::TorchvisionVgg,
                )
            }))?;
            position += if last { 3 } else { 2 };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, NetworkSettings};

    #[test]
    fn names_are_those_of_torchvision() {
        for (architecture, expected) in [
            (
                Architecture::Vgg16,
                "features.0 features.2 features.5 features.7 features.10 features.12 features.14 \
                 features.17 features.19 features.21 features.24 features.26 features.28 \
                 head.hidden head.output",
            ),
            (
                Architecture::Vgg19,
                "features.0 features.2 features.5 features.7 features.10 features.12 features.14 \
                 features.16 features.19 features.21 features.23 features.25 features.28 \
                 features.30 features.32 features.34 head.hidden head.output",
            ),
        ] {
            let plan = NetworkSettings::published(architecture, 2)
                .plan()
                .expect("published settings");
            let positions: Vec<String> = plan
                .tensors()
                .iter()
                .filter_map(|tensor| Some(tensor.name.strip_suffix(".weight")?.to_owned()))
                .collect();
            assert_eq!(positions.join(" "), expected);
            let last = plan.features.last().expect("has layers");
            assert_eq!(last.output, [512, 7, 7]);
            assert_eq!(plan.head[1].output, [512]);
        }
    }
}
