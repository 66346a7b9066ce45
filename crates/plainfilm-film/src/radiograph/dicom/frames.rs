//! The bytes of the first frame, from pixel data that hold one or many.

use std::borrow::Cow;
use std::ops::Range;

use super::Fault;

/// Where the frames of encapsulated pixel data begin, as far as the file says.
pub(super) struct Offsets<'t> {
    /// The basic offset table (PS3.5 A.4): from the first fragment's item.
    pub(super) basic: &'t [u32],
    /// The extended offset table (PS3.3 C.7.6.3.1.8): the same, in 64 bits.
    pub(super) extended: &'t [u64],
    pub(super) frames: u32,
}

/// The first frame, its fragments joined. Without tables, a fragment that begins an image begins a frame.
pub(super) fn first<'d>(
    data: &'d [u8],
    fragments: &[Range<usize>],
    offsets: &Offsets<'_>,
) -> Result<Cow<'d, [u8]>, Fault> {
    let fragments = fragments
        .iter()
        .map(|range| data.get(range.clone()))
        .collect::<Option<Vec<_>>>()
        .filter(|fragments| !fragments.is_empty())
        .ok_or_else(|| Fault::Truncated("its pixel data hold no frame".to_owned()))?;
    let count = if offsets.frames <= 1 {
        fragments.len()
    } else if fragments.len() <= offsets.frames as usize {
        1
    } else {
        let second = offsets.basic.get(1).map(|&at| u64::from(at));
        match second.or_else(|| offsets.extended.get(1).copied()) {
            Some(second) => before(&fragments, second),
            None => fragments[1..]
                .iter()
                .position(|fragment| begins_image(fragment))
                .map_or(1, |more| more + 1),
        }
    };
    match &fragments[..count] {
        [one] => Ok(Cow::Borrowed(one)),
        several => Ok(Cow::Owned(several.concat())),
    }
}

/// How many fragments lie before an offset, which counts their items' heads too. One at least.
fn before(fragments: &[&[u8]], offset: u64) -> usize {
    let mut at = 0_u64;
    let fits = |fragment: &&&[u8]| {
        at += fragment.len() as u64 + 8;
        at <= offset
    };
    fragments.iter().take_while(fits).count().max(1)
}

/// Whether a fragment starts like a JPEG, JPEG-LS or JPEG 2000 image.
fn begins_image(fragment: &[u8]) -> bool {
    fragment.starts_with(&[0xff, 0xd8]) || fragment.starts_with(&[0xff, 0x4f, 0xff, 0x51])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(fragments: &[&[u8]], basic: &[u32], extended: &[u64], frames: u32) -> Vec<u8> {
        let data = fragments.concat();
        let mut at = 0;
        let ranges: Vec<_> = fragments
            .iter()
            .map(|fragment| {
                at += fragment.len();
                at - fragment.len()..at
            })
            .collect();
        let offsets = Offsets {
            basic,
            extended,
            frames,
        };
        first(&data, &ranges, &offsets)
            .expect("there are fragments")
            .into_owned()
    }

    #[test]
    fn fragments_of_the_first_frame_are_joined() {
        let start: &[u8] = &[0xff, 0xd8, 1, 2];
        let rest: &[u8] = &[3, 4];
        let all = [start, rest, start, rest];
        assert_eq!(joined(&all, &[], &[], 1).len(), 12);
        assert_eq!(joined(&all, &[0, 22], &[], 2).len(), 6);
        assert_eq!(joined(&all, &[], &[0, 22], 2).len(), 6);
        assert_eq!(joined(&all, &[], &[], 2).len(), 6);
        assert_eq!(joined(&all, &[0, 1], &[], 2).len(), 4);
        assert_eq!(joined(&all, &[], &[], 4).len(), 4);
    }
}
