//! `evaluate --predictions`: tables that other tools wrote.

use std::path::{Path, PathBuf};

use crate::program::{Scratch, assert_code, json, plainfilm, stderr, stdout, text, train};

/// How far our figures may be from scikit-learn's.
const TOLERANCE: f64 = 1e-9;

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../reference/predictions")
        .join(name)
}

/// The JSON of a table that was judged.
fn judged(table: &Path, more: &[&str]) -> serde_json::Value {
    let fixed = ["evaluate", "--predictions", text(table), "--format", "json"];
    let output = plainfilm(&[&fixed, more].concat());
    assert_code(&output, 0);
    serde_json::from_str(&stdout(&output)).expect("the output is JSON")
}

#[test]
fn figures_are_scikit_learns() {
    let expected = json(&reference("expected.json"));
    let tables = expected.as_object().expect("one object a table");
    assert_eq!(tables.len(), 3);
    for (name, expected) in tables {
        let found = judged(&reference(name), &[]);
        let test = &found["test"];
        for figure in ["auroc", "auprc", "brier", "ece", "loss", "accuracy"] {
            let (own, other) = (
                test[figure]["value"].as_f64().unwrap_or(f64::NAN),
                expected[figure].as_f64().expect("a number"),
            );
            assert!(
                (own - other).abs() <= TOLERANCE,
                "{figure} of {name}: {own} and {other}"
            );
        }
        assert_eq!(
            test["confusion_matrix"], expected["confusion_matrix"],
            "{name}"
        );
        if let Some(patients) = expected.get("patients") {
            assert_eq!(&test["patients"], patients, "{name}");
        }
    }
}

#[test]
fn what_was_taken_for_what_is_said() {
    let table = reference("sigmoid.csv");
    let output = plainfilm(&["evaluate", "--predictions", text(&table)]);
    assert_code(&output, 0);
    let said = stderr(&output);
    let taken = "path from `filename`, truth from `y_true`, patient_id from `pid`, source from `site`, probability of \
                 1 from `y_prob`";
    assert!(said.contains(taken), "{said}");
    assert!(!said.contains("who the patients are"), "{said}");
    assert!(said.contains("not a medical device"), "{said}");
    let spreadsheet = plainfilm(&[
        "evaluate",
        "--predictions",
        text(&reference("spreadsheet.csv")),
    ]);
    assert_code(&spreadsheet, 0);
    let said = stderr(&spreadsheet);
    assert!(said.contains("nothing says who the patients are"), "{said}");
    assert!(said.contains("not UTF-8"), "{said}");
}

#[test]
fn columns_labels_threshold_and_prevalence_may_be_named() {
    let scratch = Scratch::new();
    let table = scratch.path("table.csv");
    let mut rows = "case,outcome,who,model_a\n".to_owned();
    for row in 0..40 {
        let truth = row % 2;
        let p = 0.2 + 0.3 * f64::from(truth) + 0.01 * f64::from(row % 7);
        rows.push_str(&format!("c{row},{truth},p{},{p}\n", row / 2));
    }
    std::fs::write(&table, &rows).unwrap();
    let columns = "path=case,truth=outcome,patient=who,Pneumonia=model_a";
    let found = judged(
        &table,
        &[
            "--columns",
            columns,
            "--threshold",
            "0.4",
            "--prevalence",
            "0.1",
        ],
    );
    assert_eq!(found["positive_label"], "Pneumonia");
    assert_eq!(
        found["labels"],
        serde_json::json!(["Pneumonia", "no Pneumonia"])
    );
    assert_eq!(found["test"]["patients"], 20);
    assert_eq!(found["test"]["accuracy"]["value"], 1.0);
    let figures = &found["operation_on_test"];
    assert_eq!(figures["prevalence"], 0.1);
    assert_eq!(figures["points"][0]["threshold"], 0.4);
    // What is chosen on the films themselves says so.
    assert_eq!(
        figures["points"][1]["rule"],
        "youden, chosen on these films"
    );
    // The same by new names of the true labels.
    let columns = "path=case,truth=outcome,patient=who,Pneumonia=model_a";
    let renamed = judged(
        &table,
        &[
            "--columns",
            columns,
            "--map",
            "0=Normal,1=Pneumonia",
            "--threshold",
            "0.4",
        ],
    );
    assert_eq!(
        renamed["labels"],
        serde_json::json!(["Normal", "Pneumonia"])
    );
    assert_eq!(renamed["positive_label"], "Pneumonia");
    assert_eq!(renamed["test"]["auroc"], found["test"]["auroc"]);
}

#[test]
fn a_damaged_table_is_an_error_that_names_the_row() {
    let scratch = Scratch::new();
    let table = scratch.path("table.csv");
    let good = "a.png,x,0.9,0.1\nb.png,y,0.2,0.8\n";
    for (text_of_table, expected) in [
        (format!("path,truth,x,y\n{good}c.png,x,0.5\n"), "row 4: "),
        (
            format!("path,truth,x,y\n{good}c.png,x,0.5,0.5,1\n"),
            "row 4: expected 4 columns, found 5",
        ),
        (
            format!("path,truth,x,y\n{good}c.png,x,nan,0.5\n"),
            "row 4: expected a probability from 0 to 1 in `x`, found `nan`",
        ),
        (
            format!("path,truth,x,y\n{good}c.png,x,,0.5\n"),
            "row 4: expected a probability from 0 to 1 in `x`, found ``",
        ),
        (
            format!("path,truth,x,y\n{good}c.png,x,-2.3,1.2\n"),
            "row 4: expected a probability from 0 to 1 in `x`, found `-2.3`\nhint: these look like logits",
        ),
        (
            format!("path,truth,x,y\n{good}c.png,x,0.5,0.6\n"),
            "row 4: expected probabilities that add up to 1, found 1.1",
        ),
        (
            format!("path,truth,x,y\n{good}a.png,x,0.5,0.5\n"),
            "row 4: expected each film once, found `a.png` in row 2 too",
        ),
        (
            format!("path,truth,x,y\n{good},x,0.5,0.5\n"),
            "row 4: expected the path or id of a film",
        ),
        (
            format!("path,truth,x,y\n{good}c.png,z,0.5,0.5\n"),
            "expected a column for the probability of each label",
        ),
        (
            format!("path,truth,x,y\n{good}c.png,x|y,0.5,0.5\n"),
            "row 4: expected one true label, found several",
        ),
        (
            "path,truth,x,y\na.png,x,0.9,0.1\n".to_owned(),
            "at least two labels, found 1 films of one: `x`",
        ),
        (
            "path,truth,x,y\n".to_owned(),
            "at least two labels, found no film with a true label",
        ),
        (
            "truth,x,y\nx,0.9,0.1\n".to_owned(),
            "expected a column for the path or id of a film",
        ),
        (
            "path,a,b\na.png,0.9,0.1\n".to_owned(),
            "expected a column for the true label",
        ),
        (String::new(), "empty file"),
        ("\u{0}\u{1}PAR1".to_owned(), "expected a column"),
    ] {
        std::fs::write(&table, &text_of_table).unwrap();
        let output = plainfilm(&["evaluate", "--predictions", text(&table)]);
        assert_code(&output, 1);
        let said = stderr(&output);
        assert!(said.contains(expected), "{text_of_table}\n{said}");
        assert!(
            said.contains("table.csv") && !said.contains("panicked"),
            "{said}"
        );
    }
    for (name, expected) in [("gone.csv", "gone.csv"), ("no.parquet", "Parquet")] {
        let path = scratch.path(name);
        if name.ends_with("parquet") {
            std::fs::write(&path, "PAR1 and no more").unwrap();
        }
        let output = plainfilm(&["evaluate", "--predictions", text(&path)]);
        assert_code(&output, 1);
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    }
}

#[test]
fn rows_without_a_true_label_are_set_aside_and_counted() {
    let scratch = Scratch::new();
    let (table, out) = (scratch.path("table.csv"), scratch.path("out"));
    let rows = "path,truth,score\na,1,0.9\nb,0,0.2\nc,,0.4\nd,nan,0.4\n";
    std::fs::write(&table, rows).unwrap();
    let output = plainfilm(&[
        "evaluate",
        "--predictions",
        text(&table),
        "--output",
        text(&out),
    ]);
    assert_code(&output, 3);
    assert_eq!(json(&out.join("metrics.json"))["set_aside"], 2);
    let set_aside = std::fs::read_to_string(out.join("set_aside.csv")).unwrap();
    assert!(
        set_aside.contains("c,\"row 4: expected a true label"),
        "{set_aside}"
    );
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    for expected in [
        "not a medical device",
        "Nothing says who the patients are",
        "Not audited",
        "Set aside: 2",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("<script") && !page.contains("src=\"http"));
    assert!(!out.join("MODEL_CARD.md").exists());
}

#[test]
fn arguments_for_models_and_for_tables_are_told_apart() {
    let table = reference("sigmoid.csv");
    for arguments in [
        &["evaluate"][..],
        &["evaluate", "model"],
        &["evaluate", "model", "data", "--predictions", "x.csv"],
        &["evaluate", "model", "data", "--threshold", "0.4"],
        &["evaluate", "model", "data", "--data", "films"],
        &[
            "evaluate",
            "--predictions",
            text(&table),
            "--columns",
            "path",
        ],
        &[
            "evaluate",
            "--predictions",
            text(&table),
            "--include-training-films",
        ],
        &[
            "evaluate",
            "--predictions",
            text(&reference("spreadsheet.csv")),
            "--threshold",
            "0.4",
        ],
    ] {
        assert_code(&plainfilm(arguments), 2);
    }
}

/// A run of ours, judged as a model and as a table beside its films: the same figures, pages, patients.
#[test]
fn a_model_and_its_predictions_have_the_same_report() {
    let scratch = Scratch::with_films(40);
    let (films, run) = (scratch.path("films"), scratch.path("run"));
    assert_code(&train(&films, &run, &["--no-audit", "--epochs", "2"]), 0);
    let (of_model, of_table) = (scratch.path("of_model"), scratch.path("of_table"));
    let output = plainfilm(&[
        "evaluate",
        text(&run),
        text(&films),
        "--include-training-films",
        "--output",
        text(&of_model),
    ]);
    assert_code(&output, 0);
    let predictions = of_model.join("predictions.csv");
    let model = json(&of_model.join("metrics.json"));
    let threshold = model["operation"]["threshold"].to_string();
    let output = plainfilm(&[
        "evaluate",
        "--predictions",
        text(&predictions),
        "--data",
        text(&films),
        "--threshold",
        &threshold,
        "--output",
        text(&of_table),
    ]);
    assert_code(&output, 0);
    let table = json(&of_table.join("metrics.json"));
    for what in ["test", "labels", "positive_label", "subgroups", "audit"] {
        assert_eq!(table[what], model[what], "{what}");
    }
    let page = |folder: &Path| std::fs::read_to_string(folder.join("report.html")).unwrap();
    let (model_page, table_page) = (page(&of_model), page(&of_table));
    for expected in [
        "not a medical device",
        "Confusion matrix",
        "Shortcuts: what predicts the label",
        "Test films: predicted (true)",
        "From probability to label",
        "What was judged",
    ] {
        assert!(model_page.contains(expected), "{expected}");
        assert!(table_page.contains(expected), "{expected}");
    }
    assert!(model_page.contains("DarkCovidNet"));
    for absent in [
        "validation</th>",
        "Training time",
        "A sample of the training films",
    ] {
        assert!(!model_page.contains(absent), "{absent}");
    }
    // `compare` reads either, with its patients.
    let compared = plainfilm(&["compare", text(&of_model), text(&of_table)]);
    assert_code(&compared, 0);
    // An evaluation of before is replaced.
    let again = plainfilm(&[
        "evaluate",
        "--predictions",
        text(&predictions),
        "--no-audit",
        "--output",
        text(&of_table),
    ]);
    assert_code(&again, 0);
}
