//! What the page says about films from elsewhere.

use super::ReportInput;
use plainfilm_figures::Estimate;
use plainfilm_train::ElsewhereEstimate;

/// What the training reaches on sources that it has not seen.
pub(super) struct ElsewhereView<'a> {
    pub unknown: Option<&'a str>,
    /// Name, value, interval.
    pub figures: Vec<(&'static str, String, String)>,
    /// The label that is counted.
    pub positive: &'a str,
    /// Source, films, positive films, AUROC.
    pub rows: Vec<(&'a str, usize, usize, String)>,
}

impl<'a> ElsewhereView<'a> {
    pub fn of(input: &'a ReportInput) -> Option<Self> {
        let positive = &input.labels[input.positive];
        let elsewhere = match input.elsewhere.as_ref()? {
            ElsewhereEstimate::Unknown { unknown } => {
                return Some(Self {
                    unknown: Some(unknown),
                    figures: Vec::new(),
                    positive,
                    rows: Vec::new(),
                });
            }
            ElsewhereEstimate::Measured(elsewhere) => elsewhere,
        };
        let number = |figure: &Estimate| {
            figure
                .value()
                .map_or_else(|| "n/a".to_owned(), |value| format!("{value:.2}"))
        };
        let ends = |figure: &Estimate| {
            figure.ends().map_or_else(
                || figure.method.clone(),
                |(low, high)| format!("{low:.2} to {high:.2}"),
            )
        };
        let mut figures = vec![(
            "AUROC elsewhere",
            number(&elsewhere.auroc),
            format!("{}, drawing patients", ends(&elsewhere.auroc)),
        )];
        if elsewhere.auroc_by_source.ends().is_some() {
            figures.push((
                "the same for sources to come",
                number(&elsewhere.auroc_by_source),
                format!("{}, drawing sources", ends(&elsewhere.auroc_by_source)),
            ));
        }
        for (name, figure) in [
            ("sensitivity elsewhere", &elsewhere.sensitivity),
            ("specificity elsewhere", &elsewhere.specificity),
        ] {
            figures.push((name, figure.percent(0), figure.percent_ends(0)));
        }
        Some(Self {
            unknown: None,
            figures,
            positive,
            rows: elsewhere
                .sources
                .iter()
                .map(|source| {
                    let auroc = source.auroc.value();
                    let auroc = auroc.map_or_else(|| "n/a".to_owned(), |a| format!("{a:.2}"));
                    (source.name.as_str(), source.films, source.positive, auroc)
                })
                .collect(),
        })
    }
}
