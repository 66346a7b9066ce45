//! The switch is process-wide, so it has a test program of its own.

use burn::tensor::{Device, Distribution, Tensor};
use plainfilm_conv::{ConvGeometry, conv2d, enabled, set_enabled};

#[test]
fn switched_off_the_result_is_burns_own() {
    let device = Device::flex();
    let x = Tensor::<4>::random([2, 40, 12, 12], Distribution::Default, &device);
    let weight = Tensor::<4>::random([30, 40, 3, 3], Distribution::Default, &device);
    let run = || conv2d(x.clone(), weight.clone(), None, ConvGeometry::padded(1));
    assert!(enabled());
    let fast = run();
    set_enabled(false);
    assert!(!enabled());
    let slow = run();
    set_enabled(true);
    let options = burn::tensor::ops::ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    let own = burn::tensor::module::conv2d(x.clone(), weight.clone(), None, options);
    assert_eq!(slow.to_data(), own.to_data());
    let difference = (fast - own.clone()).abs().max().into_scalar::<f32>();
    assert!(difference <= 1e-5 * own.abs().max().into_scalar::<f32>());
}
