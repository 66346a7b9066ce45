//! A model on labelled films.

use std::path::Path;

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::dataset::{Dataset, Part, Split, place_of_label};
use plainfilm::evaluate::{PositiveLabel, counted, evaluate, subgroups};
use plainfilm::predict::{OwnFilms, Predictor, ScoreError, ScoredDataset, score_dataset};
use plainfilm::report::{Notice, Severity};
use plainfilm::train::RunFolder;

use super::findings;
use super::output::{Output, Unlike, print_gaps, print_output};
use super::page::{Page, audit_films, judged_films};
use super::reading;
use crate::args::EvaluateArgs;
use crate::exit::{Exit, UsageError};
use crate::inputs::{Model, renames};
use crate::print::doubts::print_doubts;
use crate::print::notes::print_notes;
use crate::print::own_films::{OwnFilmCounts, expect_others, print_own_films};
use crate::print::set_aside::print_set_aside;
use crate::printer::{Printer, Style};
use crate::progress::counter;
use crate::settings::available_threads;

/// Scores labelled films with a model and prints the figures.
pub(super) fn run(
    args: &EvaluateArgs,
    model: &Path,
    data: &Path,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let options = reading(args)?;
    let threads = args.threads.unwrap_or_else(available_threads);
    let opened = Model::at(model)?;
    let predictor = opened.predictor(&args.device, args.precision.into(), threads)?;
    let usage = predictor.usage();
    if !usage.findings.is_empty() {
        if args.positive.is_some() {
            let reason = "--positive: the model scores each of several findings separately";
            return Err(UsageError(reason.to_owned()).into());
        }
        return findings::run(args, (model, data), &options, &predictor, printer);
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
        None => usage.positive,
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
    let dataset = Dataset::open(data, &options)?;
    print_notes(&dataset, printer);
    let dataset = dataset.with_labels(&usage.labels, &renames(&args.map)?)?;
    let scored = score(
        args,
        (model, data),
        &predictor,
        &dataset,
        score_dataset,
        printer,
    )?;
    let rows = scored
        .films
        .iter()
        .map(|film| film.probabilities.as_slice());
    print_doubts(&predictor, rows, printer);
    let operation = usage.operation.clone();
    let operation_on_test = operation.as_ref().map(|operation| {
        let seen_from = match positive == usage.positive {
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
    // The films that were judged, which may be fewer than the data set's.
    let films = match args.output {
        Some(_) => Some(judged_films(&dataset, &scored.films)),
        None => None,
    };
    let audit = films
        .as_ref()
        .and_then(|films| audit_films(films, args, printer));
    let test = evaluate(&usage.labels, positive, &scored.films);
    let output = Output {
        audit: audit
            .as_ref()
            .map(|audit| audit.summary(test.accuracy.value())),
        operation,
        operation_on_test,
        subgroups: subgroups(&usage.labels, positive, &scored.films),
        labels: usage.labels.clone(),
        positive_label: usage.labels[positive].clone(),
        test,
        set_aside: scored.set_aside.len(),
        own_films: OwnFilmCounts::of(usage, &scored.own_films, own_films(args)),
        unlike: Unlike::of(&usage.labels, positive, &scored),
        notice: NOT_A_MEDICAL_DEVICE,
    };
    let json = serde_json::to_string_pretty(&output)? + "\n";
    print_output(&output, &json, args.format, printer);
    if let Some(path) = &args.output {
        let folder = RunFolder::at(path);
        folder.create()?;
        folder.write("metrics.json", json.as_bytes())?;
        folder.write_predictions(&usage.labels, &scored.films)?;
        // Who the patients are: `compare` needs it.
        split(args, &dataset, &scored).write_csv(&dataset, &folder.split_path())?;
        folder.write_set_aside(&scored.set_aside)?;
        let page = Page {
            judged: model.display().to_string(),
            origin: data.display().to_string(),
            scored: &scored.films,
            positive,
            set_aside: &scored.set_aside,
            patients: Some(dataset.patients),
            films: films.as_ref(),
            audit: audit.as_ref(),
            which: "Every film of the data set that the model can be judged by is a test film."
                .to_owned(),
            seen: seen(&output),
            notices: notices(&output),
            facts: facts(args, &opened),
            network: match &opened {
                Model::Ours(file) => Some((
                    file.header.network.architecture.title(),
                    &file.header.network,
                    &file.header.preprocessing,
                )),
                Model::Foreign(_) => None,
            },
        };
        page.write(&folder, &output, printer)?;
    }
    if let (Some(unlike), Some(likeness)) = (&output.unlike, &scored.likeness) {
        let all = scored.films.len();
        unlike.print(&output.positive_label, all, likeness.group, printer);
    }
    print_gaps(&output, printer);
    printer.line(&usage.operation_text());
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    Ok(Exit::after(output.set_aside))
}

/// What the page says of the model, beside its network.
fn facts(args: &EvaluateArgs, model: &Model) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Device", args.device.clone())];
    match model {
        Model::Ours(file) => facts.push(("Trained on", file.header.dataset.name.clone())),
        Model::Foreign(path) => {
            facts.push(("Model of another program", path.display().to_string()))
        }
    }
    facts
}

/// Whether the model may have been trained on the films or their patients.
fn seen(output: &Output) -> String {
    match &output.own_films {
        None => "The model file does not say which films it was trained on: these may be among them.",
        Some(own) if own.are_included() => {
            "Films that the model was trained on are among these: new films will be harder."
        }
        Some(_) => {
            "Films that the model was trained on are left out. It does not know patients: other films of the same \
             patients may have been in its training."
        }
    }
    .to_owned()
}

/// What the reader of the page must know besides figures.
fn notices(output: &Output) -> Vec<Notice> {
    let mut notices = Vec::new();
    if let Some(own) = output.own_films.as_ref().filter(|own| own.count() > 0) {
        let (severity, what) = match own.are_included() {
            true => (Severity::Problem, "and are in the figures"),
            false => (Severity::Note, "and are left out of the figures"),
        };
        notices.push(Notice {
            severity,
            text: format!(
                "{} of the data were in the model's own training {what}.",
                counted(own.count(), "film")
            ),
        });
    }
    if let Some(unlike) = output.unlike.as_ref().filter(|unlike| unlike.films > 0) {
        notices.push(Notice {
            severity: Severity::Warning,
            text: format!(
                "{} of {} films are unlike the films that the model was trained on.",
                unlike.films, output.test.n
            ),
        });
    }
    notices
}

/// What scores the films of a data set, and says how many are done.
pub(super) type ScoreFilms<F> = fn(
    &Predictor,
    &Dataset,
    OwnFilms,
    &dyn Fn(usize, usize),
) -> Result<ScoredDataset<F>, ScoreError>;

/// Scores the films under a progress bar, and says which could not be scored and which are the model's own.
pub(super) fn score<F>(
    args: &EvaluateArgs,
    (model, data): (&Path, &Path),
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
    print_set_aside(&scored.set_aside, args.output.is_some(), printer);
    print_own_films(
        predictor.usage(),
        &scored.own_films,
        own_films(args),
        printer,
    );
    expect_others(model, data, scored.films.len(), &scored.own_films)?;
    Ok(scored)
}

pub(super) fn own_films(args: &EvaluateArgs) -> OwnFilms {
    match args.include_training_films {
        true => OwnFilms::Included,
        false => OwnFilms::LeftOut,
    }
}

/// Every film in the test part but those that were left out.
pub(super) fn split<F>(args: &EvaluateArgs, dataset: &Dataset, scored: &ScoredDataset<F>) -> Split {
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
