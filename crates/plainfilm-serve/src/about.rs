//! What is told of a model: all that decides whether its answers can be believed.

use std::fmt::Write;

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::audit::Status;
use plainfilm::bundle::ModelHeader;
use plainfilm::predict::Usage;
use serde_json::{Map, Value, json};

use crate::models::ModelRead;

/// Figures in the order in which they are read.
const FIGURES: [(&str, &str); 5] = [
    ("auroc", "AUROC"),
    ("accuracy", "Accuracy"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("auprc", "AUPRC"),
    ("brier", "Brier score"),
];

/// The object of a model in `GET /v1/models`. Of a model of another program no more is known than its description says.
pub(crate) fn about(name: &str, read: &ModelRead, usage: &Usage, bytes: Option<u64>) -> Value {
    let has_findings = !usage.findings.is_empty();
    let positive = (!has_findings).then(|| usage.labels[usage.positive].clone());
    let thresholds: Map<String, Value> = match &positive {
        Some(label) => [(label.clone(), json!(usage.threshold.value))]
            .into_iter()
            .collect(),
        None => usage
            .labels
            .iter()
            .cloned()
            .zip(&usage.findings)
            .map(|(label, operation)| (label, json!(operation.threshold)))
            .collect(),
    };
    let not_sure = usage.operation.as_ref().and_then(|one| one.not_sure);
    let operation = usage.operation_text();
    let file = match read {
        ModelRead::Ours(file) => Some(file),
        ModelRead::Foreign(_) => None,
    };
    let header = file.map(|file| &file.header);
    let metrics = header.map_or(&Value::Null, |header| &header.metrics);
    let parameters = file.map(|file| -> usize {
        let tensors = file.tensors.iter();
        tensors.map(|tensor| tensor.values.len()).sum()
    });
    json!({
        "name": name,
        "architecture": usage.kind,
        "size": usage.preprocessing.size,
        "labels": usage.labels,
        "positive": positive,
        "findings": has_findings,
        "thresholds": thresholds,
        "not_sure": not_sure.map(|band| json!({ "from": band.low, "to": band.high })),
        "operation": operation,
        "methods": read
            .methods()
            .iter()
            .map(|method| json!({ "id": method.name(), "name": method.title() }))
            .collect::<Vec<_>>(),
        "audit": usage.audit.as_ref().map(|audit| json!({
            "verdict": audit.verdict,
            "sentence": audit.sentence,
        })),
        "elsewhere": elsewhere(metrics),
        "figures": figures(metrics),
        "sources": sources(metrics),
        "card": match header {
            Some(header) => card(name, header, &operation),
            None => card_of_foreign(name, usage, &operation),
        },
        "test_predictions": header.and_then(|header| header.test_predictions.as_ref()),
        "knows_unlike": usage.likeness.is_some(),
        "parameters": parameters,
        "bytes": bytes,
    })
}

/// A page of Markdown on a model that another program made.
fn card_of_foreign(name: &str, usage: &Usage, operation: &str) -> String {
    format!(
        "# {name}\n\n**{NOT_A_MEDICAL_DEVICE}**\n\n- **Network:** {} for films of {size} x {size} pixels, made by another \
         program\n- **Labels:** {}\n- **How it answers:** {operation}\n- **What is not known of it:** the films it was \
         trained on, and so whether a film is one of them or unlike them, how good it is, and whether these films were \
         audited. `plainfilm evaluate` judges it on films of yours.\n",
        usage.kind,
        usage.labels.join(", "),
        size = usage.preprocessing.size,
    )
}

/// An estimate `{value, low, high}` of the figures; none where it could not be computed.
fn estimate(figures: &Value, key: &str) -> Option<(f64, Option<f64>, Option<f64>)> {
    let one = figures.get(key)?;
    let number = |field: &str| one.get(field).and_then(Value::as_f64);
    Some((number("value")?, number("low"), number("high")))
}

fn figures(metrics: &Value) -> Vec<Value> {
    let Some(test) = metrics.get("test") else {
        return Vec::new();
    };
    FIGURES
        .iter()
        .filter_map(|(key, title)| {
            let (value, low, high) = estimate(test, key)?;
            Some(json!({ "name": title, "value": value, "low": low, "high": high }))
        })
        .collect()
}

/// The AUROC at sources that were left out, with how many they were; none where it is not known.
fn elsewhere(metrics: &Value) -> Option<Value> {
    let found = metrics.get("elsewhere")?;
    let (value, low, high) = estimate(found, "auroc")?;
    let sources = found
        .get("sources")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    Some(json!({
        "value": value,
        "low": low,
        "high": high,
        "sources": sources,
        "text": "Each of these sources was left out of a training in turn, and its films were scored by that training’s network.",
    }))
}

fn sources(metrics: &Value) -> Vec<Value> {
    let listed = metrics
        .get("elsewhere")
        .and_then(|found| found.get("sources"))
        .and_then(Value::as_array);
    listed
        .into_iter()
        .flatten()
        .map(|source| json!({ "name": source["name"], "films": source["films"], "auroc": source["auroc"] }))
        .collect()
}

/// A page of Markdown.
fn card(name: &str, header: &ModelHeader, operation: &str) -> String {
    let mut text = format!("# {name}\n\n**{}**\n\n", header.not_a_medical_device);
    let mut line = |title: &str, value: &str| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "- **{title}:** {value}");
    };
    line("Use", &header.intended_use);
    line("Labels", &header.labels.join(", "));
    line("How it answers", operation);
    let network = &header.network;
    line(
        "Network",
        &format!(
            "{} for films of {} x {} pixels",
            network.architecture, network.size, network.size
        ),
    );
    let data = &header.dataset;
    let films: Vec<String> = data
        .films_per_label
        .iter()
        .map(|(label, films)| format!("{films} {label}"))
        .collect();
    line("Trained on", &films.join(", "));
    line("Split", &data.split);
    if data.synthetic {
        line("Films", "drawn by a program, not taken of anybody");
    }
    if let Some(audit) = &header.audit {
        let verdict = match audit.verdict {
            Status::Pass => "passed",
            Status::Warn => "passed with warnings",
            Status::Fail => "failed",
            Status::NotChecked => "was not made",
        };
        line(
            "Audit of its films",
            &format!("{verdict}. {}", audit.sentence),
        );
    }
    if let Some(weights) = &header.weights {
        line("Started from", &weights.file);
    }
    line("Licence of the weights", &header.licence);
    line(
        "Made by",
        &format!("plainfilm {}", header.plainfilm_version),
    );
    text
}
