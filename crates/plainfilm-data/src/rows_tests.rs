//! What becomes of rows, as a data set shows it.

use std::fs;

use crate::{Dataset, DatasetOptions};

/// A data set of films `a.png` to `e.png` with this manifest.
fn opened(manifest: &str) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    for film in ["a.png", "b.png", "c.png", "d.png", "e.png"] {
        fs::write(folder.path().join(film), film).unwrap();
    }
    fs::write(folder.path().join("manifest.csv"), manifest).unwrap();
    Dataset::open(folder.path(), &DatasetOptions::default()).unwrap()
}

fn reasons(dataset: &Dataset) -> Vec<&str> {
    let set_aside = dataset.set_aside.iter();
    set_aside.map(|film| film.reason.as_str()).collect()
}

#[test]
fn missing_labels_became_a_class() {
    for word in [
        "nan", "NaN", "NA", "N/A", "null", "None", "", "?", "-", "#N/A",
    ] {
        let dataset = opened(&format!(
            "path,label,patient_id\na.png,x,1\nb.png,y,2\nc.png,{word},3\n"
        ));
        assert_eq!(dataset.labels, ["x", "y"], "{word}");
        assert_eq!(dataset.films.len(), 2, "{word}");
        let found = if word.is_empty() {
            "none".to_owned()
        } else {
            format!("`{word}`")
        };
        assert_eq!(
            reasons(&dataset),
            [format!("row 4: expected a label, found {found}")]
        );
        assert_eq!(dataset.notes, ["1 row without a label: set aside"]);
    }
}

#[test]
fn the_first_of_several_rows_won_in_silence() {
    let dataset = opened(
        "path,label,patient_id\na.png,x,1\n./a.png,X ,1\nb.png,x,2\nb.png,y,2\nc.png,y,3\nd.png,y,4\nd.png,y,5\n",
    );
    assert_eq!(dataset.films.len(), 2);
    assert_eq!(
        reasons(&dataset),
        [
            "rows 4 and 5 give it different labels: `x` and `y`",
            "rows 7 and 8 give it different patients: `4` and `5`"
        ]
    );
    assert_eq!(
        dataset.notes,
        ["1 row repeated a film with the same label: each film is taken once"]
    );
}

#[test]
fn rows_of_one_film_are_merged_where_labels_are_lists() {
    let dataset = opened(
        "path,label,patient_id\na.png,Mass,1\na.png,Nodule,1\nb.png,No Finding,2\nc.png,Mass|Hernia,3\n",
    );
    assert_eq!(dataset.findings, ["Hernia", "Mass", "Nodule"]);
    assert_eq!(dataset.films_per_output(), [1, 2, 1]);
    assert!(dataset.set_aside.is_empty(), "{:?}", dataset.set_aside);
}

#[test]
fn an_age_that_nobody_can_read_lost_the_film() {
    let dataset = opened(
        "path,label,patient_id,age\na.png,x,1,90+\nb.png,y,2,?\nc.png,x,3,45-50\nd.png,y,4,414\ne.png,x,5,058Y\n",
    );
    let ages: Vec<Option<f32>> = dataset.films.iter().map(|film| film.age).collect();
    assert_eq!(ages, [Some(90.0), None, None, None, Some(58.0)]);
    assert!(dataset.set_aside.is_empty());
    assert_eq!(
        dataset.notes,
        [
            "the age of 2 films is not known: expected 0 to 150 years, found such as `45-50` in row 4"
        ]
    );
}

#[test]
fn missing_patients_were_one_patient() {
    for (word, notes) in [("?", 0), ("-", 0), ("#N/A", 0), ("0", 1), ("", 0)] {
        let dataset = opened(&format!(
            "path,label,patient_id,sex,view,source\na.png,x,7,?,-,?\nb.png,y,{word},F,PA,s\nc.png,x,{word},,,\nd.png,y,8,,,\n"
        ));
        let patients: Vec<&str> = dataset
            .films
            .iter()
            .map(|film| film.patient_id.as_str())
            .collect();
        assert_ne!(patients[1], patients[2], "{word}");
        let first = &dataset.films[0];
        assert_eq!(
            (&first.sex, &first.view, &first.source),
            (&None, &None, &None)
        );
        assert_eq!(dataset.notes.len(), notes, "{word}: {:?}", dataset.notes);
    }
    let counted = opened("path,label,patient_id\na.png,x,0\nb.png,y,0\nc.png,x,1\n");
    assert_eq!(
        counted.films[0].patient_id, "0",
        "patients counted from 0 have a 1"
    );
}

#[test]
fn a_row_that_is_no_row_says_its_number_once() {
    let dataset = opened("path,label,patient_id\na.png,x,1\nb.png,y,2\nc.png,x,3,4\n");
    let lost = &dataset.set_aside[0];
    assert_eq!(
        (lost.path.as_str(), lost.reason.as_str()),
        ("manifest.csv", "row 4: expected 3 columns, found 4")
    );
}

#[test]
fn a_manifests_own_split_is_read() {
    let dataset = opened("path,label,patient_id,split\na.png,x,1,Train\nb.png,y,2,test\n");
    assert!(dataset.films.iter().all(|film| film.part.is_some()));
    assert!(
        dataset.notes[0].starts_with(
            "the column `split` of manifest.csv divides the films into 1 train, 1 test"
        ),
        "{:?}",
        dataset.notes
    );
}

#[test]
fn a_lost_film_says_where_paths_start() {
    let dataset = opened("path,label,patient_id\na.png,x,1\nb.png,y,2\ngone.png,y,2\n");
    let note = &dataset.notes[0];
    assert!(
        note.starts_with("1 row without a file where the path points; relative paths start at /"),
        "{note}"
    );
}
