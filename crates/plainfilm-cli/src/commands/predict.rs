//! `plainfilm predict`

use std::ops::ControlFlow;

use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::bundle::bundled;
use plainfilm::dataset::{FilmFiles, FilmSource, stream_films};
use plainfilm::explain::{ExplainSettings, FilmToExplain, Target};
use plainfilm::likeness::{GroupSample, GroupTest};
use plainfilm::predict::{
    FilmPrediction, FilmScore, NOT_SURE, OwnFilms, OwnFilmsIn, Predictor, Preparation, Status,
    examined_scores,
};
use serde::Serialize;

use crate::args::PredictArgs;
use crate::args::predict::PredictFormat;
use crate::exit::Exit;
use crate::inputs::{Model, expand};
use crate::maps::{FilmMaps, MapWriter, lung_cell};
use crate::print::doubts::print_doubts;
use crate::print::elsewhere::print_group;
use crate::print::many;
use crate::print::own_films::part_text;
use crate::print::table::{Align, render};
use crate::printer::{Printer, Style};
use crate::progress::counter;
use crate::settings::{available_threads, use_threads};

/// What a film is for which no label means anything.
const UNLIKE: &str = "unlike the training films";

/// What became of one input; its JSON is a stable output.
#[derive(Debug, Serialize)]
pub struct Prediction {
    #[serde(flatten)]
    film: FilmPrediction,
    /// With `--explain`.
    #[serde(flatten)]
    maps: Option<FilmMaps>,
}

impl Prediction {
    /// What makes the film doubtful, in words.
    fn looks(&self) -> Option<String> {
        let names: Vec<String> = self
            .film
            .doubts
            .iter()
            .map(|defect| defect.name().replace('_', " "))
            .collect();
        (!names.is_empty()).then(|| format!("looks {}", names.join(", ")))
    }

    /// How the film differs from the training films, in words.
    fn unlike(&self) -> Option<String> {
        let reasons = &self.film.unlike;
        (!reasons.is_empty()).then(|| format!("{UNLIKE}: {}", reasons.join(", ")))
    }

    /// Where the model had seen the film, and what makes it doubtful; empty where nothing is to be said.
    fn remarks(&self) -> String {
        let seen = self.film.seen().map(|part| part_text(part).to_owned());
        // What makes it unlike says more than the name of its defect.
        let differs = self.unlike().or_else(|| self.looks());
        let said: Vec<String> = seen.into_iter().chain(differs).collect();
        said.join("; ")
    }

    /// The reason, then the remarks, in one field.
    fn reason_and_remarks(&self) -> String {
        let parts = [self.film.reason.clone().unwrap_or_default(), self.remarks()];
        let said: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        said.join("; ")
    }
}

/// Scores films and prints one result for each.
pub fn run(args: &PredictArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let threads = args.threads.unwrap_or_else(available_threads);
    use_threads(threads)?;
    let model = match &args.model {
        Some(path) => Model::at(path)?,
        None => Model::Ours(Box::new(bundled()?)),
    };
    let predictor = model.predictor(&args.device, args.precision.into(), threads)?;
    let name = args.model.as_ref().map_or_else(
        || "the bundled model".to_owned(),
        |path| path.display().to_string(),
    );
    let Some(folder) = &args.explain else {
        return print_scores(&predictor, &name, &args.inputs, args.format, None, printer);
    };
    let settings = ExplainSettings::default();
    let explainer = model.explainer(&settings, &args.device, args.precision.into(), threads)?;
    let methods = [model.usual_method()];
    let mut writer = MapWriter::new(&explainer, &methods, folder)?;
    let exit = print_scores(
        &predictor,
        &name,
        &args.inputs,
        args.format,
        Some(&mut writer),
        printer,
    )?;
    printer.line(&format!(
        "maps    {}",
        printer.styled(Style::Bold, &folder.display().to_string())
    ));
    Ok(exit)
}

/// Scores inputs with a model that is already there, and prints the table alone.
///
/// # Errors
///
/// When stdin cannot be read.
pub fn print_table(
    predictor: &Predictor,
    inputs: &[String],
    printer: &Printer,
) -> anyhow::Result<()> {
    let inputs = expand(inputs)?;
    let (predictions, _) = score(predictor, &inputs, PredictFormat::Table, None, printer)?;
    printer.data(&table(predictor, &predictions));
    Ok(())
}

/// Scores inputs and prints them, with maps where there is somebody to write them.
///
/// `name` is how the last line calls the model.
fn print_scores(
    predictor: &Predictor,
    name: &str,
    inputs: &[String],
    format: PredictFormat,
    maps: Option<&mut MapWriter<'_>>,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let inputs = expand(inputs)?;
    let (predictions, group) = score(predictor, &inputs, format, maps, printer)?;
    let probabilities = predictions
        .iter()
        .filter_map(|p| p.film.probabilities.as_ref());
    let rows: Vec<Vec<f64>> = probabilities.map(|p| p.values().collect()).collect();
    print_doubts(predictor, rows.iter().map(Vec::as_slice), printer);
    if format == PredictFormat::Table {
        printer.data(&table(predictor, &predictions));
    }
    let set_aside = predictions
        .iter()
        .filter(|p| p.film.status == Status::SetAside)
        .count();
    if let Some(audit) = predictor.usage().audit.as_ref()
        && audit.verdict == plainfilm::audit::Status::Fail
    {
        printer.warning(&format!(
            "the audit of this model's training films failed. {}",
            audit.sentence
        ));
    }
    let scored = predictions.len() - set_aside;
    let unlike = predictions
        .iter()
        .filter(|one| !one.film.unlike.is_empty())
        .count();
    if unlike > 0 {
        printer.warning(&format!(
            "{unlike} of {scored} films are {UNLIKE}: the answer for them is “{NOT_SURE}”"
        ));
    }
    if let Some(group) = group.filter(GroupTest::is_elsewhere) {
        print_group(group, printer);
    }
    printer.line(&predictor.usage().operation_text());
    printer.line(&printer.styled(Style::Dim, &footer(predictor, name, &predictions)));
    Ok(Exit::after(set_aside))
}

/// Scores every input in order. JSON and CSV are printed as they come, so that a long list can be
/// followed and a closed pipe loses nothing that was read.
fn score(
    predictor: &Predictor,
    films: &FilmFiles,
    format: PredictFormat,
    maps: Option<&mut MapWriter<'_>>,
    printer: &Printer,
) -> anyhow::Result<(Vec<Prediction>, Option<GroupTest>)> {
    let bar = counter(printer, "scoring", films.len() as u64);
    if format == PredictFormat::Csv {
        printer.data(&csv_header(predictor));
    }
    let fitted_on = predictor.usage().fitted_on.as_ref();
    let known = OwnFilmsIn::new(films, fitted_on, OwnFilms::Included);
    let mut predictions = Vec::with_capacity(films.len());
    let mut group = GroupSample::default();
    let mut tell = |index: usize, scored: Scored| {
        if let Ok((score, _)) = &scored
            && let Some((measures, _)) = &score.likeness
            && known.part(index).is_none()
        {
            group.push(measures.clone());
        }
        let name = films.name(index);
        let prediction = match scored {
            Ok((score, maps)) => Prediction {
                film: FilmPrediction::of(predictor, name, score, known.part(index)),
                maps,
            },
            Err(reason) => Prediction {
                film: FilmPrediction::set_aside(name, reason),
                maps: None,
            },
        };
        match format {
            PredictFormat::Table => {}
            PredictFormat::Json => printer.data(&json_line(&prediction)),
            PredictFormat::Csv => printer.data(&csv_line(predictor, &prediction)),
        }
        predictions.push(prediction);
        bar.inc(1);
        ControlFlow::Continue(())
    };
    let preparation = Preparation::of(predictor);
    match maps {
        None => plainfilm::predict::score_and_examine(&known, predictor, &mut |index, scored| {
            tell(index, scored.map(|score| (score, None)))
        })?,
        Some(writer) => stream_films(
            &known,
            |_, film| {
                let (plane, examined) = preparation.prepare(&film);
                Ok((plane, examined, FilmToExplain { film, lungs: None }))
            },
            |indices, readable| {
                let (mut planes, mut examined, mut films_to_explain) = (vec![], vec![], vec![]);
                for (plane, seen, film) in readable {
                    planes.push(plane);
                    examined.push(seen);
                    films_to_explain.push(film);
                }
                let scores = examined_scores(predictor, &planes, examined)?;
                let explained =
                    writer.explain(films, indices, films_to_explain, Target::Predicted)?;
                let scored = explained.into_iter().zip(scores).map(|(film, score)| {
                    film.map(|(film, maps)| {
                        // The maps are of these very probabilities.
                        let probabilities = film.explained.probabilities;
                        let score = FilmScore {
                            probabilities,
                            ..score
                        };
                        (score, Some(maps))
                    })
                });
                Ok::<_, anyhow::Error>(scored.collect())
            },
            tell,
        )?,
    }
    bar.finish_and_clear();
    let kept = predictor.usage().likeness.as_ref();
    let test = kept.and_then(|kept| kept.group(group.films()));
    Ok((predictions, test))
}

/// The score of a film, with its maps where they were asked for; or why there is none.
type Scored = Result<(FilmScore, Option<FilmMaps>), String>;

fn json_line(prediction: &Prediction) -> String {
    serde_json::to_string(prediction).expect("a prediction holds only text and finite numbers")
        + "\n"
}

fn csv_header(predictor: &Predictor) -> String {
    let fixed = ["path", "status", "label"].map(str::to_owned);
    let labels = predictor.usage().labels.iter().cloned();
    csv_text(
        fixed
            .into_iter()
            .chain(labels)
            .chain(["threshold", "reason"].map(str::to_owned)),
    )
}

fn csv_line(predictor: &Predictor, prediction: &Prediction) -> String {
    let film = &prediction.film;
    let probability = |index: usize| {
        film.probabilities
            .as_ref()
            .map_or(String::new(), |p| format!("{:.6}", p.at(index)))
    };
    let status = match film.status {
        Status::Scored => "scored",
        Status::SetAside => "set_aside",
    };
    let mut row = vec![
        film.path.clone(),
        status.to_owned(),
        film.label.clone().unwrap_or_default(),
    ];
    row.extend((0..predictor.usage().labels.len()).map(probability));
    row.push(film.threshold.map_or(String::new(), |t| t.to_string()));
    row.push(prediction.reason_and_remarks());
    csv_text(row.into_iter())
}

fn csv_text(row: impl Iterator<Item = String>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let in_memory = "writing to memory does not fail";
    writer.write_record(row).expect(in_memory);
    String::from_utf8(writer.into_inner().expect(in_memory)).expect("the fields are UTF-8")
}

fn table(predictor: &Predictor, predictions: &[Prediction]) -> String {
    let labels = &predictor.usage().labels;
    let mut header = vec![("film", Align::Left), ("label", Align::Left)];
    header.extend(labels.iter().map(|label| (label.as_str(), Align::Right)));
    let with_maps = predictions.iter().any(|one| one.maps.is_some());
    if with_maps {
        header.push(("evidence on lungs", Align::Left));
    }
    header.push(("", Align::Left));
    let rows: Vec<Vec<String>> = predictions
        .iter()
        .map(|prediction| {
            let film = &prediction.film;
            let mut row = vec![film.path.clone()];
            match &film.probabilities {
                Some(probabilities) => {
                    let label = film.label.clone();
                    row.push(label.unwrap_or_else(|| format!("({NOT_SURE})")));
                    row.extend(probabilities.values().map(|p| format!("{p:.3}")));
                    let first = prediction.maps.as_ref().and_then(|maps| maps.maps.first());
                    row.extend(first.map(|map| lung_cell(map.lungs.as_ref())));
                    row.push(prediction.remarks());
                }
                None => {
                    row.push("(set aside)".to_owned());
                    row.extend(labels.iter().map(|_| String::new()));
                    row.extend(with_maps.then(String::new));
                    row.push(film.reason.clone().unwrap_or_default());
                }
            }
            row
        })
        .collect();
    render(&header, &rows)
}

fn footer(predictor: &Predictor, name: &str, predictions: &[Prediction]) -> String {
    let set_aside = predictions
        .iter()
        .filter(|p| p.film.status == Status::SetAside)
        .count();
    let scored = predictions.len() - set_aside;
    let usage = predictor.usage();
    let aside = if set_aside > 0 {
        format!(", {set_aside} set aside")
    } else {
        String::new()
    };
    format!(
        "{scored} scored{aside} by {name} ({}, {}). {NOT_A_MEDICAL_DEVICE}",
        usage.kind,
        match usage.findings.len() {
            0 => many::names(&usage.labels, " vs "),
            count => format!("{count} findings"),
        },
    )
}
