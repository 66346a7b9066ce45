//! The folds of a cross-validation.

use plainfilm::evaluate::{counted, figure_name};
use plainfilm::train::FoldSummary;

use super::table::{Align, render};
use crate::printer::Printer;

/// How figures differ from fold to fold, on stdout.
pub fn print_folds(folds: &FoldSummary, printer: &Printer) {
    let list: Vec<String> = folds.accuracies.iter().map(|a| format!("{a:.4}")).collect();
    printer.sentence(&format!(
        "accuracy by fold: {} (mean {:.4}, standard deviation {:.4})",
        list.join(" "),
        folds.mean_accuracy,
        folds.accuracy_deviation
    ));
    let rows: Vec<Vec<String>> = folds
        .spread
        .iter()
        .map(|spread| {
            vec![
                figure_name(&spread.name),
                spread.mean.to_string(),
                spread.mean.number_ends(4),
                format!("{:.4}", spread.deviation),
                format!("{:.4} to {:.4}", spread.range[0], spread.range[1]),
            ]
        })
        .collect();
    let header = format!("over {}", counted(folds.accuracies.len(), "fold"));
    let columns = [
        (header.as_str(), Align::Left),
        ("mean", Align::Right),
        ("95 % interval of the mean", Align::Right),
        ("deviation", Align::Right),
        ("folds", Align::Right),
    ];
    printer.data(&render(&columns, &rows));
    for repeat in &folds.pooled {
        let figure = |name| {
            repeat
                .figure(name)
                .map_or("n/a".to_owned(), |value| format!("{value:.4}"))
        };
        printer.sentence(&format!(
            "repeat {}, all folds together: accuracy {}, AUROC {}",
            repeat.repeat,
            figure("accuracy"),
            figure("auroc")
        ));
    }
}
