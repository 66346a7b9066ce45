//! The plain CNN of the notebook's third reference (plant identification): three pairs of
//! convolutions, the second of each without padding, then three dense layers.
//!
//! State-dict names: `conv1` … `conv6`, `head.dense1`, `head.dense2`, `head.output`, each with
//! `.weight` and `.bias`.
//!
//! Flatten order: channel by channel, as PyTorch does; Keras flattens place by place with channels
//! innermost, and the last map is larger than 1x1, so an importer of Keras weights has to permute
//! the columns of `head.dense1.weight`.
//!
//! Deviation: the original ends in softmax, here the last layer gives logits.

use super::activation::Activation;
use super::architecture::{Published, USUAL};
use super::error::ModelError;
use super::layer_plan::{ConvPlan, DensePlan, LayerPlan};
use super::plan::Planner;
use super::tensor_plan::Initialisation;

/// A pair of 3x3 convolutions (same, then valid) with max-pooling, and the dropout after it.
struct Pair {
    outputs: usize,
    dropout: Option<f64>,
}

/// The published table.
const PAIRS: [Pair; 3] = [
    Pair {
        outputs: 32,
        dropout: Some(0.25),
    },
    Pair {
        outputs: 64,
        dropout: Some(0.25),
    },
    Pair {
        outputs: 128,
        dropout: None,
    },
];

/// Units of the hidden layers.
const HIDDEN: [usize; 2] = [512, 128];
/// Share of the first hidden layer's units dropped in training.
const DROPOUT: f64 = 0.5;

/// The network as published.
pub(super) const PLANTS_CNN: Published = Published {
    title: "Plants CNN",
    paper: "github.com/zekaouinoureddine/Plants_Identification_DL_SI",
    size: 150,
    features,
    head,
    ..USUAL
};

/// Lays the backbone out.
fn features(planner: &mut Planner) -> Result<(), ModelError> {
    let mut number = 0;
    for (stage, pair) in (1..).zip(&PAIRS) {
        planner.stage(format!("pair{stage}"));
        for (padding, pool) in [(1, false), (0, true)] {
            number += 1;
            planner.push(LayerPlan::Conv(ConvPlan {
                padding: [padding; 2],
                bias: true,
                activation: Activation::Relu,
                pool,
                ..ConvPlan::plain(
                    format!("conv{number}"),
                    [planner.width(), pair.outputs],
                    3,
                    Initialisation::Keras,
                )
            }))?;
        }
        if let Some(rate) = pair.dropout {
            planner.push(LayerPlan::Dropout { rate, active: true })?;
        }
    }
    Ok(())
}

/// The published head.
fn head(planner: &mut Planner) -> Result<(), ModelError> {
    planner.push(LayerPlan::Flatten)?;
    let dense = |name: &str, inputs, outputs, activation| {
        LayerPlan::Dense(DensePlan {
            name: format!("head.{name}"),
            inputs,
            outputs,
            activation,
            initialisation: Initialisation::Keras,
        })
    };
    let [first, second] = HIDDEN;
    planner.push(dense("dense1", planner.width(), first, Activation::Relu))?;
    planner.push(LayerPlan::Dropout {
        rate: DROPOUT,
        active: true,
    })?;
    planner.push(dense("dense2", first, second, Activation::Relu))?;
    let classes = planner.classes();
    planner.push(dense("output", second, classes, Activation::Identity))
}

#[cfg(test)]
mod tests {
    use super::super::{Architecture, NetworkSettings};
    use super::*;

    #[test]
    fn the_second_convolution_of_each_pair_is_not_padded() {
        let plan = NetworkSettings::published(Architecture::PlantsCnn, 2)
            .plan()
            .expect("published settings");
        let maps: Vec<&[usize]> = plan
            .features
            .iter()
            .filter(|placed| matches!(placed.layer, LayerPlan::Conv(_)))
            .map(|placed| placed.output.as_slice())
            .collect();
        assert_eq!(
            maps,
            [
                [32, 150, 150],
                [32, 74, 74],
                [64, 74, 74],
                [64, 36, 36],
                [128, 36, 36],
                [128, 17, 17],
            ]
        );
    }
}
