//! CLAIM 2024: Checklist for Artificial Intelligence in Medical Imaging (Tejani et al., Radiol Artif Intell 2024,
//! doi:10.1148/ryai.240300).

use super::{
    ATTRIBUTES, checklist, data_name, errors_text, films_text, heading, item, model_text,
    operation_text, results_text, split_text, subgroups_text, uncertainty_text,
};
use crate::wording::counted;
use crate::{ReportInput, TrainingRecord};

pub(super) fn text(input: &ReportInput, training: &TrainingRecord) -> String {
    let run = &training.run;
    let sources = match input.data.sources.len() {
        0 => "no source is stated for any film".to_owned(),
        count => format!("{}, listed in report.html", counted(count, "source")),
    };
    let items = [
        heading("Title and abstract"),
        item("1", "study named as one of AI, with the kind of AI", None),
        item("2", "structured summary", None),
        heading("Introduction"),
        item("3", "background, and the part that the AI is to play", None),
        item("4", "aims and hypotheses", None),
        heading("Design"),
        item("5", "looking back or ahead in time", None),
        item("6", "goal of the study", None),
        heading("Data"),
        item(
            "7",
            "where the data come from",
            format!("{}; {sources}.", data_name(input)),
        ),
        item("8", "who was included and who was not", None),
        item(
            "9",
            "preprocessing",
            "The [preprocessing] table of settings.toml; the model file holds the same and applies it.".to_owned(),
        ),
        item("10", "choice of subsets of the data", None),
        item("11", "removal of what identifies people", None),
        item(
            "12",
            "missing data",
            format!(
                "Set aside, each with its reason in set_aside.csv: {}; no value was filled in.",
                counted(input.data.set_aside.len(), "file")
            ),
        ),
        item("13", "how images were acquired", None),
        heading("Reference standard"),
        item("14", "what counts as the truth", None),
        item("15", "why that", None),
        item("16", "who labelled", None),
        item("17", "how the test films were labelled", None),
        item("18", "agreement between and within those who labelled", None),
        heading("Partitions"),
        item("19", "how data were assigned to parts", format!("{} {}", split_text(input), films_text(input))),
        item("20", "at which level parts are disjoint", split_text(input)),
        heading("Size of the test"),
        item("21", "intended sample size", None),
        heading("Model"),
        item("22", "the model in detail", model_text(input, &training.model)),
        item("23", "software", format!("plainfilm {}, which pins its libraries.", run.version)),
        item(
            "24",
            "starting values of the parameters",
            "settings.toml: random from the seed, or the weights that it names with their SHA-256.".to_owned(),
        ),
        heading("Training"),
        item(
            "25",
            "how training was done",
            format!(
                "{}; optimiser, rates, augmentation and seed ({}) in settings.toml; repeatable to the byte on \
                 the same device and threads.",
                counted(input.history.len(), "epoch"),
                run.seed
            ),
        ),
        item(
            "26",
            "how the final model was chosen",
            operation_text(input).map(|operation| {
                format!("Weights: the epoch kept on validation films, {}. {operation}", kept(input))
            }),
        ),
        item("27", "ensembles", None),
        heading("Evaluation"),
        item(
            "28",
            "measures of performance",
            "Accuracy, balanced accuracy, AUROC, AUPRC, sensitivity, specificity, predictive values at a stated \
             prevalence, Brier score, calibration error, kappa, Matthews correlation, net benefit."
                .to_owned(),
        ),
        item("29", "significance and uncertainty", uncertainty_text()),
        item("30", "robustness", subgroups_text(input, &ATTRIBUTES)),
        item("31", "explanations of single predictions", None),
        item("32", "evaluation on data of the same origin", results_text(input)),
        item("33", "evaluation on data from elsewhere", None),
        item("34", "registration of the study", None),
        heading("Results: data"),
        item("35", "numbers included and excluded", films_text(input)),
        item("36", "who is in each part", None),
        heading("Results: performance"),
        item("37", "performance with uncertainty", results_text(input)),
        item("38", "diagnostic accuracy and its precision", results_text(input)),
        item("39", "analysis of errors", errors_text(input)),
        heading("Discussion"),
        item("40", "limits", Some(input.audit.summary.sentence.clone())),
        item("41", "meaning for practice", None),
        heading("Other"),
        item("42", "full protocol", None),
        item("43", "availability of software, model and data", None),
        item("44", "funding", None),
    ];
    checklist(
        "CLAIM 2024 checklist",
        "Tejani et al., Radiology: Artificial Intelligence 2024 (doi:10.1148/ryai.240300)",
        input,
        &items,
    )
}

fn kept(input: &ReportInput) -> String {
    input
        .kept_epoch
        .map_or("fold by fold".to_owned(), |epoch| format!("epoch {epoch}"))
}
