//! Shortcuts planted into phantoms are found, and nothing is found where none are.

use std::sync::LazyLock;

use super::{Traces, marks, processing};
use crate::check::{Check, Status};
use crate::learner::Subjects;
use crate::settings::View;
use plainfilm_data::phantom::{PhantomSettings, draw};
use plainfilm_film::radiograph::{NoLungs, Radiograph};

const FILMS: usize = 120;

/// Drawn once for all tests.
static PHANTOMS: LazyLock<Vec<Radiograph>> = LazyLock::new(|| {
    let settings = PhantomSettings {
        count: FILMS,
        size: 128,
        seed: 11,
        shortcut: 0.0,
    };
    (0..FILMS)
        .map(|index| draw(&settings, index).expect("a film of the plan can be drawn"))
        .collect()
});

/// Both checks of phantoms of which every other one is changed.
fn checks(plant: impl Fn(&mut Radiograph)) -> [Check; 2] {
    // Which phantoms are ill is independent of the label here.
    let mut labels: Vec<usize> = (0..FILMS).map(|film| film / 2 % 2).collect();
    labels.swap(0, 2);
    let traces: Vec<Traces> = (0..FILMS)
        .map(|index| {
            let mut film = PHANTOMS[index].clone();
            if labels[index] == 1 {
                plant(&mut film);
            }
            Traces::of(&film, &View::AsStored, &NoLungs)
        })
        .collect();
    let traces: Vec<&Traces> = traces.iter().collect();
    let subjects = Subjects {
        labels,
        patients: (0..FILMS).collect(),
        classes: 2,
    };
    let names = ["A".to_owned(), "B".to_owned()];
    let paths: Vec<String> = (0..FILMS).map(|film| format!("{film}.png")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    [
        processing(&traces, &subjects, &names, &View::AsStored, 42),
        marks(&traces, &subjects, &names, &paths, &View::AsStored, 42),
    ]
}

fn full(film: &Radiograph) -> u16 {
    if film.bit_depth == 16 { u16::MAX } else { 255 }
}

#[test]
fn nothing_is_found_where_nothing_was_planted() {
    for check in checks(|_| {}) {
        assert_eq!(check.status, Status::Pass, "{check:?}");
        let strength = (check.details.iter())
            .find(|detail| detail.name.starts_with("a shortcut this strong"))
            .and_then(|detail| detail.value.value());
        // Hanley and McNeil's error of 60 against 60 patients.
        assert!(
            strength.is_some_and(|area| (0.72..0.82).contains(&area)),
            "{check:?}"
        );
    }
}

#[test]
fn coarse_grey_levels_are_found_as_processing() {
    // Phantoms have noise of their own, each another amount, so that more of it would tell little.
    let [processing, _] = checks(|film| {
        let step = full(film) / 255 * 4;
        for pixel in &mut film.pixels {
            *pixel = *pixel / step * step;
        }
    });
    assert_eq!(processing.status, Status::Fail, "{processing:?}");
    assert!(processing.value.value() > Some(0.9), "{processing:?}");
    assert!(processing.headline.is_some() && !processing.remedies.is_empty());
}

#[test]
fn a_letter_in_a_corner_is_found_as_a_mark_and_its_films_are_listed() {
    let [_, marks] = checks(|film| {
        let (most, width) = (full(film), film.width as usize);
        for row in 4..10 {
            for column in [4, if row == 9 { 6 } else { 5 }] {
                film.pixels[row * width + column] = most / 10 * 9;
            }
        }
    });
    assert_eq!(marks.status, Status::Fail, "{marks:?}");
    assert!(marks.value.value() > Some(0.9), "{marks:?}");
    assert!(!marks.films.is_empty());
}

#[test]
fn an_object_in_the_middle_warns_at_most() {
    let [_, marks] = checks(|film| {
        let (most, width) = (full(film), film.width as usize);
        for row in 60..66 {
            for column in 40..46 {
                film.pixels[row * width + column] = most;
            }
        }
    });
    assert_eq!(marks.status, Status::Warn, "{marks:?}");
    assert!(marks.explanation.contains("in the middle"), "{marks:?}");
}
