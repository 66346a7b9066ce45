//! Films that are not what a chest X-ray classifier should be shown, each defect told by one rule.
//!
//! Every threshold was set between the reference films and planted defects; `docs/audit-copies-and-quality.md`
//! has the figures.

mod layout;
mod strokes;

use serde::{Deserialize, Serialize};

use layout::Layout;

use plainfilm_film::grid::Grid;
use plainfilm_film::radiograph::Radiograph;

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

/// Contrast of the averaged film up to which nothing is to be seen; see [`contrast`]. The reference
/// films have 0.37 and more.
const BLANK: f64 = 0.08;
/// How much more the negative of a film must look like a chest, turned as it may be, than the film.
const INVERTED: f64 = 0.1;
/// How much more a film must look like a chest when it is turned.
const ROTATED: f64 = 0.1;
/// How much more a film must look like a part of the average chest film than like the whole; and how
/// much at least, as a film that looks like neither is something else.
const OVER_CROPPED: (f64, f64) = (0.22, 0.55);
/// How much more the least chest-like panel must look like a chest than the film; and how much at
/// least.
const COLLAGE: (f64, f64) = (0.15, 0.35);
/// Part of the pixels on strokes. Side markers and a word or two stay below a hundredth.
const TEXT_HEAVY: f64 = 0.02;
/// Likeness to a chest and to the own mirror image below which, together, a film is no frontal view.
const LATERAL: (f64, f64) = (0.3, 0.1);
/// Part of the pixels that are coloured: an arrow a twentieth of the side long has more, what
/// compression makes of a grey edge has less.
const COLOURED: f64 = 2e-4;

/// The defects of a film, in the order of [`Defect::ALL`]; empty for a film that looks as it should.
///
/// The layout of the film is told by Pearson's correlation of its ranks with those of an average
/// frontal chest film; a correlation is called likeness here. Where one defect explains what would
/// look like another, only the first is reported: a blank film has no layout, and one on its side is
/// not a lateral view.
#[must_use]
pub fn examine(radiograph: &Radiograph) -> Vec<Finding> {
    let grid = Grid::of(radiograph);
    let mut findings = Vec::new();
    let mut find = |defect, score, detail: String| {
        findings.push(Finding {
            defect,
            score,
            detail,
        });
    };
    let contrast = contrast(&grid);
    if contrast <= BLANK {
        let detail = format!("contrast {contrast:.3} of the brightest, at most {BLANK} is blank");
        find(Defect::Blank, BLANK / contrast.max(BLANK / 100.0), detail);
    } else {
        let layout = Layout::of(&grid);
        if let Some((defect, score, detail)) = misplaced(&layout) {
            find(defect, score, detail);
        }
        let strokes = strokes::share(radiograph);
        if strokes >= TEXT_HEAVY {
            let detail = format!("{:.1} % of the film are thin strokes", strokes * 100.0);
            find(Defect::TextHeavy, strokes / TEXT_HEAVY, detail);
        }
    }
    let pixels = radiograph.pixels.len().max(1) as f64;
    let coloured = f64::from(radiograph.provenance.coloured_pixels) / pixels;
    if coloured >= COLOURED {
        let detail = format!("{:.2} % of the film are coloured", coloured * 100.0);
        find(Defect::ColourAnnotated, coloured / COLOURED, detail);
    }
    findings.sort_by_key(|finding| finding.defect);
    findings
}

/// How much a film looks like an average frontal chest film: Pearson's correlation of their ranks, -1 to 1.
#[must_use]
pub fn likeness_to_a_chest(film: &Grid) -> f32 {
    layout::likeness(film)
}

/// What is wrong with the way the chest lies in a film, if anything: the likeliest explanation.
fn misplaced(layout: &Layout) -> Option<(Defect, f64, String)> {
    let turned = layout.turned.map(f64::from);
    let upright = turned[0];
    let most = turned.into_iter().fold(-1.0, f64::max);
    let least = turned.into_iter().fold(1.0, f64::min);
    let (panel, across, down) = layout.panels;
    let (panel, part) = (f64::from(panel), f64::from(layout.part));
    if panel >= COLLAGE.1 && panel - most >= COLLAGE.0 {
        let detail = format!(
            "each of {across} x {down} panels looks like a chest (likeness {panel:.2} and more), the whole less so ({most:.2})"
        );
        return Some((Defect::Collage, (panel - most) / COLLAGE.0, detail));
    }
    if -least - most >= INVERTED {
        let detail = format!(
            "likeness to a chest {most:.2}, of the negative {:.2}",
            -least
        );
        return Some((Defect::Inverted, (-least - most) / INVERTED, detail));
    }
    if most - upright >= ROTATED {
        let quarters = turned.iter().position(|likeness| *likeness == most)?;
        let detail = format!(
            "likeness to a chest {upright:.2}, to one turned by {} degrees {most:.2}",
            quarters * 90
        );
        return Some((Defect::Rotated, (most - upright) / ROTATED, detail));
    }
    if part >= OVER_CROPPED.1 && part - upright >= OVER_CROPPED.0 {
        let detail = format!("likeness to a chest {upright:.2}, to a part of one {part:.2}");
        return Some((
            Defect::OverCropped,
            (part - upright) / OVER_CROPPED.0,
            detail,
        ));
    }
    let symmetry = f64::from(layout.symmetry);
    if most < LATERAL.0 && symmetry < LATERAL.1 {
        let detail =
            format!("likeness to a frontal chest {most:.2}, to its mirror image {symmetry:.2}");
        return Some((Defect::Lateral, 1.0 + LATERAL.1 - symmetry, detail));
    }
    None
}

/// Difference of the 95th and the 5th hundredth of the film's averaged values, as a part of the
/// brightest but half a hundredth: films of 12 bits in 16 use a small part of full scale.
fn contrast(grid: &Grid) -> f64 {
    let mut values = grid.0.clone();
    values.sort_unstable_by(f32::total_cmp);
    let at = |part: f64| f64::from(values[(part * (values.len() - 1) as f64) as usize]);
    let brightest = at(0.995);
    if brightest > 0.0 {
        (at(0.95) - at(0.05)) / brightest
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_data::phantom::{PhantomSettings, draw};

    fn phantom(seed: u64) -> Radiograph {
        let settings = PhantomSettings {
            count: 1,
            size: 256,
            seed,
            shortcut: 0.0,
        };
        draw(&settings, 0).unwrap()
    }

    /// A film of another size whose pixel at (x, y) is that of `film` at `source(x, y)`.
    fn moved(
        film: &Radiograph,
        (width, height): (u32, u32),
        source: impl Fn(u32, u32) -> (u32, u32),
    ) -> Radiograph {
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let (x, y) = source(x, y);
                pixels.push(film.pixels[(y * film.width + x) as usize]);
            }
        }
        Radiograph {
            width,
            height,
            pixels,
            ..film.clone()
        }
    }

    fn found(film: &Radiograph) -> Vec<Defect> {
        examine(film).iter().map(|finding| finding.defect).collect()
    }

    #[test]
    fn phantoms_are_flawless() {
        for seed in 0..20 {
            let film = phantom(seed);
            assert_eq!(found(&film), [], "{seed}: {:?}", examine(&film));
        }
    }

    #[test]
    fn each_defect_is_found_and_nothing_else() {
        for seed in 0..5 {
            let film = phantom(seed);
            let (width, height) = (film.width, film.height);
            let even = Radiograph {
                pixels: vec![120; film.pixels.len()],
                ..film.clone()
            };
            let negative = Radiograph {
                pixels: film.pixels.iter().map(|pixel| 255 - pixel).collect(),
                ..film.clone()
            };
            let on_its_side = moved(&film, (height, width), |x, y| (y, height - 1 - x));
            let on_its_head = moved(&film, (width, height), |x, y| {
                (width - 1 - x, height - 1 - y)
            });
            let half = (width / 2, height / 2);
            let four = moved(&film, (half.0 * 2, half.1 * 2), |x, y| {
                (x % half.0 * 2, y % half.1 * 2)
            });
            let written = {
                let mut film = film.clone();
                for line in 0..12 {
                    for at in (0..width * 3 / 4).step_by(3) {
                        for down in 0..4 {
                            let y = height / 10 + line * 7 + down;
                            film.pixels[(y * width + at) as usize] = 255;
                        }
                    }
                }
                film
            };
            let mut marked = film.clone();
            marked.provenance.coloured_pixels = (film.pixels.len() / 200) as u32;
            let cases = [
                (even, Defect::Blank),
                (negative, Defect::Inverted),
                (on_its_side, Defect::Rotated),
                (on_its_head, Defect::Rotated),
                (four, Defect::Collage),
                (written, Defect::TextHeavy),
                (marked, Defect::ColourAnnotated),
            ];
            for (film, defect) in cases {
                let findings = examine(&film);
                assert_eq!(found(&film), [defect], "{seed}: {findings:?}");
                assert!(findings[0].score >= 1.0, "{findings:?}");
            }
        }
    }

    #[test]
    fn the_smallest_films_are_examined_too() {
        for size in [(1, 1), (1, 9), (7, 2)] {
            let film = moved(&phantom(1), size, |x, y| (x, y));
            assert!(examine(&film).len() <= 2);
        }
    }

    #[test]
    fn names_are_those_of_the_files() {
        for defect in Defect::ALL {
            let written = serde_json::to_string(&defect).unwrap();
            assert_eq!(written, format!("\"{}\"", defect.name()));
            assert!(!defect.explanation().is_empty());
        }
    }
}
