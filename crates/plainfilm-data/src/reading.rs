//! A table of films in the words of a manifest, whoever's table it was.

use super::table::Table;

/// One row; empty where the table does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub path: String,
    pub label: String,
    pub unknown: String,
    pub patient_id: String,
    pub source: String,
    pub view: String,
    pub sex: String,
    pub age: String,
    pub synthetic: String,
    pub mask: String,
    pub split: String,
}

/// All that a table says.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// With their number; the error is one line that says why a row cannot be read.
    pub records: Vec<(u64, Result<Record, String>)>,
    /// Whether a film may show several findings although no label is a list.
    pub several: bool,
    /// Whether films may be anywhere below the table, under the end of their path.
    pub anywhere: bool,
    /// Rows that are no films of the chest, with the reason.
    pub left_out: Vec<(String, String)>,
    /// What the user should know of how it was read.
    pub notes: Vec<String>,
}

impl Reading {
    /// Every row as `record` puts it.
    pub fn of(table: &Table, record: impl Fn(&[String]) -> Record) -> Self {
        let rows = table.rows.iter();
        let records = rows.map(|row| {
            let cells = row.cells.as_ref();
            (
                row.number,
                cells.map(|cells| record(cells)).map_err(Clone::clone),
            )
        });
        Self {
            records: records.collect(),
            ..Self::default()
        }
    }

    /// Leaves out the rows of which `why` has a reason, and says how many they are. A row that cannot be read stays.
    pub fn leave_out(&mut self, table: &Table, why: impl Fn(&[String]) -> Option<String>) -> usize {
        let before = self.left_out.len();
        let records = std::mem::take(&mut self.records);
        for (row, (number, record)) in table.rows.iter().zip(records) {
            let reason = row.cells.as_ref().ok().and_then(|cells| why(cells));
            match (record, reason) {
                (Ok(record), Some(reason)) => self.left_out.push((record.path, reason)),
                (record, _) => self.records.push((number, record)),
            }
        }
        self.left_out.len() - before
    }
}
