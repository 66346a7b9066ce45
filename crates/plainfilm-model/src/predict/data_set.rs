//! A whole data set, scored.

use std::ops::ControlFlow;

use super::{
    FilmScore, OwnFilm, OwnFilms, OwnFilmsIn, Predictor, ScoreError, Scorer, score,
    score_and_examine,
};
use crate::likeness::{GroupSample, GroupTest};
use crate::lungs::BundledLungs;
use plainfilm_data::{Dataset, Film, SetAside};
use plainfilm_figures::{FindingsFilm, ScoredFilm};

/// The films of a data set with their probabilities, and those that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredDataset<F = ScoredFilm> {
    /// In the data set's order.
    pub films: Vec<F>,
    /// Sorted by path.
    pub set_aside: Vec<SetAside>,
    /// Those that the model was fitted on, in the data set's order; among `films` only where they are
    /// [included](OwnFilms::Included). Empty where the model file does not say what it was fitted on.
    pub own_films: Vec<OwnFilm>,
    /// How the films differ from the model's own; none where the model file does not say.
    pub likeness: Option<DatasetLikeness>,
}

/// How the films of a data set differ from those that a model was fitted on.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetLikeness {
    /// For each scored film, in their order, whether it is unlike the training films.
    pub unlike: Vec<bool>,
    /// Whether the films, as a group, are from elsewhere; none of few. The model's own films do not count.
    pub group: Option<GroupTest>,
}

/// Scores every film of a data set whose labels are the model's (see
/// [`Dataset::with_labels`]), but for the model's own where they are left out. `progress` is told how many of how many are done.
///
/// # Errors
///
/// See [`score`].
pub fn score_dataset(
    predictor: &Predictor,
    dataset: &Dataset,
    own_films: OwnFilms,
    progress: &dyn Fn(usize, usize),
) -> Result<ScoredDataset, ScoreError> {
    score_films(
        predictor,
        dataset,
        own_films,
        progress,
        &|film, probabilities| {
            let called = Some(predictor.usage().label(&probabilities));
            ScoredFilm {
                called,
                ..film.scored(probabilities)
            }
        },
    )
}

/// The same of a data set whose findings are the model's (see [`Dataset::with_findings`]).
///
/// # Errors
///
/// See [`score`].
pub fn score_findings(
    predictor: &Predictor,
    dataset: &Dataset,
    own_films: OwnFilms,
    progress: &dyn Fn(usize, usize),
) -> Result<ScoredDataset<FindingsFilm>, ScoreError> {
    score_films(
        predictor,
        dataset,
        own_films,
        progress,
        &|film, probabilities| FindingsFilm {
            path: film.path.clone(),
            patient: film.patient_id.clone(),
            presence: film.findings.clone(),
            called: predictor.usage().called(&probabilities),
            probabilities,
        },
    )
}

fn score_films<F>(
    predictor: &Predictor,
    dataset: &Dataset,
    own_films: OwnFilms,
    progress: &dyn Fn(usize, usize),
    scored_film: &dyn Fn(&Film, Vec<f64>) -> F,
) -> Result<ScoredDataset<F>, ScoreError> {
    let mut scored = ScoredDataset {
        films: Vec::with_capacity(dataset.films.len()),
        set_aside: dataset.set_aside.clone(),
        own_films: Vec::new(),
        likeness: None,
    };
    let fitted_on = predictor.usage().fitted_on.as_ref();
    let known = OwnFilmsIn::new(dataset, fitted_on, own_films);
    let mut unlike = Vec::with_capacity(dataset.films.len());
    let mut group = GroupSample::default();
    let mut each = |index: usize, result: Result<FilmScore, String>| {
        let film = &dataset.films[index];
        let own = known.part(index);
        if let Some(part) = own {
            let path = film.path.clone();
            scored.own_films.push(OwnFilm { path, part });
        }
        match result {
            Ok(score) => {
                unlike.push(!score.unlike().is_empty());
                if let Some((measures, _)) = score.likeness
                    && own.is_none()
                {
                    group.push(measures);
                }
                scored.films.push(scored_film(film, score.probabilities));
            }
            Err(_) if own.is_some() && own_films == OwnFilms::LeftOut => {}
            Err(reason) => scored.set_aside.push(SetAside {
                path: film.path.clone(),
                reason,
            }),
        }
        progress(index + 1, dataset.films.len());
        ControlFlow::Continue(())
    };
    match predictor.likeness() {
        Some(kept) => {
            score_and_examine(&known, predictor, &mut each)?;
            let group = kept.group(group.films());
            scored.likeness = Some(DatasetLikeness { unlike, group });
        }
        // Nothing asks what the films look like.
        None => score(&known, predictor, &BundledLungs, &mut |index, result| {
            each(index, result.map(FilmScore::of_probabilities))
        })?,
    }
    scored.set_aside.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(scored)
}
