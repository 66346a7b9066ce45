//! `weights`

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Weights of other libraries.
#[derive(Debug, Args)]
pub struct WeightsArgs {
    #[command(subcommand)]
    pub verb: WeightsVerb,
}

/// What to do with weights.
#[derive(Debug, Subcommand)]
pub enum WeightsVerb {
    /// List the public files that can be fetched
    List,
    /// Download a public file, check it and keep it
    Fetch {
        /// Its name, from `plainfilm weights list`
        name: String,
        /// Folder that keeps it
        #[arg(long, value_name = "DIR", default_value = "weights")]
        output: PathBuf,
        /// Another address of a folder that has the same file
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
    },
    /// Compare a file with the checksum that is published for it
    Verify {
        /// The file, under the name that it was published with
        file: PathBuf,
    },
    /// Read a file of Keras, PyTorch or safetensors and write its tensors under plainfilm's names
    Import {
        /// Keras (.h5, .weights.h5, .keras), PyTorch (.pth, .pt) or safetensors
        file: PathBuf,
        /// Network that the weights are of: see `plainfilm models`
        #[arg(long, value_name = "NAME")]
        arch: String,
        /// Where the tensors go
        #[arg(long, value_name = "FILE.safetensors")]
        output: PathBuf,
        /// Scaling that the weights were fitted with [default: as the library published them]
        #[arg(long, value_name = "SCALING")]
        scaling: Option<String>,
        /// Labels of the head, which comes along if it has as many
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..=1000))]
        classes: u16,
        /// Side of the input in pixels [default: the network's own]
        #[arg(long, value_name = "N")]
        size: Option<usize>,
    },
}
