//! The shapes of one invented chest, as formulas.
//!
//! Coordinates: `x` runs from the patient's right (negative, on the left of the film) to the left,
//! 0 at the spine; `y` runs downwards, 0 at the neck and 1 near the upper abdomen. One unit is the
//! height of a film. Every number here was chosen by eye; none was measured on a person.

use super::noise::{Draws, step};

/// Which lung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The patient's right, left on the film.
    Right,
    /// The patient's left, right on the film.
    Left,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Right, Self::Left];

    /// The sign of `x` on this side.
    pub(super) fn sign(self) -> f32 {
        match self {
            Self::Right => -1.0,
            Self::Left => 1.0,
        }
    }
}

/// What differs from patient to patient.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Anatomy {
    /// Distance from the spine to the lateral chest wall at its widest.
    pub(super) half_width: f32,
    /// Height of the lung's apex.
    pub(super) apex: f32,
    /// Top of the right and of the left dome of the diaphragm.
    pub(super) domes: [f32; 2],
    /// Level of the costophrenic angles.
    pub(super) base: f32,
    /// How far the heart reaches to the patient's left.
    pub(super) heart: f32,
    /// Half-width of the upper mediastinum.
    pub(super) mediastinum: f32,
    /// Size of the aortic knob.
    pub(super) knob: f32,
    /// Distance between two ribs.
    pub(super) rib_spacing: f32,
    /// How far a rib falls from spine to lateral wall.
    pub(super) rib_fall: f32,
    /// How dense bone is.
    pub(super) bone: f32,
    /// How thick the soft tissue is.
    pub(super) girth: f32,
    /// Strength of the breast shadows; 0 without.
    pub(super) breast: f32,
    /// Size of the stomach's gas bubble; 0 without.
    pub(super) bubble: f32,
    /// Height of the middle of the clavicles.
    pub(super) clavicle: f32,
    /// Bend of the spine to one side.
    pub(super) scoliosis: f32,
}

impl Anatomy {
    /// The chest of one patient.
    pub(super) fn draw(draws: &mut Draws) -> Self {
        let right_dome = draws.between(0.675, 0.745);
        Self {
            half_width: draws.between(0.375, 0.425),
            apex: draws.between(0.065, 0.105),
            domes: [right_dome, right_dome + draws.between(0.012, 0.045)],
            base: right_dome + draws.between(0.125, 0.155),
            heart: draws.between(0.175, 0.25),
            mediastinum: draws.between(0.058, 0.08),
            knob: draws.between(0.015, 0.038),
            rib_spacing: draws.between(0.066, 0.074),
            rib_fall: draws.between(0.10, 0.15),
            bone: draws.between(0.8, 1.2),
            girth: draws.between(0.88, 1.12),
            breast: if draws.chance(0.4) {
                draws.between(0.06, 0.16)
            } else {
                0.0
            },
            bubble: if draws.chance(0.7) {
                draws.between(0.03, 0.06)
            } else {
                0.0
            },
            clavicle: draws.between(0.125, 0.155),
            scoliosis: draws.between(-0.012, 0.012),
        }
    }

    /// The same chest on another breath: `depth` from -1 (shallow) to 1 (deep).
    pub(super) fn breathe(&self, depth: f32) -> Self {
        let fall = 0.015 * depth;
        Self {
            domes: self.domes.map(|dome| dome + fall),
            base: self.base + fall,
            half_width: self.half_width * (1.0 + 0.01 * depth),
            heart: self.heart * (1.0 - 0.03 * depth),
            ..self.clone()
        }
    }

    /// Where the middle of the spine is at height `y`.
    pub(super) fn spine(&self, y: f32) -> f32 {
        self.scoliosis * (3.0 * y).sin()
    }

    /// The lung's lateral border at height `y`, as a distance from the spine.
    pub(super) fn lateral(&self, y: f32) -> f32 {
        let t = ((y - self.apex) / (self.base - self.apex)).clamp(0.0, 1.0);
        0.10 + (self.half_width - 0.10) * (1.0 - (1.0 - t).powf(2.6)).powf(0.6)
    }

    /// The lung's medial border before the mediastinum covers it: rounded at the apex.
    pub(super) fn medial(&self, y: f32) -> f32 {
        0.03 + 0.08 * (-((y - self.apex).max(0.0) / 0.035)).exp()
    }

    /// The height of the diaphragm at distance `ax` from the spine.
    pub(super) fn diaphragm(&self, side: Side, ax: f32) -> f32 {
        let top = match side {
            Side::Right => self.domes[0],
            Side::Left => self.domes[1],
        };
        let crest = 0.45 * self.half_width;
        if ax > crest {
            let u = (ax - crest) / (self.half_width - crest);
            top + (self.base - top) * u.powf(2.3)
        } else {
            let u = (crest - ax) / crest;
            top + 0.045 * u * u
        }
    }

    /// How far heart and great vessels reach to `side` at height `y`.
    pub(super) fn silhouette(&self, side: Side, y: f32) -> f32 {
        let bump = |centre: f32, spread: f32| (-((y - centre) / spread).powi(2)).exp();
        let dome = self.domes[0];
        match side {
            Side::Right => self.mediastinum + 0.045 * bump(dome - 0.12, 0.12),
            Side::Left => {
                let bottom = dome - 0.015;
                // The left border runs from the pulmonary trunk down and out to the apex of the
                // heart, then turns in under it.
                let out = step(0.36, bottom - 0.03, y).powf(1.25);
                self.mediastinum - 0.008
                    + self.knob * bump(0.285, 0.045)
                    + 0.016 * bump(0.39, 0.05)
                    + (self.heart - self.mediastinum) * out * step(bottom + 0.16, bottom, y)
            }
        }
    }

    /// Half the body's width at height `y`: neck, shoulders, armpits, trunk.
    pub(super) fn outline(&self, y: f32) -> f32 {
        let trunk = self.half_width + 0.065 + 0.02 * self.girth;
        let neck = 0.135 * self.girth;
        let shoulders = neck + (0.72 - neck) * step(-0.04, 0.20, y).powf(0.9);
        shoulders + (trunk - shoulders) * step(0.22, 0.62, y)
    }

    /// The height of the middle of posterior rib `rib` (0 is the first) at distance `ax`.
    pub(super) fn posterior_rib(&self, rib: usize, ax: f32) -> f32 {
        let head = self.apex + 0.035 + self.rib_spacing * rib as f32;
        let lateral = self.lateral(head + 0.06).max(0.16);
        let u = ((ax - 0.04) / (lateral - 0.04)).max(0.0);
        // Lower ribs fall more steeply than upper ones.
        let fall = self.rib_fall * (0.55 + 0.06 * rib as f32);
        head - 0.018 * (std::f32::consts::PI * u.min(1.0)).sin() + fall * u.powf(2.1)
    }

    /// The height of the middle of anterior rib `rib` at distance `ax`: from the lateral wall
    /// downwards to the middle, the other way round than behind.
    pub(super) fn anterior_rib(&self, rib: usize, ax: f32) -> f32 {
        let lateral = self
            .lateral(self.apex + 0.1 + self.rib_spacing * rib as f32)
            .max(0.16);
        let start = self.posterior_rib(rib, lateral);
        let u = ((lateral - ax) / lateral).clamp(0.0, 1.0);
        start + 0.02 + 0.20 * u.powf(0.8) + 0.02 * u * u
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chest_is_laid_out_like_a_chest() {
        for patient in 0..200 {
            let anatomy = Anatomy::draw(&mut Draws::new(1, "patient", patient));
            assert!(
                anatomy.domes[0] < anatomy.domes[1],
                "the right dome is higher"
            );
            let heart_level = anatomy.domes[0] - 0.05;
            let left = anatomy.silhouette(Side::Left, heart_level);
            assert!(
                left > anatomy.silhouette(Side::Right, heart_level),
                "the heart is left"
            );
            assert!(
                left < anatomy.lateral(heart_level),
                "the heart fits the chest"
            );
            assert!(
                anatomy.outline(0.7) > anatomy.lateral(0.7),
                "the lungs are inside"
            );
            for rib in 0..9 {
                assert!(
                    anatomy.posterior_rib(rib, 0.3) > anatomy.posterior_rib(rib, 0.08),
                    "posterior ribs descend outwards"
                );
                assert!(
                    anatomy.anterior_rib(rib, 0.12) > anatomy.anterior_rib(rib, 0.3),
                    "anterior ribs descend inwards"
                );
            }
        }
    }
}
