//! Where trained networks look on their test films, for the report.

use std::convert::Infallible;
use std::ops::ControlFlow;

use rand::seq::SliceRandom;
use serde::Serialize;

use super::cannot_show;
use plainfilm_data::{Dataset, Film, FilmSubset, Part, stream_films};
use plainfilm_explain::{
    CheckDepth, ExplainSettings, Explained, ExplainedFilm, Explainer, FilmExplanation,
    FilmToExplain, LabelNull, LungMask, LungShare, LungSummary, MaskOrigin, MeanEvidence, Method,
    MethodCheck, Target, lung_share, summarise,
};
use plainfilm_film::radiograph::{Placement, Plane};
use plainfilm_model::bundle::ModelFile;
use plainfilm_model::device;
use plainfilm_report::{EvidenceFilm, EvidenceSection};
use plainfilm_seed as seed;
use plainfilm_train::{FinishedRun, LoadedFilms, RunFolder, TrainError};

/// How the report's maps are made: fast, and equal to other programs'.
const METHOD: Method = Method::GradCam;
/// Test films that are looked at, at most: their lungs have to be found too.
const MOST_FILMS: usize = 120;
/// Films that the method is checked on.
const CHECKED: usize = 8;
/// Films on which networks that learned from permuted labels are looked at.
const COMPARED: usize = 60;
/// Films that the report shows, right and wrong ones.
const SHOWN: [usize; 2] = [8, 8];
/// Side of a film in the report, in pixels, at most.
const SIDE: usize = 224;

/// `evidence.json`.
#[derive(Serialize)]
struct Record<'a> {
    method: Method,
    looked_at: [usize; 2],
    /// Each of them looked at test films of its own.
    networks: usize,
    /// Films whose lungs somebody drew.
    drawn_lungs: usize,
    lungs: &'a LungSummary,
    /// Beside networks that learned from permuted labels.
    permuted_labels: &'a Option<LabelNull>,
    check: &'a Option<MethodCheck>,
    notice: &'static str,
}

/// Looks at a seeded draw of test films, of each network's own as many, and writes `evidence.json`; none
/// without test films. The method is checked on the first network.
pub(super) fn evidence_section(
    run: &FinishedRun<'_>,
) -> Result<Option<EvidenceSection>, TrainError> {
    let (films, settings, folder, networks) = (run.films, run.settings, run.folder, run.networks);
    let of_all: usize = networks
        .iter()
        .map(|tested| tested.split.indices(Part::Test).len())
        .sum();
    let Some(first) = networks.first().filter(|_| of_all > 0) else {
        return Ok(None);
    };
    let device = device::parse(&settings.device)?;
    let labels = &films.dataset.labels;
    let mut found = Found {
        means: MeanEvidence::of_labels(labels, first.model.header.preprocessing.size),
        ..Found::default()
    };
    for tested in networks {
        let explain = ExplainSettings {
            seed: settings.seed,
            ..ExplainSettings::default()
        };
        let explainer = Explainer::new(&tested.model, &explain, &device).map_err(cannot_show)?;
        let mut indices = tested.split.indices(Part::Test);
        let mut random = seed::generator(settings.seed, "evidence", &[]);
        indices.shuffle(&mut random);
        // In the order of the draw, so that the first ones to be shown are of all labels.
        indices.truncate(MOST_FILMS.div_ceil(networks.len()));
        let mut planes = vec![];
        found.explain(films, indices, &explainer, folder, &mut planes);
        if found.check.is_none() {
            found.check = check(&explainer, planes)?;
        }
    }
    let explain = ExplainSettings {
        seed: settings.seed,
        ..ExplainSettings::default()
    };
    let mut permuted = vec![];
    for tensors in run.permuted {
        // Nothing was calibrated or chosen for these networks: the more probable label is the predicted one.
        let mut header = first.model.header.clone();
        header.operation = None;
        header.calibration_temperature = 1.0;
        header.threshold.value = 0.5;
        let model = ModelFile {
            header,
            tensors: tensors.clone(),
        };
        let explainer = Explainer::new(&model, &explain, &device).map_err(cannot_show)?;
        permuted.push(shares(&explainer, &found.compared)?);
    }
    let own: Vec<Option<LungShare>> = found.compared.iter().map(|film| film.share).collect();
    let section = EvidenceSection {
        null: LabelNull::of(&own, &permuted),
        method: METHOD,
        check: found.check,
        looked_at: [found.films.len(), of_all],
        networks: networks.len(),
        drawn_lungs: found.drawn,
        lungs: summarise(&found.films),
        means: found.means,
        films: found.shown.concat(),
    };
    write(folder, &section)?;
    Ok(Some(section))
}

/// What is known so far.
#[derive(Default)]
struct Found {
    means: Vec<MeanEvidence>,
    films: Vec<ExplainedFilm>,
    /// Films whose lungs were drawn.
    drawn: usize,
    /// Right ones and wrong ones.
    shown: [Vec<EvidenceFilm>; 2],
    check: Option<MethodCheck>,
    /// The first films whose lungs were found, for other networks to look at.
    compared: Vec<Compared>,
}

/// A film that other networks look at too.
struct Compared {
    plane: Plane,
    placement: Placement,
    lungs: LungMask,
    /// Of this network's map.
    share: Option<LungShare>,
}

/// How much of a network's maps is on the lungs of these films.
fn shares(explainer: &Explainer, films: &[Compared]) -> Result<Vec<Option<LungShare>>, TrainError> {
    let planes: Vec<Plane> = films.iter().map(|film| film.plane.clone()).collect();
    let explained = explainer
        .explain(&planes, Target::Predicted, &[METHOD])
        .map_err(cannot_show)?;
    let share = |(explained, film): (&Explained, &Compared)| {
        lung_share(METHOD, &explained.evidence[0], &film.placement, &film.lungs)
    };
    Ok(explained.iter().zip(films).map(share).collect())
}

impl Found {
    /// Explains films of the data set, and keeps the first planes with their labels for the check. A film
    /// that has become unreadable since it was scored is left out, and the log says so.
    fn explain(
        &mut self,
        films: &LoadedFilms,
        indices: Vec<usize>,
        explainer: &Explainer,
        folder: &RunFolder,
        planes: &mut Vec<(Plane, usize)>,
    ) {
        let dataset = &films.dataset;
        let drawn_films = FilmSubset {
            of: dataset,
            indices,
        };
        let listed = |drawn: usize| &dataset.films[drawn_films.indices[drawn]];
        let Ok(()) = stream_films(
            &drawn_films,
            |drawn, film| {
                let lungs = LungMask::of_film(dataset, listed(drawn))?;
                Ok(FilmToExplain { film, lungs })
            },
            |_, readable| {
                Ok::<_, Infallible>(explainer.explain_films(readable, Target::Predicted, &[METHOD]))
            },
            |drawn, explained| {
                let film = listed(drawn);
                match explained {
                    Ok(explained) => self.add(dataset, film, explained, planes),
                    Err(reason) => {
                        folder.log(&format!("evidence: {} is left out: {reason}", film.path));
                    }
                }
                ControlFlow::Continue(())
            },
        );
    }

    fn add(
        &mut self,
        dataset: &Dataset,
        film: &Film,
        explanation: FilmExplanation,
        planes: &mut Vec<(Plane, usize)>,
    ) {
        let explained = &explanation.explained;
        let right = explained.predicted == film.label;
        let evidence = &explained.evidence[0];
        MeanEvidence::add_to(&mut self.means, &explanation.plane, explained, evidence);
        self.films.push(ExplainedFilm {
            patient: film.patient_id.clone(),
            truth: Some(dataset.labels[film.label].clone()),
            source: film.source.clone(),
            right: Some(right),
            lungs: explanation.shares[0],
        });
        let is_drawn = |mask: &LungMask| mask.origin == MaskOrigin::Given;
        self.drawn += usize::from(explanation.lungs.as_ref().is_some_and(is_drawn));
        let kind = usize::from(!right);
        if self.shown[kind].len() < SHOWN[kind] {
            self.shown[kind].push(picture(&film.path, film.label, &explanation));
        }
        if let (Some(lungs), true) = (&explanation.lungs, self.compared.len() < COMPARED) {
            self.compared.push(Compared {
                plane: explanation.plane.clone(),
                placement: explanation.placement,
                lungs: lungs.clone(),
                share: explanation.shares[0],
            });
        }
        if planes.len() < CHECKED {
            planes.push((explanation.plane, explanation.explained.label));
        }
    }
}

/// Whether random weights destroy the maps of these films; none of no films.
fn check(
    explainer: &Explainer,
    planes: Vec<(Plane, usize)>,
) -> Result<Option<MethodCheck>, TrainError> {
    let (planes, targets): (Vec<Plane>, Vec<usize>) = planes.into_iter().unzip();
    let pixels = explainer.pixels(&planes);
    let checks = explainer.check(
        &pixels,
        &targets,
        &[METHOD],
        CheckDepth::Weights,
        &|_, _| {},
    );
    let checks = checks.map_err(cannot_show)?;
    Ok(checks.into_iter().next().filter(|check| check.films > 0))
}

fn write(folder: &RunFolder, section: &EvidenceSection) -> Result<(), TrainError> {
    let record = Record {
        method: section.method,
        looked_at: section.looked_at,
        networks: section.networks,
        drawn_lungs: section.drawn_lungs,
        lungs: &section.lungs,
        permuted_labels: &section.null,
        check: &section.check,
        notice: plainfilm_film::NOT_A_MEDICAL_DEVICE,
    };
    let json =
        serde_json::to_string_pretty(&record).expect("figures are numbers, null and text") + "\n";
    folder.write("evidence.json", json.as_bytes())
}

/// A film as the network was shown it, small enough for a page.
fn picture(path: &str, truth: usize, looked: &FilmExplanation) -> EvidenceFilm {
    let plane = &looked.plane;
    let size = plane.size.min(SIDE);
    // Centres of the picture's pixels, in pixels of the plane.
    let place = |pixel: usize| (pixel as f64 + 0.5) * plane.size as f64 / size as f64;
    let pixels = || (0..size * size).map(|pixel| (place(pixel % size), place(pixel / size)));
    let evidence = &looked.explained.evidence[0];
    let values: Vec<f32> = pixels().map(|(x, y)| evidence.at(x, y).max(0.0)).collect();
    let greatest = values.iter().copied().fold(0.0, f32::max);
    let lung = looked.lungs.as_ref().map(|mask| {
        let lung = mask.in_square(&looked.placement);
        pixels()
            .map(|(x, y)| lung[y as usize * plane.size + x as usize])
            .collect()
    });
    EvidenceFilm {
        path: path.to_owned(),
        truth,
        predicted: looked.explained.predicted,
        lungs: looked.shares[0],
        size,
        film: pixels()
            .map(|(x, y)| plane.values[y as usize * plane.size + x as usize])
            .collect(),
        shares: values
            .iter()
            .map(|value| {
                if greatest > 0.0 {
                    value / greatest
                } else {
                    0.0
                }
            })
            .collect(),
        lung,
    }
}
