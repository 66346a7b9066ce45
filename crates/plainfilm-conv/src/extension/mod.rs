//! How the operations plug into Burn: backend extensions of the flex backend, and their autodiff
//! steps.

mod autodiff;

use std::sync::Arc;

use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Bytes, DType};

use crate::buffer::Buffer;
use crate::chain::packed::Chain;
use crate::forward::convolve;
use crate::fused::{self, Activation, BlockSettings, PoolIndex, Prepared, Saved};
use crate::geometry::{ConvGeometry, Shape};
use crate::kernel::elementwise::Channel;
use crate::max_pool::{self, Windows};
use crate::optimiser::AdamStep;

/// The normalisation of every channel.
#[derive(Clone, Debug)]
pub struct Channels(pub(crate) Vec<Channel>);

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

    /// The same with `kept` added before the activation; without a pool.
    fn fast_conv_bn_sum_act(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        kept: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The training block without normalisation.
    fn fast_conv_bias_block(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        settings: BlockSettings,
    ) -> FloatTensor<Self>;

    /// The largest value of each window.
    fn fast_max_pool2d(x: FloatTensor<Self>, windows: Windows) -> FloatTensor<Self>;
}

/// The operations for inference, which record no gradient.
#[backend_extension(Flex)]
pub trait InferenceBackend: Backend {
    /// A block made ready.
    fn fast_block(x: FloatTensor<Self>, block: Arc<Prepared>) -> FloatTensor<Self>;

    /// A block made ready, with `kept` added before its activation.
    fn fast_block_sum(
        x: FloatTensor<Self>,
        kept: FloatTensor<Self>,
        block: Arc<Prepared>,
    ) -> FloatTensor<Self>;

    /// Several layers at once.
    fn fast_chain(films: FloatTensor<Self>, chain: Arc<Chain>) -> FloatTensor<Self>;

    /// The channels of both, side by side.
    fn fast_side_by_side(first: FloatTensor<Self>, second: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Normalisation of every channel, and an activation.
    fn fast_norm_act(
        x: FloatTensor<Self>,
        channels: Channels,
        activation: Activation,
    ) -> FloatTensor<Self>;
}

/// The optimiser's step, which records no gradient.
#[backend_extension(Flex)]
pub trait AdamBackend: Backend {
    /// New weights and moments from weights, gradient and moments, all of one shape.
    fn fast_adam(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// A tensor whose values follow one another.
pub(crate) fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// A tensor whose memory holds its values and no others, in order.
fn alone(tensor: FlexTensor) -> FlexTensor {
    let tensor = contiguous(tensor);
    if tensor.storage::<f32>().len() == values(&tensor).len() {
        return tensor;
    }
    let layout = Layout::contiguous(tensor.shape());
    FlexTensor::new(values(&tensor).to_vec().into_bytes(), layout, DType::F32)
}

/// The values of a contiguous tensor.
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
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
    [gamma, beta]: [FlexTensor; 2],
    kept: Option<FlexTensor>,
    settings: &BlockSettings,
) -> (FlexTensor, FlexTensor, FlexTensor, Saved) {
    let (x, weight, kept) = (contiguous(x), contiguous(weight), kept.map(contiguous));
    let [gamma, beta] = [gamma, beta].map(contiguous);
    let shape = shape_of(&x, &weight, &settings.geometry);
    let forward = fused::forward(
        values(&x),
        values(&weight),
        [values(&gamma), values(&beta)],
        kept.as_ref().map(values),
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

/// The training block without normalisation, and which values its pool took.
fn bias_block(
    x: FlexTensor,
    weight: FlexTensor,
    bias: FlexTensor,
    settings: &BlockSettings,
) -> (FlexTensor, PoolIndex) {
    let (x, weight, bias) = (contiguous(x), contiguous(weight), contiguous(bias));
    let shape = shape_of(&x, &weight, &settings.geometry);
    let (output, index) =
        fused::biased_forward(values(&x), values(&weight), values(&bias), &shape, settings);
    let [height, width] = shape.output.map(|side| side >> usize::from(settings.pool));
    let output = tensor(output, [shape.films, shape.channels_out(), height, width]);
    (output, index)
}

/// The largest values, and which they were.
fn pooled(x: FlexTensor, windows: &Windows) -> (FlexTensor, Buffer) {
    let x = contiguous(x);
    let [films, channels, height, width] = x.shape().dims();
    let (output, index) = max_pool::forward(values(&x), [height, width], windows);
    let [height, width] = windows.output([height, width]);
    (tensor(output, [films, channels, height, width]), index)
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
        let (output, mean, variance, _) = block(x, weight, [gamma, beta], None, &settings);
        (output, mean, variance)
    }

    fn fast_conv_bn_sum_act(
        x: FlexTensor,
        weight: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        kept: FlexTensor,
        settings: BlockSettings,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (output, mean, variance, _) = block(x, weight, [gamma, beta], Some(kept), &settings);
        (output, mean, variance)
    }

    fn fast_conv_bias_block(
        x: FlexTensor,
        weight: FlexTensor,
        bias: FlexTensor,
        settings: BlockSettings,
    ) -> FlexTensor {
        bias_block(x, weight, bias, &settings).0
    }

    fn fast_max_pool2d(x: FlexTensor, windows: Windows) -> FlexTensor {
        pooled(x, &windows).0
    }
}

impl InferenceBackend for Flex {
    fn fast_block(x: FlexTensor, block: Arc<Prepared>) -> FlexTensor {
        let x = contiguous(x);
        tensor(block.run(values(&x), None), block.output())
    }

    fn fast_block_sum(x: FlexTensor, kept: FlexTensor, block: Arc<Prepared>) -> FlexTensor {
        let (x, kept) = (contiguous(x), contiguous(kept));
        tensor(block.run(values(&x), Some(values(&kept))), block.output())
    }

    fn fast_chain(films: FlexTensor, chain: Arc<Chain>) -> FlexTensor {
        let films = contiguous(films);
        let [count, ..] = films.shape().dims::<4>();
        tensor(chain.run(values(&films), count), chain.output(count))
    }

    fn fast_side_by_side(first: FlexTensor, second: FlexTensor) -> FlexTensor {
        let (first, second) = (contiguous(first), contiguous(second));
        let [films, channels, height, width] = first.shape().dims();
        let shape = [
            films,
            channels + second.shape().dims::<4>()[1],
            height,
            width,
        ];
        let output = fused::side_by_side([values(&first), values(&second)], films);
        tensor(output, shape)
    }

    fn fast_norm_act(x: FlexTensor, channels: Channels, activation: Activation) -> FlexTensor {
        let x = contiguous(x);
        let shape = x.shape().dims::<4>();
        let output = fused::normalise_activate(values(&x), shape, &channels.0, activation);
        tensor(output, shape)
    }
}

impl AdamBackend for Flex {
    fn fast_adam(
        weight: FlexTensor,
        gradient: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        step: AdamStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (weight, gradient) = (contiguous(weight), contiguous(gradient));
        let (mut first, mut second) = (alone(first), alone(second));
        let mut out = Buffer::take(values(&weight).len());
        step.run(
            values(&weight),
            values(&gradient),
            first.storage_mut(),
            second.storage_mut(),
            &mut out,
        );
        let layout = Layout::contiguous(weight.shape());
        let weight = FlexTensor::new(out.into_bytes(), layout, DType::F32);
        (weight, first, second)
    }
}
