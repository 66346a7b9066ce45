//! The table that users of scikit-learn know.

use super::{Figure, LabelMetrics, PartMetrics};

/// Lays out precision, recall, F1 and support exactly as
/// `sklearn.metrics.classification_report(…, zero_division=nan)` does, except that an undefined figure
/// reads `n/a`. Averages leave undefined figures out.
pub fn classification_report(metrics: &PartMetrics) -> String {
    let rows = &metrics.per_label;
    let width = rows
        .iter()
        .map(|(label, _)| label.chars().count())
        .chain(["weighted avg".len()])
        .max()
        .unwrap_or(0);
    let mut text = format!(
        "{:>width$}  {:>9} {:>9} {:>9} {:>9}\n\n",
        "", "precision", "recall", "f1-score", "support"
    );
    let row = |name: &str, [precision, recall, f1]: [Figure; 3], support: u64| {
        format!("{name:>width$}  {precision:>9.2} {recall:>9.2} {f1:>9.2} {support:>9}\n")
    };
    for (label, figures) in rows {
        let shown =
            [&figures.precision, &figures.sensitivity, &figures.f1].map(|estimate| estimate.value);
        text.push_str(&row(label, shown, figures.support));
    }
    let total = metrics.confusion_matrix.total();
    text.push_str(&format!(
        "\n{:>width$}  {:>9} {:>9} {:>9.2} {total:>9}\n",
        "accuracy", "", "", metrics.accuracy
    ));
    text.push_str(&row("macro avg", averages(rows, |_| 1.0), total));
    let by_support = averages(rows, |label| label.support as f64);
    text.push_str(&row("weighted avg", by_support, total));
    text
}

/// Weighted means of precision, recall and F1 over the labels that define them.
fn averages(rows: &[(String, LabelMetrics)], weight: impl Fn(&LabelMetrics) -> f64) -> [Figure; 3] {
    let average = |figure: fn(&LabelMetrics) -> Figure| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for (_, label) in rows {
            if let Some(value) = figure(label).value() {
                sum += value * weight(label);
                weights += weight(label);
            }
        }
        Figure::ratio(sum, weights)
    };
    [
        average(|label| label.precision.value),
        average(|label| label.sensitivity.value),
        average(|label| label.f1.value),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScoredFilm, evaluate};

    #[test]
    fn the_layout() {
        let labels = ["Covid-19".to_owned(), "No_findings".to_owned()];
        let film = |truth, first| ScoredFilm::alone("film.png", truth, vec![first, 1.0 - first]);
        let scored = [film(0, 0.9), film(0, 0.2), film(1, 0.1), film(1, 0.3)];
        assert_eq!(
            classification_report(&evaluate(&labels, 0, &scored)),
            "              precision    recall  f1-score   support\n\
             \n\
             \x20   Covid-19       1.00      0.50      0.67         2\n\
             \x20No_findings       0.67      1.00      0.80         2\n\
             \n\
             \x20   accuracy                           0.75         4\n\
             \x20  macro avg       0.83      0.75      0.73         4\n\
             weighted avg       0.83      0.75      0.73         4\n"
        );
    }
}
