//! The figures of one part of a split.

use plainfilm::evaluate::{Estimate, PartMetrics, classification_report, counted};

use super::table::{Align, render, render_within};
use crate::printer::Printer;

/// The figures of one part of a split, on stdout.
pub fn print_figures(part: &PartMetrics, printer: &Printer) {
    let figure = |name: String, figure: &Estimate| {
        vec![
            name,
            figure.to_string(),
            figure.number_ends(4),
            figure.method.clone(),
        ]
    };
    let mut rows: Vec<Vec<String>> = [
        ("accuracy", &part.accuracy),
        ("balanced accuracy", &part.balanced_accuracy),
        ("AUROC", &part.auroc),
        ("AUPRC", &part.auprc),
        ("loss", &part.loss),
        ("Brier score", &part.brier),
        ("calibration error", &part.ece),
        ("Cohen's kappa", &part.kappa),
        ("Matthews correlation", &part.mcc),
    ]
    .map(|(name, estimate)| figure(name.to_owned(), estimate))
    .into();
    let after = rows
        .iter()
        .position(|row| row[0] == "calibration error")
        .map_or(rows.len(), |place| place + 1);
    rows.splice(after..after, luck_rows(part));
    rows.extend(
        part.top_2_accuracy
            .iter()
            .map(|estimate| figure("among the two most probable".to_owned(), estimate)),
    );
    for (label, figures) in &part.per_label {
        rows.push(figure(
            format!("sensitivity of {label}"),
            &figures.sensitivity,
        ));
        rows.push(figure(
            format!("specificity of {label}"),
            &figures.specificity,
        ));
        // With two labels both have the same area.
        if part.per_label.len() > 2 {
            rows.push(figure(format!("AUROC of {label}"), &figures.auroc));
        }
    }
    let header = format!(
        "{}, {}",
        counted(part.n, "film"),
        counted(part.patients, "patient")
    );
    let columns = [
        (header.as_str(), Align::Left),
        ("", Align::Right),
        ("95 % interval", Align::Right),
        ("by", Align::Left),
    ];
    printer.data(&format!(
        "\n{}\n{}\n{}\n",
        // How an interval was made can be spared first.
        render_within(printer.table_width(), &[3], &columns, &rows),
        classification_report(part),
        confusion_text(part),
    ));
    print_not_shown(part, printer);
}

/// What stands beside the calibration error, which luck alone keeps above 0.
fn luck_rows(part: &PartMetrics) -> Vec<Vec<String>> {
    let luck = &part.calibration;
    let mut rows = Vec::new();
    if let Some([low, high]) = luck.if_perfect {
        rows.push(vec![
            "  if perfectly calibrated".to_owned(),
            String::new(),
            format!("{low:.4} to {high:.4}"),
            "labels drawn from the probabilities".to_owned(),
        ]);
    }
    if luck.debiased.value().is_some() {
        rows.push(vec![
            "  without what luck adds".to_owned(),
            luck.debiased.to_string(),
            String::new(),
            "root mean square, debiased".to_owned(),
        ]);
    }
    rows
}

/// What these films are too few to show.
fn print_not_shown(part: &PartMetrics, printer: &Printer) {
    if part.not_shown.is_empty() {
        return;
    }
    printer.sentence("these films do not show");
    for sentence in &part.not_shown {
        printer.sentence(&format!("  - {sentence}"));
    }
    printer.sentence("");
}

fn confusion_text(part: &PartMetrics) -> String {
    let labels: Vec<&str> = part
        .per_label
        .iter()
        .map(|(label, _)| label.as_str())
        .collect();
    let mut header = vec![("truth \\ predicted", Align::Left)];
    header.extend(labels.iter().map(|label| (*label, Align::Right)));
    let rows: Vec<Vec<String>> = labels
        .iter()
        .zip(part.confusion_matrix.rows())
        .map(|(label, row)| {
            let mut cells = vec![(*label).to_owned()];
            cells.extend(row.iter().map(ToString::to_string));
            cells
        })
        .collect();
    render(&header, &rows)
}
