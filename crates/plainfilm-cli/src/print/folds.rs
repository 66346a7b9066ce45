//! The folds of a cross-validation.

use plainfilm::evaluate::figure_name;
use plainfilm::train::FoldSummary;

use super::table::{Align, render};

/// How figures differ from fold to fold, for stdout.
pub fn folds_text(folds: &FoldSummary) -> String {
    let list: Vec<String> = folds.accuracies.iter().map(|a| format!("{a:.4}")).collect();
    let mut text = format!(
        "accuracy by fold: {} (mean {:.4}, standard deviation {:.4})\n",
        list.join(" "),
        folds.mean_accuracy,
        folds.accuracy_deviation
    );
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
    let header = format!("over {} folds", folds.accuracies.len());
    let columns = [
        (header.as_str(), Align::Left),
        ("mean", Align::Right),
        ("95 % interval of the mean", Align::Right),
        ("deviation", Align::Right),
        ("folds", Align::Right),
    ];
    text.push_str(&render(&columns, &rows));
    for repeat in &folds.pooled {
        let figure = |name| {
            repeat
                .figure(name)
                .map_or("n/a".to_owned(), |value| format!("{value:.4}"))
        };
        text.push_str(&format!(
            "repeat {}, all folds together: accuracy {}, AUROC {}\n",
            repeat.repeat,
            figure("accuracy"),
            figure("auroc")
        ));
    }
    text
}
