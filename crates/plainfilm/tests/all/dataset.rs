//! Data sets and splits on the reference films.

use std::collections::{HashMap, HashSet};

use plainfilm::dataset::{
    Dataset, DatasetError, DatasetOptions, Part, PatientOrigin, Split, SplitMethod, SplitOptions,
};

use crate::support::reference_films;

fn open(labels: Option<&[&str]>) -> Option<Dataset> {
    let folder = reference_films("dataset")?;
    let options = DatasetOptions {
        labels: labels.map(|labels| labels.iter().map(|label| (*label).to_owned()).collect()),
        ..DatasetOptions::default()
    };
    Some(Dataset::open(&folder, &options).expect("the reference data opens"))
}

fn made(dataset: &Dataset, method: SplitMethod, seed: u64) -> Split {
    let options = SplitOptions {
        method,
        seed,
        ..SplitOptions::default()
    };
    Split::make(dataset, &options).expect("the reference data can be split")
}

#[test]
fn the_reference_data_has_its_films_and_patients() {
    let Some(dataset) = open(None) else { return };
    assert_eq!(dataset.labels, ["Covid-19", "No_findings", "Pneumonia"]);
    assert_eq!(dataset.films.len(), 1_124);
    assert_eq!(dataset.films_per_label(), [124, 500, 500]);
    assert_eq!(dataset.patients_per_label(), [82, 332, 371]);
    assert_eq!(dataset.patients, PatientOrigin::Manifest);
    assert!(dataset.set_aside.is_empty() && dataset.ignored.is_empty());
    assert!(!dataset.synthetic);

    let patients = |label: usize| -> HashSet<&str> {
        let films = dataset.films.iter().filter(|film| film.label == label);
        films.map(|film| film.patient_id.as_str()).collect()
    };
    assert_eq!(patients(1).intersection(&patients(2)).count(), 21);
    let film = &dataset.films[0];
    assert_eq!(film.view.as_deref(), Some("PA"));
    assert_eq!(film.age, Some(55.0));
    assert!(!dataset.read(film).unwrap().is_empty());
}

#[test]
fn two_labels_leave_624_films_in_the_order_asked_for() {
    let Some(dataset) = open(Some(&["No_findings", "Covid-19"])) else {
        return;
    };
    assert_eq!(dataset.labels, ["No_findings", "Covid-19"]);
    assert_eq!(dataset.films.len(), 624);
    assert_eq!(dataset.films_per_label(), [500, 124]);
}

#[test]
fn an_unknown_label_lists_the_known_ones() {
    let Some(folder) = reference_films("dataset") else {
        return;
    };
    let options = DatasetOptions {
        labels: Some(vec!["covid".into()]),
        ..DatasetOptions::default()
    };
    let error = Dataset::open(&folder, &options).unwrap_err();
    assert!(matches!(error, DatasetError::UnknownLabel { .. }));
    let text = error.to_string();
    assert!(text.contains("`No_findings`") && text.contains("did you mean `Covid-19`?"));
}

#[test]
fn a_grouped_split_shares_no_patient_and_keeps_the_fractions() {
    let Some(dataset) = open(None) else { return };
    for seed in 0..20 {
        let split = made(&dataset, SplitMethod::Grouped, seed);
        assert_eq!(split.shared_patients(), 0);
        assert_eq!(split.shared_with_training(Part::Validation), 0);
        for (label, total) in dataset.films_per_label().into_iter().enumerate() {
            for (part, share) in [
                (Part::Train, 0.8),
                (Part::Validation, 0.1),
                (Part::Test, 0.1),
            ] {
                let found = split
                    .indices(part)
                    .into_iter()
                    .filter(|film| dataset.films[*film].label == label)
                    .count() as f64;
                let want = total as f64 * share;
                assert!(
                    (found - want).abs() <= 2.0,
                    "seed {seed}, label {label}, {part:?}: {found} of {want}"
                );
            }
        }
    }
}

#[test]
fn a_random_split_shares_patients_and_says_so() {
    let Some(dataset) = open(Some(&["Covid-19", "No_findings"])) else {
        return;
    };
    let mut share = 0.0;
    for seed in 0..20 {
        let split = made(&dataset, SplitMethod::Random, seed);
        let test = split.indices(Part::Test).len();
        assert_eq!(test, 62);
        assert!(split.label_text().contains("random") && split.label_text().contains("shared"));
        share += split.shared_patients() as f64 / test as f64 / 20.0;
    }
    eprintln!("share of test films with a sibling in training, 20 random splits: {share:.3}");
    assert!((0.4..0.6).contains(&share), "{share}");
}

#[test]
fn folds_test_every_film_once() {
    let Some(dataset) = open(Some(&["Covid-19", "No_findings"])) else {
        return;
    };
    for method in [SplitMethod::Grouped, SplitMethod::Random] {
        for validation in [0.0, 0.1] {
            let folds = Split::folds(&dataset, 5, &method, 3, validation).unwrap();
            let mut tested = vec![0; dataset.films.len()];
            for fold in &folds {
                fold.indices(Part::Test)
                    .into_iter()
                    .for_each(|film| tested[film] += 1);
                let held_out = fold.indices(Part::Validation).len();
                assert!(
                    (held_out as f64 - 499.0 * validation).abs() <= 2.0,
                    "{held_out}"
                );
                if method == SplitMethod::Grouped {
                    assert_eq!(fold.shared_patients(), 0);
                    assert_eq!(fold.shared_with_training(Part::Validation), 0);
                }
            }
            assert!(tested.iter().all(|times| *times == 1));
        }
    }
}

/// Films under names that say nothing, in a folder without a manifest.
#[cfg(unix)]
#[test]
fn near_duplicates_stand_in_for_patients_without_merging_two() {
    let Some(known) = open(None) else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut patient_of: HashMap<String, &str> = HashMap::new();
    for (index, film) in known.films.iter().enumerate() {
        let label = &known.labels[film.label];
        // All Covid-19 films and the first of the others, which hold a pair of copies.
        if label == "Pneumonia" || film.path.as_str() > "No_findings/00002700" {
            continue;
        }
        let path = format!("{label}/film-{index}.png");
        let plainfilm::dataset::Location::File(file) = &film.location else {
            panic!("the reference data is a folder");
        };
        std::fs::create_dir_all(folder.path().join(label)).unwrap();
        std::os::unix::fs::symlink(file, folder.path().join(&path)).unwrap();
        patient_of.insert(path, &film.patient_id);
    }
    let dataset = Dataset::open(folder.path(), &DatasetOptions::default()).unwrap();
    assert_eq!(dataset.patients, PatientOrigin::NearDuplicates);
    assert_eq!(dataset.films.len(), patient_of.len());
    let mut groups: HashMap<&str, HashSet<&str>> = HashMap::new();
    for film in &dataset.films {
        let patients = groups.entry(&film.patient_id).or_default();
        patients.insert(patient_of[&film.path]);
    }
    let wrong = groups
        .values()
        .filter(|patients| patients.len() > 1)
        .count();
    let merged = dataset.films.len() - groups.len();
    eprintln!(
        "{} films, {} groups, {wrong} of them with films of two patients",
        dataset.films.len(),
        groups.len()
    );
    // Copies of two films, and films of patient 00001543 in one position.
    assert_eq!((wrong, merged), (0, 5));
}
