//! The one rule by which areas are judged, and how they are put into words.

use super::check::Judged;
use super::learner::{FOLDS, Found, Separation, Subjects};
use super::settings::{AREA_FAILS, AREA_WARNS, ENOUGH_PATIENTS};
use plainfilm_figures::{Interval, counted};

/// Judges an area by the lower end of its interval, so that no set fails by luck. What would pass needs
/// enough patients for the pass to mean something.
pub(super) fn judge_area(area: &Interval, subjects: &Subjects) -> Judged {
    let fewest = fewest_patients(subjects);
    match area.low {
        low if low > AREA_FAILS => Judged::Fail,
        low if low > AREA_WARNS => Judged::Warn,
        _ if fewest < ENOUGH_PATIENTS || area.high > AREA_FAILS => Judged::Unclear,
        _ => Judged::Pass,
    }
}

/// Judges the best of several probes. What labels dealt at random reach as well is no finding, whatever
/// its interval.
pub(super) fn judge_found(found: &Found, subjects: &Subjects) -> Judged {
    match judge_area(&found.best.auroc, subjects) {
        Judged::Fail | Judged::Warn if found.best.auroc.value <= found.by_luck => Judged::Unclear,
        judged => judged,
    }
}

/// The least area for which a check with this many patients warns four times in five: as far above
/// [`AREA_WARNS`], on the logit scale, as 1.96 + 0.84 standard errors of the area (Hanley and McNeil, Radiology
/// 1982). Of several labels, for the one with the fewest patients against the rest.
pub(super) fn detectable(subjects: &Subjects) -> f64 {
    let fewest = fewest_patients(subjects) as f64;
    let all: usize = subjects.patients_per_label().iter().sum();
    let others = all as f64 - fewest;
    if fewest < 1.0 || others < 1.0 {
        return 1.0;
    }
    let logit = |area: f64| (area / (1.0 - area)).ln();
    let is_found = |area: f64| {
        let (q1, q2) = (
            area / (2.0 - area) - area * area,
            2.0 * area * area / (1.0 + area) - area * area,
        );
        let variance =
            (area * (1.0 - area) + (fewest - 1.0) * q1 + (others - 1.0) * q2) / (fewest * others);
        let error = variance.sqrt() / (area * (1.0 - area));
        logit(area) - (1.96 + 0.84) * error > logit(AREA_WARNS)
    };
    (61..100)
        .map(|hundredths| f64::from(hundredths) / 100.0)
        .find(|&area| is_found(area))
        .unwrap_or(1.0)
}

/// Patients of the rarest label.
pub(super) fn fewest_patients(subjects: &Subjects) -> usize {
    subjects.patients_per_label().into_iter().min().unwrap_or(0)
}

/// Why a learner could not be tried.
pub(super) fn too_few(subjects: &Subjects, labels: &[String]) -> String {
    fewer_than(FOLDS, subjects, labels)
}

/// The same where so many patients of each label are needed.
pub(super) fn fewer_than(least: usize, subjects: &Subjects, labels: &[String]) -> String {
    if subjects.classes < 2 {
        return "needs two labels".to_owned();
    }
    let patients = subjects.patients_per_label();
    let (label, count) = patients
        .iter()
        .enumerate()
        .min_by_key(|(_, count)| **count)
        .map_or((0, 0), |(label, count)| (label, *count));
    format!(
        "not enough films to tell: {} has {}, and {least} are the least",
        labels[label],
        counted(count, "patient")
    )
}

/// What is said of a wide interval around little.
pub(super) fn unclear(area: &Interval) -> String {
    format!(
        "not enough films to tell: AUROC {:.2} ({:.2} to {:.2})",
        area.value, area.low, area.high
    )
}

/// The rest of a sentence that begins with what was looked at.
pub(super) fn told(found: &Separation, labels: &[String], judged: Judged) -> String {
    let how_well = match judged {
        Judged::Fail => "separate",
        Judged::Warn => "partly separate",
        Judged::Pass | Judged::Unclear => "hardly separate",
    };
    let Interval {
        value, low, high, ..
    } = found.auroc;
    format!(
        "{how_well} {}: AUROC {value:.2} ({low:.2} to {high:.2})",
        which(found, labels)
    )
}

/// What is told apart: the one label from the other, or the label told best from all others.
pub(super) fn which(found: &Separation, labels: &[String]) -> String {
    if labels.len() == 2 {
        format!("{} from {}", labels[0], labels[1])
    } else {
        format!("{} from the others", labels[found.label])
    }
}

/// A share in whole percent; short of all and above none are never rounded to those.
pub(super) fn percent(share: f64) -> String {
    let rounded = (share * 100.0).round();
    if rounded >= 100.0 && share < 1.0 {
        return "more than 99 %".to_owned();
    }
    if rounded <= 0.0 && share > 0.0 {
        return "less than 1 %".to_owned();
    }
    format!("{rounded:.0} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_end_decides() {
        let many = Subjects {
            labels: (0..200).map(|row| row % 2).collect(),
            patients: (0..200).collect(),
            classes: 2,
        };
        let few = Subjects {
            labels: (0..20).map(|row| row % 2).collect(),
            patients: (0..20).collect(),
            classes: 2,
        };
        let cases = [
            ((0.95, 0.9, 0.99), &many, Judged::Fail),
            ((0.95, 0.9, 0.99), &few, Judged::Fail),
            ((0.85, 0.7, 0.95), &many, Judged::Warn),
            ((0.55, 0.48, 0.62), &many, Judged::Pass),
            ((0.55, 0.48, 0.62), &few, Judged::Unclear),
            ((0.70, 0.5, 0.85), &many, Judged::Unclear),
        ];
        for ((value, low, high), subjects, expected) in cases {
            let area = Interval::new(value, low, high, "test");
            assert_eq!(judge_area(&area, subjects), expected, "{area:?}");
        }
    }

    #[test]
    fn shares_are_never_rounded_to_all_or_nothing() {
        for (share, text) in [
            (1.0, "100 %"),
            (0.999, "more than 99 %"),
            (0.984, "98 %"),
            (0.001, "less than 1 %"),
            (0.0, "0 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }
}
