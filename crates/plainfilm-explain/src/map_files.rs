//! Maps as files that other programs read: 32-bit floats, one a pixel of the film.

use std::io::Cursor;

use tiff::encoder::{TiffEncoder, colortype::Gray32Float};
use tiff::tags::Tag;

use super::FilmEvidence;
use plainfilm_film::NOT_A_MEDICAL_DEVICE;

/// The map as NumPy's `.npy` (format 1.0): little-endian `float32` of shape `(rows, columns)`; not a number
/// where the network was not shown the film.
pub fn npy(map: &FilmEvidence) -> Vec<u8> {
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
        map.height, map.width
    );
    // Magic, version and length take ten bytes; data begins at a multiple of 64, after a line break.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.extend(std::iter::repeat_n(' ', length - 1 - header.len()));
    header.push('\n');
    let mut bytes = Vec::with_capacity(10 + length + 4 * map.values.len());
    bytes.extend_from_slice(b"\x93NUMPY\x01\x00");
    let length = u16::try_from(length).expect("two numbers of at most 20 digits fit");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(map.values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// The map as a TIFF of 32-bit floats, with the notice that it is for research and teaching.
///
/// # Errors
///
/// What the encoder says, such as that the map has no pixels.
pub fn tiff(map: &FilmEvidence) -> Result<Vec<u8>, String> {
    let mut bytes = Cursor::new(Vec::new());
    let write = |bytes: &mut Cursor<Vec<u8>>| -> tiff::TiffResult<()> {
        let mut encoder = TiffEncoder::new(bytes)?;
        let (width, height) = (map.width as u32, map.height as u32);
        let mut image = encoder.new_image::<Gray32Float>(width, height)?;
        image
            .encoder()
            .write_tag(Tag::ImageDescription, NOT_A_MEDICAL_DEVICE)?;
        image.write_data(&map.values)
    };
    write(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> FilmEvidence {
        FilmEvidence {
            width: 3,
            height: 2,
            values: vec![0.0, 1.5, -2.0, f32::NAN, 0.25, 8.0],
        }
    }

    #[test]
    fn npy_is_laid_out_as_numpy_wants_it() {
        let bytes = npy(&map());
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = std::str::from_utf8(&bytes[10..10 + length]).expect("text");
        assert!(header.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"));
        assert!(header.ends_with('\n'));
        let values: Vec<f32> = bytes[10 + length..]
            .chunks_exact(4)
            .map(|value| f32::from_le_bytes(value.try_into().expect("four bytes")))
            .collect();
        assert_eq!(values[..3], [0.0, 1.5, -2.0]);
        assert!(values[3].is_nan());
        assert_eq!(values.len(), 6);
    }

    #[test]
    fn tiff_reads_back_as_it_was() {
        let bytes = tiff(&map()).expect("encoded");
        let mut decoder = tiff::decoder::Decoder::new(Cursor::new(bytes)).expect("a TIFF");
        assert_eq!(decoder.dimensions().expect("has some"), (3, 2));
        let notice = decoder.get_tag_ascii_string(Tag::ImageDescription);
        assert_eq!(notice.expect("has one"), NOT_A_MEDICAL_DEVICE);
        let tiff::decoder::DecodingResult::F32(values) = decoder.read_image().expect("pixels")
        else {
            panic!("expected floats")
        };
        assert_eq!(values[1..3], [1.5, -2.0]);
        assert!(values[3].is_nan());
    }
}
