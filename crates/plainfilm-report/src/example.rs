//! A small report input for tests: drawn discs, and scores made by a formula.

use super::*;
use plainfilm_audit::{AuditSummary, Status};
use plainfilm_data::{Part, PatientOrigin, SetAside};
use plainfilm_figures::{Operation, OperationSettings, ScoredFilm, evaluate, subgroups};
use plainfilm_train::HistoryRow;

fn disc(radius: u32) -> Thumbnail {
    let at = |x: u32, y: u32| {
        let (dx, dy) = (x as i32 - 16, y as i32 - 16);
        if (dx * dx + dy * dy) as u32 <= radius * radius {
            220
        } else {
            40
        }
    };
    Thumbnail {
        width: 32,
        height: 32,
        pixels: (0..32 * 32)
            .map(|index| at(index % 32, index / 32))
            .collect(),
    }
}

fn scored(count: usize) -> Vec<ScoredFilm> {
    (0..count)
        .map(|index| {
            let truth = index % 2;
            let first = if truth == 0 { 0.9 } else { 0.3 } - 0.5 * (index % 5) as f64 / 4.0;
            let first = first.max(0.05);
            let path = format!("site_a/{index}.png");
            ScoredFilm {
                source: Some("site_a".to_owned()),
                ..ScoredFilm::alone(path, truth, vec![first, 1.0 - first])
            }
        })
        .collect()
}

pub(super) fn example() -> ReportInput {
    let labels = vec!["opacity".to_owned(), "clear".to_owned()];
    let test = scored(20);
    let operation = Operation::choose(&OperationSettings::default(), &labels, 0, &scored(60));
    ReportInput {
        operation_on_test: Some(operation.judge(&labels, 0, &test, None, Some(0.1))),
        operation: Some(operation),
        subgroups: subgroups(&labels, 0, &test),
        learning_curve: Vec::new(),
        elsewhere: None,
        folds: None,
        ungrouped: None,
        errors: Vec::new(),
        title: "Discs".into(),
        positive: 0,
        history: (1..=8)
            .map(|epoch| HistoryRow {
                epoch,
                train_loss: 0.7 / epoch as f64,
                train_accuracy: 1.0 - 0.4 / epoch as f64,
                validation_loss: Some(0.9 / epoch as f64 + 0.05),
                validation_accuracy: Some(0.9 - 0.3 / epoch as f64),
                learning_rate: 1e-3,
                seconds: 0.5,
            })
            .collect(),
        kept_epoch: Some(6),
        metrics: vec![
            (Part::Train, evaluate(&labels, 0, &scored(80))),
            (Part::Test, evaluate(&labels, 0, &test)),
        ],
        test_samples: test
            .iter()
            .take(16)
            .map(|film| TestSample {
                path: film.path.clone(),
                truth: film.truth,
                predicted: film.predicted(),
                probability: film.probabilities[film.predicted()],
                thumbnail: disc(4 + 6 * film.truth as u32),
            })
            .collect(),
        training_samples: (0..5)
            .map(|index| TrainingSample {
                path: format!("site_b/{index}.png"),
                label: index % 2,
                thumbnail: disc(4 + 6 * (index as u32 % 2)),
            })
            .collect(),
        scored: test,
        data: DataSummary {
            origin: "discs".into(),
            counts: vec![[40, 5, 10], [40, 5, 10]],
            patients: [30, 4, 8],
            patients_in_all: 42,
            patient_origin: Some(PatientOrigin::Manifest),
            sources: vec![
                ("site_a".into(), vec![30, 25]),
                ("site_b".into(), vec![25, 30]),
            ],
            split_method: "Grouped by patient.".into(),
            grouped: true,
            shared_test_films: 0,
            set_aside: vec![SetAside {
                path: "site_a/broken.png".into(),
                reason: "expected an image, found 0 bytes".into(),
            }],
            synthetic: true,
        },
        record: Record::Training(TrainingRecord {
            settings: "seed = 1\n".into(),
            model: ModelFacts {
                name: "DarkCovidNet".into(),
                parameters: 1_164_434,
                trainable: 1_164_434,
                flops: Some(1_000_000_000),
                input: [3, 256, 256],
            },
            run: RunFacts {
                device: "cpu".into(),
                threads: 2,
                seconds: 4.0,
                films_per_second: Some(160.0),
                seed: 1,
                version: "0.1.0".into(),
                started: "1970-01-01 00:00".into(),
            },
        }),
        notices: vec![Notice {
            severity: Severity::Warning,
            text: "These are discs.".into(),
        }],
        audit: AuditSection::of(
            AuditSummary {
                verdict: Status::Fail,
                sentence: "80 % accuracy means little here: discs.".into(),
                after_preprocessing: None,
            },
            None,
            None,
        ),
        evidence: None,
        findings: None,
        labels,
    }
}

/// The example with so many labels, each on four films; the higher a label's number, the less its films are told
/// from the others.
pub(super) fn with_labels(count: usize) -> ReportInput {
    let mut input = example();
    input.labels = (0..count).map(|label| format!("label {label}")).collect();
    input.title = format!("Discs: {count} labels");
    input.scored = (0..count * 4)
        .map(|film| {
            let truth = film % count;
            let doubt = 0.7 * truth as f64 / count as f64 + 0.05 * (film / count) as f64;
            let wrong = (truth + 1 + film / count) % count;
            let mut probabilities = vec![0.1 * doubt / count as f64; count];
            probabilities[truth] += 1.0 - doubt;
            probabilities[wrong] += 0.9 * doubt;
            ScoredFilm::alone(format!("{film}.png"), truth, probabilities)
        })
        .collect();
    input.metrics = vec![(Part::Test, evaluate(&input.labels, 0, &input.scored))];
    input.operation = None;
    input.operation_on_test = None;
    input.subgroups = subgroups(&input.labels, 0, &input.scored);
    input.data.counts = vec![[20, 4, 4]; count];
    input.data.sources = vec![("site_a".to_owned(), vec![28; count])];
    input
}
