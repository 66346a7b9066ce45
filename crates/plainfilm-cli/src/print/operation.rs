//! Thresholds, and what they do.

use plainfilm::evaluate::{Estimate, OperationFigures};

use super::table::{Align, render_within};
use crate::printer::Printer;

/// What thresholds do, on stdout; nothing with more than two labels.
pub fn print_operation(figures: &OperationFigures, printer: &Printer) {
    let percent = |figure: &Estimate| figure.percent_with_ends(1, 0);
    let rows: Vec<Vec<String>> = figures
        .points
        .iter()
        .map(|point| {
            let of = &point.figures;
            let mut row = vec![point.rule.clone(), format!("{:.3}", point.threshold)];
            row.extend([&of.sensitivity, &of.specificity, &of.ppv, &of.npv].map(percent));
            row
        })
        .collect();
    if !rows.is_empty() {
        let columns = [
            ("threshold", Align::Left),
            ("from", Align::Right),
            ("sensitivity", Align::Right),
            ("specificity", Align::Right),
            ("PPV", Align::Right),
            ("NPV", Align::Right),
        ];
        // A predictive value follows from the others and the prevalence.
        printer.data(&render_within(
            printer.table_width(),
            &[4, 5],
            &columns,
            &rows,
        ));
        printer.sentence(&format!(
            "PPV and NPV at a prevalence of {:.1} %: {}",
            100.0 * figures.prevalence,
            figures.prevalence_from
        ));
        let worth = figures.points.first().and_then(|point| {
            let worth = point.net_benefit.as_ref()?;
            Some(worth.sentence(point.threshold, figures.prevalence))
        });
        if let Some(worth) = worth {
            printer.sentence(&worth);
        }
    }
    if let Some(answered) = &figures.answered {
        printer.sentence(&format!(
            "classified {} of the films, {} of these rightly; the others are \u{201c}not sure\u{201d}",
            percent(&answered.coverage),
            percent(&answered.accuracy)
        ));
    }
}
