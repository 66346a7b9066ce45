//! The flags that say how a film becomes a network's input; `train` and `audit --after` share them.

use clap::{Args, Parser};

/// How a film becomes a network's input.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Preprocessing")]
pub struct PreprocessingArgs {
    /// How a film is fitted to a square: crop, letterbox, squash or lungs
    #[arg(long, value_name = "FIT")]
    pub fit: Option<String>,
    /// Side of the square in pixels [default: the network's own]
    #[arg(long, value_name = "N")]
    pub size: Option<usize>,
    /// Resizing filter: nearest, bilinear, bicubic or lanczos
    #[arg(long, value_name = "FILTER")]
    pub resampling: Option<String>,
    /// Grey levels before scaling: stored, equalised or clahe
    #[arg(long, value_name = "HISTOGRAM")]
    pub histogram: Option<String>,
    /// Scaling of values: unit, percentile, zscore, imagenet, caffe, tf or xrv
    #[arg(long, value_name = "SCALING")]
    pub scaling: Option<String>,
    /// Turn black into white, for films stored inverted
    #[arg(long)]
    pub invert: bool,
    /// Cut this share off each side of a film first, such as 8%
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub strip_borders: Option<u8>,
}

/// Whole percent, with or without the sign.
fn percent(text: &str) -> Result<u8, String> {
    let digits = text.trim().trim_end_matches('%').trim_end();
    digits
        .parse()
        .map_err(|_| format!("expected whole percent such as 8%, found {text:?}"))
}

/// The text of `audit --after`, read as a command line of its own.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true, name = "--after")]
pub struct AfterArgs {
    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,
}
