//! The figures of an evaluation.

use plainfilm::audit::AuditSummary;
use plainfilm::evaluate::{
    LabelMetrics, Operation, OperationFigures, PartMetrics, ScoredFilm, Subgroups, evaluate,
};
use plainfilm::likeness::GroupTest;
use plainfilm::predict::ScoredDataset;
use serde::Serialize;

use crate::args::TableFormat;
use crate::print::elsewhere::print_group;
use crate::print::figures::print_figures;
use crate::print::operation::print_operation;
use crate::print::own_films::OwnFilmCounts;
use crate::print::verdict::print_audit;
use crate::printer::Printer;

/// The JSON of `evaluate`: `metrics.json` with one part.
#[derive(Debug, Serialize)]
pub(super) struct Output {
    pub labels: Vec<String>,
    pub positive_label: String,
    pub test: PartMetrics,
    /// As the model file has it; none in files from before there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_on_test: Option<OperationFigures>,
    pub subgroups: Subgroups,
    pub set_aside: usize,
    /// None of a model file that does not say what it was fitted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_films: Option<OwnFilmCounts>,
    /// None of a model file that does not say what its films are like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlike: Option<Unlike>,
    /// None where the films were not audited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditSummary>,
    pub notice: &'static str,
}

/// How the films differ from the model's own.
#[derive(Debug, Serialize)]
pub(super) struct Unlike {
    /// Films that are unlike the training films: `predict` is not sure of them.
    pub films: usize,
    /// The figures of the others; none where all or none are unlike.
    #[serde(skip_serializing_if = "Option::is_none")]
    like: Option<PartMetrics>,
    /// The two-sample test of the films as a group; none of fewer than 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    group_p: Option<f64>,
}

impl Unlike {
    pub(super) fn of(labels: &[String], positive: usize, scored: &ScoredDataset) -> Option<Self> {
        let likeness = scored.likeness.as_ref()?;
        let like: Vec<ScoredFilm> = scored
            .films
            .iter()
            .zip(&likeness.unlike)
            .filter(|(_, is_unlike)| !**is_unlike)
            .map(|(film, _)| film.clone())
            .collect();
        let films = scored.films.len() - like.len();
        Some(Self {
            films,
            like: (films > 0 && !like.is_empty()).then(|| evaluate(labels, positive, &like)),
            group_p: likeness.group.map(|group| group.p),
        })
    }

    pub(super) fn print(
        &self,
        positive: &str,
        all: usize,
        group: Option<GroupTest>,
        printer: &Printer,
    ) {
        if self.films > 0 {
            let others = self.like.as_ref().map_or_else(String::new, |like| {
                let recall = |figure: &dyn Fn(&LabelMetrics) -> String| {
                    like.per_label
                        .iter()
                        .find(|(label, _)| label == positive)
                        .map_or_else(String::new, |(_, figures)| figure(figures))
                };
                format!(
                    "; the others: AUROC {}, sensitivity {}, specificity {}",
                    like.auroc.number_with_ends(2),
                    recall(&|figures| figures.sensitivity.percent_with_ends(0, 0)),
                    recall(&|figures| figures.specificity.percent_with_ends(0, 0)),
                )
            });
            printer.warning(&format!(
                "{} of {all} films are unlike the training films, and `predict` is not sure of them{others}",
                self.films
            ));
        }
        if let Some(group) = group.filter(GroupTest::is_elsewhere) {
            print_group(group, printer);
        }
    }
}

/// The figures on stdout, as text or JSON.
pub(super) fn print_output(output: &Output, json: &str, format: TableFormat, printer: &Printer) {
    match format {
        TableFormat::Table => {
            print_figures(&output.test, printer);
            if let Some(figures) = &output.operation_on_test {
                print_operation(figures, printer);
            }
        }
        TableFormat::Json => printer.data(json),
    }
    if let Some(audit) = &output.audit {
        print_audit(audit, printer);
    }
}

/// Groups that are told worse than others.
pub(super) fn print_gaps(output: &Output, printer: &Printer) {
    for gap in &output.subgroups.gaps {
        printer.warning(&format!("not the same for all: {gap}"));
    }
}
