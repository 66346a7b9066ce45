//! The folds of several shards in one run folder.

use std::path::Path;

use super::error::TrainError;
use super::folds::folder_names;
use super::run_folder::{RunFolder, settings_text};
use super::settings::TrainSettings;

/// Files of a fold that a pooled report needs; its checkpoints stay where they are.
const KEPT: [&str; 11] = [
    "model.plainfilm.safetensors",
    "report.html",
    "history.csv",
    "log.txt",
    "set_aside.csv",
    "split.csv",
    "predictions.csv",
    "validation_predictions.csv",
    "findings.csv",
    // Last: its presence says that the fold is there.
    "metrics.json",
    "audit.json",
];

/// Copies the finished folds of shards (`train --folds K --shard i/n`) into a new run folder and writes its
/// settings; [`super::train()`] with them then finds every fold finished and pools their test films.
/// `data` is where the films are here; the first shard's place if none.
///
/// # Errors
///
/// When the shards are not of one cross-validation, a fold is missing or not finished, or a file cannot be
/// read or written.
pub fn merge(
    shards: &[RunFolder],
    data: Option<&Path>,
    target: &RunFolder,
) -> Result<TrainSettings, TrainError> {
    let settings = shards
        .iter()
        .map(RunFolder::read_settings)
        .collect::<Result<Vec<_>, _>>()?;
    let Some(first) = settings.first() else {
        return Err(TrainError::Merge {
            problem: "no shard is named".to_owned(),
        });
    };
    for (shard, own) in shards.iter().zip(&settings) {
        let (expected, found) = (comparable(first), comparable(own));
        if let Some((one, other)) = expected.lines().zip(found.lines()).find(|(a, b)| a != b) {
            return Err(TrainError::Merge {
                problem: format!(
                    "{} is not of the same cross-validation as {}: expected `{one}`, found `{other}`",
                    shard.settings_path().display(),
                    shards[0].root().display(),
                ),
            });
        }
    }
    let names = folder_names(first);
    if names.is_empty() {
        return Err(TrainError::Merge {
            problem: format!(
                "{} has no folds: only a cross-validation has shards",
                shards[0].root().display()
            ),
        });
    }
    let mut sources = Vec::with_capacity(names.len());
    for name in &names {
        let of = |shard: &&RunFolder| shard.inside(name).metrics_path().is_file();
        match shards.iter().find(of) {
            Some(shard) => sources.push(shard.inside(name)),
            None => {
                return Err(TrainError::Merge {
                    problem: format!(
                        "{name} is finished in none of the {} shards; hint: `plainfilm train --resume` finishes \
                         a shard",
                        shards.len()
                    ),
                });
            }
        }
    }
    let mut merged = first.clone();
    merged.split.shard = None;
    if let Some(data) = data {
        merged.data = data.to_owned();
    }
    target.create()?;
    for (name, source) in names.iter().zip(&sources) {
        copy_fold(source, &target.inside(name))?;
    }
    copy(shards[0].root(), target.root(), "audit.json")?;
    target.write_settings(&merged)?;
    Ok(merged)
}

/// Settings as text, without what may differ from machine to machine.
fn comparable(settings: &TrainSettings) -> String {
    let mut settings = settings.clone();
    settings.split.shard = None;
    settings.data = std::path::PathBuf::new();
    settings.threads = 1;
    "cpu".clone_into(&mut settings.device);
    if let Some(weights) = &mut settings.weights {
        weights.path = std::path::PathBuf::new();
    }
    settings_text(&settings)
}

fn copy_fold(source: &RunFolder, target: &RunFolder) -> Result<(), TrainError> {
    target.create()?;
    for name in KEPT {
        copy(source.root(), target.root(), name)?;
    }
    Ok(())
}

/// Copies a file where it is there.
fn copy(from: &Path, to: &Path, name: &str) -> Result<(), TrainError> {
    let path = from.join(name);
    if !path.is_file() {
        return Ok(());
    }
    match std::fs::copy(&path, to.join(name)) {
        Ok(_) => Ok(()),
        Err(cause) => Err(TrainError::File { path, cause }),
    }
}
