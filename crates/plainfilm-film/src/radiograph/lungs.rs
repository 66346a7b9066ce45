//! What preprocessing asks of whoever finds lungs.

use super::{Inversion, Radiograph};

/// A rectangle on a film, as fractions of its width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LungBox {
    /// Left edge, 0 to 1.
    pub left: f32,
    /// Upper edge, 0 to 1.
    pub top: f32,
    /// Right edge, above `left`.
    pub right: f32,
    /// Lower edge, above `top`.
    pub bottom: f32,
}

impl LungBox {
    /// The box with a margin on each side, a share of its own width or height, within the film.
    #[must_use]
    pub fn with_margin(self, share: f32) -> Self {
        let (across, down) = (
            (self.right - self.left) * share,
            (self.bottom - self.top) * share,
        );
        Self {
            left: (self.left - across).max(0.0),
            top: (self.top - down).max(0.0),
            right: (self.right + across).min(1.0),
            bottom: (self.bottom + down).min(1.0),
        }
    }
}

/// Finds the lungs on a film, for [`Fit::Lungs`](super::Fit::Lungs). A network that segments lungs is
/// one kind; a radiologist's drawn boxes could be another.
pub trait LungFinder: Sync {
    /// The box around the lungs; `None` where no lungs are found. `inversion` says whether the film is
    /// stored with black and white exchanged.
    fn lung_box(&self, film: &Radiograph, inversion: Inversion) -> Option<LungBox>;
}

/// Finds no lungs on any film: for preprocessing whose fit does not ask for them.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLungs;

impl LungFinder for NoLungs {
    fn lung_box(&self, _: &Radiograph, _: Inversion) -> Option<LungBox> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_stays_on_the_film() {
        let inner = LungBox {
            left: 0.25,
            top: 0.0,
            right: 0.75,
            bottom: 0.5,
        };
        assert_eq!(
            inner.with_margin(0.5),
            LungBox {
                left: 0.0,
                top: 0.0,
                right: 1.0,
                bottom: 0.75
            }
        );
    }
}
