//! `plainfilm evaluate`

use std::path::Path;

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::dataset::{Dataset, Part, Split, place_of_label};
use plainfilm::evaluate::{
    LabelMetrics, Operation, OperationFigures, PartMetrics, PositiveLabel, ScoredFilm, Subgroups,
    evaluate, subgroups,
};
use plainfilm::likeness::GroupTest;
use plainfilm::predict::{
    OwnFilms, Predictor, ScoreError, ScoredDataset, score_dataset, score_findings,
};
use plainfilm::train::{FindingsFigures, RunFolder};
use serde::Serialize;

use crate::args::{EvaluateArgs, TableFormat};
use crate::exit::{Exit, UsageError};
use crate::inputs::{Model, renames};
use crate::print::doubts::print_doubts;
use crate::print::elsewhere::print_group;
use crate::print::figures::print_figures;
use crate::print::findings::print_findings;
use crate::print::notes::print_notes;
use crate::print::operation::print_operation;
use crate::print::own_films::{OwnFilmCounts, expect_others, print_own_films};
use crate::print::set_aside::print_set_aside;
use crate::printer::{Printer, Style};
use crate::progress::counter;
use crate::settings::{available_threads, use_threads};

/// The JSON of `evaluate`: `metrics.json` with one part.
#[derive(Debug, Serialize)]
struct Output {
    labels: Vec<String>,
    positive_label: String,
    test: PartMetrics,
    /// As the model file has it; none in files from before there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_on_test: Option<OperationFigures>,
    subgroups: Subgroups,
    set_aside: usize,
    /// None of a model file that does not say what it was fitted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_films: Option<OwnFilmCounts>,
    /// None of a model file that does not say what its films are like.
    #[serde(skip_serializing_if = "Option::is_none")]
    unlike: Option<Unlike>,
    notice: &'static str,
}

/// How the films differ from the model's own.
#[derive(Debug, Serialize)]
struct Unlike {
    /// Films that are unlike the training films: `predict` is not sure of them.
    films: usize,
    /// The figures of the others; none where all or none are unlike.
    #[serde(skip_serializing_if = "Option::is_none")]
    like: Option<PartMetrics>,
    /// The two-sample test of the films as a group; none of fewer than 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_p: Option<f64>,
}

impl Unlike {
    fn of(labels: &[String], positive: usize, scored: &ScoredDataset) -> Option<Self> {
        let likeness = scored.likeness.as_ref()?;
        let like: Vec<ScoredFilm> = scored
            .films
            .iter()
            .zip(&likeness.unlike)
            .filter(|(_, is_unlike)| !**is_unlike)
            .map(|(film, _)| film.clone())
            .collect();
        let films = scored.films.len() - like.len();
        Some(Self {
            films,
            like: (films > 0 && !like.is_empty()).then(|| evaluate(labels, positive, &like)),
            group_p: likeness.group.map(|group| group.p),
        })
    }

    fn print(&self, positive: &str, all: usize, group: Option<GroupTest>, printer: &Printer) {
        if self.films > 0 {
            let others = self.like.as_ref().map_or_else(String::new, |like| {
                let recall = |figure: &dyn Fn(&LabelMetrics) -> String| {
                    like.per_label
                        .iter()
                        .find(|(label, _)| label == positive)
                        .map_or_else(String::new, |(_, figures)| figure(figures))
                };
                format!(
                    "; the others: AUROC {}, sensitivity {}, specificity {}",
                    like.auroc.number_with_ends(2),
                    recall(&|figures| figures.sensitivity.percent_with_ends(0, 0)),
                    recall(&|figures| figures.specificity.percent_with_ends(0, 0)),
                )
            });
            printer.warning(&format!(
                "{} of {all} films are unlike the training films, and `predict` is not sure of them{others}",
                self.films
            ));
        }
        if let Some(group) = group.filter(GroupTest::is_elsewhere) {
            print_group(group, printer);
        }
    }
}

/// Scores labelled films and prints the figures.
pub fn run(args: &EvaluateArgs, printer: &Printer) -> anyhow::Result<Exit> {
    if let Some(path) = &args.output {
        refuse_run(path)?;
    }
    let threads = args.threads.unwrap_or_else(available_threads);
    use_threads(threads)?;
    let predictor =
        Model::at(&args.model)?.predictor(&args.device, args.precision.into(), threads)?;
    let usage = predictor.usage();
    if !usage.findings.is_empty() {
        if args.positive.is_some() {
            let reason = "--positive: the model scores each of several findings separately";
            return Err(UsageError(reason.to_owned()).into());
        }
        return of_findings(args, &predictor, printer);
    }
    if usage.labels.len() != 2 && (args.positive.is_some() || args.prevalence.is_some()) {
        return Err(UsageError(format!(
            "--positive and --prevalence are for models of two labels: this one has {}",
            usage.labels.len()
        ))
        .into());
    }
    let positive = match &args.positive {
        Some(label) => place_of_label(label, &usage.labels)?,
        None => predictor.usage().positive,
    };
    let doubt = PositiveLabel::of(&usage.labels).doubt(&usage.labels);
    if let Some(doubt) = doubt.filter(|_| args.positive.is_none()) {
        // The model may have been trained with the other one.
        let own = PositiveLabel {
            index: positive,
            is_clear: false,
        };
        printer.warning(&own.doubt(&usage.labels).unwrap_or(doubt));
    }
    let dataset = Dataset::open(&args.data, &args.reading.options())?;
    print_notes(&dataset, printer);
    let dataset = dataset.with_labels(&usage.labels, &renames(&args.map)?)?;
    let scored = score(args, &predictor, &dataset, score_dataset, printer)?;
    let rows = scored
        .films
        .iter()
        .map(|film| film.probabilities.as_slice());
    print_doubts(&predictor, rows, printer);
    let operation = usage.operation.clone();
    let operation_on_test = operation.as_ref().map(|operation| {
        let seen_from = match positive == predictor.usage().positive {
            true => operation.clone(),
            false => operation.of_the_other_label(),
        };
        seen_from.judge(
            &usage.labels,
            positive,
            &scored.films,
            None,
            args.prevalence,
        )
    });
    let output = Output {
        operation,
        operation_on_test,
        subgroups: subgroups(&usage.labels, positive, &scored.films),
        labels: usage.labels.clone(),
        positive_label: usage.labels[positive].clone(),
        test: evaluate(&usage.labels, positive, &scored.films),
        set_aside: scored.set_aside.len(),
        own_films: OwnFilmCounts::of(usage, &scored.own_films, own_films(args)),
        unlike: Unlike::of(&usage.labels, positive, &scored),
        notice: NOT_A_MEDICAL_DEVICE,
    };
    let json = serde_json::to_string_pretty(&output)? + "\n";
    match args.format {
        TableFormat::Table => {
            print_figures(&output.test, printer);
            if let Some(figures) = &output.operation_on_test {
                print_operation(figures, printer);
            }
        }
        TableFormat::Json => printer.data(&json),
    }
    if let Some(path) = &args.output {
        let folder = RunFolder::at(path);
        folder.create()?;
        folder.write("metrics.json", json.as_bytes())?;
        folder.write_predictions(&usage.labels, &scored.films)?;
        // Who the patients are: `compare` needs it.
        split(args, &dataset, &scored).write_csv(&dataset, &folder.split_path())?;
        folder.write_set_aside(&scored.set_aside)?;
    }
    if let (Some(unlike), Some(likeness)) = (&output.unlike, &scored.likeness) {
        let all = scored.films.len();
        unlike.print(&output.positive_label, all, likeness.group, printer);
    }
    for gap in &output.subgroups.gaps {
        printer.warning(&format!("not the same for all: {gap}"));
    }
    printer.line(&predictor.usage().operation_text());
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    Ok(Exit::after(output.set_aside))
}

/// Refuses to write the figures over those of a training.
fn refuse_run(path: &Path) -> Result<(), UsageError> {
    let folder = RunFolder::at(path);
    let is_run = [
        folder.settings_path(),
        folder.model_path(),
        // A finding of a run has a folder of its own with neither.
        path.join("report.html"),
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

/// What scores the films of a data set, and says how many are done.
type ScoreFilms<F> = fn(
    &Predictor,
    &Dataset,
    OwnFilms,
    &dyn Fn(usize, usize),
) -> Result<ScoredDataset<F>, ScoreError>;

/// Scores the films under a progress bar, and says which could not be scored and which are the model's own.
fn score<F>(
    args: &EvaluateArgs,
    predictor: &Predictor,
    dataset: &Dataset,
    score_films: ScoreFilms<F>,
    printer: &Printer,
) -> anyhow::Result<ScoredDataset<F>> {
    let bar = counter(printer, "scoring", dataset.films.len() as u64);
    let scored = score_films(predictor, dataset, own_films(args), &|done, _| {
        bar.set_position(done as u64)
    })?;
    bar.finish_and_clear();
    print_set_aside(&scored.set_aside, printer);
    print_own_films(
        predictor.usage(),
        &scored.own_films,
        own_films(args),
        printer,
    );
    expect_others(
        &args.model,
        &args.data,
        scored.films.len(),
        &scored.own_films,
    )?;
    Ok(scored)
}

fn own_films(args: &EvaluateArgs) -> OwnFilms {
    match args.include_training_films {
        true => OwnFilms::Included,
        false => OwnFilms::LeftOut,
    }
}

/// Every film in the test part but those that were left out.
fn split<F>(args: &EvaluateArgs, dataset: &Dataset, scored: &ScoredDataset<F>) -> Split {
    let mut split = Split::all_test(dataset);
    if own_films(args) == OwnFilms::LeftOut {
        // Both are in the data set's order.
        let mut own = scored.own_films.iter().peekable();
        for (part, film) in split.parts.iter_mut().zip(&dataset.films) {
            if own.next_if(|own| own.path == film.path).is_some() {
                *part = Part::LeftOut;
            }
        }
    }
    split
}

/// The JSON of `evaluate` for a model whose films may have any number of findings.
#[derive(Debug, Serialize)]
struct FindingsOutput<'a> {
    labels: &'a [String],
    findings: Option<FindingsFigures>,
    operations: &'a [Operation],
    set_aside: usize,
    /// None of a model file that does not say what it was fitted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_films: Option<OwnFilmCounts>,
    notice: &'static str,
}

fn of_findings(
    args: &EvaluateArgs,
    predictor: &Predictor,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let usage = predictor.usage();
    let dataset = Dataset::open(&args.data, &args.reading.options())?;
    print_notes(&dataset, printer);
    let dataset = dataset.with_findings(&usage.labels, &renames(&args.map)?)?;
    let scored = score(args, predictor, &dataset, score_findings, printer)?;
    let rows = scored
        .films
        .iter()
        .map(|film| film.probabilities.as_slice());
    print_doubts(predictor, rows, printer);
    let output = FindingsOutput {
        labels: &usage.labels,
        findings: FindingsFigures::of(&usage.labels, &scored.films, Some(&usage.findings)),
        operations: &usage.findings,
        set_aside: scored.set_aside.len(),
        own_films: OwnFilmCounts::of(usage, &scored.own_films, own_films(args)),
        notice: NOT_A_MEDICAL_DEVICE,
    };
    let json = serde_json::to_string_pretty(&output)? + "\n";
    match (args.format, &output.findings) {
        (TableFormat::Json, _) => printer.data(&json),
        (TableFormat::Table, Some(figures)) => print_findings(figures, printer),
        (TableFormat::Table, None) => {}
    }
    if let Some(path) = &args.output {
        let folder = RunFolder::at(path);
        folder.create()?;
        folder.write("metrics.json", json.as_bytes())?;
        folder.write_findings(&usage.labels, &scored.films)?;
        split(args, &dataset, &scored).write_csv(&dataset, &folder.split_path())?;
        folder.write_set_aside(&scored.set_aside)?;
    }
    printer.line(&predictor.usage().operation_text());
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    Ok(Exit::after(output.set_aside))
}
