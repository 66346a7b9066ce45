//! A model that another program made, as a scorer.

use std::path::{Path, PathBuf};

use crate::Layout;
use crate::description::{Description, Holds, LinkName};
use crate::error::ForeignError;
use crate::runtime::{BYTES, Port, Runtime};
use plainfilm_figures::{Calibration, Operation};
use plainfilm_film::radiograph::{Plane, Preprocessing};
use plainfilm_model::bundle::Threshold;
use plainfilm_model::predict::{Link, Predictor, ScoreError, Scorer, Usage, positive_named};

/// Films that are computed together, where the graph leaves that open.
const BATCH: usize = 16;

/// Films that a graph may want at once.
const MOST_AT_ONCE: usize = 256;

/// How far a probability may be off 0 to 1: networks round.
const ROUNDING: f32 = 1e-4;

/// Why a probability is as the model gave it.
const NOT_CALIBRATED: &str = "as the model gives them";

/// Whether a path is that of a model of other programs: an ONNX file, or a description.
#[must_use]
pub fn is_foreign(path: &Path) -> bool {
    has_extension(path, "onnx") || has_extension(path, "toml")
}

fn has_extension(path: &Path, expected: &str) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case(expected))
}

/// An ONNX file with its description, ready to score films.
#[derive(Debug)]
pub struct ForeignModel {
    path: PathBuf,
    description: Description,
    runtime: Runtime,
    /// Films that are computed together.
    batch: Batch,
    /// Numbers that the output has for a film.
    width: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Batch {
    UpTo(usize),
    /// The graph takes no other number.
    Exactly(usize),
}

impl ForeignModel {
    /// Opens `MODEL.onnx` with the `MODEL.toml` beside it, or the other way round, for so many threads.
    ///
    /// # Errors
    ///
    /// When either cannot be read, is damaged, or they do not fit each other.
    pub fn open(path: &Path, threads: Option<usize>) -> Result<Self, ForeignError> {
        let is_description = has_extension(path, "toml");
        let toml = match is_description {
            true => path.to_owned(),
            false => path.with_extension("toml"),
        };
        let text = std::fs::read_to_string(&toml).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound if path.is_file() => ForeignError::NoDescription {
                path: toml.clone(),
                model: path.to_owned(),
            },
            // A model that is not there needs no description.
            std::io::ErrorKind::NotFound => ForeignError::Read {
                path: path.to_owned(),
                reason: error.to_string(),
            },
            _ => ForeignError::Read {
                path: toml.clone(),
                reason: error.to_string(),
            },
        })?;
        let description = Description::parse(&text, &toml)?;
        let model = toml.with_file_name(&description.model);
        if !is_description && path.file_name() != model.file_name() {
            return Err(ForeignError::Setting {
                path: toml,
                key: "model",
                expected: format!("{:?}", path.file_name().unwrap_or_default()),
                found: format!("{:?}", description.model),
            });
        }
        let runtime = Runtime::open(&model, threads)?;
        Self::fitting(description, runtime, &toml, model)
    }

    /// Checks that a description fits its graph.
    fn fitting(
        description: Description,
        runtime: Runtime,
        toml: &Path,
        model: PathBuf,
    ) -> Result<Self, ForeignError> {
        let refuse = |key, expected: String, found: String| ForeignError::Setting {
            path: toml.to_owned(),
            key,
            expected,
            found,
        };
        let named = |ports: &[Port], key, name: &str| {
            let found = ports.iter().find(|port| port.name == name).cloned();
            found.ok_or_else(|| {
                let names: Vec<String> = ports
                    .iter()
                    .map(|port| format!("{:?}", port.name))
                    .collect();
                let expected = format!("one of {}, as the graph has it", names.join(", "));
                refuse(key, expected, format!("{name:?}"))
            })
        };
        let input = named(&runtime.inputs, "input.name", &description.input.name)?;
        named(&runtime.outputs, "output.name", &description.output.name)?;
        if runtime.inputs.len() > 1 {
            let names: Vec<&str> = runtime
                .inputs
                .iter()
                .map(|port| port.name.as_str())
                .collect();
            return Err(ForeignError::Runtime {
                path: model,
                reason: format!(
                    "expected a graph with one input, the film; found {}",
                    names.join(", ")
                ),
            });
        }
        if let Some(element) = input
            .element
            .as_ref()
            .filter(|element| *element != "f32" && *element != BYTES)
        {
            return Err(ForeignError::Runtime {
                path: model,
                reason: format!(
                    "input {:?}: expected f32 or u8, found {element}",
                    input.name
                ),
            });
        }
        let Preprocessing { size, channels, .. } = description.preprocessing;
        let expected = description.input.layout.shape(0, channels, size);
        let fits = |shape: &Vec<Option<usize>>| {
            shape.len() == expected.len()
                && (1..expected.len()).all(|axis| shape[axis].is_none_or(|n| n == expected[axis]))
        };
        if !input.shape.as_ref().is_none_or(fits) {
            let layout = description.input.layout;
            let key = match input.rank() == Some(4) && fits_turned(&input, layout, channels, size) {
                true => "input.layout",
                false => "preprocessing",
            };
            return Err(refuse(
                key,
                format!("what fits the graph's input {}", input.shape_text()),
                format!("{layout:?} with {channels} channels of {size} pixels a side"),
            ));
        }
        let batch = match input.axis(0) {
            Some(films) if films > MOST_AT_ONCE => {
                return Err(ForeignError::Runtime {
                    path: model,
                    reason: format!(
                        "input {:?}: expected at most {MOST_AT_ONCE} films at once, found {}",
                        input.name,
                        input.shape_text()
                    ),
                });
            }
            Some(films) if films > 0 => Batch::Exactly(films),
            _ => Batch::UpTo(BATCH),
        };
        let mut found = Self {
            path: model,
            description,
            runtime,
            batch,
            width: 0,
        };
        // Declared shapes may leave lengths open, and a graph may fail only when it is computed.
        let values = vec![0.0; size * size];
        let black = found.raw_outputs(&[Plane { size, values }]);
        let black = black.map_err(|reason| ForeignError::Runtime {
            path: found.path.clone(),
            reason,
        })?;
        found.width = black.first().map_or(0, Vec::len);
        let labels = found.description.labels.len();
        if found.width != labels && !found.shares_one_output() {
            return Err(refuse(
                "labels",
                match found.width {
                    1 => "two, with `output.link = \"sigmoid\"`, for an output of 1 number"
                        .to_owned(),
                    width => format!("{width}, one for each number of the output"),
                },
                labels.to_string(),
            ));
        }
        if found.shares_one_output() && !found.description.thresholds.is_empty() {
            let expected = "none, as two labels share one output: `threshold` is for these";
            let count = found.description.thresholds.len();
            return Err(refuse("thresholds", expected.to_owned(), count.to_string()));
        }
        Ok(found)
    }

    /// What the files say of it.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What prediction needs to know of it. Of its training nothing is known, and nothing is calibrated.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let Description {
            labels,
            threshold,
            thresholds,
            ..
        } = &self.description;
        let chosen = "as its description says".to_owned();
        let finding = |label: &String| Operation {
            calibration: Calibration::none(NOT_CALIBRATED),
            threshold: thresholds.get(label).copied().unwrap_or(*threshold),
            chosen: chosen.clone(),
            points: Vec::new(),
            not_sure: None,
        };
        let findings = match self.has_findings() {
            true => labels.iter().map(finding).collect(),
            false => Vec::new(),
        };
        let producer = match self.runtime.scan.producer.as_str() {
            "" => "ONNX".to_owned(),
            producer => format!("ONNX by {producer}"),
        };
        Usage {
            kind: producer,
            labels: labels.clone(),
            preprocessing: self.description.preprocessing.clone(),
            positive: positive_named(labels, self.description.positive.as_deref()),
            threshold: Threshold {
                value: *threshold,
                chosen,
            },
            calibration_temperature: 1.0,
            operation: None,
            findings,
            fitted_on: None,
            likeness: None,
            audit: None,
        }
    }

    /// As the one thing that scores films, whoever made the model.
    #[must_use]
    pub fn into_predictor(self) -> Predictor {
        let usage = self.usage();
        Predictor::foreign(Box::new(self), usage)
    }

    /// Whether a film may have any number of the labels.
    fn has_findings(&self) -> bool {
        self.description.output.link == LinkName::Sigmoid && !self.shares_one_output()
    }

    /// Whether the output is the probability of the second of two labels.
    fn shares_one_output(&self) -> bool {
        let Description { labels, output, .. } = &self.description;
        labels.len() == 2 && output.link == LinkName::Sigmoid && self.width == 1
    }

    /// The outputs of planes, one row each.
    fn outputs(&self, planes: &[Plane]) -> Result<Vec<Vec<f32>>, String> {
        let rows = self.raw_outputs(planes)?;
        match rows.iter().find(|row| row.len() != self.width) {
            Some(row) => Err(format!(
                "output {:?}: expected {} numbers for a film, found {}",
                self.description.output.name,
                self.width,
                row.len()
            )),
            None => Ok(rows),
        }
    }

    /// The same, however many numbers they are.
    fn raw_outputs(&self, planes: &[Plane]) -> Result<Vec<Vec<f32>>, String> {
        let (at_once, is_exact) = match self.batch {
            Batch::UpTo(films) => (films, false),
            Batch::Exactly(films) => (films, true),
        };
        let mut rows = Vec::with_capacity(planes.len());
        for planes in planes.chunks(at_once) {
            let films = if is_exact { at_once } else { planes.len() };
            let (shape, values) = self.input(planes, films);
            let Description { input, output, .. } = &self.description;
            let (found, values) = self.runtime.run(&input.name, &output.name, shape, values)?;
            let width = found.get(1).copied().unwrap_or(1);
            // Pooling may leave rows and columns of one.
            let fits = found.first() == Some(&films)
                && width > 0
                && found.iter().skip(2).all(|&axis| axis == 1);
            if !fits {
                return Err(format!(
                    "output {:?}: expected [{films}, labels], found {found:?}",
                    output.name
                ));
            }
            rows.extend(
                values
                    .chunks_exact(width)
                    .take(planes.len())
                    .map(<[f32]>::to_vec),
            );
        }
        Ok(rows)
    }

    /// Shape and values of the graph's input; films that are not there are black.
    fn input(&self, planes: &[Plane], films: usize) -> ([usize; 4], Vec<f32>) {
        let preprocessing = &self.description.preprocessing;
        let Preprocessing { size, channels, .. } = *preprocessing;
        let area = size * size;
        let mut values = preprocessing.tensors(planes);
        if let Some(normalisation) = &self.description.normalisation {
            normalisation.apply(&mut values, channels, area);
        }
        values.resize(films * channels * area, 0.0);
        let layout = self.description.input.layout;
        if layout == Layout::Nhwc {
            values = channels_last(&values, channels, area);
        }
        (layout.shape(films, channels, size), values)
    }

    /// The probabilities of a film's outputs.
    fn row(&self, outputs: &[f32]) -> Result<Vec<f64>, String> {
        let output = &self.description.output;
        if let Some(value) = outputs.iter().find(|value| !value.is_finite()) {
            return Err(format!(
                "output {:?}: expected a number, found {value}",
                output.name
            ));
        }
        let mut probabilities = match (output.holds, output.link) {
            (Holds::Probabilities, _) => {
                let range = -ROUNDING..=1.0 + ROUNDING;
                if let Some(value) = outputs.iter().find(|value| !range.contains(*value)) {
                    return Err(format!(
                        "output {:?}: expected probabilities, 0 to 1, found {value}\n\
                         hint: if its last operator is no softmax or sigmoid, say `holds = \"logits\"`",
                        output.name
                    ));
                }
                outputs
                    .iter()
                    .map(|&p| f64::from(p).clamp(0.0, 1.0))
                    .collect()
            }
            (Holds::Logits, LinkName::Softmax) => Link::Softmax(1.0).probabilities(outputs),
            (Holds::Logits, LinkName::Sigmoid) => Link::Sigmoid.probabilities(outputs),
        };
        if self.shares_one_output() {
            probabilities.insert(0, 1.0 - probabilities[0]);
        }
        Ok(probabilities)
    }
}

/// Whether the input fits the other layout.
fn fits_turned(input: &Port, layout: Layout, channels: usize, size: usize) -> bool {
    let turned = match layout {
        Layout::Nchw => Layout::Nhwc,
        Layout::Nhwc => Layout::Nchw,
    };
    let expected = turned.shape(0, channels, size);
    (1..expected.len()).all(|axis| {
        input
            .axis(axis)
            .is_none_or(|length| length == expected[axis])
    })
}

/// `[films, channels, area]` as `[films, area, channels]`.
fn channels_last(values: &[f32], channels: usize, area: usize) -> Vec<f32> {
    let mut turned = Vec::with_capacity(values.len());
    for film in values.chunks_exact(channels * area) {
        for pixel in 0..area {
            turned.extend((0..channels).map(|channel| film[channel * area + pixel]));
        }
    }
    turned
}

impl Scorer for ForeignModel {
    fn preprocessing(&self) -> &Preprocessing {
        &self.description.preprocessing
    }

    fn labels(&self) -> &[String] {
        &self.description.labels
    }

    fn probabilities(&self, planes: &[Plane]) -> Result<Vec<Vec<f64>>, ScoreError> {
        let failed =
            |reason: String| ScoreError::Other(format!("{}: {reason}", self.path.display()));
        let outputs = self.outputs(planes).map_err(failed)?;
        let rows = outputs.iter().map(|outputs| self.row(outputs));
        rows.collect::<Result<_, String>>().map_err(failed)
    }
}
