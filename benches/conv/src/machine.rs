//! What this machine can do at most: multiply-adds in registers, and bytes to and from memory.

use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};
use serde::Serialize;

/// Sums that grow side by side, so that a multiply-add need not wait for the one before it: two units
/// with four or five cycles each, and what is left of 16 registers for the factors.
const SUMS: usize = 12;

/// Times that each figure is taken; the best counts, since other programs can only slow a loop down.
const TRIES: usize = 7;

/// Bytes read and written at once by all threads, from what fits into a first-level cache to what fits
/// into none.
const WORKING_SETS: [usize; 8] = [
    1 << 16,
    1 << 18,
    1 << 20,
    1 << 21,
    1 << 22,
    1 << 24,
    1 << 26,
    1 << 28,
];

/// Ceilings with the threads of rayon's pool.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Threads that it was measured with.
    pub threads: usize,
    /// Multiplications and additions a second, in 32 bits.
    pub flops: f64,
    /// Bytes a second, read and written, for growing working sets.
    pub bandwidths: Vec<Bandwidth>,
}

/// How fast so many bytes move when they are read and written again and again.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Bandwidth {
    /// Read and written.
    pub bytes: usize,
    /// Read and written in a second.
    pub per_second: f64,
}

impl Machine {
    /// Measures this machine; takes about a second.
    pub fn measure() -> Self {
        let mut bandwidths: Vec<_> = WORKING_SETS
            .iter()
            .map(|&bytes| Bandwidth {
                bytes,
                per_second: bandwidth(bytes),
            })
            .collect();
        // A smaller set moves no slower: where it seems to, starting the threads took the time.
        let mut least = 0.0_f64;
        for found in bandwidths.iter_mut().rev() {
            least = least.max(found.per_second);
            found.per_second = least;
        }
        Self {
            threads: rayon::current_num_threads(),
            flops: flops(),
            bandwidths,
        }
    }

    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let sets = self.bandwidths.iter().map(|set| {
            let kilobytes = set.bytes >> 10;
            let size = match kilobytes >> 10 {
                0 => format!("{kilobytes} KiB"),
                megabytes => format!("{megabytes} MiB"),
            };
            format!("{:.0} of {size}", set.per_second / 1e9)
        });
        vec![
            format!("threads: {}", self.threads),
            format!(
                "multiply-adds in registers: {:.0} GFLOP/s",
                self.flops / 1e9
            ),
            format!(
                "read and written, GB/s: {}",
                sets.collect::<Vec<_>>().join(", ")
            ),
        ]
    }

    /// The least seconds for so many multiplications and additions, and bytes read and written: the bytes
    /// move as fast as a set of that size does, so what fits into a cache need not come from memory.
    pub fn floor(&self, flops: u64, bytes: usize) -> f64 {
        let fits = self.bandwidths.iter().find(|set| bytes <= set.bytes);
        let slowest = self.bandwidths.last();
        let moved = fits
            .or(slowest)
            .map_or(0.0, |set| bytes as f64 / set.per_second);
        moved.max(flops as f64 / self.flops)
    }
}

/// Multiplications and additions a second of all threads.
fn flops() -> f64 {
    let steps = 5_000_000;
    let mut best = 0.0_f64;
    for _ in 0..TRIES {
        let start = Instant::now();
        let counts = rayon::broadcast(|_| Arch::new().dispatch(Products { steps }));
        let done: u64 = counts.iter().sum();
        best = best.max(done as f64 / start.elapsed().as_secs_f64());
    }
    best
}

struct Products {
    steps: u64,
}

impl WithSimd for Products {
    /// Multiplications and additions that were done.
    type Output = u64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> u64 {
        let factor = simd.splat_f32s(std::hint::black_box(0.999));
        let term = simd.splat_f32s(std::hint::black_box(0.001));
        let mut sums = [simd.splat_f32s(std::hint::black_box(1.0)); SUMS];
        for _ in 0..self.steps {
            for sum in &mut sums {
                *sum = simd.mul_add_e_f32s(*sum, factor, term);
            }
        }
        let total = sums
            .into_iter()
            .fold(simd.splat_f32s(0.0), |a, b| simd.add_f32s(a, b));
        std::hint::black_box(simd.reduce_sum_f32s(total));
        self.steps * (2 * SUMS * S::F32_LANES) as u64
    }
}

/// Bytes a second that all threads read and write together, each half of its share from one place to
/// another.
fn bandwidth(bytes: usize) -> f64 {
    let values = bytes / 2 / size_of::<f32>() / rayon::current_num_threads();
    let repeats = ((1 << 27) / bytes).max(1);
    let mut best = 0.0_f64;
    for _ in 0..TRIES {
        let seconds = rayon::broadcast(|_| {
            let from = vec![1.0_f32; values];
            let mut to = vec![0.0_f32; values];
            let arch = Arch::new();
            let mut pass = || {
                arch.dispatch(Scaled {
                    from: std::hint::black_box(&from),
                    to: std::hint::black_box(&mut to),
                });
            };
            // The system hands out memory when it is first written to.
            pass();
            let start = Instant::now();
            for _ in 0..repeats {
                pass();
            }
            start.elapsed().as_secs_f64()
        });
        let slowest = seconds.into_iter().fold(0.0, f64::max);
        best = best.max((bytes * repeats) as f64 / slowest);
    }
    best
}

/// `to = 2 from`: STREAM's "scale".
struct Scaled<'a> {
    from: &'a [f32],
    to: &'a mut [f32],
}

impl WithSimd for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (from, _) = S::as_simd_f32s(self.from);
        let (to, _) = S::as_mut_simd_f32s(self.to);
        let two = simd.splat_f32s(2.0);
        for (to, from) in to.iter_mut().zip(from) {
            *to = simd.mul_f32s(*from, two);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_the_slower_of_arithmetic_and_bytes() {
        let machine = Machine {
            threads: 1,
            flops: 100.0,
            bandwidths: vec![
                Bandwidth {
                    bytes: 10,
                    per_second: 20.0,
                },
                Bandwidth {
                    bytes: 100,
                    per_second: 10.0,
                },
            ],
        };
        for (flops, bytes, expected) in [
            (100, 0, 1.0),
            (100, 40, 4.0),
            // Fits into the faster set.
            (1, 10, 0.5),
            (1, 11, 1.1),
            // Larger than all of them.
            (1, 1000, 100.0),
        ] {
            let found = machine.floor(flops, bytes);
            assert!((found - expected).abs() < 1e-12, "{flops} {bytes}: {found}");
        }
    }
}
