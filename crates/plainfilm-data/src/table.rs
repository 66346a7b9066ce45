//! CSV and Parquet files, and Excel workbooks, as one plain table of text cells.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flate2::read::MultiGzDecoder;

use super::manifest::MAX_BYTES;
use super::{spreadsheet, text};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// A table of text cells.
#[derive(Debug, PartialEq)]
pub(super) struct Table {
    /// Column names as the file has them.
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
    /// What its text was in, where that is not UTF-8.
    pub encoding: Option<&'static str>,
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

/// What a gzip file holds, all its members (RFC 1952).
fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut table = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(MAX_BYTES + 1)
        .read_to_end(&mut table)
        .map_err(|error| format!("expected a gzip file: {error}"))?;
    match table.len() as u64 > MAX_BYTES {
        true => Err(format!(
            "expected a table of at most {MAX_BYTES} bytes when unpacked, found more"
        )),
        false => Ok(table),
    }
}

pub(super) fn normalised(column: &str) -> String {
    column.trim().to_lowercase().replace([' ', '-'], "_")
}

/// Reads Parquet, an Excel workbook or CSV, as the name ends, with `.gz` after it where it is packed. The error is one
/// line.
pub(super) fn by_name(name: &str, bytes: Vec<u8>) -> Result<Table, String> {
    let name = name.to_lowercase();
    if let Some(name) = name.strip_suffix(".gz") {
        return by_name(name, unpacked(&bytes)?);
    }
    if name.ends_with(".parquet") {
        from_parquet(bytes)
    } else if name.ends_with(".xlsx") {
        spreadsheet::read(&bytes)
    } else {
        from_csv(&bytes)
    }
}

/// Reads CSV with a header row: in any encoding that [`text::decode`] knows, the separator (`,`, `;` or
/// tab) is the one that the header has most of, quotes are as in RFC 4180, line ends are LF or CRLF.
/// The error is one line.
pub(super) fn from_csv(bytes: &[u8]) -> Result<Table, String> {
    let read = text::decode(bytes);
    let bytes = read.text.as_bytes();
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator(bytes))
        .from_reader(bytes);
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(error)) => return Err(error.to_string()),
        None => return Err("expected a header row, found an empty file".into()),
    };
    let columns: Vec<String> = header.iter().map(|cell| cell.trim().to_owned()).collect();
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
    Ok(Table {
        columns,
        rows,
        encoding: read.encoding,
    })
}

fn cells_of(record: &csv::StringRecord, columns: usize) -> Result<Vec<String>, String> {
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
            let cell = record.get(column).unwrap_or_default().trim();
            match cell.contains(char::REPLACEMENT_CHARACTER) {
                true => Err(format!("expected text in UTF-8, found `{cell}`")),
                false => Ok(cell.to_owned()),
            }
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
    // The reader asserts what a damaged file need not hold. Nothing of it is looked at afterwards.
    catch_unwind(AssertUnwindSafe(|| parquet_rows(bytes)))
        .unwrap_or_else(|_| Err("expected a Parquet file, found a damaged one".to_owned()))
}

fn parquet_rows(bytes: Vec<u8>) -> Result<Table, String> {
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
    Ok(Table {
        columns,
        rows,
        encoding: None,
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn rows(bytes: &[u8]) -> Vec<Vec<String>> {
        let table = from_csv(bytes).unwrap();
        assert_eq!(table.columns, ["path", "Label"]);
        table
            .rows
            .into_iter()
            .map(|row| row.cells.unwrap())
            .collect()
    }

    #[test]
    fn csv_is_read_in_every_usual_form() {
        let utf_16: Vec<u8> = "\u{feff}path,Label\na.png,x\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let cases: [&[u8]; 8] = [
            &utf_16,
            b"path,Label\na.png,x\n",
            b"\xef\xbb\xbfpath,Label\r\na.png,x\r\n",
            b"path;Label\na.png;x",
            b"path\tLabel\na.png\tx\n",
            b"\"path\",\"Label\"\n\"a.png\",\"x\"\n",
            b" path , Label \n a.png , x \n\n",
            b"path,Label\na.png,x,,\n",
        ];
        for bytes in cases {
            let shown = String::from_utf8_lossy(bytes);
            assert_eq!(rows(bytes), [["a.png", "x"]], "{shown}");
        }
        assert_eq!(
            rows(b"path,Label\n\"a, \"\"b\"\".png\",\"x;y\"\n"),
            [["a, \"b\".png", "x;y"]]
        );
    }

    #[test]
    fn a_bad_row_is_named_by_its_line_and_spoils_no_other() {
        let table =
            from_csv(b"path,label\n\xc3\xa9.png,x\n\xff.png,x\nb.png\nc.png,x,y\nd.png,x\n")
                .unwrap();
        let bad: Vec<u64> = table
            .rows
            .iter()
            .filter(|row| row.cells.is_err())
            .map(|row| row.number)
            .collect();
        assert_eq!(bad, [3, 4, 5]);
        assert_eq!(table.rows.len(), 5);
    }

    #[test]
    fn a_table_in_latin_1_was_refused_row_by_row() {
        let table = from_csv(b"path,label\na.png,Pneumopathie aigu\xeb\n").unwrap();
        assert_eq!(table.encoding, Some("windows-1252"));
        assert_eq!(
            table.rows[0].cells,
            Ok(vec!["a.png".to_owned(), "Pneumopathie aiguë".to_owned()])
        );
    }

    #[test]
    fn columns_are_found_in_any_spelling_and_only_once() {
        let table = from_csv(b"PATH,Patient ID,label,Label\n").unwrap();
        assert_eq!(table.column("path"), Ok(Some(0)));
        assert_eq!(table.column("patient_id"), Ok(Some(1)));
        assert_eq!(table.column("age"), Ok(None));
        assert!(table.column("label").unwrap_err().contains("`Label`"));
    }

    #[test]
    fn what_is_no_table_is_an_error() {
        assert!(from_csv(b"").unwrap_err().contains("empty file"));
        assert!(from_parquet(b"PAR1 no PAR1".to_vec()).is_err());
        assert!(from_parquet(Vec::new()).is_err());
    }

    #[test]
    fn parquet_values_become_text() {
        use parquet::column::writer::ColumnWriter;
        use parquet::data_type::ByteArray;
        use parquet::file::properties::WriterProperties;
        use parquet::file::writer::SerializedFileWriter;
        use parquet::schema::parser::parse_message_type;

        let schema = "message films {
            required binary path (STRING);
            required binary label (STRING);
            optional int64 patient_id;
            optional double age;
        }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties = Arc::new(WriterProperties::builder().build());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, properties).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column_number = 0;
        while let Some(mut column) = group.next_column().unwrap() {
            match column.untyped() {
                ColumnWriter::ByteArrayColumnWriter(texts) => {
                    let values = match column_number {
                        0 => ["a.png", "b.png"],
                        _ => ["x", "y"],
                    };
                    let values = values.map(ByteArray::from);
                    texts.write_batch(&values, None, None).unwrap();
                }
                ColumnWriter::Int64ColumnWriter(numbers) => {
                    numbers.write_batch(&[17], Some(&[1, 0]), None).unwrap();
                }
                ColumnWriter::DoubleColumnWriter(numbers) => {
                    let values = [45.0, f64::NAN];
                    numbers.write_batch(&values, Some(&[1, 1]), None).unwrap();
                }
                _ => unreachable!("the schema has no other column"),
            }
            column.close().unwrap();
            column_number += 1;
        }
        group.close().unwrap();
        writer.close().unwrap();

        let table = from_parquet(bytes).unwrap();
        assert_eq!(table.columns, ["path", "label", "patient_id", "age"]);
        let cells: Vec<_> = table
            .rows
            .into_iter()
            .map(|row| row.cells.unwrap())
            .collect();
        assert_eq!(cells, [["a.png", "x", "17", "45"], ["b.png", "y", "", ""]]);
    }
}
