//! `plainfilm data import-dicom`

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use plainfilm::dataset::dicom::{DicomChoice, Salt, films};
use plainfilm::evaluate::counted;

use crate::exit::Exit;
use crate::print::set_aside::print_lines;
use crate::printer::Printer;

/// What a manifest is called where nothing else is said.
const MANIFEST: &str = "manifest.csv";
/// The table of what is not in it, and why; beside it.
const LEFT_OUT: &str = "left_out.csv";

/// Writes the manifest of the DICOM films of a folder, or of those that a DICOMDIR lists.
pub fn run(
    from: &Path,
    output: Option<PathBuf>,
    all_views: bool,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let folder = match from.is_dir() {
        true => from,
        false => from.parent().unwrap_or(Path::new(".")),
    };
    // The manifest names its films from its own folder on.
    let manifest = output.unwrap_or_else(|| folder.join(MANIFEST));
    let manifest_folder = manifest.parent().unwrap_or(Path::new(""));
    let same = |path: &Path| {
        std::fs::canonicalize(if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        })
    };
    if same(manifest_folder).ok() != same(folder).ok() {
        bail!(
            "{}: expected a manifest in the films' own folder {}, whose paths it holds",
            manifest.display(),
            folder.display()
        );
    }
    let kept = manifest.with_extension("salt");
    let salt = match kept.exists() {
        true => Salt::kept(&kept)?,
        false => Salt::random().context("this system has no randomness")?,
    };
    let choice = DicomChoice {
        frontal_chest_only: !all_views,
        ..DicomChoice::default()
    };
    let mut found = films(from, &salt, &choice)?;
    // What an import before this one wrote is no film that is left out.
    let own = [manifest.as_path(), kept.as_path(), &folder.join(LEFT_OUT)].map(|path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    });
    found.left_out.retain(|path, _| !own.contains(path));
    if found.rows.is_empty() {
        let first = found.left_out.iter().next();
        let such = first.map_or(String::new(), |(path, reason)| {
            format!(
                "; {} left out, such as {path}: {reason}",
                found.left_out.len()
            )
        });
        bail!("{}: no DICOM film that can be used{such}", from.display());
    }
    if !kept.exists() {
        salt.keep(&kept)?;
    }
    found.write(&manifest)?;
    found.write_left_out(&folder.join(LEFT_OUT))?;
    let patients: std::collections::BTreeSet<&str> = found
        .rows
        .iter()
        .map(|row| row.patient_id.as_str())
        .filter(|patient| !patient.is_empty())
        .collect();
    let nameless = found.rows.iter().filter(|row| row.patient_id.is_empty());
    let nameless = match nameless.count() {
        0 => String::new(),
        count => format!(", {} of nobody that is named", counted(count, "film")),
    };
    printer.data(&format!(
        "{}\n{} of {}{nameless}; {} left out ({LEFT_OUT})\n",
        manifest.display(),
        counted(found.rows.len(), "film"),
        counted(patients.len(), "patient"),
        counted(found.left_out.len(), "file"),
    ));
    let reasons = found
        .left_out
        .iter()
        .map(|(path, reason)| format!("{path}: {reason}"))
        .collect::<Vec<_>>();
    print_lines(
        &format!("{} files were left out", reasons.len()),
        reasons.into_iter(),
        &format!(", in {LEFT_OUT}"),
        printer,
    );
    print_lines(
        &format!(
            "{} films have text drawn into them, which may name a person",
            found.burned_in.len()
        ),
        found.burned_in.clone().into_iter(),
        "",
        printer,
    );
    if found.rows.iter().all(|row| row.label.is_empty()) {
        printer.warning("no film has a label: DICOM holds none, so put one into the column `label`, or the films into a folder for each label");
    }
    printer.warning(&format!(
        "whoever has {} can find out who is who: do not hand it on, nor the films themselves, whose tags are as they were",
        kept.display()
    ));
    Ok(Exit::Done)
}
