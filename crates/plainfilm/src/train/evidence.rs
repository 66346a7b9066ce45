//! Where the trained network looks on its test films, for the report.

use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::Serialize;

use super::error::TrainError;
use super::films::read_film;
use super::run_folder::RunFolder;
use super::trainer::Trainer;
use crate::bundle::ModelFile;
use crate::dataset::Part;
use crate::explain::{
    CheckDepth, ExplainSettings, ExplainedFilm, Explainer, Looked, LungSummary, MeanEvidence,
    Method, MethodCheck, Target, ToExplain, summarise,
};
use crate::radiograph::Plane;
use crate::report::{EvidenceFilm, EvidenceSection};
use crate::seed;

/// How the report's maps are made: fast, and equal to other programs'.
const METHOD: Method = Method::GradCam;
/// Test films that are looked at, at most: their lungs have to be found too.
const MOST_FILMS: usize = 120;
/// Films that the method is checked on.
const CHECKED: usize = 8;
/// Films that the report shows, right and wrong ones.
const SHOWN: [usize; 2] = [8, 8];
/// Films at once.
const CHUNK: usize = 16;
/// Side of a film in the report, in pixels, at most.
const SIDE: usize = 224;

/// `evidence.json`.
#[derive(Serialize)]
struct Record<'a> {
    method: Method,
    looked_at: [usize; 2],
    lungs: &'a LungSummary,
    check: &'a Option<MethodCheck>,
    notice: &'static str,
}

/// Looks at a seeded draw of the test films and writes `evidence.json`; none without test films.
pub(super) fn look(
    trainer: &Trainer<'_>,
    model: &ModelFile,
) -> Result<Option<EvidenceSection>, TrainError> {
    let settings = ExplainSettings {
        seed: trainer.settings.seed,
        ..ExplainSettings::default()
    };
    let explainer = Explainer::new(model, &settings, &trainer.device)?;
    let mut indices = trainer.split.indices(Part::Test);
    let all = indices.len();
    if all == 0 {
        return Ok(None);
    }
    let mut random = seed::generator(trainer.settings.seed, "evidence", &[]);
    indices.shuffle(&mut random);
    // In the order of the draw, so that the first ones to be shown are of all labels.
    indices.truncate(MOST_FILMS);
    let dataset = &trainer.films.dataset;
    let labels = &dataset.labels;
    let mut means = MeanEvidence::of_labels(labels, model.header.preprocessing.size);
    let (mut films, mut shown, mut planes) = (vec![], [vec![], vec![]], vec![]);
    for chunk in indices.chunks(CHUNK) {
        // A film that has become unreadable since it was scored is left out.
        let read: Vec<(usize, ToExplain)> = chunk
            .par_iter()
            .filter_map(|&index| {
                let film = read_film(dataset, &dataset.films[index], dataset.limits()).ok()?;
                Some((index, ToExplain { film, lungs: None }))
            })
            .collect();
        let (indices, read): (Vec<usize>, Vec<ToExplain>) = read.into_iter().unzip();
        let looked = explainer.look_at(read, Target::Predicted, &[METHOD]);
        for (index, looked) in indices.into_iter().zip(looked) {
            let (film, Some(looked)) = (&dataset.films[index], looked) else {
                continue;
            };
            let right = looked.explained.predicted == film.label;
            let evidence = &looked.explained.evidence[0];
            MeanEvidence::add_to(&mut means, &looked.plane, &looked.explained, evidence);
            films.push(ExplainedFilm {
                patient: film.patient_id.clone(),
                truth: Some(labels[film.label].clone()),
                source: film.source.clone(),
                right: Some(right),
                lungs: looked.shares[0],
            });
            let kind = usize::from(!right);
            if shown[kind].len() < SHOWN[kind] {
                shown[kind].push(picture(&film.path, film.label, &looked));
            }
            if planes.len() < CHECKED {
                planes.push((looked.plane, looked.explained.label));
            }
        }
    }
    let (planes, targets): (Vec<Plane>, Vec<usize>) = planes.into_iter().unzip();
    let pixels = explainer.pixels(&planes);
    let checks = explainer.check(
        &pixels,
        &targets,
        &[METHOD],
        CheckDepth::Weights,
        &|_, _| {},
    )?;
    let section = EvidenceSection {
        method: METHOD,
        check: checks.into_iter().next().filter(|check| check.films > 0),
        looked_at: [films.len(), all],
        lungs: summarise(&films),
        means,
        films: shown.concat(),
    };
    write(trainer.folder, &section)?;
    Ok(Some(section))
}

fn write(folder: &RunFolder, section: &EvidenceSection) -> Result<(), TrainError> {
    let record = Record {
        method: section.method,
        looked_at: section.looked_at,
        lungs: &section.lungs,
        check: &section.check,
        notice: crate::NOT_A_MEDICAL_DEVICE,
    };
    let json =
        serde_json::to_string_pretty(&record).expect("figures are numbers, null and text") + "\n";
    folder.write("evidence.json", json.as_bytes())
}

/// A film as the network was shown it, small enough for a page.
fn picture(path: &str, truth: usize, looked: &Looked) -> EvidenceFilm {
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
