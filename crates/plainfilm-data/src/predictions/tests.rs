//! Which column is taken for what, and which film is which.

use std::path::Path;

use super::*;
use crate::table::from_csv;
use crate::{Dataset, DatasetOptions};

fn read(text: &str, options: &PredictionOptions) -> Result<PredictionTable, PredictionTableError> {
    let table = from_csv(text.as_bytes()).expect("the test writes CSV");
    PredictionTable::read(Path::new("table.csv"), &table, options)
}

fn as_read(text: &str) -> (Vec<String>, Vec<f64>) {
    let table = read(text, &PredictionOptions::default()).expect("the table is whole");
    (table.labels, table.films[0].probabilities.clone())
}

#[test]
fn probabilities_are_found_under_usual_names() {
    for (text, labels, first) in [
        (
            "path,truth,x,y\na,x,0.9,0.1\nb,y,0.2,0.8\n",
            &["x", "y"][..],
            &[0.9, 0.1][..],
        ),
        (
            "id,y_true,0,1\na,0,0.9,0.1\nb,1,0.2,0.8\n",
            &["0", "1"],
            &[0.9, 0.1],
        ),
        (
            "id,target,p\na,0.0,0.25\nb,1.0,0.8\n",
            &["0", "1"],
            &[0.75, 0.25],
        ),
        (
            "image,class,Prob TB\na,TB,0.75\nb,no TB,0.2\n",
            &["TB", "no TB"],
            &[0.75, 0.25],
        ),
        (
            "img;label;y_score\na;normal;0,25\nb;sick;0,8\n",
            &["normal", "sick"],
            &[0.75, 0.25],
        ),
        // A label that no film has.
        (
            "path,truth,p_x,p_y,p_z\na,x,0.5,0.25,0.25\nb,y,0.2,0.8,0\n",
            &["x", "y", "z"],
            &[0.5, 0.25, 0.25],
        ),
        (
            "path,truth,label,y,x,z\na,x,y,0.5,0.25,0.25\nb,y,y,0.8,0.2,0\n",
            &["y", "x", "z"],
            &[0.5, 0.25, 0.25],
        ),
        // Sums of 32-bit floats are not exact.
        (
            "path,truth,x,y\na,x,1.0000001,-1e-9\nb,y,0.2,0.8\n",
            &["x", "y"],
            &[1.0, 0.0],
        ),
    ] {
        let (found, probabilities) = as_read(text);
        assert_eq!(found, labels, "{text}");
        assert_eq!(probabilities, first, "{text}");
    }
}

#[test]
fn columns_are_named_by_role_or_by_label() {
    let columns: PredictionColumns = "path=a,Patient=b, TB = c".parse().unwrap();
    assert_eq!(columns.labels().collect::<Vec<_>>(), ["TB"]);
    for text in [
        "path",
        "path=",
        "=x",
        "TB=a,TB=b",
        "patient=a,patient_id=b",
        "",
    ] {
        let error = text.parse::<PredictionColumns>().unwrap_err().to_string();
        assert!(error.contains("expected"), "{text}: {error}");
    }
}

#[test]
fn zero_and_one_have_the_name_that_was_asked_for() {
    let text = "path,truth,prob\na,1,0.9\nb,0,0.2\n";
    let options = PredictionOptions {
        positive: Some("TB".to_owned()),
        ..PredictionOptions::default()
    };
    let table = read(text, &options).unwrap();
    assert_eq!(table.labels, ["TB", "no TB"]);
    assert_eq!((table.positive, table.positive_is_clear), (0, true));
    assert_eq!(table.films[0].probabilities, [0.9, 1.0 - 0.9]);
    let named = read("path,truth,prob\na,x,0.9\nb,y,0.2\n", &options);
    assert!(matches!(
        named,
        Err(PredictionTableError::UnknownLabel { .. })
    ));
}

#[test]
fn films_are_found_by_path_or_by_what_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["x/1.png", "x/2.png", "y/1.png", "y/3.png"];
    let mut manifest = "path,label,patient_id,sex\n".to_owned();
    for name in names {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, name).unwrap();
        manifest.push_str(&format!("{name},{},p{name},F\n", &name[..1]));
    }
    std::fs::write(folder.path().join("manifest.csv"), manifest).unwrap();
    let data = Dataset::open(folder.path(), &DatasetOptions::default()).unwrap();
    let mut table = read(
        "path,truth,prob\n/data/set/x/1.png,x,0.9\n3,x,0.2\n2.png,y,0.2\nelsewhere.png,y,0.2\n",
        &PredictionOptions::default(),
    )
    .unwrap();
    let joined = table.join(&data).unwrap();
    let patients: Vec<&str> = table
        .films
        .iter()
        .map(|film| film.patient.as_str())
        .collect();
    assert_eq!(
        patients,
        ["px/1.png", "py/3.png", "px/2.png", "elsewhere.png"]
    );
    assert_eq!(table.films[0].sex.as_deref(), Some("F"));
    assert_eq!(joined.dataset.films.len(), 3);
    let other: Vec<&str> = joined
        .other_labels
        .iter()
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(other, ["3", "2.png"]);
    let mut strange = read(
        "path,truth,prob\nq,x,0.9\nr,y,0.2\n",
        &PredictionOptions::default(),
    )
    .unwrap();
    let error = strange.join(&data).unwrap_err().to_string();
    assert!(
        error.contains("none of its 2 films") && error.contains("\"x/1.png\""),
        "{error}"
    );
}
