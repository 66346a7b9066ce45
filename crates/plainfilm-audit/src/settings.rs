//! What an audit is asked to do, and the limits that it judges by.

use plainfilm_data::SplitMethod;
use plainfilm_film::radiograph::Preprocessing;

/// An AUROC above which something that is not the lungs tells the label to a degree that matters: a
/// warning when the lower end of the 95 % interval is above it.
pub const AREA_WARNS: f64 = 0.6;
/// An AUROC above which it tells the label well enough to explain a good result by itself.
pub const AREA_FAILS: f64 = 0.8;
/// [`AREA_WARNS`] and [`AREA_FAILS`] on the scale of Cramér's V: two sources of equal size with V tell
/// two labels of equal size with an AUROC of `(1 + V) / 2`.
pub const V_WARNS: f64 = 0.2;
/// See [`V_WARNS`].
pub const V_FAILS: f64 = 0.6;
/// [`AREA_WARNS`] and [`AREA_FAILS`] on the scale of the standardised difference d: two normal
/// distributions that far apart have an AUROC of `Phi(d / sqrt 2)`.
pub const DIFFERENCE_WARNS: f64 = 0.36;
/// See [`DIFFERENCE_WARNS`].
pub const DIFFERENCE_FAILS: f64 = 1.19;
/// Films that the learners are shown, at most. More would hardly narrow an interval (the standard
/// error is then about 0.01), and memory stays bounded however large the data set.
pub const LEARNED_FILMS: usize = 3_000;
/// Patients of a label below which a learner that finds nothing proves nothing.
pub const ENOUGH_PATIENTS: usize = 25;

/// What an audit is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditSettings {
    /// Seed of every random draw.
    pub seed: u64,
    /// How training will divide the films.
    pub split: SplitMethod,
    /// Shares of train, validation and test.
    pub fractions: [f64; 3],
    /// Judge the films as this preprocessing leaves them.
    pub after: Option<Preprocessing>,
}

impl Default for AuditSettings {
    /// Seed 42 and the split by patient that `train` makes; films as stored.
    fn default() -> Self {
        Self {
            seed: 42,
            split: SplitMethod::Grouped,
            fractions: [0.8, 0.1, 0.1],
            after: None,
        }
    }
}

/// Which films are looked at.
#[derive(Debug, Clone, PartialEq)]
pub enum View {
    /// The files, and whole films squashed to a square.
    AsStored,
    /// What a network is shown.
    After(Preprocessing),
}
