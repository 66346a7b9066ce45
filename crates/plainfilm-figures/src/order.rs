//! Films in the order of a score.

use rayon::prelude::*;

/// Below this many values, threads cost more than they save.
const ALONE: usize = 50_000;

/// Indices of values from lowest to highest, equal ones in the order in which they come. No value may be
/// NaN.
///
/// # Panics
/// With more than 2^32 values.
pub(super) fn ascending(values: &[f64]) -> Vec<u32> {
    assert!(u32::try_from(values.len()).is_ok(), "at most 2^32 films");
    // Whole numbers in the order of the floats sort faster than indices that look their value up.
    let mut keys: Vec<(u64, u32)> = values
        .iter()
        .zip(0..)
        .map(|(&value, index)| {
            // -0 is 0.
            let bits = (value + 0.0).to_bits();
            let key = if bits >> 63 == 1 {
                !bits
            } else {
                bits | 1 << 63
            };
            (key, index)
        })
        .collect();
    if keys.len() < ALONE {
        keys.sort_unstable();
    } else {
        keys.par_sort_unstable();
    }
    keys.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_any_sign_are_sorted_and_equal_ones_keep_their_order() {
        let values = [
            0.5,
            -1.0,
            f64::INFINITY,
            0.0,
            -0.0,
            0.5,
            f64::NEG_INFINITY,
            1e-300,
        ];
        assert_eq!(ascending(&values), [6, 1, 3, 4, 7, 0, 5, 2]);
        let many: Vec<f64> = (0..ALONE as u32 + 7)
            .map(|i| f64::from(i * 7919 % 1000))
            .collect();
        let order = ascending(&many);
        for pair in order.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|index| (many[index as usize], index));
            assert!(a < b, "{a:?} {b:?}");
        }
    }
}
