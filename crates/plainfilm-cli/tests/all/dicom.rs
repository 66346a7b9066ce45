//! DICOM films from a folder to answers, with nobody's name on the way.

use std::path::Path;

use crate::program::{Scratch, assert_code, plainfilm, stderr, stdout, text};

/// A name that must be nowhere but in the films.
const CANARY: &str = "CANARY^NAME";

/// An element in explicit little endian.
fn element(group: u16, number: u16, kind: &[u8; 2], mut value: Vec<u8>) -> Vec<u8> {
    if value.len() % 2 == 1 {
        value.push(if kind == b"UI" { 0 } else { b' ' });
    }
    let mut bytes = [group.to_le_bytes(), number.to_le_bytes(), *kind].concat();
    if kind == b"OW" {
        bytes.extend([0, 0]);
        bytes.extend((value.len() as u32).to_le_bytes());
    } else {
        bytes.extend((value.len() as u16).to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

/// A digital radiograph of 12 bits: a bright disc on black.
fn film(patient: &str, view: &str) -> Vec<u8> {
    let syntax = element(2, 0x10, b"UI", b"1.2.840.10008.1.2.1".to_vec());
    let text =
        |group, number, kind, value: &str| element(group, number, kind, value.as_bytes().to_vec());
    let number =
        |group, number, value: u16| element(group, number, b"US", value.to_le_bytes().to_vec());
    let side = 96_u16;
    let pixels = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .flat_map(|(x, y)| {
            let [x, y] = [x, y].map(|place| f32::from(place) - f32::from(side) / 2.0);
            let value: u16 = if x.hypot(y) < 30.0 { 3_000 } else { 40 };
            value.to_le_bytes()
        })
        .collect();
    [
        vec![0; 128],
        b"DICM".to_vec(),
        element(2, 0, b"UL", (syntax.len() as u32).to_le_bytes().to_vec()),
        syntax,
        text(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.1.1"),
        text(8, 0x60, b"CS", "DX"),
        text(8, 0x68, b"CS", "FOR PRESENTATION"),
        text(8, 0x70, b"LO", "Some Maker"),
        text(0x10, 0x10, b"PN", CANARY),
        text(0x10, 0x20, b"LO", patient),
        text(0x10, 0x40, b"CS", "F"),
        text(0x10, 0x1010, b"AS", "058Y"),
        text(0x18, 0x15, b"CS", "CHEST"),
        text(0x18, 0x5101, b"CS", view),
        number(0x28, 2, 1),
        text(0x28, 4, b"CS", "MONOCHROME2"),
        number(0x28, 0x10, side),
        number(0x28, 0x11, side),
        number(0x28, 0x100, 16),
        number(0x28, 0x101, 12),
        number(0x28, 0x102, 11),
        number(0x28, 0x103, 0),
        element(0x7fe0, 0x10, b"OW", pixels),
    ]
    .concat()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("it was written")
}

#[test]
fn a_folder_of_dicom_films_becomes_a_manifest_and_nobody_is_named() {
    let scratch = Scratch::new();
    let folder = scratch.path("films");
    for (name, patient, view) in [
        ("Covid-19/a.dcm", "canary-1", "PA"),
        ("Covid-19/b.dcm", "canary-1", "AP"),
        ("Normal/c.dcm", "canary-2", "PA"),
        ("Normal/d.dcm", "canary-2", "LL"),
    ] {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, film(patient, view)).expect("written");
    }
    let first = plainfilm(&["data", "import-dicom", text(&folder)]);
    assert_code(&first, 0);
    let manifest = read(&folder.join("manifest.csv"));
    let rows: Vec<Vec<&str>> = manifest
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(rows.len(), 4, "{manifest}");
    assert_eq!(rows[1][..2], ["Covid-19/a.dcm", "Covid-19"]);
    assert_eq!(rows[1][3..], ["PA", "F", "58", "Some Maker", "DX"]);
    assert_eq!(rows[1][2], rows[2][2], "one patient");
    assert_ne!(rows[1][2], rows[3][2], "two patients");
    let left_out = read(&folder.join("left_out.csv"));
    assert!(left_out.contains("Normal/d.dcm"), "{left_out}");

    // Again, with the salt that is there, nothing changes.
    assert_code(&plainfilm(&["data", "import-dicom", text(&folder)]), 0);
    assert_eq!(read(&folder.join("manifest.csv")), manifest);

    let described = plainfilm(&["data", "describe", text(&folder.join("manifest.csv"))]);
    assert_code(&described, 0);
    let predicted = plainfilm(&[
        "predict",
        "--format",
        "json",
        text(&folder.join("Covid-19/a.dcm")),
    ]);
    assert_code(&predicted, 0);
    assert!(
        stdout(&predicted).contains("\"status\":\"scored\""),
        "{}",
        stdout(&predicted)
    );
    for said in [&first, &described, &predicted].map(|output| stdout(output) + &stderr(output)) {
        assert!(!said.to_lowercase().contains("canary"), "{said}");
    }
    assert!(!(manifest + &left_out).to_lowercase().contains("canary"));
}
