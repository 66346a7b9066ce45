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
        /// Folder for it
        #[arg(long, value_name = "DIR", default_value = "weights")]
        output: PathBuf,
        /// Another web address of a folder that has the same file
        #[arg(long, value_name = "URL")]
        mirror: Option<String>,
    },
    /// Compare a file with its published checksum
    Verify {
        /// The file, under its published name
        file: PathBuf,
    },
    /// Convert weights of Keras, PyTorch or safetensors to plainfilm's names of tensors
    Import {
        /// Keras (.h5, .weights.h5, .keras), PyTorch (.pth, .pt) or safetensors
        file: PathBuf,
        /// Network of the weights: see `plainfilm models`
        #[arg(long, value_name = "NAME")]
        arch: String,
        /// File to write
        #[arg(long, value_name = "FILE.safetensors")]
        output: PathBuf,
        /// Scaling that the weights were fitted with [default: as the library published them]
        #[arg(long, value_name = "SCALING")]
        scaling: Option<String>,
        /// Labels of the head, which is imported if it has as many outputs
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..=1000))]
        classes: u16,
        /// Side of the input in pixels [default: the network's own]
        #[arg(long, value_name = "N")]
        size: Option<usize>,
    },
}
