//! What can be asked for on the command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use plainfilm::model::Architecture;
use serde::Serialize;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// One pass over a batch in memory, for prediction.
    Forward,
    /// Forward, backward and a step of Adam on a batch in memory, all weights trained.
    TrainStep,
    /// A step of `plainfilm train` itself: augmentation and batching too.
    WholeStep,
    /// Every layer's forward pass for prediction, alone, beside the least time that its arithmetic and its
    /// bytes need on this machine.
    Layers,
    /// The same for training, forward and backward.
    TrainLayers,
}

/// The numbers that are computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits, 8 of them exponent.
    Bf16,
}

/// Films per second of the library's networks at 224 pixels with two labels.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench-conv", max_term_width = 100)]
pub struct Args {
    /// What is timed.
    #[arg(value_enum)]
    pub work: Work,
    /// Networks, named as `plainfilm models` names them; all of them by default.
    #[arg(value_parser = |name: &str| name.parse::<Architecture>().map_err(|e| e.to_string()))]
    pub networks: Vec<Architecture>,
    /// Films a step; may be repeated.
    #[arg(long, default_values_t = [8, 32])]
    pub batch: Vec<usize>,
    /// Rounds, of which the median is told.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: u16,
    /// Least length of a round.
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    /// The numbers that are computed with.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    pub precision: Precision,
    /// Where to compute, as `plainfilm train` names it; other devices than the CPU need a feature of the
    /// same name in this program.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Alternate with rounds of Burn's own operations.
    #[arg(long)]
    pub burn: bool,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Be ready, then wait for a line on standard input before each round and answer it with the
    /// round as JSON, until the input ends: so that another program can take turns.
    #[arg(long, conflicts_with_all = ["burn", "json"])]
    pub wait: bool,
    /// Films for `whole-step`: a folder, manifest or archive, as for `plainfilm train`.
    #[arg(long, required_if_eq("work", "whole-step"))]
    pub data: Option<PathBuf>,
    /// Labels of those films; all by default.
    #[arg(long, value_delimiter = ',')]
    pub labels: Option<Vec<String>>,
}
