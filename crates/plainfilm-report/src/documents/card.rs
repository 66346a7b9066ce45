//! The model card: the front matter that the Hugging Face hub reads, and the sections of Mitchell et al. (FAT*
//! 2019).

use super::{
    ATTRIBUTES, BLANK, data_name, films_text, model_text, operation_text, plain, results_text,
    split_text, subgroups_text,
};
use crate::wording::counted;
use crate::{ReportInput, TrainingRecord};
use plainfilm_data::Part;
use plainfilm_figures::{Estimate, Figure};
use plainfilm_film::NOT_A_MEDICAL_DEVICE;
use plainfilm_train::FindingsFigures;

pub(super) fn text(input: &ReportInput, training: &TrainingRecord) -> String {
    let mut text = front_matter(input);
    text.push_str(&format!(
        "# {}\n\n**{NOT_A_MEDICAL_DEVICE}**\n",
        plain(&input.title)
    ));
    let synthetic = if input.data.synthetic {
        " The films are synthetic: no figure says anything about patients."
    } else {
        ""
    };
    let sections = [
        ("The network", Some(model_text(input, &training.model))),
        (
            "Intended use",
            Some(
                "Research and teaching: comparing methods, and showing how a data set can mislead. Not for any \
                 decision about a patient."
                    .to_owned(),
            ),
        ),
        ("Who made it, and whom to ask", None),
        ("Licence of the weights and of the films", None),
        (
            "Training data",
            Some(format!(
                "{}. {}{synthetic} {}",
                plain(&data_name(input)),
                films_text(input),
                plain(&split_text(input))
            )),
        ),
        ("How the films came about, and what they leave out", None),
        ("From probability to label", operation_text(input).map(|text| plain(&text))),
        ("Results", Some(results(input))),
        ("Subgroups", subgroups_text(input, &ATTRIBUTES).map(|text| plain(&text))),
        (
            "How far to believe it",
            Some(plain(&input.audit.summary.sentence)),
        ),
        ("Limits and risks that the run cannot know", None),
    ];
    for (name, answer) in sections {
        text.push_str(&format!(
            "\n## {name}\n\n{}\n",
            answer.unwrap_or_else(|| BLANK.to_owned())
        ));
    }
    text.push_str(&format!(
        "\n## Settings\n\nplainfilm {}, seed {}, {} on {}.\n\n```toml\n{}```\n",
        training.run.version,
        training.run.seed,
        counted(training.run.threads, "thread"),
        plain(&training.run.device),
        settings(&training.settings)
    ));
    text
}

/// The settings without the paths of this machine.
fn settings(text: &str) -> String {
    let lines = text.replace("```", "");
    lines
        .lines()
        .map(|line| match line.split_once(" = \"") {
            Some((key @ ("data" | "path"), path)) => {
                let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
                format!("{key} = \"{name}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect()
}

/// A table of the test films' figures, and what they do not show.
fn results(input: &ReportInput) -> String {
    let Some(test) = input.part(Part::Test).filter(|test| test.n > 0) else {
        return "There are no test films.".to_owned();
    };
    let mut text = results_text(input).map_or(String::new(), |text| plain(&text));
    text.push_str("\n\n| label | sensitivity | specificity | precision | F1 | films |\n|---|---|---|---|---|---|\n");
    for (label, figures) in &test.per_label {
        let cells: Vec<String> = figures
            .table_row()
            .iter()
            .map(|figure| figure.percent_with_ends(1, 1))
            .collect();
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            plain(label),
            cells.join(" | "),
            figures.support
        ));
    }
    if let Some(findings) = &input.findings {
        text.push_str(&findings_table(findings));
    }
    if !test.not_shown.is_empty() {
        text.push_str("\nThese films do not show:\n\n");
        for sentence in &test.not_shown {
            text.push_str(&format!("- {}\n", plain(sentence)));
        }
    }
    text.trim_end().to_owned()
}

/// Findings, of which a film may have any number: the table above is of whether it has one.
fn findings_table(findings: &FindingsFigures) -> String {
    let number = |figure: &Estimate| figure.number_with_ends(3);
    let mut text = "\nEach finding for itself:\n\n| finding | films with it | of | AUROC | AUPRC | F1 |\n|---|---|---|---|---|---|\n"
        .to_owned();
    for own in &findings.each {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            plain(&own.finding),
            own.present,
            own.known,
            number(&own.auroc),
            number(&own.auprc),
            number(&own.f1)
        ));
    }
    let of = &findings.averages;
    text.push_str(&format!(
        "| mean (macro) | | | {} | {} | {} |\n",
        number(&of.macro_auroc),
        number(&of.macro_auprc),
        number(&of.macro_f1)
    ));
    text
}

/// The YAML between the dashes. JSON strings are YAML strings.
fn front_matter(input: &ReportInput) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let name = quoted(&input.title);
    let data = data_name(input);
    let mut text = format!(
        "---\nlicense: other\nlicense_name: of-the-films\nlibrary_name: plainfilm\npipeline_tag: \
         image-classification\ntags:\n- chest-x-ray\n- research-only\n- not-a-medical-device\nmetrics:\n- accuracy\n\
         - roc_auc\nmodel-index:\n- name: {name}\n"
    );
    let Some(test) = input.part(Part::Test).filter(|test| test.n > 0) else {
        return text + "---\n\n";
    };
    text.push_str(&format!(
        "  results:\n  - task:\n      type: image-classification\n    dataset:\n      name: {0}\n      type: {0}\n      \
         split: test\n    metrics:\n",
        quoted(&data)
    ));
    for (kind, name, figure) in [
        ("accuracy", "accuracy", &test.accuracy),
        (
            "balanced_accuracy",
            "balanced accuracy",
            &test.balanced_accuracy,
        ),
        ("roc_auc", "AUROC", &test.auroc),
        ("average_precision", "AUPRC", &test.auprc),
        ("brier_score", "Brier score", &test.brier),
        ("matthews_correlation", "Matthews correlation", &test.mcc),
    ] {
        let Some(value) = figure.value() else {
            continue;
        };
        text.push_str(&format!(
            "    - type: {kind}\n      name: {name}\n      value: {value}\n"
        ));
        if let Some((low, high)) = figure.ends() {
            let [low, high] = [low, high].map(|end| format!("{:.4}", Figure::from(end)));
            text.push_str(&format!("      args: {{interval_95: [{low}, {high}]}}\n"));
        }
    }
    text + "---\n\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_machine_stay_here() {
        let text = "data = \"/home/me/films\"\nseed = 1\n[weights]\npath = \"/tmp/a.pth\"\n";
        assert_eq!(
            settings(text),
            "data = \"films\"\nseed = 1\n[weights]\npath = \"a.pth\"\n"
        );
    }
}
