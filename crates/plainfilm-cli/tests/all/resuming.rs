//! Killed and interrupted trainings end with the bytes of one that was left alone.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::program::{
    Scratch, assert_code, command, later_and_later, model_bytes, plainfilm, stderr, text, train,
    training,
};

#[test]
fn killed_at_many_moments_a_run_ends_with_the_same_bytes() {
    let scratch = Scratch::with_films(40);
    let films = scratch.path("films");
    let whole = scratch.path("whole");
    assert_code(
        &train(&films, &whole, &["--epochs", "6", "--ema", "0.9"]),
        0,
    );

    let broken = scratch.path("broken");
    let first = training(&films, &broken, &["--epochs", "6", "--ema", "0.9"]);
    let resume = ["train", "--resume", text(&broken)];
    let mut kills = 0;
    for milliseconds in later_and_later(40) {
        let started = broken.join("settings.toml").is_file();
        let arguments: &[&str] = if started { &resume } else { &first };
        let mut child = command(arguments).spawn().expect("the program starts");
        std::thread::sleep(Duration::from_millis(milliseconds));
        let finished = child.try_wait().expect("the child can be asked").is_some();
        child.kill().expect("the child can be killed");
        let status = child
            .wait_with_output()
            .expect("the child can be waited for");
        if finished {
            assert_code(&status, 0);
            break;
        }
        kills += 1;
    }
    assert!(kills >= 3, "only {kills} kills before the end");
    assert!(
        model_bytes(&whole) == model_bytes(&broken),
        "the models differ after {kills} kills"
    );
}

#[test]
fn ctrl_c_saves_and_ends_with_130() {
    let scratch = Scratch::with_films(40);
    let films = scratch.path("films");
    let (whole, broken) = (scratch.path("whole"), scratch.path("broken"));
    let more = ["--epochs", "12"];
    assert_code(&train(&films, &whole, &more), 0);

    let child = command(&training(&films, &broken, &more))
        .spawn()
        .expect("the program starts");
    wait_for(&broken.join("history.csv"));
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_code(&output, 130);
    assert!(stderr(&output).contains("saved"), "{}", stderr(&output));
    assert!(!broken.join("metrics.json").exists());
    assert_code(&plainfilm(&["train", "--resume", text(&broken)]), 0);
    assert!(
        model_bytes(&whole) == model_bytes(&broken),
        "the models differ"
    );
}

#[test]
fn a_run_goes_on_where_its_films_were_moved_to() {
    let scratch = Scratch::with_films(40);
    let films = scratch.path("films");
    let (whole, broken) = (scratch.path("whole"), scratch.path("broken"));
    let more = ["--epochs", "12"];
    assert_code(&train(&films, &whole, &more), 0);
    let mut child = command(&training(&films, &broken, &more))
        .spawn()
        .expect("the program starts");
    wait_for(&broken.join("history.csv"));
    child.kill().expect("the child can be killed");
    child.wait().expect("the child can be waited for");

    let elsewhere = scratch.path("another disk");
    std::fs::create_dir(&elsewhere).unwrap();
    let moved = elsewhere.join("films");
    std::fs::rename(&films, &moved).unwrap();
    let lost = plainfilm(&["train", "--resume", text(&broken)]);
    assert_code(&lost, 2);
    let said = stderr(&lost);
    assert!(said.contains("plainfilm train DATA --resume"), "{said}");
    let resumed = plainfilm(&["train", text(&moved), "--resume", text(&broken)]);
    assert_code(&resumed, 0);
    assert!(
        model_bytes(&whole) == model_bytes(&broken),
        "the models differ"
    );
}

fn wait_for(path: &Path) {
    for _ in 0..3000 {
        if path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} did not appear within 30 s", path.display());
}
