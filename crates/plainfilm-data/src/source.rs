//! Where films come from, apart from what they decode to; and the one way through all of them.

use std::ops::ControlFlow;
use std::path::PathBuf;

use rayon::prelude::*;

use super::{Dataset, SetAside};
use plainfilm_film::radiograph::{Limits, Radiograph, decode, read_bytes, without_name};

/// Films decoded and worked on together: enough for every core, few enough for a small memory.
const TOGETHER: usize = 16;

/// A numbered list of films whose bytes can be read: files, a data set, an archive, memory.
pub trait FilmSource: Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What results call film `index`.
    fn name(&self, index: usize) -> String;

    /// The bytes of film `index`.
    ///
    /// # Errors
    ///
    /// One line, without the film's name, that says why there are none.
    fn bytes(&self, index: usize) -> Result<Vec<u8>, String>;

    /// What is refused before it is decoded.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// Film `index`, decoded within the limits.
    ///
    /// # Errors
    ///
    /// One line, without the film's name, that says why it cannot be used.
    fn film(&self, index: usize) -> Result<Radiograph, String> {
        let (name, bytes) = (self.name(index), self.bytes(index)?);
        decode(&bytes, &name, &self.limits())
            .map_err(|error| without_name(&error.to_string(), &name))
    }
}

impl FilmSource for Dataset {
    fn len(&self) -> usize {
        self.films.len()
    }

    fn name(&self, index: usize) -> String {
        self.films[index].path.clone()
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, String> {
        let film = &self.films[index];
        self.read(film)
            .map_err(|error| without_name(&error.to_string(), &film.path))
    }

    fn limits(&self) -> Limits {
        *Dataset::limits(self)
    }
}

/// Files on disk, or the reason why an argument led to none, in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilmFiles(pub Vec<Result<PathBuf, SetAside>>);

impl FilmSource for FilmFiles {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn name(&self, index: usize) -> String {
        match &self.0[index] {
            Ok(path) => path.display().to_string(),
            Err(nothing) => nothing.path.clone(),
        }
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, String> {
        match &self.0[index] {
            Ok(path) => read_bytes(path, &self.limits())
                .map_err(|error| without_name(&error.to_string(), &self.name(index))),
            Err(nothing) => Err(nothing.reason.clone()),
        }
    }
}

/// Films that are in memory already, each with its name, as a service or a binding has them.
#[derive(Debug, Clone, Default)]
pub struct FilmsInMemory(pub Vec<(String, Vec<u8>)>);

impl FilmSource for FilmsInMemory {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn name(&self, index: usize) -> String {
        self.0[index].0.clone()
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, String> {
        Ok(self.0[index].1.clone())
    }
}

/// Some of a source's films, in an order of one's own.
pub struct FilmSubset<'a> {
    /// The source.
    pub of: &'a dyn FilmSource,
    /// Numbers of its films.
    pub indices: Vec<usize>,
}

impl FilmSource for FilmSubset<'_> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn name(&self, index: usize) -> String {
        self.of.name(self.indices[index])
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, String> {
        self.of.bytes(self.indices[index])
    }

    fn limits(&self) -> Limits {
        self.of.limits()
    }
}

/// Goes through all films in order, some at a time, so that memory stays bounded: each is decoded and
/// prepared on any thread, `work` turns those that could be into one result each, and `each` is told
/// every film's result or the one line that says why it has none. It can stop there.
///
/// # Errors
///
/// What `work` fails with; every film before has been told.
///
/// # Panics
///
/// When `work` does not give one result for each film.
pub fn stream_films<T: Send, R, E>(
    source: &dyn FilmSource,
    prepare: impl Fn(usize, Radiograph) -> Result<T, String> + Sync,
    mut work: impl FnMut(&[usize], Vec<T>) -> Result<Vec<Result<R, String>>, E>,
    mut each: impl FnMut(usize, Result<R, String>) -> ControlFlow<()>,
) -> Result<(), E> {
    for start in (0..source.len()).step_by(TOGETHER) {
        let end = source.len().min(start + TOGETHER);
        let prepared: Vec<Result<T, String>> = (start..end)
            .into_par_iter()
            .map(|index| prepare(index, source.film(index)?))
            .collect();
        let reasons: Vec<Option<String>> = prepared
            .iter()
            .map(|film| film.as_ref().err().cloned())
            .collect();
        let readable: Vec<usize> = (start..end)
            .zip(&reasons)
            .filter_map(|(index, reason)| reason.is_none().then_some(index))
            .collect();
        let results = work(&readable, prepared.into_iter().flatten().collect())?;
        assert_eq!(results.len(), readable.len(), "one result for each film");
        let mut results = results.into_iter();
        for (index, reason) in (start..end).zip(reasons) {
            let result = match reason {
                Some(reason) => Err(reason),
                None => results.next().expect("counted above"),
            };
            if each(index, result).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::phantom::{PhantomSettings, generate};

    fn films(count: usize) -> FilmsInMemory {
        let folder = tempfile::tempdir().unwrap();
        let settings = PhantomSettings {
            count: 2,
            size: 64,
            ..PhantomSettings::default()
        };
        generate(&settings, folder.path(), &|_, _| {}).unwrap();
        let picture = walkdir::WalkDir::new(folder.path())
            .into_iter()
            .flatten()
            .find(|entry| entry.path().extension().is_some_and(|end| end == "png"))
            .expect("the generator draws PNG files");
        let bytes = std::fs::read(picture.path()).unwrap();
        let one = |index: usize| match index % 3 {
            1 => (format!("{index}"), b"no picture".to_vec()),
            _ => (format!("{index}"), bytes.clone()),
        };
        FilmsInMemory((0..count).map(one).collect())
    }

    /// What each film was told, after `stop` films.
    fn told(count: usize, stop: usize) -> Vec<(usize, Result<usize, String>)> {
        let mut told = Vec::new();
        let done: Result<(), Infallible> = stream_films(
            &films(count),
            |index, film| match index {
                2 => Err("not this one".to_owned()),
                _ => Ok(film.width as usize + index),
            },
            |indices, prepared| {
                assert_eq!(indices.len(), prepared.len());
                let check = |(&index, width): (&usize, usize)| match index {
                    3 => Err("no result".to_owned()),
                    _ => Ok(width - index),
                };
                Ok(indices.iter().zip(prepared).map(check).collect())
            },
            |index, result| {
                told.push((index, result));
                match told.len() == stop {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            },
        );
        done.unwrap();
        told
    }

    #[test]
    fn every_film_is_told_once_in_order_with_its_result_or_reason() {
        let told = told(40, usize::MAX);
        let order: Vec<usize> = told.iter().map(|(index, _)| *index).collect();
        assert_eq!(order, (0..40).collect::<Vec<_>>());
        for (index, result) in told {
            match index {
                2 => assert_eq!(result, Err("not this one".to_owned())),
                3 => assert_eq!(result, Err("no result".to_owned())),
                _ if index % 3 == 1 => assert!(result.unwrap_err().contains("expected")),
                _ => assert_eq!(result, Ok(64)),
            }
        }
    }

    #[test]
    fn it_stops_when_told_to_and_does_nothing_for_nothing() {
        assert_eq!(told(40, 5).len(), 5);
        assert_eq!(told(0, usize::MAX), vec![]);
    }

    #[test]
    fn files_are_named_and_missing_ones_have_a_reason() {
        let nothing = SetAside {
            path: "x*".to_owned(),
            reason: "the pattern matches no file".to_owned(),
        };
        let files = FilmFiles(vec![Ok("nowhere.png".into()), Err(nothing)]);
        assert_eq!([files.name(0), files.name(1)], ["nowhere.png", "x*"]);
        let reason = files.film(0).unwrap_err();
        assert!(!reason.contains("nowhere.png"), "{reason}");
        assert_eq!(files.film(1).unwrap_err(), "the pattern matches no file");
    }
}
