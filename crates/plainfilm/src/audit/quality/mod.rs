//! Films that are not what a chest X-ray classifier should be shown.

use serde::{Deserialize, Serialize};

use crate::radiograph::Radiograph;

/// What can be wrong with a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    /// Black and white are exchanged.
    Inverted,
    /// Nothing, or next to nothing, is to be seen.
    Blank,
    /// Part of the chest lies outside the film.
    OverCropped,
    /// The film lies on its side or on its head.
    Rotated,
    /// Several pictures in one file.
    Collage,
    /// Much text is burnt into the film.
    TextHeavy,
    /// A view from the side.
    Lateral,
    /// Coloured marks, such as arrows, are drawn on the film.
    ColourAnnotated,
}

impl Defect {
    /// Every defect, in the order in which [`examine`] reports them.
    pub const ALL: [Self; 8] = [
        Self::Inverted,
        Self::Blank,
        Self::OverCropped,
        Self::Rotated,
        Self::Collage,
        Self::TextHeavy,
        Self::Lateral,
        Self::ColourAnnotated,
    ];

    /// The name used in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inverted => "inverted",
            Self::Blank => "blank",
            Self::OverCropped => "over_cropped",
            Self::Rotated => "rotated",
            Self::Collage => "collage",
            Self::TextHeavy => "text_heavy",
            Self::Lateral => "lateral",
            Self::ColourAnnotated => "colour_annotated",
        }
    }

    /// What it means and why it matters, in one sentence.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Inverted => {
                "bone looks black and air white: a network trained on the usual films reads it backwards"
            }
            Self::Blank => {
                "the film holds next to no contrast, so there is nothing to learn from it"
            }
            Self::OverCropped => {
                "the film shows only part of the chest, so a finding may lie outside it"
            }
            Self::Rotated => "the film lies on its side or on its head",
            Self::Collage => {
                "several pictures share one file, so its label may hold for one of them"
            }
            Self::TextHeavy => {
                "text burnt into the film can give the hospital, and with it the label, away"
            }
            Self::Lateral => "a view from the side among frontal films",
            Self::ColourAnnotated => {
                "somebody drew on the film in colour: the marks may point at the finding"
            }
        }
    }
}

/// One defect of a film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub defect: Defect,
    /// How far the film is over the rule's threshold: 1 is on it.
    pub score: f64,
    /// What was measured, for people.
    pub detail: String,
}

/// Coloured pixels in a million from which a film counts as drawn on.
const COLOURED: f64 = 200.0;

/// The defects of a film, in the order of [`Defect::ALL`]; empty for a film that looks as it should.
#[must_use]
pub fn examine(radiograph: &Radiograph) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pixels = f64::from(radiograph.width) * f64::from(radiograph.height);
    let coloured = f64::from(radiograph.provenance.coloured_pixels) / pixels * 1e6;
    if coloured >= COLOURED {
        findings.push(Finding {
            defect: Defect::ColourAnnotated,
            score: coloured / COLOURED,
            detail: format!("{coloured:.0} of a million pixels are coloured"),
        });
    }
    findings
}
