//! What a machine has, as far as the system says it without asking who is there.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::disk::{free, nearest};

/// The processor.
#[derive(Debug, Serialize)]
pub struct Cpu {
    /// As its maker calls it, where the system says it.
    pub name: Option<String>,
    /// Those of its instruction sets that matter here.
    pub features: Vec<&'static str>,
    /// Which kernels convolve.
    pub kernels: &'static str,
    /// Whether `--precision bf16` can be asked for.
    pub bf16: bool,
    /// Threads that run at the same time.
    pub threads: usize,
}

impl Cpu {
    pub fn look() -> Self {
        let kernels = plainfilm::device::kernels();
        let mut features = vector_features();
        if kernels.bfloat16 {
            features.push("amx");
        }
        Self {
            name: cpu_name(),
            features,
            kernels: kernels.instructions,
            bf16: kernels.bfloat16,
            threads: crate::settings::available_threads(),
        }
    }
}

fn cpu_name() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(target_arch = "x86_64")]
fn vector_features() -> Vec<&'static str> {
    let known = [
        ("sse4.2", is_x86_feature_detected!("sse4.2")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    let there = known.into_iter().filter(|(_, is_there)| *is_there);
    there.map(|(name, _)| name).collect()
}

#[cfg(target_arch = "aarch64")]
fn vector_features() -> Vec<&'static str> {
    vec!["neon"]
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn vector_features() -> Vec<&'static str> {
    Vec::new()
}

/// Bytes of memory, where the system says it.
#[derive(Debug, Serialize)]
pub struct Memory {
    pub total: Option<u64>,
    /// What programs can have without anything being swapped out.
    pub available: Option<u64>,
    /// What a container allows, where that is less than all.
    pub limit: Option<u64>,
}

impl Memory {
    pub fn look() -> Self {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = kibibytes(&text, "MemTotal:");
        let limits = [
            "/sys/fs/cgroup/memory.max",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ];
        let limit = limits
            .iter()
            .find_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok());
        Self {
            total,
            available: kibibytes(&text, "MemAvailable:"),
            limit: limit.filter(|limit| total.is_some_and(|total| *limit < total)),
        }
    }
}

/// A line of `/proc/meminfo`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number = line.trim().strip_suffix("kB")?.trim();
    Some(number.parse::<u64>().ok()? * 1024)
}

/// A folder that the program writes to.
#[derive(Debug, Serialize)]
pub struct Place {
    /// What it is for.
    pub what: &'static str,
    /// Where it is, with nobody's name in it.
    pub path: String,
    /// Whether it is there.
    pub exists: bool,
    /// Bytes that may still be written there, where the system says it.
    pub free: Option<u64>,
}

impl Place {
    pub fn look(what: &'static str, folder: &Path) -> Self {
        Self {
            what,
            path: nameless(folder),
            exists: folder.is_dir(),
            free: free(&nearest(folder)),
        }
    }
}

/// A path as it may be shown to others: below the home folder from `~` on, and with `...` where a part of it is the
/// name of the user or of the machine.
fn nameless(path: &Path) -> String {
    let variable = |name: &str| std::env::var(name).ok();
    let home = std::env::home_dir().filter(|home| home.parent().is_some());
    let mut names: Vec<String> = ["USER", "LOGNAME", "USERNAME", "HOSTNAME", "COMPUTERNAME"]
        .into_iter()
        .filter_map(variable)
        .collect();
    names.extend(fs::read_to_string("/proc/sys/kernel/hostname"));
    names.extend(home.as_deref().and_then(|home| {
        let last = home.file_name()?;
        Some(last.to_string_lossy().into_owned())
    }));
    let (start, rest) = match home.as_deref().map(|home| path.strip_prefix(home)) {
        Some(Ok(rest)) => ("~/", rest),
        _ => ("", path),
    };
    let is_name = |part: &str| {
        let mut names = names.iter().map(|name| name.trim());
        names.any(|name| !name.is_empty() && part.eq_ignore_ascii_case(name))
    };
    let parts = rest.components().map(|part| {
        let part = part.as_os_str().to_string_lossy();
        match is_name(&part) {
            true => "...".to_owned(),
            false => part.into_owned(),
        }
    });
    let shown: PathBuf = parts.collect();
    format!("{start}{}", shown.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let text = "MemTotal:       16 kB\nMemFree:  1 kB\nMemAvailable:   4 kB\n";
        assert_eq!(kibibytes(text, "MemTotal:"), Some(16_384));
        assert_eq!(kibibytes(text, "MemAvailable:"), Some(4_096));
        assert_eq!(kibibytes(text, "SwapTotal:"), None);
    }
}
