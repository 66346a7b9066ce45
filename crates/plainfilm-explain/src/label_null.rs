//! What the maps of networks that learned from permuted labels put on the lungs: without it nobody knows what a
//! share on the lungs is worth, for lungs are where a film has structure.

use plainfilm_figures::one_more;
use serde::{Deserialize, Serialize};

use super::LungShare;

/// Networks below which their spread says nothing.
const FEWEST: usize = 3;

/// A network's gain beside those of networks of the same recipe whose labels meant nothing, on the same films.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelNull {
    /// Films that were looked at.
    pub films: usize,
    /// Of the network: mean share of the evidence on the lungs over the mean share of the picture that they are.
    pub gain: f64,
    /// The same of each network that learned from permuted labels.
    pub gains: Vec<f64>,
    /// Where one more such network is to be expected, in 95 of 100 ([`one_more`]).
    pub range: [f64; 2],
}

impl LabelNull {
    /// Compares the shares of one network on some films with those of the others on the same; a film without
    /// evidence has none. None where that leaves fewer than three networks.
    #[must_use]
    pub fn of(shares: &[Option<LungShare>], permuted: &[Vec<Option<LungShare>>]) -> Option<Self> {
        // A network for which nothing speaks for a label looks nowhere.
        let gains: Vec<f64> = permuted.iter().filter_map(|shares| gain(shares)).collect();
        if gains.len() < FEWEST {
            return None;
        }
        Some(Self {
            films: shares.iter().flatten().count(),
            gain: gain(shares)?,
            range: one_more(&gains)?,
            gains,
        })
    }

    /// Whether the network puts more on the lungs than such networks do.
    #[must_use]
    pub fn is_above(&self) -> bool {
        self.gain > self.range[1]
    }

    /// Whether the network puts less on the lungs than such networks do.
    #[must_use]
    pub fn is_below(&self) -> bool {
        self.gain < self.range[0]
    }
}

fn gain(shares: &[Option<LungShare>]) -> Option<f64> {
    let known = || shares.iter().flatten();
    let area: f64 = known().map(|lungs| lungs.area).sum();
    (area > 0.0).then(|| known().map(|lungs| lungs.share).sum::<f64>() / area)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_counts_beside_those_of_permuted_labels() {
        let of = |share: f64| {
            let lungs = |area| LungShare {
                share,
                area,
                points_at_lung: false,
            };
            vec![Some(lungs(0.3)), None, Some(lungs(0.5))]
        };
        let permuted: Vec<_> = [0.5, 0.52, 0.54, 0.56, 0.58].map(of).into();
        // The mean of the areas is 0.4, so gains are 1.25 to 1.45: 1.35 plus and minus 2.776 * 0.0791 * 1.095.
        for (share, above, below) in [
            (0.43, false, true),
            (0.45, false, false),
            (0.63, false, false),
            (0.64, true, false),
        ] {
            let null = LabelNull::of(&of(share), &permuted).unwrap();
            assert_eq!(null.films, 2);
            assert!((null.gain - share / 0.4).abs() < 1e-9);
            assert!((null.range[1] - 1.5905).abs() < 1e-3, "{:?}", null.range);
            assert_eq!(
                (null.is_above(), null.is_below()),
                (above, below),
                "{share}"
            );
        }
        let some_see_nothing = [&permuted[..], &[vec![None]]].concat();
        let null = LabelNull::of(&of(0.6), &some_see_nothing).unwrap();
        assert_eq!(null.gains.len(), 5);
        assert_eq!(LabelNull::of(&of(0.6), &permuted[..2]), None);
        assert_eq!(LabelNull::of(&[None], &permuted), None);
    }
}
