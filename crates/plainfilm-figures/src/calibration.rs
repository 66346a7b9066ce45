//! Whether a probability of 80 % is right 8 times in 10.

use super::order::ascending;

/// Bins of the calibration error and of the reliability diagram.
pub const CALIBRATION_BINS: usize = 10;

/// For each value its bin, from 0 to `bins - 1`: with as many values in each as ties allow (equal mass).
/// Equal values share the bin of the first of them. None when a value is not a number.
///
/// Bins of equal width would leave nearly all films of a confident network in one.
pub fn equal_mass_bins(values: &[f64], bins: usize) -> Option<Vec<usize>> {
    if values.iter().any(|value| value.is_nan()) {
        return None;
    }
    let mut bin_of = vec![0; values.len()];
    let (mut first, mut last) = (0, f64::NAN);
    for (rank, index) in ascending(values).into_iter().enumerate() {
        let value = values[index as usize];
        if value != last {
            (first, last) = (rank, value);
        }
        bin_of[index as usize] = first * bins / values.len();
    }
    Some(bin_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_equally_many_and_ties_stay_together() {
        let cases: [(&[f64], usize, &[usize]); 4] = [
            (&[0.9, 0.1, 0.5, 0.3], 2, &[1, 0, 1, 0]),
            (&[0.5, 0.5, 0.5, 0.9], 2, &[0, 0, 0, 1]),
            (&[0.1, 0.9], 5, &[0, 2]),
            (&[], 5, &[]),
        ];
        for (values, bins, expected) in cases {
            assert_eq!(
                equal_mass_bins(values, bins).unwrap(),
                expected,
                "{values:?}"
            );
        }
        assert_eq!(equal_mass_bins(&[0.5, f64::NAN], 2), None);
    }
}
