//! Pictures of evidence: a film under its map, methods side by side, and the mean of many maps.

use super::ReportError;
use super::plot::canvas::{Ink, Theme};
use super::plot::colour::layer;
use super::plot::heat::{Frame, Overlay, Tile, draw};
use super::plot::raster::{quick_grey_png, rgba_png, svg_to_png};
use super::wording::films;
use plainfilm_explain::{Evidence, LungMask, LungShare, MaskOrigin, MeanEvidence, Method};
use plainfilm_film::radiograph::{Placement, Radiograph};

/// Longest side of a film inside a picture, in pixels.
const LONGEST: usize = 960;
/// The same, in the picture's units, of a film alone and of films side by side.
const ALONE: f64 = 480.0;
const BESIDE: f64 = 270.0;
/// Films side by side in a row.
const COLUMNS: usize = 3;

/// One map of a film.
#[derive(Debug, Clone, Copy)]
pub struct ShownMap<'a> {
    /// How it was made.
    pub method: Method,
    /// The map.
    pub evidence: &'a Evidence,
    /// How much of it is on the lungs, where that is known.
    pub lungs: Option<LungShare>,
    /// Whether the method failed its check on this network, so that its maps say nothing.
    pub failed: bool,
}

/// A film with what the network said and where it looked.
#[derive(Debug, Clone, Copy)]
pub struct FilmPicture<'a> {
    /// What the film is called.
    pub name: &'a str,
    /// The film.
    pub film: &'a Radiograph,
    /// What of it the network was shown.
    pub placement: &'a Placement,
    /// The label that the evidence is for.
    pub label: &'a str,
    /// The label that the network predicts.
    pub predicted: &'a str,
    /// Its probability.
    pub probability: f64,
    /// One or more maps.
    pub maps: &'a [ShownMap<'a>],
    /// Where the lungs are, where that is known.
    pub lungs: Option<&'a LungMask>,
}

/// A film under its map as a PNG; with several maps, the film and all of them side by side.
///
/// # Errors
/// What the renderer refuses.
pub fn film_picture(picture: &FilmPicture<'_>) -> Result<Vec<u8>, ReportError> {
    let refuse = |reason| ReportError::Picture {
        name: picture.name.to_owned(),
        reason,
    };
    svg_to_png(&film_svg(picture).map_err(refuse)?).map_err(refuse)
}

fn film_svg(picture: &FilmPicture<'_>) -> Result<String, String> {
    let (width, height, film) = picture.film.shrunk(LONGEST);
    let lung = picture.lungs.map(|mask| {
        (0..width * height)
            .map(|pixel| {
                let (x, y) = (pixel % width, pixel / width);
                mask.at(
                    (x as f64 + 0.5) / width as f64,
                    (y as f64 + 0.5) / height as f64,
                )
            })
            .collect::<Vec<bool>>()
    });
    let base64_png = |shares: &[f32], lung: Option<&[bool]>| {
        Overlay {
            width,
            height,
            film: &film,
            shares,
            lung,
        }
        .base64_png()
    };
    let alone = picture.maps.len() == 1;
    let mut tiles = vec![];
    if !alone {
        tiles.push(Tile {
            title: "Film".to_owned(),
            note: " ".to_owned(),
            ink: Ink::Text,
            base64_png: base64_png(&vec![0.0; film.len()], None)?,
        });
    }
    for map in picture.maps {
        let shares = shares(map.evidence, map.method, picture.placement, [width, height]);
        tiles.push(Tile {
            title: if alone {
                String::new()
            } else {
                map.method.title().to_owned()
            },
            note: match (alone, map.failed, map.lungs) {
                (true, ..) => String::new(),
                (_, true, _) => "FAILED its check: do not rely on it".to_owned(),
                (_, _, Some(lungs)) => format!(
                    "{:.0} % on the lungs, {:.1} times chance",
                    100.0 * lungs.share,
                    lungs.gain()
                ),
                (_, _, None) => " ".to_owned(),
            },
            ink: if map.failed { Ink::Wrong } else { Ink::Text },
            base64_png: base64_png(&shares, lung.as_deref())?,
        });
    }
    let longest = if alone { ALONE } else { BESIDE };
    let scale = longest / width.max(height) as f64;
    let frame = Frame {
        title: picture.name,
        lines: &lines(picture, alone),
        meaning: &format!("evidence for\n{}", picture.label),
        legend: &legend(picture),
    };
    let place = [width as f64 * scale, height as f64 * scale];
    Ok(draw(Theme::Paper, &frame, &tiles, COLUMNS, place))
}

/// A film alone with at most `longest` columns and rows, as a grey PNG of 8 bits: what browsers show of any film.
///
/// # Errors
///
/// What the encoder refuses.
pub fn film_png(film: &Radiograph, longest: usize) -> Result<Vec<u8>, ReportError> {
    let (width, height, values) = film.shrunk(longest);
    let pixels: Vec<u8> = values
        .iter()
        .map(|value| (value * 255.0).round() as u8)
        .collect();
    quick_grey_png(width as u32, height as u32, &pixels).map_err(|error| ReportError::Picture {
        name: film.provenance.name.clone(),
        reason: error.to_string(),
    })
}

/// The colours of a map alone, to lay over its film with at most `longest` columns and rows: a PNG that is transparent
/// where there is no evidence, and where the network was not shown the film. Its columns and rows come first.
///
/// # Errors
///
/// What the encoder refuses.
pub fn heat_map_png(
    evidence: &Evidence,
    method: Method,
    placement: &Placement,
    longest: usize,
) -> Result<([usize; 2], Vec<u8>), ReportError> {
    let [columns, rows] = placement.film;
    let ratio = (longest as f64 / columns.max(rows).max(1) as f64).min(1.0);
    let [width, height] =
        [columns, rows].map(|side| ((side as f64 * ratio).round() as usize).max(1));
    let pixels: Vec<u8> = shares(evidence, method, placement, [width, height])
        .into_iter()
        .flat_map(layer)
        .collect();
    let png =
        rgba_png(width as u32, height as u32, &pixels).map_err(|error| ReportError::Picture {
            name: method.title().to_owned(),
            reason: error.to_string(),
        })?;
    Ok(([width, height], png))
}

/// Shares of the greatest evidence over the whole film.
fn shares(
    evidence: &Evidence,
    method: Method,
    placement: &Placement,
    pixels: [usize; 2],
) -> Vec<f32> {
    let evidence = evidence.as_shown(method);
    let mut values = evidence.over_film(placement, pixels).values;
    // The greatest on the film: a map may reach beyond it.
    let greatest = values.iter().copied().fold(0.0, f32::max);
    for value in &mut values {
        // `max` would turn what was not shown, which is not a number, into no evidence.
        if !value.is_nan() {
            *value = if greatest > 0.0 {
                value.max(0.0) / greatest
            } else {
                0.0
            };
        }
    }
    values
}

fn lines(picture: &FilmPicture<'_>, alone: bool) -> Vec<String> {
    let mut lines = vec![format!(
        "predicted {}, probability {:.3}",
        picture.predicted, picture.probability
    )];
    let [map, ..] = picture.maps else {
        return lines;
    };
    if alone {
        let failed = if map.failed {
            ". FAILED its check: do not rely on it"
        } else {
            ""
        };
        lines.push(format!(
            "{}: evidence for {}{failed}",
            map.method.title(),
            picture.label
        ));
        if let Some(lungs) = map.lungs {
            lines.push(format!("{} (1.0 is chance)", lungs_in_short(lungs)));
        }
    } else {
        let lungs = map.lungs.map_or(String::new(), |lungs| {
            format!(
                "; lungs are {:.0} % of the picture, so that much is chance",
                100.0 * lungs.area
            )
        });
        lines.push(format!("evidence for {}{lungs}", picture.label));
    }
    if map.evidence.greatest() <= 0.0 {
        lines.push("no evidence for this label on the film".to_owned());
    }
    lines
}

/// Such as `61 % on the lungs (38 % of the picture): 1.6 times chance`.
fn lungs_in_short(lungs: LungShare) -> String {
    format!(
        "{:.0} % on the lungs ({:.0} % of the picture): {:.1} times chance",
        100.0 * lungs.share,
        100.0 * lungs.area,
        lungs.gain()
    )
}

fn legend(picture: &FilmPicture<'_>) -> Vec<String> {
    let mut legend = vec![];
    if let Some(mask) = picture.lungs {
        legend.push("white line: lungs".to_owned());
        legend.push(match mask.origin {
            MaskOrigin::Given => "(mask given)".to_owned(),
            MaskOrigin::Found => "(found by plainfilm)".to_owned(),
        });
    }
    let [width, height] = picture.placement.film;
    if picture.placement.area != [0, 0, width, height] {
        legend.push("dark: not shown".to_owned());
        legend.push("to the network".to_owned());
    }
    legend
}

/// The mean map of each label over the label's mean film, as an SVG; labels without films are left out.
pub(crate) fn mean_svg(theme: Theme, line: &str, means: &[MeanEvidence]) -> Result<String, String> {
    let tiles = means
        .iter()
        .filter(|mean| mean.films > 0)
        .map(|mean| {
            let mut shares = mean.map();
            let greatest = shares.iter().copied().fold(0.0, f32::max);
            for share in &mut shares {
                *share = if greatest > 0.0 {
                    *share / greatest
                } else {
                    0.0
                };
            }
            let overlay = Overlay {
                width: mean.size,
                height: mean.size,
                film: &mean.film(),
                shares: &shares,
                lung: None,
            };
            Ok(Tile {
                title: mean.label.clone(),
                note: films(mean.films),
                ink: Ink::Text,
                base64_png: overlay.base64_png()?,
            })
        })
        .collect::<Result<Vec<Tile>, String>>()?;
    let frame = Frame {
        title: "Mean evidence for each label",
        lines: &[line.to_owned()],
        meaning: "evidence for\nthe label",
        legend: &["over the mean film".to_owned()],
    };
    Ok(draw(theme, &frame, &tiles, COLUMNS, [BESIDE, BESIDE]))
}

/// The mean map of each label over the label's mean film as a PNG, under a title and a line of text.
///
/// # Errors
/// What the renderer refuses.
pub fn mean_picture(line: &str, means: &[MeanEvidence]) -> Result<Vec<u8>, ReportError> {
    let refuse = |reason| ReportError::Picture {
        name: "mean evidence".to_owned(),
        reason,
    };
    svg_to_png(&mean_svg(Theme::Paper, line, means).map_err(refuse)?).map_err(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plainfilm_explain::Grid;
    use plainfilm_film::radiograph::{Preprocessing, Provenance};

    fn film() -> Radiograph {
        Radiograph {
            width: 60,
            height: 40,
            bit_depth: 8,
            pixels: (0..2400).map(|pixel| pixel % 60 * 4).collect(),
            provenance: Provenance {
                name: "film".into(),
                format: "png".into(),
                colour: "grey 8-bit".into(),
                orientation: 1,
                synthetic: true,
                coloured_pixels: 0,
                used_bits: 8,
            },
        }
    }

    #[test]
    fn a_film_is_shown_alone_or_beside_its_maps() {
        let film = film();
        let settings = Preprocessing {
            size: 8,
            ..Preprocessing::default()
        };
        let placement = settings
            .placement(&film, &plainfilm_model::lungs::BundledLungs)
            .expect("has pixels");
        let mut values = vec![0.0; 16];
        values[5] = 2.0;
        let evidence = Evidence {
            grid: Grid::stretched(4, 8),
            values,
        };
        let map = |method, failed| ShownMap {
            method,
            evidence: &evidence,
            lungs: Some(LungShare {
                share: 0.6,
                area: 0.3,
                points_at_lung: true,
            }),
            failed,
        };
        let maps = [map(Method::GradCam, false), map(Method::EigenCam, true)];
        let picture = FilmPicture {
            name: "a <film>.png",
            film: &film,
            placement: &placement,
            label: "opacity",
            predicted: "clear",
            probability: 0.75,
            maps: &maps[..1],
            lungs: None,
        };
        let svg = film_svg(&picture).expect("drawn");
        for text in [
            "a &lt;film&gt;.png",
            "predicted clear, probability 0.750",
            "Grad-CAM: evidence for opacity",
            "60 % on the lungs (30 % of the picture): 2.0 times chance (1.0 is chance)",
            "dark: not shown",
            plainfilm_film::NOT_A_MEDICAL_DEVICE,
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(svg.matches("<image ").count(), 2);
        let beside = FilmPicture {
            maps: &maps,
            ..picture
        };
        let svg = film_svg(&beside).expect("drawn");
        assert_eq!(svg.matches("<image ").count(), 4);
        assert!(svg.contains("FAILED its check"));
        assert!(
            film_picture(&beside)
                .expect("rendered")
                .starts_with(b"\x89PNG")
        );
    }
}
