//! Films with any number of findings: from a manifest of lists to a network that answers each for itself.

use std::path::Path;

use crate::program::{
    Scratch, assert_code, json, model_bytes, plainfilm, stderr, stdout, text, train,
};

/// Gives phantoms a second finding, which is their site: its films are grey. Of some that lack it nobody knows.
fn with_two_findings(films: &Path) {
    let manifest = films.join("manifest.csv");
    let mut reader = csv::Reader::from_path(&manifest).unwrap();
    let mut written = String::from("path,label,unknown,patient_id,synthetic\n");
    for (index, row) in reader.records().map(Result::unwrap).enumerate() {
        let mut findings = vec![];
        findings.extend((&row[1] == "opacity").then_some("Opacity"));
        let grey = &row[3] == "site-b";
        findings.extend(grey.then_some("Grey film"));
        let unknown = if index % 7 == 0 && !grey {
            "Grey film"
        } else {
            ""
        };
        let label = match findings.join("|") {
            none if none.is_empty() => "No Finding".to_owned(),
            some => some,
        };
        written += &format!("{},{label},{unknown},{},true\n", &row[0], &row[2]);
    }
    drop(reader);
    std::fs::write(&manifest, written).unwrap();
}

#[test]
fn each_finding_is_learned_judged_and_served_for_itself() {
    let scratch = Scratch::with_films(80);
    let (films, run) = (scratch.path("films"), scratch.path("run"));
    with_two_findings(&films);
    let described = plainfilm(&["data", "describe", text(&films)]);
    assert_code(&described, 0);
    let described = stdout(&described);
    for expected in [
        "any finding",
        "Grey film     40",
        "Opacity       40       40        0",
    ] {
        assert!(described.contains(expected), "{expected}\n{described}");
    }
    let more = ["--epochs", "12", "--split", "stratified", "--verbose"];
    let output = train(&films, &run, &more);
    assert_code(&output, 0);
    assert!(
        stdout(&output).contains("over 2 findings"),
        "{}",
        stdout(&output)
    );
    let metrics = json(&run.join("metrics.json"));
    assert_eq!(metrics["labels"][0], "any finding");
    let each = metrics["findings"]["each"].as_array().unwrap();
    assert_eq!(each.len(), 2);
    // The grey of a whole film is learned in a moment.
    let area = each[0]["auroc"]["value"].as_f64().unwrap();
    assert!(area > 0.9, "{area}");
    assert!(each[0]["known"].as_u64() < each[1]["known"].as_u64());
    for (finding, folder) in [("Grey film", "grey-film"), ("Opacity", "opacity")] {
        let own = run.join("findings").join(folder);
        let report = std::fs::read_to_string(own.join("report.html")).unwrap();
        assert!(report.contains(&format!("no {finding}")));
        assert!(report.contains("The audit asks what predicts any finding"));
        assert_eq!(json(&own.join("metrics.json"))["positive_label"], finding);
    }
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    for expected in ["Results by finding", "findings/opacity/report.html"] {
        assert!(report.contains(expected), "{expected}");
    }

    let card = std::fs::read_to_string(run.join("MODEL_CARD.md")).unwrap();
    assert!(card.contains("| Grey film | "), "{card}");

    // What `evaluate` and `predict` say is what the run said.
    let arguments = ["evaluate", text(&run), text(&films), "--format", "json"];
    let evaluated = plainfilm(&arguments);
    assert_code(&evaluated, 0);
    let others: serde_json::Value = serde_json::from_str(&stdout(&evaluated)).unwrap();
    let evaluated = plainfilm(&[arguments.as_slice(), &["--include-training-films"]].concat());
    assert_code(&evaluated, 0);
    let figures: serde_json::Value = serde_json::from_str(&stdout(&evaluated)).unwrap();
    assert_eq!(figures["findings"]["averages"]["n"], 80);
    // Without the films that it was fitted on, the test films are left.
    assert_eq!(
        others["findings"]["averages"]["n"],
        json(&run.join("metrics.json"))["findings"]["averages"]["n"]
    );
    let own = &others["own_films"];
    let count = own["training"].as_u64().unwrap() + own["validation"].as_u64().unwrap();
    assert_eq!(
        count,
        80 - others["findings"]["averages"]["n"].as_u64().unwrap()
    );
    let mut saved = csv::Reader::from_path(run.join("findings.csv")).unwrap();
    for row in saved.records().map(Result::unwrap).take(5) {
        let film = films.join(&row[0]);
        let predicted = plainfilm(&[
            "predict",
            "--model",
            text(&run),
            text(&film),
            "--format",
            "json",
        ]);
        assert_code(&predicted, 0);
        let predicted: serde_json::Value = serde_json::from_str(&stdout(&predicted)).unwrap();
        let label = predicted["label"].as_str().unwrap();
        assert_eq!(
            label,
            if row[3].is_empty() {
                "No finding"
            } else {
                &row[3]
            }
        );
        for (place, finding) in [(4, "Grey film"), (5, "Opacity")] {
            let saved: f64 = row[place].parse().unwrap();
            let served = predicted["probabilities"][finding].as_f64().unwrap();
            assert!((served - saved).abs() < 1e-5, "{served} {saved}");
        }
    }
    let maps = scratch.path("maps");
    let explained = plainfilm(&[
        "explain",
        text(&run),
        "--data",
        text(&films),
        "--class",
        "Opacity",
        "--output",
        text(&maps),
        "--no-pictures",
    ]);
    assert_code(&explained, 0);
    assert!(
        stdout(&explained).contains("Grey film|Opacity"),
        "{}",
        stdout(&explained)
    );
}

#[test]
fn findings_are_cross_validated_and_resumed() {
    let scratch = Scratch::with_films(40);
    let (films, run) = (scratch.path("films"), scratch.path("run"));
    with_two_findings(&films);
    let folds = ["--folds", "2", "--epochs", "1", "--calibration", "platt"];
    assert_code(&train(&films, &run, &folds), 0);
    let whole = std::fs::read_to_string(run.join("metrics.json")).unwrap();
    let metrics = json(&run.join("metrics.json"));
    assert_eq!(metrics["findings"]["averages"]["n"], 40);
    assert!(metrics["findings"]["each"][0].get("threshold").is_none());
    let first = model_bytes(&run.join("fold-1"));
    std::fs::remove_file(run.join("fold-1/metrics.json")).unwrap();
    let resumed = plainfilm(&["train", "--resume", text(&run)]);
    assert_code(&resumed, 0);
    assert!(
        stderr(&resumed).contains("fold-2 is finished"),
        "{}",
        stderr(&resumed)
    );
    assert!(
        first == model_bytes(&run.join("fold-1")),
        "the model differs"
    );
    assert_eq!(
        whole,
        std::fs::read_to_string(run.join("metrics.json")).unwrap()
    );
}
