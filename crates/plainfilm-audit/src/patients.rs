//! `patient_overlap`: how many test films show a patient who is in training too.

use std::collections::BTreeMap;

use super::check::{Check, CheckId, CountTable, Detail, Remedy, Status};
use super::judge::percent;
use plainfilm_data::{Dataset, Part, PatientOrigin, Split, SplitMethod};
use plainfilm_figures::counted;

/// A share of test films above which the split fails.
const FAILS: f64 = 0.05;
/// Patients of several labels that are named.
const NAMED: usize = 50;

/// Judges the splits (one, or one for each fold); without any, only what a random split would do is
/// told. `fractions` are the shares of train, validation and test.
pub(super) fn check(dataset: &Dataset, splits: &[Split], fractions: [f64; 3]) -> Check {
    let mut check = Check::new(CheckId::PatientOverlap);
    let groups = groups(dataset);
    let (films, patients) = (dataset.films.len(), groups.len());
    let several: Vec<(&str, &Vec<usize>)> = groups
        .iter()
        .filter(|(_, counts)| counts.iter().filter(|&&count| count > 0).count() > 1)
        .map(|(patient, counts)| (*patient, counts))
        .collect();
    let sizes: Vec<usize> = groups.values().map(|counts| counts.iter().sum()).collect();
    let expected = expected_share(&sizes, fractions);
    let per_label = dataset.patients_per_label();
    check.tables.push(CountTable {
        rows_are: "label".to_owned(),
        columns: vec!["films".to_owned(), "patients".to_owned()],
        rows: dataset
            .labels
            .iter()
            .zip(dataset.films_per_label().into_iter().zip(per_label))
            .map(|(label, (films, patients))| (label.clone(), vec![films, patients]))
            .collect(),
    });
    check.details.push(Detail::number(
        "a random split would share",
        "share of test films",
        expected,
    ));
    check.details.push(Detail::number(
        "patients with films of several labels",
        "patients",
        several.len() as f64,
    ));
    if !several.is_empty() {
        check.tables.push(CountTable {
            rows_are: "patient with films of several labels".to_owned(),
            columns: dataset.labels.clone(),
            rows: several
                .iter()
                .take(NAMED)
                .map(|(patient, counts)| ((*patient).to_owned(), (*counts).clone()))
                .collect(),
        });
    }
    let known = format!(
        "{} of {}{}; a random split would put a film of the same patient \
         in training for {} of the test films",
        counted(films, "film"),
        counted(patients, "patient"),
        match several.len() {
            0 => String::new(),
            1 => ", one of them under several labels".to_owned(),
            count => format!(", {count} of them under several labels"),
        },
        percent(expected)
    );
    if dataset.patients == PatientOrigin::NearDuplicates {
        return check.against(0.0, FAILS).cannot(
            "nothing names the patients: give a manifest with patient_id, or --patient-pattern"
                .to_owned(),
        );
    }
    let test: usize = splits
        .iter()
        .map(|split| split.indices(Part::Test).len())
        .sum();
    if test == 0 {
        return check
            .against(0.0, FAILS)
            .cannot(format!("there is no test part to look at; {known}"));
    }
    let shared: usize = splits.iter().map(Split::shared_patients).sum();
    let share = shared as f64 / test as f64;
    let status = match share {
        share if share > FAILS => Status::Fail,
        share if share > 0.0 => Status::Warn,
        _ => Status::Pass,
    };
    let method = match &splits[0].method {
        SplitMethod::Grouped => "the split by patient".to_owned(),
        SplitMethod::Sources => "the split by source".to_owned(),
        SplitMethod::Stratified => "the stratified split".to_owned(),
        SplitMethod::Random => "the random split".to_owned(),
        SplitMethod::Folders => "the split of the data set's own folders".to_owned(),
        SplitMethod::File(path) => format!("the split of {}", path.display()),
    };
    let explanation = match status {
        Status::Pass => format!("no patient is on both sides of {method}: {known}"),
        _ => format!(
            "{shared} of {test} test films of {method} show a patient seen in training: {known}"
        ),
    };
    if status != Status::Pass {
        check.headline = Some(format!(
            "{} of the test films show a patient seen in training",
            percent(share)
        ));
        check.remedies.push(Remedy::arguments(
            "--split grouped",
            "every patient is in one part only",
        ));
    }
    check.against(0.0, FAILS).found(status, share, explanation)
}

/// Films by label of each patient.
fn groups(dataset: &Dataset) -> BTreeMap<&str, Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for film in &dataset.films {
        let counts = groups
            .entry(&film.patient_id)
            .or_insert_with(|| vec![0; dataset.labels.len()]);
        counts[film.label] += 1;
    }
    groups
}

/// The share of test films that are expected to have a film of the same patient in training, when
/// films are dealt at random. `sizes` are the films of each patient.
///
/// A test film of a patient with `s` films has none of its `s - 1` siblings among the `t` training
/// films, drawn from the other `n - 1`, with probability `C(n - s, t) / C(n - 1, t)` (hypergeometric);
/// the share is the mean of the complement over films.
pub fn expected_share(sizes: &[usize], fractions: [f64; 3]) -> f64 {
    let films: usize = sizes.iter().sum();
    if films < 2 {
        return 0.0;
    }
    let training = ((films as f64 * fractions[0]).round() as usize).min(films - 1);
    let expected: f64 = sizes
        .iter()
        .map(|&size| {
            let siblings = size.saturating_sub(1);
            let mut alone = 1.0;
            for drawn in 0..siblings {
                let others = (films - 1 - drawn) as f64;
                alone *= ((others - training as f64) / others).max(0.0);
            }
            size as f64 * (1.0 - alone)
        })
        .sum();
    expected / films as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::seq::SliceRandom;

    #[test]
    fn the_closed_form_is_what_random_splits_do() {
        let cases: [(&[usize], [f64; 3]); 4] = [
            (&[1; 50], [0.8, 0.1, 0.1]),
            (&[2; 40], [0.8, 0.1, 0.1]),
            (&[1, 1, 1, 2, 3, 5, 8, 13, 1, 1, 2, 2], [0.5, 0.25, 0.25]),
            (&[30, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], [0.8, 0.1, 0.1]),
        ];
        for (sizes, fractions) in cases {
            let patients: Vec<usize> = sizes
                .iter()
                .enumerate()
                .flat_map(|(patient, &size)| std::iter::repeat_n(patient, size))
                .collect();
            let films = patients.len();
            let training = (films as f64 * fractions[0]).round() as usize;
            let test = (films as f64 * fractions[2]).round() as usize;
            let (mut shared, mut seen) = (0, 0);
            for draw in 0..4000 {
                let mut order: Vec<usize> = (0..films).collect();
                order.shuffle(&mut plainfilm_seed::generator(1, "test", &[draw]));
                let known: std::collections::HashSet<usize> = order[..training]
                    .iter()
                    .map(|&film| patients[film])
                    .collect();
                let tested = &order[films - test..];
                seen += tested.len();
                shared += tested
                    .iter()
                    .filter(|&&film| known.contains(&patients[film]))
                    .count();
            }
            let simulated = shared as f64 / seen as f64;
            let expected = expected_share(sizes, fractions);
            assert!(
                (simulated - expected).abs() < 0.012,
                "{sizes:?}: {simulated} {expected}"
            );
        }
    }

    #[test]
    fn nobody_has_siblings_in_a_set_of_single_films() {
        assert_eq!(expected_share(&[1; 100], [0.8, 0.1, 0.1]), 0.0);
        assert_eq!(expected_share(&[], [0.8, 0.1, 0.1]), 0.0);
        assert_eq!(expected_share(&[1], [0.8, 0.1, 0.1]), 0.0);
    }
}
