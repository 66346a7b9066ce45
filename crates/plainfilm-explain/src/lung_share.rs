//! How much of the evidence lies on the lungs.
//!
//! The share of positive evidence on the lungs means something only beside the share of the picture that
//! is lung: a network that looks everywhere alike has just that. Hence [`LungShare::gain`], 1.0 of
//! which is no better than chance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Evidence, Method};
use plainfilm_data::{Dataset, Film};
use plainfilm_figures::{Estimate, Figure, Resampling, wilson_by_patient};
use plainfilm_film::radiograph::{Placement, Radiograph, decode};
use plainfilm_model::lungs;

/// Smallest share of a film that is taken for lungs; less is taken for a miss, as in [`lungs::Mask`].
const LEAST_LUNG: f64 = 0.04;
/// Largest share of a film that a given mask may cover: lungs with the heart's shadow take up to about half of a
/// tightly cut film.
const MOST_LUNG: f64 = 0.55;
/// Brightest value of a mask that numbers its labels in place of painting them white.
const MOST_NUMBERS: u16 = 3;

/// Who says where the lungs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskOrigin {
    /// A mask that came with the data.
    Given,
    /// The network of [`plainfilm_model::lungs`].
    Found,
}

/// Where the lungs are on one film.
#[derive(Debug, Clone, PartialEq)]
pub struct LungMask {
    width: usize,
    height: usize,
    lung: Vec<bool>,
    /// Who says so.
    pub origin: MaskOrigin,
}

impl LungMask {
    /// The lungs that the bundled network finds; `None` where it finds none.
    pub fn find(film: &Radiograph) -> Option<Self> {
        let found = lungs::segment(film);
        Self {
            width: lungs::Mask::SIZE,
            height: lungs::Mask::SIZE,
            lung: found.values.iter().map(|&value| value > 0.5).collect(),
            origin: MaskOrigin::Found,
        }
        .unless_empty()
    }

    /// A mask given as a picture of any size that covers the whole film: what is brighter than half of its
    /// brightest is lung, and in a picture of label numbers (0 and 1, or 1 and 2 for the two lungs) whatever is not 0.
    ///
    /// # Errors
    ///
    /// One line where less than 4 % or more than 55 % of the film would be lung: no lungs are that small, and a
    /// mask with so much is mostly one of what is around them.
    pub fn given(picture: &Radiograph) -> Result<Self, String> {
        let most = picture.pixels.iter().copied().max().unwrap_or(0);
        let background = match most {
            0..=MOST_NUMBERS => 0,
            _ => most / 2,
        };
        let mask = Self {
            width: picture.width as usize,
            height: picture.height as usize,
            lung: picture
                .pixels
                .iter()
                .map(|&pixel| pixel > background)
                .collect(),
            origin: MaskOrigin::Given,
        };
        let share = mask.share();
        if (LEAST_LUNG..=MOST_LUNG).contains(&share) {
            return Ok(mask);
        }
        let hint = match share > MOST_LUNG {
            true => "; is it white around the lungs?",
            false => "",
        };
        Err(format!(
            "expected {:.0} to {:.0} % of the film to be lung, found {:.0} %{hint}",
            100.0 * LEAST_LUNG,
            100.0 * MOST_LUNG,
            100.0 * share
        ))
    }

    /// The mask that the data set's manifest names for a film; none where it names none.
    ///
    /// # Errors
    ///
    /// One line when the mask is named and cannot be used.
    pub fn of_film(dataset: &Dataset, film: &Film) -> Result<Option<Self>, String> {
        let bytes = dataset.read_mask(film).map_err(|error| error.to_string())?;
        let Some(bytes) = bytes else {
            return Ok(None);
        };
        let name = "its lung mask";
        let picture = decode(&bytes, name, dataset.limits()).map_err(|error| error.to_string())?;
        let mask = Self::given(&picture);
        mask.map(Some).map_err(|reason| format!("{name}: {reason}"))
    }

    fn unless_empty(self) -> Option<Self> {
        (self.share() >= LEAST_LUNG).then_some(self)
    }

    /// Share of the film that is lung.
    pub fn share(&self) -> f64 {
        let lung = self.lung.iter().filter(|&&lung| lung).count();
        lung as f64 / self.lung.len().max(1) as f64
    }

    /// Whether a place, in fractions of the film's width and height, is lung. Nothing is beyond the film.
    pub fn at(&self, x: f64, y: f64) -> bool {
        if !(0.0..1.0).contains(&x) || !(0.0..1.0).contains(&y) {
            return false;
        }
        let (column, row) = (
            (x * self.width as f64) as usize,
            (y * self.height as f64) as usize,
        );
        self.lung[row * self.width + column]
    }

    /// Which pixels of the network's square are lung; bars are none.
    pub fn in_square(&self, placement: &Placement) -> Vec<bool> {
        let size = placement.size;
        let [width, height] = placement.film.map(|length| length as f64);
        (0..size * size)
            .map(|pixel| {
                let (column, row) = (pixel % size, pixel / size);
                let (x, y) = placement.to_film(column as f64 + 0.5, row as f64 + 0.5);
                placement.is_film(column, row) && self.at(x / width, y / height)
            })
            .collect()
    }
}

/// How much of the evidence on one film lies on the lungs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LungShare {
    /// Share of the positive evidence that is on the lungs, 0 to 1.
    pub share: f64,
    /// Share of what the network was shown that is lung, 0 to 1: what chance gives.
    pub area: f64,
    /// Whether the strongest evidence is on a lung (the pointing game, Zhang et al. 2018, without its
    /// margin).
    pub points_at_lung: bool,
}

impl LungShare {
    /// Share over area: 1.0 is no better than chance.
    pub fn gain(&self) -> f64 {
        self.share / self.area
    }
}

/// The share of evidence on the lungs; `None` where nothing speaks for the label, or the network was shown
/// no lung.
pub fn lung_share(
    method: Method,
    evidence: &Evidence,
    placement: &Placement,
    mask: &LungMask,
) -> Option<LungShare> {
    let lung = mask.in_square(placement);
    let values = evidence.square(placement.size);
    let positive = |value: f32| f64::from(value.max(0.0));
    let all: f64 = values.iter().map(|&value| positive(value)).sum();
    let pixels = lung.iter().filter(|&&lung| lung).count();
    if all <= 0.0 || pixels == 0 {
        return None;
    }
    let on_lung: f64 = values
        .iter()
        .zip(&lung)
        .filter(|(_, lung)| **lung)
        .map(|(&value, _)| positive(value))
        .sum();
    // Single pixels of a map by pixel are noise: the strongest place is that of its picture.
    let shown = evidence.as_shown(method).square(placement.size);
    let strongest = (0..shown.len()).max_by(|&a, &b| shown[a].total_cmp(&shown[b]))?;
    Some(LungShare {
        share: on_lung / all,
        area: pixels as f64 / lung.len() as f64,
        points_at_lung: lung[strongest],
    })
}

/// One film of a set that was explained, for [`summarise`].
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedFilm {
    /// Films of one patient count together.
    pub patient: String,
    /// Name of the true label, where it is known.
    pub truth: Option<String>,
    /// Hospital or collection, where it is known.
    pub source: Option<String>,
    /// Whether the model was right, where the truth is known.
    pub right: Option<bool>,
    /// None where no lungs were found or no evidence was.
    pub lungs: Option<LungShare>,
}

/// Where the evidence lies over some films, each with its 95 % interval by patient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LungFigures {
    /// Which films, such as `all`, `label Covid-19`, `source NIH` or `wrong`.
    pub films_of: String,
    /// Films with evidence and lungs.
    pub films: usize,
    /// Films without one or the other, which no figure counts.
    pub left_out: usize,
    /// Patients of these films.
    pub patients: usize,
    /// Mean share of positive evidence on the lungs.
    pub share: Estimate,
    /// Mean share of the picture that is lung.
    pub area: Estimate,
    /// Mean share over mean area: 1.0 is no better than chance.
    pub gain: Estimate,
    /// Share of films whose strongest evidence is on a lung; `area` is what chance gives.
    pub pointing: Estimate,
}

/// The figures over all films and over parts of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LungSummary {
    /// All films first, then by label, by source, and right and wrong apart.
    pub groups: Vec<LungFigures>,
}

impl LungSummary {
    /// Over all films.
    pub fn all(&self) -> &LungFigures {
        &self.groups[0]
    }
}

/// Where the evidence lies over a set of films.
pub fn summarise(films: &[ExplainedFilm]) -> LungSummary {
    let everyone: Vec<&ExplainedFilm> = films.iter().collect();
    let mut groups = vec![figures("all".to_owned(), &everyone)];
    type Key = fn(&ExplainedFilm) -> Option<String>;
    let keys: [Key; 3] = [
        |film| film.truth.as_ref().map(|label| format!("label {label}")),
        |film| {
            film.source
                .as_ref()
                .map(|source| format!("source {source}"))
        },
        |film| {
            let right = film.right?;
            Some(if right { "right" } else { "wrong" }.to_owned())
        },
    ];
    for key in keys {
        let mut parts = BTreeMap::<String, Vec<&ExplainedFilm>>::new();
        for film in films {
            if let Some(name) = key(film) {
                parts.entry(name).or_default().push(film);
            }
        }
        groups.extend(parts.into_iter().map(|(name, films)| figures(name, &films)));
    }
    LungSummary { groups }
}

fn figures(films_of: String, films: &[&ExplainedFilm]) -> LungFigures {
    let mut known = BTreeMap::new();
    let rows: Vec<(usize, LungShare)> = films
        .iter()
        .filter_map(|film| Some((film.patient.as_str(), film.lungs?)))
        .map(|(patient, lungs)| {
            let next = known.len();
            (*known.entry(patient).or_insert(next), lungs)
        })
        .collect();
    let statistic = |weights: &[u32]| {
        let (mut share, mut area, mut count) = (0.0, 0.0, 0.0);
        for (patient, lungs) in &rows {
            let weight = f64::from(weights[*patient]);
            share += weight * lungs.share;
            area += weight * lungs.area;
            count += weight;
        }
        vec![share / count, area / count, share / area]
    };
    let mut estimates = if rows.is_empty() {
        vec![Estimate::without_interval(Figure::UNDEFINED, "no films"); 3]
    } else {
        Resampling {
            patients: known.len(),
            work: rows.len(),
            statistic: &statistic,
            without_groups: None,
        }
        .estimates()
    }
    .into_iter();
    let mut next = || estimates.next().expect("three figures");
    let pointed: Vec<(usize, bool)> = rows
        .iter()
        .map(|(patient, lungs)| (*patient, lungs.points_at_lung))
        .collect();
    LungFigures {
        films_of,
        films: rows.len(),
        left_out: films.len() - rows.len(),
        patients: known.len(),
        share: next(),
        area: next(),
        gain: next(),
        pointing: Estimate::or_undefined(wilson_by_patient(&pointed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Grid;
    use plainfilm_film::radiograph::Limits;

    fn placement() -> Placement {
        Placement {
            film: [8, 4],
            area: [0, 0, 8, 4],
            filled: [0, 2, 8, 4],
            size: 8,
        }
    }

    /// The left half of the film is lung.
    fn left_lung() -> LungMask {
        LungMask {
            width: 2,
            height: 1,
            lung: vec![true, false],
            origin: MaskOrigin::Given,
        }
    }

    fn evidence(at: &[(usize, f32)]) -> Evidence {
        let mut values = vec![0.0; 64];
        for &(pixel, value) in at {
            values[pixel] = value;
        }
        Evidence {
            grid: Grid::pixels(8),
            values,
        }
    }

    #[test]
    fn shares_by_hand() {
        // The lung is 4x4 of the 8x8 pixels shown, the bars being none; rows 2 to 5 are film.
        const LUNG: usize = 3 * 8 + 1;
        const BESIDE: usize = 3 * 8 + 6;
        const BAR: usize = 0;
        /// Pixels with their values; share, and whether the strongest is on a lung.
        type Case = (&'static [(usize, f32)], Option<(f64, bool)>);
        let cases: [Case; 5] = [
            (&[(LUNG, 2.0)], Some((1.0, true))),
            (&[(LUNG, 1.0), (BESIDE, 3.0)], Some((0.25, false))),
            (
                &[(LUNG, 1.0), (BAR, 1.0), (BESIDE, -5.0)],
                Some((0.5, true)),
            ),
            (&[(BESIDE, -1.0)], None),
            (&[], None),
        ];
        for (at, expected) in cases {
            let found = lung_share(Method::GradCam, &evidence(at), &placement(), &left_lung());
            assert_eq!(
                found.map(|found| found.share),
                expected.map(|e| e.0),
                "{at:?}"
            );
            if let (Some(found), Some((share, points))) = (found, expected) {
                assert_eq!(found.area, 0.25);
                assert_eq!(found.gain(), share / 0.25);
                // Of equals the last is the strongest: the pointing game has no say there.
                if at.len() < 3 {
                    assert_eq!(found.points_at_lung, points, "{at:?}");
                }
            }
        }
        let flat = Evidence {
            grid: Grid::pixels(8),
            values: vec![1.0; 64],
        };
        let found =
            lung_share(Method::GradCam, &flat, &placement(), &left_lung()).expect("has evidence");
        assert_eq!(found.gain(), 1.0);
    }

    #[test]
    fn the_manifests_masks_are_used_or_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let save = |name: &str, pixel: &dyn Fn(usize) -> u8| {
            let pixels: Vec<u8> = (0..64).map(pixel).collect();
            let colour = image::ExtendedColorType::L8;
            image::save_buffer(folder.path().join(name), &pixels, 8, 8, colour).expect("written");
        };
        for film in ["a.png", "b.png", "c.png", "d.png"] {
            save(film, &|pixel| 3 * pixel as u8);
        }
        save("left.png", &|pixel| if pixel % 8 < 4 { 255 } else { 0 });
        save("black.png", &|_| 0);
        std::fs::write(folder.path().join("text.png"), "no picture").expect("written");
        let manifest = "path,label,patient_id,mask\na.png,x,1,left.png\nb.png,x,2,\nc.png,y,3,black.png\n\
                        d.png,y,4,text.png\n";
        std::fs::write(folder.path().join("manifest.csv"), manifest).expect("written");
        let dataset =
            Dataset::open(folder.path(), &Default::default()).expect("a data set of four films");
        let of = |film: usize| LungMask::of_film(&dataset, &dataset.films[film]);
        let mask = of(0).expect("readable").expect("named");
        assert_eq!((mask.share(), mask.origin), (0.5, MaskOrigin::Given));
        assert!(mask.at(0.1, 0.9) && !mask.at(0.9, 0.1));
        assert_eq!(of(1), Ok(None));
        for (film, expected) in [
            (2, "expected 4 to 55 % of the film to be lung, found 0 %"),
            (3, "its lung mask: "),
        ] {
            let reason = of(film).expect_err("no lungs");
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn groups_are_by_label_source_and_outcome() {
        let film = |index: usize, share: f64| ExplainedFilm {
            patient: format!("p{}", index / 2),
            truth: Some(["a", "b"][index % 2].to_owned()),
            source: index.is_multiple_of(4).then(|| "here".to_owned()),
            right: Some(index.is_multiple_of(2)),
            lungs: (index != 7).then_some(LungShare {
                share,
                area: 0.25,
                points_at_lung: index.is_multiple_of(2),
            }),
        };
        let films: Vec<ExplainedFilm> = (0..40).map(|i| film(i, 0.2 + 0.01 * i as f64)).collect();
        let summary = summarise(&films);
        let names: Vec<&str> = summary.groups.iter().map(|g| g.films_of.as_str()).collect();
        assert_eq!(
            names,
            ["all", "label a", "label b", "source here", "right", "wrong"]
        );
        let all = summary.all();
        assert_eq!((all.films, all.left_out, all.patients), (39, 1, 20));
        let shares = (0..40)
            .filter(|i| *i != 7)
            .map(|i| 0.2 + 0.01 * f64::from(i));
        let mean = shares.sum::<f64>() / 39.0;
        let close = |figure: &Estimate, expected: f64| {
            (figure.value().expect("defined") - expected).abs() < 1e-12
        };
        assert!(close(&all.share, mean) && close(&all.gain, mean / 0.25));
        let (low, high) = all.gain.ends().expect("20 patients");
        assert!(low < mean / 0.25 && mean / 0.25 < high);
        assert!(close(&summary.groups[1].pointing, 1.0));
        assert_eq!(summarise(&[]).all().gain.value(), None);
    }

    #[test]
    fn masks_of_label_numbers_were_refused_and_inverted_ones_believed() {
        // A third of the film, as it is painted.
        let painted = |lung: u16, around: u16, bits: u8| {
            let at = |column: u32| if column < 20 { lung } else { around };
            let mut png = std::io::Cursor::new(vec![]);
            let format = image::ImageFormat::Png;
            match bits {
                8 => image::GrayImage::from_fn(60, 60, |x, _| image::Luma([at(x) as u8]))
                    .write_to(&mut png, format),
                _ => image::ImageBuffer::from_fn(60, 60, |x, _| image::Luma([at(x)]))
                    .write_to(&mut png, format),
            }
            .expect("an encoder that writes to memory");
            decode(&png.into_inner(), "mask.png", &Limits::default()).expect("a film")
        };
        for (picture, is_good) in [
            (painted(255, 0, 8), true),
            (painted(1, 0, 8), true),
            (painted(1, 0, 16), true),
            (painted(255, 0, 16), true),
            (painted(65_535, 0, 16), true),
            (painted(200, 40, 8), true),
            (painted(0, 255, 8), false),
            (painted(0, 1, 8), false),
            (painted(0, 0, 8), false),
        ] {
            let mask = LungMask::given(&picture);
            assert_eq!(
                mask.is_ok(),
                is_good,
                "{:?}: {mask:?}",
                &picture.pixels[..30]
            );
            if let Ok(mask) = mask {
                assert!((mask.share() - 1.0 / 3.0).abs() < 1e-9);
            }
        }
        let inverted = LungMask::given(&painted(0, 255, 8)).unwrap_err();
        assert!(
            inverted.contains("found 67 %; is it white around"),
            "{inverted}"
        );
    }
}
