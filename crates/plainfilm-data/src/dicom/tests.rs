//! A folder of small DICOM files, and what becomes of it.

use std::fs;
use std::path::Path;

use super::*;

/// An element in explicit little endian.
fn element(tag: u32, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(((tag >> 16) as u16).to_le_bytes());
    bytes.extend((tag as u16).to_le_bytes());
    bytes.extend(vr);
    let mut value = value.to_vec();
    if value.len() % 2 == 1 {
        value.push(b' ');
    }
    if matches!(vr, b"OW" | b"SQ") {
        bytes.extend([0; 2]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

fn file(elements: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 128];
    bytes.extend(b"DICM");
    bytes.extend(element(0x0002_0010, b"UI", b"1.2.840.10008.1.2.1\0"));
    bytes.extend(elements.concat());
    bytes
}

/// A film of one pixel.
fn film(modality: &str, patient: &str, view: &str) -> Vec<u8> {
    let word = |tag, value: u16| element(tag, b"US", &value.to_le_bytes());
    file(&[
        element(0x0008_0060, b"CS", modality.as_bytes()),
        element(0x0008_0070, b"LO", b"Maker, Inc."),
        element(0x0010_0010, b"PN", b"Sample^Person"),
        element(0x0010_0020, b"LO", patient.as_bytes()),
        element(0x0010_0040, b"CS", b"F"),
        element(0x0010_1010, b"AS", b"045Y"),
        element(0x0018_0015, b"CS", b"CHEST"),
        element(0x0018_5101, b"CS", view.as_bytes()),
        element(0x0028_0004, b"CS", b"MONOCHROME2"),
        word(0x0028_0010, 1),
        word(0x0028_0011, 1),
        word(0x0028_0100, 16),
        word(0x0028_0101, 12),
        element(0x0028_0301, b"CS", b"YES"),
        element(0x7fe0_0010, b"OW", &[0, 1]),
    ])
}

/// A folder with films of two patients, and files that are no frontal films.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, bytes) in [
        ("Normal/a.dcm", film("DX", "4711", "PA")),
        ("Normal/b", film("CR", "4711", "AP")),
        ("Covid-19/c.dcm", film("DX", "4712", "PA")),
        ("Covid-19/side.dcm", film("DX", "4712", "LL")),
        ("Covid-19/scan.dcm", film("CT", "4712", "PA")),
        ("Covid-19/cut.dcm", film("DX", "4712", "PA")[..300].to_vec()),
        ("notes.txt", b"Sample^Person was here".to_vec()),
    ] {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

#[test]
fn a_folder_becomes_a_manifest_without_names() {
    let folder = folder();
    let salt = Salt::random().unwrap();
    let films = films(folder.path(), &salt, &DicomChoice::default()).unwrap();
    let paths: Vec<&str> = films.rows.iter().map(|row| row.path.as_str()).collect();
    assert_eq!(paths, ["Covid-19/c.dcm", "Normal/a.dcm", "Normal/b"]);
    assert_eq!(films.burned_in, paths);
    assert_eq!(films.rows[1].patient_id, films.rows[2].patient_id);
    assert_ne!(films.rows[0].patient_id, films.rows[1].patient_id);
    let left_out: Vec<&str> = films.left_out.keys().map(String::as_str).collect();
    let expected = [
        "Covid-19/cut.dcm",
        "Covid-19/scan.dcm",
        "Covid-19/side.dcm",
        "notes.txt",
    ];
    assert_eq!(left_out, expected);
    assert!(films.left_out["Covid-19/scan.dcm"].contains("modality CT"));
    assert!(films.left_out["Covid-19/cut.dcm"].contains("truncated"));
    let manifest = folder.path().join("manifest.csv");
    films.write(&manifest).unwrap();
    let text = fs::read_to_string(manifest).unwrap();
    let row = text.lines().nth(1).unwrap();
    assert!(row.starts_with("Covid-19/c.dcm,Covid-19,"), "{row}");
    assert!(row.ends_with(",PA,F,45,\"Maker, Inc.\",DX"), "{row}");
    for private in ["4711", "4712", "Sample"] {
        assert!(!text.contains(private));
        assert!(!format!("{:?}", films.left_out).contains(private));
    }
}

#[test]
fn all_films_are_taken_when_asked_for() {
    let folder = folder();
    let choice = DicomChoice {
        frontal_chest_only: false,
        ..DicomChoice::default()
    };
    let films = films(folder.path(), &Salt::random().unwrap(), &choice).unwrap();
    assert_eq!((films.rows.len(), films.left_out.len()), (5, 2));
}

#[test]
fn a_dicomdir_names_files_of_its_folder_alone() {
    let folder = folder();
    let item = |id: &[u8]| {
        let element = element(0x0004_1500, b"CS", id);
        let mut item = b"\xfe\xff\x00\xe0".to_vec();
        item.extend((element.len() as u32).to_le_bytes());
        item.extend(element);
        item
    };
    let ids: [&[u8]; 4] = [
        b"Normal\\b",
        b"..\\..\\etc\\passwd",
        b"Normal\\missing",
        b"LINK\\passwd",
    ];
    let records = ids.map(item).concat();
    let directory = folder.path().join("DICOMDIR");
    fs::write(&directory, file(&[element(0x0004_1220, b"SQ", &records)])).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(Path::new("/etc"), folder.path().join("LINK")).unwrap();
    let salt = Salt::random().unwrap();
    let films = films(&directory, &salt, &DicomChoice::default()).unwrap();
    assert_eq!(films.rows.len(), 1);
    assert_eq!(films.rows[0].path, "Normal/b");
    assert_eq!(films.left_out.len(), 3);
    let refused = super::films(
        &folder.path().join("Normal/b"),
        &salt,
        &DicomChoice::default(),
    );
    assert!(matches!(refused, Err(DatasetError::NotADataset { .. })));
}
