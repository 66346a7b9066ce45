//! The functions a model calls: they check shapes, choose between this crate's path and Burn's own
//! operations, and wrap tensors.

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions, PadMode};
use burn::tensor::{DType, Tensor, activation, module};

use crate::extension::{AdamBackend, ConvBackend};
use crate::fused::{Activation, BlockSettings};
use crate::geometry::{ConvGeometry, GeometryError};
use crate::max_pool::Windows;
use crate::optimiser::AdamStep;
use crate::switches::enabled;

/// True where every tensor is 32-bit on the flex backend and the fast path is on.
pub(crate) fn fast<const D: usize>(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    others: &[&Tensor<D>],
) -> bool {
    let mut types = others.iter().map(|tensor| tensor.dtype());
    enabled()
        && on_flex(x)
        && x.dtype() == DType::F32
        && weight.dtype() == DType::F32
        && types.all(|dtype| dtype == DType::F32)
}

/// Whether a tensor is on the flex backend, tracked or not.
fn on_flex<const D: usize>(x: &Tensor<D>) -> bool {
    match x.device().as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(inner) => matches!(**inner, DispatchDevice::Flex(_)),
        // Which other backends exist is decided by features of the program.
        #[allow(unreachable_patterns)]
        _ => false,
    }
}

/// Stops with the message of a [`GeometryError`], or with the length of a per-channel tensor that
/// does not match; as Burn's own operations do.
pub(crate) fn check(
    operation: &str,
    x: &Tensor<4>,
    weight: &Tensor<4>,
    per_channel: &[(&str, &Tensor<1>)],
    geometry: &ConvGeometry,
    pool: bool,
) {
    let found = geometry
        .output_shape(x.dims(), weight.dims())
        .and_then(|output| {
            let map = [output[2], output[3]];
            if pool && map.iter().any(|&side| side < 2) {
                return Err(GeometryError::TooSmallToPool(map));
            }
            Ok(output)
        });
    let channels = match found {
        Ok(output) => output[1],
        Err(error) => panic!("{operation}: {error}"),
    };
    for (name, tensor) in per_channel {
        let [length] = tensor.dims();
        assert_eq!(
            length, channels,
            "{operation}: expected {name} of {channels} values, found {length}"
        );
    }
}

/// Convolves `x` `[films, channels, height, width]` with `weight`
/// `[out channels, channels / groups, kernel height, kernel width]` and adds `bias`
/// `[out channels]`.
///
/// Gives `[films, out channels, output height, output width]`
/// (see [`ConvGeometry::output_size`]). On an autodiff device the gradients of the tensors that
/// are tracked are computed, and only those: the first layer of a network pays nothing for its
/// films.
///
/// # Panics
/// When the shapes do not fit, with the message of [`ConvGeometry::output_shape`].
pub fn conv2d(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    geometry: ConvGeometry,
) -> Tensor<4> {
    let named: Vec<_> = bias.iter().map(|bias| ("a bias", bias)).collect();
    check("conv2d", &x, &weight, &named, &geometry, false);
    if !fast(&x, &weight, &bias.iter().collect::<Vec<_>>()) {
        let x = match geometry.padding_more {
            [0, 0] => x,
            [below, right] => x.pad((0, right, 0, below), PadMode::Constant(0.0)),
        };
        return module::conv2d(x, weight, bias, options(&geometry));
    }
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(match bias {
        Some(bias) => Dispatch::fast_conv2d_bias(x, weight, bias.into_dispatch(), geometry),
        None => Dispatch::fast_conv2d(x, weight, geometry),
    })
}

/// A training block: convolution without bias, batch normalisation with the statistics of this
/// batch, `activation`, and with `pool` a 2x2 max-pool of stride 2 (an odd last row or column is
/// left out, as in PyTorch).
///
/// `x` and `weight` as in [`conv2d`]; `gamma` and `beta` `[out channels]`. `epsilon` is added to
/// the variance before its root (PyTorch: 1e-5).
///
/// Gives the output, the batch's mean `[out channels]` and its **unbiased** variance
/// `[out channels]` (sum of squared deviations over the count less one), which is what PyTorch
/// feeds into its running variance; the normalisation itself uses the biased one, as everywhere.
/// With a single value per channel, where PyTorch refuses, the variance is zero and the output
/// `activation(beta)`. Mean and variance are detached. Updating the running statistics is the
/// caller's business: `running = (1 - momentum) running + momentum batch`.
///
/// # Panics
/// When the shapes do not fit, with the message of [`ConvGeometry::output_shape`], or when a map
/// to pool is less than two pixels high or wide.
#[expect(
    clippy::too_many_arguments,
    reason = "four tensors and four settings, each with its own meaning, in the order of the work"
)]
pub fn conv_bn_act(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    geometry: ConvGeometry,
    epsilon: f64,
    activation: Activation,
    pool: bool,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let named = [("gamma", &gamma), ("beta", &beta)];
    check("conv_bn_act", &x, &weight, &named, &geometry, pool);
    let settings = BlockSettings {
        geometry,
        epsilon,
        activation,
        pool,
    };
    let ordered = !pool || activation.keeps_order();
    if ordered && fast(&x, &weight, &[&gamma, &beta]) {
        let (output, mean, variance) = Dispatch::fast_conv_bn_act(
            x.into_dispatch(),
            weight.into_dispatch(),
            gamma.into_dispatch(),
            beta.into_dispatch(),
            settings,
        );
        return (
            Tensor::from_dispatch(output),
            Tensor::from_dispatch(mean),
            Tensor::from_dispatch(variance),
        );
    }
    let (normal, mean, variance) = conv_bn(x, weight, gamma, beta, &settings);
    (activate_pool(normal, activation, pool), mean, variance)
}

/// The training block at the end of a residual block (He et al. 2016): convolution without bias,
/// batch normalisation with the statistics of this batch, the sum with `kept`
/// `[films, out channels, output height, output width]`, and `activation`.
///
/// Everything else as [`conv_bn_act`].
///
/// # Panics
/// As [`conv_bn_act`], or when `kept` has another shape than the convolution's output.
#[expect(
    clippy::too_many_arguments,
    reason = "five tensors and three settings, each with its own meaning, in the order of the work"
)]
pub fn conv_bn_sum_act(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    kept: Tensor<4>,
    geometry: ConvGeometry,
    epsilon: f64,
    activation: Activation,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let named = [("gamma", &gamma), ("beta", &beta)];
    check("conv_bn_sum_act", &x, &weight, &named, &geometry, false);
    check_sum("conv_bn_sum_act", &x, &weight, &kept, &geometry);
    let settings = BlockSettings {
        geometry,
        epsilon,
        activation,
        pool: false,
    };
    if activation.keeps_order() && fast(&x, &weight, &[&gamma, &beta]) && kept.dtype() == DType::F32
    {
        let (output, mean, variance) = Dispatch::fast_conv_bn_sum_act(
            x.into_dispatch(),
            weight.into_dispatch(),
            gamma.into_dispatch(),
            beta.into_dispatch(),
            kept.into_dispatch(),
            settings,
        );
        return (
            Tensor::from_dispatch(output),
            Tensor::from_dispatch(mean),
            Tensor::from_dispatch(variance),
        );
    }
    let (normal, mean, variance) = conv_bn(x, weight, gamma, beta, &settings);
    (
        activate_pool(normal + kept, activation, false),
        mean,
        variance,
    )
}

/// Convolution and batch normalisation by Burn's own operations: normalised, mean, unbiased
/// variance.
fn conv_bn(
    x: Tensor<4>,
    weight: Tensor<4>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    settings: &BlockSettings,
) -> (Tensor<4>, Tensor<1>, Tensor<1>) {
    let z = conv2d(x, weight, None, settings.geometry);
    let [films, _, height, width] = z.dims();
    let count = films * height * width;
    let normal = module::batch_norm_train(z, gamma, beta, settings.epsilon);
    let variance = if count > 1 {
        let unbias = count as f64 / (count as f64 - 1.0);
        normal.variance.mul_scalar(unbias)
    } else {
        normal.variance
    };
    (normal.output, normal.mean, variance)
}

/// Stops where what is to be added has not the shape of what it is added to.
pub(crate) fn check_sum(
    operation: &str,
    x: &Tensor<4>,
    weight: &Tensor<4>,
    kept: &Tensor<4>,
    geometry: &ConvGeometry,
) {
    let found = kept.dims();
    match geometry.output_shape(x.dims(), weight.dims()) {
        Ok(expected) => assert!(
            expected == found,
            "{operation}: expected something of shape {expected:?} to add, found {found:?}"
        ),
        Err(error) => panic!("{operation}: {error}"),
    }
}

/// A block without normalisation: convolution with bias, `activation`, and with `pool` a 2x2
/// max-pool of stride 2. [`fold_batch_norm`] makes weight and bias from a trained block.
///
/// Tensors as in [`conv2d`]. Differentiable; for prediction [`infer_block`](crate::infer_block) does
/// more at once.
///
/// # Panics
/// As [`conv_bn_act`].
pub fn conv_bias_act(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    geometry: ConvGeometry,
    activation: Activation,
    pool: bool,
) -> Tensor<4> {
    check(
        "conv_bias_act",
        &x,
        &weight,
        &[("a bias", &bias)],
        &geometry,
        pool,
    );
    if !(activation.keeps_order() && fast(&x, &weight, &[&bias])) {
        return activate_pool(conv2d(x, weight, Some(bias), geometry), activation, pool);
    }
    let settings = BlockSettings {
        geometry,
        epsilon: 0.0,
        activation,
        pool,
    };
    Tensor::from_dispatch(Dispatch::fast_conv_bias_block(
        x.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        settings,
    ))
}

/// The largest value of each window of `x` `[films, channels, height, width]` (floor); the padding
/// is never the largest.
///
/// # Panics
/// With Burn's own message, when a window is larger than the padded map.
pub fn max_pool2d(x: Tensor<4>, windows: Windows) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    if enabled() && on_flex(&x) && x.dtype() == DType::F32 && windows.fit([height, width]) {
        return Tensor::from_dispatch(Dispatch::fast_max_pool2d(x.into_dispatch(), windows));
    }
    let options = MaxPoolOptions::new([windows.size; 2])
        .with_stride([windows.stride; 2])
        .with_padding([windows.padding; 2]);
    module::max_pool2d(x, options)
}

/// A step of Adam or AdamW on one tensor of weights: gives the new weights and both moments. All
/// tensors have one shape and are on a device without autodiff; the moments start at zero.
///
/// # Panics
/// When the shapes differ.
pub fn adam_step<const D: usize>(
    weight: Tensor<D>,
    gradient: Tensor<D>,
    [first, second]: [Tensor<D>; 2],
    step: AdamStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let all = [&weight, &gradient, &first, &second];
    for tensor in all {
        let (expected, found) = (weight.dims(), tensor.dims());
        assert_eq!(expected, found, "adam_step: tensors of one shape");
    }
    let on_flex = |tensor: &Tensor<D>| on_flex(tensor) && !tensor.device().is_autodiff();
    if enabled() && all.iter().all(|t| on_flex(t) && t.dtype() == DType::F32) {
        let (weight, first, second) = Dispatch::fast_adam(
            weight.into_dispatch(),
            gradient.into_dispatch(),
            first.into_dispatch(),
            second.into_dispatch(),
            step,
        );
        let moments = [first, second].map(Tensor::from_dispatch);
        return (Tensor::from_dispatch(weight), moments);
    }
    let factors = step.factors();
    let gradient = gradient + weight.clone() * step.coupled_decay;
    let first = first * step.beta_1 + gradient.clone() * (1.0 - step.beta_1);
    let second = second * step.beta_2 + gradient.square() * (1.0 - step.beta_2);
    let divisor = second.clone().sqrt() * factors.root + step.epsilon;
    let weight = weight * factors.kept - first.clone() * factors.rate / divisor;
    (weight, [first, second])
}

/// Folds a batch normalisation with running statistics into the convolution before it, for
/// [`conv_bias_act`]: with `s = gamma / sqrt(variance + epsilon)`, the weight becomes
/// `s weight` (per output channel) and the bias `beta + s (bias - mean)`.
///
/// `weight` `[out channels, …]`, everything else `[out channels]`; `bias` is the convolution's
/// own, if it has one. Takes the running variance as it is, biased or not.
///
/// # Panics
/// When a length does not match (Burn's own message).
pub fn fold_batch_norm(
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    mean: Tensor<1>,
    variance: Tensor<1>,
    epsilon: f64,
) -> (Tensor<4>, Tensor<1>) {
    let channels = weight.dims()[0];
    let scale = gamma / variance.add_scalar(epsilon).sqrt();
    let centre = match bias {
        Some(bias) => bias - mean,
        None => -mean,
    };
    let folded = weight * scale.clone().reshape([channels, 1, 1, 1]);
    (folded, beta + scale * centre)
}

/// The same settings for Burn's own convolution, but for uneven padding.
fn options(geometry: &ConvGeometry) -> ConvOptions<2> {
    ConvOptions::new(
        geometry.stride,
        geometry.padding,
        geometry.dilation,
        geometry.groups,
    )
}

/// Activation, then the pool, by Burn's own operations.
pub(crate) fn activate_pool(x: Tensor<4>, with: Activation, pool: bool) -> Tensor<4> {
    let x = match with {
        Activation::Identity => x,
        Activation::Relu => activation::relu(x),
        Activation::LeakyRelu(slope) => activation::leaky_relu(x, f64::from(slope)),
        Activation::Relu6 => activation::relu(x).clamp_max(6.0),
    };
    if pool {
        module::max_pool2d(x, MaxPoolOptions::new([2, 2]))
    } else {
        x
    }
}
