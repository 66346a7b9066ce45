//! Cross-validation: every film is tested once a repeat, by a network that did not train on it.

mod job;
mod parallel;

pub(crate) use job::{Job, finished, folder_names, is_unfinished, jobs};

use crate::error::TrainError;
use crate::findings_figures::FindingsFigures;
use crate::fold_summary::{FoldSummary, Ungrouped};
use crate::observer::TrainObserver;
use crate::reporter::{FinishedRun, TestedNetwork};
use crate::results::judge;
use crate::run::Run;
use crate::run_folder::RunFolder;
use crate::run_metrics::RunMetrics;
use job::own_jobs;
use plainfilm_data::{Dataset, Part, Split};
use plainfilm_figures::{FoldFigures, across_folds, fold_figures, mean_and_deviation};
use plainfilm_figures::{PartMetrics, ScoredFilm, evaluate, subgroups};
use plainfilm_model::bundle::ModelFile;

/// Trains every fold in a folder of its own and pools the test films. A fold that is finished is read.
///
/// The validation share of the settings is taken out of a fold's training films; where it is 0
/// nothing chooses an epoch and the last one stands.
pub(crate) fn train(
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
    let done = parallel::train(run, &own, folder, observer)?;
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

/// Pools the films of the first repeat and looks how the figures spread over all folds. None of none.
fn together<'a>(
    run: &Run<'_>,
    done: impl Iterator<Item = &'a (&'a Job, Vec<ScoredFilm>)>,
) -> Option<Together> {
    let done: Vec<&(&Job, Vec<ScoredFilm>)> = done.collect();
    let (first, _) = done.first()?;
    let labels = &run.films.dataset.labels;
    let positive = run.settings.positive_of(labels);
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
    let positive = run.settings.positive_of(labels);
    let judged = judge::judge_pooled(labels, positive, &main.films, operation);
    let metrics = RunMetrics {
        labels: labels.clone(),
        positive_label: labels[positive].clone(),
        split: format!("{shard}{}", main.split),
        test_films_with_patient_in_training: main.shared,
        best_epoch: None,
        train: None,
        validation: None,
        audit: Some(judge::audit_summary(run.audit, Some(&main.test))),
        test: Some(main.test),
        operation: None,
        operation_on_test: Some(judged),
        subgroups: subgroups(labels, positive, &main.films),
        findings: findings(dataset, folder, &main.folds)?,
        last_epoch: None,
        learning_curve: Vec::new(),
        elsewhere: run.elsewhere.cloned(),
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
        permuted: &[],
        folder,
    })?;
    whole.write_csv(dataset, &folder.split_path())?;
    judge::write_tables(folder, &metrics, &main.films)?;
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
