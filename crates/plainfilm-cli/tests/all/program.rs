//! Running the program and looking at what it left.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A scratch folder with synthetic films in it.
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
        }
    }

    /// A scratch folder whose `films` holds `count` synthetic films.
    pub fn with_films(count: usize) -> Self {
        let scratch = Self::new();
        let count = count.to_string();
        let films = scratch.path("films");
        let drawn = plainfilm(&[
            "data",
            "phantoms",
            text(&films),
            "--count",
            &count,
            "--size",
            "96",
        ]);
        assert_code(&drawn, 0);
        scratch
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The program with arguments, not yet started.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plainfilm"));
    command
        .args(arguments)
        // Wide enough that no sentence is broken within words that a test looks for.
        .env("COLUMNS", "1000")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs the program to its end.
pub fn plainfilm(arguments: &[&str]) -> Output {
    command(arguments).output().expect("the program starts")
}

/// A short training of a small network into `run`.
pub fn train(films: &Path, run: &Path, more: &[&str]) -> Output {
    plainfilm(&training(films, run, more))
}

/// The arguments of [`train`].
pub fn training<'a>(films: &'a Path, run: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", text(films), "--run", text(run)];
    arguments.extend([
        "--size",
        "32",
        "--epochs",
        "4",
        "--batch",
        "8",
        "--threads",
        "2",
    ]);
    arguments.extend(more);
    arguments
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have UTF-8 names")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Fails with everything that the program said.
pub fn assert_code(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout:\n{}\nstderr:\n{}",
        stdout(output),
        stderr(output)
    );
}

pub fn model_bytes(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("model.plainfilm.safetensors")).expect("the run left a model file")
}

pub fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).expect("the run left the file");
    serde_json::from_str(&text).expect("the file is JSON")
}

/// Milliseconds after which a program is killed, each a third later than the one before: kills fall on reading,
/// training, checkpoints and the report alike, and their sum is a few times that of a whole run.
pub fn later_and_later(first: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(first), |last| Some(last + last / 3))
}
