//! The arithmetic: two matrix kernels and the elementwise loops, compiled once for each instruction
//! set and chosen when the program runs.
//!
//! `pulp` finds out what the CPU offers (AVX-512, AVX2 with FMA, NEON, or nothing) and runs a
//! function compiled for it, so one binary serves all.

pub(crate) mod amx;
pub(crate) mod elementwise;
mod inner;
mod outer;
mod panels;

use std::sync::LazyLock;

use pulp::{Arch, WithSimd};

pub(crate) use elementwise::vectorised;
pub(crate) use inner::{InnerProduct, inner_products};
pub(crate) use outer::{OuterProduct, outer_products};
pub(crate) use panels::Panels;

/// Values in the widest register that a kernel uses. Kernels read and write whole registers, so
/// rows are padded to a multiple of it and sources end in that many spare values.
pub(crate) const WIDEST: usize = 16;

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Runs `work` compiled for this CPU.
#[inline(always)]
fn dispatch<W: WithSimd>(work: W) -> W::Output {
    ARCH.dispatch(work)
}
