//! The figures of one part of a split.

use plainfilm::evaluate::{Estimate, PartMetrics, classification_report, counted};

use super::many::{MOST_ROWS, more_rows};
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
    // Of more labels, the classification report has them row by row.
    let each = if part.per_label.len() > MOST_ROWS {
        &[]
    } else {
        part.per_label.as_slice()
    };
    for (label, figures) in each {
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
        shortened_report(part),
        confusion_text(part),
    ));
    print_not_shown(part, printer);
}

/// The classification report without the labels that are too many for a terminal.
fn shortened_report(part: &PartMetrics) -> String {
    let labels = part.per_label.len();
    let text = classification_report(part);
    // A header and an empty line come before the labels.
    let (first, last) = (2 + MOST_ROWS, 2 + labels);
    let mut shown = String::new();
    for (number, line) in text.lines().enumerate() {
        if number == first && number < last {
            shown.push_str(&more_rows(labels));
        }
        if number < first || number >= last {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown
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
            "  without what chance adds".to_owned(),
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
    for sentence in part.not_shown.iter().take(MOST_ROWS) {
        printer.sentence(&format!("  - {sentence}"));
    }
    let more = more_rows(part.not_shown.len());
    if !more.is_empty() {
        printer.sentence(&format!("  - {}", more.trim_end()));
    }
    printer.sentence("");
}

fn confusion_text(part: &PartMetrics) -> String {
    if part.per_label.len() > MOST_ROWS {
        return format!(
            "the confusion matrix of {} labels is in the report, and in metrics.json\n",
            part.per_label.len()
        );
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm::evaluate::{ScoredFilm, evaluate};

    #[test]
    fn two_hundred_labels_take_few_lines() {
        for (count, lines, shows_all) in [(12, 18, true), (13, 19, false), (200, 19, false)] {
            let labels: Vec<String> = (0..count).map(|label| format!("label {label}")).collect();
            let scored: Vec<ScoredFilm> = (0..count)
                .map(|truth| {
                    let mut probabilities = vec![0.0; count];
                    probabilities[truth] = 1.0;
                    ScoredFilm::alone(format!("{truth}.png"), truth, probabilities)
                })
                .collect();
            let part = evaluate(&labels, 0, &scored);
            let report = shortened_report(&part);
            assert_eq!(report.lines().count(), lines, "{report}");
            assert!(!report.contains("label 12 "));
            assert_eq!(report == classification_report(&part), shows_all);
            assert_eq!(confusion_text(&part).lines().count() > 2, shows_all);
        }
    }
}
