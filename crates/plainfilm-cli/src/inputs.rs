//! What verbs are given: films as files, folders, patterns or a list on stdin; a model; new names of labels.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::Context;
use plainfilm::bundle::{ModelFile, bundled};
use plainfilm::dataset::{FilmFiles, FolderFilms, SetAside, films_in_folder};
use plainfilm::device::Precision;
use plainfilm::explain::{ExplainSettings, Explainer, Method};
use plainfilm::foreign::{ForeignModel, is_foreign};
use plainfilm::predict::Predictor;
use plainfilm::train::RunFolder;

use crate::exit::UsageError;

/// Turns arguments into films, in the order given; folders in the order of names.
///
/// # Errors
///
/// When stdin cannot be read.
pub fn expand(arguments: &[String]) -> anyhow::Result<FilmFiles> {
    let mut inputs = Vec::new();
    for argument in arguments {
        if argument == "-" {
            for line in std::io::stdin().lock().lines() {
                let line = line.context("stdin cannot be read as text")?;
                if !line.trim().is_empty() {
                    expand_one(line.trim_end_matches('\r'), &mut inputs);
                }
            }
        } else {
            expand_one(argument, &mut inputs);
        }
    }
    Ok(FilmFiles(inputs))
}

fn expand_one(text: &str, inputs: &mut Vec<Result<PathBuf, SetAside>>) {
    let path = Path::new(text);
    let nothing = |reason: String| {
        Err(SetAside {
            path: text.to_owned(),
            reason,
        })
    };
    if path.is_dir() {
        match films_in_folder(path) {
            Err(error) => inputs.push(nothing(error.to_string())),
            Ok(found) if found == FolderFilms::default() => {
                inputs.push(nothing("the folder holds no picture files".to_owned()));
            }
            Ok(found) => {
                inputs.extend(found.films.into_iter().map(Ok));
                inputs.extend(found.set_aside.into_iter().map(|film| {
                    Err(SetAside {
                        path: path.join(film.path).display().to_string(),
                        ..film
                    })
                }));
            }
        }
    } else if path.exists() || !text.contains(['*', '?', '[']) {
        // A file that is not there is reported by whoever opens it.
        inputs.push(Ok(path.to_owned()));
    } else {
        match glob::glob(text) {
            Err(error) => inputs.push(nothing(format!("not a valid pattern: {error}"))),
            Ok(matches) => {
                let before = inputs.len();
                for found in matches {
                    match found {
                        Ok(path) if path.is_dir() => {}
                        Ok(path) => inputs.push(Ok(path)),
                        Err(error) => inputs.push(Err(SetAside {
                            path: error.path().display().to_string(),
                            reason: error.error().to_string(),
                        })),
                    }
                }
                if inputs.len() == before {
                    inputs.push(nothing("the pattern matches no file".to_owned()));
                }
            }
        }
    }
}

/// `FROM=TO` pairs.
///
/// # Errors
///
/// When an argument is no such pair.
pub fn renames(pairs: &[String]) -> Result<BTreeMap<String, String>, UsageError> {
    pairs
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => {
                Ok((from.trim().to_owned(), to.trim().to_owned()))
            }
            _ => Err(UsageError(format!(
                "--map: expected FROM=TO, found {pair:?}"
            ))),
        })
        .collect()
}

/// The model at a path: a model file, the one in a run folder, or `bundled` where no file has that name.
///
/// # Errors
///
/// When there is none, or it cannot be read.
pub fn model_file(path: &Path) -> anyhow::Result<ModelFile> {
    if path == Path::new("bundled") && !path.exists() {
        return Ok(bundled()?);
    }
    Ok(ModelFile::load(&model_path(path))?)
}

/// A model of ours, or one that another program made.
pub enum Model {
    /// Read already.
    Ours(Box<ModelFile>),
    /// An ONNX file with its description.
    Foreign(PathBuf),
}

impl Model {
    /// The one at a path: see [`model_file`].
    ///
    /// # Errors
    ///
    /// When a model of ours cannot be read.
    pub fn at(path: &Path) -> anyhow::Result<Self> {
        if is_foreign(path) {
            return Ok(Self::Foreign(path.to_owned()));
        }
        Ok(Self::Ours(Box::new(model_file(path)?)))
    }

    /// The model, ready to score films.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or cannot be computed as asked.
    pub fn predictor(
        &self,
        device: &str,
        precision: Precision,
        threads: usize,
    ) -> anyhow::Result<Predictor> {
        match self {
            Self::Ours(file) => {
                let device = plainfilm::device::parse_with_precision(device, precision)?;
                Ok(Predictor::new(file, &device)?)
            }
            Self::Foreign(_) if device != "cpu" || precision != Precision::Float32 => {
                let reason = "--device and --precision: the CPU computes ONNX models, in 32 bits";
                Err(UsageError(reason.to_owned()).into())
            }
            Self::Foreign(path) => Ok(ForeignModel::open(path, Some(threads))?.into_predictor()),
        }
    }

    /// The model, ready to say where it looked.
    ///
    /// # Errors
    ///
    /// As [`Self::predictor`], or when a setting is outside its range.
    pub fn explainer(
        &self,
        settings: &ExplainSettings,
        device: &str,
        precision: Precision,
        threads: usize,
    ) -> anyhow::Result<Explainer> {
        match self {
            Self::Ours(file) => {
                let device = plainfilm::device::parse_with_precision(device, precision)?;
                Ok(Explainer::new(file, settings, &device)?)
            }
            Self::Foreign(_) => {
                let predictor = self.predictor(device, precision, threads)?;
                Ok(Explainer::of_probabilities(predictor, settings)?)
            }
        }
    }

    /// The methods that it can be explained by.
    pub fn methods(&self) -> Vec<Method> {
        match self {
            Self::Ours(_) => Method::ALL.to_vec(),
            Self::Foreign(_) => Method::of_probabilities().collect(),
        }
    }

    /// The method where none is asked for.
    pub fn usual_method(&self) -> Method {
        match self {
            Self::Ours(_) => Method::GradCam,
            Self::Foreign(_) => Method::Occlusion,
        }
    }
}

/// The file that a path to a model or to a run folder stands for.
pub fn model_path(path: &Path) -> PathBuf {
    if path.is_dir() {
        RunFolder::at(path).model_path()
    } else {
        path.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_folders_and_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.png", "a.png", "note.md"] {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        let at = |name: &str| folder.path().join(name).display().to_string();
        let names = |arguments: &[String]| -> Vec<String> {
            expand(arguments)
                .unwrap()
                .0
                .into_iter()
                .map(|input| match input {
                    Ok(path) => path.file_name().unwrap().to_string_lossy().into_owned(),
                    Err(nothing) => nothing.reason,
                })
                .collect()
        };
        assert_eq!(names(&[at("*.png")]), ["a.png", "b.png"]);
        assert_eq!(names(&[at("b.png"), at("")]), ["b.png", "a.png", "b.png"]);
        assert_eq!(names(&[at("*.tif")]), ["the pattern matches no file"]);
        assert_eq!(names(&[at("gone.png")]), ["gone.png"]);
    }
}
