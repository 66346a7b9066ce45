//! A model's own films, known by their pixels when they come to be scored.

use std::sync::OnceLock;

use crate::bundle::{FilmDigest, FittedFilms};
use plainfilm_data::{FilmSource, Part};
use plainfilm_film::radiograph::{Limits, Radiograph};

/// What becomes of the films that a model was fitted on when it is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnFilms {
    /// They are not scored: figures of them say nothing about films to come.
    LeftOut,
    /// They are scored like all others.
    Included,
}

/// A film that a model was fitted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFilm {
    /// Its path in the data set that is scored.
    pub path: String,
    /// [`Part::Train`] or [`Part::Validation`] of the model's training.
    pub part: Part,
}

/// Why a film that is left out has no probabilities.
const LEFT_OUT: &str = "one of the films that the model was fitted on";

/// A source of films that remembers which of them a model was fitted on, once they were decoded.
pub struct OwnFilmsIn<'a> {
    of: &'a dyn FilmSource,
    fitted_on: Option<&'a FittedFilms>,
    own_films: OwnFilms,
    parts: Vec<OnceLock<Part>>,
}

impl<'a> OwnFilmsIn<'a> {
    /// Nothing is known of a model whose file does not say what it was fitted on: none of its films are
    /// its own then.
    #[must_use]
    pub fn new(
        of: &'a dyn FilmSource,
        fitted_on: Option<&'a FittedFilms>,
        own_films: OwnFilms,
    ) -> Self {
        let parts = (0..of.len()).map(|_| OnceLock::new()).collect();
        Self {
            of,
            fitted_on,
            own_films,
            parts,
        }
    }

    /// The part of the model's training that a film was in; none too where it was not decoded yet.
    #[must_use]
    pub fn part(&self, index: usize) -> Option<Part> {
        self.parts[index].get().copied()
    }
}

impl FilmSource for OwnFilmsIn<'_> {
    fn len(&self) -> usize {
        self.of.len()
    }

    fn name(&self, index: usize) -> String {
        self.of.name(index)
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, String> {
        self.of.bytes(index)
    }

    fn limits(&self) -> Limits {
        self.of.limits()
    }

    fn film(&self, index: usize) -> Result<Radiograph, String> {
        let film = self.of.film(index)?;
        let own = self
            .fitted_on
            .and_then(|fitted| fitted.part_of(FilmDigest::of(&film)));
        if let Some(part) = own {
            self.parts[index].get_or_init(|| part);
            if self.own_films == OwnFilms::LeftOut {
                return Err(LEFT_OUT.to_owned());
            }
        }
        Ok(film)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::test_films::bitmap;
    use plainfilm_data::FilmsInMemory;

    #[test]
    fn own_films_are_known_under_another_name_and_left_out_only_when_asked() {
        let digest = |grey| {
            let film = FilmsInMemory(vec![("elsewhere".to_owned(), bitmap(grey))]);
            FilmDigest::of(&film.film(0).unwrap())
        };
        let fitted = FittedFilms {
            training: [digest(10)].into_iter().collect(),
            validation: [digest(20)].into_iter().collect(),
        };
        let films = FilmsInMemory(
            [10, 20, 30]
                .map(|grey| (grey.to_string(), bitmap(grey)))
                .to_vec(),
        );
        let expected = [Some(Part::Train), Some(Part::Validation), None];
        for (own_films, readable) in [
            (OwnFilms::LeftOut, [false, false, true]),
            (OwnFilms::Included, [true; 3]),
        ] {
            let known = OwnFilmsIn::new(&films, Some(&fitted), own_films);
            assert_eq!([0, 1, 2].map(|film| known.part(film)), [None; 3]);
            assert_eq!([0, 1, 2].map(|film| known.film(film).is_ok()), readable);
            assert_eq!([0, 1, 2].map(|film| known.part(film)), expected);
        }
        let unknown = OwnFilmsIn::new(&films, None, OwnFilms::LeftOut);
        assert!(unknown.film(0).is_ok());
        assert_eq!(unknown.part(0), None);
    }
}
