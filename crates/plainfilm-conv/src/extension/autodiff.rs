//! The backward steps, and the operations that record them.

use std::sync::Arc;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex, TensorMetadata};

use super::{ConvBackend, Values, bias_block, block, contiguous, pooled, shape_of, tensor, values};
use crate::backward::{Wanted, backward, bias_gradient};
use crate::buffer::Buffer;
use crate::fused::{self, Activation, BlockSettings, PoolIndex, Saved};
use crate::geometry::{ConvGeometry, Shape};
use crate::max_pool::{self, Windows};
use crate::output_gradient::OutputGradient;

/// The backward step of a convolution, with and without bias.
#[derive(Debug)]
struct ConvStep;

/// Where the input and the weight can be had again, and how they were convolved.
type ConvState = (NodeId, NodeId, ConvGeometry);

impl Backward<Flex, 2> for ConvStep {
    type State = ConvState;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        gradients: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = contiguous(gradients.consume::<Flex>(&ops.node));
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        conv2d_backward(&dy, parents, ops.state, gradients, checkpointer);
    }
}

impl Backward<Flex, 3> for ConvStep {
    type State = ConvState;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        gradients: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = contiguous(gradients.consume::<Flex>(&ops.node));
        let [x, weight, bias] = ops.parents.map(|parent| parent.map(|node| node.id));
        let shape = conv2d_backward(&dy, [x, weight], ops.state, gradients, checkpointer);
        if let Some(bias) = bias {
            let channels = [shape.channels_out()];
            let gradient = tensor(bias_gradient(values(&dy), &shape), channels);
            gradients.register::<Flex>(bias, gradient);
        }
    }
}

/// Registers the gradients of input and weight, those that are tracked.
fn conv2d_backward(
    dy: &FlexTensor,
    nodes: [Option<NodeId>; 2],
    (x, weight, geometry): ConvState,
    gradients: &mut Gradients,
    checkpointer: &mut Checkpointer,
) -> Shape {
    let again = Again::of([x, weight], &geometry, nodes, checkpointer);
    let Again { x, weight, .. } = &again;
    let dy = OutputGradient::Given(values(dy));
    let found = backward(values(x), values(weight), dy, &again.shape, again.wanted);
    again.register(gradients, nodes, found.input, found.weight);
    again.shape
}

/// The input and the weight of a convolution, had again, and what is asked of its backward step.
struct Again {
    x: FlexTensor,
    weight: FlexTensor,
    shape: Shape,
    wanted: Wanted,
}

impl Again {
    /// `kept` says where input and weight are to be had, `nodes` which of their gradients are tracked.
    fn of(
        kept: [NodeId; 2],
        geometry: &ConvGeometry,
        nodes: [Option<NodeId>; 2],
        checkpointer: &mut Checkpointer,
    ) -> Self {
        let [x, weight] =
            kept.map(|node| contiguous(checkpointer.retrieve_node_output::<FlexTensor>(node)));
        Self {
            shape: shape_of(&x, &weight, geometry),
            wanted: Wanted {
                input: nodes[0].is_some(),
                weight: nodes[1].is_some(),
            },
            x,
            weight,
        }
    }

    /// Registers the gradients of input and weight, those that are tracked.
    fn register(
        &self,
        gradients: &mut Gradients,
        [x, weight]: [Option<NodeId>; 2],
        of_x: Option<impl Values>,
        of_weight: Option<impl Values>,
    ) {
        register(gradients, x, of_x, self.x.shape().dims::<4>());
        register(
            gradients,
            weight,
            of_weight,
            self.weight.shape().dims::<4>(),
        );
    }
}

/// Hands a gradient to a node, where both exist.
fn register<const D: usize>(
    gradients: &mut Gradients,
    node: Option<NodeId>,
    values: Option<impl Values>,
    shape: [usize; D],
) {
    if let (Some(node), Some(values)) = (node, values) {
        gradients.register::<Flex>(node, tensor(values, shape));
    }
}

/// The backward step of the training block, with and without a sum.
#[derive(Debug)]
struct BlockStep;

/// Where the input and the weight can be had again, how they were convolved, and what was kept.
type BlockState = (NodeId, NodeId, ConvGeometry, Saved);

impl Backward<Flex, 4> for BlockStep {
    type State = BlockState;

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        gradients: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = contiguous(gradients.consume::<Flex>(&ops.node));
        let parents = ops.parents.map(|parent| parent.map(|node| node.id));
        block_backward(values(&dy), parents, ops.state, gradients, checkpointer);
    }
}

impl Backward<Flex, 5> for BlockStep {
    /// The output and its activation besides.
    type State = (BlockState, FlexTensor, Activation);

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        gradients: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = contiguous(gradients.consume::<Flex>(&ops.node));
        let [x, weight, gamma, beta, kept] = ops.parents.map(|parent| parent.map(|node| node.id));
        let (state, output, activation) = ops.state;
        // The gradient of the sum is that of both its terms.
        let sum = fused::sum_gradient(values(&dy), values(&output), activation);
        drop(output);
        let parents = [x, weight, gamma, beta];
        block_backward(&sum, parents, state, gradients, checkpointer);
        register(gradients, kept, Some(sum), dy.shape().dims::<4>());
    }
}

/// Registers the gradients of a block's convolution and normalisation, given that of its
/// activation's output.
fn block_backward(
    dy: &[f32],
    [x_node, weight_node, gamma, beta]: [Option<NodeId>; 4],
    (x, weight, geometry, saved): BlockState,
    gradients: &mut Gradients,
    checkpointer: &mut Checkpointer,
) {
    let nodes = [x_node, weight_node];
    let again = Again::of([x, weight], &geometry, nodes, checkpointer);
    let Again { x, weight, .. } = &again;
    let shape = &again.shape;
    let found = fused::backward(values(x), values(weight), &saved, dy, shape, again.wanted);
    let channels = [shape.channels_out()];
    again.register(gradients, nodes, found.input, found.weight);
    register(gradients, gamma, Some(found.gamma), channels);
    register(gradients, beta, Some(found.beta), channels);
}

/// The backward step of the training block without normalisation.
#[derive(Debug)]
struct BiasBlockStep;

impl Backward<Flex, 3> for BiasBlockStep {
    type State = (NodeId, NodeId, BlockSettings, FlexTensor, PoolIndex);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        gradients: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = contiguous(gradients.consume::<Flex>(&ops.node));
        let [x_node, weight_node, bias] = ops.parents.map(|parent| parent.map(|node| node.id));
        let (x, weight, settings, output, index) = ops.state;
        let nodes = [x_node, weight_node];
        let again = Again::of([x, weight], &settings.geometry, nodes, checkpointer);
        let Again { x, weight, .. } = &again;
        let (found, bias_gradient) = fused::biased_backward(
            values(x),
            values(weight),
            (values(&output), &index),
            values(&dy),
            (&again.shape, &settings),
            again.wanted,
        );
        again.register(gradients, nodes, found.input, found.weight);
        let channels = [again.shape.channels_out()];
        register(gradients, bias, Some(bias_gradient), channels);
    }
}

/// The backward step of the max-pool.
#[derive(Debug)]
struct PoolStep;

impl Backward<Flex, 1> for PoolStep {
    /// Which values were taken, and the input's shape.
    type State = (Arc<Buffer>, [usize; 4], Windows);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = contiguous(gradients.consume::<Flex>(&ops.node));
        let [x] = ops.parents.map(|parent| parent.map(|node| node.id));
        let (index, shape, windows) = ops.state;
        let found = max_pool::backward(values(&dy), &index, [shape[2], shape[3]], &windows);
        register(gradients, x, Some(found), shape);
    }
}

impl<C: CheckpointStrategy> ConvBackend for Autodiff<Flex, C> {
    fn fast_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: ConvGeometry,
    ) -> FloatTensor<Self> {
        let step = Backward::<Flex, 2>::prepare::<C>(ConvStep, [x.node(), weight.node()]);
        match step.compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let state = (step.checkpoint(&x), step.checkpoint(&weight), geometry);
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                step.finish(state, Flex::fast_conv2d(x, weight, geometry))
            }
            OpsKind::UnTracked(step) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                step.finish(Flex::fast_conv2d(x, weight, geometry))
            }
        }
    }

    fn fast_conv2d_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: ConvGeometry,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let step = Backward::<Flex, 3>::prepare::<C>(ConvStep, nodes);
        match step.compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let state = (step.checkpoint(&x), step.checkpoint(&weight), geometry);
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let output = Flex::fast_conv2d_bias(x, weight, bias.into_primitive(), geometry);
                step.finish(state, output)
            }
            OpsKind::UnTracked(step) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let output = Flex::fast_conv2d_bias(x, weight, bias.into_primitive(), geometry);
                step.finish(output)
            }
        }
    }

    fn fast_conv_bn_act(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), weight.node(), gamma.node(), beta.node()];
        let step = BlockStep.prepare::<C>(nodes).compute_bound().stateful();
        let (output, mean, variance) = match step {
            OpsKind::Tracked(mut step) => {
                let (x_node, weight_node) = (step.checkpoint(&x), step.checkpoint(&weight));
                let (output, mean, variance, saved) = block(
                    x.into_primitive(),
                    weight.into_primitive(),
                    [gamma, beta].map(FloatTensor::<Self>::into_primitive),
                    None,
                    &settings,
                );
                let state = (x_node, weight_node, settings.geometry, saved);
                (step.finish(state, output), mean, variance)
            }
            OpsKind::UnTracked(step) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let (gamma, beta) = (gamma.into_primitive(), beta.into_primitive());
                let (output, mean, variance) =
                    Flex::fast_conv_bn_act(x, weight, gamma, beta, settings);
                (step.finish(output), mean, variance)
            }
        };
        (
            output,
            FloatTensor::<Self>::new(mean),
            FloatTensor::<Self>::new(variance),
        )
    }

    fn fast_conv_bn_sum_act(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kept: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [&x, &weight, &gamma, &beta, &kept].map(|tensor| tensor.node());
        let step = Backward::<Flex, 5>::prepare::<C>(BlockStep, nodes);
        let (output, mean, variance) = match step.compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let (x_node, weight_node) = (step.checkpoint(&x), step.checkpoint(&weight));
                let (output, mean, variance, saved) = block(
                    x.into_primitive(),
                    weight.into_primitive(),
                    [gamma, beta].map(FloatTensor::<Self>::into_primitive),
                    Some(kept.into_primitive()),
                    &settings,
                );
                let state = (x_node, weight_node, settings.geometry, saved);
                let state = (state, output.clone(), settings.activation);
                (step.finish(state, output), mean, variance)
            }
            OpsKind::UnTracked(step) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let (gamma, beta) = (gamma.into_primitive(), beta.into_primitive());
                let kept = kept.into_primitive();
                let (output, mean, variance) =
                    Flex::fast_conv_bn_sum_act(x, weight, gamma, beta, kept, settings);
                (step.finish(output), mean, variance)
            }
        };
        (
            output,
            FloatTensor::<Self>::new(mean),
            FloatTensor::<Self>::new(variance),
        )
    }

    fn fast_conv_bias_block(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        match BiasBlockStep.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(mut step) => {
                let (x_node, weight_node) = (step.checkpoint(&x), step.checkpoint(&weight));
                let (output, index) = bias_block(
                    x.into_primitive(),
                    weight.into_primitive(),
                    bias.into_primitive(),
                    &settings,
                );
                let state = (x_node, weight_node, settings, output.clone(), index);
                step.finish(state, output)
            }
            OpsKind::UnTracked(step) => {
                let (x, weight) = (x.into_primitive(), weight.into_primitive());
                let bias = bias.into_primitive();
                step.finish(Flex::fast_conv_bias_block(x, weight, bias, settings))
            }
        }
    }

    fn fast_max_pool2d(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self> {
        match PoolStep.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(step) => {
                let x = x.into_primitive();
                let shape = x.shape().dims::<4>();
                let (output, index) = pooled(x, &windows);
                step.finish((Arc::new(index), shape, windows), output)
            }
            OpsKind::UnTracked(step) => {
                step.finish(Flex::fast_max_pool2d(x.into_primitive(), windows))
            }
        }
    }
}
