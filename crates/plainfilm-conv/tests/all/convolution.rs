//! `conv2d` and its gradients.

use burn::tensor::ops::{ConvOptions, PadMode};
use burn::tensor::{DType, Device, Tensor, module};
use plainfilm_conv::{ConvGeometry, conv2d};
use proptest::prelude::*;

use crate::support::{Case, assert_close, numbers, shape_classes, tensor, uniform};

/// Output and gradients of x, weight and bias for the loss `sum(output * probe)`.
fn run(case: &Case, dtype: DType, burns_own: bool) -> [Vec<f64>; 4] {
    let device = Device::flex().autodiff();
    let make = |seed, shape: [usize; 4]| {
        tensor(
            &uniform(seed, shape.iter().product()),
            shape,
            dtype,
            &device,
        )
    };
    let x = make(1, case.input()).require_grad();
    let weight = make(2, case.weight()).require_grad();
    let channels = case.channels[1];
    let bias = tensor(&uniform(3, channels), [channels], dtype, &device).require_grad();
    let geometry = case.geometry;
    let (x_used, weight_used) = (x.clone(), weight.clone());
    let output = if burns_own {
        let options = ConvOptions::new(
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            geometry.groups,
        );
        let [below, right] = geometry.padding_more;
        let padded = x_used.pad((0, right, 0, below), PadMode::Constant(0.0));
        module::conv2d(padded, weight_used, Some(bias.clone()), options)
    } else {
        conv2d(x_used, weight_used, Some(bias.clone()), geometry)
    };
    assert_eq!(output.dims(), case.output());
    let gradients = (output.clone() * make(4, case.output())).sum().backward();
    [
        numbers(&output),
        numbers(&x.grad(&gradients).unwrap()),
        numbers(&weight.grad(&gradients).unwrap()),
        numbers(&bias.grad(&gradients).unwrap()),
    ]
}

fn compare(name: &str, case: &Case) {
    let found = run(case, DType::F32, false);
    let expected = run(case, DType::F64, true);
    let parts = ["output", "x", "weight", "bias"];
    for ((part, found), expected) in parts.iter().zip(&found).zip(&expected) {
        assert_close(
            &format!("{name}: {part}"),
            found,
            expected,
            case.tolerance(),
        );
    }
}

#[test]
fn every_shape_class_agrees_with_burn_in_float64() {
    for (name, case) in shape_classes() {
        compare(name, &case);
    }
}

/// Random shapes whose kernel fits.
fn cases() -> impl Strategy<Value = Case> {
    let pair = |range: std::ops::Range<usize>| [range.clone(), range];
    (
        (1usize..4, 1usize..4, 1usize..4, 1usize..4),
        pair(1..12),
        pair(1..5),
        pair(1..4),
        pair(0..4),
        pair(1..3),
    )
        .prop_map(
            |((films, inputs, outputs, groups), size, kernel, stride, padding, dilation)| Case {
                films,
                channels: [inputs * groups, outputs * groups],
                size,
                kernel,
                geometry: ConvGeometry {
                    stride,
                    padding,
                    dilation,
                    groups,
                    ..ConvGeometry::default()
                },
            },
        )
        .prop_filter("the kernel must fit", |case| {
            case.geometry.output_size(case.size, case.kernel).is_ok()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn random_shapes_agree_with_burn_in_float64(case in cases()) {
        compare(&format!("{case:?}"), &case);
    }
}

#[test]
fn untracked_tensors_get_no_gradient() {
    let device = Device::flex().autodiff();
    let make = |seed, shape: [usize; 4]| {
        tensor(
            &uniform(seed, shape.iter().product()),
            shape,
            DType::F32,
            &device,
        )
    };
    let x = make(1, [2, 3, 6, 6]);
    let weight = make(2, [4, 3, 3, 3]).require_grad();
    let output = conv2d(x.clone(), weight.clone(), None, ConvGeometry::padded(1));
    let gradients = output.sum().backward();
    assert!(x.grad(&gradients).is_none());
    assert!(weight.grad(&gradients).is_some());
}

#[test]
fn views_that_are_not_contiguous_are_read_rightly() {
    let device = Device::flex();
    let values = uniform(5, 2 * 3 * 6 * 5);
    let x = tensor(&values, [2, 3, 6, 5], DType::F32, &device);
    let weight = tensor(&uniform(6, 4 * 3 * 9), [4, 3, 3, 3], DType::F32, &device);
    let turned = x.clone().swap_dims(2, 3);
    let copied: Tensor<4> = Tensor::from_data(turned.to_data(), &device);
    let geometry = ConvGeometry::padded(1);
    let found = conv2d(turned, weight.clone(), None, geometry);
    let expected = conv2d(copied, weight, None, geometry);
    assert_eq!(numbers(&found), numbers(&expected));
}

#[test]
#[should_panic(expected = "expected 4 input channels")]
fn wrong_channels_stop_with_a_clear_message() {
    let device = Device::flex();
    let _ = conv2d(
        Tensor::zeros([1, 3, 5, 5], &device),
        Tensor::zeros([2, 4, 3, 3], &device),
        None,
        ConvGeometry::default(),
    );
}
