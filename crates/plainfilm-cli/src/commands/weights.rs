//! `plainfilm weights`

use std::path::Path;

use plainfilm::model::NetworkSettings;
use plainfilm::weights::{
    ImportOptions, Imported, Published, WeightsFetch, fetch_weights, find_public, import,
    public_weights, verify_weights,
};

use crate::args::WeightsVerb;
use crate::exit::{Exit, UsageError};
use crate::print::set_aside::NAMED;
use crate::print::table::{Align, render};
use crate::printer::Printer;
use crate::progress::bytes_counter;

/// Runs one verb of `weights`.
///
/// # Errors
///
/// Whatever kept it from its result.
pub fn run(verb: WeightsVerb, printer: &Printer) -> anyhow::Result<Exit> {
    match verb {
        WeightsVerb::List => {
            printer.data(&list());
            Ok(Exit::Done)
        }
        WeightsVerb::Fetch {
            name,
            output,
            mirror,
        } => fetch(&name, &output, mirror, printer),
        WeightsVerb::Verify { file } => verify(&file, printer),
        WeightsVerb::Import {
            file,
            arch,
            output,
            scaling,
            classes,
            size,
        } => {
            let mut settings = NetworkSettings::published(arch.parse()?, usize::from(classes));
            if let Some(size) = size {
                settings.size = size;
            }
            let scaling = scaling.map(|text| text.parse()).transpose();
            let options = ImportOptions {
                scaling: scaling.map_err(|error| UsageError(format!("--scaling: {error}")))?,
                ..ImportOptions::default()
            };
            let imported = import(&file, &settings, &options)?;
            imported.save(&output)?;
            printer.data(&text(&imported, &output));
            Ok(Exit::Done)
        }
    }
}

fn list() -> String {
    let header = [
        ("name", Align::Left),
        ("network", Align::Left),
        ("checksum", Align::Left),
        ("licence", Align::Left),
        ("address", Align::Left),
    ];
    let rows: Vec<Vec<String>> = public_weights()
        .iter()
        .map(|weights| {
            vec![
                weights.name.to_owned(),
                weights.architecture.to_string(),
                match weights.checksum {
                    Published::Sha256(digits) => format!("SHA-256 {digits}…"),
                    Published::Md5(digits) => format!("MD5 {digits}"),
                },
                weights.licence.to_owned(),
                weights.address.to_owned(),
            ]
        })
        .collect();
    render(&header, &rows)
}

fn fetch(
    name: &str,
    folder: &Path,
    mirror: Option<String>,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let weights = find_public(name)?;
    let options = WeightsFetch {
        mirror,
        ..WeightsFetch::default()
    };
    let bar = bytes_counter(printer, "fetching");
    let fetched = fetch_weights(weights, folder, &options, &|bytes| bar.inc(bytes));
    bar.finish_and_clear();
    let fetched = fetched?;
    printer.data(&format!(
        "{}\n{}; it has the published checksum\nSHA-256 {}\nlicence {}\n",
        fetched.path.display(),
        if fetched.was_there {
            "there already"
        } else {
            "fetched"
        },
        fetched.sha256,
        weights.licence,
    ));
    printer.line(&format!(
        "start from it with `plainfilm train DATA --model {} --weights {}`",
        weights.architecture,
        fetched.path.display()
    ));
    Ok(Exit::Done)
}

fn verify(file: &Path, printer: &Printer) -> anyhow::Result<Exit> {
    let verified = verify_weights(file)?;
    printer.data(&format!("SHA-256 {}\n", verified.sha256));
    match (verified.compared_with, verified.wrong) {
        (Some(known), None) => {
            printer.data(&format!("right: {known}\n"));
            Ok(Exit::Done)
        }
        (_, Some(wrong)) => {
            printer.data(&format!("{wrong}\n"));
            Ok(Exit::Failed)
        }
        (None, None) => {
            printer.data("nothing is published for a file of this name\n");
            Ok(Exit::SomeSetAside)
        }
    }
}

/// What was imported, for stdout.
fn text(imported: &Imported, output: &Path) -> String {
    let record = &imported.record;
    let values: usize = imported
        .tensors
        .iter()
        .map(|tensor| tensor.values.len())
        .sum();
    let mut text = format!(
        "{}\n{} tensors, {values} values, of {} from {} ({})\nSHA-256 {}\nscaling {}: {}\nhead: {}\n",
        output.display(),
        imported.tensors.len(),
        record.architecture,
        record.file,
        record.format,
        record.sha256,
        record.scaling,
        record.scaling_known_from,
        if record.head {
            "came along"
        } else {
            "not in the file, or another one: training starts a fresh one"
        },
    );
    for change in &record.changes {
        text.push_str(&format!("changed: {change}\n"));
    }
    if !record.left_out.is_empty() {
        let named = record.left_out.len().min(NAMED);
        let rest = record.left_out.len() - named;
        text.push_str(&format!(
            "left out: {}",
            record.left_out[..named].join(", ")
        ));
        if rest > 0 {
            text.push_str(&format!(" and {rest} more"));
        }
        text.push('\n');
    }
    text
}
