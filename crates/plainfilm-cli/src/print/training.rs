//! What a training is about to do, and what came of it.

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::dataset::Dataset;
use plainfilm::model::Freeze;
use plainfilm::train::{Outcome, RunFolder, TrainSettings};

use super::figures::figures_text;
use super::findings::findings_text;
use super::folds::folds_text;
use super::operation::operation_text;
use super::set_aside::print_set_aside;
use super::verdict::print_audit;
use crate::printer::{Printer, Style};

/// The films, the network and the folder, before the training begins.
pub fn describe(
    dataset: &Dataset,
    settings: &TrainSettings,
    folder: &RunFolder,
    printer: &Printer,
) {
    let outputs = dataset.outputs().iter().zip(dataset.films_per_output());
    let counts: Vec<String> = outputs
        .map(|(label, films)| format!("{films} {label}"))
        .collect();
    printer.line(&format!(
        "{}  {} films: {}",
        printer.styled(Style::Bold, "data"),
        dataset.films.len(),
        counts.join(", ")
    ));
    printer.line(&format!(
        "{} {} at {} px, {} epochs, batch {}, {} with {} threads, seed {}",
        printer.styled(Style::Bold, "model"),
        settings.model,
        settings.preprocessing.size,
        settings.epochs,
        settings.batch,
        settings.device,
        settings.threads,
        settings.seed
    ));
    printer.line(&format!(
        "{}   {}",
        printer.styled(Style::Bold, "run"),
        folder.root().display()
    ));
    let frozen = match &settings.freeze {
        Freeze::None => None,
        Freeze::Backbone => Some(
            "the backbone is frozen and its weights are random: only the head learns".to_owned(),
        ),
        Freeze::Before(stage) => Some(format!(
            "the layers before {stage} are frozen and their weights are random"
        )),
    };
    if let Some(frozen) = frozen.filter(|_| settings.weights.is_none()) {
        printer.warning(&format!(
            "{frozen}\nhint: --weights FILE starts from fitted ones, --freeze none trains it all, slowly"
        ));
    }
    if dataset.synthetic {
        printer.warning("these films are synthetic: no figure below says anything about patients");
    }
}

/// What was reached, once the training has ended.
pub fn print_outcome(outcome: &Outcome, folder: &RunFolder, printer: &Printer) {
    print_set_aside(&outcome.set_aside, printer);
    let metrics = &outcome.metrics;
    let part = metrics.test.as_ref().or(metrics.train.as_ref());
    if let Some(part) = part {
        printer.data(&figures_text(part));
    }
    if let Some(figures) = &metrics.operation_on_test {
        printer.data(&operation_text(figures));
    }
    if let Some(figures) = &metrics.findings {
        printer.data("\nThe figures above are of whether a film shows any finding.\n");
        printer.data(&findings_text(figures));
    }
    if let Some(operation) = &metrics.operation {
        printer.line(&format!(
            "probabilities: {}; threshold {:.3} ({})",
            operation.calibration.chosen, operation.threshold, operation.chosen
        ));
    }
    if let (Some(last), Some(best)) = (&metrics.last_epoch, metrics.best_epoch) {
        printer.data(&format!(
            "above: epoch {best}, the best by validation loss. The last, epoch {}: accuracy {}, AUROC {}, loss {}\n",
            last.epoch, last.test.accuracy, last.test.auroc, last.test.loss
        ));
    }
    if let Some(folds) = &outcome.folds {
        printer.data(&folds_text(folds));
    }
    if let Some(other) = &metrics.ungrouped {
        printer.data(&format!(
            "the same cross-validation without regard to patients: accuracy {} ({}), AUROC {} ({}); {} of {} test \
             films show a patient who is in training\n",
            other.test.accuracy.percent(1),
            other.test.accuracy.percent_ends(1),
            other.test.auroc,
            other.test.auroc.number_ends(4),
            other.test_films_with_patient_in_training,
            other.test.n
        ));
    }
    for gap in &metrics.subgroups.gaps {
        printer.warning(&format!("not the same for all: {gap}"));
    }
    if let Some(audit) = &metrics.audit {
        print_audit(audit, printer);
    }
    printer.line(&format!("split   {}", metrics.split));
    if metrics.test_films_with_patient_in_training > 0 {
        printer.warning(&format!(
            "{} of {} test films show a patient who is in training too: the figures above flatter the model",
            metrics.test_films_with_patient_in_training,
            metrics.test.as_ref().map_or(0, |test| test.n),
        ));
    }
    let report = folder.root().join("report.html");
    printer.line(&format!(
        "report  {}",
        printer.styled(Style::Bold, &report.display().to_string())
    ));
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
}
