//! The seam between films and whatever gives them probabilities.

use std::ops::ControlFlow;

use crate::likeness::{FACTS, FilmLikeness, FilmMeasures, Likeness};
use crate::lungs::LungsOfOneFilm;
use plainfilm_audit::quality::{Defect, Finding, examine};
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

    /// What the scorer keeps of the films that it was made from; none where it keeps nothing.
    fn likeness(&self) -> Option<&Likeness> {
        None
    }

    /// Probabilities, and for each film the features that [`Self::likeness`] goes by; none of a scorer without.
    ///
    /// # Errors
    ///
    /// As [`Self::probabilities`].
    fn probabilities_and_features(&self, planes: &[Plane]) -> Result<Vec<PlaneScore>, ScoreError> {
        let rows = self.probabilities(planes)?;
        Ok(rows.into_iter().map(PlaneScore::without_features).collect())
    }
}

/// What a scorer says of one film.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaneScore {
    /// One probability (`0..=1`) a label, in the scorer's order.
    pub probabilities: Vec<f64>,
    /// What [`Scorer::likeness`] goes by: one number a channel of the network's last maps; empty without one.
    pub features: Vec<f32>,
}

impl PlaneScore {
    /// Of a scorer that keeps nothing of its films.
    #[must_use]
    pub fn without_features(probabilities: Vec<f64>) -> Self {
        Self {
            probabilities,
            features: Vec::new(),
        }
    }
}

/// What is said of a film.
#[derive(Debug, Clone, PartialEq)]
pub struct FilmScore {
    /// One probability (`0..=1`) a label, in the scorer's order.
    pub probabilities: Vec<f64>,
    /// What makes the film other than the frontal chest films that scorers are made for; empty where
    /// nothing does.
    pub doubts: Vec<Finding>,
    /// What was measured of it, and how far it is from the scorer's own films, where the scorer keeps what those
    /// are like.
    pub likeness: Option<(FilmMeasures, FilmLikeness)>,
}

impl FilmScore {
    /// Of a film that nobody examined.
    #[must_use]
    pub fn of_probabilities(probabilities: Vec<f64>) -> Self {
        Self {
            probabilities,
            doubts: Vec::new(),
            likeness: None,
        }
    }

    /// Why no label means anything for the film, in words; empty where one does.
    #[must_use]
    pub fn unlike(&self) -> Vec<String> {
        let defects = self.doubts.iter().map(|found| found.defect);
        let defects = defects.filter_map(|defect| match defect {
            Defect::Inverted => Some("black and white exchanged"),
            Defect::Blank => Some("nothing to be seen"),
            Defect::Rotated => Some("on its side or its head"),
            Defect::Collage => Some("several pictures in one"),
            Defect::Lateral => Some("no frontal view of a chest"),
            // A label can be right all the same.
            Defect::OverCropped | Defect::TextHeavy | Defect::ColourAnnotated => None,
        });
        let mut reasons: Vec<String> = defects.map(str::to_owned).collect();
        if let Some((_, likeness)) = &self.likeness {
            reasons.extend(likeness.reasons.iter().cloned());
        }
        reasons
    }
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
    let preprocessing = scorer.preprocessing();
    stream_films(
        films,
        |_, film| Ok(preprocessing.plane(&film, lungs)),
        |_, planes| {
            let rows = scorer.probabilities(&planes)?;
            Ok(rows.into_iter().map(Ok).collect())
        },
        each,
    )
}

/// [`score`], and looks at every film for what makes it other than those that scorers are made for, and other
/// than those that this one was made from. Lungs are found by the bundled network, once a film.
///
/// # Errors
///
/// As [`score`].
pub fn score_and_examine(
    films: &dyn FilmSource,
    scorer: &dyn Scorer,
    each: &mut dyn FnMut(usize, Result<FilmScore, String>) -> ControlFlow<()>,
) -> Result<(), ScoreError> {
    let preparation = Preparation::of(scorer);
    stream_films(
        films,
        |_, film| Ok(preparation.prepare(&film)),
        |_, prepared| {
            let (planes, examined): (Vec<Plane>, Vec<Examined>) = prepared.into_iter().unzip();
            let scores = examined_scores(scorer, &planes, examined)?;
            Ok(scores.into_iter().map(Ok).collect())
        },
        each,
    )
}

/// A film as a scorer is shown it, and what was seen on it before.
pub type PreparedFilm = (Plane, Examined);

/// What is done with a film before a scorer: all that other threads need to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Preparation {
    /// What the film goes through.
    pub preprocessing: Preprocessing,
    /// Whether the scorer says how films differ from its own.
    pub with_facts: bool,
}

impl Preparation {
    /// For a scorer.
    #[must_use]
    pub fn of(scorer: &dyn Scorer) -> Self {
        Self {
            preprocessing: scorer.preprocessing().clone(),
            with_facts: scorer.likeness().is_some(),
        }
    }

    /// Does it, with the lungs that the bundled network finds.
    #[must_use]
    pub fn prepare(&self, film: &Radiograph) -> PreparedFilm {
        let lungs = LungsOfOneFilm::default();
        let inversion = self.preprocessing.inversion;
        let examined = Examined {
            doubts: examine(film),
            facts: self.with_facts.then(|| lungs.facts(film, inversion)),
        };
        (self.preprocessing.plane(film, &lungs), examined)
    }
}

/// What was seen on a film before any scorer.
#[derive(Debug, Clone)]
pub struct Examined {
    doubts: Vec<Finding>,
    facts: Option<[f32; FACTS.len()]>,
}

/// The scores of films whose planes are at hand: one for each.
///
/// # Errors
///
/// What the scorer fails with.
pub fn examined_scores(
    scorer: &dyn Scorer,
    planes: &[Plane],
    examined: Vec<Examined>,
) -> Result<Vec<FilmScore>, ScoreError> {
    let rows = scorer.probabilities_and_features(planes)?;
    let score = |(plane, examined): (PlaneScore, Examined)| {
        let PlaneScore {
            probabilities,
            features,
        } = plane;
        let likeness = scorer.likeness().zip(examined.facts).map(|(kept, facts)| {
            let measures = FilmMeasures { facts, features };
            let likeness = kept.film(&measures);
            (measures, likeness)
        });
        FilmScore {
            probabilities,
            doubts: examined.doubts,
            likeness,
        }
    };
    Ok(rows.into_iter().zip(examined).map(score).collect())
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
