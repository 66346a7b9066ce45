//! Which films a network was fitted on, by digests of their pixels.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use plainfilm_data::Part;
use plainfilm_film::copies::pixel_digest;
use plainfilm_film::radiograph::Radiograph;

/// Bytes that are kept of a film's digest: among a million films, two that are not one picture share
/// them with a chance of 1 in 10 million.
const BYTES: usize = 8;

/// A film by its pixels, whatever its name and its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilmDigest([u8; BYTES]);

impl FilmDigest {
    /// The first bytes of [`pixel_digest`].
    #[must_use]
    pub fn of(film: &Radiograph) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = pixel_digest(film);
        Self([a, b, c, d, e, f, g, h])
    }
}

/// Digests of films, each once and in order: the same films give the same text, however they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilmDigests(Vec<FilmDigest>);

impl FilmDigests {
    /// Whether a film is among them.
    #[must_use]
    pub fn contains(&self, digest: FilmDigest) -> bool {
        self.0.binary_search(&digest).is_ok()
    }

    /// How many films differ.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<FilmDigest> for FilmDigests {
    fn from_iter<I: IntoIterator<Item = FilmDigest>>(digests: I) -> Self {
        let mut digests: Vec<FilmDigest> = digests.into_iter().collect();
        digests.sort_unstable();
        digests.dedup();
        Self(digests)
    }
}

impl Serialize for FilmDigests {
    /// One text in Base64: eleven letters a film.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|digest| digest.0).collect();
        serializer.serialize_str(&BASE64_STANDARD_NO_PAD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for FilmDigests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD_NO_PAD
            .decode(text)
            .map_err(|error| de::Error::custom(format!("digests of films: {error}")))?;
        let (digests, rest) = bytes.as_chunks::<BYTES>();
        if !rest.is_empty() {
            return Err(de::Error::custom(format!(
                "digests of films: expected {BYTES} bytes each, found {} in all",
                bytes.len()
            )));
        }
        Ok(digests.iter().copied().map(FilmDigest).collect())
    }
}

/// The films that a network was fitted on. Figures of these say nothing about films to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedFilms {
    /// Its weights were fitted on these.
    pub training: FilmDigests,
    /// Its epoch, calibration and threshold were chosen by these.
    pub validation: FilmDigests,
}

impl FittedFilms {
    /// [`Part::Train`] or [`Part::Validation`] where the film was in it; training, where it was in both.
    #[must_use]
    pub fn part_of(&self, digest: FilmDigest) -> Option<Part> {
        if self.training.contains(digest) {
            Some(Part::Train)
        } else if self.validation.contains(digest) {
            Some(Part::Validation)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> FilmDigest {
        FilmDigest([byte; BYTES])
    }

    #[test]
    fn films_are_found_whatever_their_order_and_read_back_as_they_were() {
        let fitted = FittedFilms {
            training: [9, 3, 255, 3].map(digest).into_iter().collect(),
            validation: [7, 9].map(digest).into_iter().collect(),
        };
        let parts = [3, 7, 9, 255, 0].map(|byte| fitted.part_of(digest(byte)));
        let (training, validation) = (Some(Part::Train), Some(Part::Validation));
        assert_eq!(parts, [training, validation, training, training, None]);
        assert_eq!(fitted.training.len(), 3);
        let text = serde_json::to_string(&fitted).unwrap();
        let other: FilmDigests = [255, 3, 9].map(digest).into_iter().collect();
        assert_eq!(other, fitted.training);
        assert_eq!(
            serde_json::from_str::<FittedFilms>(&text).unwrap(),
            fitted,
            "{text}"
        );
        // 24 bytes.
        assert_eq!(serde_json::to_string(&other).unwrap().len(), 2 + 32);
        assert!(FilmDigests::default().is_empty());
    }

    #[test]
    fn what_is_no_list_of_digests_is_refused() {
        for text in ["\"AAAA\"", "\"?\"", "3"] {
            assert!(serde_json::from_str::<FilmDigests>(text).is_err(), "{text}");
        }
    }
}
