//! The command line as typed: nothing here is resolved yet.

mod audit;
mod data;
pub mod explain;
mod export;
pub mod predict;
pub mod preprocessing;
pub mod reading;
pub mod serve;
pub mod train;
mod weights;

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use audit::AuditArgs;
pub use data::{DataArgs, DataVerb};
pub use explain::ExplainArgs;
pub use export::ExportArgs;
pub use predict::{CompareArgs, EvaluateArgs, PredictArgs};
pub use train::{MergeArgs, TrainArgs};
pub use weights::{WeightsArgs, WeightsVerb};

/// Train and evaluate chest X-ray classifiers, and find out whether their results can be trusted.
///
/// For research and teaching only: plainfilm is not a medical device.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

impl Cli {
    /// The arguments of this process; ends it with a message where they make no sense.
    pub fn of_process() -> Self {
        let matches = Self::checked_command().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// The command line, in which `train --resume` goes with nothing but where the films are now and what to print:
    /// the run folder knows every setting.
    fn checked_command() -> Command {
        Self::command().mut_subcommand("train", |train| {
            let settings: Vec<clap::Id> = train
                .get_arguments()
                .map(|argument| argument.get_id().clone())
                .filter(|id| !["data", "resume", "verbose"].contains(&id.as_str()))
                .collect();
            train.mut_arg("resume", |resume| resume.conflicts_with_all(settings))
        })
    }
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 done but some inputs were set aside,
4 audit failed under --strict, 130 interrupted.
Data goes to stdout, progress and messages to stderr. NO_COLOR turns colour off.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Draw synthetic films, train on them, evaluate and predict: a tour of two minutes
    Quickstart(QuickstartArgs),
    /// List, fetch, verify or describe data sets, import DICOM folders, or draw synthetic films
    Data(DataArgs),
    /// Measure what predicts the label besides the lungs, and what leaks between training and test
    Audit(AuditArgs),
    /// Train a network on a folder, a manifest or a zip of films, and write its report
    Train(Box<TrainArgs>),
    /// Merge the shards of a cross-validation, and write one report
    Merge(MergeArgs),
    /// Judge a trained model, or predictions that any tool wrote, on labelled films
    Evaluate(Box<EvaluateArgs>),
    /// Compare networks on the films that all of them were tested on, with significance tests and intervals
    Compare(CompareArgs),
    /// Classify films with a trained model, by default the bundled one
    Predict(PredictArgs),
    /// Draw heat maps of where a network looked, measure how much of them is on the lungs, and test the maps
    Explain(Box<ExplainArgs>),
    /// Write a model for other programs (ONNX, TensorFlow Lite), and check that the file answers as it does
    Export(ExportArgs),
    /// Serve models over HTTP, with a page for the browser
    Serve(serve::ServeArgs),
    /// Decode films for `serve`, on standard input and output
    #[command(hide = true)]
    DecodeFilms(serve::DecodeArgs),
    /// Describe a model of another program, so that it can be judged here
    Model(ModelArgs),
    /// List the networks, or print one layer by layer
    Models(ModelsArgs),
    /// List the recipes (ready settings for `train --recipe`), or print one
    Recipes(RecipesArgs),
    /// List, fetch, verify or import weights of other libraries
    Weights(WeightsArgs),
    /// Look for what identifies the people on DICOM films in the files of a folder, such as a run
    PhiCheck(PhiCheckArgs),
    /// Say what this machine and this build offer, and test whether the program works here
    Doctor(DoctorArgs),
}

/// `quickstart`
#[derive(Debug, Args)]
pub struct QuickstartArgs {
    /// Folder for the films and the run [default: plainfilm-quickstart]
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Random seed
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<usize>,
}

/// `model`
#[derive(Debug, Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    pub verb: ModelVerb,
}

/// What to do with a model of another program.
#[derive(Debug, Subcommand)]
pub enum ModelVerb {
    /// Draft the description that an ONNX file needs beside it, out of its graph, for you to correct
    Describe(DescribeArgs),
}

/// `model describe`
#[derive(Debug, Args)]
pub struct DescribeArgs {
    /// The ONNX file
    #[arg(value_name = "MODEL.onnx")]
    pub model: PathBuf,
    /// Where to write it [default: MODEL.toml beside the model]; - prints it
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write over a description that is there
    #[arg(long)]
    pub force: bool,
}

/// `models`
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Print the layers of one network, as Keras does
    #[arg(long, value_name = "NAME")]
    pub summary: Option<String>,
    /// Number of labels
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub classes: u16,
    /// Side of the input in pixels [default: the network's own]
    #[arg(long, value_name = "N")]
    pub size: Option<usize>,
    /// Output format
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
}

/// `recipes`
#[derive(Debug, Args)]
pub struct RecipesArgs {
    /// Print this one as a settings file (TOML)
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Output format of the list
    #[arg(long, value_enum, default_value_t = TableFormat::Table, conflicts_with = "name")]
    pub format: TableFormat,
}

/// `phi-check`
#[derive(Debug, Args)]
pub struct PhiCheckArgs {
    /// Folder whose files are looked into; what is compressed in them (zip, Parquet, PNG) is not unpacked
    pub folder: PathBuf,
    /// DICOM films whose names, identifiers and so on are looked for: a folder, or one file
    #[arg(long, value_name = "DATA")]
    pub inputs: PathBuf,
    /// Output format
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
}

/// A table or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Aligned columns
    Table,
    /// One JSON document
    Json,
}

/// A number of threads: at least one.
fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("expected at least 1".to_owned()),
        Ok(threads) => Ok(threads),
        Err(error) => Err(format!("{error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::checked_command().debug_assert();
    }

    #[test]
    fn a_resumed_training_takes_no_setting_but_may_find_its_films_moved() {
        let parsed = |more: &[&str]| {
            let arguments = ["plainfilm", "train", "--resume", "run"].iter().chain(more);
            Cli::checked_command().try_get_matches_from(arguments)
        };
        assert!(parsed(&[]).is_ok());
        assert!(parsed(&["--verbose"]).is_ok());
        assert!(parsed(&["where-films-are-now"]).is_ok());
        for more in [&["--epochs", "3"][..], &["--mlflow-experiment", "x"]] {
            assert!(parsed(more).is_err(), "{more:?}");
        }
    }

    #[test]
    fn every_flag_has_a_help_text() {
        fn check(command: &clap::Command, path: &str) {
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{path}: {} has no help",
                    argument.get_id()
                );
            }
            for sub in command.get_subcommands() {
                assert!(
                    sub.get_about().is_some(),
                    "{path} {} has no help",
                    sub.get_name()
                );
                check(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        check(&Cli::command(), "plainfilm");
    }
}
