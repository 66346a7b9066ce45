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

/// What a film shows, by name.
fn shown<'a>(dataset: &'a Dataset, film: &Film) -> Vec<&'a str> {
    let found = dataset.findings.iter().zip(&film.findings);
    found
        .filter(|(_, presence)| **presence == Presence::Present)
        .map(|(name, _)| name.as_str())
        .collect()
}

#[test]
fn mimic_is_read_from_three_tables() {
    let findings = "subject_id,study_id,Atelectasis,Cardiomegaly,Edema,No Finding,Pneumonia\n\
                    10000032,50414267,,,,1.0,\n\
                    10000764,57375967,,1.0,-1.0,,0.0\n\
                    10000764,57375967,1.0,,,,\n";
    let films = "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns\n\
                 02aa,10000032,50414267,CHEST (PA AND LAT),PA,3056,2544\n\
                 174d,10000032,50414267,CHEST (PA AND LAT),LATERAL,3056,2544\n\
                 096f,10000764,57375967,CHEST (PORTABLE AP),AP,2906,2394\n\
                 11ff,10000764,59999999,CHEST (PORTABLE AP),AP,2906,2394\n";
    let parts = "dicom_id,study_id,subject_id,split\n02aa,50414267,10000032,train\n\
                 174d,50414267,10000032,train\n096f,57375967,10000764,validate\n";
    let labels = ("mimic-cxr-2.0.0-chexpert.csv", findings);
    let files = ("mimic-cxr-2.0.0-metadata.csv", films);
    let paths = [
        "files/p10/p10000032/s50414267/02aa.jpg",
        "files/p10/p10000032/s50414267/174d.jpg",
        "files/p10/p10000764/s57375967/096f.jpg",
        "files/p10/p10000764/s59999999/11ff.jpg",
    ];
    let folder = folder(
        &paths,
        &[labels, files, ("mimic-cxr-2.0.0-split.csv", parts)],
    );
    for path in [
        folder.path().to_owned(),
        folder.path().join(labels.0),
        folder.path().join(files.0),
    ] {
        let dataset = open(&path, Uncertain::Ignore);
        says(&dataset, "read as MIMIC-CXR-JPG");
        let first = of(&dataset.films[0]);
        assert_eq!(first, (paths[0], "10000032", Some("PA"), None, None));
        assert_eq!(dataset.films.len(), 3, "{:?}", dataset.set_aside);
        assert!(shown(&dataset, &dataset.films[0]).is_empty());
        assert_eq!(
            shown(&dataset, &dataset.films[2]),
            ["Atelectasis", "Cardiomegaly"]
        );
        assert_eq!(dataset.set_aside.len(), 1);
        assert!(dataset.set_aside[0].reason.contains("expected a label"));
    }
    // As the set is handed out: each table packed.
    let packed = self::folder(&paths, &[]);
    for (name, text) in [labels, files] {
        let file = fs::File::create(packed.path().join(format!("{name}.gz"))).unwrap();
        let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, text.as_bytes()).unwrap();
        gz.finish().unwrap();
    }
    let dataset = open(packed.path(), Uncertain::Ignore);
    says(&dataset, "read as MIMIC-CXR-JPG");
    assert_eq!(dataset.films.len(), 3);
    let alone = self::folder(&paths, &[labels]);
    let error = Dataset::open(alone.path(), &DatasetOptions::default());
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("expected mimic-cxr-2.0.0-metadata.csv beside it"),
        "{error}"
    );
}

#[test]
fn vindr_counts_what_most_of_its_readers_saw() {
    let by_finding = "image_id,rad_id,Aortic enlargement,Cardiomegaly,Other diseases,No finding\n\
                      a1,R1,1,0,0,0\na1,R2,1,1,0,0\na1,R3,0,0,0,1\n\
                      b2,R1,0,0,0,1\nb2,R2,0,0,0,1\nb2,R3,0,1,0,0\n";
    let by_box = "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n\
                  a1,Aortic enlargement,0,R1,1,2,3,4\na1,Aortic enlargement,0,R1,5,6,7,8\n\
                  a1,Aortic enlargement,0,R2,1,2,3,4\na1,Cardiomegaly,3,R2,1,2,3,4\na1,No finding,14,R3,,,,\n\
                  b2,No finding,14,R1,,,,\nb2,No finding,14,R2,,,,\nb2,Cardiomegaly,3,R3,1,2,3,4\n";
    for (name, table) in [
        ("image_labels_train.csv", by_finding),
        ("train.csv", by_box),
    ] {
        let folder = folder(&["train/a1.dicom", "train/b2.dicom"], &[(name, table)]);
        let dataset = open(folder.path(), Uncertain::Ignore);
        says(&dataset, "read as VinDr-CXR");
        assert_eq!(dataset.findings, ["Aortic enlargement"], "{name}");
        assert_eq!(shown(&dataset, &dataset.films[0]), ["Aortic enlargement"]);
        assert!(shown(&dataset, &dataset.films[1]).is_empty());
        assert!(
            dataset
                .notes
                .iter()
                .any(|note| note.contains("differ on 2 of 2 films"))
        );
    }
    let test = "image_id,Aortic enlargement,No finding\na1,1,0\nb2,0,1\n";
    let folder = folder(
        &["test/a1.png", "test/b2.png"],
        &[("image_labels_test.csv", test)],
    );
    let dataset = open(folder.path(), Uncertain::Ignore);
    assert_eq!(dataset.films_per_output(), [1]);
}

#[test]
fn padchest_lists_are_findings_and_what_it_excludes_is_left_out() {
    let name = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv";
    let table = "ImageID,ImageDir,StudyDate_DICOM,PatientID,PatientBirth,PatientSex_DICOM,Projection,Labels\n\
                 a.png,0,20140915,P1,1950.0,M,PA,\"['pleural effusion', 'cardiomegaly', 'pleural effusion']\"\n\
                 b.png,0,20150101,P2,,F,AP_horizontal,\"['normal']\"\n\
                 c.png,3,20150101,P3,1990,F,L,\"['unchanged']\"\n\
                 d.png,3,20150101,P3,1990,F,PA,\"['exclude']\"\n\
                 e.png,3,20150101,P3,1990,F,EXCLUDE,\"['cardiomegaly']\"\n";
    let folder = folder(
        &["0/a.png", "0/b.png", "3/c.png", "3/d.png", "3/e.png"],
        &[(name, table)],
    );
    let dataset = open(folder.path(), Uncertain::Ignore);
    says(&dataset, "read as PadChest");
    let [a, b] = &dataset.films[..] else {
        panic!("{:?}", dataset.films)
    };
    assert_eq!(of(a), ("0/a.png", "P1", Some("PA"), Some("M"), Some(64.0)));
    assert_eq!(shown(&dataset, a), ["cardiomegaly", "pleural effusion"]);
    assert_eq!(of(b), ("0/b.png", "P2", Some("AP"), Some("F"), None));
    assert!(shown(&dataset, b).is_empty());
    assert_eq!(dataset.set_aside.len(), 1, "{:?}", dataset.set_aside);
    assert!(dataset.set_aside[0].path.ends_with("c.png"));
}

#[test]
fn brax_is_read_like_chexpert() {
    let table = "DicomPath,PngPath,PatientID,PatientSex,PatientAge,StudyDate,No Finding,Cardiomegaly,Lung Opacity,\
                 ViewPosition,Manufacturer\n\
                 x/1.dcm,images/id_1/Study_1/Series_1/image-1.png,id_1,M,55,20200101,1,,,PA,M1\n\
                 x/2.dcm,images/id_2/Study_1/Series_1/image-1.png,id_2,F,85 or more,20200101,,-1,1,L,M1\n";
    let folder = folder(
        &[
            "images/id_1/Study_1/Series_1/image-1.png",
            "images/id_2/Study_1/Series_1/image-1.png",
        ],
        &[("master_spreadsheet_update.csv", table)],
    );
    let dataset = open(folder.path(), Uncertain::Positive);
    says(&dataset, "read as BRAX");
    assert_eq!(dataset.films[0].age, Some(55.0));
    assert_eq!(dataset.films[1].patient_id, "id_2");
    assert_eq!(
        shown(&dataset, &dataset.films[1]),
        ["Cardiomegaly", "Lung Opacity"]
    );
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
