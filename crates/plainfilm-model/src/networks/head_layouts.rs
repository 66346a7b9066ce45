//! The layers of the heads that fit every network. They name their tensors alike in every network:
//! `head.hidden` and `head.output`.

use super::activation::Activation;
use super::error::ModelError;
use super::layer_plan::{DensePlan, LayerPlan};
use super::plan::Planner;
use super::tensor_plan::Initialisation;

/// Side of the squares that the notebook's head averages over.
const AVERAGED: usize = 4;
/// Units of the hidden layer.
const HIDDEN: usize = 64;
/// Share of hidden units dropped in training.
const DROPOUT: f64 = 0.5;

/// The notebook's head.
///
/// Flatten order: channel by channel, as PyTorch does; Keras flattens place by place with channels
/// innermost. Where the averaged map is 1x1 (VGG16 at 224 pixels) the two orders are the same;
/// elsewhere an importer of Keras weights has to permute the columns of `head.hidden.weight`.
///
/// Deviation: the notebook ends in softmax, here the last layer gives logits.
pub(crate) fn notebook(planner: &mut Planner) -> Result<(), ModelError> {
    planner.push(LayerPlan::AveragePool { size: AVERAGED })?;
    planner.push(LayerPlan::Flatten)?;
    hidden(planner)
}

/// The notebook's head on the average of the whole map.
pub(crate) fn mlp(planner: &mut Planner) -> Result<(), ModelError> {
    average(planner)?;
    hidden(planner)
}

/// One linear layer on the average of the whole map, after a dropout where there is one.
pub(crate) fn linear(
    planner: &mut Planner,
    name: &str,
    dropout: Option<f64>,
    initialisation: Initialisation,
) -> Result<(), ModelError> {
    average(planner)?;
    if let Some(rate) = dropout {
        planner.push(LayerPlan::Dropout { rate, active: true })?;
    }
    planner.push(LayerPlan::Dense(DensePlan {
        name: name.to_owned(),
        inputs: planner.width(),
        outputs: planner.classes(),
        activation: Activation::Identity,
        initialisation,
    }))
}

/// The whole map's average as a vector, whatever the film's size.
fn average(planner: &mut Planner) -> Result<(), ModelError> {
    planner.push(LayerPlan::AveragePool {
        size: planner.side(),
    })?;
    planner.push(LayerPlan::Flatten)
}

fn hidden(planner: &mut Planner) -> Result<(), ModelError> {
    let dense = |name: &str, inputs, outputs, activation| {
        LayerPlan::Dense(DensePlan {
            name: name.to_owned(),
            inputs,
            outputs,
            activation,
            initialisation: Initialisation::Keras,
        })
    };
    planner.push(dense(
        "head.hidden",
        planner.width(),
        HIDDEN,
        Activation::Relu,
    ))?;
    planner.push(LayerPlan::Dropout {
        rate: DROPOUT,
        active: true,
    })?;
    let classes = planner.classes();
    planner.push(dense("head.output", HIDDEN, classes, Activation::Identity))
}
