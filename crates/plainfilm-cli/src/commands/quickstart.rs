//! `plainfilm quickstart`: the whole path on synthetic films, without any data to find.

use std::path::{Path, PathBuf};

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::dataset::phantom::PhantomSettings;
use plainfilm::dataset::{Dataset, DatasetOptions};
use plainfilm::evaluate::{PartMetrics, counted, evaluate};
use plainfilm::model::Architecture;
use plainfilm::predict::{OwnFilms, Predictor, score_dataset};
use plainfilm::train::{RunFolder, TrainDefaults, TrainSettings};

use super::{data, predict, train};
use crate::args::QuickstartArgs;
use crate::exit::{Exit, UsageError};
use crate::inputs::model_file;
use crate::print::outcome::Detail;
use crate::printer::{Printer, Style};
use crate::settings::{available_threads, use_threads};

/// Films of the training hospital, most of whose label can be read off the site.
const FILMS: usize = 240;
/// Films of a second set in which the site says nothing.
const ELSEWHERE: usize = 120;
/// Longer side of a drawn film, in pixels.
const FILM_SIZE: usize = 256;
/// How strongly the site gives the label away in the training films.
const SHORTCUT: f64 = 0.9;
/// Small enough for two minutes on two cores.
const INPUT_SIZE: usize = 96;
const EPOCHS: usize = 12;

/// Draws films, trains, evaluates, predicts and reports.
pub fn run(args: &QuickstartArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let output = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from("plainfilm-quickstart"));
    let (here, elsewhere, run) = (
        output.join("films"),
        output.join("films-elsewhere"),
        output.join("run"),
    );
    if output
        .read_dir()
        .is_ok_and(|mut entries| entries.next().is_some())
    {
        return Err(UsageError(format!(
            "{} is not empty\nhint: remove it, or name another --output",
            output.display()
        ))
        .into());
    }
    let threads = args.threads.unwrap_or_else(available_threads);
    use_threads(threads)?;
    step(
        printer,
        1,
        "draw synthetic chest films whose site gives the label away",
    );
    let films = |count, shortcut, seed| PhantomSettings {
        count,
        size: FILM_SIZE,
        seed,
        shortcut,
    };
    data::draw(&films(FILMS, SHORTCUT, args.seed), &here, printer)?;
    data::draw(&films(ELSEWHERE, 0.0, args.seed + 1), &elsewhere, printer)?;

    step(printer, 2, "train a small network on them, by patient");
    let mut settings = TrainSettings::defaults(TrainDefaults {
        data: here.clone(),
        model: Architecture::DarkCovidNet,
        seed: args.seed,
        threads,
    });
    settings.preprocessing.size = INPUT_SIZE;
    settings.epochs = EPOCHS;
    let folder = RunFolder::at(&run);
    let with = train::With {
        detail: Detail::EndOnly,
        ..train::With::default()
    };
    let outcome = train::train(settings, with, &folder, printer)?;

    step(
        printer,
        3,
        "test the same network on films where the site says nothing",
    );
    let predictor = Predictor::new(&model_file(&run)?, &plainfilm::device::parse("cpu")?)?;
    let there = score_elsewhere(&predictor, &elsewhere)?;
    printer.sentence(&format!(
        "{} of {}: accuracy {}, AUROC {}",
        counted(there.n, "film"),
        counted(there.patients, "patient"),
        there.accuracy.percent_with_ends(1, 1),
        there.auroc.number_with_ends(4)
    ));

    step(printer, 4, "predict single films");
    let films = first_films(&elsewhere, 3)?;
    predict::print_table(&predictor, &films, printer)?;

    printer.line("");
    if let Some(test) = &outcome.metrics.test {
        printer.line(&lesson(test, &there, printer));
    }
    printer.line(&format!(
        "\nlook at   {}\nthen try  plainfilm train YOUR_FOLDER     (one sub-folder per label, or a manifest.csv)\n          plainfilm predict FILM.png      (the bundled model: Covid-19 or anything else)\n          plainfilm data fetch covid-xray (the films of the published notebook)",
        printer.styled(Style::Bold, &run.join("report.html").display().to_string())
    ));
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    Ok(Exit::after(outcome.set_aside.len()))
}

fn step(printer: &Printer, number: usize, what: &str) {
    printer.line(&format!(
        "\n{}",
        printer.styled(Style::Bold, &format!("[{number}/4] {what}"))
    ));
}

fn score_elsewhere(predictor: &Predictor, folder: &Path) -> anyhow::Result<PartMetrics> {
    let header = predictor.usage();
    let dataset = Dataset::open(folder, &DatasetOptions::default())?
        .with_labels(&header.labels, &std::collections::BTreeMap::new())?;
    let scored = score_dataset(predictor, &dataset, OwnFilms::Included, &|_, _| {})?;
    Ok(evaluate(
        &header.labels,
        predictor.usage().positive,
        &scored.films,
    ))
}

fn first_films(folder: &Path, count: usize) -> anyhow::Result<Vec<String>> {
    let dataset = Dataset::open(folder, &DatasetOptions::default())?;
    let step = (dataset.films.len() / count).max(1);
    Ok(dataset
        .films
        .iter()
        .step_by(step)
        .take(count)
        .map(|film| folder.join(&film.path).display().to_string())
        .collect())
}

/// What the two accuracies say, in one sentence.
fn lesson(here: &PartMetrics, there: &PartMetrics, printer: &Printer) -> String {
    let (Some(a), Some(b)) = (here.accuracy.value(), there.accuracy.value()) else {
        return "one of the two sets had no film to test".to_owned();
    };
    let text = format!(
        "accuracy {:.1} % on test films of the same two sites, {:.1} % where the site says nothing: ",
        100.0 * a,
        100.0 * b
    );
    let reading = if a - b > 0.1 {
        "the network learned the site, not the lungs. A test set of the same origin cannot show it."
    } else {
        "here the network did not lean on the site."
    };
    format!("{}{reading}", printer.styled(Style::Yellow, &text))
}
