//! Tables that the field's data sets come with, told by their columns.

mod mimic;
mod padchest;
mod vindr;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::cells::is_missing;
use super::findings::SEPARATOR;
use super::reading::{Reading, Record};
use super::table::{Table, normalised};
use super::{DatasetError, text};

/// Names of such tables in a folder, beside the films.
pub(super) const NAMES: [&str; 14] = [
    "Data_Entry_2017.csv",
    "Data_Entry_2017_v2020.csv",
    "metadata.csv",
    "stage_2_train_labels.csv",
    "stage_2_detailed_class_info.csv",
    "mimic-cxr-2.0.0-chexpert.csv",
    "mimic-cxr-2.0.0-negbio.csv",
    "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv",
    "master_spreadsheet_update.csv",
    "image_labels_train.csv",
    "image_labels_test.csv",
    "train.csv",
    "valid.csv",
    "test.csv",
];

/// CheXpert's columns of findings.
const CHEXPERT: [&str; 14] = [
    "no_finding",
    "enlarged_cardiomediastinum",
    "cardiomegaly",
    "lung_opacity",
    "lung_lesion",
    "edema",
    "consolidation",
    "pneumonia",
    "atelectasis",
    "pneumothorax",
    "pleural_effusion",
    "pleural_other",
    "fracture",
    "support_devices",
];

/// What COVIDx calls its films.
const COVIDX: [&str; 5] = ["normal", "pneumonia", "covid-19", "positive", "negative"];

/// What a finding counts as that a report calls uncertain, as CheXpert's -1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncertain {
    /// Neither: the film says nothing of this finding.
    #[default]
    Ignore,
    /// The finding is there.
    Positive,
    /// It is not.
    Negative,
}

impl Uncertain {
    /// Whether it is what it is unless something else is said.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl FromStr for Uncertain {
    type Err = DatasetError;

    fn from_str(text: &str) -> Result<Self, DatasetError> {
        match text {
            "ignore" => Ok(Self::Ignore),
            "positive" => Ok(Self::Positive),
            "negative" => Ok(Self::Negative),
            _ => Err(DatasetError::Uncertain(text.to_owned())),
        }
    }
}

impl fmt::Display for Uncertain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Ignore => "ignore",
            Self::Positive => "positive",
            Self::Negative => "negative",
        })
    }
}

/// The table of the first of some names that lies beside the one that is read; none where none does.
pub(super) type Beside<'a> = &'a dyn Fn(&[&str]) -> Option<Table>;

/// Reads a table that belongs to a known data set; none where it is none of these.
///
/// # Errors
///
/// One line: another table that belongs to it is not beside it.
pub(super) fn read(
    table: &Table,
    uncertain: Uncertain,
    beside: Beside<'_>,
) -> Result<Option<Reading>, String> {
    let columns = Named::of(table);
    let mut reading = if columns.have(&["path", "frontal/lateral", "ap/pa"]) {
        chexpert(table, &columns, uncertain)
    } else if columns.have(&["image_index", "finding_labels"]) {
        nih(table, &columns)
    } else if columns.have(&["filename", "folder", "finding", "modality"]) {
        ieee8023(table, &columns)
    } else if columns.have(&["patientid", "target"]) || columns.have(&["patientid", "class"]) {
        rsna(table, &columns)
    } else if columns.have(&["pngpath", "patientid", "no_finding"]) {
        brax(table, &columns, uncertain)
    } else if columns.have(&["imageid", "imagedir", "labels"]) {
        padchest::read(table, &columns)
    } else if columns.have(&["image_id", "rad_id", "class_name"]) {
        vindr::read_boxes(table, &columns)
    } else if columns.have(&["image_id", "no_finding"]) {
        vindr::read(table, &columns)
    } else if columns.have(&["subject_id", "study_id"])
        && (columns.have(&["no_finding"]) || columns.have(&["dicom_id", "viewposition"]))
    {
        mimic::read(table, uncertain, beside)?
    } else {
        return Ok(None);
    };
    reading.anywhere = true;
    Ok(Some(reading))
}

/// The columns of a table by name.
struct Named(BTreeMap<String, usize>);

impl Named {
    fn of(table: &Table) -> Self {
        let columns = table.columns.iter().enumerate();
        Self(
            columns
                .map(|(index, name)| (normalised(name), index))
                .collect(),
        )
    }

    fn have(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.0.contains_key(*name))
    }

    fn get<'a>(&self, cells: &'a [String], name: &str) -> &'a str {
        self.0.get(name).map_or("", |column| &cells[*column])
    }

    fn text(&self, cells: &[String], name: &str) -> String {
        self.get(cells, name).to_owned()
    }
}

fn nih(table: &Table, columns: &Named) -> Reading {
    let mut reading = Reading::of(table, |cells| Record {
        path: columns.text(cells, "image_index"),
        label: columns.text(cells, "finding_labels"),
        patient_id: columns.text(cells, "patient_id"),
        view: columns.text(cells, "view_position"),
        sex: columns.text(cells, "patient_gender"),
        age: columns.text(cells, "patient_age"),
        ..Record::default()
    });
    reading.several = true;
    reading.notes.push(
        "read as NIH ChestX-ray14: any number of findings a film, patients from `Patient ID`, films \
         by name anywhere below the table"
            .into(),
    );
    reading
}

/// Columns of a table that hold a finding each, as CheXpert's labeller has them: 1 present, 0 denied, -1
/// uncertain, blank not mentioned.
struct ReportColumns(Vec<(usize, String)>, Uncertain);

impl ReportColumns {
    fn of(table: &Table, uncertain: Uncertain) -> Self {
        let names = table.columns.iter().map(|name| name.trim().to_owned());
        let findings = names
            .enumerate()
            .filter(|(_, name)| CHEXPERT.contains(&normalised(name).as_str()));
        Self(findings.collect(), uncertain)
    }

    /// A row's labels, and the findings of which it says that nobody knows.
    fn labels(&self, cells: &[String]) -> (String, String) {
        let (mut present, mut unknown) = (vec![], vec![]);
        for (column, name) in &self.0 {
            match (cells[*column].trim().parse::<f32>(), self.1) {
                (Ok(1.0), _) | (Ok(-1.0), Uncertain::Positive) => present.push(name.as_str()),
                (Ok(-1.0), Uncertain::Ignore) => unknown.push(name.as_str()),
                // Blank is not mentioned, 0 denied: either way the report names no such finding.
                _ => {}
            }
        }
        if present.is_empty() {
            present.push("No Finding");
        }
        let separator = SEPARATOR.to_string();
        (present.join(&separator), unknown.join(&separator))
    }

    /// How uncertain findings count, for a note.
    fn uncertain_text(&self) -> &'static str {
        match self.1 {
            Uncertain::Ignore => "is not known",
            Uncertain::Positive => "is present",
            Uncertain::Negative => "is absent",
        }
    }
}

fn chexpert(table: &Table, columns: &Named, uncertain: Uncertain) -> Reading {
    let findings = ReportColumns::of(table, uncertain);
    let mut reading = Reading::of(table, |cells| {
        let path = columns.text(cells, "path");
        let (label, unknown) = findings.labels(cells);
        let lateral = columns.get(cells, "frontal/lateral") == "Lateral";
        Record {
            patient_id: patient_in(&path).unwrap_or_default().to_owned(),
            path,
            label,
            unknown,
            view: match lateral {
                true => "Lateral".to_owned(),
                false => columns.text(cells, "ap/pa"),
            },
            sex: columns.text(cells, "sex"),
            age: columns.text(cells, "age"),
            ..Record::default()
        }
    });
    reading.several = true;
    reading.notes.push(format!(
        "read as CheXpert: any number of findings a film, patients from the path, blank is absent, -1 {} \
         (--uncertain)",
        findings.uncertain_text()
    ));
    reading
}

/// BRAX (Reis et al. 2022, doi:10.1038/s41597-022-01608-8).
fn brax(table: &Table, columns: &Named, uncertain: Uncertain) -> Reading {
    let findings = ReportColumns::of(table, uncertain);
    let mut reading = Reading::of(table, |cells| {
        let (label, unknown) = findings.labels(cells);
        Record {
            path: columns.text(cells, "pngpath"),
            label,
            unknown,
            patient_id: columns.text(cells, "patientid"),
            view: columns.text(cells, "viewposition"),
            sex: columns.text(cells, "patientsex"),
            age: columns.text(cells, "patientage"),
            ..Record::default()
        }
    });
    reading.several = true;
    reading.notes.push(format!(
        "read as BRAX: any number of findings a film, films from `PngPath`, blank is absent, -1 {} \
         (--uncertain)",
        findings.uncertain_text()
    ));
    reading
}

/// CheXpert's folder of a patient.
fn patient_in(path: &str) -> Option<&str> {
    path.split(['/', '\\']).find(|part| {
        part.strip_prefix("patient").is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    })
}

fn ieee8023(table: &Table, columns: &Named) -> Reading {
    let mut reading = Reading::of(table, |cells| {
        let finding = columns.get(cells, "finding");
        let label = finding.rsplit('/').next().unwrap_or(finding).trim();
        let open = ["todo", "unknown"].contains(&label.to_lowercase().as_str());
        let (folder, name) = (columns.get(cells, "folder"), columns.get(cells, "filename"));
        Record {
            path: match is_missing(folder) || name.is_empty() {
                true => name.to_owned(),
                false => format!("{folder}/{name}"),
            },
            label: if open { "" } else { label }.to_owned(),
            patient_id: columns.text(cells, "patientid"),
            source: columns.text(cells, "location"),
            view: columns.text(cells, "view"),
            sex: columns.text(cells, "sex"),
            age: columns.text(cells, "age"),
            ..Record::default()
        }
    });
    let others = reading.leave_out(table, |cells| {
        let modality = columns.get(cells, "modality");
        (!is_radiograph(modality)).then(|| format!("its modality is {modality}, not X-ray"))
    });
    let others = match others {
        0 => String::new(),
        count => format!(", {count} rows of another modality than X-ray left out"),
    };
    reading.notes.push(format!(
        "read as ieee8023's covid-chestxray-dataset: the label is the last part of `finding`, patients \
         from `patientid`, sources from `location`{others}"
    ));
    reading
}

fn is_radiograph(modality: &str) -> bool {
    let plain = modality.to_lowercase().replace(['-', ' '], "");
    is_missing(modality) || ["xray", "cr", "dx", "rx"].contains(&plain.as_str())
}

fn rsna(table: &Table, columns: &Named) -> Reading {
    let target = columns.have(&["target"]);
    let mut reading = Reading::of(table, |cells| {
        let patient = columns.text(cells, "patientid");
        let label = match columns.get(cells, "target") {
            "1" | "1.0" => "Pneumonia",
            "0" | "0.0" => "No pneumonia",
            other if target => other,
            _ => columns.get(cells, "class"),
        };
        Record {
            path: patient.clone(),
            label: label.to_owned(),
            patient_id: patient,
            ..Record::default()
        }
    });
    // One row for each box drawn on a film: its label is said as often.
    let mut said = std::collections::HashSet::new();
    reading.records.retain(|(_, record)| match record {
        Ok(record) => said.insert((record.path.clone(), record.label.clone())),
        Err(_) => true,
    });
    reading.notes.push(format!(
        "read as RSNA's pneumonia challenge: the label is `{}`, films by name anywhere below the table; \
         each film counts as a patient, although one of the NIH's patients may have several",
        if target { "Target" } else { "class" }
    ));
    reading
}

/// Reads a list of COVIDx: `patient file class` and perhaps the source on every line, separated by
/// spaces, which the file's name may have too.
///
/// # Errors
///
/// One line: no line has that form.
pub(super) fn read_list(bytes: &[u8]) -> Result<Reading, String> {
    let read = text::decode(bytes);
    let lines = read.text.lines().enumerate();
    let records: Vec<(u64, Result<Record, String>)> = lines
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let record = listed(line).ok_or_else(|| {
                format!("expected a patient, a file, a class and perhaps a source, found `{line}`")
            });
            (index as u64 + 1, record)
        })
        .collect();
    if !records.iter().any(|(_, record)| record.is_ok()) {
        return Err(
            "expected a list as COVIDx has them, lines of a patient, a file, a class and perhaps a \
             source, found none"
                .into(),
        );
    }
    Ok(Reading {
        records,
        anywhere: true,
        notes: vec![
            "read as a COVIDx list: patient, file, class and source of every line, films by name \
             anywhere below the list"
                .into(),
        ],
        ..Reading::default()
    })
}

fn listed(line: &str) -> Option<Record> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_class = |word: &&str| COVIDX.contains(&word.to_lowercase().as_str());
    let [patient, rest @ ..] = words.as_slice() else {
        return None;
    };
    let (file, class, source) = match rest {
        [file @ .., class] if is_class(class) => (file, class, ""),
        [file @ .., class, source] if is_class(class) => (file, class, *source),
        _ => return None,
    };
    (!file.is_empty()).then(|| Record {
        path: file.join(" "),
        label: (*class).to_owned(),
        patient_id: (*patient).to_owned(),
        source: source.to_owned(),
        ..Record::default()
    })
}

#[cfg(test)]
mod tests;
