//! `export`: files for other programs, and whether they answer as the model does.

use std::process::Output;

use serde_json::Value;

use crate::program::{Scratch, assert_code, plainfilm, stderr, text, train};

/// What was said on stdout.
fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON on stdout")
}

#[test]
fn an_exported_model_is_checked_and_predicts_what_the_model_does() {
    let scratch = Scratch::with_films(24);
    let (films, run) = (scratch.path("films"), scratch.path("run"));
    assert_code(&train(&films, &run, &[]), 0);
    let model = run.join("model.plainfilm.safetensors");
    let file = scratch.path("out/model.onnx");
    let export = |more: &[&str]| {
        let start = ["export", text(&model), "--format", "json"];
        plainfilm(&[&start[..], more].concat())
    };
    let written = export(&["--to", "onnx", "--output", text(&file)]);
    assert_code(&written, 0);
    let found = json(&written);
    assert_eq!(found["holds"], true, "{found}");
    assert!(found["parity"]["largest_difference"].as_f64().unwrap() <= 1e-5);
    for name in [
        "model.toml",
        "parity.json",
        "preprocessing.json",
        "preprocessing.py",
        "check.py",
    ] {
        assert!(file.with_file_name(name).exists(), "{name}");
    }

    // The exported file, judged like a model of other programs, says what the model says.
    let probabilities = |model: &std::path::Path| -> Vec<f64> {
        let found = plainfilm(&[
            "predict",
            "--model",
            text(model),
            text(&films),
            "--format",
            "csv",
        ]);
        assert_code(&found, 0);
        let table = String::from_utf8(found.stdout).unwrap();
        let columns = table.lines().skip(1).flat_map(|line| line.split(','));
        columns.filter_map(|cell| cell.parse().ok()).collect()
    };
    let (ours, theirs) = (probabilities(&model), probabilities(&file));
    assert!(ours.len() >= 48);
    for (a, b) in ours.iter().zip(&theirs) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }

    // Verified again, and refused once another model is meant.
    let verified = plainfilm(&["export", "--verify", text(&file), "--against", text(&model)]);
    assert_code(&verified, 0);
    let other = plainfilm(&["export", "--verify", text(&file)]);
    assert_ne!(other.status.code(), Some(0));

    let halves = scratch.path("out/half.onnx");
    let halved = export(&[
        "--to",
        "onnx",
        "--precision",
        "f16",
        "--output",
        text(&halves),
    ]);
    assert_code(&halved, 0);
    assert!(json(&halved)["bytes"].as_u64() < json(&written)["bytes"].as_u64());
    let phone = scratch.path("out/model.tflite");
    let phones = export(&["--to", "tflite", "--output", text(&phone)]);
    assert_code(&phones, 0);
    assert!(json(&phones)["parity"].is_null());
    assert!(stderr(&phones).contains("not checked"));
    let record = std::fs::read_to_string(scratch.path("out/parity.json")).unwrap();
    for name in [
        "model.onnx",
        "half.onnx",
        "model.tflite",
        "not a medical device",
    ] {
        assert!(record.contains(name), "{name} in {record}");
    }
}

#[test]
fn what_cannot_be_exported_says_why() {
    let scratch = Scratch::new();
    let file = scratch.path("m.onnx");
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--to", "onnx", "--precision", "int8"], 2, "--calibrate"),
        (&["--to", "onnx", "--input", "uint8"], 1, "whole film"),
        (&["--to", "tflite", "--input", "uint8"], 1, "whole film"),
        (&["--to", "coreml"], 2, "coreml"),
    ];
    for (more, code, words) in cases {
        let arguments = [&["export", "--output", text(&file)], more].concat();
        let found = plainfilm(&arguments);
        assert_code(&found, code);
        assert!(
            stderr(&found).contains(words),
            "{words}: {}",
            stderr(&found)
        );
        assert!(!file.exists());
    }
    std::fs::write(&file, b"no protobuf").unwrap();
    let found = plainfilm(&["export", "--verify", text(&file)]);
    assert_code(&found, 1);
    assert!(stderr(&found).contains("m.toml"), "{}", stderr(&found));
}
