//! `plainfilm explain`

use std::path::Path;

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::bundle::{ModelFile, bundled};
use plainfilm::dataset::{Dataset, Film, Part, Split};
use plainfilm::explain::{
    CheckDepth, ExplainSettings, ExplainedFilm, Explainer, LungMask, MeanEvidence, Method,
    MethodCheck, Target, ToExplain, summarise,
};
use plainfilm::lungs::BundledLungs;
use plainfilm::radiograph::{Plane, Radiograph};
use plainfilm::report::mean_picture;
use plainfilm::train::RunFolder;
use rayon::prelude::*;

use crate::args::ExplainArgs;
use crate::args::explain::PartArg;
use crate::args::predict::PredictFormat;
use crate::exit::{Exit, UsageError};
use crate::inputs::{Input, expand, model_file, renames};
use crate::maps::{MapWriter, Masks, read};
use crate::print::explained::{ExplainedRecord, Explanations, MethodLungs};
use crate::print::explained::{explained_csv, explained_text};
use crate::print::notes::print_notes;
use crate::printer::{Printer, Style};
use crate::progress::counter;
use crate::records::{Probabilities, Status};
use crate::settings::{available_threads, use_threads};

/// Films decoded and explained together.
const CHUNK: usize = 16;
/// Films that methods are checked on, evenly spaced among all.
const CHECKED: usize = 8;

/// One film to explain.
enum Item<'a> {
    Input(Input),
    Film(&'a Film),
}

/// Explains films, writes their maps and prints one line for each.
///
/// # Errors
///
/// When the model or the data cannot be opened, an argument makes no sense, or a file cannot be written.
pub fn run(args: &ExplainArgs, printer: &Printer) -> anyhow::Result<Exit> {
    use_threads(args.threads.unwrap_or_else(available_threads))?;
    let (file, name) = model(&args.model)?;
    let methods = methods(&args.methods)?;
    let settings = ExplainSettings {
        stage: args.stage.clone(),
        stretched: args.stretched,
        masks: args.rise_masks,
        seed: args.seed,
        ..ExplainSettings::default()
    };
    let device = plainfilm::device::parse(&args.device)?;
    let explainer = Explainer::new(&file, &settings, &device)?;
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
    let items: Vec<Item<'_>> = match &dataset {
        Some((dataset, indices)) => indices
            .iter()
            .map(|&index| Item::Film(&dataset.films[index]))
            .collect(),
        None => expand(&args.inputs)?.into_iter().map(Item::Input).collect(),
    };
    let mut writer = MapWriter::new(&explainer, &methods, &args.output)?;
    writer.raw = args.raw;
    writer.pictures = !args.no_pictures;
    let mut work = Work {
        explainer: &explainer,
        dataset: dataset.as_ref().map(|(dataset, _)| dataset),
        masks: &masks,
        target,
        means: MeanEvidence::of_labels(
            &explainer.header().labels,
            explainer.header().preprocessing.size,
        ),
        films: vec![vec![]; methods.len()],
        records: vec![],
    };
    let mut checks = vec![];
    if args.check {
        checks = work.check(&items, &methods, printer)?;
        let failed = checks.iter().filter(|check| check.failed());
        writer.failed = failed.map(|check| check.method).collect();
    }
    let bar = counter(printer, "explaining", items.len() as u64);
    for chunk in items.chunks(CHUNK) {
        let from = work.records.len();
        work.explain(chunk, &mut writer)?;
        if args.format == PredictFormat::Json {
            for record in &work.records[from..] {
                printer.data(&(serde_json::to_string(record)? + "\n"));
            }
        }
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    let lungs: Vec<MethodLungs> = methods
        .iter()
        .zip(&work.films)
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
        labels: &explainer.header().labels,
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

/// The model that an argument names, and how messages call it.
fn model(argument: &str) -> anyhow::Result<(ModelFile, String)> {
    if argument == "bundled" && !Path::new(argument).exists() {
        return Ok((bundled()?, "the bundled model".to_owned()));
    }
    Ok((model_file(Path::new(argument))?, argument.to_owned()))
}

/// Methods by name, each once; `all` is all of them.
fn methods(names: &[String]) -> anyhow::Result<Vec<Method>> {
    let mut methods = vec![];
    for name in names.iter().map(|name| name.trim()) {
        let named = if name == "all" {
            Method::ALL.to_vec()
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

/// The data set with the model's labels, and the films of it to explain.
fn open_dataset(
    data: &Path,
    args: &ExplainArgs,
    explainer: &Explainer,
    printer: &Printer,
) -> anyhow::Result<(Dataset, Vec<usize>)> {
    let dataset = Dataset::open(data, &args.reading.options())?;
    print_notes(&dataset, printer);
    let header = explainer.header();
    let renames = renames(&args.map)?;
    let dataset = if header.findings.is_empty() {
        dataset.with_labels(&header.labels, &renames)?
    } else {
        dataset.with_findings(&header.labels, &renames)?
    };
    let split = RunFolder::at(Path::new(&args.model)).split_path();
    let indices = match args.part {
        Some(PartArg::All) => (0..dataset.films.len()).collect(),
        None if !split.is_file() => (0..dataset.films.len()).collect(),
        Some(PartArg::Test) | None => Split::read_csv(&dataset, &split)?.indices(Part::Test),
    };
    Ok((dataset, indices))
}

/// What is known so far.
struct Work<'a> {
    explainer: &'a Explainer,
    dataset: Option<&'a Dataset>,
    masks: &'a Masks,
    target: Target,
    means: Vec<MeanEvidence>,
    /// By method.
    films: Vec<Vec<ExplainedFilm>>,
    records: Vec<ExplainedRecord>,
}

impl Work<'_> {
    /// Checks the methods on some of the films, with the label of each that its evidence is for.
    fn check(
        &self,
        items: &[Item<'_>],
        methods: &[Method],
        printer: &Printer,
    ) -> anyhow::Result<Vec<MethodCheck>> {
        let every = items.len().div_ceil(CHECKED).max(1);
        let planes: Vec<Plane> = items
            .par_iter()
            .step_by(every)
            .filter_map(|item| self.read(item).1.ok())
            .map(|film| {
                self.explainer
                    .header()
                    .preprocessing
                    .plane(&film, &BundledLungs)
            })
            .collect();
        if planes.is_empty() {
            return Ok(vec![]);
        }
        let labels: Vec<usize> = self
            .explainer
            .explain(&planes, self.target, &[])
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

    fn explain(&mut self, items: &[Item<'_>], writer: &mut MapWriter<'_>) -> anyhow::Result<()> {
        let header = self.explainer.header();
        let read: Vec<(String, Result<_, String>)> = items
            .par_iter()
            .map(|item| {
                let (path, film) = self.read(item);
                let film = film.and_then(|film| {
                    let mut lungs = self.masks.of(Path::new(&path))?;
                    if let (None, Item::Film(listed), Some(dataset)) = (&lungs, item, self.dataset)
                    {
                        lungs = LungMask::of_film(dataset, listed)?;
                    }
                    Ok(ToExplain { film, lungs })
                });
                (path, film)
            })
            .collect();
        let (mut readable, mut reasons) = (vec![], vec![]);
        for (path, film) in read {
            match film {
                Ok(film) => {
                    readable.push(film);
                    reasons.push((path, None));
                }
                Err(reason) => reasons.push((path, Some(reason))),
            }
        }
        let mut looked = self
            .explainer
            .look_at(readable, self.target, writer.methods)
            .into_iter();
        let found: Vec<(String, Result<_, String>)> = reasons
            .into_iter()
            .map(|(path, reason)| {
                let result = match reason {
                    Some(reason) => Err(reason),
                    None => looked
                        .next()
                        .flatten()
                        .ok_or_else(|| "the film has no pixels".to_owned()),
                };
                (path, result)
            })
            .collect();
        let to_write: Vec<(&str, &_)> = found
            .iter()
            .filter_map(|(path, looked)| Some((path.as_str(), looked.as_ref().ok()?)))
            .collect();
        let mut written = writer.write(&to_write)?.into_iter();
        for (item, (path, looked)) in items.iter().zip(found) {
            let record = match looked {
                Err(reason) => ExplainedRecord {
                    path,
                    status: Status::SetAside,
                    label: None,
                    probabilities: None,
                    maps: None,
                    reason: Some(reason),
                },
                Ok(looked) => {
                    let explained = &looked.explained;
                    let first = &explained.evidence[0];
                    MeanEvidence::add_to(&mut self.means, &looked.plane, explained, first);
                    for (films, &lungs) in self.films.iter_mut().zip(&looked.shares) {
                        films.push(match item {
                            Item::Input(_) => ExplainedFilm {
                                patient: path.clone(),
                                truth: None,
                                source: None,
                                right: None,
                                lungs,
                            },
                            // Of films with findings one may be right and another wrong.
                            Item::Film(film) => {
                                let label = header.findings.is_empty().then_some(film.label);
                                ExplainedFilm {
                                    patient: film.patient_id.clone(),
                                    truth: label.map(|label| header.labels[label].clone()),
                                    source: film.source.clone(),
                                    right: label.map(|label| label == explained.predicted),
                                    lungs,
                                }
                            }
                        });
                    }
                    ExplainedRecord {
                        path,
                        status: Status::Scored,
                        label: Some(header.answer(&explained.probabilities)),
                        probabilities: Some(Probabilities::new(
                            &header.labels,
                            explained.probabilities.clone(),
                        )),
                        maps: written.next(),
                        reason: None,
                    }
                }
            };
            self.records.push(record);
        }
        Ok(())
    }

    /// A film, or why it cannot be read, under the name that outputs have for it.
    fn read(&self, item: &Item<'_>) -> (String, Result<Radiograph, String>) {
        match item {
            Item::Input(Input::Nothing { name, reason }) => (name.clone(), Err(reason.clone())),
            Item::Input(Input::File(path)) => (path.display().to_string(), read(path)),
            Item::Film(film) => {
                let dataset = self.dataset.expect("films come from the data set");
                (film.path.clone(), dataset.film(film))
            }
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
