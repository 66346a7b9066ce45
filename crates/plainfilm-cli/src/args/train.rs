//! `train`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::preprocessing::PreprocessingArgs;

/// Train a network and write its run folder.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub struct TrainArgs {
    /// Films: a folder with a sub-folder per label, a manifest (CSV or Parquet), or a zip of either
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    pub data: Option<PathBuf>,
    /// Labels to use, in order [default: all, by name]
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub labels: Option<Vec<String>>,
    /// Network: see `plainfilm models` [default: darkcovidnet]
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Where results go [default: runs/<time>-<model>]
    #[arg(long, value_name = "DIR")]
    pub run: Option<PathBuf>,
    /// Go on with an interrupted run; the run folder knows everything else
    #[arg(long, value_name = "RUN", exclusive = true)]
    pub resume: Option<PathBuf>,
    /// A settings file (TOML, as a run's settings.toml); arguments win over it
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,

    /// Weights to start from: Keras (.h5, .keras), PyTorch (.pth, .pt), safetensors, or a plainfilm
    /// model. The scaling that they were fitted with is used unless --scaling says otherwise
    #[arg(long, value_name = "FILE", help_heading = "Training")]
    pub weights: Option<PathBuf>,
    /// Passes over the training films
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub epochs: Option<usize>,
    /// Films a step
    #[arg(long, value_name = "N", help_heading = "Training")]
    pub batch: Option<usize>,
    /// Seed of every random draw [default: 42]
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
    /// What to do about labels of unequal size
    #[arg(long, value_enum, help_heading = "Training")]
    pub balance: Option<BalanceArg>,
    /// Smoothing of the target
    #[arg(long, value_name = "X", help_heading = "Training")]
    pub label_smoothing: Option<f32>,
    /// Stop after this many epochs without a better validation loss
    #[arg(long, value_name = "EPOCHS", help_heading = "Training")]
    pub early_stopping: Option<usize>,
    /// Which weights stay as they are: none, the backbone's, or all before the stage that is named
    /// (`plainfilm models --summary NAME` lists a network's stages)
    #[arg(long, value_name = "none|backbone|STAGE", help_heading = "Training")]
    pub freeze: Option<String>,
    /// What turns the backbone's maps into logits [default: published]
    #[arg(long, value_enum, help_heading = "Training")]
    pub head: Option<HeadArg>,

    /// Division into train, validation and test: by patient, at random (patients shared), or a split.csv
    #[arg(long, value_name = "grouped|random|FILE", help_heading = "Split")]
    pub split: Option<String>,
    /// Do not audit the data first; every output then says so
    #[arg(long, help_heading = "Split")]
    pub no_audit: bool,
    /// Cross-validation with this many folds
    #[arg(long, value_name = "K", help_heading = "Split")]
    pub folds: Option<usize>,
    /// Regular expression with one group that finds the patient in a file's name
    #[arg(long, value_name = "REGEX", help_heading = "Split")]
    pub patient_pattern: Option<String>,

    #[command(flatten)]
    pub preprocessing: PreprocessingArgs,

    /// Largest rotation in degrees
    #[arg(long, value_name = "DEGREES", help_heading = "Augmentation")]
    pub rotation: Option<f32>,
    /// Largest shift as a share of the side
    #[arg(long, value_name = "X", help_heading = "Augmentation")]
    pub shift: Option<f32>,
    /// Largest zoom in or out as a share
    #[arg(long, value_name = "X", help_heading = "Augmentation")]
    pub zoom: Option<f32>,
    /// Largest change of brightness as a share
    #[arg(long, value_name = "X", help_heading = "Augmentation")]
    pub brightness: Option<f32>,
    /// Mirror half of the films, although hearts lie on the left
    #[arg(long, help_heading = "Augmentation")]
    pub flip: bool,

    /// Where to compute: cpu, vulkan[:N], cuda[:N] or metal[:N] [default: cpu]
    #[arg(long, value_name = "DEVICE", help_heading = "Machine")]
    pub device: Option<String>,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = super::threads, help_heading = "Machine")]
    pub threads: Option<usize>,
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
    /// Rare labels are drawn more often
    Sampling,
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
