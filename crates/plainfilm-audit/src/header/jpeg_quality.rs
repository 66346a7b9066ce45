//! How strongly a JPEG was compressed, from its quantisation table.

/// What the headers of a JPEG say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct JpegTables {
    /// On the scale of the Independent JPEG Group, 1 to 100.
    pub quality: f32,
    /// Samples of the first component for one of the second; 0 with one component.
    pub sampling: u8,
    /// Whether the film comes in several scans of rising detail.
    pub progressive: bool,
    /// Bytes of application segments and comments.
    pub metadata_bytes: u64,
}

/// Sum of the luminance table that ITU-T T.81 gives as an example (table K.1), which libjpeg scales.
const STANDARD_SUM: f32 = 3688.0;

/// Reads the segments before the first scan. What is damaged there counts as absent; the decoder has
/// already accepted the film.
pub(super) fn read(bytes: &[u8]) -> JpegTables {
    let mut tables = JpegTables::default();
    let mut at = 2;
    while let Some(&[marker, code, high, low]) =
        bytes.get(at..).and_then(|rest| rest.first_chunk::<4>())
    {
        if marker != 0xff {
            at += 1;
            continue;
        }
        // Fill bytes and markers without a length.
        if matches!(code, 0xff | 0x00 | 0x01 | 0xd0..=0xd8) {
            at += 1;
            continue;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = bytes.get(at + 4..at + 2 + length).unwrap_or_default();
        match code {
            0xda | 0xd9 => break,
            0xdb => {
                if let Some(quality) = quality_of(body)
                    && tables.quality == 0.0
                {
                    tables.quality = quality;
                }
            }
            // Start of frame: precision, rows, columns, components, then three bytes for each.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                tables.progressive = matches!(code, 0xc2 | 0xc6 | 0xca | 0xce);
                let area = |at: usize| body.get(at).map_or(1, |s| (s >> 4) * (s & 15));
                if body.get(5).is_some_and(|&components| components > 1) {
                    tables.sampling = area(7) / area(10).max(1);
                }
            }
            0xe1..=0xef | 0xfe => tables.metadata_bytes += length as u64,
            _ => {}
        }
        at += 2 + length.max(2);
    }
    tables
}

/// The quality that would give table 0 by libjpeg's rule: entries of table K.1 are multiplied by
/// `5000 / quality` percent up to quality 50 and by `200 - 2 quality` percent above.
fn quality_of(segment: &[u8]) -> Option<f32> {
    let (&head, table) = segment.split_first()?;
    if head & 15 != 0 {
        return None;
    }
    let sum: f32 = if head >> 4 == 0 {
        table.get(..64)?.iter().map(|&entry| f32::from(entry)).sum()
    } else {
        let entries = table.get(..128)?.chunks_exact(2);
        entries
            .map(|two| f32::from(u16::from_be_bytes([two[0], two[1]])))
            .sum()
    };
    let percent = sum / STANDARD_SUM * 100.0;
    let quality = if percent <= 100.0 {
        (200.0 - percent) / 2.0
    } else {
        5000.0 / percent
    };
    Some(quality.clamp(1.0, 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::jpeg::JpegEncoder;

    #[test]
    fn the_quality_that_was_asked_for_is_found() {
        let picture = image::RgbImage::from_fn(32, 32, |x, y| {
            image::Rgb([(x * 8) as u8, (y * 8) as u8, (x * y) as u8])
        });
        for quality in [20, 40, 50, 60, 75, 90, 95] {
            let mut bytes = Vec::new();
            JpegEncoder::new_with_quality(&mut bytes, quality)
                .encode_image(&picture)
                .unwrap();
            let found = read(&bytes);
            assert!(
                (found.quality - f32::from(quality)).abs() < 1.5,
                "{quality}: {found:?}"
            );
            assert!(!found.progressive);
            assert!(found.sampling >= 1);
        }
    }

    #[test]
    fn damage_is_no_reason_to_stop() {
        for bytes in [
            &b""[..],
            b"\xff\xd8",
            b"\xff\xd8\xff\xdb\0\x04\0",
            b"\xff\xd8\xff\xfe\0\0",
        ] {
            assert_eq!(read(bytes).quality, 0.0);
        }
    }
}
