//! Findings, of which a film may have any number.

use plainfilm::evaluate::Estimate;
use plainfilm::train::FindingsFigures;

use super::many::{MOST_ROWS, more_rows};
use super::table::{Align, render, render_within};
use crate::printer::Printer;

/// The figures of each finding and the averages over all, on stdout.
pub fn print_findings(figures: &FindingsFigures, printer: &Printer) {
    let with_ends = |figure: &Estimate| figure.number_with_ends(3);
    let columns = [
        ("finding", Align::Left),
        ("films", Align::Right),
        ("of", Align::Right),
        ("AUROC", Align::Left),
        ("AUPRC", Align::Left),
        ("from", Align::Right),
        ("sensitivity", Align::Left),
        ("specificity", Align::Left),
        ("F1", Align::Left),
    ];
    let rows: Vec<Vec<String>> = figures
        .each
        .iter()
        .take(MOST_ROWS)
        .map(|own| {
            vec![
                own.finding.clone(),
                own.present.to_string(),
                own.known.to_string(),
                with_ends(&own.auroc),
                with_ends(&own.auprc),
                own.threshold
                    .map_or(String::new(), |threshold| format!("{threshold:.3}")),
                with_ends(&own.sensitivity),
                with_ends(&own.specificity),
                with_ends(&own.f1),
            ]
        })
        .collect();
    let of = &figures.averages;
    let header = format!("over {} findings", of.findings);
    let averages = [
        (header.as_str(), Align::Left),
        ("AUROC", Align::Left),
        ("AUPRC", Align::Left),
        ("F1", Align::Left),
    ];
    let mean = |name: &str, cells: [&Estimate; 3]| {
        let mut row = vec![name.to_owned()];
        row.extend(cells.map(with_ends));
        row
    };
    let means = [
        mean("macro", [&of.macro_auroc, &of.macro_auprc, &of.macro_f1]),
        mean(
            "weighted",
            [&of.weighted_auroc, &of.weighted_auprc, &of.weighted_f1],
        ),
        mean("micro", [&of.micro_auroc, &of.micro_auprc, &of.micro_f1]),
    ];
    printer.data(&format!(
        "\n{}{}\n{}\n",
        // A finding's AUROC and what its calls do come before how they were called.
        render_within(printer.table_width(), &[7, 6, 5, 2, 4, 8], &columns, &rows),
        more_rows(figures.each.len()),
        render(&averages, &means),
    ));
    printer.sentence(&format!(
        "{} of all predictions are right; on {} of the films all are",
        of.accuracy.percent(1),
        of.exact.percent(1)
    ));
}
