//! After the last epoch of a network for films with any number of findings: each finding is judged as a
//! question of its own, with everything that a network of two labels gets, and then all together.
//!
//! The run's own figures are of whether a film shows any finding, by its most probable one: that is what the
//! audit asks too.

use super::judge::{self, Judged};
use super::likeness;
use crate::error::TrainError;
use crate::findings_figures::{FindingsFigures, any_is_known};
use crate::run_metrics::RunMetrics;
use crate::trainer::{Trained, Trainer};
use plainfilm_audit::AuditSummary;
use plainfilm_data::{Dataset, Part, Split};
use plainfilm_figures::Presence;
use plainfilm_figures::{FindingsFilm, Operation, ScoredFilm};
use plainfilm_model::bundle::{ModelFile, ModelHeader, Precision, Threshold};
use plainfilm_model::networks::Network;

/// Letters of a finding in the name of its folder; file systems take 255 bytes.
const MOST_LETTERS: usize = 64;

/// What the network says of every film of the split: nothing of those that are left out.
struct Table {
    rows: Vec<Option<Vec<f64>>>,
}

impl Table {
    /// The films of a part with a probability that is made of theirs, as films of two labels.
    fn question(
        &self,
        dataset: &Dataset,
        split: &Split,
        part: Part,
        probability: &dyn Fn(&[f64]) -> f64,
    ) -> Vec<ScoredFilm> {
        let films = split.indices(part).into_iter();
        films
            .filter_map(|index| {
                let p = probability(self.rows[index].as_deref()?);
                Some(dataset.films[index].scored(vec![p, 1.0 - p]))
            })
            .collect()
    }
}

/// The split without the films that do not count.
fn without(split: &Split, dataset: &Dataset, counts: impl Fn(&[Presence]) -> bool) -> Split {
    let mut kept = split.clone();
    for (part, film) in kept.parts.iter_mut().zip(&dataset.films) {
        if !counts(&film.findings) {
            *part = Part::LeftOut;
        }
    }
    kept
}

/// As [`super::write`], for films with findings.
pub(super) fn write(
    trainer: &Trainer<'_>,
    trained: &Trained,
) -> Result<(RunMetrics, Vec<ScoredFilm>), TrainError> {
    let dataset = &trainer.films.dataset;
    let network = Network::from_state_dict(
        &trainer.settings.network(),
        &trained.tensors,
        &trainer.device,
    )?;
    let table = table(trainer, &network)?;
    let mut operations = Vec::with_capacity(dataset.findings.len());
    for finding in 0..dataset.findings.len() {
        let films = trainer.films.of_finding(finding);
        let split = without(trainer.split, dataset, |presence| {
            presence[finding] != Presence::Unknown
        });
        let folder = trainer
            .folder
            .inside(&folder_name(&dataset.findings, finding));
        folder.create()?;
        let own = Trainer {
            films: &films,
            features: trainer.features,
            split: &split,
            audit: None,
            curve: &[],
            elsewhere: None,
            permuted: &[],
            settings: trainer.settings,
            folder: &folder,
            device: trainer.device.clone(),
            interrupt: trainer.interrupt,
            reporter: trainer.reporter,
        };
        let scored_by =
            |part| Ok(table.question(&films.dataset, &split, part, &|row| row[finding]));
        let Judged {
            mut metrics,
            test,
            operation,
        } = judge::judge(&own, trained, &scored_by, None)?;
        metrics.audit = Some(AuditSummary::of_any_finding());
        split.write_csv(&films.dataset, &folder.split_path())?;
        judge::report(&own, trained, &metrics, &test, &[])?;
        operations.push(operation);
    }
    let test: Vec<FindingsFilm> = trainer
        .split
        .indices(Part::Test)
        .into_iter()
        .filter_map(|index| Some((index, table.rows[index].as_deref()?)))
        .map(|(index, row)| called(dataset, index, row, &operations))
        .collect();
    trainer.folder.write_findings(&dataset.findings, &test)?;
    let mut figures = FindingsFigures::of(&dataset.findings, &test, Some(&operations));
    for (finding, own) in figures.iter_mut().flat_map(|all| &mut all.each).enumerate() {
        own.folder = Some(folder_name(&dataset.findings, finding));
    }
    let split = without(trainer.split, dataset, any_is_known);
    let any = Trainer {
        films: trainer.films,
        features: trainer.features,
        split: &split,
        audit: trainer.audit,
        curve: trainer.curve,
        elsewhere: trainer.elsewhere,
        permuted: &[],
        settings: trainer.settings,
        folder: trainer.folder,
        device: trainer.device.clone(),
        interrupt: trainer.interrupt,
        reporter: trainer.reporter,
    };
    let most = |row: &[f64]| row.iter().copied().fold(0.0, f64::max);
    let scored_by = |part| Ok(table.question(dataset, &split, part, &most));
    let Judged {
        mut metrics, test, ..
    } = judge::judge(&any, trained, &scored_by, None)?;
    metrics.findings = figures;
    let model = ModelFile {
        header: ModelHeader {
            likeness: likeness::of(trainer, &network)?,
            ..header(trainer, &metrics, operations)
        },
        tensors: trained.tensors.clone(),
    };
    model.save(&trainer.folder.model_path(), Precision::F32)?;
    judge::report(&any, trained, &metrics, &test, &[])?;
    Ok((metrics, test))
}

fn table(trainer: &Trainer<'_>, network: &Network) -> Result<Table, TrainError> {
    let dataset = &trainer.films.dataset;
    let indices: Vec<usize> = [Part::Train, Part::Validation, Part::Test]
        .into_iter()
        .flat_map(|part| trainer.split.indices(part))
        .collect();
    let mut rows = vec![None; dataset.films.len()];
    for (&index, row) in indices.iter().zip(trainer.score(network, &indices)?) {
        rows[index] = Some(row);
    }
    Ok(Table { rows })
}

/// A test film with calibrated probabilities and its calls.
fn called(dataset: &Dataset, index: usize, row: &[f64], operations: &[Operation]) -> FindingsFilm {
    let film = &dataset.films[index];
    let probabilities: Vec<f64> = row
        .iter()
        .zip(operations)
        .map(|(&p, operation)| operation.calibration.apply(0, &[p, 1.0 - p])[0])
        .collect();
    FindingsFilm {
        path: film.path.clone(),
        patient: film.patient_id.clone(),
        presence: film.findings.clone(),
        called: probabilities
            .iter()
            .zip(operations)
            .map(|(&p, operation)| p >= operation.threshold)
            .collect(),
        probabilities,
    }
}

fn header(trainer: &Trainer<'_>, metrics: &RunMetrics, operations: Vec<Operation>) -> ModelHeader {
    let dataset = &trainer.films.dataset;
    // The operation is of "any finding?": the model file has the findings' own.
    let mut header = judge::header(trainer, metrics, &operations[0]);
    header.dataset.films_per_label = dataset
        .findings
        .iter()
        .cloned()
        .zip(dataset.films_per_output())
        .map(|(name, films)| (name, films as u64))
        .collect();
    header.labels.clone_from(&dataset.findings);
    header.positive_label = None;
    header.operation = None;
    header.calibration_temperature = 1.0;
    header.threshold = Threshold {
        value: 0.5,
        chosen: "each finding has its own".to_owned(),
    };
    header.findings = operations;
    header
}

/// `findings/<name>`, in letters that every file system takes and no more than it takes; with a number where two
/// become the same.
fn folder_name(findings: &[String], finding: usize) -> String {
    let mut taken: Vec<String> = Vec::with_capacity(finding + 1);
    for name in &findings[..=finding] {
        let plain: String = name
            .chars()
            .take(MOST_LETTERS)
            .map(|letter| match letter.is_ascii_alphanumeric() {
                true => letter.to_ascii_lowercase(),
                false => '-',
            })
            .collect();
        let mut own = plain.clone();
        let mut number = 2;
        while taken.contains(&own) {
            own = format!("{plain}-{number}");
            number += 1;
        }
        taken.push(own);
    }
    format!("findings/{}", taken[finding])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_for_findings() {
        let names = [
            "Pleural Thickening",
            "Mass",
            "mass",
            "Mass ",
            "mass-2",
            "正常",
        ]
        .map(str::to_owned);
        let folders: Vec<String> = (0..names.len())
            .map(|finding| folder_name(&names, finding))
            .collect();
        let expected = [
            "pleural-thickening",
            "mass",
            "mass-2",
            "mass-",
            "mass-2-2",
            "--",
        ];
        assert_eq!(folders, expected.map(|name| format!("findings/{name}")));
    }

    #[test]
    fn a_finding_of_300_letters_failed_after_the_training() {
        let names = ["x".repeat(300), "x".repeat(301)];
        let short = "x".repeat(MOST_LETTERS);
        assert_eq!(folder_name(&names, 0), format!("findings/{short}"));
        assert_eq!(folder_name(&names, 1), format!("findings/{short}-2"));
    }
}
