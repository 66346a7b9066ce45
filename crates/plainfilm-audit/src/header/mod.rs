//! `header_only`: how much of the label the files give away before anyone looks at a pixel.

mod facts;
mod jpeg_quality;

pub use facts::{FACTS, FileFacts};

use super::check::{Check, CheckId, Detail, Judged, Remedy};
use super::judge::judge_area;
use super::learner::forest::{self, ForestSettings};
use super::learner::{Separation, Subjects, Table};
use super::settings::View;
use plainfilm_film::radiograph::{Fit, Preprocessing};

/// Trees of a forest on one fact alone, which has little to choose from.
const TREES_FOR_ONE: usize = 25;

/// Judges the facts of the films' files.
pub(super) fn check(
    facts: &[&FileFacts],
    subjects: &Subjects,
    labels: &[String],
    view: &View,
    seed: u64,
) -> Check {
    let check = Check::new(CheckId::HeaderOnly);
    let rows: Vec<Vec<f32>> = facts.iter().map(|facts| seen(facts, view)).collect();
    let table = Table::from_rows(&rows);
    let Some(all) = separation(&table, subjects, ForestSettings::default().trees, seed) else {
        return check.cannot(super::judge::too_few(subjects, labels));
    };
    let mut single: Vec<(usize, Separation)> = (0..table.columns())
        .filter_map(|column| {
            let found = separation(&table.only(column), subjects, TREES_FOR_ONE, seed)?;
            Some((column, found))
        })
        .filter(|(_, found)| found.auroc.low > 0.5)
        .collect();
    single.sort_by(|a, b| b.1.auroc.value.total_cmp(&a.1.auroc.value));
    let names = names(view);
    let judged = judge_area(&all.auroc, subjects);
    let best = single.first();
    let what = match view {
        View::AsStored => "the files alone (size, shape, format, compression), no pixel looked at,",
        View::After(_) => "what the preprocessing leaves visible of the files' shape and size",
    };
    let mut explanation = match judged {
        Judged::Unclear => super::judge::unclear(&all.auroc),
        _ => format!("{what} {}", super::judge::told(&all, labels, judged)),
    };
    if let (Some((column, found)), Judged::Fail | Judged::Warn) = (best, judged) {
        explanation.push_str(&format!(
            "; {} alone reaches AUROC {:.2}",
            names[*column], found.auroc.value
        ));
    }
    let mut check = check.judged(judged, &all.auroc, explanation);
    check.headline = best
        .filter(|_| matches!(judged, Judged::Fail | Judged::Warn))
        .map(|(column, found)| {
            format!(
                "{} alone separates {} correctly in {} of cases",
                names[*column],
                super::judge::which(found, labels),
                super::judge::percent(found.right)
            )
        });
    check.details = single
        .iter()
        .map(|(column, found)| Detail::area(names[*column], &found.auroc))
        .collect();
    if matches!(judged, Judged::Fail | Judged::Warn) && *view == View::AsStored {
        check.remedies = vec![
            Remedy::preprocessing(
                "--fit crop",
                "the shape of the file does not reach the network: a square from the middle of each film",
            ),
            Remedy::same_sources(),
        ];
    }
    check
}

fn separation(table: &Table, subjects: &Subjects, trees: usize, seed: u64) -> Option<Separation> {
    let settings = ForestSettings {
        trees,
        ..ForestSettings::default()
    };
    forest::cross_validate(table, subjects, &settings, seed)?.separation(subjects)
}

/// What a network could know of the file: everything when films are judged as stored, what the
/// preprocessing leaves a trace of after it.
fn seen(facts: &FileFacts, view: &View) -> Vec<f32> {
    match view {
        View::AsStored => facts.numbers(),
        View::After(preprocessing) => traces(facts, preprocessing).to_vec(),
    }
}

fn names(view: &View) -> Vec<&'static str> {
    match view {
        View::AsStored => FACTS.to_vec(),
        View::After(_) => TRACES.to_vec(),
    }
}

const TRACES: [&str; 2] = [
    "the film's shape (width / height)",
    "how far small films were enlarged",
];

/// Width / height shows as bars in a letterbox and as a distorted chest when squashed; a film smaller
/// than the network's input is enlarged, and blurred by it.
fn traces(facts: &FileFacts, preprocessing: &Preprocessing) -> [f32; 2] {
    let (width, height) = (facts.width as f32, facts.height as f32);
    let shape = match preprocessing.fit {
        // The lungs' own shape is left, not the film's.
        Fit::Crop | Fit::Lungs => 1.0,
        Fit::Letterbox | Fit::Squash => width / height.max(1.0),
    };
    let side = match preprocessing.fit {
        Fit::Letterbox => width.max(height),
        Fit::Crop | Fit::Squash | Fit::Lungs => width.min(height),
    };
    let kept = 1.0 - 2.0 * f32::from(preprocessing.strip_borders) / 100.0;
    let enlarged = (preprocessing.size as f32 / (side * kept).max(1.0)).max(1.0);
    [shape, enlarged]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preprocessing_leaves_traces_of_some_facts() {
        let facts = FileFacts {
            width: 400,
            height: 200,
            ..FileFacts::default()
        };
        let cases = [
            (Fit::Crop, 224, [1.0, 1.12]),
            (Fit::Crop, 100, [1.0, 1.0]),
            (Fit::Squash, 100, [2.0, 1.0]),
            (Fit::Letterbox, 500, [2.0, 1.25]),
        ];
        for (fit, size, expected) in cases {
            let settings = Preprocessing {
                fit,
                size,
                ..Preprocessing::default()
            };
            assert_eq!(traces(&facts, &settings), expected, "{fit} {size}");
        }
    }
}
