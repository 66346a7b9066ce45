//! Findings, of which a film may have any number: one row each, and all together.

use super::sections::{Cell, number, percent};
use plainfilm_train::{FindingFigures, FindingsFigures};

/// The section of the page.
pub(super) struct FindingsView<'a> {
    pub rows: Vec<FindingRow<'a>>,
    /// How figures are averaged, and AUROC, AUPRC and F1 so.
    pub averages: Vec<(&'static str, [Cell; 3])>,
    /// How many findings are averaged.
    pub averaged: usize,
    /// Films of which all that is known is called right.
    pub exact: Cell,
    /// Of all answers the right ones.
    pub accuracy: Cell,
}

/// One finding.
pub(super) struct FindingRow<'a> {
    pub name: &'a str,
    /// Its own report, relative to this one.
    pub report: Option<String>,
    pub known: usize,
    pub present: usize,
    pub threshold: String,
    /// AUROC, AUPRC, sensitivity, specificity, F1.
    pub figures: [Cell; 5],
}

impl<'a> FindingsView<'a> {
    pub(super) fn of(figures: &'a FindingsFigures) -> Self {
        let averages = &figures.averages;
        let cells = |area, precision, f1| [number(area), number(precision), percent(f1)];
        Self {
            rows: figures.each.iter().map(row).collect(),
            averages: vec![
                (
                    "mean over findings (macro)",
                    cells(
                        &averages.macro_auroc,
                        &averages.macro_auprc,
                        &averages.macro_f1,
                    ),
                ),
                (
                    "each weighted by its films",
                    cells(
                        &averages.weighted_auroc,
                        &averages.weighted_auprc,
                        &averages.weighted_f1,
                    ),
                ),
                (
                    "all predictions pooled (micro)",
                    cells(
                        &averages.micro_auroc,
                        &averages.micro_auprc,
                        &averages.micro_f1,
                    ),
                ),
            ],
            averaged: averages.findings,
            exact: percent(&averages.exact),
            accuracy: percent(&averages.accuracy),
        }
    }
}

fn row(finding: &FindingFigures) -> FindingRow<'_> {
    FindingRow {
        name: &finding.finding,
        report: finding
            .folder
            .as_ref()
            .map(|folder| format!("{folder}/report.html")),
        known: finding.known,
        present: finding.present,
        threshold: finding
            .threshold
            .map_or("each fold's".to_owned(), |threshold| {
                format!("{threshold:.3}")
            }),
        figures: [
            number(&finding.auroc),
            number(&finding.auprc),
            percent(&finding.sensitivity),
            percent(&finding.specificity),
            percent(&finding.f1),
        ],
    }
}
