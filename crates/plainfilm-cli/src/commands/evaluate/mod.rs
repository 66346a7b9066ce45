//! `plainfilm evaluate`

mod findings;
mod model;
mod output;
mod page;
mod predictions;

use std::path::Path;

use plainfilm::dataset::DatasetOptions;
use plainfilm::train::RunFolder;

use crate::args::EvaluateArgs;
use crate::exit::{Exit, UsageError};
use crate::printer::Printer;
use crate::settings::{available_threads, use_threads};

/// Judges a model, or predictions that any tool wrote.
///
/// # Errors
///
/// When the arguments make no sense, or model, data or predictions cannot be read.
pub fn run(args: &EvaluateArgs, printer: &Printer) -> anyhow::Result<Exit> {
    if let Some(path) = &args.output {
        refuse_run(path)?;
    }
    // The parser does not ask for --predictions where a model, which excludes it, is there.
    if args.predictions.is_none() {
        for (name, is_given) in [
            ("--threshold", args.threshold.is_some()),
            ("--data", args.films.is_some()),
        ] {
            if is_given {
                return Err(UsageError(format!("{name} is for --predictions only")).into());
            }
        }
    }
    use_threads(args.threads.unwrap_or_else(available_threads))?;
    match (&args.predictions, &args.model, &args.data) {
        (Some(table), ..) => predictions::run(args, table, printer),
        (None, Some(model), Some(data)) => model::run(args, model, data, printer),
        // The parser asks for both unless there are predictions.
        _ => Err(UsageError("expected MODEL and DATA, or --predictions FILE".to_owned()).into()),
    }
}

/// How the data of a model are read.
fn reading(args: &EvaluateArgs) -> Result<DatasetOptions, UsageError> {
    let columns = args.columns.as_deref().map(str::parse).transpose();
    Ok(DatasetOptions {
        columns: columns.map_err(|error| UsageError(format!("--columns: {error}")))?,
        uncertain: args.uncertain.unwrap_or_default(),
        ..DatasetOptions::default()
    })
}

/// Refuses to write the figures over those of a training.
fn refuse_run(path: &Path) -> Result<(), UsageError> {
    let folder = RunFolder::at(path);
    let is_run = [
        folder.settings_path(),
        folder.model_path(),
        // A finding of a run has a folder of its own with neither; an evaluation describes no model.
        path.join("MODEL_CARD.md"),
    ]
    .iter()
    .any(|file| file.exists());
    match is_run {
        true => Err(UsageError(format!(
            "--output {0}: it holds a run, whose figures would be written over\n\
             hint: name another folder, such as {0}-evaluated",
            path.display()
        ))),
        false => Ok(()),
    }
}
