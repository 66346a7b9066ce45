//! What the pages of a training and of an evaluation have in common.

use plainfilm_figures::{PartMetrics, ScoredFilm, Subgroups};
use plainfilm_film::radiograph::Preprocessing;
use plainfilm_model::networks::{ModelError, NetworkSettings, summary};
use plainfilm_report::{ModelFacts, Notice, Severity, TestSample, Thumbnail};
use plainfilm_seed as seed;

use rand::seq::SliceRandom;

/// Films in the grid of test films.
pub(super) const TEST_SAMPLES: usize = 16;
/// Side of a thumbnail in pixels.
pub(super) const THUMBNAIL: usize = 160;
/// Films in the gallery of errors.
const SUREST_ERRORS: usize = 12;
/// Labels that the title names; of more it says how many.
const MOST_IN_TITLE: usize = 6;
/// Labels that a notice names.
const MOST_IN_NOTICE: usize = 10;
/// With fewer test films of a label than this, one error moves its sensitivity by over 5 points.
const FEW_FILMS: u64 = 20;

/// What is told from what.
pub(super) fn labels_in_title(labels: &[String]) -> String {
    match labels.len() {
        count if count > MOST_IN_TITLE => format!("{count} labels"),
        _ => labels.join(" vs "),
    }
}

/// A network in numbers.
///
/// # Errors
///
/// When the settings are of no network that there is.
pub(super) fn model_facts(
    name: &str,
    network: &NetworkSettings,
    preprocessing: &Preprocessing,
) -> Result<ModelFacts, ModelError> {
    let summary = summary(network)?;
    Ok(ModelFacts {
        name: name.to_owned(),
        parameters: summary.parameters as u64,
        trainable: summary.trainable as u64,
        flops: Some(summary.flops),
        input: [
            preprocessing.channels,
            preprocessing.size,
            preprocessing.size,
        ],
    })
}

/// A seeded draw of `count` of `from` positions, ascending.
pub(super) fn draw(from: usize, count: usize, seed: u64, purpose: &str) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..from).collect();
    positions.shuffle(&mut seed::generator(seed, purpose, &[]));
    positions.truncate(count);
    positions.sort_unstable();
    positions
}

/// Positions of the films that were called wrongly, the most probable first.
pub(super) fn surest_errors(films: &[ScoredFilm]) -> Vec<usize> {
    let sure = |position: usize| films[position].probabilities[films[position].predicted()];
    let mut wrong: Vec<usize> = (0..films.len())
        .filter(|&position| !films[position].is_correct())
        .collect();
    wrong.sort_by(|&a, &b| sure(b).total_cmp(&sure(a)));
    wrong.truncate(SUREST_ERRORS);
    wrong
}

/// A film as the page shows it.
pub(super) fn sample(film: &ScoredFilm, thumbnail: Thumbnail) -> TestSample {
    let predicted = film.predicted();
    TestSample {
        path: film.path.clone(),
        truth: film.truth,
        predicted,
        probability: film.probabilities[predicted],
        thumbnail,
    }
}

/// What the reader must know that figures alone tell: gaps between groups, and labels of few films.
pub(super) fn notices_of_figures(test: &PartMetrics, subgroups: &Subgroups) -> Vec<Notice> {
    let warning = |text| Notice {
        severity: Severity::Warning,
        text,
    };
    let mut notices: Vec<Notice> = subgroups
        .gaps
        .iter()
        .map(|gap| warning(format!("Not the same for all: {gap}.")))
        .collect();
    let mut few: Vec<String> = test
        .per_label
        .iter()
        .filter(|(_, figures)| figures.support < FEW_FILMS)
        .map(|(label, figures)| format!("{} of {label}", figures.support))
        .collect();
    if few.len() > MOST_IN_NOTICE {
        let more = few.len() - MOST_IN_NOTICE;
        few.truncate(MOST_IN_NOTICE);
        few.push(format!("and {more} labels more"));
    }
    if !few.is_empty() {
        notices.push(warning(format!(
            "Few test films ({}): the results may be due to chance.",
            few.join(", ")
        )));
    }
    notices
}
