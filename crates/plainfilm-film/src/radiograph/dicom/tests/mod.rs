//! Small DICOM files, written here and read back.

mod anew;
mod broken;
mod shown;
mod written;

use super::super::{Limits, Radiograph, decode};
use written::{Form, Value, Written};

/// A film of `columns` and one row.
fn film(photometric: &str, [allocated, stored]: [u16; 2], columns: u16, pixels: Value) -> Written {
    let samples = if photometric.starts_with("MONO") || photometric.starts_with("PAL") {
        1
    } else {
        3
    };
    Written::default()
        .with(0x0008_0060, b"CS", Value::text("DX"))
        .with(0x0010_0010, b"PN", Value::text("Sample^Person"))
        .with(0x0010_0020, b"LO", Value::text("SECRET-4711"))
        .with(0x0028_0002, b"US", Value::Words(vec![samples]))
        .with(0x0028_0004, b"CS", Value::text(photometric))
        .with(0x0028_0010, b"US", Value::Words(vec![1]))
        .with(0x0028_0011, b"US", Value::Words(vec![columns]))
        .with(0x0028_0100, b"US", Value::Words(vec![allocated]))
        .with(0x0028_0101, b"US", Value::Words(vec![stored]))
        .with(0x0028_0102, b"US", Value::Words(vec![stored - 1]))
        .with(0x0028_0103, b"US", Value::Words(vec![0]))
        .with(0x7fe0_0010, b"OW", pixels)
}

/// A grey film of 12 bits in 16.
fn grey(values: &[u16]) -> Written {
    let columns = values.len() as u16;
    film(
        "MONOCHROME2",
        [16, 12],
        columns,
        Value::Words(values.to_vec()),
    )
}

fn read(bytes: &[u8]) -> Radiograph {
    decode(bytes, "film", &Limits::default()).expect("a whole film")
}

fn levels(film: &Written) -> Vec<u16> {
    read(&film.file(Form::EXPLICIT)).pixels
}

fn refusal(bytes: &[u8]) -> String {
    let refused = decode(bytes, "film", &Limits::default());
    refused.expect_err("not a whole film").to_string()
}

#[test]
fn a_film_is_the_same_in_every_encoding() {
    let film = grey(&[0, 1, 2048, 4095]).with(
        0x0008_1140,
        b"SQ",
        Value::Items(vec![grey(&[1]), Written::default()]),
    );
    let expected = levels(&film);
    assert_eq!(expected, [0, 16, 32_776, 65_535]);
    let whole = film.file(Form::EXPLICIT);
    let mut cases = vec![
        ("implicit", film.file(Form::IMPLICIT)),
        ("big endian", film.file(Form::BIG)),
        ("deflated", film.file(Form::DEFLATED)),
        ("no preamble", whole[132..].to_vec()),
        ("no meta information", film.data(Form::EXPLICIT)),
        ("implicit, no meta information", film.data(Form::IMPLICIT)),
        ("said to be implicit", {
            let mut bytes = Form::IMPLICIT.meta();
            bytes.extend(film.data(Form::EXPLICIT));
            bytes
        }),
    ];
    let mut trailing = whole.clone();
    trailing.extend_from_slice(&[0; 700]);
    cases.push(("padding", trailing));
    let mut trailing = whole;
    trailing.extend_from_slice(b"\xfc\xff\xfc\xffOB\0\0\xff\xff\xff\xff?");
    cases.push(("more elements, cut", trailing));
    for (what, bytes) in cases {
        let film = read(&bytes);
        assert_eq!(film.pixels, expected, "{what}");
        assert_eq!(
            (film.bit_depth, film.provenance.used_bits),
            (16, 12),
            "{what}"
        );
        assert_eq!(film.provenance.format, "dicom");
    }
}

#[test]
fn single_bytes_keep_their_place() {
    let film = film("MONOCHROME2", [8, 8], 4, Value::Bytes(vec![0, 1, 128, 255]));
    assert_eq!(levels(&film), [0, 1, 128, 255]);
    let swapped = self::film("MONOCHROME2", [8, 8], 4, Value::Bytes(vec![1, 0, 255, 128]));
    assert_eq!(read(&swapped.file(Form::BIG)).pixels, [0, 1, 128, 255]);
}

#[test]
fn bits_are_taken_where_they_are() {
    // 10 bits from bit 5 on, with an overlay above and below them.
    let film = grey(&[0x801f, 0x7fe0, 0x8020])
        .with(0x0028_0101, b"US", Value::Words(vec![10]))
        .with(0x0028_0102, b"US", Value::Words(vec![14]));
    assert_eq!(levels(&film), [0, 65_535, 64]);
    let single = self::film("MONOCHROME2", [1, 1], 9, Value::Bytes(vec![0b101, 1]));
    assert_eq!(levels(&single), [255, 0, 255, 0, 0, 0, 0, 0, 255]);
}

#[test]
fn compressed_frames_are_joined_from_their_fragments() {
    let levels = [0_u8, 0, 0, 7, 9, 255, 255, 255];
    // One segment: a run of three, two bytes, padding, a run of three.
    let mut rle = vec![0; 64];
    (rle[0], rle[4]) = (1, 64);
    rle.extend_from_slice(&[254, 0, 1, 7, 9, 128, 254, 255]);
    let cases = [
        ("1.2.840.10008.1.2.5", vec![rle.clone()]),
        (
            "1.2.840.10008.1.2.5",
            vec![rle[..30].to_vec(), rle[30..].to_vec()],
        ),
        (
            "1.2.840.10008.1.2.1.98",
            vec![levels[..4].to_vec(), levels[4..].to_vec()],
        ),
        ("1.2.840.10008.1.2.8.1", vec![written::deflate(&levels)]),
    ];
    for (uid, fragments) in cases {
        let film = film("MONOCHROME2", [8, 8], 8, Value::Fragments(fragments));
        let read = read(&film.file(Form::of(uid)));
        assert_eq!(read.pixels, levels.map(u16::from), "{uid}");
    }
    // Two frames: the first.
    let film = film(
        "MONOCHROME2",
        [8, 8],
        8,
        Value::Fragments(vec![rle, vec![0; 64]]),
    )
    .with(0x0028_0008, b"IS", Value::text("2"));
    let read = read(&film.file(Form::of("1.2.840.10008.1.2.5")));
    assert_eq!(read.pixels, levels.map(u16::from));
}

#[test]
fn run_lengths_of_16_bits_have_a_plane_for_each_byte() {
    let mut rle = vec![0; 64];
    (rle[0], rle[4], rle[8]) = (2, 64, 68);
    rle.extend_from_slice(&[1, 0x0f, 0, 0, 1, 0xff, 1, 0]);
    let film = film("MONOCHROME2", [16, 12], 2, Value::Fragments(vec![rle]));
    let read = read(&film.file(Form::of("1.2.840.10008.1.2.5")));
    assert_eq!(read.pixels, [65_535, 16]);
}

#[test]
fn a_jpeg_is_read_in_the_colours_that_it_says() {
    let [mut grey, mut colour] = [Vec::new(), Vec::new()];
    let encoder = |bytes| image::codecs::jpeg::JpegEncoder::new_with_quality(bytes, 100);
    let size = (8, 8);
    let encoded = encoder(&mut grey).encode(&[77; 64], size.0, size.1, image::ColorType::L8.into());
    encoded.expect("memory takes all");
    let red = [255, 0, 0].repeat(64);
    let encoded = encoder(&mut colour).encode(&red, size.0, size.1, image::ColorType::Rgb8.into());
    encoded.expect("memory takes all");
    for (photometric, jpeg, expected) in [
        ("MONOCHROME2", &grey, 77_u16),
        ("MONOCHROME1", &grey, 178),
        ("YBR_FULL_422", &colour, 76),
        // JFIF says YBR, whatever the data set says.
        ("RGB", &colour, 76),
    ] {
        let halves = [jpeg[..50].to_vec(), jpeg[50..].to_vec()];
        let film = film(photometric, [8, 8], 8, Value::Fragments(halves.to_vec())).with(
            0x0028_0010,
            b"US",
            Value::Words(vec![8]),
        );
        let read = read(&film.file(Form::of("1.2.840.10008.1.2.4.50")));
        let far = read
            .pixels
            .iter()
            .map(|level| level.abs_diff(expected))
            .max();
        assert!(far <= Some(1), "{photometric}: {far:?}");
        let coloured = if jpeg == &colour { 64 } else { 0 };
        assert_eq!(read.provenance.coloured_pixels, coloured, "{photometric}");
    }
}
