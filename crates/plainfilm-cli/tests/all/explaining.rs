//! `explain` and `predict --explain`: what they write and what they say.

use crate::program::{Scratch, assert_code, json, plainfilm, stderr, stdout, text, train};

/// Rows and columns of a `.npy` file, and its values.
fn npy(path: &std::path::Path) -> ((usize, usize), Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let length = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = String::from_utf8_lossy(&bytes[10..length]).into_owned();
    let shape = header.split("'shape': (").nth(1).unwrap();
    let mut numbers = shape
        .split([',', ')', ' '])
        .filter_map(|text| text.parse().ok());
    let values = bytes[length..]
        .chunks_exact(4)
        .map(|value| f32::from_le_bytes(value.try_into().unwrap()))
        .collect();
    ((numbers.next().unwrap(), numbers.next().unwrap()), values)
}

#[test]
fn films_become_pictures_maps_and_figures_and_the_rest_is_set_aside() {
    let scratch = Scratch::with_films(6);
    let (films, output) = (scratch.path("films/clear"), scratch.path("maps"));
    let broken = scratch.path("broken.png");
    std::fs::write(&broken, b"no picture").unwrap();
    let run = plainfilm(&[
        "explain",
        "bundled",
        text(&films),
        text(&broken),
        "--methods",
        "grad-cam,eigen-cam",
        "--class",
        "Covid-19",
        "--output",
        text(&output),
        "--format",
        "json",
    ]);
    assert_code(&run, 3);
    let lines: Vec<serde_json::Value> = stdout(&run)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let (last, explained) = lines.split_last().unwrap();
    assert_eq!(last["status"], "set_aside");
    assert!(!explained.is_empty());
    for film in explained {
        assert_eq!(film["explained_label"], "Covid-19");
        let picture = std::fs::read(output.join(film["picture"].as_str().unwrap())).unwrap();
        assert!(picture.starts_with(b"\x89PNG"));
        let maps = film["maps"].as_array().unwrap();
        assert_eq!(maps.len(), 2);
        for map in maps {
            let ((rows, columns), values) = npy(&output.join(map["raw"].as_str().unwrap()));
            assert_eq!(columns.max(rows), 96);
            assert_eq!(values.len(), rows * columns);
            // The bundled model is shown the lungs' square alone: what it was not shown is not a number.
            let shown = values.iter().filter(|value| !value.is_nan()).count();
            assert!(0 < shown && shown <= rows.min(columns).pow(2), "{shown}");
            if let Some(lungs) = map["lungs"].as_object() {
                let number = |name: &str| lungs[name].as_f64().unwrap();
                assert!((number("share") / number("area") - number("gain")).abs() < 1e-9);
            }
        }
    }
    assert!(output.join("mean-evidence.png").is_file());
    let all = json(&output.join("explain.json"));
    assert_eq!(all["films"].as_array().unwrap().len(), lines.len());
    assert_eq!(all["lungs"][0]["method"], "grad-cam");
    assert!(
        all["notice"]
            .as_str()
            .unwrap()
            .contains("not a medical device")
    );
    assert!(stderr(&run).contains("not a medical device"));
}

#[test]
fn a_data_set_has_figures_by_label_and_source_and_checked_methods() {
    let scratch = Scratch::with_films(40);
    let (films, run) = (scratch.path("films"), scratch.path("run"));
    let output = scratch.path("maps");
    assert_code(&train(&films, &run, &["--no-audit"]), 0);
    let explained = plainfilm(&[
        "explain",
        text(&run),
        "--data",
        text(&films),
        "--check",
        "--raw",
        "none",
        "--no-pictures",
        "--output",
        text(&output),
    ]);
    assert_code(&explained, 0);
    let found = json(&output.join("explain.json"));
    // The run's own test films, no others.
    let test = json(&run.join("metrics.json"))["test"]["n"]
        .as_u64()
        .unwrap();
    assert_eq!(found["films"].as_array().unwrap().len() as u64, test);
    let groups: Vec<&str> = found["lungs"][0]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["films_of"].as_str().unwrap())
        .collect();
    for expected in ["all", "label clear", "label opacity", "source site-a"] {
        assert!(groups.contains(&expected), "{groups:?}");
    }
    let check = &found["checks"][0];
    assert_eq!(check["method"], "grad-cam");
    let parts = check["randomised"].as_array().unwrap();
    assert_eq!(parts[0]["from"], "head");
    assert_eq!(parts[parts.len() - 1]["from"], "stage1");
    let failed = !check["failures"].as_array().unwrap().is_empty();
    let said = stdout(&explained);
    assert!(
        said.contains(if failed { "FAILED" } else { "passed" }),
        "{said}"
    );
    assert!(said.contains("times chance"), "{said}");
    let files = std::fs::read_dir(&output).unwrap().count();
    assert_eq!(files, 2, "explain.json and mean-evidence.png alone");
}

#[test]
fn predict_explains_with_the_same_probabilities() {
    let scratch = Scratch::with_films(6);
    let films = scratch.path("films/opacity");
    let output = scratch.path("maps");
    let explain = format!("--explain={}", text(&output));
    let plain = plainfilm(&["predict", text(&films), "--format", "json"]);
    let with = plainfilm(&["predict", text(&films), "--format", "json", &explain]);
    assert_code(&with, 0);
    let (plain, with) = (stdout(&plain), stdout(&with));
    assert_eq!(plain.lines().count(), with.lines().count());
    for (plain, with) in plain.lines().zip(with.lines()) {
        let [plain, with]: [serde_json::Value; 2] =
            [plain, with].map(|line| serde_json::from_str(line).unwrap());
        for label in ["Covid-19", "Other"] {
            let of = |line: &serde_json::Value| line["probabilities"][label].as_f64().unwrap();
            assert!((of(&plain) - of(&with)).abs() < 1e-4, "{plain} {with}");
        }
        assert!(plain.get("picture").is_none());
        assert!(output.join(with["picture"].as_str().unwrap()).is_file());
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_any_work() {
    let cases: [(&[&str], i32, &str); 4] = [
        (
            &["bundled", "x.png", "--methods", "grad-cat"],
            2,
            "expected one of grad-cam",
        ),
        (
            &["bundled", "x.png", "--class", "Measles"],
            1,
            "expected one of Covid-19",
        ),
        (
            &["bundled", "x.png", "--stage", "stage99"],
            1,
            "expected one of stage1",
        ),
        (&["bundled"], 2, "INPUT"),
    ];
    for (arguments, code, message) in cases {
        let output = plainfilm(&[&["explain"], arguments].concat());
        assert_code(&output, code);
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
}
