//! Films that are de-identified: they look the same, and name nobody.

use super::super::super::{Limits, decode};
use super::super::{
    Deidentified, DicomFacts, Identities, deidentify, identifying_values, stored_values,
};
use super::written::{Form, Value, Written};
use super::{film, grey, refusal};

struct Short;

impl Identities for Short {
    fn patient(&self, identifier: &str) -> String {
        format!("hash{}", identifier.len())
    }

    fn uid(&self, uid: &str) -> String {
        format!("2.25.{}", uid.len())
    }

    fn days(&self, _: &str) -> Option<i64> {
        Some(-1)
    }
}

/// Dates are emptied.
struct Dateless;

impl Identities for Dateless {
    fn patient(&self, identifier: &str) -> String {
        Short.patient(identifier)
    }

    fn uid(&self, uid: &str) -> String {
        Short.uid(uid)
    }

    fn days(&self, _: &str) -> Option<i64> {
        None
    }
}

/// A film with the word CANARY wherever a word can be written.
fn full() -> Written {
    let canary = |kind: &[u8; 2]| {
        Value::text(if kind == b"UI" {
            "1.2.3.4711"
        } else {
            "CANARY^Name"
        })
    };
    let table = Written::default()
        .with(0x0028_3002, b"US", Value::Words(vec![4, 0, 8]))
        .with(0x0028_3003, b"LO", Value::text("CANARY"))
        .with(0x0028_3006, b"US", Value::Words(vec![0, 10, 200, 255]));
    let mut film = grey(&[0, 1, 2, 3])
        .with(0x0008_0020, b"DA", Value::text("20240301"))
        .with(0x0008_0030, b"TM", Value::text("101112"))
        .with(0x0008_0016, b"UI", Value::text("1.2.840.10008.5.1.4.1.1.1"))
        .with(0x0008_0070, b"LO", Value::text("Some Maker"))
        .with(0x0008_1090, b"LO", Value::text("MODEL CANARY 3"))
        .with(0x0008_1030, b"LO", Value::text("CANARY thorax"))
        .with(0x0008_1140, b"SQ", Value::Items(vec![film_of_canaries()]))
        .with(0x0010_0020, b"LO", Value::text("CANARY-1"))
        .with(0x0010_0030, b"DA", Value::text("19240202"))
        .with(0x0010_0040, b"CS", Value::text("F"))
        .with(0x0018_5101, b"CS", Value::text("PA"))
        .with(0x0028_3010, b"SQ", Value::Items(vec![table]))
        .with(0x0029_0010, b"LO", Value::text("CANARY private"))
        .with(0x5000_2500, b"LO", Value::text("CANARY curve"))
        .with(0x6000_4000, b"LT", Value::text("CANARY overlay"));
    for (tag, kind) in [
        (0x0008_0005, b"CS"),
        (0x0008_0018, b"UI"),
        (0x0008_0050, b"SH"),
        (0x0008_0080, b"LO"),
        (0x0008_0090, b"PN"),
        (0x0010_0010, b"PN"),
        (0x0010_4000, b"LT"),
        (0x0018_0060, b"DS"),
        (0x0018_1000, b"LO"),
        (0x0020_000d, b"UI"),
        (0x0020_0010, b"SH"),
    ] {
        film = film.with(tag, kind, canary(kind));
    }
    film
}

fn film_of_canaries() -> Written {
    Written::default().with(0x0008_1155, b"UI", Value::text("1.2.3.4711"))
}

fn anew(bytes: &[u8], identities: &dyn Identities) -> Deidentified {
    deidentify(bytes, "film", &Limits::default(), identities).expect("a film that can be written")
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

#[test]
fn a_film_is_written_anew_in_its_own_encoding_and_names_nobody() {
    let limits = Limits::default();
    for (what, form) in [
        ("explicit", Form::EXPLICIT),
        ("implicit", Form::IMPLICIT),
        ("big endian", Form::BIG),
        ("deflated", Form::DEFLATED),
    ] {
        let mut old = full().file(form);
        old[..6].copy_from_slice(b"CANARY");
        let new = anew(&old, &Short);
        let [before, after] = [&old, &new.bytes].map(|bytes| {
            let film = decode(bytes, "film", &limits).expect("it is read");
            let stored = stored_values(bytes, "film", &limits).expect("it is read");
            (film.pixels, film.bit_depth, stored)
        });
        assert_eq!(before, after, "{what}");
        // Deflated bytes hide what they hold: what is read of it is looked at as well.
        assert!(
            !holds(&new.bytes, b"CANARY") && !holds(&new.bytes, b"4711"),
            "{what}"
        );
        assert_eq!(new.instance.as_deref(), Some("2.25.10"), "{what}");
        assert_eq!(new.bytes[..128], [0; 128], "{what}");
        let facts = DicomFacts::read(&new.bytes, "film", &limits).expect("it is read");
        let old_facts = DicomFacts::read(&old, "film", &limits).expect("it is read");
        assert_eq!(facts.transfer_syntax, old_facts.transfer_syntax, "{what}");
        assert_eq!(facts.patient_id.as_deref(), Some("hash8"));
        assert_eq!(facts.study_date.as_deref(), Some("20240229"));
        // Of 100 years, from the dates, told as 90.
        assert_eq!((old_facts.age, facts.age), (Some(100.0), Some(90.0)));
        assert_eq!(facts.body_part.as_deref(), Some("CHEST"));
        assert_eq!(facts.descriptions, [""; 0]);
        assert_eq!(
            (facts.view_position, facts.sex, facts.manufacturer),
            (
                old_facts.view_position,
                old_facts.sex,
                old_facts.manufacturer
            )
        );
        let left = identifying_values(&new.bytes, "film", &limits).expect("it is read");
        let left: Vec<_> = left
            .iter()
            .map(|value| (value.kind, value.value.as_str()))
            .collect();
        // The implementation's own identifier is in the meta information, which is not looked at.
        assert_eq!(
            left,
            [
                ("patient's identifier", "hash8"),
                ("unique identifier", "2.25.10")
            ],
            "{what}"
        );
    }
}

#[test]
fn dates_are_emptied_unless_they_are_to_be_shifted() {
    let new = anew(&full().file(Form::EXPLICIT), &Dateless);
    let facts = DicomFacts::read(&new.bytes, "film", &Limits::default()).expect("it is read");
    assert_eq!(facts.study_date, None);
    assert!(holds(&new.bytes, b"REMOVED") && !holds(&new.bytes, b"MODIFIED"));
    for said in [&b"113100"[..], b"113108", b"YES"] {
        assert!(holds(&new.bytes, said));
    }
}

#[test]
fn compressed_pixels_stay_as_they_are() {
    let fragments = vec![vec![64; 70], vec![1, 2, 3, 4]];
    let film = film("MONOCHROME2", [8, 8], 8, Value::Fragments(fragments));
    let old = film.file(Form::of("1.2.840.10008.1.2.5"));
    let new = anew(&old, &Short);
    let pixels = |bytes: &[u8]| {
        let at = bytes
            .windows(4)
            .rposition(|four| four == [0xe0, 0x7f, 0x10, 0]);
        // Behind the head, whose representation is OB for all that is encapsulated (PS3.5 A.4).
        bytes[at.expect("there are pixels") + 8..].to_vec()
    };
    assert_eq!(pixels(&old), pixels(&new.bytes));
}

#[test]
fn what_cannot_be_written_truly_is_refused() {
    let overlay = grey(&[0, 1]).with(0x6000_0102, b"US", Value::Words(vec![12]));
    let none = grey(&[0, 1]).without(0x7fe0_0010);
    for (bytes, reason) in [
        (overlay.file(Form::EXPLICIT), "an overlay in spare bits"),
        (none.file(Form::EXPLICIT), "before its pixel data"),
        (b"notes".to_vec(), "DICOM"),
    ] {
        let refused = deidentify(&bytes, "film", &Limits::default(), &Short);
        let text = refused.map(|_| ()).expect_err("refused").to_string();
        assert!(text.contains(reason), "{text}");
    }
    assert!(refusal(b"notes").contains("text"));
}

#[test]
fn identifying_values_are_named_by_kind() {
    let bytes = full().file(Form::IMPLICIT);
    let values = identifying_values(&bytes, "film", &Limits::default()).expect("it is read");
    let kinds: std::collections::BTreeSet<&str> = values.iter().map(|value| value.kind).collect();
    let expected = [
        "accession number",
        "birth date",
        "comment",
        "device's serial number",
        "institution",
        "name of a person",
        "patient's identifier",
        "patient's name",
        "study's identifier",
        "unique identifier",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected);
}
