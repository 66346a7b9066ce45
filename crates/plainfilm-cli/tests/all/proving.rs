//! Exported files in other people's interpreters: ONNX Runtime and LiteRT, where `.ci/run` has put them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::program::{Scratch, assert_code, plainfilm, stderr, stdout, text, train};
use crate::support::reference_films;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Python with both interpreters; says so where there is none.
#[expect(clippy::print_stderr, reason = "a test that skips says so")]
fn python() -> Option<PathBuf> {
    let python = root().join("target/proof/bin/python");
    if python.is_file() {
        return Some(python);
    }
    eprintln!(
        "SKIPPED: exported files were not run in ONNX Runtime and LiteRT: no {}; \
         make a virtual environment there with reference/export/requirements-*.txt",
        python.display()
    );
    None
}

fn passed(output: &Output) {
    assert!(
        output.status.success(),
        "{}{}",
        stdout(output),
        stderr(output)
    );
}

/// Films of the reference data, evenly spaced among all, where they are to be had.
fn real_films(count: usize) -> Vec<PathBuf> {
    let data = reference_films("preprocessing.py on published films");
    let mut films = data.map(|data| walk(&data)).unwrap_or_default();
    films.sort();
    let every = films.len().div_ceil(count).max(1);
    films.into_iter().step_by(every).collect()
}

/// The PNG and JPEG files below a folder; none of a folder that is not there.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return vec![];
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(
            |path| match path.extension().and_then(|ending| ending.to_str()) {
                _ if path.is_dir() => walk(&path),
                Some("png" | "jpg" | "jpeg") => vec![path],
                _ => vec![],
            },
        )
        .collect()
}

#[test]
fn other_interpreters_answer_as_the_model_does() {
    let Some(python) = python() else {
        return;
    };
    let scratch = Scratch::with_films(24);
    let (films, run) = (scratch.path("films"), scratch.path("run"));
    assert_code(&train(&films, &run, &["--fit", "crop", "--no-audit"]), 0);
    let model = run.join("model.plainfilm.safetensors");
    for (to, precision, more) in [
        ("onnx", "f32", &[][..]),
        ("onnx", "f16", &[]),
        ("onnx", "int8", &["--calibrate", text(&films)]),
        ("tflite", "f32", &[]),
        ("tflite", "f16", &[]),
        ("tflite", "int8", &["--calibrate", text(&films)]),
        (
            "tflite",
            "int8",
            &["--calibrate", text(&films), "--input", "uint8"],
        ),
    ] {
        // A folder of its own for each: what lies beside a file is about that file.
        let folder = scratch.path(&format!("{to}-{precision}-{}", more.len()));
        let file = folder.join(format!("model.{to}"));
        let start = ["export", text(&model), "--to", to, "--precision", precision];
        let written = plainfilm(&[&start[..], more, &["--output", text(&file)]].concat());
        // Of so few films one at the threshold may get the other label in whole numbers, and `export` then says so.
        let is_written = match precision {
            "int8" => matches!(written.status.code(), Some(0 | 1)),
            _ => written.status.success(),
        };
        assert!(is_written && file.is_file(), "{}", stderr(&written));
        let checked = Command::new(&python)
            .arg(folder.join("check.py"))
            .arg(&file)
            .output();
        passed(&checked.expect("Python starts"));
    }

    // End to end, preprocessing included.
    let real = real_films(40);
    let drawn = walk(&films);
    let compared = Command::new(&python)
        .arg(root().join("reference/export/check_preprocessing.py"))
        .arg(env!("CARGO_BIN_EXE_plainfilm"))
        .arg(&model)
        .arg(scratch.path("onnx-f32-0/model.onnx"))
        .args(drawn.iter().chain(&real))
        .output()
        .expect("Python starts");
    passed(&compared);
    let said = stdout(&compared);
    let scored: usize = said.split(' ').next().unwrap().parse().unwrap();
    assert!(scored >= drawn.len() + real.len() / 2, "{said}");
}
