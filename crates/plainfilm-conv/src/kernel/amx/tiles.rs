//! The tile registers: whether there are any, and how they are laid out.

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;

/// Asks the system for the tile registers' state, once per process (Linux: `arch_prctl` with
/// `ARCH_REQ_XCOMP_PERM` for feature 18; Documentation/arch/x86/xstate.rst).
pub fn request() -> bool {
    // Leaf 7: bit 22 AMX-BF16, bit 24 AMX-TILE.
    let features = __cpuid_count(7, 0).edx;
    if features >> 22 & 1 == 0 || features >> 24 & 1 == 0 {
        return false;
    }
    let result: i64;
    // SAFETY: a system call that reads no memory; it clobbers rcx and r11 only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") 158i64 => result,
            in("rdi") 0x1023,
            in("rsi") 18,
            out("rcx") _,
            out("r11") _,
            options(nostack)
        );
    }
    result == 0
}

/// The layout of the tile registers: eight of 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_per_row: [u16; 16],
    rows: [u8; 16],
}

/// Lays the registers out; they are zero afterwards.
///
/// # Safety
/// AMX is there, and the system lets this process use it.
pub unsafe fn configure() {
    let mut configuration = Configuration {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        bytes_per_row: [0; 16],
        rows: [0; 16],
    };
    configuration.bytes_per_row[..8].fill(64);
    configuration.rows[..8].fill(16);
    // SAFETY: the caller's promise; the configuration is palette 1's.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &configuration, options(nostack, readonly));
    }
}

/// Gives the registers back, so that the system need not save them.
///
/// # Safety
/// As [`configure`].
pub unsafe fn release() {
    // SAFETY: the caller's promise.
    unsafe { asm!("tilerelease", options(nostack, nomem)) }
}
