//! Layers one after another: which films and rows are computed at once.

use std::cell::RefCell;

use rayon::prelude::*;

use super::layer::{Layer, Out, Piece};
use super::maps::{Maps, floats_for, halves, halves_mut, lines_of};
use crate::buffer::Buffer;
use crate::kernel::amx::bfloat16;
use crate::matrix::MatMut;

/// Halves of maps that one task reads: a mebibyte, which stays in the second-level cache beside the weights.
const TASK_HALVES: usize = 512 * 1024;

/// Convolutions one after another, ready to run on films of one size.
pub(crate) struct Chain {
    layers: Vec<Layer>,
    /// Layers from the film on through which films go one by one: their maps outweigh their weights.
    leading: usize,
}

/// A thread's working memory.
#[derive(Default)]
struct Scratch {
    sums: Vec<f32>,
    maps: [Vec<f32>; 2],
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Chain {
    pub(crate) fn new(layers: Vec<Layer>) -> Self {
        let bound = layers.iter().take_while(|layer| layer.is_map_bound());
        Self {
            // The last one hands its output to somebody else.
            leading: bound.count().min(layers.len() - 1),
            layers,
        }
    }

    /// The shape of the output for so many films: films, channels, height, width.
    pub(crate) fn output(&self, films: usize) -> [usize; 4] {
        let last = &self.layers[self.layers.len() - 1];
        let [height, width] = last.output();
        [films, last.channels(), height, width]
    }

    /// `input` `[films, channels, height, width]` through all layers.
    pub(crate) fn run(&self, input: &[f32], films: usize) -> Buffer {
        let threads = rayon::current_num_threads();
        // With a film for every thread; else the rows of a film are shared out from the start.
        let leading = if films >= threads { self.leading } else { 0 };
        let first = &self.layers[leading];
        let mut maps = MapBuffer::take(first, films);
        let film = input.len() / films;
        maps.films_mut()
            .zip(input.par_chunks(film))
            .for_each(|(out, film)| {
                SCRATCH.with_borrow_mut(|scratch| self.lead(film, leading, scratch, out));
            });
        for at in leading..self.layers.len() - 1 {
            let mut next = MapBuffer::take(&self.layers[at + 1], films);
            let maps_after = next.maps;
            let cut = Cut::new(&self.layers[at], films, threads);
            let mut tasks = cut.tasks(
                next.halves_mut()
                    .chunks_exact_mut(maps_after.film())
                    .take(films),
                |film, bands| {
                    let mut rest = maps_after.interior(film);
                    bands.map(move |rows| {
                        let (out, below) =
                            std::mem::take(&mut rest).split_at_mut(rows * maps_after.row());
                        rest = below;
                        Out::Maps(maps_after, out)
                    })
                },
            );
            self.compute(at, &maps, &mut tasks);
            drop(tasks);
            maps = next;
        }
        let [_, channels, height, width] = self.output(films);
        let mut output = Buffer::take(films * channels * height * width);
        let last = self.layers.len() - 1;
        let cut = Cut::new(&self.layers[last], films, threads);
        let mut tasks = cut.tasks(
            output.chunks_exact_mut(channels * height * width),
            |film, bands| {
                let mut rest = Some(MatMut::new(film, channels, height * width));
                bands.map(move |rows| {
                    let whole = rest.take().expect("put back after every cut");
                    let (out, below) = whole.split_columns(rows * width);
                    rest = Some(below);
                    Out::Planes(out)
                })
            },
        );
        self.compute(last, &maps, &mut tasks);
        drop(tasks);
        output
    }

    /// One film through the leading layers, on this thread.
    fn lead(&self, film: &[f32], leading: usize, scratch: &mut Scratch, out: &mut [u16]) {
        let Scratch { sums, maps } = scratch;
        let [from, to] = maps;
        let first = self.layers[0].input;
        if leading == 0 {
            return place(film, first, out);
        }
        let memory = |layer: &Layer, memory: &mut Vec<f32>| {
            let length = layer.input.film() + layer.spare();
            if memory.len() < floats_for(length) {
                memory.resize(floats_for(length), 0.0);
            }
            length
        };
        let length = memory(&self.layers[0], from);
        place(film, first, halves_mut(from, length));
        for (layer, next) in self.layers.iter().zip(&self.layers[1..leading]) {
            let length = memory(next, to);
            let all = halves_mut(to, length);
            let read = halves(from, layer.input.film() + layer.spare());
            whole(layer, read, next.input, sums, all);
            std::mem::swap(from, to);
        }
        let layer = &self.layers[leading - 1];
        let read = halves(from, layer.input.film() + layer.spare());
        whole(layer, read, self.layers[leading].input, sums, out);
    }

    fn compute(&self, at: usize, maps: &MapBuffer, tasks: &mut [Vec<Piece<'_>>]) {
        let layer = &self.layers[at];
        tasks.par_iter_mut().with_max_len(1).for_each(|pieces| {
            SCRATCH.with_borrow_mut(|scratch| {
                let sums = lines_of(&mut scratch.sums, layer.sums());
                layer.run(maps.halves(), pieces, sums);
            });
        });
    }
}

/// All of a film through a layer, rows after rows that stay in cache.
fn whole(layer: &Layer, read: &[u16], maps: Maps, sums: &mut Vec<f32>, out: &mut [u16]) {
    let sums = lines_of(sums, layer.sums());
    let mut rest = maps.interior(out);
    let bands = layer.input.film().div_ceil(TASK_HALVES);
    let most = maps.size[0].div_ceil(bands);
    for first in (0..maps.size[0]).step_by(most) {
        let rows = first..(first + most).min(maps.size[0]);
        let (out, below) = rest.split_at_mut(rows.len() * maps.row());
        rest = below;
        let piece = Piece {
            film: 0,
            rows,
            out: Out::Maps(maps, out),
        };
        layer.run(read, &mut [piece], sums);
    }
}

/// How the films of a layer are shared out.
struct Cut {
    /// Films of a task, where a task has whole films.
    films: usize,
    /// Rows of a task.
    rows: usize,
    height: usize,
}

impl Cut {
    fn new(layer: &Layer, films: usize, threads: usize) -> Self {
        let [height, _] = layer.output();
        let film = layer.input.film();
        let bands = if films >= threads {
            1
        } else {
            // Some more, as threads do not all run equally fast.
            (2 * threads).div_ceil(films)
        };
        let bands = bands.max(film.div_ceil(TASK_HALVES));
        Self {
            films: if bands > 1 {
                1
            } else {
                (TASK_HALVES / film).clamp(1, films.div_ceil(threads))
            },
            rows: height.div_ceil(bands),
            height,
        }
    }

    /// Tasks over the outputs of all films; `cut` cuts a film's into bands of so many rows.
    fn tasks<'a, F, I: Iterator<Item = Out<'a>>>(
        &self,
        films: impl Iterator<Item = F>,
        cut: impl Fn(F, std::vec::IntoIter<usize>) -> I,
    ) -> Vec<Vec<Piece<'a>>> {
        let bands: Vec<_> = (0..self.height)
            .step_by(self.rows)
            .map(|first| first..(first + self.rows).min(self.height))
            .collect();
        let lengths: Vec<usize> = bands.iter().map(ExactSizeIterator::len).collect();
        let mut pieces = films.enumerate().flat_map(|(film, out)| {
            let outs = cut(out, lengths.clone().into_iter());
            bands
                .iter()
                .cloned()
                .zip(outs)
                .map(move |(rows, out)| Piece { film, rows, out })
                .collect::<Vec<_>>()
        });
        let mut tasks = Vec::new();
        loop {
            let task: Vec<_> = pieces.by_ref().take(self.films).collect();
            if task.is_empty() {
                return tasks;
            }
            tasks.push(task);
        }
    }
}

/// The maps of all films between two layers.
struct MapBuffer {
    memory: Buffer,
    maps: Maps,
    films: usize,
    length: usize,
}

impl MapBuffer {
    /// For the layer that reads them.
    fn take(layer: &Layer, films: usize) -> Self {
        let maps = layer.input;
        let length = films * maps.film() + layer.spare();
        let mut buffer = Self {
            memory: Buffer::take(floats_for(length)),
            maps,
            films,
            length,
        };
        // Read with weights of zero, so it must be finite.
        buffer.halves_mut()[films * maps.film()..].fill(0);
        buffer
    }

    fn halves(&self) -> &[u16] {
        halves(&self.memory, self.length)
    }

    fn halves_mut(&mut self) -> &mut [u16] {
        halves_mut(&mut self.memory, self.length)
    }

    fn films_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [u16]> {
        let (film, all) = (self.maps.film(), self.films * self.maps.film());
        self.halves_mut()[..all].par_chunks_exact_mut(film)
    }
}

/// Rounds a film `[channels, height, width]` and puts its channels side by side.
fn place(film: &[f32], maps: Maps, out: &mut [u16]) {
    let [height, width] = maps.size;
    let rows = maps.interior(out).chunks_exact_mut(maps.row());
    for (row, out) in rows.enumerate() {
        let out = maps.pixels(out);
        for (channel, plane) in film.chunks_exact(height * width).enumerate() {
            let from = &plane[row * width..][..width];
            let to = out[channel..].iter_mut().step_by(maps.channels);
            for (to, &value) in to.zip(from) {
                *to = bfloat16(value);
            }
        }
    }
}
