//! Leaves one group of the Covid-19 films' sources out, and shows a recipe's network those films, and
//! healthy films of patients it has not seen, as simulated hospitals give them.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, ensure};
use plainfilm::bundle::ModelFile;
use plainfilm::dataset::{Dataset, SplitMethod};
use plainfilm::device;
use plainfilm::lungs::BundledLungs;
use plainfilm::model::Architecture;
use plainfilm::predict::{Predictor, Scorer};
use plainfilm::radiograph::Radiograph;
use plainfilm::recipe::Recipe;
use plainfilm::seed;
use plainfilm::train::{RunFolder, Silent, TrainDefaults, TrainSettings, train};
use plainfilm::weights::{ImportOptions, StartingWeights};
use rand::RngExt;
use rayon::prelude::*;

use crate::groups::Group;
use crate::hospital::Hospital;

/// Made-up hospitals that every held-out film goes through.
const HOSPITALS: u64 = 3;

/// Healthy patients in 100 that no network is trained on.
const HELD_OUT: u32 = 30;

/// Draws of patients for the interval.
const DRAWS: usize = 2000;

/// Index of each label in the reference data.
const COVID: usize = 0;
const HEALTHY: usize = 1;

/// A film that a network was not trained on.
struct TestFilm {
    film: Radiograph,
    is_covid: bool,
    patient: String,
}

/// A Covid-19 film's placement: the share of the healthy films with a lower score, ties counting half. The
/// mean over films is the AUROC.
struct Placement {
    patient: String,
    value: f64,
}

/// `weights` are for recipes that begin with a shipped one that needs some.
pub fn run(
    data: &str,
    recipes: &str,
    weights: Option<&Path>,
    names: &[&str],
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(recipes).with_context(|| recipes.to_owned())?;
    let file: toml::Table = toml::from_str(&text)?;
    let base = file
        .get("base")
        .and_then(toml::Value::as_table)
        .cloned()
        .unwrap_or_default();
    let all = file
        .get("recipe")
        .and_then(toml::Value::as_table)
        .context("no [recipe.NAME] in the file")?;
    println!(
        "{:<22} {:<12} {:>9} {:>22}",
        "recipe", "left out", "as stored", "hospitals"
    );
    let chosen: Vec<&str> = if names.is_empty() {
        all.keys().map(String::as_str).collect()
    } else {
        names.to_vec()
    };
    for name in chosen {
        let recipe = all
            .get(name)
            .and_then(toml::Value::as_table)
            .with_context(|| format!("no recipe {name}"))?;
        let mut recipe = recipe.clone();
        let shipped = match recipe.remove("from") {
            Some(name) => Some(Recipe::named(name.as_str().context("from is a name")?)?),
            None => None,
        };
        let needed = shipped.filter(|recipe| recipe.needs_weights);
        if needed.is_some() && weights.is_none() {
            println!("{name:<22} left out: it needs --weights");
            continue;
        }
        let mut table = shipped.map_or_else(|| base.clone(), Recipe::settings);
        merge(&mut table, recipe);
        evaluate(data, name, table, weights.filter(|_| needed.is_some()))?;
    }
    Ok(())
}

/// One recipe over all groups: a line for each and one for all.
fn evaluate(
    data: &str,
    name: &str,
    mut recipe: toml::Table,
    weights: Option<&Path>,
) -> anyhow::Result<()> {
    let three_labels = recipe
        .remove("three_labels")
        .is_some_and(|value| value.as_bool() == Some(true));
    let (mut everywhere, mut stored_everywhere) = (vec![], vec![]);
    for group in Group::ALL {
        let dataset = crate::open(data)?;
        let (dataset, test) = divide(dataset, group, three_labels)?;
        let run = format!("{name}-{}", group.name());
        let predictor = fit(data, &run, dataset, &recipe, weights)?;
        let stored = placements(&predictor, &test, None);
        let mut shifted = vec![];
        let mut each = vec![];
        for number in 0..HOSPITALS {
            let found = placements(&predictor, &test, Some(Hospital::new(number)));
            each.push(format!("{:.2}", mean(&found)));
            shifted.extend(found);
        }
        println!(
            "{name:<22} {:<12} {:>9.3} {:>7.3} ({})",
            group.name(),
            mean(&stored),
            mean(&shifted),
            each.join(", ")
        );
        everywhere.extend(shifted);
        stored_everywhere.extend(stored);
    }
    let (low, high) = interval(&everywhere);
    println!(
        "{name:<22} {:<12} {:>9.3} {:>7.3} ({low:.2} to {high:.2})",
        "all",
        mean(&stored_everywhere),
        mean(&everywhere)
    );
    Ok(())
}

/// The films to train on, and those to test on: the group's Covid-19 films and three tenths of the
/// healthy patients.
fn divide(
    mut dataset: Dataset,
    group: Group,
    three_labels: bool,
) -> anyhow::Result<(Dataset, Vec<TestFilm>)> {
    ensure!(
        dataset
            .labels
            .first()
            .is_some_and(|label| label == "Covid-19")
            && dataset
                .labels
                .get(1)
                .is_some_and(|label| label == "No_findings"),
        "expected the labels of the reference data, found {:?}",
        dataset.labels
    );
    let is_held_out = |patient: &str| {
        let mut rng = seed::generator(1, &format!("healthy {patient}"), &[]);
        rng.random_range(0..100_u32) < HELD_OUT
    };
    let films = std::mem::take(&mut dataset.films);
    let (mut kept, mut test) = (vec![], vec![]);
    for mut film in films {
        // What `balance = "sources"` goes by.
        let source = match film.label {
            COVID => Group::of(&film).name(),
            _ => "NIH",
        };
        film.source = Some(source.to_owned());
        let out = match film.label {
            COVID => Group::of(&film) == group,
            _ => is_held_out(&film.patient_id),
        };
        if !out {
            if three_labels || film.label <= HEALTHY {
                kept.push(film);
            }
        } else if film.label <= HEALTHY {
            test.push(film);
        }
    }
    let test = test
        .par_iter()
        .map(|film| {
            let read = dataset.film(film).map_err(anyhow::Error::msg)?;
            Ok(TestFilm {
                film: read,
                is_covid: film.label == COVID,
                patient: film.patient_id.clone(),
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    dataset.films = kept;
    if !three_labels {
        dataset.labels.truncate(2);
    }
    Ok((dataset, test))
}

/// Trains as the recipe says, on all films but a tenth of the patients, which choose the epoch.
fn fit(
    data: &str,
    name: &str,
    dataset: Dataset,
    recipe: &toml::Table,
    weights: Option<&Path>,
) -> anyhow::Result<Predictor> {
    let model = match recipe.get("model").and_then(toml::Value::as_str) {
        Some(name) => name.parse()?,
        None => Architecture::DarkCovidNet,
    };
    let threads = std::thread::available_parallelism()?.get();
    let defaults = TrainSettings::defaults(TrainDefaults {
        data: PathBuf::from(data),
        model,
        seed: 42,
        threads,
    });
    let mut table = toml::Table::try_from(defaults)?;
    merge(&mut table, recipe.clone());
    let mut settings: TrainSettings = table.try_into()?;
    settings.labels.clone_from(&dataset.labels);
    if let Some(weights) = weights {
        let options = ImportOptions::default();
        let opened = StartingWeights::open(weights, &settings.network(), &options)?;
        settings.preprocessing.scaling = opened.record.scaling;
        settings.weights = Some(opened);
    }
    settings.audit = false;
    settings.split.method = SplitMethod::Grouped;
    settings.split.fractions = [0.9, 0.1, 0.0];
    let root = std::env::temp_dir().join(format!("elsewhere-{}-{name}", std::process::id()));
    let folder = RunFolder::at(&root);
    train(
        dataset,
        &settings,
        &folder,
        None,
        &AtomicBool::new(false),
        &mut Silent,
    )?;
    let file = ModelFile::load(&folder.model_path())?;
    std::fs::remove_dir_all(&root)?;
    Ok(Predictor::new(&file, &device::parse("cpu")?)?)
}

/// Every Covid-19 film's placement among the healthy ones, as stored or as a hospital gives them all.
fn placements(
    predictor: &Predictor,
    test: &[TestFilm],
    hospital: Option<Hospital>,
) -> Vec<Placement> {
    let planes: Vec<_> = test
        .par_iter()
        .enumerate()
        .map(|(index, test)| match hospital {
            None => predictor.preprocessing().plane(&test.film, &BundledLungs),
            Some(hospital) => predictor
                .preprocessing()
                .plane(&hospital.film(&test.film, index as u64), &BundledLungs),
        })
        .collect();
    let scores: Vec<f64> = planes
        .chunks(32)
        .flat_map(|planes| {
            let rows = predictor.probabilities(planes);
            rows.expect("planes of its own preprocessing")
        })
        // Against healthy alone: what a third label takes says nothing about these two.
        .map(|p| p[COVID] / (p[COVID] + p[HEALTHY]).max(f64::MIN_POSITIVE))
        .collect();
    let healthy: Vec<f64> = test
        .iter()
        .zip(&scores)
        .filter(|(test, _)| !test.is_covid)
        .map(|(_, &score)| score)
        .collect();
    test.iter()
        .zip(&scores)
        .filter(|(test, _)| test.is_covid)
        .map(|(test, &score)| {
            let below = healthy.iter().filter(|&&other| other < score).count() as f64;
            let equal = healthy.iter().filter(|&&other| other == score).count() as f64;
            Placement {
                patient: test.patient.clone(),
                value: (below + equal / 2.0) / healthy.len() as f64,
            }
        })
        .collect()
}

fn mean(placements: &[Placement]) -> f64 {
    placements.iter().map(|p| p.value).sum::<f64>() / placements.len() as f64
}

/// The middle 95 % of the mean over drawn patients (with replacement). It holds what Covid-19 patients
/// and groups vary; the healthy films and the hospitals stay the same.
fn interval(placements: &[Placement]) -> (f64, f64) {
    let mut patients: Vec<&str> = placements.iter().map(|p| p.patient.as_str()).collect();
    patients.sort_unstable();
    patients.dedup();
    let of_patient: Vec<(f64, usize)> = patients
        .iter()
        .map(|patient| {
            let theirs = placements.iter().filter(|p| p.patient == *patient);
            theirs.fold((0.0, 0), |(sum, count), p| (sum + p.value, count + 1))
        })
        .collect();
    let mut rng = seed::generator(1, "interval", &[]);
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let (sum, count) = (0..of_patient.len())
                .map(|_| of_patient[rng.random_range(0..of_patient.len())])
                .fold((0.0, 0), |(sum, count), (s, c)| (sum + s, count + c));
            sum / count as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    (means[DRAWS / 40], means[DRAWS - DRAWS / 40 - 1])
}

/// The second table's values over the first's, table by table.
pub fn merge(into: &mut toml::Table, from: toml::Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) => merge(inner, value),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// The settings of one recipe of a file.
pub fn recipe_named(recipes: &str, name: &str) -> anyhow::Result<toml::Table> {
    let text = std::fs::read_to_string(recipes).with_context(|| recipes.to_owned())?;
    let file: toml::Table = toml::from_str(&text)?;
    let found = file.get("recipe").and_then(|all| all.get(name));
    let recipe = found.and_then(toml::Value::as_table);
    let mut recipe = recipe.with_context(|| format!("no recipe {name}"))?.clone();
    let Some(from) = recipe.remove("from") else {
        return Ok(recipe);
    };
    let mut table = Recipe::named(from.as_str().context("from is a name")?)?.settings();
    merge(&mut table, recipe);
    Ok(table)
}
