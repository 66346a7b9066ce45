//! `source_confounding`: whether every label has its own hospitals.

use std::collections::{BTreeMap, BTreeSet};

use super::border::Sketch;
use super::check::{Check, CheckId, CountTable, Detail, Remedy, Status};
use super::learner::{Subjects, kernel};
use super::settings::{V_FAILS, V_WARNS};
use plainfilm_data::Dataset;
use plainfilm_figures::cramers_v;

/// How films without a source are called.
const NOT_GIVEN: &str = "(not given)";
/// Patients of a source below which it is not told from others by its pictures.
const FEW: usize = 10;
/// Sources that are told apart by their pictures, the largest first.
const SOURCES: usize = 6;
/// Rows of the table of films; the rest are added up.
const ROWS: usize = 30;

/// Judges how source and label go together. `learned` are the films that the sketches show, as indices
/// into the data set.
pub(super) fn check(
    dataset: &Dataset,
    everyone: &Subjects,
    learned: &[usize],
    sketches: &[&Sketch],
    seed: u64,
) -> Check {
    let mut check = Check::new(CheckId::SourceConfounding).against(V_WARNS, V_FAILS);
    if dataset.films.iter().all(|film| film.source.is_none()) {
        return check.cannot(
            "nothing says where films come from: give a manifest with a `source` column".to_owned(),
        );
    }
    let source_of = |index: usize| dataset.films[index].source.as_deref().unwrap_or(NOT_GIVEN);
    check.tables.push(films_table(dataset));
    // A patient counts once for each label and source: siblings are no further evidence.
    let units: BTreeSet<(usize, &str, usize)> = (0..dataset.films.len())
        .map(|index| {
            (
                everyone.patients[index],
                source_of(index),
                everyone.labels[index],
            )
        })
        .collect();
    let mut counts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (_, source, label) in &units {
        counts
            .entry(source)
            .or_insert_with(|| vec![0; everyone.classes])[*label] += 1;
    }
    let rows: Vec<Vec<usize>> = counts.values().cloned().collect();
    let Some(v) = cramers_v(&rows) else {
        return match counts.keys().next() {
            Some(only) if counts.len() == 1 => check.found(
                Status::Pass,
                0.0,
                format!(
                    "all films come from one source, {only}, so its name does not predict the label; what \
                     scanners or departments within it do is another question, which this check does not ask"
                ),
            ),
            _ => check.cannot("needs two labels".to_owned()),
        };
    };
    let status = match v.low {
        low if low > V_FAILS => Status::Fail,
        low if low > V_WARNS => Status::Warn,
        _ => Status::Pass,
    };
    let own: Vec<&str> = (0..everyone.classes)
        .filter(|&label| has_own_sources(&rows, label))
        .map(|label| dataset.labels[label].as_str())
        .collect();
    let mut explanation = format!(
        "source and label go together with Cramér's V {:.2} ({:.2} to {:.2}; 0 is not at all, 1 entirely)",
        v.value, v.low, v.high
    );
    if !own.is_empty() && status != Status::Pass {
        explanation.push_str(&format!(
            "; no other label has films from the sources of {}",
            own.join(" and ")
        ));
    }
    let told = told_by_pictures(dataset, everyone, learned, sketches, seed);
    explanation.push_str(&match told
        .iter()
        .map(|(_, area)| area.value.value().unwrap_or(0.0))
        .reduce(f64::max)
    {
        None => {
            "; whether pictures show their source cannot be seen, as no label has films of two \
                 sources with enough patients"
                .to_owned()
        }
        Some(best) => {
            format!("; within one label, pictures show their source with AUROC up to {best:.2}")
        }
    });
    check
        .details
        .extend(told.into_iter().map(|(_, detail)| detail));
    if status != Status::Pass {
        check.headline = Some(if own.is_empty() {
            format!(
                "films of different labels come from different sources (Cramér's V {:.2})",
                v.value
            )
        } else {
            format!(
                "{} comes from hospitals or collections of its own, which a network can learn instead",
                own.join(" and ")
            )
        });
        check.remedies = vec![
            Remedy::same_sources(),
            Remedy::advice(
                "test on films of a source that is not in training",
                "what was learned of the source does not help there",
            ),
        ];
    }
    check.found(status, v.value, explanation).with_ends(&v)
}

/// Whether a label shares no source with any other.
fn has_own_sources(rows: &[Vec<usize>], label: usize) -> bool {
    let all_its_own = rows.iter().filter(|row| row[label] > 0).all(|row| {
        row.iter()
            .enumerate()
            .all(|(other, &count)| other == label || count == 0)
    });
    all_its_own && rows.iter().any(|row| row[label] > 0)
}

/// For each label with films of several sources, how well pictures of that label show the source.
fn told_by_pictures(
    dataset: &Dataset,
    everyone: &Subjects,
    learned: &[usize],
    sketches: &[&Sketch],
    seed: u64,
) -> Vec<(usize, Detail)> {
    (0..everyone.classes)
        .filter_map(|label| {
            let mut patients: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
            for &film in learned
                .iter()
                .filter(|&&film| everyone.labels[film] == label)
            {
                if let Some(source) = &dataset.films[film].source {
                    patients
                        .entry(source)
                        .or_default()
                        .insert(everyone.patients[film]);
                }
            }
            let mut sources: Vec<(&str, usize)> = patients
                .into_iter()
                .map(|(source, patients)| (source, patients.len()))
                .filter(|(_, patients)| *patients >= FEW)
                .collect();
            sources.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
            sources.truncate(SOURCES);
            if sources.len() < 2 {
                return None;
            }
            let mut rows = Vec::new();
            let mut subjects = Subjects {
                labels: Vec::new(),
                patients: Vec::new(),
                classes: sources.len(),
            };
            for (&film, sketch) in learned.iter().zip(sketches) {
                let source = dataset.films[film].source.as_deref();
                let number = sources.iter().position(|(name, _)| Some(*name) == source);
                if let (true, Some(number)) = (everyone.labels[film] == label, number) {
                    rows.push(sketch.all_cells());
                    subjects.labels.push(number);
                    subjects.patients.push(everyone.patients[film]);
                }
            }
            let table = super::learner::Table::from_rows(&rows);
            let found = kernel::cross_validate(&table, &subjects, seed)?.separation(&subjects)?;
            let name = format!("source from the picture, within {}", dataset.labels[label]);
            Some((label, Detail::area(&name, &found.auroc)))
        })
        .collect()
}

fn films_table(dataset: &Dataset) -> CountTable {
    let mut counts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for film in &dataset.films {
        let source = film.source.as_deref().unwrap_or(NOT_GIVEN);
        counts
            .entry(source)
            .or_insert_with(|| vec![0; dataset.labels.len()])[film.label] += 1;
    }
    let mut rows: Vec<(String, Vec<usize>)> = counts
        .into_iter()
        .map(|(source, counts)| (source.to_owned(), counts))
        .collect();
    // The largest first; what does not fit is added up, so that no film is dropped in silence.
    rows.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.iter().sum::<usize>()));
    if rows.len() > ROWS {
        let rest = rows.split_off(ROWS);
        let sums = (0..dataset.labels.len())
            .map(|label| rest.iter().map(|(_, counts)| counts[label]).sum())
            .collect();
        rows.push((format!("({} other sources)", rest.len()), sums));
    }
    CountTable {
        rows_are: "films by source".to_owned(),
        columns: dataset.labels.clone(),
        rows,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_its_own_sources_or_not() {
        // Sources by labels.
        let rows = [vec![10, 0, 0], vec![5, 0, 0], vec![0, 20, 30]];
        let own: Vec<bool> = (0..3).map(|label| has_own_sources(&rows, label)).collect();
        assert_eq!(own, [true, false, false]);
        assert!(
            !has_own_sources(&[vec![1, 0]], 1),
            "a label without films has no sources"
        );
    }
}
