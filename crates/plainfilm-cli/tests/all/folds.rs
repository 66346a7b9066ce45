//! Cross-validation: repeats, shards and what is put together; operating points.

use crate::program::{
    Scratch, assert_code, json, model_bytes, plainfilm, stderr, stdout, text, train,
};

const FOLDS: [&str; 6] = ["--folds", "2", "--repeats", "2", "--epochs", "1"];

#[test]
fn shards_merged_are_the_cross_validation_in_one_go() {
    let scratch = Scratch::with_films(40);
    let films = scratch.path("films");
    let whole = scratch.path("whole");
    let output = train(
        &films,
        &whole,
        &[&FOLDS[..], &["--both-splits", "--tensorboard", "--verbose"]].concat(),
    );
    assert_code(&output, 0);
    let printed = stdout(&output);
    for expected in [
        "over 4 folds",
        "repeat 2, all folds together",
        "without regard to patients",
    ] {
        assert!(
            printed.contains(expected),
            "{expected} is not in\n{printed}"
        );
    }
    let shards = ["1/2", "2/2"].map(|shard| {
        let run = scratch.path(&shard.replace('/', "-of-"));
        let more = [&FOLDS[..], &["--both-splits", "--shard", shard]].concat();
        assert_code(&train(&films, &run, &more), 0);
        run
    });
    let merged = scratch.path("merged");
    let one = plainfilm(&["merge", text(&shards[0]), "--run", text(&merged)]);
    assert_code(&one, 1);
    assert!(
        stderr(&one).contains("is finished in none of the 1 shards"),
        "{}",
        stderr(&one)
    );
    assert!(!merged.exists());
    let [first, second] = [&shards[0], &shards[1]].map(|shard| text(shard));
    let output = plainfilm(&[
        "merge",
        second,
        first,
        "--run",
        text(&merged),
        "--threads",
        "2",
    ]);
    assert_code(&output, 0);
    for name in [
        "metrics.json",
        "predictions.csv",
        "split.csv",
        "evidence.json",
    ] {
        let [one, other] =
            [&whole, &merged].map(|run| std::fs::read_to_string(run.join(name)).unwrap());
        assert!(one == other, "{name} differs");
    }
    for fold in ["repeat-1/fold-1", "ungrouped/repeat-2/fold-2"] {
        let kept = std::fs::read_to_string(merged.join(fold).join("validation_predictions.csv"));
        assert!(
            kept.is_ok_and(|text| text.starts_with("path,truth,label,")),
            "{fold}"
        );
    }
    let evidence = json(&merged.join("evidence.json"));
    assert_eq!(evidence["networks"], 2, "the folds of the first repeat");
    assert_eq!(evidence["looked_at"], serde_json::json!([40, 40]));
    let metrics = json(&merged.join("metrics.json"));
    assert_eq!(metrics["folds"]["accuracies"].as_array().unwrap().len(), 4);
    assert_eq!(metrics["folds"]["pooled"].as_array().unwrap().len(), 2);
    assert_eq!(metrics["test"]["n"], 40);
    assert_eq!(metrics["ungrouped"]["test"]["n"], 40);
    let report = std::fs::read_to_string(merged.join("report.html")).unwrap();
    assert!(report.contains("Cross-validation, 2 repeats, 4 folds in all"));

    let events = |fold: &str| {
        let folder = whole.join("tensorboard").join(fold);
        folder.read_dir().map_or(0, Iterator::count)
    };
    assert_eq!(
        (events("repeat-1/fold-1"), events("repeat-1/fold-2")),
        (1, 1)
    );

    // A fold that is not there is trained again, the others are not, and nothing else changes.
    let fold = whole.join("repeat-1/fold-2");
    let model = model_bytes(&fold);
    std::fs::remove_dir_all(&fold).unwrap();
    let before = std::fs::read_to_string(whole.join("metrics.json")).unwrap();
    let resumed = plainfilm(&["train", "--resume", text(&whole)]);
    assert_code(&resumed, 0);
    assert!(
        stderr(&resumed).contains("repeat-1/fold-1 is finished"),
        "{}",
        stderr(&resumed)
    );
    assert!(model == model_bytes(&fold), "the fold's model differs");
    // The run knows whom it is told to.
    assert_eq!(
        (events("repeat-1/fold-1"), events("repeat-1/fold-2")),
        (1, 2)
    );
    assert_eq!(
        before,
        std::fs::read_to_string(whole.join("metrics.json")).unwrap()
    );
}

#[test]
fn what_does_not_go_together_is_refused() {
    let scratch = Scratch::with_films(20);
    let films = scratch.path("films");
    let cases: [(&[&str], i32, &str); 7] = [
        (
            &["--repeats", "2"],
            1,
            "repeats must be 1 to 1000, with folds",
        ),
        (
            &["--shard", "1/2"],
            1,
            "shard must be left out without folds",
        ),
        (&["--folds", "2", "--shard", "3/2"], 2, "--shard"),
        (&["--both-splits"], 1, "both-splits must be used with folds"),
        (&["--threshold", "best"], 2, "youden"),
        (&["--prevalence", "1.5"], 1, "prevalence must be above 0"),
        (&["--calibration", "isotonic"], 2, "temperature"),
    ];
    for (more, code, expected) in cases {
        let output = train(&films, &scratch.path("run"), more);
        assert_code(&output, code);
        assert!(
            stderr(&output).contains(expected),
            "{more:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn a_chosen_threshold_and_calibration_go_with_the_model() {
    let scratch = Scratch::with_films(120);
    let (films, run) = (scratch.path("films"), scratch.path("run"));
    let more = [
        "--epochs",
        "10",
        "--selection",
        "last",
        "--calibration",
        "platt",
        "--threshold",
        "sensitivity=0.9",
        "--prevalence",
        "0.1",
        "--not-sure",
        "0.2",
    ];
    // A split with enough validation films to choose on.
    let settings = scratch.path("settings.toml");
    std::fs::write(&settings, "[split]\nfractions = [0.5, 0.3, 0.2]\n").unwrap();
    let output = train(
        &films,
        &run,
        &[&more[..], &["--settings", text(&settings), "--verbose"]].concat(),
    );
    assert_code(&output, 0);
    assert!(stdout(&output).contains("PPV and NPV at a prevalence of 10.0 %: as stated"));
    let metrics = json(&run.join("metrics.json"));
    let operation = &metrics["operation"];
    // A network that has learned so little may have nothing to correct, and then that is said.
    let (calibration, chosen) = (
        &operation["calibration"],
        &operation["calibration"]["chosen"],
    );
    let is_corrected = calibration["method"] == "platt";
    let chosen = chosen.as_str().unwrap();
    assert!(
        is_corrected || chosen.contains("held out") || chosen.contains("no finite"),
        "{calibration}"
    );
    assert_eq!(operation["points"][0]["rule"], "sensitivity=0.9");
    let threshold = operation["threshold"].as_f64().unwrap();
    let before = &metrics["operation_on_test"]["uncalibrated"]["ece"]["value"];
    assert_eq!(before.is_f64(), is_corrected);

    // The served probabilities and labels are those that were judged, but for the rounding of 32-bit floats in
    // batches of another size.
    let again = scratch.path("again");
    let evaluated = plainfilm(&[
        "evaluate",
        text(&run),
        text(&films),
        "--include-training-films",
        "--output",
        text(&again),
    ]);
    assert_code(&evaluated, 0);
    assert!(
        stderr(&evaluated).contains(chosen),
        "{}",
        stderr(&evaluated)
    );
    let rows = |path: std::path::PathBuf| -> Vec<(String, String, f64)> {
        let mut reader = csv::Reader::from_path(path.join("predictions.csv")).unwrap();
        let place = reader
            .headers()
            .unwrap()
            .iter()
            .position(|h| h == "opacity")
            .unwrap();
        let records = reader.records().map(Result::unwrap);
        records
            .map(|row| {
                (
                    row[0].to_owned(),
                    row[2].to_owned(),
                    row[place].parse().unwrap(),
                )
            })
            .collect()
    };
    let all = rows(again);
    for (path, label, probability) in rows(run.clone()) {
        let other = all.iter().find(|row| row.0 == path).unwrap();
        assert!(
            (other.2 - probability).abs() < 1e-4,
            "{path}: {probability} and {}",
            other.2
        );
        assert_eq!(
            label == "opacity",
            probability >= threshold,
            "{path}: {label}"
        );
        assert_eq!(label, other.1);
    }
    let predicted = plainfilm(&[
        "predict",
        text(&films),
        "--model",
        text(&run),
        "--format",
        "json",
    ]);
    assert_code(&predicted, 0);
    let lines: Vec<serde_json::Value> = stdout(&predicted)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let unsure = lines
        .iter()
        .filter(|line| line["reason"] == "not sure")
        .count();
    assert!((1..80).contains(&unsure), "{unsure} of {}", lines.len());
    for line in &lines {
        assert_eq!(line["status"], "scored");
        assert_eq!(line["label"].is_null(), line["reason"] == "not sure");
    }
}

#[test]
fn folds_trained_at_once_are_those_trained_one_by_one() {
    let scratch = Scratch::with_films(40);
    let films = scratch.path("films");
    let more = |threads| {
        [
            "--folds",
            "3",
            "--epochs",
            "2",
            "--freeze",
            "stage3",
            "--views",
            "2",
            "--cache-size",
            "0",
            "--tensorboard",
            "--threads",
            threads,
        ]
    };
    let [(one, alone), (both, together)] = ["1", "2"].map(|threads| {
        let run = scratch.path(&format!("threads-{threads}"));
        let output = train(&films, &run, &more(threads));
        assert_code(&output, 0);
        (run, stderr(&output))
    });
    assert!(together.contains("2 folds at once"), "{together}");
    assert!(!alone.contains("at once"), "{alone}");
    // What is told comes in the order of the folds, whichever ended first.
    let order = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.contains(" of 3)"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(order(&alone), order(&together));
    assert_eq!(order(&together).len(), 3);
    for name in ["metrics.json", "predictions.csv", "split.csv"] {
        let [one, other] = [&one, &both].map(|run| std::fs::read(run.join(name)).unwrap());
        assert!(one == other, "{name} differs");
    }
    for fold in ["fold-1", "fold-2", "fold-3"] {
        let [one, other] = [&one, &both].map(|run| {
            let model = plainfilm::bundle::ModelFile::load(
                &run.join(fold).join("model.plainfilm.safetensors"),
            );
            model.unwrap().tensors
        });
        assert!(one == other, "{fold} differs");
        assert!(both.join("tensorboard").join(fold).is_dir());
    }
}
