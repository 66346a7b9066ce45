//! How the convolutions plug into Burn: a backend extension of the flex backend, and its autodiff
//! steps.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Bytes, DType};

use crate::backward::{OutputGradient, Wanted, backward, bias_gradient};
use crate::buffer::Buffer;
use crate::forward::convolve;
use crate::fused::{self, Activation, BlockSettings, Saved};
use crate::geometry::{ConvGeometry, Shape};

/// The differentiable operations, on the flex backend.
///
/// Burn's dispatch calls them; the functions at the root of this crate are what to call instead.
#[backend_extension(Flex, Autodiff)]
pub trait ConvBackend: Backend {
    /// Convolution without bias.
    fn fast_conv2d(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        geometry: ConvGeometry,
    ) -> FloatTensor<Self>;

    /// Convolution with bias.
    fn fast_conv2d_bias(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: ConvGeometry,
    ) -> FloatTensor<Self>;

    /// The training block: output, batch mean, unbiased batch variance.
    fn fast_conv_bn_act(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The operation for inference, which records no gradient.
#[backend_extension(Flex)]
pub trait FoldedConvBackend: Backend {
    /// Convolution, bias, activation and pool.
    fn fast_conv_bias_act(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        geometry: ConvGeometry,
        activation: Activation,
        pool: bool,
    ) -> FloatTensor<Self>;
}

/// A tensor whose values follow one another.
fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// The values of a contiguous tensor.
fn values(tensor: &FlexTensor) -> &[f32] {
    tensor
        .as_slice()
        .expect("the tensor was made contiguous, and its type was checked to be f32")
}

/// A tensor of these values.
fn tensor<const D: usize>(values: impl Values, shape: [usize; D]) -> FlexTensor {
    let layout = Layout::contiguous(shape.into());
    FlexTensor::new(values.into_bytes(), layout, DType::F32)
}

/// What a tensor can be made of without a copy.
trait Values {
    fn into_bytes(self) -> Bytes;
}

impl Values for Buffer {
    fn into_bytes(self) -> Bytes {
        self.into_bytes()
    }
}

impl Values for Vec<f32> {
    fn into_bytes(self) -> Bytes {
        Bytes::from_elems(self)
    }
}

/// The sizes of a convolution; the functions at the crate's root have checked them.
fn shape_of(x: &FlexTensor, weight: &FlexTensor, geometry: &ConvGeometry) -> Shape {
    Shape::new(x.shape().dims(), weight.shape().dims(), geometry)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn conv2d(
    x: FlexTensor,
    weight: FlexTensor,
    bias: Option<FlexTensor>,
    geometry: &ConvGeometry,
) -> FlexTensor {
    let (x, weight, bias) = (contiguous(x), contiguous(weight), bias.map(contiguous));
    let shape = shape_of(&x, &weight, geometry);
    let mut output = Buffer::take(shape.films * shape.output_film());
    let bias = bias.as_ref().map(values);
    convolve(values(&x), values(&weight), bias, &shape, &mut output);
    let [height, width] = shape.output;
    tensor(output, [shape.films, shape.channels_out(), height, width])
}

/// The training block's tensors: output, mean, variance, and what the backward pass needs.
fn block(
    x: FlexTensor,
    weight: FlexTensor,
    gamma: FlexTensor,
    beta: FlexTensor,
    settings: &BlockSettings,
) -> (FlexTensor, FlexTensor, FlexTensor, Saved) {
    let (x, weight) = (contiguous(x), contiguous(weight));
    let (gamma, beta) = (contiguous(gamma), contiguous(beta));
    let shape = shape_of(&x, &weight, &settings.geometry);
    let forward = fused::forward(
        values(&x),
        values(&weight),
        values(&gamma),
        values(&beta),
        &shape,
        settings,
    );
    let channels = shape.channels_out();
    let [height, width] = shape.output.map(|side| side >> usize::from(settings.pool));
    (
        tensor(forward.output, [shape.films, channels, height, width]),
        tensor(forward.mean, [channels]),
        tensor(forward.variance, [channels]),
        forward.saved,
    )
}

impl ConvBackend for Flex {
    fn fast_conv2d(x: FlexTensor, weight: FlexTensor, geometry: ConvGeometry) -> FlexTensor {
        conv2d(x, weight, None, &geometry)
    }

    fn fast_conv2d_bias(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        geometry: ConvGeometry,
    ) -> FlexTensor {
        conv2d(x, weight, Some(bias), &geometry)
    }

    fn fast_conv_bn_act(
        x: FlexTensor,
        weight: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        settings: BlockSettings,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (output, mean, variance, _) = block(x, weight, gamma, beta, &settings);
        (output, mean, variance)
    }
}

impl FoldedConvBackend for Flex {
    fn fast_conv_bias_act(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        geometry: ConvGeometry,
        activation: Activation,
        pool: bool,
    ) -> FlexTensor {
        let (x, weight, bias) = (contiguous(x), contiguous(weight), contiguous(bias));
        let shape = shape_of(&x, &weight, &geometry);
        let (x, weight, bias) = (values(&x), values(&weight), values(&bias));
        let precision = crate::api::precision();
        let output = fused::convolve_activate(x, weight, bias, &shape, activation, pool, precision);
        let [height, width] = shape.output.map(|side| side >> usize::from(pool));
        tensor(output, [shape.films, shape.channels_out(), height, width])
    }
}

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
    [x_node, weight_node]: [Option<NodeId>; 2],
    (x, weight, geometry): ConvState,
    gradients: &mut Gradients,
    checkpointer: &mut Checkpointer,
) -> Shape {
    let x = contiguous(checkpointer.retrieve_node_output::<FlexTensor>(x));
    let weight = contiguous(checkpointer.retrieve_node_output::<FlexTensor>(weight));
    let shape = shape_of(&x, &weight, &geometry);
    let wanted = Wanted {
        input: x_node.is_some(),
        weight: weight_node.is_some(),
    };
    let dy = OutputGradient::Given(values(dy));
    let found = backward(values(&x), values(&weight), dy, &shape, wanted);
    register(gradients, x_node, found.input, x.shape().dims::<4>());
    register(
        gradients,
        weight_node,
        found.weight,
        weight.shape().dims::<4>(),
    );
    shape
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

/// The backward step of the training block.
#[derive(Debug)]
struct BlockStep;

impl Backward<Flex, 4> for BlockStep {
    type State = (NodeId, NodeId, ConvGeometry, Saved);

    fn backward(
        self,
        ops: Ops<Self::State, 4>,
        gradients: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let dy = contiguous(gradients.consume::<Flex>(&ops.node));
        let [x_node, weight_node, gamma, beta] =
            ops.parents.map(|parent| parent.map(|node| node.id));
        let (x, weight, geometry, saved) = ops.state;
        let x = contiguous(checkpointer.retrieve_node_output::<FlexTensor>(x));
        let weight = contiguous(checkpointer.retrieve_node_output::<FlexTensor>(weight));
        let shape = shape_of(&x, &weight, &geometry);
        let wanted = Wanted {
            input: x_node.is_some(),
            weight: weight_node.is_some(),
        };
        let found = fused::backward(
            values(&x),
            values(&weight),
            &saved,
            values(&dy),
            &shape,
            wanted,
        );
        let channels = [shape.channels_out()];
        register(gradients, x_node, found.input, x.shape().dims::<4>());
        register(
            gradients,
            weight_node,
            found.weight,
            weight.shape().dims::<4>(),
        );
        register(gradients, gamma, Some(found.gamma), channels);
        register(gradients, beta, Some(found.beta), channels);
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
        let run = |x: FloatTensor<Self>, weight: FloatTensor<Self>| {
            let (gamma, beta) = (gamma.into_primitive(), beta.into_primitive());
            block(
                x.into_primitive(),
                weight.into_primitive(),
                gamma,
                beta,
                &settings,
            )
        };
        let (output, mean, variance) = match step {
            OpsKind::Tracked(mut step) => {
                let (x_node, weight_node) = (step.checkpoint(&x), step.checkpoint(&weight));
                let (output, mean, variance, saved) = run(x, weight);
                let state = (x_node, weight_node, settings.geometry, saved);
                (step.finish(state, output), mean, variance)
            }
            OpsKind::UnTracked(step) => {
                let (output, mean, variance, _) = run(x, weight);
                (step.finish(output), mean, variance)
            }
        };
        (
            output,
            FloatTensor::<Self>::new(mean),
            FloatTensor::<Self>::new(variance),
        )
    }
}
