//! The first sheet of an Excel workbook (`.xlsx`) as a plain table of text cells.

use std::collections::BTreeMap;
use std::io::Cursor;

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

use super::table::{Row, Table};

/// What all parts of a workbook may take when unpacked, in bytes: its texts are held in memory.
const MOST_UNPACKED: u64 = 1 << 30;
/// Columns that a table of films may have; a sheet has up to 16,384.
const MOST_COLUMNS: u32 = 4_096;
/// From here on a spreadsheet keeps no longer all digits of a whole number.
const FIRST_ROUNDED: f64 = 1e15;
/// Values in all cells together.
const MOST_CELLS: usize = 50_000_000;

/// Reads the first sheet; its first row that holds anything is the header. Numbers are written as a table of text
/// has them, whole ones without a point. The error is one line.
pub(super) fn read(bytes: &[u8]) -> Result<Table, String> {
    let refuse = |error: &dyn std::fmt::Display| format!("expected an Excel workbook: {error}");
    let mut parts = ZipArchive::new(Cursor::new(bytes)).map_err(|error| refuse(&error))?;
    let mut unpacked = 0_u64;
    for index in 0..parts.len() {
        let part = parts.by_index_raw(index).map_err(|error| refuse(&error))?;
        unpacked = unpacked.saturating_add(part.size());
    }
    if unpacked > MOST_UNPACKED {
        return Err(format!(
            "expected a workbook of at most {MOST_UNPACKED} bytes when unpacked, found {unpacked}"
        ));
    }
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| refuse(&error))?;
    let sheet = book.sheet_names().into_iter().next();
    let sheet = sheet.ok_or("expected a workbook with a sheet, found none")?;
    let mut cells = book
        .worksheet_cells_reader(&sheet)
        .map_err(|error| refuse(&error))?;
    // Cells as they come, for a sheet may claim to be larger than memory.
    let mut rows: BTreeMap<u32, Vec<(u32, String)>> = BTreeMap::new();
    let mut count = 0;
    while let Some(cell) = cells.next_cell().map_err(|error| refuse(&error))? {
        let (row, column) = cell.get_position();
        let text = text(cell.get_value()).map_err(|number| {
            format!(
                "row {}: expected numbers of at most 15 digits, found {number}, which spreadsheets round\n\
                 hint: keep identifiers as text",
                row + 1
            )
        })?;
        if text.is_empty() {
            continue;
        }
        count += 1;
        if column >= MOST_COLUMNS || count > MOST_CELLS {
            return Err(format!(
                "expected at most {MOST_COLUMNS} columns and {MOST_CELLS} filled cells, found more"
            ));
        }
        rows.entry(row).or_default().push((column, text));
    }
    let Some((_, header)) = rows.pop_first() else {
        return Err("expected a header row, found an empty sheet".into());
    };
    let width = header.iter().map(|(column, _)| column + 1).max();
    let width = width.unwrap_or_default() as usize;
    let rows = rows
        .into_iter()
        .map(|(row, cells)| Row {
            number: u64::from(row) + 1,
            cells: spread(cells, width),
        })
        .collect();
    Ok(Table {
        columns: spread(header, width)?,
        rows,
        encoding: None,
    })
}

/// Cells in their columns, with empty ones between. The error is one line: there are more than the header names.
fn spread(cells: Vec<(u32, String)>, width: usize) -> Result<Vec<String>, String> {
    let mut row = vec![String::new(); width];
    for (column, text) in cells {
        match row.get_mut(column as usize) {
            Some(cell) => *cell = text,
            None => {
                return Err(format!("expected {width} columns, found {}", column + 1));
            }
        }
    }
    Ok(row)
}

/// A cell's text. The error is a number that is no longer exact.
fn text(value: &DataRef<'_>) -> Result<String, f64> {
    Ok(match value {
        DataRef::Float(number) if number.abs() >= FIRST_ROUNDED => return Err(*number),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.trim().to_owned()
        }
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Bool(truth) => truth.to_string(),
        // Days since 1900: nothing that is read of a film is a date.
        DataRef::DateTime(date) => date.as_f64().to_string(),
        DataRef::Error(_) | DataRef::Empty => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A workbook of one sheet, as the standard has it (ECMA-376).
    fn workbook(rows: &str, texts: &str) -> Vec<u8> {
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let related = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let package = "http://schemas.openxmlformats.org/package/2006";
        let parts = [
            (
                "[Content_Types].xml",
                format!("<Types xmlns=\"{package}/content-types\"/>"),
            ),
            (
                "_rels/.rels",
                format!(
                    "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"rId1\" \
                     Type=\"{related}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                "xl/workbook.xml",
                format!(
                    "<workbook xmlns=\"{main}\" xmlns:r=\"{related}\"><sheets>\
                     <sheet name=\"Films\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "<Relationships xmlns=\"{package}/relationships\">\
                     <Relationship Id=\"rId1\" Type=\"{related}/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
                     <Relationship Id=\"rId2\" Type=\"{related}/sharedStrings\" Target=\"sharedStrings.xml\"/>\
                     </Relationships>"
                ),
            ),
            (
                "xl/sharedStrings.xml",
                format!("<sst xmlns=\"{main}\">{texts}</sst>"),
            ),
            (
                "xl/worksheets/sheet1.xml",
                format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>"),
            ),
        ];
        let mut writer = zip::ZipWriter::new(Cursor::new(vec![]));
        for (name, text) in parts {
            let options = zip::write::SimpleFileOptions::default();
            writer.start_file(name, options).unwrap();
            let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{text}");
            writer.write_all(declared.as_bytes()).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn the_first_sheet_is_a_table_with_its_gaps_and_whole_numbers() {
        let texts =
            "<si><t>path</t></si><si><t>label</t></si><si><t>a.png</t></si><si><t>étendu</t></si>";
        let rows = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v></c>\
                    <c r=\"C1\" t=\"inlineStr\"><is><t>age</t></is></c></row>\
                    <row r=\"2\"><c r=\"A2\" t=\"s\"><v>2</v></c><c r=\"B2\" t=\"s\"><v>3</v></c>\
                    <c r=\"C2\"><v>58</v></c></row>\
                    <row r=\"4\"><c r=\"B4\" t=\"b\"><v>1</v></c><c r=\"C4\"><v>0.5</v></c></row>\
                    <row r=\"5\"><c r=\"D5\"><v>1</v></c></row>";
        let table = read(&workbook(rows, texts)).unwrap();
        assert_eq!(table.columns, ["path", "label", "age"]);
        let cells: Vec<(u64, Result<Vec<&str>, &str>)> = table
            .rows
            .iter()
            .map(|row| {
                let cells = row.cells.as_ref().map_err(String::as_str);
                (
                    row.number,
                    cells.map(|cells| cells.iter().map(String::as_str).collect()),
                )
            })
            .collect();
        assert_eq!(
            cells,
            [
                (2, Ok(vec!["a.png", "étendu", "58"])),
                (4, Ok(vec!["", "true", "0.5"])),
                (5, Err("expected 3 columns, found 4")),
            ]
        );
    }

    #[test]
    fn what_is_no_workbook_or_claims_too_much_is_refused() {
        let far = workbook("<row r=\"1\"><c r=\"XFD1\"><v>1</v></c></row>", "");
        let rounded = workbook(
            "<row r=\"1\"><c r=\"A1\"><v>12345678901234567</v></c></row>",
            "",
        );
        let empty = workbook("", "");
        for (bytes, expected) in [
            (&b"path,label\n"[..], "expected an Excel workbook"),
            (&far, "expected at most 4096 columns"),
            (&rounded, "row 1: expected numbers of at most 15 digits"),
            (&empty, "found an empty sheet"),
            (&far[..far.len() / 2], "expected an Excel workbook"),
        ] {
            let reason = read(bytes).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
