//! VGG16 without its classifier (Simonyan and Zisserman 2014), under the Keras notebook's head.
//!
//! Backbone names are torchvision's (`features.0.weight` … `features.28.bias`), so its weights
//! load unchanged. Head: average over 4x4 squares (stride 4), flatten, `head.hidden` (64, ReLU),
//! dropout 0.5, `head.output`.
//!
//! Flatten order: this network flattens channel by channel, as PyTorch does; Keras flattens place by
//! place with channels innermost. At 224 pixels the pooled map is 1x1, so the two orders are the
//! same 512 values; from 256 pixels on an importer of Keras weights has to permute the columns of
//! `head.hidden.weight`.
//!
//! Deviations: the notebook ends in softmax, here the last layer gives logits; a fresh backbone
//! starts as torchvision's does, since the notebook's ImageNet weights are not part of this program.

use super::architecture::NetworkSettings;
use super::error::ModelError;
use super::layer_plan::{ConvPlan, DensePlan, Initialisation, LayerPlan};
use super::plan::{Plan, Planner};
use plainfilm_conv::Activation;

/// Outputs of the 3x3 convolutions, stage by stage; each stage ends in a max-pooling.
/// (Configuration D of the paper.)
const STAGES: [&[usize]; 5] = [
    &[64, 64],
    &[128, 128],
    &[256, 256, 256],
    &[512, 512, 512],
    &[512, 512, 512],
];

/// Side of the squares that the head averages over.
const AVERAGED: usize = 4;
/// Units of the head's hidden layer.
const HIDDEN: usize = 64;
/// Share of hidden units dropped in training.
const DROPOUT: f64 = 0.5;

/// Lays the network out.
pub(crate) fn plan(settings: &NetworkSettings) -> Result<Plan, ModelError> {
    let mut planner = Planner::new(settings);
    // torchvision numbers convolutions, activations and poolings alike.
    let mut position = 0;
    for stage in STAGES {
        for (index, &outputs) in stage.iter().enumerate() {
            let last = index + 1 == stage.len();
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
                    !settings.freeze_backbone,
                )
            }))?;
            position += if last { 3 } else { 2 };
        }
    }
    planner.end_of_features();
    planner.push(LayerPlan::AveragePool { size: AVERAGED })?;
    planner.push(LayerPlan::Flatten)?;
    planner.push(LayerPlan::Dense(DensePlan {
        name: "head.hidden".to_owned(),
        inputs: planner.width(),
        outputs: HIDDEN,
        activation: Activation::Relu,
        initialisation: Initialisation::Keras,
    }))?;
    planner.push(LayerPlan::Dropout {
        rate: DROPOUT,
        active: true,
    })?;
    planner.push(LayerPlan::Dense(DensePlan {
        name: "head.output".to_owned(),
        inputs: HIDDEN,
        outputs: settings.classes,
        activation: Activation::Identity,
        initialisation: Initialisation::Keras,
    }))?;
    Ok(planner.finish())
}

#[cfg(test)]
mod tests {
    use super::super::architecture::Architecture;
    use super::*;

    #[test]
    fn names_are_those_of_torchvision() {
        let plan = NetworkSettings::published(Architecture::Vgg16, 2)
            .plan()
            .expect("published settings");
        let positions: Vec<String> = plan
            .tensors()
            .iter()
            .filter_map(|tensor| Some(tensor.name.strip_suffix(".weight")?.to_owned()))
            .collect();
        assert_eq!(
            positions.join(" "),
            "features.0 features.2 features.5 features.7 features.10 features.12 features.14 \
             features.17 features.19 features.21 features.24 features.26 features.28 head.hidden \
             head.output"
        );
        assert_eq!(plan.features[12].output, [512, 7, 7]);
        assert_eq!(plan.head[1].output, [512]);
    }
}
