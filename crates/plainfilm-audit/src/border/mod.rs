//! `border_only`: how much of the label can be had from parts of the film without lungs.
//!
//! Maguolo and Nanni (2020) blacked out the middle of chest films and found that a network told
//! Covid-19 as well as before. Here a quick learner is shown the outer 15 % of every film, and, to
//! compare, the whole film, the middle alone, and how often each grey occurs.

mod picture;

pub(super) use picture::{GRID, Region, Sketch};

use super::check::{Check, CheckId, Detail, Judged, Remedy, Status};
use super::judge;
use super::learner::{OutOfFold, Separation, Subjects, Table, kernel};
use super::settings::View;

/// Of what the whole film tells beyond guessing, the share that makes a border as good as the film.
const AS_GOOD: f64 = 0.9;

/// Judges what parts of films without lungs tell.
pub(super) fn check(
    sketches: &[&Sketch],
    subjects: &Subjects,
    labels: &[String],
    view: &View,
    seed: u64,
) -> Check {
    let check = Check::new(CheckId::BorderOnly);
    let learn =
        |rows: Vec<Vec<f32>>| kernel::cross_validate(&Table::from_rows(&rows), subjects, seed);
    let of = |region: Region| learn(sketches.iter().map(|sketch| sketch.cells(region)).collect());
    let Some(border) = of(Region::Border) else {
        return check.cannot(judge::too_few(subjects, labels));
    };
    let Some(found) = border.separation(subjects) else {
        return check.cannot(judge::too_few(subjects, labels));
    };
    // All on the label that the border tells best, so that figures can be compared.
    let area = |scores: Option<OutOfFold>| scores?.area(found.label, subjects);
    let whole = area(of(Region::Whole));
    let middle = area(of(Region::Middle));
    let tones = area(learn(
        sketches
            .iter()
            .map(|sketch| sketch.tones().to_vec())
            .collect(),
    ));
    let mut judged = judge::judge_area(&found.auroc, subjects);
    let as_good = whole
        .as_ref()
        .is_some_and(|whole| found.auroc.value - 0.5 >= AS_GOOD * (whole.value - 0.5));
    if judged == Judged::Warn && as_good {
        judged = Judged::Fail;
    }
    let whole_value = whole.as_ref().map(|whole| whole.value);
    let against = whole
        .as_ref()
        .map(|whole| {
            format!(
                "; the whole film reaches {:.2} with the same learner",
                whole.value
            )
        })
        .unwrap_or_default();
    let explanation = match judged {
        Judged::Unclear => judge::unclear(&found.auroc),
        _ => format!(
            "{} {}{against}",
            border_of(view),
            judge::told(&found, labels, judged)
        ),
    };
    let mut check = check.judged(judged, &found.auroc, explanation);
    check
        .details
        .push(Detail::area("the border alone", &found.auroc).counted());
    for (name, area) in [
        ("the whole film", whole),
        ("the middle alone", middle),
        ("how often each grey occurs", tones),
    ] {
        check
            .details
            .extend(area.map(|area| Detail::area(name, &area)));
    }
    if matches!(check.status, Status::Fail | Status::Warn) {
        check.headline = Some(headline(&found, labels, whole_value, view));
        check.remedies = remedies(view);
    }
    check
}

fn headline(found: &Separation, labels: &[String], whole: Option<f64>, view: &View) -> String {
    let border = match view {
        View::AsStored => "the border of the film alone, without the lungs,",
        View::After(_) => "the border of what is left of the film",
    };
    let against = whole
        .map(|whole| format!(", the whole film {whole:.2}"))
        .unwrap_or_default();
    format!(
        "{border} separates {} with an AUROC of {:.2} (0.5 is guessing{against})",
        judge::which(found, labels),
        found.auroc.value
    )
}

fn remedies(view: &View) -> Vec<Remedy> {
    match view {
        View::AsStored => vec![
            Remedy::preprocessing(
                "--fit crop --strip-borders 8%",
                "markers, collimator edges and frames are cut off",
            ),
            Remedy::same_sources(),
        ],
        View::After(_) => Vec::new(),
    }
}

fn border_of(view: &View) -> String {
    let share = judge::percent(picture::BORDER as f64 / GRID as f64);
    match view {
        View::AsStored => format!("the outer {share} of the films, without the lungs,"),
        View::After(_) => format!("the outer {share} of what the network is shown"),
    }
}
