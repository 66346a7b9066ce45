//! `labels`: films whose label is probably wrong, by confident learning (Northcutt, Jiang and Chuang, J Artif Intell Res
//! 2021) on the probabilities of a learner that has not seen the film's patient.
//!
//! A learner that cannot tell the labels apart contradicts many of them, and knows nothing of any: then nothing is said.
//! What its own uncertainty explains is no finding either, and where something besides the lungs tells the label, the
//! learner speaks of that.

mod predicted;

use serde::{Deserialize, Serialize};

use super::check::{Check, CheckId, Detail, FilmFinding, Remedy, Status};
use super::collect::Learned;
use super::judge;
use super::learner::Subjects;
use super::settings::ENOUGH_PATIENTS;
use plainfilm_figures::{Interval, LabelErrors, counted, label_errors};
use predicted::{Predicted, predict};

/// A share of wrong labels above which the check warns when the lower end of the interval is above it.
const WARNS: f64 = 0.05;
/// The lower end of an AUROC below which a learner's contradictions are no evidence.
const TELLS: f64 = 0.6;
/// Films whose finding is told in a line; all are in the list of suspects.
const LISTED: usize = 500;

/// A film whose label is probably wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuspectLabel {
    /// From 1, the surest first.
    pub rank: usize,
    /// Path as in [`plainfilm_data::Film::path`].
    pub path: String,
    /// The label that it was given.
    pub given: String,
    /// The label that is more probable.
    pub suggested: String,
    /// The probability (`0..=1`) of the given label.
    pub probability_of_given: f64,
    /// The probability (`0..=1`) of the suggested one.
    pub probability_of_suggested: f64,
}

impl SuspectLabel {
    /// The columns of `suspect_labels.csv`, in the order of the fields.
    pub const COLUMNS: [&str; 6] = [
        "rank",
        "path",
        "given",
        "suggested",
        "probability_of_given",
        "probability_of_suggested",
    ];
}

/// The films that labels are judged on.
pub(super) struct Judged<'a> {
    pub films: &'a [&'a Learned],
    pub subjects: &'a Subjects,
    pub labels: &'a [String],
    pub paths: &'a [&'a str],
    /// Of how many films of the data set they are.
    pub all_films: usize,
    /// Whether the labels say no more than that a film shows any finding.
    pub any_finding: bool,
}

/// Judges the labels; `others` are the checks that were made before.
pub(super) fn check(judged: &Judged<'_>, others: &[Check], seed: u64) -> Check {
    let mut check = Check::new(CheckId::Labels);
    check.warns_above = WARNS.into();
    let (subjects, labels) = (judged.subjects, judged.labels);
    if judge::fewest_patients(subjects) < ENOUGH_PATIENTS {
        // A learner of fewer contradicts labels by chance, or agrees with them by heart.
        return check.cannot(judge::fewer_than(ENOUGH_PATIENTS, subjects, labels));
    }
    let Some(tried) = predict(judged.films, subjects, seed) else {
        return check.cannot(judge::too_few(subjects, labels));
    };
    for learner in &tried {
        let name = format!("{}, {}", learner.what, judge::which(&learner.best, labels));
        check.details.push(Detail::area(&name, &learner.best.auroc));
    }
    // Of equals the first.
    let Some(learner) = tried.into_iter().reduce(|best, next| {
        if next.best.auroc.low > best.best.auroc.low {
            next
        } else {
            best
        }
    }) else {
        return check.cannot(judge::too_few(subjects, labels));
    };
    let Some((told_worst, area)) = worst_told(&learner, subjects) else {
        return check.cannot(judge::too_few(subjects, labels));
    };
    let how_well = format!(
        "a learner shown {} tells {} with a cross-validated AUROC of {:.2} ({:.2} to {:.2})",
        learner.what,
        if labels.len() == 2 {
            format!("{} from {}", labels[0], labels[1])
        } else {
            format!("every label from the others, {} worst,", labels[told_worst])
        },
        area.value,
        area.low,
        area.high
    );
    if area.low < TELLS {
        return check.cannot(format!(
            "{how_well}, and below {TELLS} at the lower end its contradictions are no evidence: nothing can be said about \
             the labels"
        ));
    }
    let found = match label_errors(
        &subjects.labels,
        &learner.probabilities,
        &numbered(&subjects.patients),
    ) {
        Ok(found) => found,
        Err(why) => return check.cannot(why.to_string()),
    };
    check.details.push(Detail::number(
        "labels drawn from the learner's own probabilities, the most of 39 draws",
        "share of labels",
        found.explained.most,
    ));
    check.suspects = suspects(&found, judged);
    check.films = check.suspects.iter().take(LISTED).map(finding).collect();
    told(check, &found, judged, &how_well, others)
}

/// With status and words.
fn told(
    mut check: Check,
    found: &LabelErrors,
    judged: &Judged<'_>,
    how_well: &str,
    others: &[Check],
) -> Check {
    let share = found.share.value().unwrap_or(0.0);
    let ends = found.share.ends();
    let films = found.films as f64;
    let between = ends.map_or_else(String::new, |(low, high)| {
        format!(" ({:.0} to {:.0})", low * films, high * films)
    });
    let number = format!("about {} of {} labels", found.wrong, found.films);
    let beyond = found.beyond_uncertainty();
    let mut explanation = if beyond {
        format!("{number} look wrong{between}")
    } else {
        format!(
            "{number} contradict a learner{between}, no more than its own uncertainty explains (up to {:.0}): hard films and \
             wrong labels cannot be told apart here",
            found.explained.most * films
        )
    };
    explanation.push_str(&format!("; {how_well}"));
    if found.films < judged.all_films {
        explanation.push_str(&format!(
            "; {} of the {} were looked at",
            found.films,
            counted(judged.all_films, "film")
        ));
    }
    if judged.any_finding {
        explanation.push_str("; single findings are not judged, only whether a film shows any");
    }
    let besides = besides_the_lungs(others);
    if !besides.is_empty() {
        explanation.push_str(&format!(
            "; something besides the lungs tells the label here ({}), so a film counts as wrong when it is like \
             the other label's films in that, and a wrong label of a film that is like its own is hardly found",
            besides.join(", ")
        ));
    }
    let status = match ends {
        Some((low, _)) if low > WARNS && beyond => Status::Warn,
        _ => Status::Pass,
    };
    if status == Status::Warn {
        check.headline = Some(format!("{number} look wrong{between}"));
        check.remedies.push(Remedy::advice(
            "have the films that audit.json and suspect_labels.csv list read again, the first ones first",
            "a wrong label teaches the wrong thing, and in the test films it makes every figure wrong",
        ));
    }
    if let Some((low, high)) = ends {
        check.low = low.into();
        check.high = high.into();
    }
    check.found(status, share, explanation)
}

/// The label that is told worst, and how well.
fn worst_told(learner: &Predicted, subjects: &Subjects) -> Option<(usize, Interval)> {
    let areas =
        (0..subjects.classes).map(|label| Some((label, learner.scores.area(label, subjects)?)));
    let areas: Option<Vec<(usize, Interval)>> = areas.collect();
    areas?
        .into_iter()
        .min_by(|a, b| a.1.low.total_cmp(&b.1.low))
}

/// Names of the checks that found a shortcut.
fn besides_the_lungs(others: &[Check]) -> Vec<&'static str> {
    let shortcuts = [
        CheckId::HeaderOnly,
        CheckId::BorderOnly,
        CheckId::Processing,
        CheckId::Marks,
        CheckId::SourceConfounding,
    ];
    others
        .iter()
        .filter(|check| check.status == Status::Fail && shortcuts.contains(&check.id))
        .map(|check| check.id.name())
        .collect()
}

fn suspects(found: &LabelErrors, judged: &Judged<'_>) -> Vec<SuspectLabel> {
    (1..)
        .zip(&found.suspects)
        .map(|(rank, suspect)| SuspectLabel {
            rank,
            path: judged.paths[suspect.film].to_owned(),
            given: judged.labels[suspect.given].clone(),
            suggested: judged.labels[suspect.suggested].clone(),
            probability_of_given: suspect.of_given,
            probability_of_suggested: suspect.of_suggested,
        })
        .collect()
}

fn finding(suspect: &SuspectLabel) -> FilmFinding {
    FilmFinding {
        path: suspect.path.clone(),
        label: suspect.given.clone(),
        finding: format!(
            "given {}, looks like {} (probability {:.3})",
            suspect.given, suspect.suggested, suspect.probability_of_suggested
        ),
    }
}

/// Patients numbered from 0 without gaps: those whose films were left out are resampled by nobody.
fn numbered(patients: &[usize]) -> Vec<usize> {
    let mut known = std::collections::BTreeMap::new();
    patients
        .iter()
        .map(|patient| {
            let next = known.len();
            *known.entry(patient).or_insert(next)
        })
        .collect()
}
