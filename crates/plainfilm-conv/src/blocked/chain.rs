//! Units one after another, and the films that go through them.

use std::cell::RefCell;
use std::ops::Range;

use rayon::prelude::*;

use super::memory::Lines;
use super::{Growth, Inverted, MaxPool, NormPoolConv, Scratch, Size, Stem, with_scratch};
use crate::buffer::Buffer;
use crate::kernel::blocked::BLOCK;
use crate::lattice::parts;
use crate::matrix::MatMut;

/// Layers that are run together, from a map to a map.
pub(crate) enum Unit {
    Stem(Stem),
    Inverted(Inverted),
    /// Puts its output after its input, where other units put it elsewhere.
    Growth(Growth),
    NormPoolConv(NormPoolConv),
    MaxPool(MaxPool),
}

impl Unit {
    /// The size of what the unit writes.
    fn written(&self) -> Size {
        match self {
            Self::Stem(unit) => unit.output(),
            Self::Inverted(unit) => unit.output(),
            Self::Growth(unit) => unit.output(),
            Self::NormPoolConv(unit) => unit.output(),
            Self::MaxPool(unit) => unit.output(),
        }
    }

    /// The size of the map after the unit, for one of `input` before it.
    pub fn output(&self, input: Size) -> Size {
        let written = self.written();
        match self {
            Self::Growth(_) => Size {
                channels: input.channels + written.channels,
                ..written
            },
            _ => written,
        }
    }

    fn rows(&self, input: &[f32], rows: Range<usize>, out: &mut MatMut<'_>, scratch: &mut Scratch) {
        match self {
            Self::Stem(unit) => unit.rows(input, rows, out, scratch),
            Self::Inverted(unit) => unit.rows(input, rows, out, scratch),
            Self::Growth(unit) => unit.rows(input, rows, out, scratch),
            Self::NormPoolConv(unit) => unit.rows(input, rows, out, scratch),
            Self::MaxPool(unit) => unit.rows(input, rows, out),
        }
    }

    /// Computes the whole output, cut into so many parts at most. Every value is computed alike however
    /// it is cut.
    fn run(&self, input: &[f32], out: &mut [f32], parts_at_once: usize) {
        let size = self.written();
        let mut rest = MatMut::new(out, size.blocks(), size.plane());
        if parts_at_once == 1 {
            return with_scratch(|scratch| self.rows(input, 0..size.height, &mut rest, scratch));
        }
        let multiple = match self {
            Self::Growth(unit) => unit.multiple(),
            _ => 1,
        };
        let mut tasks = Vec::with_capacity(parts_at_once);
        for rows in parts(size.height, size.height.div_ceil(parts_at_once), multiple) {
            let (out, right) = rest.split_columns(rows.len() * size.row());
            rest = right;
            tasks.push((rows, out));
        }
        tasks
            .into_par_iter()
            .with_max_len(1)
            .for_each(|(rows, mut out)| {
                with_scratch(|scratch| self.rows(input, rows, &mut out, scratch));
            });
    }
}

thread_local! {
    /// Two maps: what a unit reads, and what it writes.
    static MAPS: RefCell<[Lines; 2]> = RefCell::default();
}

/// Units that have been made ready for films of one size.
pub(crate) struct Chain {
    units: Vec<Unit>,
    /// Values of a film.
    film: usize,
    output: Size,
    /// Values of the largest map.
    largest: usize,
}

impl Chain {
    /// The first unit reads a film's planes.
    pub fn new(units: Vec<Unit>, film: Size) -> Self {
        let mut size = film;
        let mut largest = 0;
        for unit in &units {
            size = unit.output(size);
            largest = largest.max(size.values());
        }
        Self {
            units,
            film: film.channels * film.height * film.width,
            output: size,
            largest,
        }
    }

    /// The size of what comes out for a film.
    pub fn output(&self) -> Size {
        self.output
    }

    /// Films `[films, channels, height, width]` to maps of the same layout: each on a thread of its own
    /// where there are enough of them.
    pub fn run(&self, films: &[f32]) -> Buffer {
        let count = films.len() / self.film;
        let out_values = self.output.channels * self.output.height * self.output.width;
        let mut out = Buffer::take(count * out_values);
        let threads = rayon::current_num_threads();
        if count >= threads {
            films
                .par_chunks_exact(self.film)
                .zip(out.par_chunks_exact_mut(out_values))
                .with_max_len(1)
                .for_each(|(film, out)| self.film(film, out, 1));
        } else {
            let films = films.chunks_exact(self.film);
            for (film, out) in films.zip(out.chunks_exact_mut(out_values)) {
                self.film(film, out, threads);
            }
        }
        out
    }

    /// One film, each unit cut into so many parts at most.
    fn film(&self, film: &[f32], out: &mut [f32], parts: usize) {
        // Taken, not borrowed: a thread that waits for others may begin another film meanwhile.
        let mut maps = MAPS.take();
        {
            let [current, next] = &mut maps;
            let mut current = current.at_least(self.largest);
            let mut next = next.at_least(self.largest);
            let mut size = None;
            for unit in &self.units {
                let written = unit.written();
                match (unit, size) {
                    (Unit::Growth(_), Some(before)) => {
                        let before: Size = before;
                        let (input, rest) = current.split_at_mut(before.values());
                        unit.run(input, &mut rest[..written.values()], parts);
                        size = Some(unit.output(before));
                    }
                    (_, before) => {
                        let input = before.map_or(film, |before| &current[..before.values()]);
                        unit.run(input, &mut next[..written.values()], parts);
                        std::mem::swap(&mut current, &mut next);
                        size = Some(written);
                    }
                }
            }
            unblock(&current[..self.output.values()], self.output, out);
        }
        MAPS.set(maps);
    }
}

/// A map in blocks, to a plane for every channel.
fn unblock(map: &[f32], size: Size, out: &mut [f32]) {
    let plane = size.height * size.width;
    for (channel, out) in out.chunks_exact_mut(plane).enumerate() {
        let block = &map[channel / BLOCK * size.plane()..][..size.plane()];
        let lane = channel % BLOCK;
        for (out, pixel) in out.iter_mut().zip(block.as_chunks::<BLOCK>().0) {
            *out = pixel[lane];
        }
    }
}
