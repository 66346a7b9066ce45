//! PadChest (Bustos et al. 2020, arXiv:1901.07441).

use super::{Named, Reading, Record};
use crate::findings::SEPARATOR;
use crate::table::Table;

/// What a report says of no finding.
const NO_FINDINGS: [&str; 2] = ["unchanged", "suboptimal study"];

pub(super) fn read(table: &Table, columns: &Named) -> Reading {
    let mut reading = Reading::of(table, |cells| {
        let text = |name| columns.text(cells, name);
        let (folder, name) = (text("imagedir"), text("imageid"));
        Record {
            path: match folder.as_str() {
                "" => name,
                folder => format!("{folder}/{name}"),
            },
            label: label(&labels(columns.get(cells, "labels"))),
            patient_id: text("patientid"),
            view: match columns.get(cells, "projection") {
                "L" => "Lateral".to_owned(),
                "AP_horizontal" => "AP".to_owned(),
                other => other.to_owned(),
            },
            sex: text("patientsex_dicom"),
            age: age(
                columns.get(cells, "studydate_dicom"),
                columns.get(cells, "patientbirth"),
            ),
            ..Record::default()
        }
    });
    let excluded = reading.leave_out(table, |cells| {
        let is_excluded = labels(columns.get(cells, "labels")).contains(&"exclude")
            || columns.get(cells, "projection") == "EXCLUDE";
        is_excluded.then(|| "PadChest excludes it".to_owned())
    });
    let count = match excluded {
        0 => String::new(),
        count => format!(", {count} that PadChest excludes left out"),
    };
    reading.several = true;
    reading.notes.push(format!(
        "read as PadChest: any number of findings a film, from `Labels`; patients from `PatientID`, views from \
         `Projection`{count}"
    ));
    reading
}

/// The items of a list as Python writes it: `['a', "b's"]`.
fn labels(list: &str) -> Vec<&str> {
    let mut items = vec![];
    let mut rest = list;
    while let Some(start) = rest.find(['\'', '"']) {
        let quote = &rest[start..=start];
        let after = &rest[start + 1..];
        let Some(end) = after.find(quote) else {
            break;
        };
        let item = after[..end].trim();
        if !item.is_empty() && !items.contains(&item) {
            items.push(item);
        }
        rest = &after[end + 1..];
    }
    items
}

/// A film's findings, or that it has none; nothing of a report that says neither.
fn label(labels: &[&str]) -> String {
    let findings: Vec<&str> = labels
        .iter()
        .copied()
        .filter(|label| *label != "normal" && !NO_FINDINGS.contains(label))
        .collect();
    match (findings.as_slice(), labels.contains(&"normal")) {
        ([], true) => "No Finding".to_owned(),
        (findings, _) => findings.join(&SEPARATOR.to_string()),
    }
}

/// Years between the year of birth and that of the study; empty where either is not known.
fn age(study: &str, birth: &str) -> String {
    let year = |text: &str| text.get(..4).and_then(|year| year.parse::<i32>().ok());
    match (year(study), year(birth)) {
        (Some(study), Some(birth)) => (study - birth).to_string(),
        _ => String::new(),
    }
}
