//! `weights`, and trainings that start from them.

use crate::program::{Scratch, assert_code, json, plainfilm, stderr, stdout, train};

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
