//! `plainfilm export`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::bundle::{ModelHeader, bundled};
use plainfilm::dataset::phantom::{PhantomSettings, draw};
use plainfilm::dataset::{Dataset, DatasetOptions, FilmSubset, stream_films};
use plainfilm::lungs::BundledLungs;
use plainfilm::radiograph::Plane;
use plainfilm::train::RunFolder;
use plainfilm_export::{Films, Format, Parity, Precision, Request, Written, verify, write};

use crate::args::{ExportArgs, TableFormat};
use crate::exit::{Exit, UsageError};
use crate::inputs::model_file;
use crate::print::table::{Align, render};
use crate::printer::{Printer, Style};
use crate::progress::counter;
use crate::settings::{available_threads, use_threads};

/// Films that a file is checked with, at most.
const MOST: usize = 100;

/// Drawn films, where no others are at hand.
const DRAWN: usize = 16;

/// Exports a model, or checks an exported file again.
///
/// # Errors
///
/// When model or films cannot be read, or the file cannot be written or read.
pub fn run(args: &ExportArgs, printer: &Printer) -> anyhow::Result<Exit> {
    use_threads(args.threads.unwrap_or_else(available_threads))?;
    let device = plainfilm::device::parse("cpu")?;
    let model = args.model.as_deref().or(args.against.as_deref());
    let file = match model {
        Some(path) => model_file(path)?,
        None => bundled()?,
    };
    let films = films(args, model, &file.header, printer)?;
    if let Some(path) = &args.verify {
        let parity = verify(path, &file, &films, &device)?;
        let bytes = std::fs::metadata(path).map_or(0, |found| found.len());
        return Ok(print(
            args,
            std::slice::from_ref(path),
            bytes,
            Some(&parity),
            printer,
        ));
    }
    let format = Format::from(
        args.to
            .ok_or_else(|| UsageError("--to: which format?".to_owned()))?,
    );
    let request = Request {
        format,
        precision: args.precision.into(),
        interface: args.input.into(),
    };
    let output = match &args.output {
        Some(path) => path.clone(),
        None => default_output(model, format),
    };
    if request.precision == Precision::Int8 && !films.calibrate {
        return Err(UsageError(
            "--precision int8: numbers of 8 bits are chosen by films like those to come\n\
             hint: --calibrate DATA names some, such as the training films"
                .to_owned(),
        )
        .into());
    }
    let bar = counter(printer, "exporting", 0);
    let written = write(file, request, &films, &output, &device, &|what| {
        bar.set_message(what.to_owned());
    });
    bar.finish_and_clear();
    let Written {
        files,
        bytes,
        parity,
    } = written?;
    Ok(print(args, &files, bytes, parity.as_ref(), printer))
}

/// The model's name with the format's ending, in the current folder.
fn default_output(model: Option<&Path>, format: Format) -> PathBuf {
    let name = model
        .and_then(Path::file_name)
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "plainfilm-bundled".to_owned());
    let name = name.split(".plainfilm").next().unwrap_or("model");
    PathBuf::from(format!("{name}.{format}"))
}

/// Films to check with: those that are named, else the run's own, else drawn ones.
fn films(
    args: &ExportArgs,
    model: Option<&Path>,
    header: &ModelHeader,
    printer: &Printer,
) -> anyhow::Result<Films> {
    let own = model.filter(|path| path.is_dir()).and_then(|path| {
        let settings = RunFolder::at(path).read_settings().ok()?;
        settings.data.exists().then_some(settings.data)
    });
    match (&args.calibrate, own) {
        (Some(path), _) => films_of(path, header, printer),
        // Data that have changed since are no reason not to export.
        (None, Some(path)) => films_of(&path, header, printer).or_else(|_| drawn(header)),
        (None, None) => drawn(header),
    }
}

/// Up to [`MOST`] films of a data set, evenly over all of it.
fn films_of(path: &Path, header: &ModelHeader, printer: &Printer) -> anyhow::Result<Films> {
    let dataset = Dataset::open(path, &DatasetOptions::default())?;
    let all = dataset.films.len();
    let count = all.min(MOST);
    let chosen: Vec<usize> = (0..count).map(|place| place * all / count).collect();
    let source = FilmSubset {
        of: &dataset,
        indices: chosen,
    };
    let bar = counter(printer, "reading films", count as u64);
    let mut planes = Vec::with_capacity(count);
    let preprocessing = &header.preprocessing;
    let done: Result<(), std::convert::Infallible> = stream_films(
        &source,
        |_, film| Ok(preprocessing.plane(&film, &BundledLungs)),
        |_, planes| Ok(planes.into_iter().map(Ok).collect()),
        |_, plane: Result<Plane, String>| {
            bar.inc(1);
            planes.extend(plane);
            ControlFlow::Continue(())
        },
    );
    bar.finish_and_clear();
    match done {
        Ok(()) => {}
        Err(never) => match never {},
    }
    if planes.is_empty() {
        anyhow::bail!(
            "{}: expected films that can be read, found none",
            path.display()
        );
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    let others = match count - planes.len() {
        0 => String::new(),
        more => format!(" ({more} more could not be read)"),
    };
    Ok(Films {
        from: format!(
            "{} films of {}{others}",
            planes.len(),
            name.to_string_lossy()
        ),
        planes,
        calibrate: true,
    })
}

fn drawn(header: &ModelHeader) -> anyhow::Result<Films> {
    let settings = PhantomSettings {
        count: DRAWN,
        ..PhantomSettings::default()
    };
    let plane = |index| {
        let film = draw(&settings, index).context("drawing films to check with")?;
        Ok(header.preprocessing.plane(&film, &BundledLungs))
    };
    Ok(Films {
        planes: (0..DRAWN).map(plane).collect::<anyhow::Result<_>>()?,
        from: format!("{DRAWN} drawn films"),
        calibrate: false,
    })
}

fn print(
    args: &ExportArgs,
    files: &[PathBuf],
    bytes: u64,
    parity: Option<&Parity>,
    printer: &Printer,
) -> Exit {
    match args.format {
        TableFormat::Json => {
            let paths: Vec<String> = files
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            let json = serde_json::json!({
                "files": paths,
                "bytes": bytes,
                "parity": parity,
                "holds": parity.map(Parity::holds),
                "notice": NOT_A_MEDICAL_DEVICE,
            });
            printer.data(&format!("{json:#}\n"));
        }
        TableFormat::Table => {
            printer.data(&table(files, bytes, parity));
        }
    }
    let holds = parity.is_none_or(Parity::holds);
    match parity {
        Some(_) if holds => {}
        Some(_) => printer.warning(
            "the file does not answer as the model does: do not use it\n\
             hint: a higher precision, or with int8 --calibrate with more films like those to come",
        ),
        None => printer.warning(
            "not checked: nothing here runs TensorFlow Lite; `python check.py FILE` beside it does",
        ),
    }
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
    match holds {
        true => Exit::Done,
        false => Exit::Failed,
    }
}

fn table(files: &[PathBuf], bytes: u64, parity: Option<&Parity>) -> String {
    let size = format!("{:.2} MB", bytes as f64 / 1e6);
    let mut rows = vec![vec!["size".to_owned(), size]];
    if let Some(parity) = parity {
        let largest = format!("{:.1e}", parity.largest_difference);
        let allowed = parity.tolerance.map_or_else(
            || "any: labels count".to_owned(),
            |most| format!("{most:.0e} allowed"),
        );
        let [ours, theirs] = parity.films_per_second;
        rows.extend([
            vec!["checked with".to_owned(), parity.films_from.clone()],
            vec!["read by".to_owned(), parity.reader.clone()],
            vec![
                "largest difference of p".to_owned(),
                format!("{largest} ({allowed})"),
            ],
            vec![
                "labels that flip".to_owned(),
                format!(
                    "{} of {} ({} allowed)",
                    parity.label_flips, parity.films, parity.most_flips
                ),
            ],
            vec![
                "films a second".to_owned(),
                format!("{ours:.0} here, {theirs:.0} from the file"),
            ],
        ]);
    }
    let mut beside: Vec<String> = files
        .iter()
        .skip(1)
        .map(|file| {
            file.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    beside.sort_unstable();
    if !beside.is_empty() {
        rows.push(vec!["beside it".to_owned(), beside.join(", ")]);
    }
    let name = files
        .first()
        .map(|file| file.display().to_string())
        .unwrap_or_default();
    render(
        &[("exported", Align::Left), (name.as_str(), Align::Left)],
        &rows,
    )
}
