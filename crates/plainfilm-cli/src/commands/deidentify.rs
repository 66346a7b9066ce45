//! `plainfilm data deidentify`

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use plainfilm::dataset::dicom::{DeidentifyOptions, Salt, deidentify};
use plainfilm::evaluate::counted;

use crate::exit::Exit;
use crate::print::set_aside::print_lines;
use crate::printer::Printer;

/// Writes a folder of DICOM films anew, without what identifies people.
///
/// # Errors
///
/// Where a folder cannot be read or written, or no film is left.
pub fn run(
    from: &Path,
    output: &Path,
    salt: Option<PathBuf>,
    options: &DeidentifyOptions,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let kept = salt.unwrap_or_else(|| from.join("manifest.salt"));
    let (salt, is_new) = match kept.exists() {
        true => (Salt::kept(&kept)?, false),
        false => (
            Salt::random().context("this system has no randomness")?,
            true,
        ),
    };
    // Before anything is written: films whose salt is lost can never be joined by others of the same patients.
    if is_new {
        salt.keep(&kept)?;
    }
    let films = deidentify(from, output, &salt, options)?;
    // Each by name: whoever hands films on must know which are missing.
    for (path, reason) in &films.refused {
        printer.line(&format!("{path}: refused: {reason}"));
    }
    if films.written.is_empty() {
        bail!(
            "{}: no DICOM film that could be written anew",
            from.display()
        );
    }
    printer.data(&format!(
        "{}\n{} written, {} refused\n",
        output.display(),
        counted(films.written.len(), "film"),
        counted(films.refused.len(), "file"),
    ));
    print_lines(
        &format!(
            "{} do not say whether text is drawn into them (Burned In Annotation): look at them",
            counted(films.may_be_burned_in.len(), "film")
        ),
        films.may_be_burned_in.iter().cloned(),
        "",
        printer,
    );
    printer.warning(&format!(
        "pixels are as they were, with anything drawn into them or written into their compressed form; whoever has {} \
         can find out who is who",
        kept.display()
    ));
    Ok(Exit::after(films.refused.len()))
}
