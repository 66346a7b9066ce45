//! `predict`, `evaluate`, `models`: inputs, formats and exits.

use std::io::Write;
use std::process::Stdio;

use crate::program::{Scratch, assert_code, command, json, plainfilm, stderr, stdout, text, train};

#[test]
fn every_input_is_scored_or_set_aside_in_order() {
    let scratch = Scratch::with_films(6);
    let film = |name: &str| scratch.path("films").join(name);
    let listing = std::fs::read_to_string(film("manifest.csv")).unwrap();
    let real = film(listing.lines().nth(1).unwrap().split(',').next().unwrap());
    let (empty, gone) = (scratch.path("empty.png"), scratch.path("gone.png"));
    std::fs::write(&empty, b"").unwrap();
    let output = plainfilm(&[
        "predict",
        text(&real),
        text(&empty),
        text(&gone),
        "--format",
        "json",
    ]);
    assert_code(&output, 3);
    let lines: Vec<serde_json::Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let statuses: Vec<&str> = lines
        .iter()
        .map(|line| line["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["scored", "set_aside", "set_aside"]);
    let probabilities = lines[0]["probabilities"].as_object().unwrap();
    let sum: f64 = probabilities.values().map(|p| p.as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    let names: Vec<&str> = probabilities.keys().map(String::as_str).collect();
    assert_eq!(names, ["Covid-19", "Other"]);
    let threshold = lines[0]["threshold"].as_f64().unwrap();
    assert!((0.0..1.0).contains(&threshold), "{threshold}");
    // One of its own films, and no photograph.
    assert!(lines[0]["distance"].as_f64().unwrap() > 0.0);
    assert!(lines[1]["reason"].as_str().unwrap().contains("empty"));
    assert!(stderr(&output).contains("not a medical device"));
}

#[test]
fn a_list_on_stdin_and_a_folder_give_the_same_scores() {
    let scratch = Scratch::with_films(6);
    let folder = scratch.path("films/clear");
    let by_folder = plainfilm(&["predict", text(&folder), "--format", "csv"]);
    assert_code(&by_folder, 0);
    let mut names: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let mut child = command(&["predict", "-", "--format", "csv"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let list: String = names
        .iter()
        .map(|name| format!("{}\n", name.display()))
        .collect();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(list.as_bytes())
        .unwrap();
    let by_list = child.wait_with_output().unwrap();
    assert_code(&by_list, 0);
    assert_eq!(stdout(&by_folder), stdout(&by_list));
    assert!(stdout(&by_list).starts_with("path,status,label,Covid-19,Other,threshold,reason\n"));
}

#[test]
fn evaluate_repeats_the_figures_of_the_run_and_maps_labels() {
    let scratch = Scratch::with_films(40);
    let (films, run, other) = (
        scratch.path("films"),
        scratch.path("run"),
        scratch.path("other"),
    );
    assert_code(&train(&films, &run, &[]), 0);
    let keep = "--include-training-films";
    let output = plainfilm(&[
        "evaluate",
        text(&run),
        text(&films),
        keep,
        "--format",
        "json",
    ]);
    assert_code(&output, 0);
    let all: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let metrics = json(&run.join("metrics.json"));
    let right = |part: &serde_json::Value| {
        (part["accuracy"]["value"].as_f64().unwrap() * part["n"].as_f64().unwrap()).round() as u64
    };
    let parts = ["train", "validation", "test"]
        .iter()
        .map(|part| right(&metrics[part]))
        .sum::<u64>();
    assert_eq!(right(&all["test"]), parts);

    std::fs::create_dir(&other).unwrap();
    std::fs::rename(films.join("opacity"), other.join("sick")).unwrap();
    std::fs::rename(films.join("clear"), other.join("clear")).unwrap();
    let refused = plainfilm(&["evaluate", text(&run), text(&other)]);
    assert_code(&refused, 3);
    assert!(stderr(&refused).contains("sick"), "{}", stderr(&refused));
    let mapped = plainfilm(&[
        "evaluate",
        text(&run),
        text(&other),
        "--map",
        "sick=opacity",
        keep,
        "--format",
        "json",
    ]);
    assert_code(&mapped, 0);
    let mapped: serde_json::Value = serde_json::from_str(&stdout(&mapped)).unwrap();
    assert_eq!(right(&mapped["test"]), parts);
    assert_eq!(mapped["positive_label"], "opacity");

    let with = |more: &[&str]| {
        let line = [
            "evaluate",
            text(&run),
            text(&other),
            keep,
            "--format",
            "json",
        ];
        plainfilm(&[&line[..], more].concat())
    };
    for (more, expected) in [
        (&["--map", "sik=opacity"][..], "did you mean `sick`?"),
        (&["--map", "sick=opacty"], "did you mean `opacity`?"),
        (
            &["--map", "sick=opacity", "--positive", "cler"],
            "did you mean `clear`?",
        ),
    ] {
        let refused = with(more);
        assert_code(&refused, 1);
        assert!(stderr(&refused).contains(expected), "{}", stderr(&refused));
    }
    let turned = with(&["--map", "sick=opacity", "--positive", "clear"]);
    assert_code(&turned, 0);
    let turned: serde_json::Value = serde_json::from_str(&stdout(&turned)).unwrap();
    assert_eq!(turned["positive_label"], "clear");
    assert_eq!(right(&turned["test"]), parts);
    let point = |of: &serde_json::Value, figure: &str| {
        of["operation_on_test"]["points"][0][figure]["value"]
            .as_f64()
            .unwrap()
    };
    assert_eq!(point(&turned, "sensitivity"), point(&mapped, "specificity"));
    assert_eq!(point(&turned, "specificity"), point(&mapped, "sensitivity"));
}

#[test]
fn compare_finds_a_network_equal_to_itself_and_names_what_does_not_fit() {
    let scratch = Scratch::with_films(40);
    let (films, run, again) = (
        scratch.path("films"),
        scratch.path("run"),
        scratch.path("again"),
    );
    assert_code(&train(&films, &run, &[]), 0);
    let evaluated = plainfilm(&[
        "evaluate",
        text(&run),
        text(&films),
        "--include-training-films",
        "--output",
        text(&again),
    ]);
    assert_code(&evaluated, 0);
    let printed = stdout(&evaluated);
    for expected in ["95 % interval", "Wilson", "films, "] {
        assert!(
            printed.contains(expected),
            "{expected} is not in\n{printed}"
        );
    }
    // The test films of the run are among all films, scored by the same network.
    let output = plainfilm(&["compare", text(&run), text(&again), "--format", "json"]);
    assert_code(&output, 0);
    let found: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(found["films"], json(&run.join("metrics.json"))["test"]["n"]);
    let pair = &found["pairs"][0];
    assert_eq!(pair["mcnemar"]["test"]["p_value"], 1.0);
    for figure in pair["figures"].as_array().unwrap() {
        let difference = figure["difference"]["value"].as_f64();
        assert!(difference.is_none_or(|d| d.abs() < 1e-6), "{figure}");
    }
    assert!(stderr(&output).contains("not scored by all"));
    let table = plainfilm(&["compare", text(&run), text(&again)]);
    assert!(stdout(&table).contains("McNemar's test (exact): p = 1.000"));
    let refused = plainfilm(&["compare", text(&run), text(&films)]);
    assert_code(&refused, 1);
    assert!(stderr(&refused).contains("predictions.csv"));
    assert_code(&plainfilm(&["compare", text(&run)]), 2);
}

/// Paths of a split.csv or predictions.csv by the value of a column.
fn paths_where(table: &std::path::Path, column: &str, value: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_path(table).unwrap();
    let headers = reader.headers().unwrap().clone();
    let place = headers.iter().position(|name| name == column).unwrap();
    let rows = reader.records().map(Result::unwrap);
    rows.filter(|row| value.is_empty() || &row[place] == value)
        .map(|row| row[0].to_owned())
        .collect()
}

#[test]
fn films_that_a_model_was_fitted_on_are_known_and_left_out() {
    let scratch = Scratch::with_films(40);
    let (films, run) = (scratch.path("films"), scratch.path("run"));
    assert_code(&train(&films, &run, &["--no-audit"]), 0);
    let metrics = json(&run.join("metrics.json"));
    let parts = ["train", "validation", "test"].map(|part| metrics[part]["n"].as_u64().unwrap());
    let found = |output: &std::process::Output| -> serde_json::Value {
        serde_json::from_str(&stdout(output)).unwrap()
    };

    // Evaluated on its own films, the run says what it said of its test films.
    let out = scratch.path("out");
    let arguments = ["evaluate", text(&run), text(&films), "--format", "json"];
    let output = plainfilm(&[arguments.as_slice(), &["--output", text(&out)]].concat());
    assert_code(&output, 0);
    let figures = found(&output);
    assert_eq!(figures["test"]["n"], parts[2]);
    for figure in ["accuracy", "auroc"] {
        assert_eq!(
            figures["test"][figure]["value"],
            metrics["test"][figure]["value"]
        );
    }
    let expected = serde_json::json!(
        {"training": parts[0], "validation": parts[1], "included": false}
    );
    assert_eq!(figures["own_films"], expected);
    let said = stderr(&output);
    let count = parts[0] + parts[1];
    assert!(
        said.contains(&format!("{count} films were in this model's own training"))
            && said.contains("left out of the figures")
            && said.contains("more"),
        "{said}"
    );
    let split = run.join("split.csv");
    let mut tested = paths_where(&split, "split", "test");
    tested.sort();
    let mut scored = paths_where(&out.join("predictions.csv"), "path", "");
    scored.sort();
    assert_eq!(scored, tested);
    let left = paths_where(&out.join("split.csv"), "split", "test").len();
    assert_eq!(left, tested.len());

    let kept = plainfilm(&[arguments.as_slice(), &["--include-training-films"]].concat());
    assert_code(&kept, 0);
    assert_eq!(found(&kept)["test"]["n"], parts.iter().sum::<u64>());
    assert_eq!(found(&kept)["own_films"]["included"], true);
    assert!(
        stderr(&kept).contains("AND IN THE FIGURES"),
        "{}",
        stderr(&kept)
    );

    // Copies elsewhere, under other names: the training films alone leave nothing.
    let copies = scratch.path("copies");
    for (number, path) in paths_where(&split, "split", "train").iter().enumerate() {
        let label = copies.join(path.split('/').next().unwrap());
        std::fs::create_dir_all(&label).unwrap();
        std::fs::copy(films.join(path), label.join(format!("{number}.png"))).unwrap();
    }
    let nothing = plainfilm(&["evaluate", text(&run), text(&copies)]);
    assert_code(&nothing, 1);
    let said = stderr(&nothing);
    assert!(
        said.contains("no film is left") && said.contains("split.csv"),
        "{said}"
    );
    assert!(said.contains("--include-training-films"), "{said}");

    // One film of each part, as `predict` has it.
    let one = |part: &str| films.join(&paths_where(&split, "split", part)[0]);
    let each = ["train", "validation", "test"].map(one);
    let predict = |format: &str| {
        let [a, b, c] = &each;
        let output = plainfilm(&[
            "predict",
            text(a),
            text(b),
            text(c),
            "--model",
            text(&run),
            "--format",
            format,
        ]);
        assert_code(&output, 0);
        stdout(&output)
    };
    let lines: Vec<serde_json::Value> = predict("json")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen = |field: &str| -> Vec<bool> {
        let fields = lines.iter().map(|line| line.get(field));
        fields
            .map(|seen| seen.is_some_and(|seen| seen == true))
            .collect()
    };
    assert_eq!(seen("seen_in_training"), [true, false, false]);
    assert_eq!(seen("seen_in_validation"), [false, true, false]);
    assert!(lines[2].get("seen_in_training").is_none());
    let csv = predict("csv");
    let ends = [",in training", ",in validation", ","];
    for (line, end) in csv.lines().skip(1).zip(ends) {
        assert!(line.ends_with(end), "{csv}");
    }
    let table = predict("table");
    assert_eq!(table.matches("in training").count(), 1, "{table}");
}

#[test]
fn a_model_that_does_not_say_what_it_was_trained_on_says_so() {
    let scratch = Scratch::with_films(20);
    // As model files were before they kept digests.
    let mut model = ::plainfilm::bundle::bundled().unwrap();
    model.header.fitted_on = None;
    model.header.likeness = None;
    let bundled = scratch.path("older.plainfilm.safetensors");
    model
        .save(&bundled, ::plainfilm::bundle::Precision::F16)
        .unwrap();
    let output = plainfilm(&[
        "evaluate",
        text(&bundled),
        text(&scratch.path("films")),
        "--map",
        "opacity=Covid-19,clear=Other",
        "--format",
        "json",
    ]);
    assert_code(&output, 0);
    let said = stderr(&output);
    assert!(
        said.contains("this model file does not say which films it was trained on"),
        "{said}"
    );
    let figures: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(figures["test"]["n"], 20);
    assert!(figures.get("own_films").is_none());
}

#[test]
fn a_run_is_not_overwritten_by_its_evaluation() {
    let scratch = Scratch::with_films(20);
    let (films, run, out) = (
        scratch.path("films"),
        scratch.path("run"),
        scratch.path("out"),
    );
    assert_code(&train(&films, &run, &["--no-audit", "--epochs", "1"]), 0);
    let before = std::fs::read(run.join("metrics.json")).unwrap();
    let evaluate = |output: &std::path::Path| {
        plainfilm(&[
            "evaluate",
            text(&run),
            text(&films),
            "--output",
            text(output),
        ])
    };
    let refused = evaluate(&run);
    assert_code(&refused, 2);
    let said = stderr(&refused);
    assert!(
        said.contains("holds a run") && said.contains("hint"),
        "{said}"
    );
    assert_eq!(std::fs::read(run.join("metrics.json")).unwrap(), before);
    // An evaluation of before is replaced, as ever.
    for _ in 0..2 {
        assert_code(&evaluate(&out), 0);
    }
}

#[test]
fn models_print_the_published_parameters() {
    let list = stdout(&plainfilm(&["models"]));
    for expected in ["1,164,434", "14,747,650", "32,962", "plants"] {
        assert!(list.contains(expected), "{expected} is not in\n{list}");
    }
    let three = stdout(&plainfilm(&[
        "models",
        "--summary",
        "darkcovidnet",
        "--classes",
        "3",
    ]));
    assert!(three.contains("1,167,586"), "{three}");
}

#[test]
fn a_damaged_model_file_is_an_error_that_names_it() {
    let scratch = Scratch::new();
    let path = scratch.path("broken.safetensors");
    std::fs::write(&path, b"not a model").unwrap();
    let output = plainfilm(&["predict", "x.png", "--model", text(&path)]);
    assert_code(&output, 1);
    assert!(
        stderr(&output).contains("broken.safetensors"),
        "{}",
        stderr(&output)
    );
}
