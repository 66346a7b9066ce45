//! The same bytes from one, two and four threads.

use burn::tensor::{DType, Device};
use plainfilm_conv::{Activation, conv_bias_act, conv_bn_act, conv2d};

use crate::support::{Case, shape_classes, tensor, uniform};

/// The bytes of everything the three functions compute for one case.
fn bytes(case: &Case) -> Vec<Vec<u8>> {
    let device = Device::flex().autodiff();
    let make = |seed, shape: [usize; 4]| {
        tensor(
            &uniform(seed, shape.iter().product()),
            shape,
            DType::F32,
            &device,
        )
    };
    let channel = |seed| {
        let channels = case.channels[1];
        tensor(&uniform(seed, channels), [channels], DType::F32, &device).require_grad()
    };
    let [_, _, height, width] = case.output();
    let pool = height > 1 && width > 1;
    let x = make(1, case.input()).require_grad();
    let weight = make(2, case.weight()).require_grad();
    let (gamma, beta) = (channel(3), channel(4));
    let mut found = Vec::new();

    let plain = conv2d(x.clone(), weight.clone(), Some(beta.clone()), case.geometry);
    let (block, mean, variance) = conv_bn_act(
        x.clone(),
        weight.clone(),
        gamma.clone(),
        beta.clone(),
        case.geometry,
        1e-5,
        Activation::LeakyRelu(0.1),
        pool,
    );
    for output in [plain, block] {
        found.push(output.to_data().bytes().to_vec());
        let probe = make(5, output.dims());
        let gradients = (output * probe).sum().backward();
        for leaf in [&x, &weight] {
            found.push(leaf.grad(&gradients).unwrap().to_data().bytes().to_vec());
        }
        found.push(beta.grad(&gradients).unwrap().to_data().bytes().to_vec());
    }
    found.push(mean.to_data().bytes().to_vec());
    found.push(variance.to_data().bytes().to_vec());

    let folded = conv_bias_act(
        x.inner(),
        weight.inner(),
        beta.inner(),
        case.geometry,
        Activation::Relu,
        pool,
    );
    found.push(folded.to_data().bytes().to_vec());
    found
}

#[test]
fn bytes_do_not_depend_on_the_number_of_threads() {
    let on = |threads: usize, case: &Case| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| bytes(case))
    };
    for (name, case) in shape_classes() {
        let one = on(1, &case);
        for threads in [2, 4] {
            assert!(
                one == on(threads, &case),
                "{name}: {threads} threads differ from one"
            );
        }
    }
}
