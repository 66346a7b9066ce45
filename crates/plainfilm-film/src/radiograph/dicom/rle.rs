//! Run lengths (PS3.5, annex G): each byte of each sample is a plane of its own.

use super::Fault;
use super::description::Description;

/// The samples of a frame, interleaved.
pub(super) fn decode(frame: &[u8], layout: &Description) -> Result<Vec<u16>, Fault> {
    let word = |at: usize| {
        let word = frame.get(at * 4..).and_then(|rest| rest.first_chunk::<4>());
        word.map(|&word| u32::from_le_bytes(word) as usize)
            .ok_or_else(|| Fault::Truncated("its run lengths end within their header".to_owned()))
    };
    let bytes_per_sample = usize::from(layout.allocated.div_ceil(8));
    let planes = layout.samples * bytes_per_sample;
    let found = word(0)?;
    if found != planes {
        return Err(Fault::Damaged(format!(
            "expected {planes} segments of run lengths, found {found}"
        )));
    }
    let mut samples = vec![0; layout.pixels() * layout.samples];
    for plane in 0..planes {
        let start = word(1 + plane)?;
        let end = if plane + 1 < planes {
            word(2 + plane)?
        } else {
            frame.len()
        };
        let segment = frame
            .get(start..end)
            .ok_or_else(|| Fault::Damaged("a segment of run lengths lies outside".to_owned()))?;
        // The high byte's plane comes first.
        let shift = 8 * (bytes_per_sample - 1 - plane % bytes_per_sample);
        let targets = samples
            .iter_mut()
            .skip(plane / bytes_per_sample)
            .step_by(layout.samples);
        unpack(segment, targets, shift)?;
    }
    Ok(samples)
}

/// Adds a plane's bytes, shifted, to its samples. Bytes beyond the last sample are padding.
fn unpack<'s>(
    segment: &[u8],
    mut targets: impl ExactSizeIterator<Item = &'s mut u16>,
    shift: usize,
) -> Result<(), Fault> {
    let mut at = 0;
    while targets.len() > 0 {
        let short = |left: usize| Fault::Truncated(format!("its run lengths lack {left} samples"));
        let &control = segment.get(at).ok_or_else(|| short(targets.len()))?;
        at += 1;
        let (count, is_run) = match control {
            0..=127 => (usize::from(control) + 1, false),
            // Says nothing.
            128 => continue,
            129..=255 => (257 - usize::from(control), true),
        };
        let length = if is_run { 1 } else { count };
        let bytes = segment
            .get(at..at + length)
            .ok_or_else(|| short(targets.len()))?;
        at += length;
        for index in 0..count {
            let Some(target) = targets.next() else { break };
            *target |= u16::from(bytes[if is_run { 0 } else { index }]) << shift;
        }
    }
    Ok(())
}
