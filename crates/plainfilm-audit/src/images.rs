//! `image_quality`: films that are not what they should be, each with its finding.

use std::collections::BTreeMap;

use super::check::{Check, CheckId, CountTable, FilmFinding, Remedy, Status};
use super::judge::percent;
use super::quality::{Defect, Finding};
use plainfilm_data::Dataset;

/// A share of films with a defect above which the check warns.
const WARNS: f64 = 0.02;
/// A share above which it fails.
const FAILS: f64 = 0.2;
/// Films that are listed.
const LISTED: usize = 500;

/// Judges what was found on the films, one list of findings for each.
pub(super) fn check(findings: &[&[Finding]], dataset: &Dataset) -> Check {
    let mut check = Check::new(CheckId::ImageQuality).against(WARNS, FAILS);
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
    let status = match share {
        share if share > FAILS => Status::Fail,
        share if share > WARNS => Status::Warn,
        _ => Status::Pass,
    };
    let kinds: Vec<String> = counts
        .iter()
        .map(|(defect, counts)| {
            let sum: usize = counts.iter().sum();
            format!("{sum} {}", defect.name().replace('_', " "))
        })
        .collect();
    let explanation = if found.is_empty() {
        format!("nothing is wrong with any of the {films} films that these rules can see")
    } else {
        format!(
            "{} of {films} films ({}) are not as they should be: {}",
            found.len(),
            percent(share),
            kinds.join(", ")
        )
    };
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
        check.headline = Some(format!(
            "{} of the films are not as they should be ({})",
            percent(share),
            kinds.join(", ")
        ));
        check.remedies.push(Remedy::advice(
            "look at the films that audit.json lists, and take out or mend those that are wrong",
            "a network learns the fault where one label has more of it",
        ));
    }
    check.films = found.into_iter().take(LISTED).collect();
    check.found(status, share, explanation)
}
