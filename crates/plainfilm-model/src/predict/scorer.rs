//! The seam between films and whatever gives them probabilities.

use std::ops::ControlFlow;

use plainfilm_audit::quality::{Finding, examine};
use plainfilm_data::{FilmSource, stream_films};
use plainfilm_film::radiograph::{LungFinder, Plane, Preprocessing, Radiograph};

/// Why a scorer has no probabilities for planes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// Planes that another preprocessing made.
    #[error("a plane of {found} pixels a side, expected {expected}")]
    Size {
        /// As the preprocessing says.
        expected: usize,
        /// As it came.
        found: usize,
    },
    /// A scorer that is not ours, in its own words.
    #[error("{0}")]
    Other(String),
}

/// Gives probabilities to films: a network of ours, or anything else that does.
pub trait Scorer {
    /// What a film goes through before it is scored.
    fn preprocessing(&self) -> &Preprocessing;

    /// What the probabilities are of, in their order.
    fn labels(&self) -> &[String];

    /// One probability (`0..=1`) a label for each film, calibrated where the scorer is. `planes` are
    /// preprocessed, before scaling to the network's range.
    ///
    /// # Errors
    ///
    /// When the planes are not what the scorer expects, or it fails.
    fn probabilities(&self, planes: &[Plane]) -> Result<Vec<Vec<f64>>, ScoreError>;
}

/// What is said of a film.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmScore {
    /// One probability (`0..=1`) a label, in the scorer's order.
    pub probabilities: Vec<f64>,
    /// What makes the film other than the frontal chest films that scorers are made for; empty where
    /// nothing does.
    pub doubts: Vec<Finding>,
}

/// The one way from films to probabilities: decodes, preprocesses and scores some films at a time, in
/// order, and tells `each` of every film's probabilities or of the one line that says why it has none.
/// `each` can stop it. `lungs` finds lungs for a preprocessing that asks for them.
///
/// # Errors
///
/// What the scorer fails with. Films that cannot be read are no error: they are told to `each`.
pub fn score(
    films: &dyn FilmSource,
    scorer: &dyn Scorer,
    lungs: &dyn LungFinder,
    each: &mut dyn FnMut(usize, Result<Vec<f64>, String>) -> ControlFlow<()>,
) -> Result<(), ScoreError> {
    score_and_note(
        films,
        scorer,
        lungs,
        |_| (),
        |index, result| each(index, result.map(|(probabilities, ())| probabilities)),
    )
}

/// [`score`], and looks at every film for what makes it other than those that scorers are made for.
///
/// # Errors
///
/// As [`score`].
pub fn score_and_examine(
    films: &dyn FilmSource,
    scorer: &dyn Scorer,
    lungs: &dyn LungFinder,
    each: &mut dyn FnMut(usize, Result<FilmScore, String>) -> ControlFlow<()>,
) -> Result<(), ScoreError> {
    score_and_note(films, scorer, lungs, examine, |index, result| {
        let score = result.map(|(probabilities, doubts)| FilmScore {
            probabilities,
            doubts,
        });
        each(index, score)
    })
}

fn score_and_note<N: Send>(
    films: &dyn FilmSource,
    scorer: &dyn Scorer,
    lungs: &dyn LungFinder,
    note: impl Fn(&Radiograph) -> N + Sync,
    each: impl FnMut(usize, Result<(Vec<f64>, N), String>) -> ControlFlow<()>,
) -> Result<(), ScoreError> {
    let preprocessing = scorer.preprocessing();
    stream_films(
        films,
        |_, film| Ok((preprocessing.plane(&film, lungs), note(&film))),
        |_, prepared| {
            let (planes, notes): (Vec<Plane>, Vec<N>) = prepared.into_iter().unzip();
            let rows = scorer.probabilities(&planes)?;
            Ok(rows.into_iter().zip(notes).map(Ok).collect())
        },
        each,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::test_films::bitmap;
    use plainfilm_data::FilmsInMemory;
    use plainfilm_film::radiograph::NoLungs;

    /// Answers with the mean grey of a film.
    struct MeanGrey(Preprocessing, [String; 2]);

    impl Scorer for MeanGrey {
        fn preprocessing(&self) -> &Preprocessing {
            &self.0
        }

        fn labels(&self) -> &[String] {
            &self.1
        }

        fn probabilities(&self, planes: &[Plane]) -> Result<Vec<Vec<f64>>, ScoreError> {
            let mean = |plane: &Plane| {
                let sum: f32 = plane.values.iter().sum();
                let mean = f64::from(sum) / plane.values.len() as f64;
                vec![mean, 1.0 - mean]
            };
            Ok(planes.iter().map(mean).collect())
        }
    }

    #[test]
    fn anything_that_answers_can_score_films_and_every_film_is_told() {
        let scorer = MeanGrey(
            Preprocessing {
                size: 8,
                channels: 1,
                ..Preprocessing::default()
            },
            ["bright", "dark"].map(str::to_owned),
        );
        let films = FilmsInMemory(vec![
            ("a".to_owned(), bitmap(0)),
            ("b".to_owned(), b"no film".to_vec()),
            ("c".to_owned(), bitmap(255)),
        ]);
        let mut told = Vec::new();
        score(&films, &scorer, &NoLungs, &mut |index, result| {
            told.push((index, result.ok()));
            ControlFlow::Continue(())
        })
        .unwrap();
        let expected = [
            (0, Some(vec![0.0, 1.0])),
            (1, None),
            (2, Some(vec![1.0, 0.0])),
        ];
        assert_eq!(told, expected);
    }
}
