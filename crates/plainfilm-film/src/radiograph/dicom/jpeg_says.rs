//! What a JPEG says of itself before its first scan (ITU-T T.81, annex B), which its decoder does not hand on.

/// The marker and content of each segment before the first scan.
fn segments(jpeg: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        while jpeg.get(at)? != &0xff || jpeg.get(at + 1)? == &0xff {
            at += 1;
        }
        let marker = *jpeg.get(at + 1)?;
        let length = u16::from_be_bytes(*jpeg.get(at + 2..)?.first_chunk::<2>()?);
        let content = jpeg.get(at + 4..at + 2 + usize::from(length))?;
        at += 2 + usize::from(length);
        (marker != 0xda).then_some((marker, content))
    })
}

/// The segment that describes the frame.
fn frame(jpeg: &[u8]) -> Option<(u8, &[u8])> {
    // 0xc4, 0xc8 and 0xcc are tables and a reserved marker.
    segments(jpeg)
        .find(|(marker, _)| matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc))
}

/// Bits of a sample.
pub(super) fn bits(jpeg: &[u8]) -> Option<u8> {
    frame(jpeg)?.1.first().copied()
}

/// Whether it is compressed without loss, which 9 to 16 bits are decoded of.
pub(super) fn is_lossless(jpeg: &[u8]) -> bool {
    frame(jpeg).is_some_and(|(marker, _)| matches!(marker, 0xc3 | 0xc7 | 0xcb | 0xcf))
}

/// Whether its colours are YBR: Adobe's segment says so either way, JFIF's only if it is there.
pub(super) fn ybr(jpeg: &[u8]) -> Option<bool> {
    let mut found = None;
    for (marker, content) in segments(jpeg) {
        match marker {
            0xee if content.starts_with(b"Adobe") => return content.get(11).map(|&code| code == 1),
            0xe0 if content.starts_with(b"JFIF\0") => found = Some(true),
            _ => {}
        }
    }
    found
}
