//! The two checks that are made of films' traces.

use super::Traces;
use crate::border::Region;
use crate::check::{Check, CheckId, Detail, FilmFinding, Judged, Remedy, Status};
use crate::judge;
use crate::learner::{Found, Learner, Probe, Subjects, try_all};
use crate::settings::View;

/// Films that are listed.
const LISTED: usize = 20;

/// Judges whether the border's finest detail tells the label.
pub(crate) fn processing(
    traces: &[&Traces],
    subjects: &Subjects,
    labels: &[String],
    view: &View,
    seed: u64,
) -> Check {
    let check = Check::new(CheckId::Processing);
    let rows: Vec<Vec<f32>> = traces.iter().map(|film| film.processing.clone()).collect();
    let probes = [Probe::new(
        "the border's finest detail",
        Learner::Ridge,
        &rows,
    )];
    let Some(found) = try_all(&probes, subjects, seed) else {
        return check.cannot(judge::too_few(subjects, labels));
    };
    let judged = judge::judge_found(&found, subjects);
    let what = match view {
        View::AsStored => "blur, noise, compression and grey levels of the border",
        View::After(_) => "blur, noise and compression at the border of what the network is shown",
    };
    let mut check = told(check, &found, judged, what, subjects, labels);
    check.details.extend(details(&found, subjects, true));
    if matches!(check.status, Status::Fail | Status::Warn) {
        check.headline = Some(format!(
            "how films were processed tells {} with an AUROC of {:.2}",
            judge::which(&found.best, labels),
            found.best.auroc.value
        ));
        check.remedies = vec![
            Remedy::advice(
                "prepare all films by one chain, from originals of one kind",
                "what a scanner or program did to the films of one label is then done to all",
            ),
            Remedy::same_sources(),
        ];
    }
    check
}

/// Judges whether letters, lines or objects tell the label: at the border they have no business there, in the
/// middle they may be the disease.
pub(crate) fn marks(
    traces: &[&Traces],
    subjects: &Subjects,
    labels: &[String],
    paths: &[&str],
    view: &View,
    seed: u64,
) -> Check {
    let check = Check::new(CheckId::Marks);
    let rows = |of: &dyn Fn(&Traces) -> Vec<f32>| -> Vec<Vec<f32>> {
        traces.iter().map(|film| of(film)).collect()
    };
    let border = [
        Probe::new(
            "places at the border",
            Learner::Shrunken,
            &rows(&|film| film.marks.cells(Region::Border)),
        ),
        Probe::new(
            "what stands out at the border",
            Learner::Ridge,
            &rows(&|film| film.marks.border.clone()),
        ),
    ];
    let middle = [
        Probe::new(
            "places in the middle",
            Learner::Shrunken,
            &rows(&|film| film.marks.cells(Region::Middle)),
        ),
        Probe::new(
            "what stands out in the middle",
            Learner::Ridge,
            &rows(&|film| film.marks.middle.clone()),
        ),
    ];
    let (Some(border), Some(middle)) = (
        try_all(&border, subjects, seed),
        try_all(&middle, subjects, seed),
    ) else {
        return check.cannot(judge::too_few(subjects, labels));
    };
    let at_border = judge::judge_found(&border, subjects);
    let in_middle = match judge::judge_found(&middle, subjects) {
        // The disease itself may stand out there.
        Judged::Fail => Judged::Warn,
        judged => judged,
    };
    let alarms = |judged| matches!(judged, Judged::Fail | Judged::Warn);
    let by_middle = !alarms(at_border) && alarms(in_middle);
    let (found, judged, mut what) = if by_middle {
        (
            &middle,
            in_middle,
            "letters, lines or objects in the middle, which may be the disease or a mark,"
                .to_owned(),
        )
    } else {
        (
            &border,
            at_border,
            "letters, lines or objects at the border".to_owned(),
        )
    };
    if let View::After(_) = view {
        what.push_str(" of what the network is shown");
    }
    let mut check = told(check, found, judged, &what, subjects, labels);
    check.details.extend(details(&border, subjects, !by_middle));
    check.details.extend(details(&middle, subjects, by_middle));
    if alarms(judged) {
        check.headline = Some(format!(
            "what stands out {} of the films tells {} with an AUROC of {:.2}",
            if by_middle {
                "in the middle"
            } else {
                "at the border"
            },
            judge::which(&found.best, labels),
            found.best.auroc.value
        ));
        check.remedies = match (view, by_middle) {
            (View::AsStored, false) => vec![
                Remedy::preprocessing(
                    "--fit crop --strip-borders 8%",
                    "markers and letters at the edge are cut off",
                ),
                Remedy::same_sources(),
            ],
            _ => vec![Remedy::advice(
                "look at the films that audit.json lists for letters, leads, tubes and devices",
                "a network learns a drain or a pacemaker where one label has more of them",
            )],
        };
        check.films = most_told(found, subjects, labels, paths);
    }
    check
}

fn told(
    check: Check,
    found: &Found,
    judged: Judged,
    what: &str,
    subjects: &Subjects,
    labels: &[String],
) -> Check {
    let explanation = match judged {
        Judged::Unclear => judge::unclear(&found.best.auroc),
        _ => format!(
            "{what} {}; with labels dealt at random the same probes reach up to {:.2}, and with this many \
             patients a shortcut of AUROC {:.2} is found four times in five",
            judge::told(&found.best, labels, judged),
            found.by_luck,
            judge::detectable(subjects)
        ),
    };
    check.judged(judged, &found.best.auroc, explanation)
}

/// Every probe's area, what luck reaches, and what would have been found.
fn details(found: &Found, subjects: &Subjects, counts: bool) -> Vec<Detail> {
    let mut details: Vec<Detail> = found
        .areas
        .iter()
        .map(|(name, area)| Detail::area(name, area))
        .collect();
    for detail in &mut details {
        detail.judged = counts;
    }
    details.push(Detail::number(
        "the most with labels dealt at random",
        "AUROC",
        found.by_luck,
    ));
    if counts {
        details.push(Detail::number(
            "a shortcut this strong is found four times in five with this many patients",
            "AUROC",
            judge::detectable(subjects),
        ));
    }
    details
}

/// The films that are told best, of the label that is told best.
fn most_told(
    found: &Found,
    subjects: &Subjects,
    labels: &[String],
    paths: &[&str],
) -> Vec<FilmFinding> {
    let label = found.best.label;
    let mut ranked: Vec<(usize, f64)> = (0..subjects.len())
        .filter(|&film| subjects.labels[film] == label)
        .map(|film| (film, found.scores.scores[film][label]))
        .collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    ranked
        .into_iter()
        .take(LISTED)
        .map(|(film, _)| FilmFinding {
            path: paths[film].to_owned(),
            label: labels[label].clone(),
            finding: "among the films that marks tell best".to_owned(),
        })
        .collect()
}
