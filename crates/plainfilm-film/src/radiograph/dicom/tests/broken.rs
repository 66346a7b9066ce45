//! Files that are damaged, cut off or made to do harm.

use super::super::super::{Limits, RadiographError, decode};
use super::written::{Form, Value, deflate};
use super::{film, grey, refusal};

#[test]
fn a_cut_file_is_no_film() {
    let film = grey(&[1, 2, 3]).with(0x0008_1140, b"SQ", Value::Items(vec![grey(&[1])]));
    for form in [Form::EXPLICIT, Form::IMPLICIT, Form::BIG, Form::DEFLATED] {
        let bytes = film.file(form);
        for length in 1..bytes.len() {
            let text = refusal(&bytes[..length]);
            assert!(
                !text.contains("SECRET") && !text.contains("Sample"),
                "{text}"
            );
        }
    }
}

#[test]
fn refusals_say_what_was_found() {
    let with = |tag, value: u16| {
        let film = grey(&[1, 2, 3]).with(tag, b"US", Value::Words(vec![value]));
        film.file(Form::EXPLICIT)
    };
    let frames = grey(&[1]).with(0x0028_0008, b"IS", Value::text("999999999"));
    let mut rest = vec![0; 128];
    rest.extend_from_slice(b"DICM");
    let mut garbage = rest.clone();
    garbage.extend((0..400_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8));
    let uid = |uid| grey(&[1]).file(Form::of(uid));
    let cases = [
        (with(0x0028_0010, 40_000), "3x40000"),
        (with(0x0028_0010, 0), "at least one pixel"),
        (
            with(0x0028_0010, 200),
            "expected 1200 bytes of pixels, found 6",
        ),
        (
            frames.file(Form::EXPLICIT),
            "expected 1999999998 bytes of pixels, found 2",
        ),
        (with(0x0028_0100, 32), "samples of 32 bits"),
        (with(0x0028_0101, 17), "bits stored, found 17"),
        (with(0x0028_0002, 3), "expected 1 samples a pixel"),
        (rest, "without pixel data"),
        (garbage, "film: "),
        (
            uid("1.2.840.10008.1.2.4.80"),
            "JPEG-LS lossless (1.2.840.10008.1.2.4.80)",
        ),
        (uid("1.2.840.10008.1.2.4.102"), "video"),
        (uid("Sample^Person"), "not an identifier"),
        (uid("1.2.840.10008.1.2.4.50"), "in fragments"),
        (
            grey(&[1]).without(0x7fe0_0010).file(Form::EXPLICIT),
            "ends before its pixel data",
        ),
    ];
    for (bytes, expected) in cases {
        let text = refusal(&bytes);
        assert!(text.contains(expected), "{text:?} lacks {expected:?}");
        assert!(!text.contains("Sample"), "{text}");
    }
}

#[test]
fn claims_of_length_allocate_nothing() {
    // An element of 4 GB less two bytes, in a file of a few hundred bytes.
    let mut bytes = Form::EXPLICIT.meta();
    bytes.extend_from_slice(b"\x08\0\x00\x10OB\0\0\xfe\xff\xff\xff1234");
    assert!(refusal(&bytes).contains("(0008,1000)"));
    // Sequences within sequences.
    let mut bytes = Form::EXPLICIT.meta();
    for _ in 0..100_000 {
        bytes.extend_from_slice(
            b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff",
        );
    }
    assert!(refusal(&bytes).contains("deep"));
}

#[test]
fn deflation_is_bounded() {
    let limits = Limits {
        max_file_bytes: 100_000,
        ..Limits::default()
    };
    let mut bytes = Form::DEFLATED.meta();
    bytes.extend(deflate(&vec![0; 10_000_000]));
    let refused = decode(&bytes, "film", &limits).expect_err("too much");
    assert!(refused.to_string().contains("deflated data"), "{refused}");
    let film = film(
        "MONOCHROME2",
        [8, 8],
        4,
        Value::Fragments(vec![deflate(&vec![0; 10_000_000])]),
    );
    assert!(refusal(&film.file(Form::of("1.2.840.10008.1.2.8.1"))).contains("deflated data"));
}

/// A JPEG 2000 image of 4 x 1 pixels is a header and little else here: what counts is that nothing panics.
#[test]
fn no_damage_panics() {
    let mut jpeg = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new(&mut jpeg);
    let pixels: Vec<u8> = (0..64).collect();
    let mut encoder = encoder;
    let encoded = encoder.encode(&pixels, 8, 8, image::ColorType::L8.into());
    encoded.expect("memory takes all");
    let mut rle = vec![0; 64];
    (rle[0], rle[4]) = (1, 64);
    rle.extend([193, 7]);
    let square = |pixels| {
        film("MONOCHROME2", [8, 8], 8, pixels).with(0x0028_0010, b"US", Value::Words(vec![8]))
    };
    let voi = Value::Items(vec![
        super::Written::default()
            .with(0x0028_3002, b"US", Value::Words(vec![2, 0, 8]))
            .with(0x0028_3006, b"OW", Value::Words(vec![0, 255])),
    ]);
    let files = [
        square(Value::Bytes(pixels))
            .with(0x0028_3010, b"SQ", voi)
            .file(Form::EXPLICIT),
        grey(&[1, 2, 3]).file(Form::IMPLICIT),
        grey(&[1, 2, 3]).file(Form::DEFLATED),
        square(Value::Fragments(vec![rle])).file(Form::of("1.2.840.10008.1.2.5")),
        square(Value::Fragments(vec![jpeg])).file(Form::of("1.2.840.10008.1.2.4.50")),
    ];
    let mut state = 1_u64;
    let mut draw = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for file in &files {
        for _ in 0..3000 {
            let mut bytes = file.clone();
            for _ in 0..1 + draw(3) {
                let at = draw(bytes.len());
                bytes[at] = draw(256) as u8;
            }
            let limits = Limits {
                max_pixels: 1 << 20,
                ..Limits::default()
            };
            match decode(&bytes, "film", &limits) {
                Ok(film) => assert_eq!(
                    film.pixels.len() as u64,
                    u64::from(film.width) * u64::from(film.height)
                ),
                Err(RadiographError::Io { .. }) => panic!("nothing is read from a file here"),
                Err(_) => {}
            }
        }
    }
}
