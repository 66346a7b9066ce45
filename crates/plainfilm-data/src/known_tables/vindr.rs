//! VinDr-CXR (Nguyen et al. 2022, arXiv:2012.15029), as PhysioNet and as Kaggle's VinBigData challenge hand it out:
//! several radiologists read each training film, and what most of them saw counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Named, Reading, Record};
use crate::findings::SEPARATOR;
use crate::table::Table;
use plainfilm_figures::counted;

/// Columns of `image_labels_*.csv` that are no findings.
const NO_FINDINGS: [&str; 3] = ["image_id", "rad_id", "no_finding"];

/// What was said of a film.
#[derive(Default)]
struct Read {
    /// The row that named it first.
    row: u64,
    /// Who read it; one reader without a name where the table has none.
    readers: BTreeSet<String>,
    /// Who saw what.
    seen: BTreeMap<String, BTreeSet<String>>,
}

/// `image_labels_train.csv` and `image_labels_test.csv`: a row for each film and reader, a column of 0 and 1 for each finding.
pub(super) fn read(table: &Table, columns: &Named) -> Reading {
    let findings: Vec<(usize, &str)> = table
        .columns
        .iter()
        .enumerate()
        .map(|(column, name)| (column, name.trim()))
        .filter(|(_, name)| !NO_FINDINGS.contains(&crate::table::normalised(name).as_str()))
        .collect();
    by_most(table, columns, |cells| {
        let is_seen = |(column, _): &&(usize, &str)| cells[*column].parse() == Ok(1.0_f32);
        findings
            .iter()
            .filter(is_seen)
            .map(|(_, name)| (*name).to_owned())
            .collect()
    })
}

/// `train.csv` of the challenge: a row for each box that a reader drew, or that says that there was nothing to draw.
pub(super) fn read_boxes(table: &Table, columns: &Named) -> Reading {
    by_most(table, columns, |cells| {
        let name = columns.get(cells, "class_name");
        match name.eq_ignore_ascii_case("no finding") {
            true => vec![],
            false => vec![name.to_owned()],
        }
    })
}

/// One record a film, with what more than half of its readers saw.
fn by_most(table: &Table, columns: &Named, seen: impl Fn(&[String]) -> Vec<String>) -> Reading {
    let mut order: Vec<String> = vec![];
    let mut films: HashMap<String, Read> = HashMap::new();
    let mut reading = Reading::default();
    for row in &table.rows {
        let cells = match &row.cells {
            Ok(cells) => cells,
            Err(reason) => {
                reading.records.push((row.number, Err(reason.clone())));
                continue;
            }
        };
        let film = columns.text(cells, "image_id");
        let reader = columns.text(cells, "rad_id");
        let read = films.entry(film.clone()).or_insert_with(|| {
            order.push(film);
            Read {
                row: row.number,
                ..Read::default()
            }
        });
        for finding in seen(cells) {
            read.seen.entry(finding).or_default().insert(reader.clone());
        }
        read.readers.insert(reader);
    }
    let mut split_votes = 0;
    for film in order {
        let read = &films[&film];
        let most = |saw: &BTreeSet<String>| 2 * saw.len() > read.readers.len();
        let findings: Vec<&str> = read
            .seen
            .iter()
            .filter(|(_, saw)| most(saw))
            .map(|(name, _)| name.as_str())
            .collect();
        split_votes += usize::from(read.seen.values().any(|saw| saw.len() < read.readers.len()));
        let record = Record {
            path: film,
            label: match findings.as_slice() {
                [] => "No finding".to_owned(),
                findings => findings.join(&SEPARATOR.to_string()),
            },
            ..Record::default()
        };
        reading.records.push((read.row, Ok(record)));
    }
    reading.several = true;
    reading.notes.push(format!(
        "read as VinDr-CXR: any number of findings a film, those that more than half of its readers saw \
         (they differ on {split_votes} of {}); each film counts as a patient, since the table names none",
        counted(films.len(), "film")
    ));
    reading
}
