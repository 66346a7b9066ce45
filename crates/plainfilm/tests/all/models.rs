//! The networks against PyTorch: `reference/models/export.py` made the numbers.

use std::collections::HashMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use plainfilm::lungs::BundledLungs;
use plainfilm::model::{
    Architecture, NamedTensor, Network, NetworkSettings, load_state_dict, state_dict, summary,
};
use plainfilm::radiograph::{Fit, Limits, Plane, Preprocessing, Resampling, Scaling, open};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::support::{reference_films, reference_output};

#[derive(Deserialize)]
struct Reference {
    films: Vec<Film>,
    cases: Vec<Case>,
    training: Vec<Training>,
    training_films: Vec<usize>,
    backbones: Vec<Backbone>,
}

#[derive(Deserialize)]
struct Film {
    path: String,
    sha256: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Case {
    architecture: Architecture,
    classes: usize,
    size: usize,
    parameters: usize,
    logits: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Training {
    shift: f32,
    labels: Vec<i32>,
    loss: f32,
    gradients: Vec<Measured>,
    running: Vec<Measured>,
}

#[derive(Deserialize)]
struct Backbone {
    architecture: Architecture,
    size: usize,
    shift: f32,
    loss: f64,
    gradients: Vec<Measured>,
    running: Vec<Measured>,
}

/// A tensor in two numbers: its length, and its product with hashed numbers.
#[derive(Deserialize)]
struct Measured {
    name: String,
    norm: f64,
    dot: f64,
}

fn reference() -> Reference {
    let path = reference_output("models").join("models.json");
    let text = std::fs::read_to_string(path).expect("the reference output is committed");
    serde_json::from_str(&text).expect("as the script wrote it")
}

/// Numbers in -1..1 from a tensor's name and each element's index; the formula is in the script.
fn hashed(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let start = name.bytes().fold(0x811C_9DC5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (0..count as u32).map(move |index| {
        let mut x = start ^ index.wrapping_mul(0x9E37_79B9);
        x ^= x >> 16;
        x = x.wrapping_mul(0x85EB_CA6B);
        x ^= x >> 13;
        x = x.wrapping_mul(0xC2B2_AE35);
        x ^= x >> 16;
        f64::from(x) / 2_f64.powi(31) - 1.0
    })
}

/// The same network with the script's weights.
pub fn filled(network: Network) -> Network {
    let tensors: Vec<NamedTensor> = state_dict(&network)
        .into_iter()
        .map(|tensor| {
            let fan_in: usize = tensor.shape[1..].iter().product();
            let values = hashed(&tensor.name, tensor.values.len())
                .map(|u| {
                    (if tensor.shape.len() > 1 {
                        u * (6.0 / fan_in as f64).sqrt()
                    } else if tensor.name.ends_with(".weight") {
                        1.0 + 0.1 * u
                    } else if tensor.name.ends_with("running_var") {
                        1.0 + 0.5 * u.abs()
                    } else {
                        0.1 * u
                    }) as f32
                })
                .collect();
            NamedTensor { values, ..tensor }
        })
        .collect();
    load_state_dict(network, &tensors).expect("the network's own tensors with other values")
}

/// A film as 8-bit values, squashed to `size` x `size` by taking the nearest pixel; checked to be
/// the pixels that Pillow gave.
fn plane(folder: &Path, film: &Film, size: usize) -> Vec<u8> {
    let radiograph =
        open(&folder.join(&film.path), &Limits::default()).expect("a film of the reference data");
    let preprocessing = Preprocessing {
        fit: Fit::Squash,
        size,
        resampling: Resampling::Nearest,
        ..Preprocessing::default()
    };
    let pixels: Vec<u8> = preprocessing
        .plane(&radiograph, &BundledLungs)
        .values
        .iter()
        .map(|value| (value * 255.0).round() as u8)
        .collect();
    let digest: String = Sha256::digest(&pixels)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        digest,
        film.sha256[&size.to_string()],
        "{}: other pixels than Pillow's at {size}",
        film.path
    );
    pixels
}

/// Planes as `[films, channels, size, size]`, scaled as the network was published with.
fn batch(planes: &[Vec<u8>], settings: &NetworkSettings, device: &Device) -> Tensor<4> {
    let preprocessing = Preprocessing {
        size: settings.size,
        channels: settings.channels,
        scaling: settings.architecture.default_scaling(),
        ..Preprocessing::default()
    };
    let mut values = vec![0.0; planes.len() * preprocessing.tensor_len()];
    for (plane, tensor) in planes
        .iter()
        .zip(values.chunks_exact_mut(preprocessing.tensor_len()))
    {
        let plane = Plane {
            size: settings.size,
            values: plane.iter().map(|&v| f32::from(v) / 255.0).collect(),
        };
        preprocessing.write_tensor(&plane, tensor);
    }
    let shape = [
        planes.len(),
        settings.channels,
        settings.size,
        settings.size,
    ];
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[test]
fn logits_are_those_of_pytorch() {
    let Some(folder) = reference_films("logits_are_those_of_pytorch") else {
        return;
    };
    let reference = reference();
    let device = Device::flex();
    for case in &reference.cases {
        let name = format!("{} with {} labels", case.architecture, case.classes);
        let settings = NetworkSettings {
            size: case.size,
            ..NetworkSettings::published(case.architecture, case.classes)
        };
        let counted = summary(&settings).expect("good settings");
        assert_eq!(counted.parameters, case.parameters, "{name}");
        let network = filled(Network::new(&settings, 0, &device).expect("good settings"));
        let mut worst = 0_f32;
        // Two at a time, which keeps VGG16's maps small.
        for (films, expected) in reference.films.chunks(2).zip(case.logits.chunks(2)) {
            let planes: Vec<Vec<u8>> = films
                .iter()
                .map(|film| plane(&folder, film, case.size))
                .collect();
            let logits = network
                .forward(batch(&planes, &settings, &device))
                .into_data()
                .try_to_vec::<f32>()
                .expect("f32 on this device");
            for (found, expected) in logits.iter().zip(expected.iter().flatten()) {
                // Films in ±1024 give logits in the hundreds: those differ by a share.
                let unit = match case.architecture.default_scaling() {
                    Scaling::XRayVision => expected.abs().max(1.0),
                    _ => 1.0,
                };
                worst = worst.max((found - expected).abs() / unit);
            }
        }
        println!("{name}: logits differ by at most {worst:e}");
        assert!(worst < 1e-4, "{name}: logits differ by {worst}");
    }
}

#[test]
fn a_training_pass_of_darkcovidnet_is_that_of_pytorch() {
    let Some(folder) = reference_films("a_training_pass_of_darkcovidnet_is_that_of_pytorch") else {
        return;
    };
    let reference = reference();
    let device = Device::flex().autodiff();
    let settings = NetworkSettings::published(Architecture::DarkCovidNet, 2);
    let planes: Vec<Vec<u8>> = reference
        .training_films
        .iter()
        .map(|&index| plane(&folder, &reference.films[index], settings.size))
        .collect();
    for training in &reference.training {
        let network = filled(Network::new(&settings, 0, &device).expect("good settings"));
        let network = shifted(network, training.shift, |name| {
            name.starts_with("stage") && name.ends_with("bn.bias")
        });
        let logits = network.forward(batch(&planes, &settings, &device));
        let labels = Tensor::<1, Int>::from_ints(training.labels.as_slice(), &device);
        let loss = -log_softmax(logits, 1)
            .gather(1, labels.unsqueeze_dim(1))
            .mean();
        let found: f32 = loss.clone().into_scalar();
        assert!((found - training.loss).abs() < 1e-4, "loss {found}");

        let gradients = gradients_by_name(&network, &loss.backward());
        // The script says why gradients far from the loss can only be compared loosely: a value that
        // rounding puts on the other side of a bend moves those below it by about 1e-3 each.
        let (head, stages): (Vec<&Measured>, Vec<&Measured>) = training
            .gradients
            .iter()
            .partition(|gradient| gradient.name.starts_with("head"));
        let (late, early): (Vec<&Measured>, Vec<&Measured>) =
            stages.into_iter().partition(|gradient| {
                training.shift > 0.0 && gradient.name.as_bytes()["stage".len()] >= b'5'
            });
        assert_eq!(gradients.len(), training.gradients.len());
        for (expected, tolerance) in [(head, 1e-3), (late, 5e-3), (early, 2e-2)] {
            if expected.is_empty() {
                continue;
            }
            let (worst, name) = compare(expected, &gradients);
            println!(
                "shift {}: gradients differ by {worst:e} at {name}",
                training.shift
            );
            assert!(worst < tolerance, "{name}: the gradient differs by {worst}");
        }

        compare_running(&network, &training.running);
    }
}

#[test]
fn a_training_pass_of_the_torchvision_backbones_is_that_of_pytorch() {
    let test = "a_training_pass_of_the_torchvision_backbones_is_that_of_pytorch";
    let Some(folder) = reference_films(test) else {
        return;
    };
    let reference = reference();
    let device = Device::flex().autodiff();
    for backbone in &reference.backbones {
        let name = backbone.architecture;
        let planes: Vec<Vec<u8>> = reference
            .training_films
            .iter()
            .map(|&index| plane(&folder, &reference.films[index], backbone.size))
            .collect();
        let settings = NetworkSettings::published(name, 2);
        let network = filled(Network::new(&settings, 0, &device).expect("good settings"));
        let norms: Vec<String> = state_dict(&network)
            .iter()
            .filter_map(|tensor| tensor.name.strip_suffix("running_mean"))
            .map(|norm| format!("{norm}bias"))
            .collect();
        let network = shifted(network, backbone.shift, |name| {
            norms.iter().any(|bias| bias == name)
        });
        let maps = network.features(batch(&planes, &settings, &device));
        let shape = maps.dims();
        let probe: Vec<f32> = hashed("features.probe", shape.iter().product())
            .map(|value| value as f32)
            .collect();
        let loss = (maps * Tensor::from_data(TensorData::new(probe, shape), &device)).mean();
        let found: f32 = loss.clone().into_scalar();
        let off = (f64::from(found) - backbone.loss).abs();
        println!("{name}: the loss differs by {off:e} of {}", backbone.loss);
        assert!(off < 1e-7, "{name}: loss {found} and {}", backbone.loss);

        let gradients = gradients_by_name(&network, &loss.backward());
        assert_eq!(gradients.len(), backbone.gradients.len());
        let (worst, at) = compare(&backbone.gradients, &gradients);
        println!("{name}: gradients differ by {worst:e} at {at}");
        assert!(
            worst < 2e-3,
            "{name}: the gradient of {at} differs by {worst}"
        );
        compare_running(&network, &backbone.running);
    }
}

/// The same network with `shift` added to the tensors that `which` names.
fn shifted(network: Network, shift: f32, which: impl Fn(&str) -> bool) -> Network {
    let mut tensors = state_dict(&network);
    for tensor in tensors.iter_mut().filter(|tensor| which(&tensor.name)) {
        for value in &mut tensor.values {
            *value += shift;
        }
    }
    load_state_dict(network, &tensors).expect("the network's own tensors")
}

fn compare_running(network: &Network, expected: &[Measured]) {
    let running: HashMap<String, Vec<f32>> = state_dict(network)
        .into_iter()
        .filter(|tensor| tensor.name.contains("running_"))
        .map(|tensor| (tensor.name, tensor.values))
        .collect();
    assert_eq!(running.len(), expected.len());
    let (worst, name) = compare(expected, &running);
    println!("running statistics differ by {worst:e} at {name}");
    assert!(
        worst < 1e-5,
        "{name}: the running statistic differs by {worst}"
    );
}

fn gradients_by_name(
    network: &Network,
    gradients: &burn::tensor::Gradients,
) -> HashMap<String, Vec<f32>> {
    struct Collector<'a> {
        gradients: &'a burn::tensor::Gradients,
        found: Vec<Option<Vec<f32>>>,
    }
    impl ModuleVisitor for Collector<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let values = param.val().grad(self.gradients).map(|gradient| {
                let values = gradient.into_data().try_to_vec::<f32>();
                values.expect("f32 on this device")
            });
            self.found.push(values);
        }
    }
    let mut collector = Collector {
        gradients,
        found: vec![],
    };
    network.visit(&mut collector);
    state_dict(network)
        .into_iter()
        .zip(collector.found)
        .filter_map(|(tensor, gradient)| Some((tensor.name, gradient?)))
        .collect()
}

/// The greatest difference in length or hashed product, as a share of the reference's length, and
/// where it is.
///
/// A gradient that is zero by its nature (a bias whose effect the next batch norm takes away) has a
/// length of rounding errors; its difference is taken as a share of the longest one's length.
fn compare<'a>(
    expected: impl IntoIterator<Item = &'a Measured>,
    found: &HashMap<String, Vec<f32>>,
) -> (f64, &'a str) {
    let expected: Vec<&Measured> = expected.into_iter().collect();
    let longest = expected.iter().fold(0_f64, |norm, m| norm.max(m.norm));
    let off = |reference: &Measured| {
        let values = &found[&reference.name];
        let square: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
        let dot: f64 = values
            .iter()
            .zip(hashed(&format!("{}.probe", reference.name), values.len()))
            .map(|(value, probe)| f64::from(*value) * probe)
            .sum();
        let off = (square.sqrt() - reference.norm)
            .abs()
            .max((dot - reference.dot).abs());
        let zero = reference.norm < 1e-9 * longest;
        off / if zero { longest } else { reference.norm }
    };
    expected
        .into_iter()
        .map(|reference| (off(reference), reference.name.as_str()))
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .expect("the script wrote at least one tensor")
}
