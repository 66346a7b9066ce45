//! One file a verb: settings in, library call, printed result.

mod audit;
mod compare;
mod data;
mod evaluate;
mod explain;
mod inputs;
mod maps;
mod models;
mod predict;
mod quickstart;
mod recipes;
mod table;
mod train;
mod weights;

use std::path::{Path, PathBuf};

use plainfilm::audit::Status;
use plainfilm::bundle::ModelFile;

use crate::args::{Cli, Verb};
use crate::exit::Exit;
use crate::printer::{Printer, Style};

/// Runs the verb.
///
/// # Errors
///
/// Whatever kept it from its result.
pub fn run(cli: Cli, printer: &Printer) -> anyhow::Result<Exit> {
    match cli.verb {
        Verb::Quickstart(args) => quickstart::run(&args, printer),
        Verb::Data(args) => data::run(args.verb, printer),
        Verb::Audit(args) => audit::run(&args, printer),
        Verb::Train(args) => train::run(&args, printer),
        Verb::Merge(args) => train::run_merge(&args, printer),
        Verb::Evaluate(args) => evaluate::run(&args, printer),
        Verb::Compare(args) => compare::run(&args, printer),
        Verb::Predict(args) => predict::run(&args, printer),
        Verb::Explain(args) => explain::run(&args, printer),
        Verb::Models(args) => models::run(&args, printer),
        Verb::Recipes(args) => recipes::run(&args, printer),
        Verb::Weights(args) => weights::run(args.verb, printer),
    }
}

/// How a verdict is written on a terminal.
pub fn verdict_word(verdict: Status) -> &'static str {
    match verdict {
        Status::Pass => "PASS",
        Status::Warn => "WARN",
        Status::Fail => "FAIL",
        Status::NotChecked => "NOT AUDITED",
    }
}

/// Its colour.
pub fn verdict_style(verdict: Status) -> Style {
    match verdict {
        Status::Pass => Style::Green,
        Status::Warn | Status::NotChecked => Style::Yellow,
        Status::Fail => Style::Red,
    }
}

/// The model at a path: a model file, or the one in a run folder.
fn model_file(path: &Path) -> anyhow::Result<ModelFile> {
    Ok(ModelFile::load(&model_path(path))?)
}

fn model_path(path: &Path) -> PathBuf {
    if path.is_dir() {
        plainfilm::train::RunFolder::at(path).model_path()
    } else {
        path.to_owned()
    }
}
