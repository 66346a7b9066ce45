//! Tables made after the documentation of the data sets they are named for.

use std::fs;
use std::path::Path;

use super::*;
use crate::{Dataset, DatasetOptions, Film};
use plainfilm_figures::Presence;

/// A folder of empty films and texts.
fn folder(films: &[&str], texts: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let films = films.iter().map(|&film| (film, film));
    for (path, content) in films.chain(texts.iter().copied()) {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn open(path: &Path, uncertain: Uncertain) -> Dataset {
    let options = DatasetOptions {
        uncertain,
        ..DatasetOptions::default()
    };
    Dataset::open(path, &options).unwrap()
}

fn says(dataset: &Dataset, start: &str) {
    let found = dataset.notes.iter().any(|note| note.starts_with(start));
    assert!(found, "{:?}", dataset.notes);
}

fn of(film: &Film) -> (&str, &str, Option<&str>, Option<&str>, Option<f32>) {
    (
        &film.path,
        &film.patient_id,
        film.view.as_deref(),
        film.sex.as_deref(),
        film.age,
    )
}

#[test]
fn nih_is_read_from_its_folder() {
    let table = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,\
                 OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n\
                 00000001_000.png,Cardiomegaly,0,1,058Y,M,PA,2682,2749,0.143,0.143,\n\
                 00000001_001.png,Cardiomegaly|Emphysema,1,1,058Y,M,AP,2894,2729,0.143,0.143,\n\
                 00000002_000.png,No Finding,0,2,414Y,F,PA,2500,2048,0.168,0.168,\n\
                 00000003_000.png,Hernia,0,3,081Y,F,PA,2582,2991,0.143,0.143,\n";
    let folder = folder(
        &[
            "images_001/images/00000001_000.png",
            "images_001/images/00000001_001.png",
            "images_002/images/00000002_000.png",
        ],
        &[("Data_Entry_2017.csv", table)],
    );
    for path in [
        folder.path().to_owned(),
        folder.path().join("Data_Entry_2017.csv"),
    ] {
        let dataset = open(&path, Uncertain::Ignore);
        says(&dataset, "read as NIH ChestX-ray14");
        assert_eq!(dataset.findings, ["Cardiomegaly", "Emphysema"]);
        assert_eq!(dataset.films_per_output(), [2, 1]);
        assert_eq!(
            of(&dataset.films[1]),
            (
                "images_001/images/00000001_001.png",
                "1",
                Some("AP"),
                Some("M"),
                Some(58.0)
            )
        );
        assert_eq!(dataset.films[2].age, None);
        assert_eq!(dataset.set_aside.len(), 1, "{:?}", dataset.set_aside);
    }
}

#[test]
fn chexpert_is_read_and_uncertain_is_what_was_asked_for() {
    let table = "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,\
                 Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,\
                 Fracture,Support Devices\n\
                 CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0\n\
                 CheXpert-v1.0-small/train/patient00002/study1/view1_frontal.jpg,Male,87,Frontal,PA,,,-1.0,1.0,,-1.0,,,,,,,,\n\
                 CheXpert-v1.0-small/train/patient00002/study1/view2_lateral.jpg,Male,87,Lateral,,,,1.0,1.0,,,,,,,,,,\n";
    let folder = folder(
        &[
            "train/patient00001/study1/view1_frontal.jpg",
            "train/patient00002/study1/view1_frontal.jpg",
            "train/patient00002/study1/view2_lateral.jpg",
        ],
        &[("train.csv", table)],
    );
    use Presence::{Absent, Present, Unknown};
    for (uncertain, expected) in [
        (Uncertain::Ignore, Unknown),
        (Uncertain::Positive, Present),
        (Uncertain::Negative, Absent),
    ] {
        let dataset = open(folder.path(), uncertain);
        says(&dataset, "read as CheXpert");
        let place = dataset
            .findings
            .iter()
            .position(|name| name == "Cardiomegaly")
            .unwrap();
        let found: Vec<Presence> = dataset
            .films
            .iter()
            .map(|film| film.findings[place])
            .collect();
        assert_eq!(found, [Absent, expected, Present], "{uncertain}");
        let devices = dataset
            .findings
            .iter()
            .position(|name| name == "Support Devices")
            .unwrap();
        assert_eq!(
            dataset.films[0].findings[devices], Present,
            "beside No Finding"
        );
        assert!(!dataset.findings.contains(&"No Finding".to_owned()));
        assert!(dataset.set_aside.is_empty(), "{:?}", dataset.set_aside);
        let views: Vec<Option<&str>> = dataset
            .films
            .iter()
            .map(|film| film.view.as_deref())
            .collect();
        assert_eq!(views, [Some("AP"), Some("PA"), Some("Lateral")]);
        assert_eq!(dataset.films[2].patient_id, "patient00002");
        assert_eq!(
            (dataset.films[0].age, dataset.films[0].sex.as_deref()),
            (Some(68.0), Some("Female"))
        );
    }
}

#[test]
fn ieee8023_is_read_without_its_tomographies() {
    let table = "patientid,offset,sex,age,finding,RT_PCR_positive,view,modality,date,location,folder,filename\n\
                 2,0,M,65,Pneumonia/Viral/COVID-19,Y,PA,X-ray,2020,\"Hanoi, Vietnam\",images,a.jpg\n\
                 4,,F,,No Finding,,AP Supine,X-ray,,,images,b.png\n\
                 5,,F,40,Pneumonia/Viral/COVID-19,Y,Axial,CT,,,volumes,c.nii.gz\n\
                 6,,F,40,todo,,PA,X-ray,,,images,d.png\n";
    let folder = folder(
        &["images/a.jpg", "images/b.png", "images/d.png"],
        &[("metadata.csv", table)],
    );
    let dataset = open(folder.path(), Uncertain::Ignore);
    says(&dataset, "read as ieee8023");
    assert_eq!(dataset.labels, ["COVID-19", "No Finding"]);
    assert_eq!(
        of(&dataset.films[0]),
        ("images/a.jpg", "2", Some("PA"), Some("M"), Some(65.0))
    );
    assert_eq!(dataset.films[0].source.as_deref(), Some("Hanoi, Vietnam"));
    assert_eq!(
        dataset.set_aside[0].reason,
        "row 5: expected a label, found none"
    );
    assert_eq!(dataset.ignored[0].reason, "its modality is CT, not X-ray");
}

#[test]
fn rsna_has_a_row_for_each_box() {
    let table = "patientId,x,y,width,height,Target\nu1,,,,,0\nu2,1,2,3,4,1\nu2,5,6,7,8,1\n";
    let folder = folder(
        &["stage_2_train_images/u1.dcm", "stage_2_train_images/u2.dcm"],
        &[("stage_2_train_labels.csv", table)],
    );
    let dataset = open(folder.path(), Uncertain::Ignore);
    says(&dataset, "read as RSNA");
    assert_eq!(dataset.labels, ["No pneumonia", "Pneumonia"]);
    assert_eq!(dataset.films[1].path, "stage_2_train_images/u2.dcm");
    assert_eq!((dataset.films.len(), dataset.set_aside.len()), (2, 0));
}

#[test]
fn covidx_lists_are_read() {
    let list = "3 SARS-10.1148-g04.jpeg pneumonia cohen\n101 covid 19 (1).png COVID-19 sirm\nu1 u1.png normal\nnonsense\n";
    let folder = folder(
        &[
            "train/SARS-10.1148-g04.jpeg",
            "train/covid 19 (1).png",
            "train/u1.png",
        ],
        &[
            ("train_split.txt", list),
            ("notes.txt", "nothing of the kind\n"),
        ],
    );
    let dataset = open(&folder.path().join("train_split.txt"), Uncertain::Ignore);
    says(&dataset, "read as a COVIDx list");
    assert_eq!(dataset.labels, ["COVID-19", "normal", "pneumonia"]);
    assert_eq!(dataset.films[0].source.as_deref(), Some("cohen"));
    assert_eq!(dataset.films[1].patient_id, "101");
    assert!(
        dataset.set_aside[0]
            .reason
            .starts_with("row 4: expected a patient")
    );
    let error = Dataset::open(&folder.path().join("notes.txt"), &DatasetOptions::default());
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("expected a list as COVIDx")
    );
}

#[test]
fn uncertain_is_one_of_three_words() {
    for one in [Uncertain::Ignore, Uncertain::Positive, Uncertain::Negative] {
        assert_eq!(one.to_string().parse::<Uncertain>().unwrap(), one);
    }
    let error = "maybe".parse::<Uncertain>().unwrap_err().to_string();
    assert_eq!(
        error,
        "expected ignore, positive or negative, found `maybe`"
    );
}
