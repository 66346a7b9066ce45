//! `weights`, and trainings that start from them.

use std::path::Path;

use crate::program::{
    Scratch, assert_code, json, model_bytes, plainfilm, stderr, stdout, text, train,
};

#[test]
fn a_training_starts_from_weights_and_says_so_everywhere() {
    let scratch = Scratch::with_films(40);
    let films = scratch.path("films");
    let (first, second) = (scratch.path("first"), scratch.path("second"));
    assert_code(&train(&films, &first, &[]), 0);
    let model = first.join("model.plainfilm.safetensors");
    let imported = scratch.path("imported.safetensors");
    let [model, imported] = [&model, &imported].map(|path| path.to_str().unwrap());

    let output = plainfilm(&[
        "weights",
        "import",
        model,
        "--arch",
        "darkcovidnet",
        "--size",
        "32",
        "--output",
        imported,
    ]);
    assert_code(&output, 0);
    assert!(
        stdout(&output).contains("head: came along"),
        "{}",
        stdout(&output)
    );

    let frozen = ["--weights", imported, "--freeze", "backbone", "--no-audit"];
    let output = train(&films, &second, &frozen);
    assert_code(&output, 0);
    let text = stderr(&output);
    assert!(
        text.contains("start model.plainfilm.safetensors (plainfilm model), with its head"),
        "{text}"
    );
    assert!(!text.contains("its weights are random"), "{text}");
    let settings = std::fs::read_to_string(second.join("settings.toml")).unwrap();
    assert!(settings.contains("[weights.record]"), "{settings}");
    let report = std::fs::read_to_string(second.join("report.html")).unwrap();
    assert!(report.contains("Training began with the weights of model.plainfilm.safetensors"));
    // The backbone stayed as the first run left it, and the file says where it began.
    let header = String::from_utf8_lossy(
        &std::fs::read(second.join("model.plainfilm.safetensors")).unwrap(),
    )
    .into_owned();
    assert!(header.contains("scaling_known_from"));
    assert!(json(&second.join("metrics.json"))["test"].is_object());

    // The settings repeat the run only from the same bytes.
    std::fs::remove_dir_all(second.join("checkpoints")).unwrap();
    let other = std::fs::read(model).unwrap();
    std::fs::write(imported, other).unwrap();
    let resume = second.to_str().unwrap();
    std::fs::remove_file(second.join("metrics.json")).unwrap();
    let output = plainfilm(&["train", "--resume", resume]);
    assert_code(&output, 1);
    assert!(
        stderr(&output).contains("not the file this run was started from"),
        "{}",
        stderr(&output)
    );
}

/// Probabilities of an opacity, film by film.
fn opacities(model: &Path, films: &Path) -> Vec<f64> {
    let films = films.join("opacity");
    let arguments = ["predict", text(&films), "--model", text(model)];
    let output = plainfilm(&[arguments.as_slice(), &["--format", "json"]].concat());
    assert_code(&output, 0);
    stdout(&output)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|film| film["probabilities"]["opacity"].as_f64().unwrap())
        .collect()
}

/// A copy of a safetensors file that says nothing of itself, as another program would write it.
fn without_metadata(from: &Path, to: &Path) {
    let bytes = std::fs::read(from).unwrap();
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: serde_json::Value = serde_json::from_slice(header).unwrap();
    header.as_object_mut().unwrap().remove("__metadata__");
    let header = header.to_string();
    let length = (header.len() as u64).to_le_bytes();
    std::fs::write(to, [&length, header.as_bytes(), tensors].concat()).unwrap();
}

#[test]
fn a_head_follows_its_labels_and_others_start_afresh() {
    let scratch = Scratch::with_films(40);
    let films = scratch.path("films");
    let first = scratch.path("first");
    // A head without statistics of its own: nothing drifts in a training of tiny steps.
    let plain = [
        "--no-audit",
        "--calibration",
        "none",
        "--head",
        "linear",
        "--labels",
    ];
    assert_code(
        &train(&films, &first, &[&plain[..], &["clear,opacity"]].concat()),
        0,
    );
    let model = first.join("model.plainfilm.safetensors");
    // A training that changes nothing shows what it began with.
    let start = |name: &str, films: &Path, weights: &Path, labels: &str, more: &[&str]| {
        let run = scratch.path(name);
        let still = ["--weights", text(weights), "--freeze", "backbone"];
        let still = [
            &still[..],
            &["--learning-rate", "1e-12", "--epochs", "1"],
            more,
        ]
        .concat();
        let output = train(films, &run, &[&still[..], &plain, &[labels]].concat());
        assert_code(&output, 0);
        (run, stderr(&output))
    };
    let difference = |run: &Path, expected: &[f64]| {
        let found = opacities(run, &films);
        assert_eq!(found.len(), expected.len());
        let pairs = found.iter().zip(expected);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let expected = opacities(&first, &films);

    // Our own model, with its labels in another order.
    let (turned, said) = start("turned", &films, &model, "opacity,clear", &[]);
    assert!(difference(&turned, &expected) < 1e-5, "{expected:?}");
    assert!(
        said.contains("with its head (its outputs turned from clear, opacity to opacity, clear)"),
        "{said}"
    );

    // A file that does not say which labels: a fresh head, unless it is asked for.
    let foreign = scratch.path("foreign.safetensors");
    without_metadata(&model, &foreign);
    let (fresh, said) = start("fresh", &films, &foreign, "clear,opacity", &[]);
    assert!(
        said.contains("with a fresh head (the file does not say"),
        "{said}"
    );
    assert!(difference(&fresh, &expected) > 1e-3);
    let scaling = json_header(&first)["preprocessing"]["scaling"].clone();
    let keep = ["--keep-head", "--scaling", scaling.as_str().unwrap()];
    let (kept, said) = start("kept", &films, &foreign, "clear,opacity", &keep);
    assert!(
        said.contains("with its head (the file does not say"),
        "{said}"
    );
    assert!(difference(&kept, &expected) < 1e-5);
    let (swapped, _) = start("swapped", &films, &foreign, "opacity,clear", &keep);
    let other: Vec<f64> = expected.iter().map(|p| 1.0 - p).collect();
    assert!(difference(&swapped, &other) < 1e-5, "as it was told");

    // Other labels.
    let sick = scratch.path("sick");
    std::fs::create_dir(&sick).unwrap();
    for (from, to) in [("opacity", "sick"), ("clear", "clear")] {
        std::fs::rename(films.join(from), sick.join(to)).unwrap();
    }
    let (_, said) = start("others", &sick, &model, "clear,sick", &[]);
    assert!(
        said.contains("with a fresh head (the file's is of clear, opacity, not clear, sick)"),
        "{said}"
    );
}

/// What a run's model file says about itself.
fn json_header(run: &Path) -> serde_json::Value {
    let bytes = model_bytes(run);
    let (length, rest) = bytes.split_first_chunk::<8>().unwrap();
    let header = &rest[..u64::from_le_bytes(*length) as usize];
    let header: serde_json::Value = serde_json::from_slice(header).unwrap();
    serde_json::from_str(header["__metadata__"]["plainfilm"].as_str().unwrap()).unwrap()
}

#[test]
fn weights_of_another_network_are_refused_before_a_run_begins() {
    let scratch = Scratch::with_films(20);
    let films = scratch.path("films");
    let run = scratch.path("run");
    let path = scratch.path("w.pth");
    std::fs::write(&path, b"\x80\x02cposix\nsystem\n.").unwrap();
    let output = train(&films, &run, &["--weights", path.to_str().unwrap()]);
    assert_code(&output, 1);
    let text = stderr(&output);
    assert!(
        text.contains("refused: the pickle asks for `posix.system`"),
        "{text}"
    );
    assert!(!run.exists(), "a run folder for a run that never began");
}

#[test]
fn public_weights_are_listed_and_compared() {
    let output = plainfilm(&["weights", "list"]);
    assert_code(&output, 0);
    assert!(stdout(&output).contains("keras/vgg16"));
    let scratch = Scratch::new();
    let path = scratch.path("resnet18-f37072fd.pth");
    std::fs::write(&path, b"forged").unwrap();
    let output = plainfilm(&["weights", "verify", path.to_str().unwrap()]);
    assert_code(&output, 1);
    assert!(stdout(&output).contains("wrong checksum: expected SHA-256 f37072fd"));
    let output = plainfilm(&["weights", "fetch", "vgg16"]);
    assert_code(&output, 1);
    assert!(
        stderr(&output).contains("expected one of keras/vgg16"),
        "{}",
        stderr(&output)
    );
}
