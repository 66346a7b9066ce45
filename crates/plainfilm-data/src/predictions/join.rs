//! A table of predictions beside the data set that its films are from.

use std::collections::{BTreeSet, HashMap};

use super::{PredictionTable, PredictionTableError};
use crate::Dataset;

/// What a data set adds to a table of predictions.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The films of the table that are in the data set, in the table's order and under its paths, labels and truth.
    pub dataset: Dataset,
    /// Paths of films whose label is another in the data set, with both labels: the table's first.
    pub other_labels: Vec<(String, [String; 2])>,
}

impl PredictionTable {
    /// Finds each film in a data set, by its path, or else by the end of it, down to the file's name, where one film
    /// alone has it in both; takes from there what the table does not tell: patient, source, view, sex and age.
    ///
    /// # Errors
    ///
    /// [`PredictionTableError::NothingShared`].
    pub fn join(&mut self, data: &Dataset) -> Result<Joined, PredictionTableError> {
        let places = find_all(self, data);
        if places.iter().all(Option::is_none) {
            let first = |path: Option<&str>| path.unwrap_or_default().to_owned();
            return Err(PredictionTableError::NothingShared {
                path: self.origin.clone(),
                data: data.origin.clone(),
                rows: self.films.len(),
                expected: first(data.films.first().map(|film| film.path.as_str())),
                found: first(self.films.first().map(|film| film.path.as_str())),
            });
        }
        let mut dataset = data.clone();
        dataset.labels.clone_from(&self.labels);
        dataset.findings.clear();
        dataset.films.clear();
        let mut joined = Joined {
            dataset,
            other_labels: Vec::new(),
        };
        for (film, place) in self.films.iter_mut().zip(places) {
            let Some(place) = place else {
                continue;
            };
            let mut known = data.films[place].clone();
            if film.patient == film.path {
                film.patient.clone_from(&known.patient_id);
            }
            let fill = |own: &mut Option<String>, from: &Option<String>| {
                if own.is_none() {
                    own.clone_from(from);
                }
            };
            fill(&mut film.source, &known.source);
            fill(&mut film.view, &known.view);
            fill(&mut film.sex, &known.sex);
            film.age = film.age.or(known.age);
            let label = data.labels.get(known.label);
            // Other names altogether (`1` beside `Pneumonia`) are no other opinion.
            let differs =
                |label: &String| *label != self.labels[film.truth] && self.labels.contains(label);
            if let Some(label) = label.filter(|label| differs(label)) {
                let both = [self.labels[film.truth].clone(), label.clone()];
                joined.other_labels.push((film.path.clone(), both));
            }
            known.path.clone_from(&film.path);
            known.label = film.truth;
            known.findings.clear();
            known.patient_id.clone_from(&film.patient);
            known.source.clone_from(&film.source);
            known.view.clone_from(&film.view);
            known.sex.clone_from(&film.sex);
            known.age = film.age;
            joined.dataset.films.push(known);
        }
        joined.dataset.patients = match self.has_patients {
            true => crate::PatientOrigin::Manifest,
            false => data.patients,
        };
        Ok(joined)
    }
}

/// For each film of the table, its place in the data set.
fn find_all(table: &PredictionTable, data: &Dataset) -> Vec<Option<usize>> {
    let own: Vec<String> = table.films.iter().map(|film| plain(&film.path)).collect();
    let others: Vec<String> = data.films.iter().map(|film| plain(&film.path)).collect();
    let by_path: HashMap<&str, usize> = others
        .iter()
        .enumerate()
        .map(|(place, path)| (path.as_str(), place))
        .collect();
    let mut places: Vec<Option<usize>> = own
        .iter()
        .map(|path| by_path.get(path.as_str()).copied())
        .collect();
    // Tools write absolute paths, or names without the folder, or without the end that says the format.
    for shorten in [tail_of_two, file_name, stem] {
        let taken: BTreeSet<usize> = places.iter().flatten().copied().collect();
        let open: Vec<usize> = (0..own.len()).filter(|at| places[*at].is_none()).collect();
        let free: Vec<usize> = (0..others.len()).filter(|at| !taken.contains(at)).collect();
        let wanted = unique(open.into_iter().map(|at| (shorten(&own[at]), at)));
        let there = unique(free.into_iter().map(|at| (shorten(&others[at]), at)));
        for (name, at) in wanted {
            if let (Some(at), Some(Some(place))) = (at, there.get(name)) {
                places[at] = Some(*place);
            }
        }
    }
    places
}

/// What has each name; none where several have it.
fn unique<'a>(named: impl Iterator<Item = (&'a str, usize)>) -> HashMap<&'a str, Option<usize>> {
    let mut by_name = HashMap::new();
    for (name, at) in named {
        by_name
            .entry(name)
            .and_modify(|known| *known = None)
            .or_insert(Some(at));
    }
    by_name
}

fn plain(path: &str) -> String {
    let path = path.replace('\\', "/");
    path.trim_start_matches("./").to_owned()
}

/// The file's name and the folder that it is in.
fn tail_of_two(path: &str) -> &str {
    let mut slashes = path.rmatch_indices('/').map(|(at, _)| at);
    match slashes.nth(1) {
        Some(at) => &path[at + 1..],
        None => path,
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn stem(path: &str) -> &str {
    let name = file_name(path);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}
