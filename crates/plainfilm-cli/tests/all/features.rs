//! Features of frozen layers: kept, found again, and never the reason for another result.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use crate::program::{
    Scratch, assert_code, command, json, later_and_later, model_bytes, stderr, text, training,
};

const FROZEN: [&str; 8] = [
    "--model",
    "mobilenet-v2",
    "--freeze",
    "backbone",
    "--head",
    "mlp",
    "--views",
    "3",
];

/// A training on frozen layers with its own cache.
fn on_features(scratch: &Scratch, run: &str, cache: &str, more: &[&str]) -> Command {
    let arguments: Vec<&str> = FROZEN.iter().chain(more).copied().collect();
    let (films, run) = (scratch.path("films"), scratch.path(run));
    let mut command = command(&training(&films, &run, &arguments));
    command.env("PLAINFILM_CACHE", scratch.path(cache));
    command
}

fn finished(mut command: Command) -> Output {
    let output = command.output().expect("the program starts");
    assert_code(&output, 0);
    output
}

fn files(cache: &Path) -> Vec<PathBuf> {
    let Ok(folders) = cache.read_dir() else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = folders
        .map(|folder| folder.unwrap().path())
        .filter(|path| path.is_dir())
        .flat_map(|folder| folder.read_dir().unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}

/// "24 computed, 0 from the cache" of what a run said.
fn computed(output: &Output) -> String {
    let said = stderr(output);
    let line = said.lines().find(|line| line.contains("features of"));
    let line = line.unwrap_or_else(|| panic!("no features in {said}"));
    let (_, rest) = line.split_once(": ").unwrap();
    rest.rsplit_once(", ").unwrap().0.to_owned()
}

#[test]
fn where_the_network_looks_is_compared_with_networks_of_permuted_labels() {
    let scratch = Scratch::with_films(40);
    let output = finished(on_features(
        &scratch,
        "run",
        "cache",
        &["--elsewhere", "no"],
    ));
    assert!(stderr(&output).contains("permuted labels: training 5 networks"));
    let run = scratch.path("run");
    assert!(!run.join("permuted-labels").exists());
    let evidence = json(&run.join("evidence.json"));
    // Networks of drawn weights may find nothing that speaks for a label: then there is nothing to compare.
    let null = evidence
        .get("permuted_labels")
        .expect("it is said, or null");
    if let Some(gains) = null["gains"].as_array() {
        assert!((3..=5).contains(&gains.len()), "{evidence}");
        let [low, high] = [0, 1].map(|end| null["range"][end].as_f64().unwrap());
        for gain in gains {
            assert!((low..=high).contains(&gain.as_f64().unwrap()), "{null}");
        }
        let report = std::fs::read_to_string(run.join("report.html")).unwrap();
        assert!(report.contains("that learned from permuted labels reached"));
    }
}

#[test]
fn a_result_does_not_depend_on_what_the_cache_held() {
    let scratch = Scratch::with_films(40);
    let run = |name: &str, cache: &str, more: &[&str]| {
        let output = finished(on_features(&scratch, name, cache, more));
        (model_bytes(&scratch.path(name)), computed(&output))
    };
    let (cold, said) = run("cold", "cache", &[]);
    // 40 films as they are, and two views of each: without one of the sources every film is in training once.
    assert_eq!(said, "120 computed, 0 from the cache");
    let (warm, said) = run("warm", "cache", &[]);
    assert_eq!(said, "0 computed, 120 from the cache");
    assert!(cold == warm, "a warm cache gave another model");

    // Damaged, cut off and deleted files are computed again, in batches of other films.
    let kept = files(&scratch.path("cache"));
    for (number, file) in kept.iter().enumerate() {
        let mut bytes = std::fs::read(file).unwrap();
        match number % 5 {
            0 => *bytes.last_mut().unwrap() ^= 1,
            1 => bytes.truncate(bytes.len() / 2),
            2 => {
                std::fs::remove_file(file).unwrap();
                continue;
            }
            _ => continue,
        }
        std::fs::write(file, bytes).unwrap();
    }
    let (mended, said) = run("mended", "cache", &[]);
    assert!(
        !said.starts_with("0 ") && !said.ends_with(" 0 from the cache"),
        "{said}"
    );
    assert!(cold == mended, "a damaged cache gave another model");

    let (none, _) = run("none", "unused", &["--cache-size", "0"]);
    assert!(cold == none, "no cache gave another model");
    assert!(!scratch.path("unused").exists());
    let (little, _) = run("little", "small", &["--cache-size", "100kB"]);
    assert!(cold == little, "a small cache gave another model");
    let bytes: u64 = files(&scratch.path("small"))
        .iter()
        .map(|file| file.metadata().unwrap().len())
        .sum();
    assert!(
        (50_000..=100_000).contains(&bytes),
        "{bytes} bytes of 100 kB"
    );

    // Other weights, other views: nothing is mistaken for theirs.
    let (_, said) = run("seed", "cache", &["--seed", "7"]);
    assert!(said.ends_with(" 0 from the cache"), "{said}");
}

#[test]
fn two_processes_share_a_cache() {
    let scratch = Scratch::with_films(40);
    let start = |run: &str| on_features(&scratch, run, "cache", &[]).spawn().unwrap();
    let both = [start("one"), start("two")].map(|child| child.wait_with_output().unwrap());
    for output in &both {
        assert_code(output, 0);
    }
    assert!(model_bytes(&scratch.path("one")) == model_bytes(&scratch.path("two")));
    let third = finished(on_features(&scratch, "three", "cache", &[]));
    assert_eq!(computed(&third), "0 computed, 120 from the cache");
}

#[test]
fn killed_at_many_moments_a_run_on_features_ends_with_the_same_bytes() {
    let scratch = Scratch::with_films(40);
    finished(on_features(
        &scratch,
        "whole",
        "whole-cache",
        &["--epochs", "30"],
    ));
    let broken = scratch.path("broken");
    let mut kills = 0;
    for milliseconds in later_and_later(60) {
        let mut next = if broken.join("settings.toml").is_file() {
            let mut resume = command(&["train", "--resume", text(&broken)]);
            resume.env("PLAINFILM_CACHE", scratch.path("cache"));
            resume
        } else {
            on_features(&scratch, "broken", "cache", &["--epochs", "30"])
        };
        let mut child = next.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(milliseconds));
        let finished = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        if finished {
            assert_code(&output, 0);
            break;
        }
        kills += 1;
    }
    assert!(kills >= 2, "only {kills} kills before the end");
    assert!(model_bytes(&scratch.path("whole")) == model_bytes(&broken));
}

#[test]
fn what_is_for_frozen_layers_needs_one() {
    let scratch = Scratch::with_films(8);
    let films = scratch.path("films");
    let arguments = training(&films, &films, &["--views", "4"]);
    let output = command(&arguments).output().unwrap();
    assert_code(&output, 1);
    let said = stderr(&output);
    assert!(said.contains("--freeze backbone"), "{said}");
}

#[test]
fn frozen_layers_in_16_bits_have_features_of_their_own() {
    let scratch = Scratch::with_films(40);
    let run = |name: &str, more: &[&str]| {
        // Random weights of MobileNetV2 leave next to nothing of a small film.
        let more: Vec<&str> = ["--model", "vgg16"].iter().chain(more).copied().collect();
        let output = on_features(&scratch, name, "cache", &more)
            .output()
            .unwrap();
        (output, scratch.path(name))
    };
    let (full, full_run) = run("full", &[]);
    assert_code(&full, 0);
    let (half, half_run) = run("half", &["--precision", "bf16"]);
    if half.status.code() != Some(0) {
        assert!(
            stderr(&half).contains("expected a CPU with AMX"),
            "{}",
            stderr(&half)
        );
        return;
    }
    assert_eq!(
        computed(&full),
        computed(&half),
        "none was found in the cache"
    );
    let settings = std::fs::read_to_string(half_run.join("settings.toml")).unwrap();
    assert!(settings.contains("precision = \"bf16\""), "{settings}");
    let loss = |run: &Path| {
        json(&run.join("metrics.json"))["validation"]["loss"]["value"]
            .as_f64()
            .unwrap()
    };
    let (full, half) = (loss(&full_run), loss(&half_run));
    assert!(
        full != half && (full - half).abs() < 0.05,
        "{full} and {half}"
    );
}

#[test]
fn both_the_last_and_the_best_epoch_are_tested_where_that_is_asked_for() {
    let scratch = Scratch::with_films(60);
    let run = |name: &str, more: &[&str]| {
        let output = finished(on_features(&scratch, name, "cache", more));
        (json(&scratch.path(name).join("metrics.json")), output)
    };
    let (metrics, _) = run(
        "best-and-last",
        &["--selection", "best-and-last", "--epochs", "12"],
    );
    assert_eq!(metrics["last_epoch"]["epoch"], 12);
    assert_eq!(metrics["last_epoch"]["test"]["n"], metrics["test"]["n"]);
    let (last, _) = run("last", &["--selection", "last", "--epochs", "12"]);
    assert_eq!(last["best_epoch"], 12);
    assert_eq!(last["test"], metrics["last_epoch"]["test"]);
    assert!(last.get("last_epoch").is_none());
    let report = scratch.path("best-and-last").join("report.html");
    let report = std::fs::read_to_string(report).unwrap();
    assert!(
        report.contains("is the one to report"),
        "the report does not say which epoch is right"
    );
}

#[test]
fn a_cache_that_cannot_be_written_stops_no_training() {
    let scratch = Scratch::with_films(24);
    // A file stands where the cache's folder would be made.
    std::fs::write(scratch.path("cache"), "x").unwrap();
    let output = finished(on_features(&scratch, "run", "cache", &[]));
    assert!(
        stderr(&output).contains("no feature cache"),
        "{}",
        stderr(&output)
    );
    assert!(scratch.path("run").join("metrics.json").exists());
}
