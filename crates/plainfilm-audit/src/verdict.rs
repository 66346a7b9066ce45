//! From single checks to one verdict and one sentence.

use serde::{Deserialize, Serialize};

use super::check::{Check, CheckId, Remedy, Status};
use super::judge::percent;
use super::labels::SuspectLabel;

/// What an audit found. Its JSON is `audit.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// The worst of the checks: `pass`, `warn` or `fail`.
    pub verdict: Status,
    /// Why, in one sentence.
    pub sentence: String,
    /// Labels that were told apart, in order.
    pub labels: Vec<String>,
    /// Films that were looked at.
    pub films: usize,
    /// Different patients on them.
    pub patients: usize,
    /// Whether a generator drew the films.
    pub synthetic: bool,
    /// Every check, in a fixed order.
    pub checks: Vec<Check>,
    /// The same for films as a preprocessing leaves them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<AfterPreprocessing>,
    /// Seed of every random draw.
    pub seed: u64,
    /// The plainfilm that made it.
    pub plainfilm_version: String,
    /// For research and teaching only.
    pub notice: String,
}

/// What is still found once films are preprocessed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AfterPreprocessing {
    /// The preprocessing, in words.
    pub preprocessing: String,
    /// The worst of the checks below.
    pub verdict: Status,
    /// Why, in one sentence.
    pub sentence: String,
    /// Only the checks that preprocessing can change.
    pub checks: Vec<Check>,
}

/// A verdict with its sentence, as metrics and model files carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditSummary {
    /// `pass`, `warn` or `fail`; `not_checked` when the audit was switched off.
    pub verdict: Status,
    /// Why, in one sentence.
    pub sentence: String,
    /// The same for films as the network is shown them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_preprocessing: Option<Box<AuditSummary>>,
}

impl AuditSummary {
    /// The summary beside one finding of a run that is audited for any finding, if at all.
    pub fn of_any_finding() -> Self {
        Self {
            verdict: Status::NotChecked,
            sentence: "The audit asks what predicts any finding besides the lungs: see the run's own report."
                .to_owned(),
            after_preprocessing: None,
        }
    }

    /// The summary of a training without an audit.
    pub fn not_audited() -> Self {
        Self {
            verdict: Status::NotChecked,
            sentence: "Not audited: it was not checked whether the label can be predicted without the lungs."
                .to_owned(),
            after_preprocessing: None,
        }
    }
}

impl Audit {
    /// One check.
    pub fn check(&self, id: CheckId) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// Verdict and sentence, about an accuracy (`0..=1`) where there is one.
    pub fn summary(&self, accuracy: Option<f64>) -> AuditSummary {
        let summary = |verdict, checks: &[Check], after| AuditSummary {
            verdict,
            sentence: sentence(checks, accuracy),
            after_preprocessing: after,
        };
        let after = self
            .after
            .as_ref()
            .map(|after| Box::new(summary(after.verdict, &after.checks, None)));
        summary(self.verdict, &self.checks, after)
    }

    /// The text of `audit.json`.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self)
            .expect("an audit holds only text, finite numbers and null")
            + "\n"
    }

    /// The text of `suspect_labels.csv`: the films whose label is probably wrong, the surest first. None where nothing
    /// could be said of the labels.
    pub fn suspect_labels(&self) -> Option<String> {
        let check = self
            .check(CheckId::Labels)
            .filter(|check| check.status != Status::NotChecked)?;
        let mut rows = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Vec::new());
        let header = SuspectLabel::COLUMNS;
        let written = rows.write_record(header).and_then(|()| {
            check
                .suspects
                .iter()
                .try_for_each(|suspect| rows.serialize(suspect))
        });
        let bytes = written.ok().and_then(|()| rows.into_inner().ok());
        Some(
            bytes
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .expect("text and numbers are written to memory"),
        )
    }

    /// What to do, without repetition, in the order of the checks.
    pub fn remedies(&self) -> Vec<&Remedy> {
        let mut remedies: Vec<&Remedy> = Vec::new();
        for remedy in self.checks.iter().flat_map(|check| &check.remedies) {
            if !remedies.iter().any(|known| known.what == remedy.what) {
                remedies.push(remedy);
            }
        }
        remedies
    }
}

/// The checks without which nothing is known about shortcuts.
const ESSENTIAL: [CheckId; 4] = [
    CheckId::HeaderOnly,
    CheckId::BorderOnly,
    CheckId::Processing,
    CheckId::Marks,
];

/// An accuracy that a reader may take for a good one.
const HIGH: f64 = 0.75;

/// The worst status, and a warning where an essential check could not be made.
pub(super) fn verdict(checks: &[Check]) -> Status {
    let any = |status| checks.iter().any(|check| check.status == status);
    let unknown = checks
        .iter()
        .any(|check| check.status == Status::NotChecked && ESSENTIAL.contains(&check.id));
    if any(Status::Fail) {
        Status::Fail
    } else if any(Status::Warn) || unknown {
        Status::Warn
    } else {
        Status::Pass
    }
}

/// The sentence of a verdict: the one or two findings that matter most. An accuracy that it is about is
/// named.
pub(super) fn sentence(checks: &[Check], accuracy: Option<f64>) -> String {
    let subject = match accuracy {
        None => "High accuracy means little here".to_owned(),
        Some(accuracy) if accuracy >= HIGH => {
            format!("{} accuracy means little here", percent(accuracy))
        }
        // Nobody would take this one for good: the sentence is about any network on these films.
        Some(accuracy) => format!(
            "High accuracy means little here (this model has {})",
            percent(accuracy)
        ),
    };
    let clauses = |status| -> Vec<&str> {
        checks
            .iter()
            .filter(|check| check.status == status)
            .filter_map(|check| check.headline.as_deref())
            .take(2)
            .collect()
    };
    match verdict(checks) {
        Status::Fail => format!("{subject}: {}.", clauses(Status::Fail).join(", and ")),
        Status::Warn => match clauses(Status::Warn).as_slice() {
            [] => "Not enough films to tell whether the label can be predicted without the lungs."
                .to_owned(),
            found => {
                let subject = accuracy.map_or("the accuracy".to_owned(), |accuracy| {
                    format!("the accuracy of {}", percent(accuracy))
                });
                format!("Read {subject} with care: {}.", found.join(", and "))
            }
        },
        _ => {
            let unchecked = checks
                .iter()
                .filter(|check| check.status == Status::NotChecked)
                .count();
            let rest = match unchecked {
                0 => String::new(),
                1 => " One check could not be made.".to_owned(),
                count => format!(" {count} checks could not be made."),
            };
            format!("Nothing was found that gives the label away without the lungs.{rest}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: CheckId, status: Status, headline: &str) -> Check {
        let mut check = Check::new(id);
        check.status = status;
        check.headline = (!headline.is_empty()).then(|| headline.to_owned());
        check
    }

    #[test]
    fn the_sentence_names_the_accuracy_that_it_is_about() {
        let checks = [check(CheckId::HeaderOnly, Status::Fail, "f")];
        for (accuracy, expected) in [
            (0.984, "98 % accuracy means little here: f."),
            (
                0.11,
                "High accuracy means little here (this model has 11 %): f.",
            ),
        ] {
            assert_eq!(sentence(&checks, Some(accuracy)), expected);
        }
    }

    #[test]
    fn the_worst_check_is_the_verdict() {
        use CheckId::*;
        use Status::*;
        type Case<'a> = (&'a [(CheckId, Status, &'a str)], Status, &'a str);
        let cases: [Case; 5] = [
            (
                &[(HeaderOnly, Pass, ""), (BorderOnly, Pass, "")],
                Pass,
                "Nothing was found that gives the label away without the lungs.",
            ),
            (
                &[
                    (HeaderOnly, Pass, ""),
                    (BorderOnly, Pass, ""),
                    (CohortBalance, NotChecked, ""),
                ],
                Pass,
                "Nothing was found that gives the label away without the lungs. One check could not be made.",
            ),
            (
                &[(HeaderOnly, NotChecked, ""), (BorderOnly, Pass, "")],
                Warn,
                "Not enough films to tell whether the label can be predicted without the lungs.",
            ),
            (
                &[(HeaderOnly, Warn, "w"), (BorderOnly, Fail, "f")],
                Fail,
                "High accuracy means little here: f.",
            ),
            (
                &[
                    (HeaderOnly, Warn, "a"),
                    (BorderOnly, Warn, "b"),
                    (CohortBalance, Warn, "c"),
                ],
                Warn,
                "Read the accuracy with care: a, and b.",
            ),
        ];
        for (made, expected, text) in cases {
            let checks: Vec<Check> = made
                .iter()
                .map(|(id, status, h)| check(*id, *status, h))
                .collect();
            assert_eq!(verdict(&checks), expected);
            assert_eq!(sentence(&checks, None), text);
        }
    }
}
