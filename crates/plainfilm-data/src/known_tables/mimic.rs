//! MIMIC-CXR-JPG (Johnson et al. 2019, arXiv:1901.07042): one table has the findings of each study, another
//! the films of each study, a third the parts of the split.

use std::collections::HashMap;

use super::{Beside, Named, Reading, Record, ReportColumns, Uncertain};
use crate::findings::SEPARATOR;
use crate::table::{Row, Table};

const FINDINGS: [&str; 2] = ["mimic-cxr-2.0.0-chexpert.csv", "mimic-cxr-2.0.0-negbio.csv"];
const FILMS: [&str; 1] = ["mimic-cxr-2.0.0-metadata.csv"];
const PARTS: [&str; 1] = ["mimic-cxr-2.0.0-split.csv"];

/// Adds the names of one list to another: a study may have several rows.
fn add(list: &mut String, more: &str) {
    for name in more.split(SEPARATOR).filter(|name| !name.is_empty()) {
        if !list.split(SEPARATOR).any(|known| known == name) {
            if !list.is_empty() {
                list.push(SEPARATOR);
            }
            list.push_str(name);
        }
    }
}

/// Reads whichever of the tables was named, and the others beside it; films without a row of findings have no label.
///
/// # Errors
///
/// One line: the table of findings or that of films is not beside it.
pub(super) fn read(
    table: &Table,
    uncertain: Uncertain,
    beside: Beside<'_>,
) -> Result<Reading, String> {
    let fetch = |names: &[&str], what: &str| {
        beside(names).ok_or_else(|| {
            format!(
                "read as MIMIC-CXR-JPG: expected {} beside it, {what}, found none",
                names.join(" or ")
            )
        })
    };
    let other;
    let (findings, films) = match Named::of(table).have(&["dicom_id"]) {
        true => {
            other = fetch(&FINDINGS, "with the findings of each study")?;
            (&other, table)
        }
        false => {
            other = fetch(&FILMS, "with the films of each study")?;
            (table, &other)
        }
    };
    let reported = ReportColumns::of(findings, uncertain);
    let columns = Named::of(findings);
    let cells = |row: &Row| row.cells.clone().ok();
    let mut labels: HashMap<String, (String, String)> = HashMap::new();
    for cells in findings.rows.iter().filter_map(cells) {
        let (label, unknown) = reported.labels(&cells);
        let of_study = labels.entry(columns.text(&cells, "study_id")).or_default();
        add(&mut of_study.0, &label);
        add(&mut of_study.1, &unknown);
    }
    let parts = beside(&PARTS);
    let part_of: HashMap<String, String> = parts
        .iter()
        .flat_map(|table| {
            let columns = Named::of(table);
            table.rows.iter().filter_map(cells).map(move |cells| {
                let part = match columns.get(&cells, "split") {
                    "validate" => "val".to_owned(),
                    other => other.to_owned(),
                };
                (columns.text(&cells, "dicom_id"), part)
            })
        })
        .collect();
    let columns = Named::of(films);
    let mut reading = Reading::of(films, |cells| {
        let text = |name| columns.text(cells, name);
        let (film, patient, study) = (text("dicom_id"), text("subject_id"), text("study_id"));
        let (label, unknown) = labels.get(&study).cloned().unwrap_or_default();
        let group = patient.get(..2).unwrap_or_default();
        Record {
            // Without its extension: the films are JPEG here and DICOM in MIMIC-CXR.
            path: format!("p{group}/p{patient}/s{study}/{film}"),
            label,
            unknown,
            view: text("viewposition"),
            split: part_of.get(&film).cloned().unwrap_or_default(),
            patient_id: patient,
            ..Record::default()
        }
    });
    reading.several = true;
    reading.notes.push(format!(
        "read as MIMIC-CXR-JPG: any number of findings a film, those of its study; patients from \
         `subject_id`, blank is absent, -1 {} (--uncertain){}",
        reported.uncertain_text(),
        match parts.is_some() {
            true => ", parts from mimic-cxr-2.0.0-split.csv",
            false => "",
        }
    ));
    Ok(reading)
}
