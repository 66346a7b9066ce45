//! What came of a training: in short, or with every table.

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::evaluate::{Estimate, LabelMetrics, PartMetrics, Subgroups, counted};
use plainfilm::train::{ElsewhereEstimate, FoldSummary, Outcome, RunFolder, RunMetrics};

use super::figures::print_figures;
use super::findings::print_findings;
use super::folds::print_folds;
use super::operation::print_operation;
use super::set_aside::{print_set_aside, print_set_aside_briefly};
use super::table::{Align, render};
use super::verdict::{print_audit, print_audit_briefly};
use crate::printer::{Printer, Style};

/// How much a training says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// The end in short, and no line an epoch: the training is one step of a longer demonstration.
    EndOnly,
    /// A line an epoch, and the end in short.
    #[default]
    Short,
    /// A line an epoch, and every table.
    Tables,
}

impl Detail {
    /// What `--verbose` asks for.
    pub fn of_verbose(verbose: bool) -> Self {
        if verbose { Self::Tables } else { Self::Short }
    }
}

/// What was reached, once the training has ended. In short it is at most 25 lines of 100 columns: whoever comes
/// back to the terminal should see all of it, and the report has the rest.
pub fn print_outcome(outcome: &Outcome, folder: &RunFolder, detail: Detail, printer: &Printer) {
    let metrics = &outcome.metrics;
    let verbose = detail == Detail::Tables;
    if verbose {
        print_set_aside(&outcome.set_aside, true, printer);
        print_tables(outcome, printer);
    } else {
        print_set_aside_briefly(&outcome.set_aside, printer);
        print_in_short(outcome, printer);
    }
    if let Some(other) = &metrics.ungrouped {
        printer.sentence(&format!(
            "the same cross-validation without regard to patients: accuracy {}, AUROC {}; {} of {} test \
             films show a patient who is in training",
            other.test.accuracy.percent_with_ends(1, 1),
            other.test.auroc.number_with_ends(4),
            other.test_films_with_patient_in_training,
            other.test.n
        ));
    }
    if let Some(estimate) = &metrics.elsewhere {
        print_elsewhere(estimate, verbose, printer);
    }
    print_gaps(&metrics.subgroups, verbose, printer);
    if let Some(audit) = &metrics.audit {
        if verbose {
            print_audit(audit, printer);
        } else {
            print_audit_briefly(audit, printer);
        }
    }
    printer.line(&format!("split   {}", metrics.split));
    if metrics.test_films_with_patient_in_training > 0 {
        printer.warning(&format!(
            "{} of {} test films show a patient who is in training too: the figures above flatter the model",
            metrics.test_films_with_patient_in_training,
            metrics.test.as_ref().map_or(0, |test| test.n),
        ));
    }
    let report = folder.root().join("report.html").display().to_string();
    printer.line(&format!(
        "report  {}{}",
        printer.styled(Style::Bold, &report),
        match detail {
            Detail::EndOnly => " has all figures",
            Detail::Short => " has all figures; --verbose prints them here",
            Detail::Tables => "",
        }
    ));
    // A demonstration says so once, at its own end.
    if detail != Detail::EndOnly {
        printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    }
}

/// What the training reaches on sources that it has not seen, beside what it reaches inside.
fn print_elsewhere(estimate: &ElsewhereEstimate, verbose: bool, printer: &Printer) {
    let elsewhere = match estimate {
        ElsewhereEstimate::Unknown { unknown } => {
            printer.sentence(&format!("elsewhere  unknown: {unknown}"));
            return;
        }
        ElsewhereEstimate::Measured(elsewhere) => elsewhere,
    };
    printer.sentence(&format!(
        "elsewhere  AUROC {} on {} left out in turn, compared within each{}; sensitivity {}, specificity {}",
        elsewhere.auroc.number_with_ends(2),
        counted(elsewhere.sources.len(), "source"),
        match elsewhere.auroc_by_source.ends() {
            Some((low, high)) => format!(" ({low:.2} to {high:.2} over sources to come)"),
            None => String::new(),
        },
        elsewhere.sensitivity.percent(0),
        elsewhere.specificity.percent(0),
    ));
    if verbose {
        let header = [
            ("source left out", Align::Left),
            ("films", Align::Right),
            ("positive", Align::Right),
            ("AUROC", Align::Right),
        ];
        let rows: Vec<Vec<String>> = elsewhere
            .sources
            .iter()
            .map(|source| {
                let auroc = source.auroc.value();
                vec![
                    source.name.clone(),
                    source.films.to_string(),
                    source.positive.to_string(),
                    auroc.map_or("n/a".to_owned(), |auroc| format!("{auroc:.2}")),
                ]
            })
            .collect();
        printer.data(&render(&header, &rows));
    }
}

/// Films that stand for the network: those of the test, or of the training where no test film was left.
fn judged(metrics: &RunMetrics) -> Option<(&'static str, &PartMetrics)> {
    let test = metrics.test.as_ref().map(|part| ("test", part));
    test.or_else(|| metrics.train.as_ref().map(|part| ("training", part)))
}

/// Every figure that the run has.
fn print_tables(outcome: &Outcome, printer: &Printer) {
    let metrics = &outcome.metrics;
    if let Some((_, part)) = judged(metrics) {
        print_figures(part, printer);
    }
    if let Some(figures) = &metrics.operation_on_test {
        print_operation(figures, printer);
    }
    if let Some(figures) = &metrics.findings {
        printer.sentence("\nThe figures above are of whether a film shows any finding.");
        print_findings(figures, printer);
    }
    if let Some(operation) = &metrics.operation {
        printer.line(&format!(
            "probabilities: {}; threshold {:.3} ({})",
            operation.calibration.chosen, operation.threshold, operation.chosen
        ));
    }
    print_last_epoch(metrics, printer);
    if let Some(folds) = &outcome.folds {
        print_folds(folds, printer);
    }
}

/// The figures that a reader asks for first, each with its interval.
fn print_in_short(outcome: &Outcome, printer: &Printer) {
    let metrics = &outcome.metrics;
    let Some((name, part)) = judged(metrics) else {
        return;
    };
    printer.data(&format!("\n{}", short_table(name, part, metrics)));
    if let Some(findings) = &metrics.findings {
        let of = &findings.averages;
        printer.sentence(&format!(
            "the above is of whether a film shows any finding; over {} findings: macro AUROC {}",
            of.findings,
            of.macro_auroc.number_with_ends(4)
        ));
    }
    if let Some(folds) = &outcome.folds {
        printer.sentence(&folds_in_short(folds));
    }
    print_last_epoch(metrics, printer);
    if let Some((first, rest)) = part.not_shown.split_first() {
        let more = match rest.len() {
            0 => String::new(),
            count => format!(" ({count} more in the report)"),
        };
        printer.sentence(&format!("these films do not show {first}{more}"));
    }
}

fn short_table(name: &str, part: &PartMetrics, metrics: &RunMetrics) -> String {
    let percent = |name: &str, figure: &Estimate| {
        [name.to_owned(), figure.percent(1), figure.percent_ends(1)].to_vec()
    };
    let mut rows = vec![
        percent("accuracy", &part.accuracy),
        percent("balanced accuracy", &part.balanced_accuracy),
        vec![
            "AUROC".to_owned(),
            part.auroc.to_string(),
            part.auroc.number_ends(4),
        ],
    ];
    if let [_, _] = part.per_label.as_slice() {
        let positive = part
            .per_label
            .iter()
            .find(|(label, _)| *label == metrics.positive_label);
        if let Some((label, figures)) = positive {
            rows.push(percent(
                &format!("sensitivity of {label}"),
                &figures.sensitivity,
            ));
            rows.push(percent(
                &format!("specificity of {label}"),
                &figures.specificity,
            ));
        }
    } else {
        // The label that fares worst says more than a mean, and all would be too many lines.
        for (what, of) in [
            ("sensitivity", (|label| &label.sensitivity) as Of),
            ("specificity", |label| &label.specificity),
        ] {
            if let Some((label, figure)) = lowest(part, of) {
                rows.push(percent(&format!("lowest {what}: {label}"), figure));
            }
        }
    }
    let header = format!(
        "{} of {}",
        counted(part.n, &format!("{name} film")),
        counted(part.patients, "patient")
    );
    let columns = [
        (header.as_str(), Align::Left),
        ("", Align::Right),
        ("95 % interval", Align::Right),
    ];
    render(&columns, &rows)
}

/// One figure of a label.
type Of = fn(&LabelMetrics) -> &Estimate;

/// The label whose figure is the lowest, where any is defined.
fn lowest(part: &PartMetrics, of: Of) -> Option<(&str, &Estimate)> {
    part.per_label
        .iter()
        .map(|(label, figures)| (label.as_str(), of(figures)))
        .filter(|(_, figure)| figure.value().is_some())
        .min_by(|(_, one), (_, other)| {
            one.value()
                .partial_cmp(&other.value())
                .unwrap_or(std::cmp::Ordering::Equal)
        })
}

/// Means over folds with their intervals.
fn folds_in_short(folds: &FoldSummary) -> String {
    let mean = |name: &str| {
        let spread = folds.spread.iter().find(|spread| spread.name == name);
        spread.map_or("n/a".to_owned(), |spread| spread.mean.number_with_ends(4))
    };
    format!(
        "mean over {} folds: accuracy {}, AUROC {}",
        folds.accuracies.len(),
        mean("accuracy"),
        mean("auroc")
    )
}

fn print_last_epoch(metrics: &RunMetrics, printer: &Printer) {
    if let (Some(last), Some(best)) = (&metrics.last_epoch, metrics.best_epoch) {
        printer.sentence(&format!(
            "above: epoch {best}, the best by validation loss. The last, epoch {}: accuracy {}, AUROC {}, loss {}",
            last.epoch, last.test.accuracy, last.test.auroc, last.test.loss
        ));
    }
}

/// Groups of films on which the network does not do as well as on the others.
fn print_gaps(subgroups: &Subgroups, all: bool, printer: &Printer) {
    let gaps = &subgroups.gaps;
    if all {
        if gaps.is_empty()
            && let Some(sentence) = subgroups.sentence()
        {
            printer.sentence(&sentence);
        }
        for sentence in &subgroups.skipped {
            printer.sentence(&format!("{sentence}."));
        }
    }
    let shown = if all { gaps.len() } else { gaps.len().min(1) };
    for gap in &gaps[..shown] {
        printer.warning(&format!("not the same for all: {gap}"));
    }
    if gaps.len() > shown {
        printer.line(&format!(
            "  and {} more such gaps: see the report",
            gaps.len() - shown
        ));
    }
}
