//! Documents to publish beside a network: a model card and two reporting checklists, filled in where the run
//! knows the answer and visibly blank where only a person does.

mod card;
mod claim;
mod tripod;

use super::wording::{calibration_text, counted, thousands};
use super::{ModelFacts, ReportInput};
use plainfilm_data::{Part, PatientOrigin};
use plainfilm_film::NOT_A_MEDICAL_DEVICE;

/// What stands where only a person knows.
const BLANK: &str = "**☐ to be filled in by a person**";

/// What subgroups are made by.
const ATTRIBUTES: [&str; 4] = ["sex", "age", "view", "source"];

/// File names and texts.
pub(super) fn all(input: &ReportInput) -> Vec<(&'static str, String)> {
    // They describe how a network was made: whoever judges one does not know.
    let Some(training) = input.training() else {
        return Vec::new();
    };
    vec![
        ("MODEL_CARD.md", card::text(input, training)),
        ("CLAIM-2024.md", claim::text(input, training)),
        ("TRIPOD-AI.md", tripod::text(input, training)),
    ]
}

/// One item of a checklist: its number, what it asks in our words, and the answer, if the run has one.
struct Item {
    number: &'static str,
    asks: &'static str,
    answer: Option<String>,
}

fn item(number: &'static str, asks: &'static str, answer: impl Into<Option<String>>) -> Item {
    Item {
        number,
        asks,
        answer: answer.into(),
    }
}

/// A heading between items.
fn heading(name: &'static str) -> Item {
    item("", name, None)
}

/// A checklist as a table. `source` names the paper, whose wording is authoritative.
fn checklist(title: &str, source: &str, input: &ReportInput, items: &[Item]) -> String {
    let asked = items.iter().filter(|item| !item.number.is_empty());
    let answered = asked.clone().filter(|item| item.answer.is_some()).count();
    let mut text = format!(
        "# {title}\n\n**{NOT_A_MEDICAL_DEVICE}**\n\nFor {}. {answered} of {} items have something that the run knows; \
         check these too. The items are named in our own words: the wording that counts is that of {source}.\n",
        plain(&input.title),
        asked.count(),
    );
    for item in items {
        if item.number.is_empty() {
            text.push_str(&format!(
                "\n## {}\n\n| item | asks for | answer |\n|---|---|---|\n",
                item.asks
            ));
            continue;
        }
        let answer = item.answer.as_deref().map_or(BLANK.to_owned(), plain);
        text.push_str(&format!("| {} | {} | {answer} |\n", item.number, item.asks));
    }
    text
}

/// Text that cannot become a table's border or markup.
fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '<' | '>' | '`' | '[' | ']' => {
                safe.push('\\');
                safe.push(character);
            }
            '\n' | '\r' => safe.push(' '),
            _ => safe.push(character),
        }
    }
    safe
}

/// The films by part, patients and labels, in a sentence.
fn films_text(input: &ReportInput) -> String {
    let data = &input.data;
    let all = format!(
        "{} of {}",
        counted(data.counts.iter().flatten().sum(), "film"),
        counted(data.patients_in_all, "patient")
    );
    let labels = input.labels.iter().zip(&data.counts);
    let parts = if input.folds.is_some() {
        // Every film is a test film of one fold and a training film of the others.
        let labels: Vec<String> = labels
            .map(|(label, counts)| format!("{label}: {}", counts.iter().sum::<usize>()))
            .collect();
        format!(
            "{}; each film is tested by a network that did not train on it",
            labels.join("; ")
        )
    } else {
        let labels: Vec<String> = labels
            .map(|(label, [train, validation, test])| {
                format!("{label}: {train} training, {validation} validation, {test} test films")
            })
            .collect();
        format!(
            "{}; patients: {} in training, {} in validation, {} in the test part",
            labels.join("; "),
            data.patients[0],
            data.patients[1],
            data.patients[2]
        )
    };
    format!(
        "{all} ({parts}). Set aside as unreadable: {}.",
        data.set_aside.len()
    )
}

fn patients_text(input: &ReportInput) -> &'static str {
    match input.data.patient_origin {
        Some(PatientOrigin::Manifest) => "Patients as the manifest names them.",
        Some(PatientOrigin::Pattern) => "Patients by a pattern over file names.",
        Some(PatientOrigin::NearDuplicates) => {
            "Patients are not known: groups of near-duplicate films stand in for them."
        }
        None => "Patients are not known: every film is taken to show one of its own.",
    }
}

fn split_text(input: &ReportInput) -> String {
    format!("{}. {}", input.data.split_method, patients_text(input))
}

/// The data's name without its path, which is this machine's business.
fn data_name(input: &ReportInput) -> String {
    let path = std::path::Path::new(&input.data.origin);
    path.file_name().map_or_else(
        || input.data.origin.clone(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// The main figures of the test films with their intervals; none where nothing was tested.
fn results_text(input: &ReportInput) -> Option<String> {
    let test = input.part(Part::Test).filter(|test| test.n > 0)?;
    let mut parts = vec![
        format!("accuracy {}", test.accuracy.percent_with_ends(1, 1)),
        format!(
            "balanced accuracy {}",
            test.balanced_accuracy.percent_with_ends(1, 1)
        ),
        format!("AUROC {}", test.auroc.number_with_ends(3)),
        format!("Brier score {}", test.brier.number_with_ends(3)),
    ];
    parts.extend(calibration_text(test));
    for (label, figures) in &test.per_label {
        parts.push(format!(
            "sensitivity of {label} {}",
            figures.sensitivity.percent_with_ends(1, 1)
        ));
    }
    Some(format!(
        "{} of {}, 95 % intervals by patient: {}.",
        counted(test.n, "test film"),
        counted(test.patients, "patient"),
        parts.join("; ")
    ))
}

fn uncertainty_text() -> String {
    "95 % intervals, films of one patient together: Wilson for shares, DeLong for AUROC, BCa bootstrap of patients for \
     the rest; the calibration error is read beside the range that a perfectly calibrated network would have; `plainfilm compare` tests networks against each other."
        .replace('`', "")
}

fn model_text(input: &ReportInput, model: &ModelFacts) -> String {
    let [channels, rows, columns] = model.input;
    format!(
        "{}: {} parameters ({} trained); input {channels} x {rows} x {columns}; output: one probability for each of {}.",
        model.name,
        thousands(model.parameters),
        thousands(model.trainable),
        input.labels.join(", ")
    )
}

fn operation_text(input: &ReportInput) -> Option<String> {
    let Some(operation) = input.operation.as_ref() else {
        return input.folds.as_ref().map(|_| {
            "Each fold's network was calibrated, and its threshold chosen, on validation films of its own.".to_owned()
        });
    };
    let threshold = if input.labels.len() == 2 {
        format!(
            "{} from a probability of {:.3} on ({})",
            input.labels[input.positive], operation.threshold, operation.chosen
        )
    } else {
        "the most probable label is predicted".to_owned()
    };
    Some(format!(
        "Calibration: {}. Threshold: {threshold}.",
        operation.calibration.chosen
    ))
}

/// What groups by these attributes show; none where the films do not differ in them.
fn subgroups_text(input: &ReportInput, attributes: &[&str]) -> Option<String> {
    let subgroups = input.subgroups.only(attributes);
    let sentence = subgroups.sentence()?;
    let mut named: Vec<&str> = Vec::new();
    for group in &subgroups.groups {
        if !named.contains(&group.attribute.as_str()) {
            named.push(&group.attribute);
        }
    }
    let mut text = match named.as_slice() {
        [] => sentence,
        named => format!(
            "Figures by {} are in report.html and metrics.json. {sentence}",
            named.join(", ")
        ),
    };
    for skipped in &subgroups.skipped {
        text.push_str(&format!(" {skipped}."));
    }
    Some(text)
}

/// Test films that were called wrongly, in a sentence.
fn errors_text(input: &ReportInput) -> Option<String> {
    let test = input.part(Part::Test).filter(|test| test.n > 0)?;
    let wrong = input
        .scored
        .iter()
        .filter(|film| !film.is_correct())
        .count();
    Some(format!(
        "{wrong} of {} test films were misclassified; predictions.csv lists all, report.html shows the most confident errors.",
        test.n
    ))
}

#[cfg(test)]
mod tests {
    use super::super::example::example;
    use super::*;
    use plainfilm_figures::{evaluate, subgroups};

    #[test]
    fn what_the_run_knows_is_there_and_the_rest_is_visibly_blank() {
        let input = example();
        for (name, text) in all(&input) {
            assert!(text.contains(NOT_A_MEDICAL_DEVICE), "{name}");
            assert!(text.contains("to be filled in by a person"), "{name}");
            assert!(text.contains("accuracy"), "{name}");
            assert!(!text.contains("\n\n\n"), "{name}:\n{text}");
        }
    }

    #[test]
    fn every_item_of_both_checklists_is_there_once() {
        let input = example();
        let numbers = |text: &str| -> Vec<String> {
            text.lines()
                .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
                .filter(|cell| cell.starts_with(|c: char| c.is_ascii_digit()))
                .map(str::to_owned)
                .collect()
        };
        let claim: Vec<String> = (1..=44).map(|number: usize| number.to_string()).collect();
        let texts = all(&input);
        assert_eq!(numbers(&texts[1].1), claim);
        let tripod = numbers(&texts[2].1);
        assert_eq!(tripod.len(), 52, "{tripod:?}");
        for main in 1..=27 {
            let is_own = |number: &String| {
                number.trim_end_matches(|c: char| c.is_ascii_lowercase()) == main.to_string()
            };
            assert!(tripod.iter().any(is_own), "{main} is missing");
        }
    }

    #[test]
    fn nothing_is_claimed_that_was_not_shown() {
        let mut input = example();
        for (index, film) in input.scored.iter_mut().enumerate() {
            film.sex = Some(if index % 4 < 2 { "F" } else { "M" }.to_owned());
        }
        input.subgroups = subgroups(&input.labels, 0, &input.scored);
        let sentence = input.subgroups.sentence().unwrap();
        assert!(
            sentence.starts_with("No gap was found, which does not"),
            "{sentence}"
        );
        for (name, text) in all(&input) {
            assert!(text.contains(&plain(&sentence)), "{name}: {text}");
            assert!(!text.contains("luck explains"), "{name}");
            // Hospitals are not sexes, and what nobody was asked is blank.
            for line in text.lines().filter(|line| {
                [
                    "| 12d |",
                    "| 23b |",
                    "| 12f |",
                    "| 24 | results of updating",
                    "| 27 | ensembles",
                ]
                .iter()
                .any(|begin| line.starts_with(begin))
            }) {
                assert!(line.contains(BLANK), "{name}: {line}");
            }
        }
    }

    #[test]
    fn a_figure_without_an_interval_has_no_empty_brackets() {
        let mut input = example();
        for film in &mut input.scored {
            film.truth = 0;
            film.patient = "one".to_owned();
        }
        let metrics = evaluate(&input.labels, 0, &input.scored);
        input.metrics = vec![(Part::Test, metrics)];
        for (name, text) in all(&input) {
            assert!(text.contains("n/a"), "{name}");
            assert!(!text.contains("()"), "{name}: {text}");
        }
    }

    #[test]
    fn what_users_wrote_stays_in_its_cell() {
        let mut input = example();
        input.data.split_method = "a | b\n| c <script>".into();
        let text = &all(&input)[1].1;
        assert!(text.contains("a \\| b \\| c \\<script\\>"), "{text}");
    }

    #[test]
    fn the_cards_front_matter_is_what_the_hub_reads() {
        let text = &all(&example())[0].1;
        let front = text
            .strip_prefix("---\n")
            .unwrap()
            .split("\n---\n")
            .next()
            .unwrap();
        for expected in [
            "library_name: plainfilm",
            "model-index:",
            "type: accuracy",
            "pipeline_tag: image-classification",
        ] {
            assert!(front.contains(expected), "{expected} is not in\n{front}");
        }
    }
}
