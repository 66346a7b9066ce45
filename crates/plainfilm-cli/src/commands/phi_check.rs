//! `plainfilm phi-check`

use plainfilm::dataset::dicom::{PhiCheck, phi_check};
use plainfilm::evaluate::counted;
use plainfilm::radiograph::Limits;

use crate::args::{PhiCheckArgs, TableFormat};
use crate::exit::{Exit, UsageError};
use crate::print::table::{Align, render};
use crate::printer::Printer;

/// Looks for identifying values, and prints where they are; never the values.
///
/// # Errors
///
/// Where a folder cannot be read, or there is nothing to look for.
pub fn run(args: &PhiCheckArgs, printer: &Printer) -> anyhow::Result<Exit> {
    for path in [&args.folder, &args.inputs] {
        if !path.exists() {
            return Err(UsageError(format!(
                "{}: there is no such file or folder",
                path.display()
            ))
            .into());
        }
    }
    let check = phi_check(&args.folder, &args.inputs, &Limits::default())?;
    match args.format {
        TableFormat::Json => printer.data(&json(&check)?),
        TableFormat::Table => print(&check, printer),
    }
    for (path, reason) in &check.unread {
        printer.warning(&format!("{path}: not looked into: {reason}"));
    }
    Ok(match (check.findings.is_empty(), check.unread.len()) {
        (false, _) => Exit::Failed,
        (true, unread) => Exit::after(unread),
    })
}

fn json(check: &PhiCheck) -> anyhow::Result<String> {
    let findings: Vec<_> = check
        .findings
        .iter()
        .map(|found| {
            serde_json::json!({
                "file": found.file,
                "kind": found.kind,
                "count": found.count,
                "in_name": found.in_name,
            })
        })
        .collect();
    let value = serde_json::json!({
        "films": check.films,
        "values": check.values,
        "too_short": check.too_short,
        "files": check.files,
        "unread": check.unread,
        "findings": findings,
    });
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

fn print(check: &PhiCheck, printer: &Printer) {
    if !check.findings.is_empty() {
        let header = [
            ("file", Align::Left),
            ("kind", Align::Left),
            ("where", Align::Left),
            ("count", Align::Right),
        ];
        let rows: Vec<Vec<String>> = check
            .findings
            .iter()
            .map(|found| {
                let place = if found.in_name { "its name" } else { "inside" };
                vec![
                    found.file.clone(),
                    found.kind.to_owned(),
                    place.to_owned(),
                    found.count.to_string(),
                ]
            })
            .collect();
        printer.data(&render(&header, &rows));
    }
    let verdict = match check.findings.len() {
        0 => "none was found".to_owned(),
        _ => {
            let files: std::collections::BTreeSet<&str> = check
                .findings
                .iter()
                .map(|found| found.file.as_str())
                .collect();
            format!("some are in {}", counted(files.len(), "file"))
        }
    };
    let short = match check.too_short {
        0 => String::new(),
        count => format!("; {count} of fewer than four characters were not looked for"),
    };
    printer.sentence(&format!(
        "{} of {} were looked for in {}: {verdict}{short}. What is compressed in a file (zip, Parquet, the text of a \
         PNG) was not unpacked.",
        counted(check.values, "value"),
        counted(check.films, "film"),
        counted(check.files, "file"),
    ));
}
