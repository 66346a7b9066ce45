//! `doctor` says what is there and whether it works, and names nobody.

use crate::program::{Scratch, assert_code, command, plainfilm, stdout, text};

#[test]
fn the_doctor_passes_here_and_names_nobody() {
    let scratch = Scratch::new();
    let home = scratch.path("canary-user");
    let run = |more: &[&str]| {
        std::fs::create_dir_all(&home).expect("made");
        let mut command = command(&[&["doctor"], more].concat());
        command
            .env("HOME", &home)
            .env("USER", "canary-user")
            .env("COLUMNS", "100")
            .env_remove("XDG_CACHE_HOME")
            .env_remove("PLAINFILM_CACHE");
        command.output().expect("the program starts")
    };
    let output = run(&[]);
    assert_code(&output, 0);
    let said = stdout(&output);
    assert!(said.contains("plainfilm works here"), "{said}");
    assert!(said.contains("~/.cache/plainfilm/features"), "{said}");
    assert!(
        said.lines().all(|line| line.chars().count() <= 100),
        "{said}"
    );
    let output = run(&["--format", "json"]);
    assert_code(&output, 0);
    let json = stdout(&output);
    let report: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(report["passed"], true);
    assert_eq!(report["bundled_model"]["labels"][0], "Covid-19");
    assert!(
        report["self_test"]
            .as_array()
            .is_some_and(|all| all.len() == 3)
    );
    assert!(
        report["seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds < 5.0)
    );
    for said in [said, json] {
        assert!(!said.contains("canary-user"), "{said}");
    }
    // Nothing is left behind, the cache folder included.
    assert_eq!(std::fs::read_dir(&home).expect("there").count(), 0);
}

#[test]
fn a_self_test_that_fails_is_exit_code_1() {
    let scratch = Scratch::new();
    let file = scratch.path("file");
    std::fs::write(&file, "no folder").expect("written");
    // A folder that nobody can write to, root included.
    let mut command = command(&["doctor"]);
    command.env("PLAINFILM_CACHE", "/proc/features");
    if cfg!(target_os = "linux") {
        let output = command.output().expect("the program starts");
        assert_code(&output, 1);
        assert!(stdout(&output).contains("FAIL"), "{}", stdout(&output));
    }
    assert_code(&plainfilm(&["doctor", text(&file)]), 2);
}
