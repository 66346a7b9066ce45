//! `train`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::predict::PrecisionArg;
use super::preprocessing::PreprocessingArgs;
use super::reading::ReadingArgs;

/// Train a network and write its run folder.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub struct TrainArgs {
    /// Films: a folder with a sub-folder per label, a manifest (CSV, Parquet or Excel), or a zip of either. In a
    /// manifest a label may be a list (`Effusion|Mass`), for a multi-label classifier. With --resume, where the same
    /// films are now
    #[arg(required_unless_present = "resume")]
    pub data: Option<PathBuf>,
    /// Labels or findings to use, in order [default: all, by name]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub labels: Option<Vec<String>>,
    /// The positive label of two, to which sensitivity, predictive values and threshold refer [default: the one
    /// whose name does not say that nothing was found]
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    /// Network: see `plainfilm models` [default: darkcovidnet]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Run folder to write [default: runs/<time>-<model>]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Continue the interrupted run in this folder, with its own settings
    #[arg(long, value_name = "RUN")]
    pub resume: Option<PathBuf>,
    /// A settings file (TOML, such as a run's settings.toml); arguments override it
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,

    /// Print every table at the end, not only a summary
    #[arg(long)]
    pub verbose: bool,

    /// Start from a recipe's settings: see `plainfilm recipes`. A settings file and arguments override them
    #[arg(long, value_name = "NAME")]
    pub recipe: Option<String>,

    /// Weights to start from: Keras (.h5, .keras), PyTorch (.pth, .pt), safetensors, or a plainfilm
    /// model. Pixel values are scaled as these weights expect unless --scaling says otherwise
    #[arg(long, value_name = "FILE", help_heading = "Training")]
    pub weights: Option<PathBuf>,
    /// Keep the head of --weights, taking its outputs to be the data's labels in their order, although the file
    /// names other labels or none
    #[arg(long, requires = "weights", help_heading = "Training")]
    pub keep_head: bool,
    /// Passes over the training films
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub epochs: Option<usize>,
    /// Films in a batch
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub batch: Option<usize>,
    /// Random seed [default: 42]
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub seed: Option<u64>,
    /// Peak learning rate
    #[arg(long, value_name = "RATE", help_heading = "Training")]
    pub learning_rate: Option<f64>,
    /// Optimiser
    #[arg(long, value_enum, help_heading = "Training")]
    pub optimiser: Option<OptimiserArg>,
    /// Decoupled (adamw) or added (adam) weight decay
    #[arg(long, value_name = "X", help_heading = "Training")]
    pub weight_decay: Option<f64>,
    /// Learning rate over time
    #[arg(long, value_enum, help_heading = "Training")]
    pub schedule: Option<ScheduleArg>,
    /// How to balance labels of unequal size
    #[arg(long, value_enum, help_heading = "Training")]
    pub balance: Option<BalanceArg>,
    /// Label smoothing
    #[arg(long, value_name = "X", help_heading = "Training")]
    pub label_smoothing: Option<f32>,
    /// Use an exponential moving average of the weights, with this decay, such as 0.99
    #[arg(long, value_name = "DECAY", help_heading = "Training")]
    pub ema: Option<f64>,
    /// Stop after this many epochs without a better validation loss
    #[arg(long, value_name = "EPOCHS", help_heading = "Training")]
    pub early_stopping: Option<usize>,
    /// Which weights are frozen: none, the backbone's, or all before this stage
    /// (`plainfilm models --summary NAME` lists a network's stages)
    #[arg(long, value_name = "none|backbone|STAGE", help_heading = "Training")]
    pub freeze: Option<String>,
    /// Augmented versions of each training film whose frozen features are computed once and kept; fresh
    /// augments and computes anew in every epoch [default: 8 with a frozen backbone, else fresh]
    #[arg(long, value_name = "N|fresh", help_heading = "Training")]
    pub views: Option<String>,
    /// The epoch whose weights are kept: the best by validation loss, or the last; best-and-last keeps
    /// the best and tests both [default: best]
    #[arg(long, value_enum, help_heading = "Training")]
    pub selection: Option<SelectionArg>,
    /// The layers after the backbone [default: published]
    #[arg(long, value_enum, help_heading = "Training")]
    pub head: Option<HeadArg>,

    /// How films are divided into training, validation and test: by patient (grouped), holding out whole sources,
    /// ignoring patients (stratified by label, or random), by the data's own folders train, val and test, or by a
    /// split.csv [default: grouped]
    #[arg(
        long,
        value_name = "grouped|sources|stratified|random|folders|FILE",
        help_heading = "Split"
    )]
    pub split: Option<String>,
    /// Do not audit the data first; every output then says so
    #[arg(long, help_heading = "Split")]
    pub no_audit: bool,
    /// Cross-validation with this many folds
    #[arg(long, value_name = "K", help_heading = "Split")]
    pub folds: Option<usize>,
    /// With --folds: repeat with this many partitions into folds
    #[arg(long, value_name = "N", help_heading = "Split")]
    pub repeats: Option<usize>,
    /// With --folds: train only every N-th fold, from the I-th on; `plainfilm merge` merges the shards
    #[arg(long, value_name = "I/N", help_heading = "Split")]
    pub shard: Option<String>,
    /// With --folds: cross-validate again ignoring patients, to show how much better that looks
    #[arg(long, help_heading = "Split")]
    pub both_splits: bool,
    /// Train on these shares of the training patients too, such as 0.1,0.25,0.5, and plot the test metrics over
    /// the number of training films
    #[arg(
        long,
        value_name = "X,Y",
        value_delimiter = ',',
        help_heading = "Split"
    )]
    pub learning_curve: Option<Vec<f64>>,
    /// Leave every source with films of both labels out in turn, to see what the training reaches elsewhere; each
    /// costs a training [default: yes where the backbone is frozen]
    #[arg(
        long,
        value_name = "YES|NO",
        value_parser = yes_or_no,
        help_heading = "Split"
    )]
    pub elsewhere: Option<bool>,
    /// Regular expression with one group that finds the patient in a file's name
    #[arg(long, value_name = "REGEX", help_heading = "Split")]
    pub patient_pattern: Option<String>,
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Calibration of the probabilities, fitted on the validation films: none, temperature, or (two labels)
    /// platt [default: temperature]
    #[arg(long, value_name = "METHOD", help_heading = "Operation")]
    pub calibration: Option<String>,
    /// Probability from which on a film is classified as positive (two labels): a number, or chosen on the
    /// validation films by youden, sensitivity=X, specificity=X or cost=MISS:ALARM [default: 0.5]
    #[arg(long, value_name = "RULE", help_heading = "Operation")]
    pub threshold: Option<String>,
    /// Prevalence of the finding among future patients, for predictive values and costs [default: that of the
    /// films]
    #[arg(long, value_name = "X", help_heading = "Operation")]
    pub prevalence: Option<f64>,
    /// Share of validation films, the least certain, that may be classified as "not sure" [default: 0]
    #[arg(long, value_name = "X", help_heading = "Operation")]
    pub not_sure: Option<f64>,

    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,

    /// Largest rotation in degrees
    #[arg(long, value_name = "DEGREES", help_heading = "Augmentation")]
    pub rotation: Option<f32>,
    /// Largest shift, as a share of the side
    #[arg(long, value_name = "X", help_heading = "Augmentation")]
    pub shift: Option<f32>,
    /// Largest zoom in or out, as a share
    #[arg(long, value_name = "X", help_heading = "Augmentation")]
    pub zoom: Option<f32>,
    /// Largest change of brightness, as a share
    #[arg(long, value_name = "X", help_heading = "Augmentation")]
    pub brightness: Option<f32>,
    /// Mirror half of the films, although hearts lie on the left
    #[arg(long, help_heading = "Augmentation")]
    pub flip: bool,

    /// Also write event files for TensorBoard, into the run's `tensorboard`
    #[arg(long, help_heading = "Logs")]
    pub tensorboard: bool,
    /// Also log to an MLflow server, such as http://127.0.0.1:5000
    #[arg(long, value_name = "ADDRESS", help_heading = "Logs")]
    pub mlflow: Option<String>,
    /// With --mlflow: the experiment, which is created if missing
    #[arg(
        long,
        value_name = "NAME",
        default_value = "plainfilm",
        help_heading = "Logs"
    )]
    pub mlflow_experiment: String,

    /// Where to compute: cpu, vulkan[:N], cuda[:N] or metal[:N] [default: cpu]
    #[arg(long, value_name = "DEVICE", help_heading = "Machine")]
    pub device: Option<String>,
    /// Disk space for kept features of frozen layers, such as 500MB or 2GiB; 0 keeps none [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = bytes, help_heading = "Machine")]
    pub cache_size: Option<u64>,
    /// Precision of convolutions; weights and optimiser stay f32. bf16 is faster on CPUs with AMX [default: f32]
    #[arg(long, value_enum, help_heading = "Machine")]
    pub precision: Option<PrecisionArg>,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = super::threads, help_heading = "Machine")]
    pub threads: Option<usize>,
}

/// Merge the shards of a cross-validation.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Run folders of `train --folds K --shard I/N`: all N of them
    #[arg(required = true, value_name = "RUN")]
    pub shards: Vec<PathBuf>,
    /// Folder for the merged run; must be new or empty
    #[arg(long, value_name = "DIR")]
    pub run: PathBuf,
    /// Where the films are on this machine [default: where the first shard found them]
    #[arg(long, value_name = "DATA")]
    pub data: Option<PathBuf>,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = super::threads)]
    pub threads: Option<usize>,
    /// Print every table at the end, not only a summary
    #[arg(long)]
    pub verbose: bool,
}

/// `--selection`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SelectionArg {
    /// The one with the lowest validation loss
    Best,
    /// The last
    Last,
    /// The best, with metrics of the last too
    BestAndLast,
}

/// `--optimiser`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OptimiserArg {
    /// Adam
    Adam,
    /// Adam with decoupled weight decay
    Adamw,
}

/// `--schedule`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScheduleArg {
    /// The same rate throughout
    Constant,
    /// Up over the first 30 % of steps, then down
    OneCycle,
    /// Half a cosine to zero
    Cosine,
    /// A tenth after every third of the epochs
    Step,
    /// Half after 5 epochs without a better validation loss
    Plateau,
    /// The peak over 1 + 2e-5 t after t steps: Keras' old decay, with the notebook's value
    InverseTime,
}

/// `--balance`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum BalanceArg {
    /// Nothing
    None,
    /// Rare labels count more in the loss
    ClassWeights,
    /// Every label is drawn equally often
    Sampling,
    /// Every label is drawn equally often, and within it every source (a manifest's column)
    Sources,
}

/// `--head`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HeadArg {
    /// The network's own; for VGG16 and VGG19 the notebook's
    Published,
    /// Average over 4x4 squares, 64 units, dropout, logits
    Notebook,
    /// Average over the whole map, logits
    Linear,
    /// Average over the whole map, 64 units, dropout, logits
    Mlp,
}

/// A number of bytes: `0`, `800MB`, `2 GiB`.
fn bytes(text: &str) -> Result<u64, String> {
    let expected = || format!("expected bytes, such as 500MB or 2GiB, found {text:?}");
    let digits = text.trim().find(|c: char| !c.is_ascii_digit());
    let (number, unit) = text.trim().split_at(digits.unwrap_or(text.trim().len()));
    let unit = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(unit).ok_or_else(expected)
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("expected yes or no".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("3 MB", Some(3_000_000)),
            ("2GiB", Some(2 << 30)),
            ("-1", None),
            ("GB", None),
            ("5 apples", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(bytes(text).ok(), expected, "{text}");
        }
    }
}
