//! Predictions that any tool wrote.

use std::path::Path;

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::dataset::{
    Dataset, Joined, PatientOrigin, PredictionColumns, PredictionOptions, PredictionTable, Split,
};
use plainfilm::evaluate::{Operation, PositiveLabel, ScoredFilm, counted, evaluate, subgroups};
use plainfilm::report::{Notice, Severity};
use plainfilm::train::RunFolder;

use super::output::{Output, print_gaps, print_output};
use super::page::{Page, audit_films};
use crate::args::EvaluateArgs;
use crate::exit::{Exit, UsageError};
use crate::inputs::renames;
use crate::print::notes::print_notes;
use crate::print::set_aside::{print_lines, print_set_aside};
use crate::printer::{Printer, Style};

/// Judges a table of predictions.
pub(super) fn run(args: &EvaluateArgs, file: &Path, printer: &Printer) -> anyhow::Result<Exit> {
    let columns = args
        .columns
        .as_deref()
        .map(str::parse::<PredictionColumns>)
        .transpose()
        .map_err(|error| UsageError(format!("--columns: {error}")))?;
    let options = PredictionOptions {
        columns: columns.unwrap_or_default(),
        renames: renames(&args.map)?,
        positive: args.positive.clone(),
    };
    let mut table = PredictionTable::open(file, &options)?;
    for note in &table.notes {
        printer.line(&format!("{}  {note}", printer.styled(Style::Bold, "read")));
    }
    check_two_labels(args, &table)?;
    if !table.positive_is_clear {
        let own = PositiveLabel {
            index: table.positive,
            is_clear: false,
        };
        if let Some(doubt) = own.doubt(&table.labels) {
            printer.warning(&doubt);
        }
    }
    print_set_aside(&table.set_aside, args.output.is_some(), printer);
    let joined = match &args.films {
        Some(data) => Some(join(&mut table, data, args, printer)?),
        None => None,
    };
    let patients = match (&joined, table.has_patients) {
        (_, true) => Some(PatientOrigin::Manifest),
        (Some(joined), false) => Some(joined.dataset.patients),
        (None, false) => None,
    };
    if patients.is_none() {
        printer.warning(
            "nothing says who the patients are: every film is taken to show one of its own, and intervals are too \
             narrow where a patient has several (a column `patient`, or --data)",
        );
    }
    let operation = Operation::as_given(args.threshold, "they are judged as the table has them");
    let scored = operation.apply(table.positive, &table.films);
    warn_of_other_answers(&table.films, &scored, printer);
    let audit = joined
        .as_ref()
        .and_then(|joined| audit_films(&joined.dataset, args, printer));
    let test = evaluate(&table.labels, table.positive, &scored);
    let mut figures = operation.judge(
        &table.labels,
        table.positive,
        &scored,
        None,
        args.prevalence,
    );
    figures.add_points_of_these_films(&scored, table.positive);
    let output = Output {
        labels: table.labels.clone(),
        positive_label: table.labels[table.positive].clone(),
        audit: audit
            .as_ref()
            .map(|audit| audit.summary(test.accuracy.value())),
        test,
        operation: Some(operation),
        operation_on_test: Some(figures),
        subgroups: subgroups(&table.labels, table.positive, &scored),
        set_aside: table.set_aside.len(),
        own_films: None,
        unlike: None,
        notice: NOT_A_MEDICAL_DEVICE,
    };
    let json = serde_json::to_string_pretty(&output)? + "\n";
    print_output(&output, &json, args.format, printer);
    if let Some(path) = &args.output {
        let folder = RunFolder::at(path);
        folder.create()?;
        folder.write("metrics.json", json.as_bytes())?;
        folder.write_predictions(&table.labels, &scored)?;
        Split::write_csv_of_test_films(&table.labels, &scored, &folder.split_path())?;
        folder.write_set_aside(&table.set_aside)?;
        let page = Page {
            judged: file.display().to_string(),
            origin: args.films.as_deref().unwrap_or(file).display().to_string(),
            scored: &scored,
            positive: table.positive,
            set_aside: &table.set_aside,
            patients,
            films: joined.as_ref().map(|joined| &joined.dataset),
            audit: audit.as_ref(),
            which: "Every row of the table with a true label is a test film.".to_owned(),
            seen: "The table does not say whether training saw these films or their patients: whoever trained must know."
                .to_owned(),
            notices: notices(&table, joined.as_ref(), patients.is_some()),
            facts: table
                .notes
                .first()
                .map(|taken| ("Columns", taken.clone()))
                .into_iter()
                .collect(),
            network: None,
        };
        page.write(&folder, &output, printer)?;
    }
    print_gaps(&output, printer);
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    Ok(Exit::after(output.set_aside))
}

/// Refuses what makes sense with two labels only.
fn check_two_labels(args: &EvaluateArgs, table: &PredictionTable) -> Result<(), UsageError> {
    let asked = args.positive.is_some() || args.prevalence.is_some() || args.threshold.is_some();
    match asked && table.labels.len() != 2 {
        true => Err(UsageError(format!(
            "--positive, --prevalence and --threshold are for two labels: {} has {}",
            table.origin.display(),
            table.labels.len()
        ))),
        false => Ok(()),
    }
}

/// Opens the films, finds the table's among them, and says what differs.
fn join(
    table: &mut PredictionTable,
    data: &Path,
    args: &EvaluateArgs,
    printer: &Printer,
) -> anyhow::Result<Joined> {
    let options = plainfilm::dataset::DatasetOptions {
        uncertain: args.uncertain.unwrap_or_default(),
        ..Default::default()
    };
    let dataset = Dataset::open(data, &options)?;
    print_notes(&dataset, printer);
    let joined = table.join(&dataset)?;
    let missing = table.films.len() - joined.dataset.films.len();
    if missing > 0 {
        printer.warning(&format!(
            "{missing} of {} films of the table are not in {}: they are judged, but are not in the audit",
            table.films.len(),
            data.display()
        ));
    }
    let lines = joined
        .other_labels
        .iter()
        .map(|(path, [own, other])| format!("{path}: {own} in the table, {other} in the data"));
    let what = format!(
        "{} another true label in the data; the table's counts",
        match lines.len() {
            1 => "1 film has".to_owned(),
            count => format!("{count} films have"),
        }
    );
    print_lines(&what, lines, "", printer);
    Ok(joined)
}

/// Says where the table's own answers are not those of the threshold.
fn warn_of_other_answers(own: &[ScoredFilm], scored: &[ScoredFilm], printer: &Printer) {
    let differs = |(own, scored): &(&ScoredFilm, &ScoredFilm)| {
        own.called
            .is_some_and(|called| called != scored.predicted())
    };
    let count = own.iter().zip(scored).filter(differs).count();
    if count > 0 {
        printer.warning(&format!(
            "{} called otherwise in the table's column `label`: whatever wrote it has a threshold of its own, which \
             --threshold can name",
            match count {
                1 => "1 film is".to_owned(),
                count => format!("{count} films are"),
            }
        ));
    }
}

/// What the reader of the page must know besides figures.
fn notices(table: &PredictionTable, joined: Option<&Joined>, has_patients: bool) -> Vec<Notice> {
    let mut notices = vec![Notice {
        severity: Severity::Note,
        text: "These probabilities are not plainfilm's: they are judged as the table has them."
            .to_owned(),
    }];
    let mut warn = |text: String| {
        notices.push(Notice {
            severity: Severity::Warning,
            text,
        });
    };
    if !has_patients {
        warn(
            "Nothing says who the patients are. Every film is taken to show one of its own: where a patient has \
             several, the intervals are too narrow."
                .to_owned(),
        );
    }
    if let Some(joined) = joined {
        let missing = table.films.len() - joined.dataset.films.len();
        if missing > 0 {
            warn(format!(
                "{} of the table are not in the data: figures have them, audit and pictures have not.",
                counted(missing, "film")
            ));
        }
        if !joined.other_labels.is_empty() {
            warn(format!(
                "{} another true label in the data than in the table, whose labels count here.",
                match joined.other_labels.len() {
                    1 => "1 film has".to_owned(),
                    count => format!("{count} films have"),
                }
            ));
        }
    }
    for note in table.notes.iter().skip(1) {
        warn(format!("{note}."));
    }
    notices
}
