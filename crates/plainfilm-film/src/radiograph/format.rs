//! File formats, told by their first bytes: names and extensions are not believed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{RadiographError, dicom};

/// The file formats that films are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG, baseline or progressive.
    Jpeg,
    /// Tagged Image File Format, the first page.
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// WebP, lossy or lossless.
    WebP,
    /// Digital Imaging and Communications in Medicine, the first frame.
    Dicom,
}

impl Format {
    /// The name in [`super::Provenance::format`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::WebP => "webp",
            Self::Dicom => "dicom",
        }
    }

    /// The format that `bytes` starts like.
    ///
    /// # Errors
    ///
    /// [`RadiographError::Empty`], or [`RadiographError::NotAFilm`] with what the bytes look like.
    pub fn of(bytes: &[u8], name: &str) -> Result<Self, RadiographError> {
        // A DICOM file's first 128 bytes are free, and some hold a TIFF header so that viewers of
        // pictures open them too: pixels found that way lack what DICOM says about them.
        if dicom::has_preamble(bytes) {
            return Ok(Self::Dicom);
        }
        let found = match bytes {
            [] => {
                return Err(RadiographError::Empty {
                    name: name.to_owned(),
                });
            }
            [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => return Ok(Self::Png),
            [0xff, 0xd8, 0xff, ..] => return Ok(Self::Jpeg),
            // 42 is TIFF, 43 is BigTIFF.
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => return Ok(Self::Tiff),
            // Two letters would also match text, so the header's own length is looked at as well.
            [b'B', b'M', rest @ ..]
                if rest.get(12..16).is_some_and(|length| {
                    matches!(length, [12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])
                }) =>
            {
                return Ok(Self::Bmp);
            }
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => {
                return Ok(Self::WebP);
            }
            // Without its preamble DICOM has no signature, so everything that has one comes first.
            other if dicom::starts_like_elements(other) => return Ok(Self::Dicom),
            other => look_of(other),
        };
        Err(RadiographError::NotAFilm {
            name: name.to_owned(),
            found,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
            Self::WebP => "WebP",
            Self::Dicom => "DICOM",
        })
    }
}

/// What a file that is no film looks like, in words for the person who has to find out.
fn look_of(bytes: &[u8]) -> String {
    const SIGNATURES: [(usize, &[u8], &str); 12] = [
        (0, b"%PDF", "a PDF"),
        (0, b"PK\x03\x04", "a zip archive"),
        (0, b"PK\x05\x06", "an empty zip archive"),
        (0, b"\x1f\x8b", "a gzip archive"),
        (0, b"GIF8", "a GIF"),
        (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 file"),
        (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
        (4, b"ftyp", "a HEIC, AVIF or video file"),
        (
            0,
            b"version https://git-lfs.github.com",
            "a Git LFS pointer",
        ),
        (0, b"\x89HDF", "an HDF5 file"),
        (0, b"PAR1", "a Parquet file"),
        (0, b"SQLite format 3", "an SQLite database"),
    ];
    for (at, signature, what) in SIGNATURES {
        if bytes
            .get(at..)
            .is_some_and(|rest| rest.starts_with(signature))
        {
            return what.to_owned();
        }
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return "nothing but zero bytes".to_owned();
    }
    let start = &bytes[..bytes.len().min(512)];
    let is_text = match std::str::from_utf8(start) {
        Ok(_) => true,
        // A character cut in two by the 512 bytes is still text.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    } && !start
        .iter()
        .any(|&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c));
    if is_text {
        let text = String::from_utf8_lossy(start).trim_start().to_lowercase();
        return if text.starts_with("<!doctype html") || text.starts_with("<html") {
            "an HTML page".to_owned()
        } else if text.starts_with("<svg") || (text.starts_with("<?xml") && text.contains("<svg")) {
            "an SVG drawing".to_owned()
        } else if text.starts_with("<?xml") {
            "an XML file".to_owned()
        } else {
            "text".to_owned()
        };
    }
    let shown: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("unknown content that starts with {}", shown.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let mut dicom = vec![0; 128];
        dicom.extend_from_slice(b"DICM");
        let [tiff_and_dicom, png_and_dicom] =
            [&b"II*\0\x08\0\0\0"[..], b"\x89PNG\r\n\x1a\n"].map(|start| {
                let mut bytes = dicom.clone();
                bytes[..start.len()].copy_from_slice(start);
                bytes
            });
        let mut bmp = b"BM".to_vec();
        bmp.extend_from_slice(&[0; 12]);
        bmp.extend_from_slice(&[40, 0, 0, 0]);
        let cases: [(&[u8], &str); 18] = [
            (b"\x89PNG\r\n\x1a\n", "png"),
            (b"\xff\xd8\xff\xe0", "jpeg"),
            (b"II*\0", "tiff"),
            (b"MM\0*", "tiff"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
            (&bmp, "bmp"),
            (b"BMI is a body mass index", "found text"),
            (b"", "an empty file"),
            (b"<!DOCTYPE html><title>404</title>", "an HTML page"),
            (b"path,label\na.png,Covid-19\n", "found text"),
            (b"%PDF-1.7", "a PDF"),
            (&dicom, "dicom"),
            (&tiff_and_dicom, "dicom"),
            (&png_and_dicom, "dicom"),
            (b"PK\x03\x04", "a zip archive"),
            (b"GIF89a", "a GIF"),
            (&[0; 300], "nothing but zero bytes"),
            (&[1, 2, 3, 0xfe], "starts with 01 02 03 fe"),
        ];
        for (bytes, expected) in cases {
            match Format::of(bytes, "film.png") {
                Ok(format) => assert_eq!(format.name(), expected),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains(expected), "{text:?} lacks {expected:?}");
                    assert!(text.starts_with("film.png: "), "{text:?}");
                }
            }
        }
    }
}
