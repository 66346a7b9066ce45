//! Affine augmentation against SciPy, called as Keras calls it (`reference/augmentation`).

use std::fs;

use plainfilm::radiograph::Plane;
use plainfilm::train::augment::Transform;
use serde::Deserialize;

use crate::resampling::noise;
use crate::support::reference_output;

#[derive(Deserialize)]
struct Case {
    rotation_degrees: f32,
    shift_x: f32,
    shift_y: f32,
    zoom: f32,
    flip: bool,
    size: usize,
    values: Vec<f32>,
}

#[test]
fn transforms_agree_with_scipy() {
    let path = reference_output("augmentation").join("expected.json");
    let text = fs::read_to_string(path).expect("the expected values are committed");
    let cases: Vec<Case> = serde_json::from_str(&text).expect("the script writes valid JSON");
    let mut most = 0.0_f32;
    for case in cases {
        let side = case.size as u32;
        let film = Plane {
            size: case.size,
            values: noise(side, side)
                .iter()
                .map(|&level| f32::from(level) / 255.0)
                .collect(),
        };
        let transform = Transform {
            rotation_degrees: case.rotation_degrees,
            shift_x: case.shift_x,
            shift_y: case.shift_y,
            zoom: case.zoom,
            flip: case.flip,
            ..Transform::IDENTITY
        };
        let values = transform.apply(&film).values;
        assert_eq!(values.len(), case.values.len());
        for (value, expected) in values.iter().zip(&case.values) {
            let difference = (value - expected).abs();
            assert!(
                difference <= 1e-4,
                "{transform:?}: {value}, expected {expected}"
            );
            most = most.max(difference);
        }
    }
    eprintln!("largest difference {most:e}");
}
