//! Evidence where the truth is known, because it was planted: a network that can only have learned a marker
//! in a corner must be caught looking there, and one that learned opacities must be seen to look at
//! the lungs.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use plainfilm::bundle::ModelFile;
use plainfilm::dataset::phantom::{PhantomSettings, draw};
use plainfilm::dataset::{Dataset, DatasetOptions, Part, Split};
use plainfilm::explain::{
    ExplainSettings, ExplainedFilm, Explainer, MeanEvidence, Method, Target, ToExplain, summarise,
};
use plainfilm::model::Architecture;
use plainfilm::radiograph::{Fit, Limits, Radiograph};
use plainfilm::train::{RunFolder, Silent, TrainDefaults, TrainSettings, read_film, train};

/// Side of the network's square.
const SIZE: usize = 96;

/// Writes a film and gives its line of the manifest.
fn save(film: &Radiograph, folder: &Path, label: &str, patient: &str, index: usize) -> String {
    let path = format!("{label}/{index:04}.png");
    let pixels: Vec<u8> = film.pixels.iter().map(|&pixel| pixel as u8).collect();
    std::fs::create_dir_all(folder.join(label)).expect("a temporary folder");
    image::save_buffer(
        folder.join(&path),
        &pixels,
        film.width,
        film.height,
        image::ExtendedColorType::L8,
    )
    .expect("written");
    format!("{path},{label},{patient},true\n")
}

/// Films with a label, drawn from settings in which the site says nothing.
fn write_films(
    folder: &Path,
    count: usize,
    change: &dyn Fn(usize, usize, &mut Radiograph) -> Option<&'static str>,
) {
    let settings = PhantomSettings {
        count,
        size: 160,
        seed: 7,
        shortcut: 0.0,
    };
    let mut manifest = String::from("path,label,patient_id,synthetic\n");
    for (index, planned) in settings.films().expect("good settings").iter().enumerate() {
        let mut film = draw(&settings, index).expect("drawn");
        if let Some(label) = change(planned.label, planned.patient, &mut film) {
            manifest += &save(&film, folder, label, &planned.patient_id(), index);
        }
    }
    std::fs::write(folder.join("manifest.csv"), manifest).expect("written");
}

/// A trained network and what its evidence for `label` says about the run's test films of that label.
struct Found {
    gain: f64,
    pointing: f64,
    /// Of the mean map, as fractions of the square.
    peak: (f64, f64),
    accuracy: f64,
}

fn train_and_explain(
    films: &Path,
    label: &str,
    settings: &ExplainSettings,
    methods: &[Method],
) -> Vec<Found> {
    let run = films.join("run");
    let dataset = Dataset::open(films, &DatasetOptions::default()).expect("a data set");
    let mut training = TrainSettings::defaults(TrainDefaults {
        data: films.to_owned(),
        model: Architecture::DarkCovidNet,
        seed: 42,
        threads: rayon::current_num_threads(),
    });
    training.labels.clone_from(&dataset.labels);
    training.preprocessing.size = SIZE;
    training.preprocessing.fit = Fit::Squash;
    training.epochs = 15;
    training.batch = 16;
    training.audit = false;
    let folder = RunFolder::at(&run);
    let outcome = train(
        dataset.clone(),
        &training,
        &folder,
        None,
        &AtomicBool::new(false),
        &mut Silent,
    )
    .expect("trained");
    let file = ModelFile::load(&folder.model_path()).expect("the run's model");
    let device = plainfilm::device::parse("cpu").expect("every build has it");
    let explainer = Explainer::new(&file, settings, &device).expect("fits");
    let target = explainer.target(Some(label)).expect("its own label");
    let Target::Label(wanted) = target else {
        panic!("a label was named")
    };
    let split = Split::read_csv(&dataset, &folder.split_path()).expect("the run's split");
    let test: Vec<ToExplain> = split
        .indices(Part::Test)
        .into_iter()
        .map(|index| &dataset.films[index])
        .filter(|film| film.label == wanted)
        .map(|film| ToExplain {
            film: read_film(&dataset, film, &Limits::default()).expect("just written"),
            lungs: None,
        })
        .collect();
    let looked: Vec<_> = explainer
        .look_at(test, target, methods)
        .into_iter()
        .map(|film| film.expect("films have pixels"))
        .collect();
    methods
        .iter()
        .enumerate()
        .map(|(index, _)| {
            let mut mean = MeanEvidence::new(label, SIZE);
            let films: Vec<ExplainedFilm> = looked
                .iter()
                .enumerate()
                .map(|(number, film)| {
                    mean.add(&film.plane, &film.explained.evidence[index]);
                    ExplainedFilm {
                        patient: number.to_string(),
                        truth: None,
                        source: None,
                        right: None,
                        lungs: film.shares[index],
                    }
                })
                .collect();
            let summary = summarise(&films);
            let all = summary.all();
            Found {
                gain: all.gain.value().expect("films with lungs and evidence"),
                pointing: all.pointing.value().expect("the same"),
                peak: mean.peak().expect("evidence"),
                accuracy: outcome
                    .metrics
                    .test
                    .as_ref()
                    .expect("test films")
                    .accuracy
                    .value()
                    .expect("some"),
            }
        })
        .collect()
}

#[test]
fn a_marker_in_the_corner_is_found_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Healthy chests alone; every other patient gets a bright square in the upper left corner.
    write_films(folder.path(), 400, &|label, patient, film| {
        if label == 1 {
            return None;
        }
        if patient % 2 == 0 {
            return Some("plain");
        }
        let (width, height) = (film.width as usize, film.height as usize);
        for row in height / 10..height / 10 + height / 12 {
            for column in width / 10..width / 10 + width / 12 {
                film.pixels[row * width + column] = 250;
            }
        }
        Some("marked")
    });
    let found = train_and_explain(
        folder.path(),
        "marked",
        &ExplainSettings::default(),
        &[Method::Occlusion, Method::IntegratedGradients],
    );
    for (found, method) in found.iter().zip(["occlusion", "integrated gradients"]) {
        println!(
            "marker, {method}: gain {:.2}, pointing {:.2}, peak {:?}, accuracy {:.3}",
            found.gain, found.pointing, found.peak, found.accuracy
        );
        assert!(found.accuracy > 0.95, "{method}: nothing was learned");
        assert!(found.gain < 1.0, "{method}: {}", found.gain);
        // The marker's middle is at 0.14; it is a twelfth wide, and occluding patches are an eighth.
        let near = |place: f64| (0.14 - 0.1..0.14 + 0.1).contains(&place);
        assert!(
            near(found.peak.0) && near(found.peak.1),
            "{method}: {:?}",
            found.peak
        );
    }
}

#[test]
fn opacities_are_found_on_the_lungs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    write_films(folder.path(), 400, &|label, _, _| {
        Some(["clear", "opacity"][label])
    });
    // The last maps have three cells across the film at this size: an earlier stage sees more finely.
    let settings = ExplainSettings {
        stage: Some("stage4".to_owned()),
        ..ExplainSettings::default()
    };
    let methods = [Method::HiResCam, Method::IntegratedGradients];
    let found = train_and_explain(folder.path(), "opacity", &settings, &methods);
    for (found, method) in found.iter().zip(methods) {
        println!(
            "opacity, {method}: gain {:.2}, pointing {:.2}, peak {:?}, accuracy {:.3}",
            found.gain, found.pointing, found.peak, found.accuracy
        );
        assert!(found.accuracy > 0.75, "{method}: nothing was learned");
        assert!(found.gain > 1.0, "{method}: {}", found.gain);
    }
    // Integrated gradients point at single bright edges too: 65 to 93 % in trials.
    assert!(found[0].pointing >= 0.9, "{}", found[0].pointing);
}
