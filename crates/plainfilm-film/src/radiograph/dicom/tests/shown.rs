//! Stored values, and the levels that they are shown with.

use super::super::super::{Limits, Radiograph};
use super::super::{DicomFacts, stored_values};
use super::written::{Form, Value, Written};
use super::{film, grey, levels, read};

/// A film with a window.
fn windowed(values: &[u16], centre: &str, width: &str, function: Option<&str>) -> Written {
    let film = grey(values)
        .with(0x0028_1050, b"DS", Value::text(centre))
        .with(0x0028_1051, b"DS", Value::text(width));
    match function {
        Some(function) => film.with(0x0028_1056, b"CS", Value::text(function)),
        None => film,
    }
}

fn level(part: f64) -> u16 {
    (part * 65_535.0).round() as u16
}

#[test]
fn windows_follow_the_standards_formulas() {
    // PS3.3 C.11.2.1.2.1, notes: centre 2048, width 4096 maps 0 to 0 and 4095 to full.
    let values = [0, 1, 2048, 4094, 4095];
    let linear = [0.0, 1.0, 2048.0, 4094.0, 4095.0].map(|value| level(value / 4095.0));
    let exact = [0.0, 1.0, 2048.0, 4094.0, 4095.0].map(|value| level(value / 4096.0));
    let sigmoid = [0.0, 1.0, 2048.0, 4094.0, 4095.0]
        .map(|value: f64| level(1.0 / (1.0 + (-4.0 * (value - 2048.0) / 4096.0).exp())));
    for (function, expected) in [
        (None, linear),
        (Some("LINEAR"), linear),
        (Some("LINEAR_EXACT"), exact),
        (Some("SIGMOID"), sigmoid),
    ] {
        let shown = levels(&windowed(&values, "2048", "4096", function));
        assert_eq!(shown, expected, "{function:?}");
    }
    // A width of 1 is a threshold; of several windows the first counts.
    let threshold = levels(&windowed(&[99, 100, 101], "100\\5", "1\\900", None));
    assert_eq!(threshold, [0, 65_535, 65_535]);
    // A window without a width shows nothing, so it counts as none.
    for width in ["0", "-4", "wide", ""] {
        let shown = levels(&windowed(&[0, 4095], "100", width, None));
        assert_eq!(shown, [0, 65_535], "{width:?}");
    }
}

#[test]
fn windows_are_in_the_units_of_the_modality() {
    let film = windowed(&[0, 1000, 2000], "0", "2001", None)
        .with(0x0028_1052, b"DS", Value::text("-1000"))
        .with(0x0028_1053, b"DS", Value::text("1"));
    let half = level(1000.5 / 2000.0);
    assert_eq!(levels(&film), [level(0.5 / 2000.0), half, 65_535]);
    // A slope below zero turns the film, with a window and without.
    let turned = grey(&[0, 4095]).with(0x0028_1053, b"DS", Value::text("-1"));
    assert_eq!(levels(&turned), [65_535, 0]);
}

#[test]
fn white_is_zero_is_exchanged() {
    let values = Value::Words(vec![0, 1024, 4095]);
    let white_is_zero = film("MONOCHROME1", [16, 12], 3, values);
    let plain = levels(&grey(&[0, 1024, 4095]));
    let turned: Vec<u16> = plain.iter().map(|level| 65_535 - level).collect();
    assert_eq!(levels(&white_is_zero), turned);
    let windowed = white_is_zero
        .with(0x0028_1050, b"DS", Value::text("1024"))
        .with(0x0028_1051, b"DS", Value::text("1"));
    assert_eq!(levels(&windowed), [65_535, 0, 0]);
}

#[test]
fn signed_values_have_the_range_of_their_bits() {
    let signed = |stored: u16, values: &[u16]| {
        grey(values)
            .with(0x0028_0101, b"US", Value::Words(vec![stored]))
            .with(0x0028_0102, b"US", Value::Words(vec![stored - 1]))
            .with(0x0028_0103, b"US", Value::Words(vec![1]))
    };
    let film = signed(12, &[0x0800, 0xffff, 0, 0x07ff]);
    assert_eq!(levels(&film), [0, 32_759, 32_776, 65_535]);
    let stored = stored_values(&film.file(Form::EXPLICIT), "film", &Limits::default());
    assert_eq!(stored.expect("a whole film").values, [-2048, -1, 0, 2047]);
    // Of 16 bits, what they use is guessed as in other containers.
    let film = read(&signed(16, &[0xf800, 0, 0x07ff]).file(Form::EXPLICIT));
    assert_eq!(film.pixels, [0, 32_776, 65_535]);
    assert_eq!(film.provenance.used_bits, 12);
}

/// An item with a lookup table.
fn table(descriptor: [u16; 3], entries: Value) -> Value {
    Value::Items(vec![
        Written::default()
            .with(0x0028_3002, b"US", Value::Words(descriptor.to_vec()))
            .with(0x0028_3006, b"OW", entries),
    ])
}

#[test]
fn tables_are_looked_up() {
    let values = [0, 10, 11, 12, 4095];
    let modality = table([3, 10, 8], Value::Words(vec![255, 100, 0]));
    let film = grey(&values).with(0x0028_3000, b"SQ", modality);
    let expected = [65_535, 65_535, 25_700, 0, 0];
    assert_eq!(levels(&film), expected);
    // The table goes before the window.
    let voi = table([3, 10, 8], Value::Words(vec![255, 100, 0]));
    let film = windowed(&values, "5", "1", None).with(0x0028_3010, b"SQ", voi);
    assert_eq!(levels(&film), expected);
    // Entries of a byte each.
    let voi = table([3, 10, 8], Value::Bytes(vec![255, 100, 0]));
    assert_eq!(
        levels(&grey(&values).with(0x0028_3010, b"SQ", voi)),
        expected
    );
    // 65,536 entries are written as 0.
    let all = Value::Words((0..=u16::MAX).rev().collect());
    let film = grey(&[0, 1, 4095]).with(0x0028_3010, b"SQ", table([0, 0, 16], all));
    assert_eq!(levels(&film), [65_535, 65_534, 61_440]);
    // One without entries counts as none.
    let film = grey(&[0, 4095]).with(0x0028_3010, b"SQ", table([3, 0, 8], Value::Bytes(vec![])));
    assert_eq!(levels(&film), [0, 65_535]);
}

fn colours(film: &Written) -> Radiograph {
    read(&film.file(Form::EXPLICIT))
}

#[test]
fn colours_become_grey() {
    let rgb = vec![255, 0, 0, 10, 10, 10];
    let planar = vec![255, 10, 0, 10, 0, 10];
    let together = colours(&film("RGB", [8, 8], 2, Value::Bytes(rgb)));
    assert_eq!(together.pixels, [76, 10]);
    assert_eq!(together.provenance.coloured_pixels, 1);
    let apart = film("RGB", [8, 8], 2, Value::Bytes(planar)).with(
        0x0028_0006,
        b"US",
        Value::Words(vec![1]),
    );
    assert_eq!(colours(&apart).pixels, [76, 10]);
    let ybr = colours(&film(
        "YBR_FULL",
        [8, 8],
        2,
        Value::Bytes(vec![76, 85, 255, 10, 128, 128]),
    ));
    assert_eq!(
        (ybr.pixels, ybr.provenance.coloured_pixels),
        (vec![76, 10], 1)
    );
    let shared = film(
        "YBR_FULL_422",
        [8, 8],
        2,
        Value::Bytes(vec![76, 10, 128, 128]),
    );
    assert_eq!(colours(&shared).pixels, [76, 10]);
    let partial = film(
        "YBR_PARTIAL_422",
        [8, 8],
        2,
        Value::Bytes(vec![16, 235, 128, 128]),
    );
    assert_eq!(colours(&partial).pixels, [0, 255]);
    let wide = film("RGB", [16, 12], 1, Value::Words(vec![4095, 4095, 4095]));
    assert_eq!(colours(&wide).pixels, [65_535]);
}

#[test]
fn palettes_are_looked_up() {
    let palette = |bits: u16, [red, green, blue]: [Value; 3]| {
        let descriptor = || Value::Words(vec![2, 1, bits]);
        film("PALETTE COLOR", [8, 8], 4, Value::Bytes(vec![0, 1, 2, 9]))
            .with(0x0028_1101, b"US", descriptor())
            .with(0x0028_1102, b"US", descriptor())
            .with(0x0028_1103, b"US", descriptor())
            .with(0x0028_1201, b"OW", red)
            .with(0x0028_1202, b"OW", green)
            .with(0x0028_1203, b"OW", blue)
    };
    let wide = palette(
        16,
        [[0, 65_535], [0, 0], [0, 0]].map(|c| Value::Words(c.to_vec())),
    );
    assert_eq!(colours(&wide).pixels, [0, 0, 19_595, 19_595]);
    let narrow = palette(
        8,
        [[0, 255], [0, 0], [0, 0]].map(|c| Value::Bytes(c.to_vec())),
    );
    assert_eq!(colours(&narrow).pixels, [0, 0, 76, 76]);
}

#[test]
fn facts_are_read_and_no_person_is_shown() {
    let film = grey(&[0])
        .with(0x0008_0020, b"DA", Value::text("20240615"))
        .with(0x0010_0030, b"DA", Value::text("19800615"))
        .with(0x0010_0040, b"CS", Value::text("f"))
        .with(0x0018_0015, b"CS", Value::text("CHEST"))
        .with(0x0018_5101, b"LO", Value::text("PA"))
        .with(0x0028_0301, b"CS", Value::text("NO"))
        // Text where a number belongs.
        .with(0x0018_0060, b"US", Value::Words(vec![125]));
    for form in [Form::EXPLICIT, Form::IMPLICIT] {
        let facts = DicomFacts::read(&film.file(form), "film", &Limits::default());
        let facts = facts.expect("a whole film");
        assert_eq!(facts.modality.as_deref(), Some("DX"));
        assert_eq!(facts.view_position.as_deref(), Some("PA"));
        assert_eq!(facts.body_part.as_deref(), Some("CHEST"));
        assert_eq!((facts.age, facts.sex.as_deref()), (Some(44.0), Some("F")));
        assert_eq!(facts.patient_id.as_deref(), Some("SECRET-4711"));
        assert_eq!(facts.burned_in_annotation, Some(false));
        let shown = format!("{facts:?}");
        for private in ["SECRET", "Sample", "2024", "1980", "44"] {
            assert!(!shown.contains(private), "{shown}");
        }
    }
}
