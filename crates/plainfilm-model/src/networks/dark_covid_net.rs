//! DarkCovidNet (Ozturk et al. 2020): Darknet-like blocks of convolution, batch norm and LeakyReLU.
//!
//! As published, including two things that look like slips and are kept: the 1x1 convolutions are
//! padded by 1, so each grows its map by 2, and the last convolution goes through ReLU *before* its
//! batch norm. There is no deviation from the published layers. At sizes other than 256 the
//! linear layer is as wide as the last map makes it; the maps are otherwise the same.
//!
//! State-dict names: `stage<n>.<i>.conv.weight` and `stage<n>.<i>.bn.{weight, bias, running_mean,
//! running_var}` with stages from 1 and blocks from 0, then `head.conv.weight`, `head.bn.…` and
//! `head.linear.{weight, bias}`. The linear layer reads the last map channel by channel, row by
//! row, as PyTorch flattens.

use super::activation::Activation;
use super::architecture::{Published, USUAL};
use super::error::ModelError;
use super::layer_plan::{ConvPlan, DensePlan, LayerPlan};
use super::plan::Planner;
use super::tensor_plan::Initialisation;

/// One row of the paper's table: convolutions as (kernel, outputs), then perhaps a max-pooling.
struct Stage {
    convolutions: &'static [(usize, usize)],
    pool: bool,
}

/// Stages 1 to 7 of the published table; the first convolution reads the film's channels.
const STAGES: [Stage; 7] = [
    Stage {
        convolutions: &[(3, 8)],
        pool: true,
    },
    Stage {
        convolutions: &[(3, 16)],
        pool: true,
    },
    Stage {
        convolutions: &[(3, 32), (1, 16), (3, 32)],
        pool: true,
    },
    Stage {
        convolutions: &[(3, 64), (1, 32), (3, 64)],
        pool: true,
    },
    Stage {
        convolutions: &[(3, 128), (1, 64), (3, 128)],
        pool: true,
    },
    Stage {
        convolutions: &[(3, 256), (1, 128), (3, 256)],
        pool: false,
    },
    Stage {
        convolutions: &[(1, 128), (3, 256)],
        pool: false,
    },
];

/// Every convolution is padded by 1, the 1x1 ones too.
const PADDING: [usize; 2] = [1, 1];

/// Slope of LeakyReLU below zero.
const SLOPE: f32 = 0.1;

/// The network as published.
pub(super) const DARK_COVID_NET: Published = Published {
    title: "DarkCovidNet",
    paper: "Ozturk et al. 2020, Computers in Biology and Medicine 121:103792; \
            github.com/muhammedtalo/COVID-19",
    size: 256,
    features,
    head,
    ..USUAL
};

/// Lays the backbone out.
fn features(planner: &mut Planner) -> Result<(), ModelError> {
    for (number, stage) in (1..).zip(&STAGES) {
        planner.stage(format!("stage{number}"));
        for (index, &(kernel, outputs)) in stage.convolutions.iter().enumerate() {
            planner.push(LayerPlan::Conv(ConvPlan {
                norm: Some(format!("stage{number}.{index}.bn")),
                padding: PADDING,
                activation: Activation::LeakyRelu(SLOPE),
                pool: stage.pool && index + 1 == stage.convolutions.len(),
                ..ConvPlan::plain(
                    format!("stage{number}.{index}.conv"),
                    [planner.width(), outputs],
                    kernel,
                    Initialisation::PyTorch,
                )
            }))?;
        }
    }
    Ok(())
}

/// The published head.
fn head(planner: &mut Planner) -> Result<(), ModelError> {
    let classes = planner.classes();
    planner.push(LayerPlan::Conv(ConvPlan {
        norm: Some("head.bn".to_owned()),
        norm_last: true,
        padding: PADDING,
        activation: Activation::Relu,
        ..ConvPlan::plain(
            "head.conv",
            [planner.width(), classes],
            3,
            Initialisation::PyTorch,
        )
    }))?;
    planner.push(LayerPlan::Flatten)?;
    planner.push(LayerPlan::Dense(DensePlan {
        name: "head.linear".to_owned(),
        inputs: planner.width(),
        outputs: classes,
        activation: Activation::Identity,
        initialisation: Initialisation::PyTorch,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, NetworkSettings};
    use super::*;

    #[test]
    fn the_maps_are_those_of_the_paper() {
        let plan = NetworkSettings::published(Architecture::DarkCovidNet, 2)
            .plan()
            .expect("published settings");
        let maps: Vec<usize> = plan.features.iter().map(|layer| layer.output[1]).collect();
        assert_eq!(
            maps,
            [
                128, 64, 64, 66, 33, 33, 35, 17, 17, 19, 9, 9, 11, 11, 13, 13
            ]
        );
        assert_eq!(plan.head[0].output, [2, 13, 13]);
        assert_eq!(plan.head[1].output, [338]);
    }

    #[test]
    fn a_film_too_small_is_refused_by_name_of_the_layer() {
        let mut settings = NetworkSettings::published(Architecture::DarkCovidNet, 2);
        settings.size = 2;
        match settings.plan() {
            Err(ModelError::SizeTooSmall { layer, .. }) => assert_eq!(layer, "stage2.0.conv"),
            other => panic!("{other:?}"),
        }
    }
}
