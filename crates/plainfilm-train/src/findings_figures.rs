//! The figures of films with any number of findings.

use serde::{Deserialize, Serialize};

use plainfilm_figures::{
    Estimate, FindingsAverages, FindingsFilm, Operation, PartMetrics, Presence, ScoredFilm,
    average_findings, evaluate,
};

/// The test figures of all findings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingsFigures {
    /// Over all findings.
    pub averages: FindingsAverages,
    /// One a finding, in the order of the network's outputs.
    pub each: Vec<FindingFigures>,
}

/// The test figures of one finding, on the films of which it is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingFigures {
    /// Its name.
    pub finding: String,
    /// The folder with its own report and figures, inside the run's; none of an evaluation that wrote none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub folder: Option<String>,
    /// Films of which it is known.
    pub known: usize,
    /// Those that show it.
    pub present: usize,
    /// It is called from this probability on; none of folds together, whose networks have one each.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub threshold: Option<f64>,
    /// Area under the ROC curve.
    pub auroc: Estimate,
    /// Average precision.
    pub auprc: Estimate,
    /// Of the films that show it, the share that is called.
    pub sensitivity: Estimate,
    /// Of the films that do not, the share that is not.
    pub specificity: Estimate,
    /// Of the films that are called, the share that shows it.
    pub precision: Estimate,
    /// F1.
    pub f1: Estimate,
    /// Expected calibration error.
    pub ece: Estimate,
}

impl FindingsFigures {
    /// Judges the calls and probabilities of films; none without films. `operations` made the calls, one a
    /// finding, where they are one network's.
    pub fn of(
        findings: &[String],
        films: &[FindingsFilm],
        operations: Option<&[Operation]>,
    ) -> Option<Self> {
        if films.is_empty() {
            return None;
        }
        let each = findings.iter().enumerate().map(|(finding, name)| {
            let known: Vec<ScoredFilm> = films
                .iter()
                .filter(|film| film.presence[finding] != Presence::Unknown)
                .map(|film| {
                    let p = film.probabilities[finding];
                    let index = |yes: bool| usize::from(!yes);
                    let truth = index(film.presence[finding] == Presence::Present);
                    ScoredFilm {
                        patient: film.patient.clone(),
                        called: Some(index(film.called[finding])),
                        ..ScoredFilm::alone(film.path.clone(), truth, vec![p, 1.0 - p])
                    }
                })
                .collect();
            let labels = [name.clone(), format!("no {name}")];
            let threshold = operations.map(|operations| operations[finding].threshold);
            FindingFigures::of(name, &evaluate(&labels, 0, &known), threshold)
        });
        Some(Self {
            each: each.collect(),
            averages: average_findings(films),
        })
    }
}

impl FindingFigures {
    /// What two labels' figures say about the first of them.
    fn of(finding: &str, test: &PartMetrics, threshold: Option<f64>) -> Self {
        let own = &test.per_label[0].1;
        Self {
            finding: finding.to_owned(),
            folder: None,
            known: test.n,
            present: own.support as usize,
            threshold,
            auroc: own.auroc.clone(),
            auprc: own.auprc.clone(),
            sensitivity: own.sensitivity.clone(),
            specificity: own.specificity.clone(),
            precision: own.precision.clone(),
            f1: own.f1.clone(),
            ece: test.ece.clone(),
        }
    }
}

/// Whether a film's answer to "any finding?" is known: it shows one, or is known to show none.
pub(crate) fn any_is_known(presence: &[Presence]) -> bool {
    presence.contains(&Presence::Present) || !presence.contains(&Presence::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_finding_is_known_where_one_is_or_all_are() {
        use Presence::{Absent, Present, Unknown};
        for (presence, known) in [
            ([Present, Unknown], true),
            ([Absent, Absent], true),
            ([Absent, Unknown], false),
        ] {
            assert_eq!(any_is_known(&presence), known, "{presence:?}");
        }
    }
}
