//! One fold to train, and what an earlier start left of it.

use crate::error::TrainError;
use crate::findings_figures::any_is_known;
use crate::observer::TrainObserver;
use crate::run::Run;
use crate::run_folder::RunFolder;
use crate::settings::TrainSettings;
use plainfilm_data::{Part, Split, SplitMethod};
use plainfilm_figures::{ScoredFilm, read_predictions};

/// One training of a cross-validation.
pub(crate) struct Job {
    /// From 0.
    pub(super) repeat: usize,
    pub(super) split: Split,
    /// Where it goes, inside the run folder.
    pub(super) folder: String,
    /// Without regard to patients, beside one with.
    pub(super) beside: bool,
}

impl Job {
    pub fn split(&self) -> &Split {
        &self.split
    }

    pub fn folder(&self) -> &str {
        &self.folder
    }
}

/// The folders of all trainings that the settings ask for, in order: what a merge looks for.
pub(crate) fn folder_names(settings: &TrainSettings) -> Vec<String> {
    let split = &settings.split;
    let (folds, repeats) = (split.folds.unwrap_or(0), split.repeats.unwrap_or(1));
    let beside: &[bool] = if split.both { &[false, true] } else { &[false] };
    let mut names = Vec::new();
    for &beside in beside {
        for repeat in 0..repeats {
            names.extend((1..=folds).map(|fold| folder_name(beside, repeats, repeat, fold)));
        }
    }
    names
}

fn folder_name(beside: bool, repeats: usize, repeat: usize, fold: usize) -> String {
    let repeat = match repeats {
        1 => String::new(),
        _ => format!("repeat-{}/", repeat + 1),
    };
    let beside = if beside { "ungrouped/" } else { "" };
    format!("{beside}{repeat}fold-{fold}")
}

/// All trainings of the cross-validation, those of other shards included, grouped ones first.
pub(crate) fn jobs(run: &Run<'_>) -> Result<Vec<Job>, TrainError> {
    let settings = &run.settings.split;
    let (count, repeats) = (settings.folds.unwrap_or(2), settings.repeats.unwrap_or(1));
    let mut methods = vec![(false, settings.method.clone())];
    if settings.both {
        methods.push((true, SplitMethod::Random));
    }
    let mut jobs = Vec::new();
    for (beside, method) in methods {
        for repeat in 0..repeats {
            let splits = Split::folds(
                &run.films.dataset,
                count,
                &method,
                run.settings.seed.wrapping_add(repeat as u64),
                settings.fractions[1],
            )?;
            for (index, split) in splits.into_iter().enumerate() {
                jobs.push(Job {
                    repeat,
                    split,
                    folder: folder_name(beside, repeats, repeat, index + 1),
                    beside,
                });
            }
        }
    }
    Ok(jobs)
}

/// Whether one of this run's folds has still to be trained.
pub(crate) fn is_unfinished(run: &Run<'_>, jobs: &[Job], folder: &RunFolder) -> bool {
    own_jobs(run, jobs).any(|job| finished(run, &job.split, &folder.inside(&job.folder)).is_none())
}

/// The jobs of this run's shard.
pub(super) fn own_jobs<'a>(run: &Run<'_>, jobs: &'a [Job]) -> impl Iterator<Item = &'a Job> {
    let shard = run.settings.split.shard;
    let of_shard =
        move |index: usize| shard.is_none_or(|shard| index % shard.of + 1 == shard.index);
    let counted = jobs.iter().enumerate();
    counted.filter_map(move |(index, job)| of_shard(index).then_some(job))
}

/// Trains a fold to its end and returns its scored test films.
pub(crate) fn train_fold(
    run: &Run<'_>,
    job: &Job,
    fold: &RunFolder,
    observer: &mut dyn TrainObserver,
) -> Result<Vec<ScoredFilm>, TrainError> {
    // A repeat draws its first weights anew too, unless frozen ones have been computed with already.
    let is_free = run.features.is_none() || run.settings.weights.is_some();
    let shift = if is_free { job.repeat as u64 } else { 0 };
    let settings = TrainSettings {
        seed: run.settings.seed.wrapping_add(shift),
        ..run.settings.clone()
    };
    let run = Run {
        settings: &settings,
        ..*run
    };
    Ok(run.train_split(&job.split, fold, observer)?.1)
}

/// The test films of a fold that an earlier start has finished: its metrics are there, and its films are
/// those of the split.
pub(crate) fn finished(run: &Run<'_>, split: &Split, fold: &RunFolder) -> Option<Vec<ScoredFilm>> {
    if !fold.metrics_path().is_file() {
        return None;
    }
    let dataset = &run.films.dataset;
    let saved = Split::read_csv(dataset, &fold.split_path()).ok()?;
    let predictions = read_predictions(fold.root()).ok()?;
    if saved.parts != split.parts || predictions.labels != dataset.labels {
        return None;
    }
    let mut by_path: std::collections::HashMap<String, ScoredFilm> = predictions
        .films
        .into_iter()
        .map(|film| (film.path.clone(), film))
        .collect();
    split
        .indices(Part::Test)
        .into_iter()
        .filter(|&index| any_is_known(&dataset.films[index].findings))
        .map(|index| {
            let film = &dataset.films[index];
            let read = by_path.remove(&film.path)?;
            Some(ScoredFilm {
                called: read.called,
                ..film.scored(read.probabilities)
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_for_repeat_and_fold() {
        assert_eq!(folder_name(false, 1, 0, 3), "fold-3");
        assert_eq!(folder_name(false, 3, 1, 2), "repeat-2/fold-2");
        assert_eq!(folder_name(true, 3, 0, 1), "ungrouped/repeat-1/fold-1");
    }
}
