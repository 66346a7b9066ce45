//! Models of other programs: described, scored and judged by the same verbs as ours.

use std::path::{Path, PathBuf};

use crate::program::{Scratch, assert_code, json, plainfilm, stderr, stdout, text};

/// A file of `reference/foreign` in a scratch folder with twelve films, described with the films' labels.
pub struct Foreign {
    pub scratch: Scratch,
    pub model: PathBuf,
}

impl Foreign {
    fn of(name: &str) -> Self {
        let scratch = Scratch::with_films(12);
        let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/foreign");
        for file in [name.to_owned(), format!("{name}.data")] {
            if reference.join(&file).exists() {
                std::fs::copy(reference.join(&file), scratch.path(&file)).unwrap();
            }
        }
        let model = scratch.path(name);
        Self { scratch, model }
    }

    pub fn described(name: &str, labels: &str) -> Self {
        let foreign = Self::of(name);
        let drafted = plainfilm(&["model", "describe", text(&foreign.model)]);
        assert_code(&drafted, 0);
        foreign.change("labels = [\"label 0\", \"label 1\"]", labels);
        foreign
    }

    fn change(&self, from: &str, to: &str) {
        let toml = self.model.with_extension("toml");
        let draft = std::fs::read_to_string(&toml).unwrap();
        assert!(draft.contains(from), "{from} is not in {draft}");
        std::fs::write(toml, draft.replace(from, to)).unwrap();
    }
}

pub const LABELS: &str = "labels = [\"clear\", \"opacity\"]";

#[test]
fn an_onnx_model_is_described_once_and_then_judged_like_ours() {
    let foreign = Foreign::of("torch-defaults.onnx");
    let (model, films) = (text(&foreign.model), foreign.scratch.path("films"));
    let undescribed = plainfilm(&["predict", "--model", model, text(&films)]);
    assert_code(&undescribed, 1);
    assert!(stderr(&undescribed).contains("plainfilm model describe"));
    let drafted = plainfilm(&["model", "describe", model]);
    assert_code(&drafted, 0);
    assert!(stderr(&drafted).contains("lines are guesses"));
    let again = plainfilm(&["model", "describe", model]);
    assert_code(&again, 2);
    foreign.change("labels = [\"label 0\", \"label 1\"]", LABELS);

    let predicted = plainfilm(&[
        "predict",
        "--model",
        model,
        text(&films),
        "--format",
        "json",
    ]);
    assert_code(&predicted, 0);
    let lines: Vec<serde_json::Value> = stdout(&predicted)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 12);
    for line in &lines {
        let p = line["probabilities"].as_object().unwrap();
        let sum: f64 = p.values().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{line}");
        assert_eq!(line["threshold"], 0.5);
        assert!(line["distance"].is_null() && line["seen_in_training"].is_null());
    }
    let said = stderr(&predicted);
    for words in [
        "by pytorch",
        "not calibrated",
        "as its description says",
        "not a medical device",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }

    let output = foreign.scratch.path("evaluated");
    let evaluated = plainfilm(&["evaluate", model, text(&films), "--output", text(&output)]);
    assert_code(&evaluated, 0);
    assert!(stderr(&evaluated).contains("does not say which films it was trained on"));
    let metrics = json(&output.join("metrics.json"));
    assert_eq!(metrics["labels"], serde_json::json!(["clear", "opacity"]));
    assert!(metrics["own_films"].is_null() && metrics["unlike"].is_null());
    assert_eq!(metrics["test"]["n"], 12);
    assert!(output.join("predictions.csv").is_file());
}

#[test]
fn answers_that_look_like_a_wrong_description_are_warned_of() {
    let foreign = Foreign::described("torch-defaults.onnx", LABELS);
    let films = foreign.scratch.path("films");
    let said = |_: &()| {
        let output = plainfilm(&["predict", "--model", text(&foreign.model), text(&films)]);
        assert_code(&output, 0);
        stderr(&output)
    };
    assert!(!said(&()).contains("first to doubt"));
    foreign.change(
        "# [normalisation]\n# times = 255.0",
        "[normalisation]\ntimes = 1e9",
    );
    assert!(said(&()).contains("every probability of all 12 films is 0 or 1"));
    foreign.change("times = 1e9", "times = 1e-9");
    assert!(said(&()).contains("says the same of all 12 films"));
}

#[test]
fn what_cannot_be_done_with_such_a_model_is_said() {
    let foreign = Foreign::described("torch-defaults.onnx", LABELS);
    let (model, films) = (text(&foreign.model), foreign.scratch.path("films"));
    for (arguments, code, expected) in [
        (
            &["evaluate", model, text(&films), "--device", "cuda"][..],
            2,
            "--device",
        ),
        (
            &["explain", model, text(&films), "--methods", "grad-cam"],
            1,
            "hint: occlusion and rise need its probabilities alone",
        ),
    ] {
        let output = plainfilm(arguments);
        assert_code(&output, code);
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn such_a_model_is_explained_by_methods_that_need_probabilities_alone() {
    let foreign = Foreign::described("torch-defaults.onnx", LABELS);
    let (model, films) = (text(&foreign.model), foreign.scratch.path("films"));
    let maps = foreign.scratch.path("maps");
    let arguments = [
        "explain",
        model,
        text(&films),
        "--methods",
        "all",
        "--rise-masks",
        "40",
    ];
    let output = plainfilm(&[&arguments[..], &["--check", "--output", text(&maps)]].concat());
    assert_code(&output, 0);
    let explained = json(&maps.join("explain.json"));
    let films_explained = explained["films"].as_array().unwrap();
    assert_eq!(films_explained.len(), 12);
    for film in films_explained {
        let methods: Vec<&str> = film["maps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|map| map["method"].as_str().unwrap())
            .collect();
        assert_eq!(methods, ["occlusion", "rise"], "{film}");
        for map in film["maps"].as_array().unwrap() {
            assert!(maps.join(map["raw"].as_str().unwrap()).is_file(), "{map}");
        }
    }
    for check in explained["checks"].as_array().unwrap() {
        assert_eq!(check["randomised"], serde_json::json!([]));
        assert!(check["insertion"].is_number() && check["road"].is_number());
    }
    let with_maps = format!("--explain={}", text(&maps));
    let predicted = plainfilm(&["predict", "--model", model, text(&films), &with_maps]);
    assert_code(&predicted, 0);
    let pictures = std::fs::read_dir(&maps).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with("-occlusion.png")
    });
    assert_eq!(pictures.count(), 12);
}
