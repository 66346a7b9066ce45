//! `explain`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::predict::PredictFormat;
use super::reading::ReadingArgs;

/// Show where a network looked.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Model file or run folder, or `bundled` for the model inside the program
    pub model: String,
    /// Films, folders, patterns such as 'films/*.png', or - for a list of paths on stdin
    #[arg(value_name = "INPUT", required_unless_present = "data")]
    pub inputs: Vec<String>,
    /// A labelled data set in place of single films: a folder, manifest or zip, as for `evaluate`. Figures
    /// come by label and source too
    #[arg(long, value_name = "DATA", conflicts_with = "inputs")]
    pub data: Option<PathBuf>,
    /// Films of the data set: those that the run folder's split calls test films, or all [default: test where
    /// MODEL is a run folder]
    #[arg(long, value_enum, requires = "data")]
    pub part: Option<PartArg>,
    /// Rename the data's labels to the model's
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
    /// occlusion, rise, or all
    #[arg(
        long,
        value_name = "A,B",
        value_delimiter = ',',
        default_value = "grad-cam"
    )]
    pub methods: Vec<String>,
    /// The label to find evidence for [default: the predicted one]
    #[arg(long, value_name = "LABEL")]
    pub class: Option<String>,
    /// Check whether the maps follow the network: random weights must destroy them, and covering what they
    /// show must cost more than covering what they do not (slow)
    #[arg(long)]
    pub check: bool,
    /// Folder with lung masks named as the films (white is lung); films without one have the manifest's
    /// (column `mask`), else that of the program's own lung network
    #[arg(long, value_name = "DIR")]
    pub masks: Option<PathBuf>,
    /// How maps are written, pixel by pixel of the film
    #[arg(long, value_enum, default_value_t = RawArg::Npy)]
    pub raw: RawArg,
    /// Write no pictures of single films
    #[arg(long)]
    pub no_pictures: bool,
    /// Make class activation maps from the last maps of this stage (`plainfilm models --summary NAME` lists them)
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Stretch class activation maps over the film as other programs do, in place of putting each cell where
    /// it looks
    #[arg(long)]
    pub stretched: bool,
    /// Random masks of rise
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub rise_masks: usize,
    /// Seed of noise and masks
    #[arg(long, value_name = "N", default_value_t = crate::settings::DEFAULT_SEED)]
    pub seed: u64,
    /// How to print
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
