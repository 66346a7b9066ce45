//! `plainfilm train`

use std::path::{Path, PathBuf};

use anyhow::Context;
use plainfilm::dataset::{Dataset, DatasetOptions};
use plainfilm::files::is_unfinished;
use plainfilm::train::{
    FeatureCache, LogSettings, MlFlowSettings, Outcome, RunFolder, TrainError, TrainSettings,
    TrainingLogs, merge,
};
use plainfilm::weights::{ImportOptions, StartingWeights};

use crate::args::{MergeArgs, TrainArgs};
use crate::cache::feature_cache;
use crate::disk::{free, nearest};
use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::print::notes::print_notes;
use crate::print::outcome::{Detail, print_outcome};
use crate::print::training::describe;
use crate::printer::{Printer, Style};
use crate::progress::TrainingDisplay;
use crate::settings::{WeightsFile, available_threads, resolve, use_threads};

/// Trains, or goes on with a training.
pub fn run(args: &TrainArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let (settings, weights, folder) = match (&args.resume, &args.data) {
        (Some(run), data) => {
            let folder = RunFolder::at(run);
            let mut settings = folder
                .read_settings()
                .with_context(|| format!("{} cannot be resumed", run.display()))?;
            match data {
                Some(moved) => settings.data.clone_from(moved),
                None if !settings.data.exists() => {
                    return Err(UsageError(format!(
                        "{}: the films of this run are not there any more\n\
                         hint: say where they are now: `plainfilm train DATA --resume {}`",
                        settings.data.display(),
                        run.display()
                    ))
                    .into());
                }
                None => {}
            }
            (settings, None, folder)
        }
        (None, Some(data)) => {
            let (settings, weights) = resolve(args, data)?;
            let folder = new_folder(args.run.as_deref(), &settings)?;
            (settings, weights, folder)
        }
        (None, None) => {
            return Err(UsageError("expected DATA or --resume RUN".to_owned()).into());
        }
    };
    use_threads(settings.threads)?;
    let cache = feature_cache(args.cache_size);
    let logs = LogSettings {
        tensorboard: args.tensorboard,
        mlflow: args.mlflow.clone().map(|address| MlFlowSettings {
            address,
            experiment: args.mlflow_experiment.clone(),
            run_id: None,
        }),
    };
    let with = With {
        weights,
        cache: cache.as_ref(),
        logs,
        detail: Detail::of_verbose(args.verbose),
    };
    let outcome = train(settings, with, &folder, printer);
    if outcome.is_err() {
        // A start that failed before it wrote anything leaves nothing, and this removes no more than that.
        let _ = std::fs::remove_dir(folder.root());
    }
    Ok(Exit::after(outcome?.set_aside.len()))
}

/// Puts shards together.
///
/// # Errors
///
/// When the shards are not all there, or not of one cross-validation.
pub fn run_merge(args: &MergeArgs, printer: &Printer) -> anyhow::Result<Exit> {
    refuse_used(&args.run)?;
    let shards: Vec<RunFolder> = args.shards.iter().map(|path| RunFolder::at(path)).collect();
    let folder = RunFolder::at(&args.run);
    let mut settings = merge(&shards, args.data.as_deref(), &folder)?;
    settings.threads = args.threads.unwrap_or_else(available_threads);
    use_threads(settings.threads)?;
    // Every fold is finished: nothing is trained, and no features are needed.
    let with = With {
        detail: Detail::of_verbose(args.verbose),
        ..With::default()
    };
    let outcome = train(settings, with, &folder, printer)?;
    Ok(Exit::after(outcome.set_aside.len()))
}

/// What a training goes with, beside its settings.
#[derive(Default)]
pub struct With<'a> {
    /// Weights to start from.
    pub weights: Option<WeightsFile>,
    /// Where features are kept between runs.
    pub cache: Option<&'a FeatureCache>,
    /// Whom it is told to.
    pub logs: LogSettings,
    /// How much is said.
    pub detail: Detail,
}

/// Trains into a folder on the threads that are there, and prints the result.
///
/// # Errors
///
/// Whatever kept it from its end.
pub fn train(
    mut settings: TrainSettings,
    with: With<'_>,
    folder: &RunFolder,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    let interrupt = interrupt::listen();
    let dataset = Dataset::open(
        &settings.data,
        &DatasetOptions {
            labels: (!settings.labels.is_empty()).then(|| settings.labels.clone()),
            patient_pattern: settings.patient_pattern.clone(),
            columns: settings.columns.clone(),
            uncertain: settings.uncertain,
            ..DatasetOptions::default()
        },
    )?;
    print_notes(&dataset, printer);
    dataset.expect_two_labels()?;
    settings.labels = dataset.outputs().to_vec();
    settings.findings = !dataset.findings.is_empty();
    settings.check()?;
    if let Some(weights) = with.weights {
        start_from(&weights, &mut settings, printer)?;
    }
    refuse_full_disk(&settings, folder)?;
    // The run folder must know where the films are from wherever it is resumed.
    settings.data = std::path::absolute(&settings.data)?;
    describe(&dataset, &settings, folder, printer);
    let mut display = TrainingDisplay::new(printer, with.detail);
    let mut logs = TrainingLogs::open(&with.logs, folder, &settings, &mut display)?;
    let (cache, detail) = (with.cache, with.detail);
    let result = plainfilm::train::train(dataset, &settings, folder, cache, interrupt, &mut logs);
    logs.finish(result.as_ref().ok().map(|outcome| &outcome.metrics));
    display.finish();
    if let Err(TrainError::Interrupted { .. }) = &result {
        let run = folder.root().display();
        printer.line(&format!("go on with `plainfilm train --resume {run}`"));
    }
    let outcome = result?;
    print_outcome(&outcome, folder, detail, printer);
    Ok(outcome)
}

/// Refuses a new training whose checkpoints and model files would not fit on the disk, before anything is written. One
/// that goes on, or is put together out of shards, has most of them already.
fn refuse_full_disk(settings: &TrainSettings, folder: &RunFolder) -> anyhow::Result<()> {
    if folder.settings_path().exists() {
        return Ok(());
    }
    let Some(free) = free(&nearest(folder.root())) else {
        return Ok(());
    };
    let needed = needed_bytes(settings)?;
    if free >= needed {
        return Ok(());
    }
    let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
    anyhow::bail!(
        "{}: expected {} MB free for checkpoints and model files, found {} MB\n\
         hint: free some space, or name a folder on another disk by --run",
        folder.root().display(),
        megabytes(needed),
        megabytes(free)
    )
}

/// What a training writes at least: in each fold's folder a model file and a checkpoint (the weights now, the best
/// ones, their average where it is asked for, and two numbers of the optimiser for each that is trained), and beside
/// one of them the next one before it takes its place.
fn needed_bytes(settings: &TrainSettings) -> anyhow::Result<u64> {
    let plan = settings.network().plan()?;
    let (mut model, mut trained) = (0, 0);
    for tensor in plan.tensors() {
        let bytes = 4 * tensor.elements() as u64;
        model += bytes;
        trained += if tensor.trainable { bytes } else { 0 };
    }
    let checkpoint = model * (2 + u64::from(settings.ema.is_some())) + 2 * trained;
    let folders = settings.split.folds.unwrap_or(1) as u64;
    Ok(folders * (model + checkpoint) + checkpoint)
}

/// Lets the training start from a file of weights, with the scaling that they were fitted with unless
/// another was asked for.
fn start_from(
    weights: &WeightsFile,
    settings: &mut TrainSettings,
    printer: &Printer,
) -> anyhow::Result<()> {
    let options = ImportOptions {
        scaling: weights
            .scaling_is_given
            .then_some(settings.preprocessing.scaling),
        labels: settings.labels.clone(),
        keep_head: weights.keep_head,
    };
    let opened = StartingWeights::open(&weights.path, &settings.network(), &options)?;
    let head_note = opened.record.head_note.as_ref();
    let head_note = head_note.map_or_else(String::new, |note| format!(" ({note})"));
    settings.preprocessing.scaling = opened.record.scaling;
    settings.check()?;
    printer.line(&format!(
        "{} {} ({}), {}{}; scaling {}: {}",
        printer.styled(Style::Bold, "start"),
        opened.record.file,
        opened.record.format,
        if opened.record.head {
            "with its head"
        } else {
            "with a fresh head"
        },
        head_note,
        opened.record.scaling,
        opened.record.scaling_known_from,
    ));
    settings.weights = Some(opened);
    Ok(())
}

/// The folder of a new run: named, or made from the time and the model.
fn new_folder(named: Option<&Path>, settings: &TrainSettings) -> anyhow::Result<RunFolder> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => unused_name(settings.recipe.as_deref().unwrap_or(settings.model.name()))?,
    };
    refuse_used(&path)?;
    Ok(RunFolder::at(&path))
}

/// Files of a run that has reached nothing yet: a new run may write over them.
const BEFORE_A_CHECKPOINT: [&str; 6] = [
    "settings.toml",
    "log.txt",
    "set_aside.csv",
    "split.csv",
    "audit.json",
    "history.csv",
];

/// Whether a file or folder of a run holds something that took work.
fn counts(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    if name == "checkpoints" {
        let mut inside = path.read_dir().into_iter().flatten().flatten();
        return inside.any(|entry| !is_unfinished(&entry.path()));
    }
    !is_unfinished(path) && !BEFORE_A_CHECKPOINT.iter().any(|known| name == *known)
}

/// Refuses a folder that holds something.
fn refuse_used(path: &Path) -> anyhow::Result<()> {
    // A run that ended before its first checkpoint left nothing that counts.
    let is_used = path.read_dir().is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| counts(&entry.path())))
    });
    if is_used {
        return Err(UsageError(format!(
            "{} is not empty\nhint: go on with it by `plainfilm train --resume {0}`, or name another --run",
            path.display()
        ))
        .into());
    }
    Ok(())
}

/// `runs/<time>-<name>`, with a number where two runs begin within a second. The folder is made here: whoever
/// makes it has it.
fn unused_name(name: &str) -> anyhow::Result<PathBuf> {
    let runs = Path::new("runs");
    std::fs::create_dir_all(runs).context("runs: cannot make the folder")?;
    let now = jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S");
    for number in 1.. {
        let suffix = match number {
            1 => String::new(),
            number => format!("-{number}"),
        };
        let path = runs.join(format!("{now}-{name}{suffix}"));
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("{}: cannot make the folder", path.display()));
            }
        }
    }
    unreachable!("there are more numbers than folders")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_reached_nothing_can_be_used_again() {
        let cases: [(&[&str], bool); 6] = [
            (&[], true),
            (&["settings.toml", "log.txt", "split.csv"], true),
            (&["settings.toml", "checkpoints/.plainfilm-1.part"], true),
            (&["settings.toml", "checkpoints/last.safetensors"], false),
            (&["settings.toml", "fold-1/metrics.json"], false),
            (&["notes.txt"], false),
        ];
        for (files, expected) in cases {
            let folder = tempfile::tempdir().unwrap();
            for file in files {
                let path = folder.path().join(file);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, "x").unwrap();
            }
            assert_eq!(refuse_used(folder.path()).is_ok(), expected, "{files:?}");
        }
    }
}
