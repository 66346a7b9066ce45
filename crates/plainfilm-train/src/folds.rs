//! Cross-validation: every film is tested once a repeat, by a network that did not train on it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::TrainError;
use super::findings::{FindingsFigures, any_is_known};
use super::observer::TrainObserver;
use super::parallel_folds;
use super::reporter::{FinishedRun, TestedNetwork};
use super::run_folder::RunFolder;
use super::run_metrics::RunMetrics;
use super::settings::TrainSettings;
use super::{Run, results};
use plainfilm_data::{Dataset, Part, Split, SplitMethod};
use plainfilm_figures::{AcrossFolds, FoldFigures, across_folds, fold_figures, mean_and_deviation};
use plainfilm_figures::{
    PartMetrics, ScoredFilm, evaluate, positive_label, read_predictions, subgroups,
};
use plainfilm_model::bundle::ModelFile;

/// The folds of a cross-validation, one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoldSummary {
    /// Test accuracy of each fold, of all repeats in order.
    pub accuracies: Vec<f64>,
    /// Mean of the folds' test accuracies.
    pub mean_accuracy: f64,
    /// Their standard deviation (n - 1).
    pub accuracy_deviation: f64,
    /// How often the films were dealt to folds anew.
    #[serde(default = "one")]
    pub repeats: usize,
    /// Every fold's figures, and how they spread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub folds: Vec<FoldFigures>,
    /// Mean, deviation and interval of each figure over all folds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<AcrossFolds>,
    /// The pooled films' figures repeat by repeat, where there are several. The first is the run's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pooled: Vec<FoldFigures>,
}

fn one() -> usize {
    1
}

/// The same films cross-validated without regard to patients, as most papers do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ungrouped {
    /// How films were divided, in one sentence.
    pub split: String,
    /// Test films of a patient who is also in training.
    pub test_films_with_patient_in_training: usize,
    /// The figures of the first repeat's films.
    pub test: PartMetrics,
    /// The folds.
    pub folds: FoldSummary,
}

/// A share of the trainings of a cross-validation, for one of several machines. In files and arguments
/// `2/3`: every third, from the second on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which one, from 1.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').map(|(a, b)| (a.parse(), b.parse()));
        match parts {
            Some((Ok(index), Ok(of))) if (1..=of).contains(&index) => Ok(Self { index, of }),
            _ => Err(format!(
                "expected a shard such as 1/3, from 1/N to N/N, found {text:?}"
            )),
        }
    }
}

impl Serialize for Shard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Shard {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// One training of a cross-validation.
pub(super) struct Job {
    /// From 0.
    repeat: usize,
    split: Split,
    /// Where it goes, inside the run folder.
    folder: String,
    /// Without regard to patients, beside one with.
    beside: bool,
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
pub(super) fn folder_names(settings: &TrainSettings) -> Vec<String> {
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
pub(super) fn jobs(run: &Run<'_>) -> Result<Vec<Job>, TrainError> {
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
pub(super) fn is_unfinished(run: &Run<'_>, jobs: &[Job], folder: &RunFolder) -> bool {
    own_jobs(run, jobs).any(|job| finished(run, &job.split, &folder.inside(&job.folder)).is_none())
}

/// The jobs of this run's shard.
fn own_jobs<'a>(run: &Run<'_>, jobs: &'a [Job]) -> impl Iterator<Item = &'a Job> {
    let shard = run.settings.split.shard;
    let of_shard =
        move |index: usize| shard.is_none_or(|shard| index % shard.of + 1 == shard.index);
    let counted = jobs.iter().enumerate();
    counted.filter_map(move |(index, job)| of_shard(index).then_some(job))
}

/// Trains every fold in a folder of its own and pools the test films. A fold that is finished is read.
///
/// The validation share of the settings is taken out of a fold's training films; where it is 0
/// nothing chooses an epoch and the last one stands.
pub(super) fn train(
    run: &Run<'_>,
    jobs: &[Job],
    folder: &RunFolder,
    observer: &mut dyn TrainObserver,
) -> Result<(RunMetrics, FoldSummary), TrainError> {
    let shard = run.settings.split.shard;
    let own: Vec<&Job> = own_jobs(run, jobs).collect();
    if let Some(shard) = shard.filter(|_| own.is_empty()) {
        return Err(TrainError::Setting {
            setting: "shard",
            expected: "one that has a fold to train",
            found: format!("{shard} of {} folds", jobs.len()),
        });
    }
    let done = parallel_folds::train(run, &own, folder, observer)?;
    let main = together(run, done.iter().filter(|(job, _)| !job.beside));
    let beside = together(run, done.iter().filter(|(job, _)| job.beside));
    // A shard may have no fold of the split that was asked for.
    let (main, beside) = match (main, beside) {
        (Some(main), beside) => (main, beside),
        (None, Some(beside)) => (beside, None),
        (None, None) => unreachable!("there is a job, and every job is on one side"),
    };
    write(run, folder, main, beside)
}

/// What the folds of one kind of split found.
struct Together {
    split: String,
    shared: usize,
    films: Vec<ScoredFilm>,
    test: PartMetrics,
    summary: FoldSummary,
    first: Split,
    /// The folds of the first repeat: where they are in the run folder, and their splits.
    folds: Vec<(String, Split)>,
}

/// Trains a fold to its end and returns its scored test films.
pub(super) fn train_fold(
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
pub(super) fn finished(run: &Run<'_>, split: &Split, fold: &RunFolder) -> Option<Vec<ScoredFilm>> {
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

/// Pools the films of the first repeat and looks how the figures spread over all folds. None of none.
fn together<'a>(
    run: &Run<'_>,
    done: impl Iterator<Item = &'a (&'a Job, Vec<ScoredFilm>)>,
) -> Option<Together> {
    let done: Vec<&(&Job, Vec<ScoredFilm>)> = done.collect();
    let (first, _) = done.first()?;
    let labels = &run.films.dataset.labels;
    let positive = positive_label(labels);
    let judge = |films: &[ScoredFilm]| evaluate(labels, positive, films);
    let folds: Vec<FoldFigures> = done
        .iter()
        .map(|(job, films)| {
            let fold = job.split.fold.map(|fold| fold.index + 1);
            fold_figures(&judge(films), job.repeat + 1, fold)
        })
        .collect();
    let mut repeats: Vec<usize> = done.iter().map(|(job, _)| job.repeat).collect();
    repeats.dedup();
    let mut pools: Vec<(usize, Vec<ScoredFilm>, PartMetrics)> = repeats
        .iter()
        .map(|&repeat| {
            let of_repeat = done.iter().filter(|(job, _)| job.repeat == repeat);
            let mut films: Vec<ScoredFilm> =
                of_repeat.flat_map(|(_, films)| films.clone()).collect();
            films.sort_by(|a, b| a.path.cmp(&b.path));
            let metrics = judge(&films);
            (repeat, films, metrics)
        })
        .collect();
    let pooled: Vec<FoldFigures> = pools
        .iter()
        .map(|(repeat, _, metrics)| fold_figures(metrics, repeat + 1, None))
        .collect();
    let accuracies: Vec<f64> = folds
        .iter()
        .filter_map(|fold| fold.figure("accuracy"))
        .collect();
    let (mean_accuracy, accuracy_deviation) = mean_and_deviation(&accuracies);
    let test_share = first.split.indices(Part::Test).len() as f64
        / first.split.indices(Part::Train).len().max(1) as f64;
    let (_, films, test) = pools.remove(0);
    let of_first = || done.iter().filter(|(job, _)| job.repeat == first.repeat);
    let shared = of_first().map(|(job, _)| job.split.shared_patients()).sum();
    Some(Together {
        split: format!(
            "{} folds{}; {}",
            run.settings.split.folds.unwrap_or(0),
            match repeats.len() {
                1 => String::new(),
                count => format!(", {count} times (the first of them here)"),
            },
            divided(&first.split, shared, films.len())
        ),
        shared,
        summary: FoldSummary {
            accuracies,
            mean_accuracy,
            accuracy_deviation,
            repeats: repeats.len(),
            spread: across_folds(&folds, test_share),
            folds,
            pooled: if repeats.len() > 1 {
                pooled
            } else {
                Vec::new()
            },
        },
        films,
        test,
        first: first.split.clone(),
        folds: of_first()
            .map(|(job, _)| (job.folder.clone(), job.split.clone()))
            .collect(),
    })
}

/// How films were divided, as [`Split::label_text`] says it of one fold, of all of them.
fn divided(first: &Split, shared: usize, films: usize) -> String {
    let mut split = first.clone();
    split.fold = None;
    let text = split.label_text();
    match text.split_once(", ") {
        Some((how, _)) if shared > 0 => format!(
            "{how}, patients shared between parts: {shared} of {films} test films have a sibling in training"
        ),
        _ => text,
    }
}

/// Writes metrics, predictions and report of all folds together.
fn write(
    run: &Run<'_>,
    folder: &RunFolder,
    main: Together,
    beside: Option<Together>,
) -> Result<(RunMetrics, FoldSummary), TrainError> {
    let dataset = &run.films.dataset;
    let labels = &dataset.labels;
    let shard = match run.settings.split.shard {
        Some(shard) => format!("shard {shard} of "),
        None => String::new(),
    };
    let operation = &run.settings.operation;
    let judged = results::judge_pooled(labels, &main.films, operation);
    let metrics = RunMetrics {
        labels: labels.clone(),
        positive_label: labels[positive_label(labels)].clone(),
        split: format!("{shard}{}", main.split),
        test_films_with_patient_in_training: main.shared,
        best_epoch: None,
        train: None,
        validation: None,
        audit: Some(results::audit_summary(run.audit, Some(&main.test))),
        test: Some(main.test),
        operation: None,
        operation_on_test: Some(judged),
        subgroups: subgroups(labels, positive_label(labels), &main.films),
        findings: findings(dataset, folder, &main.folds)?,
        last_epoch: None,
        learning_curve: Vec::new(),
        folds: Some(main.summary.clone()),
        ungrouped: beside.map(|beside| Ungrouped {
            split: beside.split,
            test_films_with_patient_in_training: beside.shared,
            test: beside.test,
            folds: beside.summary,
        }),
        notice: plainfilm_film::NOT_A_MEDICAL_DEVICE.to_owned(),
    };
    // Every film that was tested is a test film of one fold; the others wait for other shards.
    let mut whole = main.first;
    let tested: std::collections::HashSet<&str> =
        main.films.iter().map(|film| film.path.as_str()).collect();
    for (part, film) in whole.parts.iter_mut().zip(&dataset.films) {
        *part = if tested.contains(film.path.as_str()) {
            Part::Test
        } else {
            Part::Train
        };
    }
    run.reporter.report(&FinishedRun {
        films: run.films,
        settings: run.settings,
        split: &whole,
        audit: run.audit,
        progress: None,
        metrics: &metrics,
        test: &main.films,
        networks: &networks(run, folder, main.folds)?,
        folder,
    })?;
    whole.write_csv(dataset, &folder.split_path())?;
    results::write_tables(folder, &metrics, &main.films)?;
    Ok((metrics, main.summary))
}

/// The findings' figures over the test films of all folds; none where a film has one label.
fn findings(
    dataset: &Dataset,
    folder: &RunFolder,
    folds: &[(String, Split)],
) -> Result<Option<FindingsFigures>, TrainError> {
    if dataset.findings.is_empty() {
        return Ok(None);
    }
    let mut films = vec![];
    for (fold, _) in folds {
        films.extend(folder.inside(fold).read_findings(dataset)?);
    }
    films.sort_by(|a, b| a.path.cmp(&b.path));
    folder.write_findings(&dataset.findings, &films)?;
    Ok(FindingsFigures::of(&dataset.findings, &films, None))
}

/// The folds' networks, each with test films of its own; none where films have findings.
fn networks(
    run: &Run<'_>,
    folder: &RunFolder,
    folds: Vec<(String, Split)>,
) -> Result<Vec<TestedNetwork>, TrainError> {
    let mut networks = vec![];
    if !run.films.dataset.findings.is_empty() {
        return Ok(networks);
    }
    for (fold, split) in folds {
        let file = folder.inside(&fold).model_path();
        // Somebody who needed the space: every figure is there without it.
        if !file.is_file() {
            folder.log(&format!("evidence: {fold} has no model file any more"));
            continue;
        }
        let model = ModelFile::load(&file)?;
        networks.push(TestedNetwork { split, model });
    }
    Ok(networks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_read_and_written() {
        for (text, expected) in [
            ("1/3", Some((1, 3))),
            ("3/3", Some((3, 3))),
            ("0/3", None),
            ("4/3", None),
            ("1", None),
            ("a/b", None),
        ] {
            let found = text.parse::<Shard>().ok();
            assert_eq!(
                found.map(|shard| (shard.index, shard.of)),
                expected,
                "{text}"
            );
            if let Some(shard) = found {
                assert_eq!(shard.to_string(), text);
            }
        }
    }

    #[test]
    fn folders_are_named_for_repeat_and_fold() {
        assert_eq!(folder_name(false, 1, 0, 3), "fold-3");
        assert_eq!(folder_name(false, 3, 1, 2), "repeat-2/fold-2");
        assert_eq!(folder_name(true, 3, 0, 1), "ungrouped/repeat-1/fold-1");
    }
}
