//! TRIPOD+AI: reporting of prediction models (Collins et al., BMJ 2024;385:e078378, doi:10.1136/bmj-2023-078378).

use super::{
    checklist, data_name, errors_text, films_text, heading, item, model_text, operation_text,
    results_text, split_text, subgroups_text, uncertainty_text,
};
use crate::wording::counted;
use crate::{ReportInput, TrainingRecord};

pub(super) fn text(input: &ReportInput, training: &TrainingRecord) -> String {
    let items = [
        heading("Title and abstract"),
        item(
            "1",
            "development or evaluation of a model, for whom and of what",
            None,
        ),
        item("2", "structured abstract", None),
        heading("Introduction"),
        item("3a", "medical background and reason for the model", None),
        item(
            "3b",
            "for whom and by whom, and where in the pathway of care",
            None,
        ),
        item("3c", "known inequalities in health", None),
        item("4", "aims, and whether a model is made or judged", None),
        heading("Methods"),
        item(
            "5a",
            "sources of data, and why these",
            format!("{}.", data_name(input)),
        ),
        item("5b", "dates of the data", None),
        item("6a", "setting", None),
        item("6b", "who is eligible", None),
        item("6c", "treatments received", None),
        item(
            "7",
            "preparation of data",
            "The [preprocessing] table of settings.toml, the same for all groups.".to_owned(),
        ),
        item(
            "8a",
            "the outcome and how it was found",
            format!("Labels {} as filed in the data.", input.labels.join(", ")),
        ),
        item("8b", "who judged the outcome", None),
        item("8c", "whether they were blind", None),
        item(
            "9a",
            "choice of predictors",
            "The film alone; no other fact about the patient is an input.".to_owned(),
        ),
        item(
            "9b",
            "definition of predictors",
            format!("Pixels: {}", model_text(input, &training.model)),
        ),
        item("9c", "who judged predictors", None),
        item("10", "how the sample size came about", None),
        item(
            "11",
            "missing data",
            format!(
                "Set aside, with reasons in set_aside.csv: {}.",
                counted(input.data.set_aside.len(), "file")
            ),
        ),
        item(
            "12a",
            "use of data for making and judging",
            split_text(input),
        ),
        item(
            "12b",
            "handling of predictors",
            "Scaled as settings.toml says; augmented in training only.".to_owned(),
        ),
        item(
            "12c",
            "kind of model and how it was made",
            model_text(input, &training.model),
        ),
        item(
            "12d",
            "differences between clusters such as hospitals",
            subgroups_text(input, &["source"]),
        ),
        item(
            "12e",
            "measures of performance, and why",
            format!(
                "Discrimination, calibration and net benefit. {}",
                uncertainty_text()
            ),
        ),
        item("12f", "changes to the model after judging it", None),
        item(
            "12g",
            "how predictions were computed",
            "predictions.csv holds every test film's probabilities.".to_owned(),
        ),
        item(
            "13",
            "unequal classes",
            "As `balance` in settings.toml says; nothing unless it names a method."
                .replace('`', ""),
        ),
        item("14", "fairness", subgroups_text(input, &["sex", "age"])),
        item(
            "15",
            "what the model puts out, and its threshold",
            operation_text(input),
        ),
        item(
            "16",
            "differences between data for making and judging",
            None,
        ),
        item("17", "ethics", None),
        heading("Open science"),
        item("18a", "funding", None),
        item("18b", "conflicts of interest", None),
        item("18c", "protocol", None),
        item("18d", "registration", None),
        item("18e", "availability of data", None),
        item(
            "18f",
            "availability of code",
            format!(
                "plainfilm {}; settings.toml and split.csv repeat the run.",
                training.run.version
            ),
        ),
        heading("Patients and public"),
        item("19", "their part in the study", None),
        heading("Results"),
        item("20a", "flow of participants", films_text(input)),
        item("20b", "who they are", None),
        item(
            "20c",
            "comparison of those for making and for judging",
            None,
        ),
        item("21", "numbers in each analysis", films_text(input)),
        item(
            "22",
            "the model in full",
            "model.plainfilm.safetensors: weights, labels, preprocessing, threshold.".to_owned(),
        ),
        item(
            "23a",
            "performance with intervals, also by subgroup",
            performance(input),
        ),
        item(
            "23b",
            "differences between clusters",
            subgroups_text(input, &["source"]),
        ),
        item("24", "results of updating", None),
        heading("Discussion"),
        item("25", "what the results mean, fairness included", None),
        item("26", "limits", Some(input.audit.summary.sentence.clone())),
        item(
            "27a",
            "poor or missing input when used",
            "A film that cannot be read is set aside with a reason, never scored.".to_owned(),
        ),
        item("27b", "what users must do and know", None),
        item("27c", "next steps", None),
    ];
    checklist(
        "TRIPOD+AI checklist",
        "Collins et al., BMJ 2024;385:e078378",
        input,
        &items,
    )
}

fn performance(input: &ReportInput) -> Option<String> {
    let results = results_text(input)?;
    Some(format!(
        "{results} {}",
        errors_text(input).unwrap_or_default()
    ))
}
