//! What is chosen for the whole process: whether the fast path is taken, and in which precision.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::kernel::{amx, lanes};

/// The precision of convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Precision {
    /// 32 bits throughout.
    #[default]
    Float32,
    /// Inputs and weights of each convolution rounded to bfloat16 (8 bits of mantissa), sums in 32
    /// bits; layers of fewer than eight input channels, or of several groups, stay in 32 bits.
    BFloat16,
}

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Turns the fast path on (as it is at the start) or off, for the whole process.
///
/// A graph keeps the path it was recorded with; call this between steps, not within one.
pub fn set_enabled(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// Whether the fast path is on.
pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

static HALF_PRECISION: AtomicBool = AtomicBool::new(false);

/// The CPU cannot compute in the precision that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a CPU with AMX for bfloat16 under Linux (Intel since Sapphire Rapids), found none\n\
     hint: 32 bits run everywhere"
)]
pub struct PrecisionError;

/// Sets the precision of convolutions, for the whole process; 32 bits at the start.
///
/// In bfloat16 the operands of convolutions of one group with at least eight channels are rounded, forward and for
/// both gradients, and everything else stays in 32 bits: sums, batch normalisation, activations, and the weights
/// themselves (Micikevicius et al. 2018). The exponent is that of a float, so losses need no scaling (Kalamkar et al.
/// 2019). Call it between steps, not within one.
///
/// # Errors
/// [`PrecisionError`] where bfloat16 is asked for and the CPU has no unit for it; nothing changes.
pub fn set_precision(precision: Precision) -> Result<(), PrecisionError> {
    let half = precision == Precision::BFloat16;
    if half && !amx::available() {
        return Err(PrecisionError);
    }
    HALF_PRECISION.store(half, Ordering::Relaxed);
    Ok(())
}

/// The precision that was set.
pub(crate) fn precision() -> Precision {
    if HALF_PRECISION.load(Ordering::Relaxed) {
        Precision::BFloat16
    } else {
        Precision::Float32
    }
}

/// Which kernels this CPU is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernels {
    /// The instruction set that kernels of 32 bits are compiled for: `AVX-512`, `AVX2 with FMA`, `NEON` or `plain`.
    pub instructions: &'static str,
    /// Floats in a register of that set.
    pub lanes: usize,
    /// Whether there is AMX, so that [`Precision::BFloat16`] can be asked for.
    pub bfloat16: bool,
}

/// The kernels that were chosen for this CPU.
pub fn kernels() -> Kernels {
    let lanes = lanes();
    Kernels {
        instructions: match lanes {
            16 => "AVX-512",
            8 => "AVX2 with FMA",
            4 if cfg!(target_arch = "aarch64") => "NEON",
            _ => "plain",
        },
        lanes,
        bfloat16: amx::available(),
    }
}
