//! `plainfilm explain`

use std::ops::ControlFlow;
use std::path::Path;

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::dataset::{Dataset, FilmSource, Part, Split, stream_films};
use plainfilm::device::Precision;
use plainfilm::explain::{
    CheckDepth, ExplainSettings, ExplainedFilm, Explainer, FilmExplanation, FilmToExplain,
    LungMask, MeanEvidence, Method, MethodCheck, Target, summarise,
};
use plainfilm::lungs::BundledLungs;
use plainfilm::radiograph::Plane;
use plainfilm::report::mean_picture;
use plainfilm::train::RunFolder;
use rayon::prelude::*;

use crate::args::ExplainArgs;
use crate::args::explain::PartArg;
use crate::args::predict::PredictFormat;
use crate::exit::{Exit, UsageError};
use crate::inputs::{Model, expand, renames};
use crate::maps::{FilmMaps, MapWriter, Masks};
use crate::print::explained::{ExplainedRecord, Explanations, MethodLungs};
use crate::print::explained::{explained_csv, explained_text};
use crate::print::notes::print_notes;
use crate::printer::{Printer, Style};
use crate::progress::counter;
use crate::settings::{available_threads, use_threads};
use plainfilm::predict::{Probabilities, Status};

/// Films that methods are checked on, evenly spaced among all.
const CHECKED: usize = 8;

/// Explains films, writes their maps and prints one line for each.
///
/// # Errors
///
/// When the model or the data cannot be opened, an argument makes no sense, or a file cannot be written.
pub fn run(args: &ExplainArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let threads = args.threads.unwrap_or_else(available_threads);
    use_threads(threads)?;
    let (model, name) = model(&args.model)?;
    let settings = ExplainSettings {
        stage: args.stage.clone(),
        stretched: args.stretched,
        masks: args.rise_masks,
        seed: args.seed,
        ..ExplainSettings::default()
    };
    let methods = methods(args.methods.as_deref(), &model)?;
    if matches!(model, Model::Foreign(_)) && (args.stage.is_some() || args.stretched) {
        let reason = "--stage and --stretched: an ONNX model does not show the maps within it";
        return Err(UsageError(reason.to_owned()).into());
    }
    let explainer = model.explainer(&settings, &args.device, Precision::Float32, threads)?;
    explainer.check_methods(&methods)?;
    let target = explainer.target(args.class.as_deref())?;
    let masks = match &args.masks {
        Some(folder) => Masks::of_folder(folder)?,
        None => Masks::default(),
    };
    let dataset = args
        .data
        .as_deref()
        .map(|data| open_dataset(data, args, &explainer, printer))
        .transpose()?;
    let files = expand(&args.inputs)?;
    let films: &dyn FilmSource = match &dataset {
        Some(dataset) => dataset,
        None => &files,
    };
    if let Some(folder) = &args.masks {
        tell_masks(&masks, films, folder, printer);
    }
    let mut writer = MapWriter::new(&explainer, &methods, &args.output)?;
    writer.raw = args.raw;
    writer.pictures = !args.no_pictures;
    let mut work = Work {
        explainer: &explainer,
        films,
        dataset: dataset.as_ref(),
        masks: &masks,
        target,
        means: MeanEvidence::of_labels(
            &explainer.usage().labels,
            explainer.usage().preprocessing.size,
        ),
        films_by_method: vec![vec![]; methods.len()],
        records: vec![],
    };
    let mut checks = vec![];
    if args.check {
        checks = work.check(&methods, printer)?;
        let failed = checks.iter().filter(|check| check.failed());
        writer.failed = failed.map(|check| check.method).collect();
    }
    work.explain(&mut writer, args.format, printer)?;
    let lungs: Vec<MethodLungs> = methods
        .iter()
        .zip(&work.films_by_method)
        .map(|(&method, films)| MethodLungs {
            method,
            summary: summarise(films),
        })
        .collect();
    let set_aside = work
        .records
        .iter()
        .filter(|record| record.status == Status::SetAside)
        .count();
    if work.records.len() - set_aside > 1 {
        let line = format!(
            "{} of {} films, {}; each film counts alike",
            methods[0].title(),
            work.records.len() - set_aside,
            name
        );
        let picture = mean_picture(&line, &work.means)?;
        plainfilm::files::atomic_write(&args.output.join("mean-evidence.png"), &picture)?;
    }
    let output = Explanations {
        model: &name,
        labels: &explainer.usage().labels,
        settings: &settings,
        films: &work.records,
        lungs,
        checks,
        notice: NOT_A_MEDICAL_DEVICE,
    };
    let json = serde_json::to_string_pretty(&output)? + "\n";
    plainfilm::files::atomic_write(&args.output.join("explain.json"), json.as_bytes())?;
    match args.format {
        PredictFormat::Table => printer.data(&explained_text(&methods, &output)),
        PredictFormat::Csv => printer.data(&explained_csv(&methods, &output)?),
        PredictFormat::Json => {}
    }
    for check in &output.checks {
        for failure in &check.failures {
            printer.warning(&format!(
                "{} FAILED its check: {failure}",
                check.method.title()
            ));
        }
    }
    footer(&output, set_aside, args, printer);
    Ok(Exit::after(set_aside))
}

/// How many films have a mask in the folder that was given.
fn tell_masks(masks: &Masks, films: &dyn FilmSource, folder: &Path, printer: &Printer) {
    let all = films.len();
    let given = (0..all)
        .filter(|&index| masks.has(Path::new(&films.name(index))))
        .count();
    let line = format!("{given} of {all} films have a mask in {}", folder.display());
    match given {
        0 => printer.warning(&format!(
            "{line}: expected names as the films', with or without `_mask`"
        )),
        _ => printer.line(&line),
    }
}

/// The model that an argument names, and how messages call it.
fn model(argument: &str) -> anyhow::Result<(Model, String)> {
    let name = match argument == "bundled" && !Path::new(argument).exists() {
        true => "the bundled model".to_owned(),
        false => argument.to_owned(),
    };
    Ok((Model::at(Path::new(argument))?, name))
}

/// Methods by name, each once; `all` is all that the model can be explained by, and no name the usual one.
fn methods(names: Option<&[String]>, model: &Model) -> anyhow::Result<Vec<Method>> {
    let Some(names) = names else {
        return Ok(vec![model.usual_method()]);
    };
    let mut methods = vec![];
    for name in names.iter().map(|name| name.trim()) {
        let named = if name == "all" {
            model.methods()
        } else {
            let method = name.parse::<Method>();
            vec![method.map_err(|error| UsageError(format!("--methods: {error}")))?]
        };
        for method in named {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
    }
    Ok(methods)
}

/// The films of a data set to explain, with the model's labels.
fn open_dataset(
    data: &Path,
    args: &ExplainArgs,
    explainer: &Explainer,
    printer: &Printer,
) -> anyhow::Result<Dataset> {
    let dataset = Dataset::open(data, &args.reading.options())?;
    print_notes(&dataset, printer);
    let usage = explainer.usage();
    let renames = renames(&args.map)?;
    let mut dataset = if usage.findings.is_empty() {
        dataset.with_labels(&usage.labels, &renames)?
    } else {
        dataset.with_findings(&usage.labels, &renames)?
    };
    let split = RunFolder::at(Path::new(&args.model)).split_path();
    let is_test_part = match args.part {
        Some(PartArg::All) => false,
        Some(PartArg::Test) => true,
        None => split.is_file(),
    };
    if is_test_part {
        let mut parts = Split::read_csv(&dataset, &split)?.parts.into_iter();
        dataset.films.retain(|_| parts.next() == Some(Part::Test));
    }
    Ok(dataset)
}

/// What is known so far.
struct Work<'a> {
    explainer: &'a Explainer,
    films: &'a dyn FilmSource,
    /// The same films with their labels, where they have some.
    dataset: Option<&'a Dataset>,
    masks: &'a Masks,
    target: Target,
    means: Vec<MeanEvidence>,
    films_by_method: Vec<Vec<ExplainedFilm>>,
    records: Vec<ExplainedRecord>,
}

impl Work<'_> {
    /// Checks the methods on some of the films, with the label of each that its evidence is for.
    fn check(&self, methods: &[Method], printer: &Printer) -> anyhow::Result<Vec<MethodCheck>> {
        let every = self.films.len().div_ceil(CHECKED).max(1);
        let planes: Vec<Plane> = (0..self.films.len())
            .into_par_iter()
            .step_by(every)
            .filter_map(|index| self.films.film(index).ok())
            .map(|film| {
                self.explainer
                    .usage()
                    .preprocessing
                    .plane(&film, &BundledLungs)
            })
            .collect();
        if planes.is_empty() {
            return Ok(vec![]);
        }
        let labels: Vec<usize> = self
            .explainer
            .explain(&planes, self.target, &[])?
            .iter()
            .map(|film| film.label)
            .collect();
        let pixels = self.explainer.pixels(&planes);
        let bar = counter(printer, "checking", 1);
        let checks = self.explainer.check(
            &pixels,
            &labels,
            methods,
            CheckDepth::Everything,
            &|done, all| {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
            },
        )?;
        bar.finish_and_clear();
        Ok(checks)
    }

    /// Explains every film; JSON is printed as it comes.
    fn explain(
        &mut self,
        writer: &mut MapWriter<'_>,
        format: PredictFormat,
        printer: &Printer,
    ) -> anyhow::Result<()> {
        let Self {
            films,
            dataset,
            masks,
            target,
            ..
        } = *self;
        let bar = counter(printer, "explaining", films.len() as u64);
        stream_films(
            films,
            |index, film| {
                let mut lungs = masks.of(Path::new(&films.name(index)))?;
                if let (None, Some(dataset)) = (&lungs, dataset) {
                    lungs = LungMask::of_film(dataset, &dataset.films[index])?;
                }
                Ok(FilmToExplain { film, lungs })
            },
            |indices, readable| writer.explain(films, indices, readable, target),
            |index, explained| {
                let record = self.record(index, explained);
                if format == PredictFormat::Json {
                    let line = serde_json::to_string(&record);
                    printer.data(&(line.expect("text, finite numbers and null") + "\n"));
                }
                self.records.push(record);
                bar.inc(1);
                ControlFlow::Continue(())
            },
        )?;
        bar.finish_and_clear();
        Ok(())
    }

    /// Adds a film to the means and the lungs' shares, and says what became of it.
    fn record(
        &mut self,
        index: usize,
        explained: Result<(FilmExplanation, FilmMaps), String>,
    ) -> ExplainedRecord {
        let usage = self.explainer.usage();
        let path = self.films.name(index);
        let (film, maps) = match explained {
            Ok(film) => film,
            Err(reason) => {
                return ExplainedRecord {
                    path,
                    status: Status::SetAside,
                    label: None,
                    probabilities: None,
                    maps: None,
                    reason: Some(reason),
                };
            }
        };
        let explained = &film.explained;
        let first = &explained.evidence[0];
        MeanEvidence::add_to(&mut self.means, &film.plane, explained, first);
        let listed = self.dataset.map(|dataset| &dataset.films[index]);
        // Of films with findings one may be right and another wrong.
        let label = listed
            .filter(|_| usage.findings.is_empty())
            .map(|listed| listed.label);
        for (films, &lungs) in self.films_by_method.iter_mut().zip(&film.shares) {
            films.push(ExplainedFilm {
                patient: listed.map_or_else(|| path.clone(), |listed| listed.patient_id.clone()),
                truth: label.map(|label| usage.labels[label].clone()),
                source: listed.and_then(|listed| listed.source.clone()),
                right: label.map(|label| label == explained.predicted),
                lungs,
            });
        }
        ExplainedRecord {
            path,
            status: Status::Scored,
            label: Some(self.explainer.usage().answer(&explained.probabilities)),
            probabilities: Some(Probabilities::new(
                &usage.labels,
                explained.probabilities.clone(),
            )),
            maps: Some(maps),
            reason: None,
        }
    }
}

fn footer(output: &Explanations<'_>, set_aside: usize, args: &ExplainArgs, printer: &Printer) {
    let explained = output.films.len() - set_aside;
    let aside = if set_aside > 0 {
        format!(", {set_aside} set aside")
    } else {
        String::new()
    };
    printer.line(&format!(
        "maps    {}",
        printer.styled(Style::Bold, &args.output.display().to_string())
    ));
    let text = format!(
        "{explained} explained{aside} by {}. A map shows what a score depends on, not whether it is right. \
         x1.00 is chance. {NOT_A_MEDICAL_DEVICE}",
        output.model
    );
    printer.line(&printer.styled(Style::Dim, &text));
}
