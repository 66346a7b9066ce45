//! The functions a model calls: they check shapes, choose between this crate's path and Burn's own
//! operations, and wrap tensors.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::backend::{Dispatch, DispatchDevice};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{DType, Tensor, activation, module};

use crate::extension::{ConvBackend, FoldedConvBackend};
use crate::fused::{Activation, BlockSettings, Precision};
use crate::geometry::{ConvGeometry, GeometryError};
use crate::kernel::amx;

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Turns the fast path on (as it is at the start) or off, for the whole process.
///
/// A graph keeps the path it was recorded with; call this between steps, not within one.
pub fn set_enabled(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// Whether the fast path is on.
pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

static HALF_PRECISION: AtomicBool = AtomicBool::new(false);

/// The CPU cannot compute in the precision that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a CPU with AMX for bfloat16 under Linux (Intel since Sapphire Rapids), found none\n\
     hint: 32 bits run everywhere"
)]
pub struct PrecisionError;

/// Sets the precision of [`conv_bias_act`], for the whole process; 32 bits at the start. Training
/// is not touched by it.
///
/// # Errors
/// [`PrecisionError`] where bfloat16 is asked for and the CPU has no unit for it; nothing changes.
pub fn set_precision(precision: Precision) -> Result<(), PrecisionError> {
    let half = precision == Precision::BFloat16;
    if half && !amx::available() {
        return Err(PrecisionError);
    }
    HALF_PRECISION.store(half, Ordering::Relaxed);
    Ok(())
}

/// The precision that was set.
pub(crate) fn precision() -> Precision {
    if HALF_PRECISION.load(Ordering::Relaxed) {
        Precision::BFloat16
    } else {
        Precision::Float32
    }
}

/// True where every tensor is 32-bit on the flex backend and the fast path is on.
fn fast<const D: usize>(x: &Tensor<4>, weight: &Tensor<4>, others: &[&Tensor<D>]) -> bool {
    let on_flex = match x.device().as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(inner) => matches!(**inner, DispatchDevice::Flex(_)),
        // Which other backends exist is decided by features of the program.
        #[allow(unreachable_patterns)]
        _ => false,
    };
    let mut types = others.iter().map(|tensor| tensor.dtype());
    enabled()
        && on_flex
        && x.dtype() == DType::F32
        && weight.dtype() == DType::F32
        && types.all(|dtype| dtype == DType::F32)
}

/// Stops with the message of a [`GeometryError`], or with the length of a per-channel tensor that
/// does not match; as Burn's own operations do.
fn check(
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
    let ordered = !pool || activation.keeps_order();
    if ordered && fast(&x, &weight, &[&gamma, &beta]) {
        let (output, mean, variance) = Dispatch::fast_conv_bn_act(
            x.into_dispatch(),
            weight.into_dispatch(),
            gamma.into_dispatch(),
            beta.into_dispatch(),
            BlockSettings {
                geometry,
                epsilon,
                activation,
                pool,
            },
        );
        return (
            Tensor::from_dispatch(output),
            Tensor::from_dispatch(mean),
            Tensor::from_dispatch(variance),
        );
    }
    let z = conv2d(x, weight, None, geometry);
    let [films, _, height, width] = z.dims();
    let count = films * height * width;
    let normal = module::batch_norm_train(z, gamma, beta, epsilon);
    let variance = if count > 1 {
        let unbias = count as f64 / (count as f64 - 1.0);
        normal.variance.mul_scalar(unbias)
    } else {
        normal.variance
    };
    let output = activate_pool(normal.output, activation, pool);
    (output, normal.mean, variance)
}

/// An inference block: convolution with bias, `activation`, and with `pool` a 2x2 max-pool of
/// stride 2. [`fold_batch_norm`] makes weight and bias from a trained block.
///
/// Tensors as in [`conv2d`]. On an autodiff device this stays differentiable: the convolution is
/// the fast one, and activation and pool are Burn's.
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
    let plain = [x.device(), weight.device(), bias.device()]
        .iter()
        .all(|device| !device.is_autodiff());
    let ordered = !pool || activation.keeps_order();
    if plain && ordered && fast(&x, &weight, &[&bias]) {
        return Tensor::from_dispatch(Dispatch::fast_conv_bias_act(
            x.into_dispatch(),
            weight.into_dispatch(),
            bias.into_dispatch(),
            geometry,
            activation,
            pool,
        ));
    }
    activate_pool(conv2d(x, weight, Some(bias), geometry), activation, pool)
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

/// The same settings for Burn's own convolution.
fn options(geometry: &ConvGeometry) -> ConvOptions<2> {
    ConvOptions::new(
        geometry.stride,
        geometry.padding,
        geometry.dilation,
        geometry.groups,
    )
}

/// Activation, then the pool, by Burn's own operations.
fn activate_pool(x: Tensor<4>, with: Activation, pool: bool) -> Tensor<4> {
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
