//! `quickstart`: the README's first command.

use crate::program::{Scratch, assert_code, json, plainfilm, stderr, stdout, text};

#[test]
fn quickstart_needs_nothing_and_shows_what_a_shortcut_does() {
    let scratch = Scratch::new();
    let output = scratch.path("quickstart");
    let ran = plainfilm(&["quickstart", "--output", text(&output)]);
    assert_code(&ran, 0);
    assert!(output.join("run/report.html").is_file());
    let metrics = json(&output.join("run/metrics.json"));
    assert!(metrics["test"]["accuracy"]["value"].as_f64().unwrap() > 0.5);
    let said = stderr(&ran);
    for expected in [
        "[4/4]",
        "where the site says nothing",
        "report.html",
        "plainfilm train",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    assert!(stdout(&ran).contains("balanced accuracy"));
    let again = plainfilm(&["quickstart", "--output", text(&output)]);
    assert_code(&again, 2);
}
