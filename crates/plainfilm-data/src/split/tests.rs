//! Properties that every split has.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::{Film, Location};
use plainfilm_film::radiograph::Limits;

const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

/// A data set of films `(label, patient)`.
fn dataset(films: &[(usize, usize)]) -> Dataset {
    let labels = films.iter().map(|(label, _)| *label).max().unwrap_or(0) + 1;
    let mut films: Vec<Film> = films
        .iter()
        .enumerate()
        .map(|(index, (label, patient))| Film {
            path: format!("{index:05}.png"),
            location: Location::File(PathBuf::new()),
            label: *label,
            findings: Vec::new(),
            patient_id: format!("patient-{patient}"),
            source: None,
            view: None,
            sex: None,
            age: None,
            mask: None,
            part: None,
        })
        .collect();
    films.sort_by(|a, b| a.path.cmp(&b.path));
    Dataset {
        origin: PathBuf::from("films"),
        labels: (0..labels).map(|label| format!("label-{label}")).collect(),
        findings: Vec::new(),
        films,
        set_aside: Vec::new(),
        ignored: Vec::new(),
        notes: Vec::new(),
        patients: PatientOrigin::Manifest,
        synthetic: false,
        limits: Limits::default(),
        archive: None,
    }
}

fn options(method: SplitMethod, seed: u64) -> SplitOptions {
    SplitOptions {
        method,
        seed,
        ..SplitOptions::default()
    }
}

/// Two labels, 60 to 120 patients with 1 to 6 films; some have films of both labels.
fn films() -> impl Strategy<Value = Vec<(usize, usize)>> {
    prop::collection::vec((0..10usize, 1..=6usize), 60..=120).prop_map(|patients| {
        let mut films = Vec::new();
        for (patient, (kind, count)) in patients.into_iter().enumerate() {
            for film in 0..count {
                let label = match kind {
                    0 => film % 2,
                    1..=5 => 0,
                    _ => 1,
                };
                films.push((label, patient));
            }
        }
        films
    })
}

fn label_count(dataset: &Dataset, films: &[usize], label: usize) -> usize {
    let of_label = films
        .iter()
        .filter(|film| dataset.films[**film].label == label);
    of_label.count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn grouped_parts_are_exact_share_no_patient_and_keep_the_fractions(
        films in films(),
        seed in any::<u64>(),
    ) {
        let dataset = dataset(&films);
        let split = Split::make(&dataset, &options(SplitMethod::Grouped, seed)).unwrap();
        prop_assert_eq!(split.parts.len(), dataset.films.len());
        let sizes: usize = PARTS.iter().map(|part| split.indices(*part).len()).sum();
        prop_assert_eq!(sizes, dataset.films.len());
        prop_assert_eq!(split.shared_patients(), 0);
        prop_assert_eq!(split.shared_with_training(Part::Validation), 0);
        let patients: usize = PARTS.iter().map(|part| split.patients_in(*part)).sum();
        let all: HashSet<usize> = films.iter().map(|(_, patient)| *patient).collect();
        prop_assert_eq!(patients, all.len());
        for (label, total) in dataset.films_per_label().into_iter().enumerate() {
            for (part, share) in PARTS.into_iter().zip([0.8, 0.1, 0.1]) {
                let found = label_count(&dataset, &split.indices(part), label);
                prop_assert!(found > 0);
                // A patient has up to six films, and one of both labels must not be cut.
                prop_assert!((found as f64 - total as f64 * share).abs() <= 6.0);
            }
        }
    }

    #[test]
    fn random_parts_have_the_sizes_of_scikit_learn(count in 3..2_000usize, seed in any::<u64>()) {
        let films: Vec<(usize, usize)> = (0..count).map(|film| (film % 2, film)).collect();
        let dataset = dataset(&films);
        let split = Split::make(&dataset, &options(SplitMethod::Random, seed)).unwrap();
        let held_out = count.div_ceil(5);
        let sizes = PARTS.map(|part| split.indices(part).len());
        prop_assert_eq!(sizes, [count - held_out, held_out.div_ceil(2), held_out / 2]);
    }

    #[test]
    fn the_same_seed_gives_the_same_split_and_another_seed_another(
        films in films(),
        seed in any::<u64>(),
    ) {
        let dataset = dataset(&films);
        for method in [SplitMethod::Grouped, SplitMethod::Stratified, SplitMethod::Random] {
            let make = |seed| Split::make(&dataset, &options(method.clone(), seed)).unwrap();
            prop_assert_eq!(make(seed), make(seed));
            prop_assert_ne!(make(seed).parts, make(seed.wrapping_add(1)).parts);
        }
    }

    #[test]
    fn folds_are_exact_and_share_no_patient(films in films(), seed in any::<u64>()) {
        let dataset = dataset(&films);
        let folds = Split::folds(&dataset, 5, &SplitMethod::Grouped, seed, 0.1).unwrap();
        let mut tested = vec![0; dataset.films.len()];
        for split in &folds {
            split.indices(Part::Test).into_iter().for_each(|film| tested[film] += 1);
            prop_assert_eq!(split.shared_patients(), 0);
            prop_assert_eq!(split.shared_with_training(Part::Validation), 0);
            prop_assert!(!split.indices(Part::Validation).is_empty());
        }
        prop_assert!(tested.iter().all(|times| *times == 1));
    }
}

#[test]
fn the_notebook_has_500_63_and_62_films() {
    let films: Vec<(usize, usize)> = (0..625).map(|film| (film % 2, film)).collect();
    let split = Split::make(&dataset(&films), &options(SplitMethod::Random, 1)).unwrap();
    assert_eq!(PARTS.map(|part| split.indices(part).len()), [500, 63, 62]);
}

#[test]
fn folds_without_validation_leave_it_empty() {
    let films: Vec<(usize, usize)> = (0..50).map(|film| (film % 2, film)).collect();
    for method in [
        SplitMethod::Grouped,
        SplitMethod::Stratified,
        SplitMethod::Random,
    ] {
        for split in Split::folds(&dataset(&films), 5, &method, 1, 0.0).unwrap() {
            let sizes = PARTS.map(|part| split.indices(part).len());
            assert_eq!(sizes, [40, 0, 10], "{method}");
        }
    }
}

#[test]
fn a_label_with_too_few_patients_is_named() {
    let mut films: Vec<(usize, usize)> = (0..50).map(|film| (0, film)).collect();
    films.extend([(1, 100), (1, 100), (1, 101)]);
    let error = Split::make(&dataset(&films), &SplitOptions::default()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("`label-1` has 2 patients, expected at least 3"),
        "{text}"
    );
    assert!(text.contains("hint:"), "{text}");
    assert!(Split::folds(&dataset(&films), 5, &SplitMethod::Grouped, 0, 0.0).is_err());
}

#[test]
fn settings_that_make_no_sense_are_errors() {
    let films: Vec<(usize, usize)> = (0..50).map(|film| (film % 2, film)).collect();
    let data = dataset(&films);
    for fractions in [
        [0.8, 0.1, 0.2],
        [0.0, 0.5, 0.5],
        [1.2, -0.1, -0.1],
        [f64::NAN, 0.5, 0.5],
    ] {
        let options = SplitOptions {
            fractions,
            ..SplitOptions::default()
        };
        assert!(Split::make(&data, &options).is_err(), "{fractions:?}");
    }
    for (folds, validation) in [(1, 0.1), (51, 0.1), (5, 1.0), (5, -0.1), (5, f64::NAN)] {
        assert!(Split::folds(&data, folds, &SplitMethod::Random, 0, validation).is_err());
    }
    let file = SplitMethod::File("split.csv".into());
    assert!(Split::folds(&data, 5, &file, 0, 0.1).is_err());
}

#[test]
fn a_split_comes_back_from_its_file() {
    let films: Vec<(usize, usize)> = (0..50).map(|film| (film % 2, film / 2)).collect();
    let data = dataset(&films);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.csv");
    let split = Split::make(&data, &options(SplitMethod::Random, 7)).unwrap();
    split.write_csv(&data, &path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("path,label,patient_id,split\n00000.png,label-0,patient-0,"));

    let method = SplitMethod::File(path.clone());
    let back = Split::make(&data, &options(method, 0)).unwrap();
    assert_eq!(back.parts, split.parts);
    assert_eq!(back.shared_patients(), split.shared_patients());
    assert!(back.label_text().contains("sibling"));
}

#[test]
fn a_split_file_that_does_not_fit_the_data_is_an_error() {
    let data = dataset(&[(0, 0), (0, 1)]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.csv");
    let cases = [
        (
            "path,split\n00000.png,train\n",
            "does not name all films of the data set, such as `00001.png`",
        ),
        (
            "path,split\n00000.png,train\n00001.png,test\nx.png,test\n",
            "does not have: `x.png`",
        ),
        (
            "path,split\n00000.png,train\n00000.png,test\n",
            "row 3: 00000.png is there twice",
        ),
        (
            "path,split\n00000.png,training set\n",
            "row 2: expected `train`",
        ),
        (
            "path,label,split\n00000.png,other,train\n",
            "with the label `label-0`",
        ),
        ("file,part\n", "found `file`, `part`"),
        ("", "empty file"),
    ];
    for (text, expected) in cases {
        std::fs::write(&path, text).unwrap();
        let error = Split::read_csv(&data, &path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let gone = Split::read_csv(&data, &folder.path().join("gone.csv"));
    assert!(gone.unwrap_err().to_string().contains("file not found"));
}

#[test]
fn stratified_parts_keep_the_labels_shares_and_share_patients() {
    // 100 of one label and 40 of the other, two films a patient.
    let films: Vec<(usize, usize)> = (0..140).map(|i| (usize::from(i >= 100), i / 2)).collect();
    let data = dataset(&films);
    let options = SplitOptions {
        fractions: [0.8, 0.0, 0.2],
        ..options(SplitMethod::Stratified, 42)
    };
    let split = Split::make(&data, &options).unwrap();
    let counts = |part| [0, 1].map(|label| label_count(&data, &split.indices(part), label));
    assert_eq!(PARTS.map(counts), [[80, 32], [0, 0], [20, 8]]);
    assert!(split.shared_patients() > 0);
    for fold in Split::folds(&data, 5, &SplitMethod::Stratified, 42, 0.25).unwrap() {
        let counts = |part| [0, 1].map(|label| label_count(&data, &fold.indices(part), label));
        assert_eq!(PARTS.map(counts), [[60, 24], [20, 8], [20, 8]]);
    }
}

#[test]
fn as_many_folds_as_sources_leave_each_out_once() {
    let films: Vec<(usize, usize)> = (0..120).map(|film| (film % 2, film / 4)).collect();
    let mut data = dataset(&films);
    for (index, film) in data.films.iter_mut().enumerate() {
        film.source = Some(format!("hospital {}", index / 40));
    }
    let source = |film: &usize| data.films[*film].source.clone().unwrap();
    let sources = |films: Vec<usize>| films.iter().map(source).collect::<HashSet<_>>();
    let mut left_out = HashSet::new();
    for fold in Split::folds(&data, 3, &SplitMethod::Sources, 1, 0.2).unwrap() {
        let test = sources(fold.indices(Part::Test));
        assert_eq!(test.len(), 1);
        assert!(test.is_disjoint(&sources(fold.indices(Part::Train))));
        assert!(test.is_disjoint(&sources(fold.indices(Part::Validation))));
        assert_eq!(fold.shared_with_training(Part::Validation), 0);
        left_out.extend(test);
    }
    assert_eq!(left_out.len(), 3);
    let options = SplitOptions {
        fractions: [0.5, 0.2, 0.3],
        ..options(SplitMethod::Sources, 1)
    };
    let once = Split::make(&data, &options).unwrap();
    assert_eq!(sources(once.indices(Part::Test)).len(), 1);
    assert!(!once.indices(Part::Validation).is_empty());

    // A label that only one source has cannot be learned without it.
    data.films
        .retain(|film| film.label == 0 || film.source.as_deref() == Some("hospital 0"));
    let error = Split::folds(&data, 3, &SplitMethod::Sources, 1, 0.2)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`label-1` has 1 sources, expected at least 3"),
        "{error}"
    );
    data.films[7].source = None;
    let error = Split::folds(&data, 3, &SplitMethod::Sources, 1, 0.2)
        .unwrap_err()
        .to_string();
    assert!(error.contains("found none for 1 of"), "{error}");
}

#[test]
fn methods_are_text_in_settings() {
    for (text, method) in [
        ("grouped", SplitMethod::Grouped),
        ("sources", SplitMethod::Sources),
        ("stratified", SplitMethod::Stratified),
        ("random", SplitMethod::Random),
        ("a/split.csv", SplitMethod::File("a/split.csv".into())),
    ] {
        assert_eq!(text.parse::<SplitMethod>().unwrap(), method);
        assert_eq!(method.to_string(), text);
        let json = serde_json::to_string(&method).unwrap();
        assert_eq!(json, format!("\"{text}\""));
        assert_eq!(serde_json::from_str::<SplitMethod>(&json).unwrap(), method);
    }
}

#[test]
fn the_sentence_says_whether_patients_are_shared() {
    let films: Vec<(usize, usize)> = (0..100).map(|film| (film % 2, film / 2)).collect();
    let data = dataset(&films);
    let split = |method| Split::make(&data, &options(method, 3)).unwrap();
    assert_eq!(
        split(SplitMethod::Grouped).label_text(),
        "grouped by patient (seed 3), no patients shared between training and test"
    );
    let random = split(SplitMethod::Random);
    assert_eq!(
        random.label_text(),
        format!(
            "random (seed 3), patients shared between parts: {} of 10 test films have a sibling in training",
            random.shared_patients()
        )
    );
    assert!(random.shared_patients() > 0);
}

#[test]
fn smaller_training_parts_lie_within_larger_ones_and_keep_patients_whole() {
    let films: Vec<(usize, usize)> = (0..300).map(|film| (film / 2 % 3 / 2, film / 2)).collect();
    let dataset = dataset(&films);
    let whole = Split::make(&dataset, &options(SplitMethod::Grouped, 7)).unwrap();
    let mut before: Vec<usize> = Vec::new();
    for (share, patients) in [(0.001, 2), (0.1, 12), (0.5, 60), (1.0, 120)] {
        let smaller = whole.with_training_share(&dataset, share);
        let training = smaller.indices(Part::Train);
        assert!(before.iter().all(|film| training.contains(film)), "{share}");
        assert_eq!(smaller.patients_in(Part::Train), patients, "{share}");
        assert_eq!(training.len(), 2 * patients, "whole patients at {share}");
        for part in [Part::Validation, Part::Test] {
            assert_eq!(smaller.indices(part), whole.indices(part));
        }
        before = training;
    }
    assert_eq!(before, whole.indices(Part::Train));
}
