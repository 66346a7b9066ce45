//! `explain`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::predict::PredictFormat;
use super::reading::ReadingArgs;

/// Draw heat maps of where a network looked.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Model file or run folder, `bundled` for the model inside the program, or an ONNX file with its description
    pub model: String,
    /// Films, folders, patterns such as 'films/*.png', or - for a list of paths on stdin
    #[arg(value_name = "INPUT", required_unless_present = "data")]
    pub inputs: Vec<String>,
    /// A labelled data set instead of single films: a folder, manifest or zip, as for `evaluate`. The share on the
    /// lungs is given by label and source too
    #[arg(long, value_name = "DATA", conflicts_with = "inputs")]
    pub data: Option<PathBuf>,
    /// Films of the data set: the test films of the run's split, or all [default: test where MODEL is a run
    /// folder]
    #[arg(long, value_enum, requires = "data")]
    pub part: Option<PartArg>,
    /// Rename labels of the data to those of the model
    #[arg(
        long,
        value_name = "FROM=TO,…",
        value_delimiter = ',',
        requires = "data"
    )]
    pub map: Vec<String>,
    #[command(flatten)]
    pub reading: ReadingArgs,
    /// Folder for pictures, maps and explain.json
    #[arg(long, value_name = "DIR", default_value = "explanations")]
    pub output: PathBuf,
    /// grad-cam, grad-cam++, hi-res-cam, eigen-cam, integrated-gradients, smooth-integrated-gradients,
    /// occlusion, rise, or all; of ONNX models occlusion and rise, which need probabilities alone [default:
    /// grad-cam; occlusion of ONNX models]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub methods: Option<Vec<String>>,
    /// The label to find evidence for [default: the predicted one]
    #[arg(long, value_name = "LABEL")]
    pub class: Option<String>,
    /// Test whether the maps depend on the network: random weights must change them, and covering the places they
    /// show must change the score more than covering other places (slow)
    #[arg(long)]
    pub check: bool,
    /// Folder with lung masks named as the films (white is lung); for other films the manifest's masks (column
    /// `mask`) or those of the bundled lung network are used
    #[arg(long, value_name = "DIR")]
    pub masks: Option<PathBuf>,
    /// File format of the maps
    #[arg(long, value_enum, default_value_t = RawArg::Npy)]
    pub raw: RawArg,
    /// Write no pictures of single films
    #[arg(long)]
    pub no_pictures: bool,
    /// Make class activation maps from the last layer of this stage (`plainfilm models --summary NAME` lists them)
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Stretch class activation maps over the film as other programs do, instead of drawing each cell at the
    /// pixels it depends on
    #[arg(long)]
    pub stretched: bool,
    /// Number of random masks for rise
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub rise_masks: usize,
    /// Random seed of noise and masks
    #[arg(long, value_name = "N", default_value_t = crate::settings::DEFAULT_SEED)]
    pub seed: u64,
    /// Output format
    #[arg(long, value_enum, default_value_t = PredictFormat::Table)]
    pub format: PredictFormat,
    /// Where to compute: cpu, vulkan[:N], cuda[:N] or metal[:N]
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub device: String,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub threads: Option<usize>,
}

/// `explain --part`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PartArg {
    /// The run's test films
    Test,
    /// Every film
    All,
}

/// `explain --raw`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RawArg {
    /// NumPy files of 32-bit floats
    Npy,
    /// TIFF files of 32-bit floats
    Tiff,
    /// No maps, pictures only
    None,
}
