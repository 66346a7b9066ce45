//! Training in 16 bits; the precision is the process's, so these tests are a program of their own, and
//! none of them changes it back.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "all/support.rs"]
mod support;

use burn::tensor::{DType, Device, Tensor};
use plainfilm_conv::{Activation, Precision, conv_bn_act, conv2d, set_precision};
use support::{Case, Row, assert_close, case, numbers, tensor, uniform};

/// Largest difference to 64 bits, as a fraction of the largest magnitude: operands are rounded to
/// 8 bits, half of 2^-8 each.
const TOLERANCE: f64 = 1e-2;

/// False, with a word on why, where the CPU has no unit for 16 bits.
fn in_sixteen_bits(test: &str) -> bool {
    match set_precision(Precision::BFloat16) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("SKIPPED: {test}: {error}");
            false
        }
    }
}

fn cases() -> Vec<Case> {
    let one = [1, 1];
    let rows: [Row; 11] = [
        (2, [64, 64], [20, 20], [3, 3], one, [1, 1], one, 1),
        (3, [8, 16], [33, 31], [3, 3], one, [1, 1], one, 1),
        (9, [70, 40], [7, 7], [3, 3], one, [1, 1], one, 1),
        // A border of its own making, which the gradient has to leave out.
        (2, [32, 16], [9, 11], one, one, [1, 1], one, 1),
        (2, [48, 24], [14, 14], one, one, [0, 0], one, 1),
        (2, [16, 33], [15, 14], [3, 3], [2, 2], [1, 1], one, 1),
        (2, [24, 40], [13, 13], one, [2, 2], [0, 0], one, 1),
        (1, [12, 8], [12, 17], [5, 3], one, [2, 0], one, 1),
        (1, [16, 16], [12, 12], [3, 3], one, [2, 2], [2, 2], 1),
        (17, [40, 9], [1, 1], one, one, [0, 0], one, 1),
        (1, [16, 8], [60, 120], [3, 3], one, [1, 1], one, 1),
    ];
    rows.into_iter().map(case).collect()
}

/// Output and gradients of a convolution.
fn convolved(case: &Case, dtype: DType) -> [Vec<f64>; 4] {
    let device = Device::flex().autodiff();
    let x = tensor(
        &uniform(1, case.input().iter().product()),
        case.input(),
        dtype,
        &device,
    );
    let weight = uniform(2, case.weight().iter().product());
    let weight = tensor(&weight, case.weight(), dtype, &device);
    let channels = case.channels[1];
    let bias: Tensor<1> = tensor(&uniform(3, channels), [channels], dtype, &device);
    let (x, weight, bias) = (x.require_grad(), weight.require_grad(), bias.require_grad());
    let y = conv2d(x.clone(), weight.clone(), Some(bias.clone()), case.geometry);
    let probe = uniform(4, y.dims().iter().product());
    let probe = tensor(&probe, y.dims(), dtype, &device);
    let gradients = (y.clone() * probe).sum().backward();
    [
        numbers(&y),
        numbers(&x.grad(&gradients).expect("tracked")),
        numbers(&weight.grad(&gradients).expect("tracked")),
        numbers(&bias.grad(&gradients).expect("tracked")),
    ]
}

#[test]
fn gradients_are_those_of_64_bits_to_two_digits() {
    if !in_sixteen_bits("gradients_are_those_of_64_bits_to_two_digits") {
        return;
    }
    for case in cases() {
        let found = convolved(&case, DType::F32);
        let expected = convolved(&case, DType::F64);
        let names = ["output", "input", "weight", "bias"];
        for (name, (found, expected)) in names.iter().zip(found.iter().zip(&expected)) {
            assert_close(&format!("{name} of {case:?}"), found, expected, TOLERANCE);
        }
        // Rounding must show where it takes place, or nothing was tested.
        for number in [0, 2] {
            let differs = found[number].iter().zip(&expected[number]);
            let most = differs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(most > 1e-5, "{} of {case:?} was not rounded", names[number]);
        }
    }
}

#[test]
fn blocks_train_in_sixteen_bits() {
    if !in_sixteen_bits("blocks_train_in_sixteen_bits") {
        return;
    }
    // Without a bend: next to one a rounded value may fall on its other side.
    let run = |case: &Case, dtype| {
        let device = Device::flex().autodiff();
        let x = tensor(
            &uniform(1, case.input().iter().product()),
            case.input(),
            dtype,
            &device,
        );
        let weight = uniform(2, case.weight().iter().product());
        let weight = tensor(&weight, case.weight(), dtype, &device);
        let channels = case.channels[1];
        let gamma: Tensor<1> = tensor(&uniform(3, channels), [channels], dtype, &device);
        let beta: Tensor<1> = tensor(&uniform(4, channels), [channels], dtype, &device);
        let (x, weight, gamma) = (
            x.require_grad(),
            weight.require_grad(),
            gamma.require_grad(),
        );
        let (y, ..) = conv_bn_act(
            x.clone(),
            weight.clone(),
            gamma.clone(),
            beta,
            case.geometry,
            1e-5,
            Activation::Identity,
            false,
        );
        let probe = uniform(5, y.dims().iter().product());
        let probe = tensor(&probe, y.dims(), dtype, &device);
        let gradients = (y.clone() * probe).sum().backward();
        [
            numbers(&y),
            numbers(&x.grad(&gradients).expect("tracked")),
            numbers(&weight.grad(&gradients).expect("tracked")),
            numbers(&gamma.grad(&gradients).expect("tracked")),
        ]
    };
    for case in cases().into_iter().take(6) {
        let (found, expected) = (run(&case, DType::F32), run(&case, DType::F64));
        for (name, (found, expected)) in ["output", "input", "weight", "gamma"]
            .iter()
            .zip(found.iter().zip(&expected))
        {
            // Gradients through batch normalisation are differences of large sums.
            assert_close(
                &format!("{name} of {case:?}"),
                found,
                expected,
                2.0 * TOLERANCE,
            );
        }
    }
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    if !in_sixteen_bits("bytes_do_not_depend_on_the_number_of_threads") {
        return;
    }
    for case in cases() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("a pool");
            let all = pool.install(|| convolved(&case, DType::F32));
            all.map(|values| values.into_iter().map(f64::to_bits).collect::<Vec<_>>())
        };
        let one = on(1);
        for threads in [2, 4] {
            assert!(one == on(threads), "{case:?}: {threads} threads");
        }
    }
}

#[test]
fn narrow_and_grouped_layers_stay_in_32_bits() {
    if !in_sixteen_bits("narrow_and_grouped_layers_stay_in_32_bits") {
        return;
    }
    let one = [1, 1];
    let rows: [Row; 2] = [
        (2, [3, 8], [16, 16], [3, 3], one, [1, 1], one, 1),
        (2, [16, 16], [12, 12], [3, 3], one, [1, 1], one, 16),
    ];
    for case in rows.into_iter().map(case) {
        let expected = convolved(&case, DType::F64);
        for (found, expected) in convolved(&case, DType::F32).iter().zip(&expected) {
            assert_close(&format!("{case:?}"), found, expected, 1e-5);
        }
    }
}
