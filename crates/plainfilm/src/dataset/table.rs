//! CSV and Parquet files as one plain table of text cells.

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// A table of text cells.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    /// Column names as the file has them.
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

/// One row of a table.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    /// For CSV the line it starts on (the header is line 1), for Parquet counted from 1.
    pub number: u64,
    /// As many cells as there are columns, or one line that says what is wrong.
    pub cells: Result<Vec<String>, String>,
}

impl Table {
    /// The position of the column `name`, whatever its case and with spaces or hyphens for
    /// underscores. The error is one line: the column is there twice.
    pub fn column(&self, name: &str) -> Result<Option<usize>, String> {
        let mut found = self
            .columns
            .iter()
            .enumerate()
            .filter(|(_, column)| normalised(column) == name);
        match (found.next(), found.next()) {
            (Some(_), Some((_, second))) => Err(format!(
                "expected one column `{name}`, found another: `{second}`"
            )),
            (first, _) => Ok(first.map(|(index, _)| index)),
        }
    }
}

fn normalised(column: &str) -> String {
    column.trim().to_lowercase().replace([' ', '-'], "_")
}

/// Reads CSV with a header row: a byte-order mark is skipped, the separator (`,`, `;` or tab) is
/// the one that the header has most of, quotes are as in RFC 4180, line ends are LF or CRLF. The
/// error is one line.
pub(super) fn from_csv(bytes: &[u8]) -> Result<Table, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("expected CSV in UTF-8, found UTF-16\nhint: save it as \"CSV UTF-8\"".into());
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(bytes))
        .from_reader(bytes);
    let mut records = reader.byte_records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(error)) => return Err(error.to_string()),
        None => return Err("expected a header row, found an empty file".into()),
    };
    let columns: Vec<String> = header
        .iter()
        .map(|cell| String::from_utf8_lossy(cell).trim().to_owned())
        .collect();
    let mut rows = Vec::new();
    for (index, record) in records.enumerate() {
        let record = record.map_err(|error| error.to_string())?;
        let number = record
            .position()
            .map_or(index as u64 + 2, |position| position.line());
        rows.push(Row {
            number,
            cells: cells_of(&record, columns.len()),
        });
    }
    Ok(Table { columns, rows })
}

fn cells_of(record: &csv::ByteRecord, columns: usize) -> Result<Vec<String>, String> {
    // Spreadsheets pad short and long rows with empty cells.
    let extra = record.iter().skip(columns).any(|cell| !cell.is_empty());
    if record.len() < columns.min(2) || extra {
        return Err(format!(
            "expected {columns} columns, found {}",
            record.len()
        ));
    }
    (0..columns)
        .map(|column| {
            let cell = record.get(column).unwrap_or_default();
            std::str::from_utf8(cell)
                .map(|text| text.trim().to_owned())
                .map_err(|_| {
                    format!(
                        "expected text in UTF-8, found `{}`",
                        String::from_utf8_lossy(cell)
                    )
                })
        })
        .collect()
}

/// The separator that the header line has most of outside quotes; a comma when it has none.
fn separator(bytes: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for &byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if !quoted => {
                if let Some((_, count)) = counts.iter_mut().find(|(mark, _)| *mark == byte) {
                    *count += 1;
                }
            }
            _ => {}
        }
    }
    // `max_by_key` takes the last of equals: reversed, a comma wins a tie.
    counts
        .iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(b',', |(mark, _)| *mark)
}

/// Reads a Parquet file: text, whole numbers, floats and booleans become text, nulls become empty.
/// The error is one line.
pub(super) fn from_parquet(bytes: Vec<u8>) -> Result<Table, String> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes))
        .map_err(|error| format!("expected a Parquet file: {error}"))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let columns: Vec<String> = schema
        .root_schema()
        .get_fields()
        .iter()
        .map(|field| field.name().to_owned())
        .collect();
    let mut rows = Vec::new();
    let records = reader
        .get_row_iter(None)
        .map_err(|error| error.to_string())?;
    for (index, record) in records.enumerate() {
        let number = index as u64 + 1;
        let record = record.map_err(|error| format!("row {number}: {error}"))?;
        let cells = record
            .get_column_iter()
            .map(|(_, field)| text_of(field))
            .collect();
        rows.push(Row {
            number,
            cells: Ok(cells),
        });
    }
    Ok(Table { columns, rows })
}

/// A value as text. Columns that are never asked for may hold anything: what has no plain text
/// form is shown as Parquet shows it.
fn text_of(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => text.trim().to_owned(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).trim().to_owned(),
        // Whole numbers in a float column, as pandas writes integers with gaps.
        Field::Double(value) if value.is_nan() => String::new(),
        Field::Float(value) if value.is_nan() => String::new(),
        Field::Double(value) => value.to_string(),
        Field::Float(value) => value.to_string(),
        other => other.to_string(),
    }
}
