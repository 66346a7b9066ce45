//! Maps in 16 bits: where their values lie, and the memory for them.

use std::ops::Range;

/// A line of the cache: tiles are read by rows of as many bytes, and a row that lies across two lines takes
/// twice as long.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u16; LINE]);

/// Halves in a line.
const LINE: usize = 32;

/// How the maps of a film lie: pixels row by row with their channels side by side, and zeros around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Maps {
    pub size: [usize; 2],
    pub channels: usize,
    /// Rows and columns of zeros before the maps.
    pub before: [usize; 2],
    /// And after them.
    pub after: [usize; 2],
}

impl Maps {
    /// Pixels from one row to the next.
    pub fn pitch(&self) -> usize {
        self.before[1] + self.size[1] + self.after[1]
    }

    /// Values of a film; films lie that far apart.
    pub fn film(&self) -> usize {
        let rows = self.before[0] + self.size[0] + self.after[0];
        (rows * self.pitch() * self.channels).next_multiple_of(LINE)
    }

    /// Values of a row.
    pub fn row(&self) -> usize {
        self.pitch() * self.channels
    }

    /// Cuts a film into its rows of pixels, zeros at both ends included, after it has filled what lies before
    /// and after them with zeros.
    pub fn interior<'a>(&self, film: &'a mut [u16]) -> &'a mut [u16] {
        let (above, rest) = film.split_at_mut(self.before[0] * self.row());
        let (rows, below) = rest.split_at_mut(self.size[0] * self.row());
        above.fill(0);
        below.fill(0);
        rows
    }

    /// Fills what lies left and right of a row's pixels with zeros, and gives those.
    pub fn pixels<'a>(&self, row: &'a mut [u16]) -> &'a mut [u16] {
        let (left, rest) = row.split_at_mut(self.before[1] * self.channels);
        let (pixels, right) = rest.split_at_mut(self.size[1] * self.channels);
        left.fill(0);
        right.fill(0);
        pixels
    }

    /// Where the pixels of a row are within it.
    pub fn columns(&self) -> Range<usize> {
        let first = self.before[1] * self.channels;
        first..first + self.size[1] * self.channels
    }
}

/// Floats whose memory holds `length` halves from the start of a line on.
pub(crate) fn floats_for(length: usize) -> usize {
    length.div_ceil(2) + LINE
}

/// The memory of floats as halves, from the start of a line on.
///
/// # Panics
/// Where it is shorter than [`floats_for`].
pub(crate) fn halves(memory: &[f32], length: usize) -> &[u16] {
    // SAFETY: both types are plain numbers, for which every pattern of bytes is valid.
    let lines = unsafe { memory.align_to::<Line>().1 };
    // SAFETY: a line is nothing but its values.
    let values = unsafe { lines.align_to::<u16>().1 };
    &values[..length]
}

/// As [`halves`], to write.
///
/// # Panics
/// As [`halves`].
pub(crate) fn halves_mut(memory: &mut [f32], length: usize) -> &mut [u16] {
    // SAFETY: both types are plain numbers, for which every pattern of bytes is valid.
    let lines = unsafe { memory.align_to_mut::<Line>().1 };
    // SAFETY: a line is nothing but its values.
    let values = unsafe { lines.align_to_mut::<u16>().1 };
    &mut values[..length]
}

/// The first `length` floats of `memory`, which grows where needed, from the start of a line on; what they hold
/// is unspecified.
pub(crate) fn lines_of(memory: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if memory.len() < length + LINE {
        memory.resize(length + LINE, 0.0);
    }
    // SAFETY: both types are plain numbers, for which every pattern of bytes is valid.
    let lines = unsafe { memory.align_to_mut::<Line>().1 };
    // SAFETY: a line is nothing but its values, and starts where a float may.
    let values = unsafe { lines.align_to_mut::<f32>().1 };
    &mut values[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_starts_at_a_line() {
        for length in [1, 32, 1000] {
            let mut memory = vec![0.0; floats_for(length)];
            assert_eq!(halves_mut(&mut memory, length).as_ptr() as usize % 64, 0);
            assert_eq!(halves(&memory, length).len(), length);
            let mut memory = vec![];
            assert_eq!(lines_of(&mut memory, length).as_ptr() as usize % 64, 0);
        }
    }

    #[test]
    fn zeros_surround_the_pixels() {
        let maps = Maps {
            size: [2, 3],
            channels: 5,
            before: [1, 2],
            after: [2, 1],
        };
        assert_eq!((maps.pitch(), maps.row(), maps.film()), (6, 30, 160));
        let mut film = vec![9; maps.film()];
        let rows = maps.interior(&mut film);
        for row in rows.chunks_exact_mut(maps.row()) {
            maps.pixels(row).fill(1);
            assert!(row[maps.columns()].iter().all(|&value| value == 1));
        }
        assert_eq!(film.iter().filter(|&&value| value == 1).count(), 30);
        assert_eq!(film.iter().filter(|&&value| value == 0).count(), 130);
    }
}
