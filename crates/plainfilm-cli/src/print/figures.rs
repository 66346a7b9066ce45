//! The figures of one part of a split.

use plainfilm::evaluate::{Estimate, PartMetrics, classification_report};

use super::table::{Align, render};

/// The figures of one part of a split, for stdout.
pub fn figures_text(part: &PartMetrics) -> String {
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
    let header = format!("{} films, {} patients", part.n, part.patients);
    let columns = [
        (header.as_str(), Align::Left),
        ("", Align::Right),
        ("95 % interval", Align::Right),
        ("by", Align::Left),
    ];
    format!(
        "\n{}\n{}\n{}\n{}",
        render(&columns, &rows),
        classification_report(part),
        confusion_text(part),
        not_shown_text(part),
    )
}

/// What these films are too few to show.
fn not_shown_text(part: &PartMetrics) -> String {
    if part.not_shown.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = part
        .not_shown
        .iter()
        .map(|sentence| format!("  - {sentence}\n"))
        .collect();
    format!("these films do not show\n{}\n", lines.concat())
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
