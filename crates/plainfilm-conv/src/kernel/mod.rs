//! The arithmetic: two matrix kernels and the elementwise loops, compiled once for each instruction
//! set and chosen when the program runs.
//!
//! `pulp` finds out what the CPU offers (AVX-512, AVX2 with FMA, NEON, or nothing) and runs a
//! function compiled for it, so one binary serves all.

pub(crate) mod amx;
pub(crate) mod blocked;
pub(crate) mod blocked_depthwise;
pub(crate) mod depthwise;
pub(crate) mod elementwise;
mod inner;
mod interleave;
mod outer;
pub(crate) mod packed;
mod panels;

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

use crate::fused::Curve;

pub(crate) use elementwise::vectorised;
pub(crate) use inner::{InnerProduct, inner_products};
pub(crate) use interleave::interleave;
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

/// Floats in a register of the instruction set that was chosen.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    dispatch(Lanes)
}

/// [`Curve::value`] of every value of a register.
#[inline(always)]
fn curved<S: Simd>(simd: S, curve: Curve, value: S::f32s) -> S::f32s {
    let ceiling = simd.splat_f32s(curve.ceiling);
    let positive = simd.greater_than_f32s(value, simd.splat_f32s(0.0));
    let bent = simd.mul_f32s(value, simd.splat_f32s(curve.below));
    let value = simd.select_f32s(positive, value, bent);
    let above = simd.greater_than_f32s(value, ceiling);
    simd.select_f32s(above, ceiling, value)
}
