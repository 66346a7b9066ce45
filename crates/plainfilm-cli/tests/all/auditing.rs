//! `audit`, and what `train` and `predict` say of it.

use crate::program::{
    Scratch, assert_code, json, model_bytes, plainfilm, stderr, stdout, text, train,
};

/// Films whose site gives the label away entirely.
fn confounded(films: usize) -> Scratch {
    let scratch = Scratch::new();
    let output = plainfilm(&[
        "data",
        "phantoms",
        text(&scratch.path("films")),
        "--count",
        &films.to_string(),
        "--size",
        "96",
        "--shortcut",
        "1",
    ]);
    assert_code(&output, 0);
    scratch
}

#[test]
fn a_failed_audit_is_an_error_only_when_asked() {
    let scratch = confounded(120);
    let (films, out) = (scratch.path("films"), scratch.path("out"));
    let films = text(&films);
    let output = plainfilm(&["audit", films, "--output", text(&out)]);
    assert_code(&output, 0);
    assert!(stdout(&output).contains("FAIL  High accuracy means little here: "));
    assert!(stdout(&output).contains("--after \"--fit crop"));
    let audit = json(&out.join("audit.json"));
    assert_eq!(audit["verdict"], "fail");
    assert_eq!(audit["checks"].as_array().unwrap().len(), 12);
    let labels = audit["checks"].as_array().unwrap().last().unwrap();
    assert_eq!(labels["id"], "labels");
    assert_ne!(labels["status"], "fail");
    let suspects = std::fs::read_to_string(out.join("suspect_labels.csv")).unwrap();
    let header = "rank,path,given,suggested,probability_of_given,probability_of_suggested";
    assert_eq!(suspects.lines().next(), Some(header));
    let listed = labels["suspects"].as_array().map_or(0, Vec::len);
    assert_eq!(suspects.lines().count(), 1 + listed);
    let page = std::fs::read_to_string(out.join("audit.html")).unwrap();
    assert!(page.contains("not a medical device") && page.contains("High accuracy means little"));
    let strict = plainfilm(&["audit", films, "--strict", "--format", "json"]);
    assert_code(&strict, 4);
    let printed: serde_json::Value = serde_json::from_str(&stdout(&strict)).unwrap();
    assert_eq!(printed, audit);
}

#[test]
fn preprocessing_can_be_tried_in_the_words_of_train() {
    let scratch = confounded(60);
    let films = scratch.path("films");
    let films = text(&films);
    let output = plainfilm(&[
        "audit",
        films,
        "--after",
        "--fit crop --strip-borders 8 % --size 64",
        "--format",
        "json",
    ]);
    assert_code(&output, 0);
    let audit: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let after = &audit["after"];
    assert!(after["preprocessing"].as_str().unwrap().contains("8 %"));
    assert_eq!(audit["checks"][0]["status"], "fail");
    assert_ne!(after["checks"][0]["status"], "fail", "{after}");
    for wrong in ["--fit bogus", "--strip-borders 50%", "--epochs 3", "crop"] {
        let output = plainfilm(&["audit", films, "--after", wrong]);
        assert_code(&output, 2);
    }
}

#[test]
fn the_verdict_stands_beside_the_accuracy_everywhere() {
    let scratch = confounded(60);
    let (films, run) = (scratch.path("films"), scratch.path("run"));
    let output = train(&films, &run, &[]);
    assert_code(&output, 0);
    assert!(
        stderr(&output).contains("accuracy means little here"),
        "{}",
        stderr(&output)
    );
    let metrics = json(&run.join("metrics.json"));
    assert_eq!(metrics["audit"]["verdict"], "fail");
    let sentence = metrics["audit"]["sentence"].as_str().unwrap();
    assert!(
        sentence.contains("accuracy means little here"),
        "{sentence}"
    );
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("accuracy means little here"));
    assert_eq!(json(&run.join("audit.json"))["verdict"], "fail");
    let model = String::from_utf8_lossy(&model_bytes(&run)).into_owned();
    assert!(model.contains("accuracy means little here"));
    let film = std::fs::read_dir(films.join("clear"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let scored = plainfilm(&["predict", text(&film), "--model", text(&run)]);
    assert_code(&scored, 0);
    assert!(stderr(&scored).contains("audit of this model's training films failed"));
}

#[test]
fn a_run_without_an_audit_says_so() {
    let scratch = confounded(40);
    let run = scratch.path("run");
    let output = train(
        &scratch.path("films"),
        &run,
        &["--no-audit", "--strip-borders", "5%"],
    );
    assert_code(&output, 0);
    assert!(!run.join("audit.json").exists());
    let metrics = json(&run.join("metrics.json"));
    assert_eq!(metrics["audit"]["verdict"], "not_checked");
    assert!(stderr(&output).contains("NOT AUDITED"));
    let settings = std::fs::read_to_string(run.join("settings.toml")).unwrap();
    assert!(settings.contains("audit = false") && settings.contains("strip_borders = 5"));
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("Not audited"));
}

#[test]
fn a_cause_is_not_said_twice() {
    let output = plainfilm(&["audit", "/nowhere/at/all"]);
    assert_code(&output, 1);
    let said = stderr(&output);
    assert_eq!(said.matches("No such file").count(), 1, "{said}");
}
