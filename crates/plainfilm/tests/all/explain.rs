//! Evidence maps against pytorch-grad-cam and Captum: `reference/explain/export.py` made the numbers.

use std::collections::BTreeMap;

use burn::tensor::Device;
use plainfilm::explain::{Attribution, ExplainSettings, Method};
use plainfilm::model::{Architecture, Network, NetworkSettings, state_dict};
use serde::Deserialize;

use crate::models::filled;
use crate::support::reference_output;

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
    integrated: Vec<Integrated>,
}

#[derive(Deserialize)]
struct Case {
    architecture: Architecture,
    stage: Option<String>,
    size: usize,
    labels: Vec<usize>,
    logits: Vec<Vec<f32>>,
    maps: BTreeMap<Method, Vec<Vec<f32>>>,
}

#[derive(Deserialize)]
struct Integrated {
    architecture: Architecture,
    size: usize,
    steps: usize,
    labels: Vec<usize>,
    greatest: Vec<f32>,
    sums: Vec<f64>,
    maps: Vec<Vec<f32>>,
}

/// Pixels across of the maps that were kept.
const KEPT: usize = 16;

fn reference() -> Reference {
    let path = reference_output("explain").join("expected.json");
    let text = std::fs::read_to_string(path).expect("the reference output is committed");
    serde_json::from_str(&text).expect("as the script wrote it")
}

/// The script's film, by whole numbers alone, in three channels.
fn film(index: usize, size: usize) -> Vec<f32> {
    let plane: Vec<f32> = (0..size * size)
        .map(|pixel| {
            let (x, y) = (pixel % size / 8, pixel / size / 8);
            let blocks = (37 * x + 59 * y + 11 * x * y + 29 * index) % 101;
            let ramp = 3 * x + if index == 0 { 2 } else { 5 } * y;
            (blocks + ramp) as f32 / 200.0
        })
        .collect();
    plane.repeat(3)
}

fn attribution(architecture: Architecture, size: usize, settings: &ExplainSettings) -> Attribution {
    let network = NetworkSettings {
        size,
        ..NetworkSettings::published(architecture, 2)
    };
    let device = Device::default();
    let tensors = state_dict(&filled(
        Network::new(&network, 1, &device).expect("good settings"),
    ));
    Attribution::new(&network, &tensors, settings, &device).expect("its own tensors")
}

/// Every `size / 16`-th pixel.
fn kept(map: &[f32], size: usize) -> Vec<f32> {
    let every = size / KEPT;
    let places = || (0..KEPT).map(|place| place * every + every / 2);
    places()
        .flat_map(|row| places().map(move |column| map[row * size + column]))
        .collect()
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean =
        |values: &[f32]| values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) - mean_a, f64::from(*b) - mean_b);
        both += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    both / (square_a * square_b).sqrt()
}

#[test]
fn class_activation_maps_equal_those_of_pytorch_grad_cam() {
    for case in reference().cases {
        let settings = ExplainSettings {
            stage: case.stage.clone(),
            stretched: true,
            ..ExplainSettings::default()
        };
        let what = format!("{} {:?}", case.architecture, case.stage);
        let attribution = attribution(case.architecture, case.size, &settings);
        let pixels: Vec<f32> = (0..case.labels.len())
            .flat_map(|index| film(index, case.size))
            .collect();
        for (found, expected) in attribution.logits(&pixels).iter().zip(&case.logits) {
            for (found, expected) in found.iter().zip(expected) {
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{what}: {found} {expected}"
                );
            }
        }
        assert_eq!(case.maps.len(), 4, "{what}");
        for (method, expected) in &case.maps {
            let found = attribution.evidence(*method, &pixels, &case.labels);
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                let what = format!("{what} {method}, film {index}");
                // The package scales the small map, then enlarges it, then scales again.
                let scaled = scaled(&scaled_evidence(found).square(case.size));
                let found = kept(&scaled, case.size);
                let off = found
                    .iter()
                    .zip(expected)
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(off <= 1e-3, "{what}: off by {off}");
                if expected.iter().any(|&value| value > 0.0) {
                    let together = correlation(&found, expected);
                    assert!(together >= 0.999, "{what}: correlation {together}");
                }
            }
        }
    }
}

fn scaled_evidence(evidence: &plainfilm::explain::Evidence) -> plainfilm::explain::Evidence {
    plainfilm::explain::Evidence {
        grid: evidence.grid,
        values: scaled(&evidence.values),
    }
}

/// Least value to 0, greatest to 1.
fn scaled(values: &[f32]) -> Vec<f32> {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    values
        .iter()
        .map(|value| (value - low) / (high - low + 1e-7))
        .collect()
}

#[test]
fn integrated_gradients_equal_those_of_captum_and_are_complete() {
    for case in reference().integrated {
        let settings = ExplainSettings {
            steps: case.steps,
            ..ExplainSettings::default()
        };
        let attribution = attribution(case.architecture, case.size, &settings);
        for (index, &label) in case.labels.iter().enumerate() {
            let what = format!("{}, film {index}", case.architecture);
            let film = film(index, case.size);
            let black = vec![0.0; film.len()];
            let found = attribution.integrated_along(&film, &black, label, case.steps);
            let sum: f64 = found.values.iter().map(|&v| f64::from(v)).sum();
            let greatest = case.greatest[index];
            // Thousands of values of either sign: what rounding adds up to is a larger part of the rest.
            assert!(
                (sum - case.sums[index]).abs() <= 5e-3 * case.sums[index].abs(),
                "{what}: {sum} {}",
                case.sums[index]
            );
            for (found, expected) in kept(&found.values, case.size).iter().zip(&case.maps[index]) {
                let off = (found - expected).abs();
                assert!(
                    off <= 1e-3 * greatest,
                    "{what}: {found} {expected} of {greatest}"
                );
            }
            let complete = attribution.integrated_gradients(&film, label);
            let missed = (complete.sum - complete.difference).abs();
            assert!(
                missed <= 0.01 * complete.difference.abs().max(0.05),
                "{what}: {complete:?}"
            );
        }
    }
}

#[test]
fn methods_that_only_score_find_the_pixels_that_count() {
    // Whatever the network is, what occlusion and RISE say is measured: the map's highest place must
    // matter more to the score than its lowest.
    let settings = ExplainSettings {
        masks: 150,
        ..ExplainSettings::default()
    };
    let attribution = attribution(Architecture::ResNet18, 64, &settings);
    let film = film(0, 64);
    for method in [Method::Occlusion, Method::Rise] {
        let map = attribution.evidence(method, &film, &[0]).remove(0);
        assert_eq!(map.values.len(), 64 * 64);
        let again = attribution.evidence(method, &film, &[0]).remove(0);
        assert_eq!(map, again, "{method} repeats");
        let order = |sign: f32| {
            let best = (0..64 * 64)
                .max_by(|&a, &b| (sign * map.values[a]).total_cmp(&(sign * map.values[b])));
            best.expect("has pixels")
        };
        let mean = film[..64 * 64].iter().sum::<f32>() / 4096.0;
        let fall_without = |centre: usize| {
            let mut covered = film.clone();
            let (x, y) = ((centre % 64) as isize, (centre / 64) as isize);
            for channel in 0..3 {
                for row in (y - 4).max(0)..(y + 4).min(64) {
                    for column in (x - 4).max(0)..(x + 4).min(64) {
                        covered[channel * 4096 + row as usize * 64 + column as usize] = mean;
                    }
                }
            }
            let scores = attribution.logits(&[film.clone(), covered].concat());
            scores[0][0] - scores[1][0]
        };
        let (highest, lowest) = (fall_without(order(1.0)), fall_without(order(-1.0)));
        assert!(highest > lowest, "{method}: {highest} {lowest}");
    }
}

#[test]
fn what_the_network_has_not_is_refused_by_name() {
    let network = NetworkSettings {
        size: 64,
        ..NetworkSettings::published(Architecture::ResNet18, 2)
    };
    let device = Device::default();
    let tensors = state_dict(&Network::new(&network, 1, &device).expect("good settings"));
    let refused = |settings: ExplainSettings| {
        Attribution::new(&network, &tensors, &settings, &device)
            .expect_err("refused")
            .to_string()
    };
    let stage = refused(ExplainSettings {
        stage: Some("layer9".into()),
        ..ExplainSettings::default()
    });
    assert_eq!(
        stage,
        "unknown stage \"layer9\", expected one of stem, layer1, layer2, layer3, layer4"
    );
    let masks = refused(ExplainSettings {
        masks: 0,
        ..ExplainSettings::default()
    });
    assert!(
        masks.contains("`masks`: expected 1 to 100000, found 0"),
        "{masks}"
    );
}
