//! A model as a file of another format, and what lies beside it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use plainfilm_film::radiograph::{Histogram, Preprocessing, Scaling};
use plainfilm_foreign::{Description, Holds, Input, Layout, LinkName, Output};
use plainfilm_model::bundle::ModelHeader;
use serde::{Deserialize, Serialize};

use crate::card::Card;
use crate::error::ExportError;
use crate::graph::{Graph, InputKind, Ranges};
use crate::parity::Parity;
use crate::precision::{Interface, Precision};
use crate::{onnx, tflite};

/// A program that shows a file drawn planes, in Python, to be written beside it under [`CHECK_NAME`].
pub const CHECK: &str = include_str!("check.py");
/// Its name.
pub const CHECK_NAME: &str = "check.py";
/// The name under which it looks for what the model said.
pub const PARITY_NAME: &str = "parity.json";
/// How many planes it draws.
pub const DRAWN: usize = 4;

/// A format of other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// ONNX: servers, browsers, most runtimes.
    Onnx,
    /// TensorFlow Lite: phones and boards.
    Tflite,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Onnx, Self::Tflite];

    /// Its name, which is also the ending of its files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Tflite => "tflite",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| format!("expected onnx or tflite, found `{text}`"))
    }
}

/// The bytes of a graph in a format. `ranges` are what films gave; only [`Precision::Int8`] looks at them.
///
/// # Errors
///
/// When the format cannot hold the graph, when whole numbers are asked for without ranges, or as input where the
/// graph does not scale them.
pub fn to_bytes(
    graph: Graph,
    card: &Card,
    format: Format,
    precision: Precision,
    interface: Interface,
    ranges: Option<&Ranges>,
) -> Result<Vec<u8>, ExportError> {
    if precision == Precision::Int8 && ranges.is_none() {
        return Err(ExportError::NoRanges);
    }
    if interface == Interface::Uint8 && graph.input == InputKind::Scaled {
        return Err(ExportError::WholeFilm);
    }
    match format {
        Format::Onnx => {
            let none = Ranges::none(&graph);
            let ranges = ranges.unwrap_or(&none);
            Ok(onnx::to_bytes(graph, card, precision, interface, ranges))
        }
        Format::Tflite => tflite::to_bytes(&graph, card, precision, interface, ranges),
    }
}

/// What our own reader of ONNX, and a person, must know of an exported file: the text of the TOML beside it.
#[must_use]
pub fn description(header: &ModelHeader, file_name: &str) -> String {
    let preprocessing = match InputKind::of(&header.preprocessing) {
        // The graph does the rest.
        InputKind::Unit => Preprocessing {
            scaling: Scaling::Unit,
            histogram: Histogram::Stored,
            ..header.preprocessing.clone()
        },
        InputKind::Scaled => header.preprocessing.clone(),
    };
    let description = Description {
        model: file_name.to_owned(),
        labels: header.labels.clone(),
        positive: header.positive_label.clone(),
        threshold: header.threshold.value,
        thresholds: header
            .labels
            .iter()
            .cloned()
            .zip(header.findings.iter().map(|finding| finding.threshold))
            .collect(),
        input: Input {
            name: onnx::INPUT.to_owned(),
            layout: Layout::Nchw,
        },
        output: Output {
            name: onnx::OUTPUT.to_owned(),
            holds: Holds::Probabilities,
            link: match header.findings.is_empty() {
                true => LinkName::Softmax,
                false => LinkName::Sigmoid,
            },
        },
        preprocessing,
        normalisation: None,
    };
    let text = toml::to_string_pretty(&description).expect("plain values have a TOML form");
    format!(
        "# Exported by plainfilm. {}\n{text}",
        plainfilm_film::NOT_A_MEDICAL_DEVICE
    )
}

/// What is known of the files of one folder, as `parity.json` has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ParityRecord {
    /// By the name of the file.
    pub files: BTreeMap<String, FileRecord>,
    /// That this is no medical device.
    pub notice: String,
}

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    /// `f32`, `f16` or `int8`.
    pub precision: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The comparison with the model; none where nothing here reads the format.
    pub checked: Option<Parity>,
    /// What the model says of drawn planes, for `check.py`: one row each.
    pub expected: Vec<Vec<f64>>,
    /// How far the file may be off there.
    pub tolerance: f64,
    /// Who scales grey levels: `unit` (the file) or `scaled` (what comes before it).
    pub input: String,
    /// What a film goes through before.
    pub preprocessing: Preprocessing,
}

impl FileRecord {
    /// How far probabilities of drawn planes may be off: Python draws them with other rounding, and whole numbers were
    /// chosen for films.
    #[must_use]
    pub fn tolerance_of(precision: Precision) -> f64 {
        precision
            .tolerance()
            .map_or(0.1, |tolerance| tolerance.max(1e-4))
    }
}
