//! A model whose films may have any number of findings.

use std::path::Path;

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::dataset::{Dataset, DatasetOptions};
use plainfilm::evaluate::Operation;
use plainfilm::predict::{Predictor, score_findings};
use plainfilm::train::{FindingsFigures, RunFolder};
use serde::Serialize;

use super::model::{own_films, score, split};
use crate::args::{EvaluateArgs, TableFormat};
use crate::exit::Exit;
use crate::inputs::renames;
use crate::print::doubts::print_doubts;
use crate::print::findings::print_findings;
use crate::print::notes::print_notes;
use crate::print::own_films::OwnFilmCounts;
use crate::printer::{Printer, Style};

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

/// Scores films with a model of findings and prints the figures.
pub(super) fn run(
    args: &EvaluateArgs,
    paths: (&Path, &Path),
    options: &DatasetOptions,
    predictor: &Predictor,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let usage = predictor.usage();
    let dataset = Dataset::open(paths.1, options)?;
    print_notes(&dataset, printer);
    let dataset = dataset.with_findings(&usage.labels, &renames(&args.map)?)?;
    let scored = score(args, paths, predictor, &dataset, score_findings, printer)?;
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
    printer.line(&usage.operation_text());
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    Ok(Exit::after(output.set_aside))
}
