//! Models for tests: every network with weights that no training made, but no value of which is left at its
//! start, so that a norm that is left out or a bias that is lost shows.

use std::collections::BTreeMap;

use plainfilm_figures::{Calibration, CalibrationMethod, Operation};
use plainfilm_film::radiograph::{Preprocessing, Scaling};
use plainfilm_model::bundle::{DatasetRecord, ModelFile, ModelHeader, SCHEMA_VERSION, Threshold};
use plainfilm_model::networks::{NamedTensor, NetworkSettings, Start, TensorPlan, starting_values};

/// Of all weights.
const SEED: u64 = 7;

/// A model file with weights drawn from a seed, calibrated by Platt's scaling where it has two labels.
///
/// # Panics
///
/// When the settings are out of range.
#[must_use]
pub fn sample_model(network: NetworkSettings, scaling: Scaling) -> ModelFile {
    let plan = network.plan().expect("settings within their ranges");
    let tensors = plan.tensors().into_iter().map(|tensor| {
        let mut values = starting_values(SEED, &tensor);
        if tensor.shape.len() == 1 {
            let bound = match tensor.name.ends_with("running_var") {
                true => 0.5,
                false => 0.1,
            };
            let start = Start::Uniform(bound);
            let draws = starting_values(
                SEED,
                &TensorPlan {
                    start,
                    ..tensor.clone()
                },
            );
            values
                .iter_mut()
                .zip(draws)
                .for_each(|(value, draw)| *value += draw);
        }
        NamedTensor {
            name: tensor.name,
            shape: tensor.shape,
            values,
        }
    });
    let tensors = tensors.collect();
    let labels: Vec<String> = (0..network.classes)
        .map(|label| format!("label {label}"))
        .collect();
    let operation = (labels.len() == 2).then(|| Operation {
        calibration: Calibration {
            method: CalibrationMethod::Platt,
            slope: 0.75,
            intercept: 0.25,
            films: 40,
            chosen: "Platt's scaling, made up for a test".to_owned(),
        },
        threshold: 0.4,
        chosen: "made up for a test".to_owned(),
        points: Vec::new(),
        not_sure: None,
    });
    let preprocessing = Preprocessing {
        size: network.size,
        channels: network.channels,
        scaling,
        ..Preprocessing::default()
    };
    let header = ModelHeader {
        schema_version: SCHEMA_VERSION,
        plainfilm_version: env!("CARGO_PKG_VERSION").to_owned(),
        positive_label: labels.first().cloned(),
        threshold: Threshold {
            value: operation
                .as_ref()
                .map_or(0.5, |operation| operation.threshold),
            chosen: "made up for a test".to_owned(),
        },
        labels,
        preprocessing,
        calibration_temperature: 1.0,
        operation,
        findings: Vec::new(),
        training: serde_json::json!({}),
        seed: SEED,
        dataset: DatasetRecord {
            name: "none".to_owned(),
            fingerprint: "00".to_owned(),
            films_per_label: BTreeMap::new(),
            split: "none".to_owned(),
            patients_grouped: false,
            synthetic: true,
        },
        fitted_on: None,
        likeness: None,
        test_predictions: None,
        audit: None,
        weights: None,
        metrics: serde_json::json!({}),
        licence: "MIT OR Apache-2.0".to_owned(),
        intended_use: "tests of exports".to_owned(),
        not_a_medical_device: plainfilm_film::NOT_A_MEDICAL_DEVICE.to_owned(),
        network,
    };
    ModelFile { header, tensors }
}
