//! Figures of merit, computed from scored films alone.

/// One film with its true label and the probabilities that a network gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredFilm {
    /// Path as in [`crate::dataset::Film::path`].
    pub path: String,
    /// Index of the true label.
    pub truth: usize,
    /// One probability per label, in label order; they sum to 1.
    pub probabilities: Vec<f64>,
}
