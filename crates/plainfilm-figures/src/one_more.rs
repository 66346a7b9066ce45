//! Where one more draw is to be expected.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The 95 % prediction interval of one more value beside these, taken for draws from a normal distribution: their mean
/// plus and minus `t s sqrt(1 + 1 / n)`, with Student's t of `n - 1` degrees of freedom and the sample standard
/// deviation `s` (Hahn and Meeker 1991, *Statistical Intervals*, section 4.7). None of fewer than two values.
#[must_use]
pub fn one_more(values: &[f64]) -> Option<[f64; 2]> {
    let count = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let t = StudentsT::new(0.0, 1.0, count - 1.0)
        .ok()?
        .inverse_cdf(0.975);
    let half = t * (squares / (count - 1.0) * (1.0 + 1.0 / count)).sqrt();
    Some([mean - half, mean + half])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_textbook() {
        // t(0.975, 4) = 2.776445 by any table; mean 3, s = sqrt(2.5).
        let [low, high] = one_more(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let half = 2.776_445 * (2.5_f64 * 1.2).sqrt();
        assert!((low - (3.0 - half)).abs() < 1e-5 && (high - (3.0 + half)).abs() < 1e-5);
        assert_eq!(one_more(&[1.0]), None);
        assert_eq!(one_more(&[2.0, 2.0]), Some([2.0, 2.0]));
    }

    #[test]
    fn it_holds_one_more_draw_in_95_of_100() {
        // Sums of twelve uniform numbers are nearly normal.
        let mut state = 1_u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut normal = || (0..12).map(|_| uniform()).sum::<f64>();
        let held = (0..4000)
            .filter(|_| {
                let values: Vec<f64> = (0..5).map(|_| normal()).collect();
                let [low, high] = one_more(&values).unwrap();
                (low..=high).contains(&normal())
            })
            .count();
        assert!((3740..=3860).contains(&held), "{held} of 4000");
    }
}
