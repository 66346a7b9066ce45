//! One picture in files of every depth that systems export: whatever the container, it is one picture.

use std::io::Cursor;

use tiff::encoder::colortype::{ColorType, Gray8, Gray16, Gray32, Gray32Float, GrayI16};
use tiff::encoder::{TiffEncoder, TiffValue};
use tiff::tags::Tag;

use super::{Limits, NoLungs, Preprocessing, Radiograph, decode};

const WIDTH: u32 = 61;
const HEIGHT: u32 = 47;

/// The 8-bit picture, which has levels from 0 to 219.
fn picture() -> impl Iterator<Item = u16> {
    (0..WIDTH * HEIGHT).map(|index| (index * 7 % 220) as u16)
}

/// A grey PNG of 16 bits, which may say how many of them are significant.
fn png(levels: impl Iterator<Item = u16>, significant: Option<u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    let mut writer = encoder.write_header().expect("a whole header");
    if let Some(bits) = significant {
        let written = writer.write_chunk(png::chunk::sBIT, &[bits]);
        written.expect("memory takes all");
    }
    let samples: Vec<u8> = levels.flat_map(u16::to_be_bytes).collect();
    writer.write_image_data(&samples).expect("as many samples");
    writer.finish().expect("memory takes all");
    bytes
}

/// A TIFF with one more tag.
fn tiff<C>(levels: impl Iterator<Item = C::Inner>, tag: Option<(Tag, u16)>) -> Vec<u8>
where
    C: ColorType,
    [C::Inner]: TiffValue,
{
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).expect("memory takes all");
    let mut image = encoder
        .new_image::<C>(WIDTH, HEIGHT)
        .expect("a whole header");
    if let Some((tag, value)) = tag {
        let written = image.encoder().write_tag(tag, value);
        written.expect("memory takes all");
    }
    let levels: Vec<C::Inner> = levels.collect();
    image.write_data(&levels).expect("as many samples");
    bytes.into_inner()
}

fn read(bytes: &[u8]) -> Radiograph {
    decode(bytes, "film", &Limits::default()).expect("a whole film")
}

#[test]
fn a_picture_is_the_same_in_every_container() {
    let bits_12 = || picture().map(|v| v * 16 + v / 16);
    let signed = |lift: i16| bits_12().map(move |v| v as i16 - lift);
    let white_is_zero = Some((Tag::PhotometricInterpretation, 0));
    let cases: [(&str, Vec<u8>, u8); 20] = [
        ("PNG as it is", png(picture(), None), 8),
        ("PNG times 16", png(picture().map(|v| v * 16), None), 8),
        ("PNG times 256", png(picture().map(|v| v * 256), None), 8),
        ("PNG times 257", png(picture().map(|v| v * 257), None), 8),
        ("PNG of 12 bits", png(bits_12(), None), 12),
        (
            "PNG of 12 bits times 16",
            png(bits_12().map(|v| v * 16), None),
            12,
        ),
        ("PNG that says 12", png(bits_12(), Some(12)), 12),
        (
            "PNG of 14 bits",
            png(bits_12().map(|v| v * 4 + 1), None),
            14,
        ),
        (
            "TIFF of 8 bits",
            tiff::<Gray8>(picture().map(|v| v as u8), None),
            8,
        ),
        (
            "TIFF times 16",
            tiff::<Gray16>(picture().map(|v| v * 16), None),
            8,
        ),
        ("TIFF of 12 bits", tiff::<Gray16>(bits_12(), None), 12),
        (
            "TIFF that says 4095",
            tiff::<Gray16>(bits_12(), Some((Tag::MaxSampleValue, 4095))),
            12,
        ),
        (
            "TIFF that says 65535",
            tiff::<Gray16>(bits_12(), Some((Tag::MaxSampleValue, 65_535))),
            12,
        ),
        (
            "TIFF with white at 0",
            tiff::<Gray16>(bits_12().map(|v| 4095 - v), white_is_zero),
            12,
        ),
        (
            "TIFF of 32 bits",
            tiff::<Gray32>(bits_12().map(u32::from), None),
            12,
        ),
        ("signed TIFF", tiff::<GrayI16>(signed(0), None), 12),
        ("TIFF around zero", tiff::<GrayI16>(signed(2048), None), 12),
        (
            "floats to 255",
            tiff::<Gray32Float>(picture().map(f32::from), None),
            8,
        ),
        (
            "floats to 4095",
            tiff::<Gray32Float>(bits_12().map(f32::from), None),
            12,
        ),
        (
            "fractions",
            tiff::<Gray32Float>(picture().map(|v| f32::from(v) / 255.0), None),
            8,
        ),
    ];
    let settings = Preprocessing {
        size: 32,
        ..Preprocessing::default()
    };
    let plane = |film: &Radiograph| settings.plane(film, &NoLungs).values;
    let expected = plane(&read(&cases[8].1));
    for (what, bytes, bits) in &cases {
        let film = read(bytes);
        assert_eq!(film.provenance.used_bits, *bits, "{what}");
        let far = plane(&film)
            .iter()
            .zip(&expected)
            .fold(0.0_f32, |far, (found, expected)| {
                far.max((found - expected).abs())
            });
        assert!(far < 0.005, "{what}: {far}");
    }
}

#[test]
fn a_dark_film_is_as_dark_as_its_file_says() {
    let dark = || picture().map(|v| v * 4);
    for (said, bits, brightest) in [(None, 8, 219.0 / 255.0), (Some(12), 12, 876.0 / 4095.0)] {
        let film = read(&png(dark(), said));
        assert_eq!(film.provenance.used_bits, bits);
        let most = film.pixels.iter().max().copied().unwrap_or(0);
        assert!(
            (f64::from(most) / 65_535.0 - brightest).abs() < 1e-4,
            "{said:?}: {most}"
        );
    }
}
