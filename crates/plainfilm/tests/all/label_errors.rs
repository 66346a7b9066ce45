//! Confident learning against cleanlab's (`reference/label_errors`).

use plainfilm::evaluate::label_errors;
use serde_json::Value;

use crate::support::reference_output;

#[test]
fn confident_learning_finds_what_cleanlab_finds() {
    let file = reference_output("label_errors").join("expected.json");
    let text = std::fs::read_to_string(file).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let cases = expected["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    for (number, case) in cases.iter().enumerate() {
        let given: Vec<usize> = serde_json::from_value(case["given"].clone()).unwrap();
        let probabilities: Vec<Vec<f64>> =
            serde_json::from_value(case["probabilities"].clone()).unwrap();
        let alone: Vec<usize> = (0..given.len()).collect();
        let found = label_errors(&given, &probabilities, &alone).unwrap();
        let thresholds: Vec<f64> = serde_json::from_value(case["thresholds"].clone()).unwrap();
        for (found, expected) in found.thresholds.iter().zip(&thresholds) {
            assert!((found.unwrap() - expected).abs() < 1e-9, "case {number}");
        }
        let suspects: Vec<usize> = found.suspects.iter().map(|suspect| suspect.film).collect();
        for (what, found) in [
            ("confident_joint", serde_json::json!(found.confident_joint)),
            (
                "calibrated_joint",
                serde_json::json!(found.calibrated_joint),
            ),
            ("wrong", serde_json::json!(found.wrong)),
            ("suspects", serde_json::json!(suspects)),
        ] {
            assert_eq!(found, case[what], "case {number}, {what}");
        }
    }
}
