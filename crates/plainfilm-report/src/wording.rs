//! Numbers as people write them.

use plainfilm_figures::PartMetrics;
pub(crate) use plainfilm_figures::{counted, thousands};

/// The calibration error with what stands beside it, such as `calibration error 11.0 % (6.1 to 13.9 % if perfectly
/// calibrated)` and `2.1 % without what chance adds (root mean square)`.
pub(crate) fn calibration_text(part: &PartMetrics) -> Vec<String> {
    let luck = &part.calibration;
    let beside = match luck.in_words() {
        words if words.is_empty() => words,
        words => format!(" ({words})"),
    };
    let mut parts = vec![format!("calibration error {}{beside}", part.ece.percent(1))];
    if luck.debiased.value().is_some() {
        parts.push(format!(
            "calibration error without what chance adds {} (root mean square)",
            luck.debiased.percent(1)
        ));
    }
    parts
}

/// `1 film`, `62 films`.
pub(crate) fn films(count: usize) -> String {
    counted(count, "film")
}

/// Floating-point operations with three digits or so, as in `1.53 GFLOPs`.
pub(crate) fn work(flops: u64) -> String {
    match flops as f64 {
        flops if flops >= 1e8 => format!("{:.2} GFLOPs", flops / 1e9),
        flops if flops >= 1e5 => format!("{:.2} MFLOPs", flops / 1e6),
        flops => format!("{:.2} kFLOPs", flops / 1e3),
    }
}

/// As people say it: `38 s`, `9 min 35 s`, `2 h 5 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 9.95 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        let cases = [
            (0.0, "0.0 s"),
            (9.94, "9.9 s"),
            (38.4, "38 s"),
            (575.0, "9 min 35 s"),
            (7500.0, "2 h 5 min"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(duration(seconds), expected);
        }
        for (flops, expected) in [
            (1_526_000_000, "1.53 GFLOPs"),
            (4_200_000, "4.20 MFLOPs"),
            (4_700, "4.70 kFLOPs"),
        ] {
            assert_eq!(work(flops), expected);
        }
        assert_eq!(
            (films(1), films(1200)),
            ("1 film".into(), "1,200 films".into())
        );
    }
}
