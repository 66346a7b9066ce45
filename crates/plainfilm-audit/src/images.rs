//! `image_quality`: films that are not what they should be, each with its finding.
//!
//! A defect that is as frequent under every label is told and changes nothing: a network cannot use it. What is judged is
//! whether a defect tells the label.

use std::collections::BTreeMap;

use super::check::{Check, CheckId, CountTable, FilmFinding, Remedy, Status};
use super::judge::percent;
use super::learner::Subjects;
use super::quality::{Defect, Finding};
use super::settings::V_FAILS;
use plainfilm_data::Dataset;
use plainfilm_figures::{cramers_v, holm};

/// A share of films with a defect above which the check warns although no label has more of them: these are hardly
/// chest films then, or the rules do not know such films.
const WARNS: f64 = 0.5;
/// The least p, corrected for the number of defects and labels, that is taken for chance.
const CHANCE: f64 = 0.01;
/// Films that are listed.
const LISTED: usize = 500;

/// Judges what was found on the films, one list of findings for each.
pub(super) fn check(findings: &[&[Finding]], dataset: &Dataset, everyone: &Subjects) -> Check {
    let mut check = Check::new(CheckId::ImageQuality);
    check.warns_above = WARNS.into();
    let films = dataset.films.len();
    if films == 0 {
        return check.cannot("there is no film".to_owned());
    }
    let mut counts: BTreeMap<Defect, Vec<usize>> = BTreeMap::new();
    for (film, findings) in dataset.films.iter().zip(findings) {
        for finding in *findings {
            counts
                .entry(finding.defect)
                .or_insert_with(|| vec![0; dataset.labels.len()])[film.label] += 1;
        }
    }
    let found: Vec<FilmFinding> = dataset
        .films
        .iter()
        .zip(findings)
        .filter(|(_, findings)| !findings.is_empty())
        .map(|(film, findings)| FilmFinding {
            path: film.path.clone(),
            label: dataset.labels[film.label].clone(),
            finding: findings
                .iter()
                .map(|finding| {
                    let name = finding.defect.name().replace('_', " ");
                    format!("{name}: {}", finding.detail)
                })
                .collect::<Vec<_>>()
                .join("; "),
        })
        .collect();
    let share = found.len() as f64 / films as f64;
    let told = telling(findings, everyone);
    let status = match &told {
        Some(told) if told.entirely => Status::Fail,
        Some(_) => Status::Warn,
        None if share > WARNS => Status::Warn,
        None => Status::Pass,
    };
    let kinds: Vec<String> = counts
        .iter()
        .map(|(defect, counts)| {
            let sum: usize = counts.iter().sum();
            format!("{sum} {}", defect.name().replace('_', " "))
        })
        .collect();
    let more = told.map(|told| {
        format!(
            "{} of the patients with {} are {}, of those with other labels {}",
            told.with,
            dataset.labels[told.label],
            told.defect.name().replace('_', " "),
            told.without
        )
    });
    let mut explanation = if found.is_empty() {
        format!("nothing is wrong with any of the {films} films that these rules can see")
    } else {
        format!(
            "{} of {films} films ({}) are not as they should be: {}",
            found.len(),
            percent(share),
            kinds.join(", ")
        )
    };
    match &more {
        Some(more) => explanation.push_str(&format!("; {more}")),
        None if !found.is_empty() => {
            explanation.push_str("; no label has clearly more of any than the others");
        }
        None => {}
    }
    if !counts.is_empty() {
        check.tables.push(CountTable {
            rows_are: "films by finding".to_owned(),
            columns: dataset.labels.clone(),
            rows: counts
                .into_iter()
                .map(|(defect, counts)| (defect.name().replace('_', " "), counts))
                .collect(),
        });
    }
    if status != Status::Pass {
        check.headline = Some(more.unwrap_or_else(|| {
            format!(
                "{} of the films are not as they should be ({})",
                percent(share),
                kinds.join(", ")
            )
        }));
        check.remedies.push(Remedy::advice(
            "look at the films that audit.json lists, and take out or mend those that are wrong",
            "a network learns the fault where one label has more of it",
        ));
    }
    check.films = found.into_iter().take(LISTED).collect();
    check.found(status, share, explanation)
}

/// A defect that one label has more of than the others.
struct Telling {
    defect: Defect,
    label: usize,
    /// Shares of patients with the label and of others whose films have it.
    with: String,
    without: String,
    /// Whether it is enough to explain a good result.
    entirely: bool,
}

/// The defect that tells a label with the least p, if any does beyond chance: Fisher's exact test by patient, each label
/// against the others, corrected by Holm's method.
fn telling(findings: &[&[Finding]], everyone: &Subjects) -> Option<Telling> {
    let labels = match everyone.classes {
        // Of two labels one says it all.
        2 => 1,
        labels => labels,
    };
    let mut tried: Vec<(Defect, usize, [[usize; 2]; 2])> = Vec::new();
    for defect in Defect::ALL {
        for label in 0..labels {
            // A patient counts once on each side, with the defect when any of the films has it.
            let mut patients: BTreeMap<(usize, bool), bool> = BTreeMap::new();
            for (film, findings) in findings.iter().enumerate() {
                let side = everyone.labels[film] != label;
                *patients.entry((everyone.patients[film], side)).or_default() |=
                    findings.iter().any(|finding| finding.defect == defect);
            }
            let mut counts = [[0; 2]; 2];
            for ((_, side), has_it) in patients {
                counts[usize::from(side)][usize::from(!has_it)] += 1;
            }
            if counts[0][0] + counts[1][0] > 0 {
                tried.push((defect, label, counts));
            }
        }
    }
    let p_values: Vec<f64> = tried.iter().map(|(_, _, counts)| fisher(*counts)).collect();
    let (index, p) = holm(&p_values)
        .into_iter()
        .enumerate()
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    let (defect, label, counts) = tried[index];
    let share = |[with, without]: [usize; 2]| percent(with as f64 / (with + without).max(1) as f64);
    (p < CHANCE).then(|| Telling {
        defect,
        label,
        with: share(counts[0]),
        without: share(counts[1]),
        entirely: cramers_v(&counts.map(|row| row.to_vec())).is_some_and(|v| v.low > V_FAILS),
    })
}

/// The two-sided p of Fisher's exact test (J R Stat Soc 1922): the tables with the same sums that are no likelier than the
/// one seen.
fn fisher([[a, b], [c, d]]: [[usize; 2]; 2]) -> f64 {
    let all = a + b + c + d;
    let mut logs = vec![0.0; all + 1];
    for n in 1..=all {
        logs[n] = logs[n - 1] + (n as f64).ln();
    }
    let choose = |n: usize, k: usize| logs[n] - logs[k] - logs[n - k];
    let (row, column) = (a + b, a + c);
    let chance =
        |a: usize| (choose(row, a) + choose(all - row, column - a) - choose(all, column)).exp();
    let seen = chance(a);
    let fewest = (row + column).saturating_sub(all);
    (fewest..=row.min(column))
        .map(chance)
        // Equal ones may differ in the last digits.
        .filter(|other| *other <= seen * (1.0 + 1e-9))
        .sum::<f64>()
        .min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fishers_test_gives_the_figures_of_r() {
        // fisher.test(matrix(c(3, 1, 1, 3), 2)) and of c(10, 2, 3, 15).
        for (counts, p) in [
            ([[3, 1], [1, 3]], 0.4857143),
            ([[10, 2], [3, 15]], 0.0005367241),
        ] {
            let found = fisher(counts);
            assert!((found - p).abs() < 1e-6, "{found} {p}");
        }
    }

    #[test]
    fn a_defect_tells_a_label_only_when_the_label_has_more_of_it() {
        let subjects = Subjects {
            labels: (0..100).map(|film| film % 2).collect(),
            patients: (0..100).collect(),
            classes: 2,
        };
        let collage = [Finding {
            defect: Defect::Collage,
            score: 2.0,
            detail: String::new(),
        }];
        let with = |has_it: &dyn Fn(usize) -> bool| -> Vec<&[Finding]> {
            (0..100)
                .map(|film| if has_it(film) { &collage[..] } else { &[] })
                .collect()
        };
        assert!(telling(&with(&|film| film % 4 < 2), &subjects).is_none());
        let told = telling(&with(&|film| film % 2 == 0), &subjects).unwrap();
        assert!(told.entirely && told.label == 0);
        let told = telling(&with(&|film| film % 6 == 0), &subjects).unwrap();
        assert!(!told.entirely);
    }
}
