//! How maps are made.

use serde::{Deserialize, Serialize};

use super::ExplainError;

/// Most films that one explanation may look at, so that a slip of the keyboard is refused.
const MOST_LOOKS: usize = 100_000;

/// How maps are made; everything that a map depends on besides the network, the film and the label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExplainSettings {
    /// Stage of the backbone whose last maps class activation maps are made from; the last one where none is
    /// named. Earlier ones are finer and know less.
    pub stage: Option<String>,
    /// Stretch class activation maps over the film, as other programs do, in place of putting each cell at
    /// the centre of what it depends on ([`super::Grid`]).
    pub stretched: bool,
    /// Steps from the film without structure to the film, for integrated gradients, to begin with; they are
    /// doubled until the sum fits the difference of the scores, but [`Self::MOST_DOUBLINGS`] times
    /// at most.
    pub steps: usize,
    /// Copies of the film with noise, for smooth integrated gradients.
    pub copies: usize,
    /// Standard deviation of that noise in percent of the range of the film's values (Smilkov et al.
    /// 2017 find 10 to 20 good).
    pub noise: usize,
    /// Patches across the film, for occlusion: neighbouring ones overlap by half.
    pub patches: usize,
    /// Random masks, for RISE.
    pub masks: usize,
    /// Seed of noise and masks.
    pub seed: u64,
}

impl Default for ExplainSettings {
    fn default() -> Self {
        Self {
            stage: None,
            stretched: false,
            steps: 32,
            copies: 4,
            noise: 10,
            patches: 8,
            masks: 1000,
            seed: 42,
        }
    }
}

impl ExplainSettings {
    /// How often [`Self::steps`] are doubled at most.
    pub const MOST_DOUBLINGS: u32 = 4;

    /// Checks settings that came from outside.
    ///
    /// # Errors
    ///
    /// [`ExplainError::Setting`] names the first setting outside its range.
    pub fn check(&self) -> Result<(), ExplainError> {
        for (setting, found, range, expected) in [
            ("steps", self.steps, 2..=1024, "2 to 1024"),
            ("copies", self.copies, 1..=256, "1 to 256"),
            ("noise", self.noise, 0..=100, "0 to 100 percent"),
            ("patches", self.patches, 2..=64, "2 to 64"),
            ("masks", self.masks, 1..=MOST_LOOKS, "1 to 100000"),
        ] {
            if !range.contains(&found) {
                return Err(ExplainError::Setting {
                    setting,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }
}
