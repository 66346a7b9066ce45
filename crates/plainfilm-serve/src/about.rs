//! What is told of a model: all that decides whether its answers can be believed.

use std::fmt::Write;

use plainfilm::audit::Status;
use plainfilm::bundle::{ModelFile, ModelHeader};
use plainfilm::predict::positive_of;
use serde_json::{Map, Value, json};

use crate::queue::METHODS;

/// Figures in the order in which they are read.
const FIGURES: [(&str, &str); 5] = [
    ("auroc", "AUROC"),
    ("accuracy", "Accuracy"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("auprc", "AUPRC"),
    ("brier", "Brier score"),
];

/// The object of a model in `GET /v1/models`.
pub(crate) fn about(name: &str, file: &ModelFile, bytes: Option<u64>, operation: &str) -> Value {
    let header = &file.header;
    let has_findings = !header.findings.is_empty();
    let positive = (!has_findings).then(|| header.labels[positive_of(header)].clone());
    let thresholds: Map<String, Value> = match &positive {
        Some(label) => [(label.clone(), json!(header.threshold.value))]
            .into_iter()
            .collect(),
        None => header
            .labels
            .iter()
            .cloned()
            .zip(&header.findings)
            .map(|(label, operation)| (label, json!(operation.threshold)))
            .collect(),
    };
    let not_sure = header.operation.as_ref().and_then(|one| one.not_sure);
    let parameters: usize = file.tensors.iter().map(|tensor| tensor.values.len()).sum();
    json!({
        "name": name,
        "architecture": header.network.architecture.to_string(),
        "size": header.preprocessing.size,
        "labels": header.labels,
        "positive": positive,
        "findings": has_findings,
        "thresholds": thresholds,
        "not_sure": not_sure.map(|band| json!({ "from": band.low, "to": band.high })),
        "operation": operation,
        "methods": METHODS
            .iter()
            .map(|method| json!({ "id": method.name(), "name": method.title() }))
            .collect::<Vec<_>>(),
        "audit": header.audit.as_ref().map(|audit| json!({
            "verdict": audit.verdict,
            "sentence": audit.sentence,
        })),
        "elsewhere": elsewhere(&header.metrics),
        "figures": figures(&header.metrics),
        "sources": sources(&header.metrics),
        "card": card(name, header, operation),
        "test_predictions": header.test_predictions,
        "knows_unlike": header.likeness.is_some(),
        "parameters": parameters,
        "bytes": bytes,
    })
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
