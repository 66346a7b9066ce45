//! What the audit asks of whoever has learnt to see more on a film than it does itself.

use plainfilm_film::radiograph::{LungFinder, Radiograph};

/// Gives numbers to films that say what is on them: a network's maps, averaged, are one kind. They must not depend on
/// the labels of the films that are audited.
pub trait FilmFeatures: Sync {
    /// The numbers of a film, as many of every film, finite.
    fn features(&self, film: &Radiograph) -> Vec<f32>;
}

/// The networks of others that an audit may use: it has none of its own.
#[derive(Clone, Copy)]
pub struct Networks<'a> {
    /// Finds lungs where a preprocessing that is judged asks for them.
    pub lungs: &'a dyn LungFinder,
    /// Sees what is on the films; without it labels are judged by the audit's own sketches.
    pub features: Option<&'a dyn FilmFeatures>,
}

impl<'a> Networks<'a> {
    /// No network but one that finds lungs.
    #[must_use]
    pub fn lungs_only(lungs: &'a dyn LungFinder) -> Self {
        Self {
            lungs,
            features: None,
        }
    }
}
