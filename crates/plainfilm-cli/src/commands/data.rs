//! `plainfilm data`

use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use plainfilm::dataset::dicom::DeidentifyOptions;
use plainfilm::dataset::phantom::{self, PhantomSettings};
use plainfilm::dataset::public::{self, FetchOptions, FetchProgress};
use plainfilm::dataset::{Dataset, DatasetOptions, PatientOrigin};
use plainfilm::evaluate::{Presence, counted};

use super::{deidentify, import_dicom};
use crate::args::DataVerb;
use crate::exit::Exit;
use crate::print::many;
use crate::print::notes::print_notes;
use crate::print::set_aside::{print_names, print_set_aside};
use crate::print::table::{Align, render};
use crate::printer::{Printer, Style};
use crate::progress::{bytes_counter, counter};

/// Runs one verb of `data`.
///
/// # Errors
///
/// Whatever kept it from its result.
pub fn run(verb: DataVerb, printer: &Printer) -> anyhow::Result<Exit> {
    match verb {
        DataVerb::List => {
            list(printer);
            Ok(Exit::Done)
        }
        DataVerb::Fetch {
            name,
            output,
            mirror,
        } => fetch(&name, &folder_of(&name, output), mirror, printer),
        DataVerb::Verify { name, output } => verify(&name, &folder_of(&name, output), printer),
        DataVerb::Describe {
            data,
            labels,
            patient_pattern,
            reading,
        } => {
            let options = DatasetOptions {
                labels,
                patient_pattern,
                ..reading.options()
            };
            Ok(describe(&Dataset::open(&data, &options)?, printer))
        }
        DataVerb::ImportDicom {
            from,
            output,
            all_views,
        } => import_dicom::run(&from, output, all_views, printer),
        DataVerb::Deidentify {
            from,
            output,
            salt,
            shift_dates,
            allow_burned_in,
            keep_folders,
        } => {
            let options = DeidentifyOptions {
                allow_burned_in,
                shift_dates,
                keep_folders,
                ..DeidentifyOptions::default()
            };
            deidentify::run(&from, &output, salt, &options, printer)
        }
        DataVerb::Phantoms {
            output,
            count,
            size,
            shortcut,
            seed,
        } => {
            draw(
                &PhantomSettings {
                    count,
                    size,
                    seed,
                    shortcut,
                },
                &output,
                printer,
            )?;
            Ok(Exit::Done)
        }
    }
}

fn folder_of(name: &str, output: Option<PathBuf>) -> PathBuf {
    output.unwrap_or_else(|| Path::new("data").join(name))
}

fn list(printer: &Printer) {
    for dataset in public::catalogue() {
        let labels: Vec<String> = dataset
            .labels()
            .into_iter()
            .map(|(label, films)| format!("{films} {label}"))
            .collect();
        printer.data(&format!(
            "{}  {} ({})\n{}\nfrom {}\n",
            dataset.name,
            dataset.title,
            many::names(&labels, ", "),
            dataset.description,
            dataset.bases.join(" or "),
        ));
    }
}

/// Bytes and films on one bar; fed from several threads.
struct FetchBar(ProgressBar);

impl FetchProgress for FetchBar {
    fn started(&self, films: usize, known_bytes: u64) {
        self.0.set_message(format!("of {films} films"));
        self.0.set_length(known_bytes);
    }
    fn received(&self, bytes: u64) {
        self.0.inc(bytes);
    }
    fn settled(&self, path: &str) {
        self.0.set_message(path.to_owned());
    }
}

fn fetch(
    name: &str,
    folder: &Path,
    mirror: Option<String>,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let options = FetchOptions {
        mirror,
        ..FetchOptions::default()
    };
    let bar = FetchBar(bytes_counter(printer, "fetching"));
    let result = public::fetch(name, folder, &options, &bar);
    bar.0.finish_and_clear();
    let report = result?;
    printer.data(&format!(
        "{}\n{} films fetched, {} there already, {} missing, {} failed\n{} match a published \
         checksum; of {} no checksum is published: theirs is recorded in {} for later checks\n",
        report.folder.display(),
        report.fetched,
        report.present,
        report.missing.len(),
        report.failed.len(),
        report.checksummed,
        report.recorded,
        public::LOCK_FILE,
    ));
    print_names("missing at the address", &report.missing, printer);
    print_set_aside(&report.failed, false, printer);
    Ok(Exit::after(report.missing.len() + report.failed.len()))
}

fn verify(name: &str, folder: &Path, printer: &Printer) -> anyhow::Result<Exit> {
    let report = public::verify(name, folder)?;
    printer.data(&format!(
        "{}\n{} films match a published checksum, {} are as first fetched, {} decode but have no \
         checksum, {} missing, {} changed\n",
        folder.display(),
        report.published,
        report.as_first_fetched,
        report.unchecked.len(),
        report.missing.len(),
        report.changed.len(),
    ));
    print_names("missing", &report.missing, printer);
    print_set_aside(&report.changed, false, printer);
    Ok(if report.is_sound() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Draws synthetic films into a folder.
///
/// # Errors
///
/// When a setting is out of range or the folder cannot be written.
pub fn draw(settings: &PhantomSettings, folder: &Path, printer: &Printer) -> anyhow::Result<()> {
    let bar = counter(printer, "drawing", settings.count as u64);
    phantom::generate(settings, folder, &|done, _| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    printer.line(&format!(
        "{} synthetic films in {}",
        settings.count,
        folder.display()
    ));
    Ok(())
}

/// Which findings there are, where a film may have any number of them.
fn findings_text(dataset: &Dataset) -> String {
    let header = [
        ("finding", Align::Left),
        ("films", Align::Right),
        ("without", Align::Right),
        ("unknown", Align::Right),
    ];
    let rows: Vec<Vec<String>> = dataset
        .findings
        .iter()
        .enumerate()
        .map(|(finding, name)| {
            let count = |presence| {
                let films = dataset.films.iter();
                let counted = films.filter(|film| film.findings[finding] == presence);
                counted.count().to_string()
            };
            let counts = [Presence::Present, Presence::Absent, Presence::Unknown].map(count);
            [vec![name.clone()], counts.to_vec()].concat()
        })
        .collect();
    format!("\n{}", render(&header, &rows))
}

fn describe(dataset: &Dataset, printer: &Printer) -> Exit {
    print_notes(dataset, printer);
    let header = [
        ("label", Align::Left),
        ("films", Align::Right),
        ("patients", Align::Right),
    ];
    let (films, patients) = (dataset.films_per_label(), dataset.patients_per_label());
    let rows: Vec<Vec<String>> = dataset
        .labels
        .iter()
        .zip(films.iter().zip(&patients))
        .map(|(label, (films, patients))| {
            vec![label.clone(), films.to_string(), patients.to_string()]
        })
        .collect();
    printer.data(&render(&header, &rows));
    if !dataset.findings.is_empty() {
        printer.data(&findings_text(dataset));
    }
    let everyone: std::collections::BTreeSet<&str> = dataset
        .films
        .iter()
        .map(|film| film.patient_id.as_str())
        .collect();
    let by_label: usize = patients.iter().sum();
    let origin = match dataset.patients {
        PatientOrigin::Manifest => "patients as the manifest names them",
        PatientOrigin::Pattern => "patients read from file names",
        PatientOrigin::NearDuplicates => {
            "nothing names the patients: groups of near-duplicate films stand in for them"
        }
    };
    printer.sentence(&format!(
        "\n{} of {}, {} of them under more than one label; {origin}",
        counted(dataset.films.len(), "film"),
        counted(everyone.len(), "patient"),
        by_label - everyone.len().min(by_label),
    ));
    if dataset.synthetic {
        printer.data("the films are synthetic\n");
    }
    if !dataset.ignored.is_empty() {
        let text = format!("{} other files were not looked at", dataset.ignored.len());
        printer.line(&printer.styled(Style::Dim, &text));
    }
    print_set_aside(&dataset.set_aside, false, printer);
    Exit::after(dataset.set_aside.len())
}
