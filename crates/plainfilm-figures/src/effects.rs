//! How strongly two things go together: effect sizes with their intervals.

use super::intervals::{Interval, Z};

/// Cramér's V of a table of counts, corrected for bias (Bergsma, J Korean Stat Soc 2013), so that many
/// rows with few counts do not pass for an association. None unless two rows and two columns have
/// counts.
///
/// The interval is that of the noncentrality `n V² (min(rows, columns) - 1)` of the chi-squared statistic
/// (Smithson 2003), by Sankaran's normal approximation (Biometrika 1963). Counts are taken to be
/// independent: count patients, not films.
pub fn cramers_v(counts: &[Vec<usize>]) -> Option<Interval> {
    let columns = counts.first()?.len();
    let row_sums: Vec<f64> = counts
        .iter()
        .map(|row| row.iter().sum::<usize>() as f64)
        .collect();
    let column_sums: Vec<f64> = (0..columns)
        .map(|column| counts.iter().map(|row| row[column]).sum::<usize>() as f64)
        .collect();
    let n: f64 = row_sums.iter().sum();
    let used = |sums: &[f64]| sums.iter().filter(|&&sum| sum > 0.0).count() as f64;
    let (r, k) = (used(&row_sums), used(&column_sums));
    if r < 2.0 || k < 2.0 || n < 2.0 {
        return None;
    }
    let mut chi_squared = 0.0;
    for (row, row_sum) in counts.iter().zip(&row_sums) {
        for (&count, column_sum) in row.iter().zip(&column_sums) {
            let expected = row_sum * column_sum / n;
            if expected > 0.0 {
                chi_squared += (count as f64 - expected).powi(2) / expected;
            }
        }
    }
    let freedom = (r - 1.0) * (k - 1.0);
    let phi_squared = (chi_squared / n - freedom / (n - 1.0)).max(0.0);
    let corrected = |size: f64| size - (size - 1.0).powi(2) / (n - 1.0);
    let value = (phi_squared / (corrected(r).min(corrected(k)) - 1.0))
        .sqrt()
        .min(1.0);
    let scale = n * (r.min(k) - 1.0);
    let end = |z: f64| {
        (noncentrality(chi_squared, freedom, z) / scale)
            .sqrt()
            .min(1.0)
    };
    let (low, high) = (end(Z).min(value), end(-Z).max(value));
    Some(Interval::new(value, low, high, "noncentral chi-squared"))
}

/// The noncentrality for which a chi-squared statistic of `observed` lies `z` standard deviations above
/// what is expected; 0 when even that of no association is no further below.
fn noncentrality(observed: f64, freedom: f64, z: f64) -> f64 {
    let above = |lambda: f64| sankaran(observed, freedom, lambda) > z;
    if !above(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, observed.max(1.0));
    while above(high) {
        high *= 2.0;
    }
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        if above(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

/// The standard normal deviate of a noncentral chi-squared value.
fn sankaran(x: f64, k: f64, lambda: f64) -> f64 {
    let h = 1.0 - 2.0 / 3.0 * (k + lambda) * (k + 3.0 * lambda) / (k + 2.0 * lambda).powi(2);
    let p = (k + 2.0 * lambda) / (k + lambda).powi(2);
    let m = (h - 1.0) * (1.0 - 3.0 * h);
    let mean = 1.0 + h * p * (h - 1.0 - 0.5 * (2.0 - h) * m * p);
    ((x / (k + lambda)).powf(h) - mean) / (h * (2.0 * p).sqrt() * (1.0 + 0.5 * m * p))
}

/// The absolute difference of two means in units of the root mean variance (Austin, Commun Stat 2009),
/// with the interval of Hedges and Olkin (1985). None when a group has fewer than two values or nothing
/// varies.
pub fn standardised_difference(a: &[f64], b: &[f64]) -> Option<Interval> {
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let moments = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (mean, squares / (n - 1.0))
    };
    let ((mean_a, variance_a), (mean_b, variance_b)) = (moments(a), moments(b));
    difference(mean_a - mean_b, variance_a, variance_b, a.len(), b.len())
}

/// The same for two shares, `x` of `n` each (`x` need not be whole). Half a case is added to both sides
/// of each group, so that a share of all or nothing has a variance (Haldane 1956).
pub fn standardised_difference_of_shares(
    (x_a, n_a): (f64, usize),
    (x_b, n_b): (f64, usize),
) -> Option<Interval> {
    if n_a == 0 || n_b == 0 {
        return None;
    }
    let share = |x: f64, n: usize| (x + 0.5) / (n as f64 + 1.0);
    let (p, q) = (share(x_a, n_a), share(x_b, n_b));
    difference(p - q, p * (1.0 - p), q * (1.0 - q), n_a, n_b)
}

fn difference(gap: f64, var_a: f64, var_b: f64, n_a: usize, n_b: usize) -> Option<Interval> {
    let sd = f64::midpoint(var_a, var_b).sqrt();
    if sd == 0.0 {
        return None;
    }
    let d = (gap / sd).abs();
    let (a, b) = (n_a as f64, n_b as f64);
    let half = Z * ((a + b) / (a * b) + d * d / (2.0 * (a + b))).sqrt();
    Some(Interval::new(
        d,
        (d - half).max(0.0),
        d + half,
        "Hedges-Olkin",
    ))
}

/// The odds ratio of a table `[[a, b], [c, d]]` with Woolf's interval, half a case added to each cell
/// (Haldane 1956; Anscombe 1956).
pub fn odds_ratio([[a, b], [c, d]]: [[f64; 2]; 2]) -> Interval {
    let [a, b, c, d] = [a, b, c, d].map(|count| count + 0.5);
    let log = (a * d / (b * c)).ln();
    let half = Z * (1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d).sqrt();
    Interval::new(log.exp(), (log - half).exp(), (log + half).exp(), "Woolf")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_by_hand() {
        // Bergsma's corrections cancel for a perfect association.
        let perfect = cramers_v(&[vec![50, 0], vec![0, 50]]).unwrap();
        assert!((perfect.value - 1.0).abs() < 1e-12, "{perfect:?}");
        assert!((0.7..1.0).contains(&perfect.low), "{perfect:?}");
        let none = cramers_v(&[vec![60, 60], vec![60, 60]]).unwrap();
        assert_eq!((none.value, none.low), (0.0, 0.0));
        // Forty hospitals of six patients: chance alone gives an uncorrected V of about 0.4.
        let scattered: Vec<Vec<usize>> = (0..40)
            .map(|row| {
                let first = [1, 2, 3, 4, 5, 3, 2, 4][row % 8];
                vec![first, 6 - first]
            })
            .collect();
        let found = cramers_v(&scattered).unwrap();
        assert!(found.low < 0.1 && found.value < 0.2, "{found:?}");
        assert_eq!(cramers_v(&[vec![3, 4]]), None);
        assert_eq!(cramers_v(&[vec![3, 0], vec![4, 0]]), None);
    }

    #[test]
    fn shares_of_all_and_nothing_have_a_finite_difference() {
        let found = standardised_difference_of_shares((50.0, 50), (0.0, 50)).unwrap();
        assert!(found.value > 5.0 && found.value.is_finite(), "{found:?}");
        let same = standardised_difference_of_shares((20.0, 40), (30.0, 60)).unwrap();
        assert!(same.value < 0.01 && same.low == 0.0);
        assert_eq!(standardised_difference(&[3.0, 3.0], &[3.0, 3.0]), None);
    }
}
