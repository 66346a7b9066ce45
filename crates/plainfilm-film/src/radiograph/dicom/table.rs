//! Lookup tables: Modality LUT, VOI LUT and palettes share one form (PS3.3 C.11.1.1.1 and C.7.6.3.1.5).

use super::elements::DataSet;

/// A lookup table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The value that the first entry is for; all below it share that entry.
    first: i32,
    entries: Vec<u16>,
    /// The greatest value that an entry can have.
    pub(super) full: u16,
}

impl Table {
    /// The table with this descriptor and data; `None` where one is missing or makes no sense. `signed`: whether
    /// the values that are looked up can be negative, for files that do not say it of the descriptor.
    pub(super) fn read(
        data: &DataSet<'_>,
        descriptor: u32,
        entries: u32,
        signed: bool,
    ) -> Option<Self> {
        let descriptor = data.get(descriptor)?;
        let mut three = data.words(descriptor);
        let (count, first, bits) = (three.next()?, three.next()?, three.next()?);
        // 65,536 does not fit 16 bits and is written as 0.
        let count = if count == 0 {
            1 << 16
        } else {
            usize::from(count)
        };
        let signed = match descriptor.vr.as_ref() {
            Some(b"SS") => true,
            Some(b"US") => false,
            _ => signed,
        };
        let first = if signed {
            i32::from(first as i16)
        } else {
            first.into()
        };
        let element = data.get(entries)?;
        // Entries of 8 bits stand in a byte each in palettes and in some VOI tables, in a word each in others.
        let mut entries: Vec<u16> = if element.bytes.len() < count * 2 && bits <= 8 {
            element.bytes.iter().map(|&byte| byte.into()).collect()
        } else {
            data.words(element).collect()
        };
        entries.truncate(count);
        let most = *entries.iter().max()?;
        let bits = bits.clamp(1, 16);
        Some(Self {
            first,
            entries,
            // Some writers say fewer bits than their entries use.
            full: (u16::MAX >> (16 - bits)).max(most),
        })
    }

    /// The entry for a value; the ends stand for all that lies beyond them.
    pub(super) fn look_up(&self, value: i32) -> u16 {
        let at = value.saturating_sub(self.first).max(0) as usize;
        self.entries[at.min(self.entries.len() - 1)]
    }
}
