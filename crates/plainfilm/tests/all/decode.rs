//! Every file format and colour layout against Pillow (`reference/decode`), and every way that a
//! file can be no film.

use std::fs;
use std::path::PathBuf;

use plainfilm::lungs::BundledLungs;
use plainfilm::radiograph::{
    Limits, Preprocessing, Radiograph, RadiographError, decode, open, read_header,
};
use proptest::prelude::*;
use serde::Deserialize;

use crate::support::{reference_films, reference_output};

#[derive(Deserialize)]
struct Expected {
    file: String,
    format: String,
    colour: String,
    bit_depth: u8,
    orientation: u8,
    width: u32,
    height: u32,
    tolerance: u16,
    pixels: Vec<u16>,
}

fn expected() -> Vec<Expected> {
    let path = reference_output("decode").join("expected.json");
    let text = fs::read_to_string(path).expect("the expected values are committed");
    serde_json::from_str(&text).expect("the exporting script writes valid JSON")
}

fn committed() -> Vec<(String, Vec<u8>)> {
    let folder = reference_output("decode").join("films");
    expected()
        .into_iter()
        .map(|film| {
            let bytes = fs::read(folder.join(&film.file)).expect("the films are committed");
            (film.file, bytes)
        })
        .collect()
}

#[test]
fn every_layout_decodes_as_in_pillow() {
    let folder = reference_output("decode").join("films");
    let mut failures = Vec::new();
    for expected in expected() {
        let film = match open(&folder.join(&expected.file), &Limits::default()) {
            Ok(film) => film,
            Err(error) => {
                failures.push(error.to_string());
                continue;
            }
        };
        let said = (
            film.provenance.format.as_str(),
            film.provenance.colour.as_str(),
            film.provenance.orientation,
            film.bit_depth,
            film.width,
            film.height,
        );
        let meant = (
            expected.format.as_str(),
            expected.colour.as_str(),
            expected.orientation,
            expected.bit_depth,
            expected.width,
            expected.height,
        );
        let difference = film
            .pixels
            .iter()
            .zip(&expected.pixels)
            .map(|(found, wanted)| found.abs_diff(*wanted))
            .max();
        eprintln!("{}: largest difference {difference:?}", expected.file);
        if said != meant || difference.is_none_or(|most| most > expected.tolerance) {
            failures.push(format!(
                "{}: {said:?}, expected {meant:?}; largest difference {difference:?}, \
                 expected at most {}",
                expected.file, expected.tolerance
            ));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn the_header_agrees_with_the_film() {
    for (name, bytes) in committed() {
        let header = read_header(&bytes, &name, &Limits::default()).expect("a committed film");
        let film = decode(&bytes, &name, &Limits::default()).expect("a committed film");
        assert_eq!(
            (header.width, header.height, header.bit_depth),
            (film.width, film.height, film.bit_depth),
            "{name}"
        );
        assert_eq!(header.format.name(), film.provenance.format, "{name}");
        assert_eq!(header.colour, film.provenance.colour, "{name}");
    }
}

#[test]
fn a_cut_film_is_an_error_and_never_half_grey() {
    for (name, bytes) in committed() {
        let whole = decode(&bytes, &name, &Limits::default()).expect("a committed film");
        for kept in 0..bytes.len() {
            match decode(&bytes[..kept], &name, &Limits::default()) {
                Err(error) => assert!(error.to_string().starts_with(&name), "{error}"),
                // What is cut may lie behind the pixels: then they are all there.
                Ok(film) => assert_eq!(film.pixels, whole.pixels, "{name} cut to {kept} bytes"),
            }
        }
        let half = decode(&bytes[..bytes.len() / 2], &name, &Limits::default());
        assert!(half.is_err(), "{name} cut in half");
    }
}

#[test]
fn a_cut_reference_film_is_called_truncated() {
    let Some(root) = reference_films("a_cut_reference_film_is_called_truncated") else {
        return;
    };
    for name in [
        "Covid-19/01E392EE-69F9-4E33-BFCE-E5C968654078.jpeg",
        "No_findings/00001699_002.png",
    ] {
        let bytes = fs::read(root.join(name)).expect("the reference data name this film");
        for kept in [100, bytes.len() / 4, bytes.len() / 2, bytes.len() - 40] {
            let cut = decode(&bytes[..kept], name, &Limits::default());
            let is_truncated = matches!(cut, Err(RadiographError::Truncated { .. }));
            assert!(is_truncated, "{name} cut to {kept} bytes: {:?}", cut.err());
        }
    }
}

#[test]
fn the_extension_is_not_believed() {
    let bytes = fs::read(reference_output("decode").join("films/rgb-8.png")).expect("committed");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("film.jpg");
    fs::write(&path, bytes).expect("the temporary folder is writable");
    let film = open(&path, &Limits::default()).expect("a PNG under another name");
    assert_eq!(film.provenance.format, "png");
    fs::write(&path, b"<!DOCTYPE html><title>Not found</title>").expect("writable");
    let error = open(&path, &Limits::default()).unwrap_err().to_string();
    assert!(
        error.contains("film.jpg") && error.contains("an HTML page"),
        "{error}"
    );
    let error = open(&folder.path().join("none.png"), &Limits::default()).unwrap_err();
    assert!(matches!(error, RadiographError::Io { .. }), "{error}");
}

#[test]
fn limits_apply_before_pixels_are_read() {
    let name = "grey-8-interlaced.png";
    let path = reference_output("decode").join("films").join(name);
    let mut bytes = fs::read(path).expect("committed");
    let tight = Limits {
        max_side: 12,
        ..Limits::default()
    };
    let error = decode(&bytes, name, &tight).unwrap_err().to_string();
    assert!(error.contains("13x9") && error.contains("12"), "{error}");
    let tight = Limits {
        max_file_bytes: 10,
        ..Limits::default()
    };
    let error = decode(&bytes, name, &tight).unwrap_err();
    assert!(
        matches!(error, RadiographError::FileTooLarge { .. }),
        "{error}"
    );
    // A header that claims 2^31-1 by 2^31-1 pixels, with a valid checksum.
    bytes[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    let error = decode(&bytes, name, &Limits::default()).unwrap_err();
    assert!(
        matches!(
            error,
            RadiographError::TooLarge { .. } | RadiographError::Damaged { .. }
        ),
        "{error}"
    );
}

/// The checksum of PNG chunks, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn every_reference_film_is_read() {
    let Some(root) = reference_films("every_reference_film_is_read") else {
        return;
    };
    let mut read = 0;
    for path in films_below(&root) {
        let film = open(&path, &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
        check_whole(&film);
        read += 1;
    }
    assert_eq!(read, 1124);
}

fn films_below(root: &std::path::Path) -> Vec<PathBuf> {
    let mut films: Vec<PathBuf> = ["Covid-19", "No_findings", "Pneumonia"]
        .iter()
        .flat_map(|label| fs::read_dir(root.join(label)).expect("a folder for each label"))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    films.sort();
    films
}

fn check_whole(film: &Radiograph) {
    assert_eq!(
        film.pixels.len(),
        film.width as usize * film.height as usize
    );
    let top = ((1_u32 << film.bit_depth) - 1) as u16;
    assert!(film.pixels.iter().all(|&pixel| pixel <= top));
    let settings = Preprocessing {
        size: 16,
        ..Preprocessing::default()
    };
    assert_eq!(settings.plane(film, &BundledLungs).values.len(), 256);
}

/// Small enough that a damaged header cannot make the test slow.
fn small() -> Limits {
    Limits {
        max_side: 512,
        max_pixels: 100_000,
        max_file_bytes: 1 << 20,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(film) = decode(&bytes, "garbage", &small()) {
            check_whole(&film);
        }
    }

    #[test]
    fn damaged_films_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        for (name, mut bytes) in committed() {
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] ^= *value;
            }
            if let Some(cut) = &cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(film) = decode(&bytes, &name, &small()) {
                check_whole(&film);
            }
        }
    }
}
