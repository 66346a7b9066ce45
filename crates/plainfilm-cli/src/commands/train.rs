//! `plainfilm train`

use std::path::{Path, PathBuf};

use anyhow::Context;
use plainfilm::NOT_A_MEDICAL_DEVICE;
use plainfilm::audit::AuditSummary;
use plainfilm::dataset::{Dataset, DatasetOptions, SetAside};
use plainfilm::evaluate::{
    Estimate, OperationFigures, PartMetrics, classification_report, figure_name,
};
use plainfilm::files::is_unfinished;
use plainfilm::model::Freeze;
use plainfilm::train::{
    FeatureCache, FindingsFigures, FoldSummary, LogSettings, MlFlowSettings, Outcome, RunFolder,
    TrainError, TrainSettings, TrainingLogs, merge,
};
use plainfilm::weights::{ImportOptions, StartingWeights};

use super::table::{Align, render};
use super::{verdict_style, verdict_word};
use crate::args::{MergeArgs, TrainArgs};
use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::printer::{Printer, Style};
use crate::progress::TrainingDisplay;
use crate::settings::{WeightsFile, available_threads, resolve, use_threads};

/// How many films of a list are named on the terminal.
pub const NAMED: usize = 5;

/// Trains, or goes on with a training.
pub fn run(args: &TrainArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let (settings, weights, folder) = match (&args.resume, &args.data) {
        (Some(run), _) => {
            let folder = RunFolder::at(run);
            let settings = folder
                .read_settings()
                .with_context(|| format!("{} cannot be resumed", run.display()))?;
            (settings, None, folder)
        }
        (None, Some(data)) => {
            let (settings, weights) = resolve(args, data)?;
            let folder = new_folder(args.run.as_deref(), &settings)?;
            (settings, weights, folder)
        }
        (None, None) => {
            return Err(UsageError("expected DATA or --resume RUN".to_owned()).into());
        }
    };
    use_threads(settings.threads)?;
    let cache = feature_cache(args.cache_size);
    let logs = LogSettings {
        tensorboard: args.tensorboard,
        mlflow: args.mlflow.clone().map(|address| MlFlowSettings {
            address,
            experiment: args.mlflow_experiment.clone(),
            run_id: None,
        }),
    };
    let with = With {
        weights,
        cache: cache.as_ref(),
        logs,
    };
    let outcome = train(settings, with, &folder, printer)?;
    Ok(Exit::after(outcome.set_aside.len()))
}

/// Puts shards together.
///
/// # Errors
///
/// When the shards are not all there, or not of one cross-validation.
pub fn run_merge(args: &MergeArgs, printer: &Printer) -> anyhow::Result<Exit> {
    refuse_used(&args.run)?;
    let shards: Vec<RunFolder> = args.shards.iter().map(|path| RunFolder::at(path)).collect();
    let folder = RunFolder::at(&args.run);
    let mut settings = merge(&shards, args.data.as_deref(), &folder)?;
    settings.threads = args.threads.unwrap_or_else(available_threads);
    use_threads(settings.threads)?;
    // Every fold is finished: nothing is trained, and no features are needed.
    let outcome = train(settings, With::default(), &folder, printer)?;
    Ok(Exit::after(outcome.set_aside.len()))
}

/// What a training goes with, beside its settings.
#[derive(Default)]
pub struct With<'a> {
    /// Weights to start from.
    pub weights: Option<WeightsFile>,
    /// Where features are kept between runs.
    pub cache: Option<&'a FeatureCache>,
    /// Whom it is told to.
    pub logs: LogSettings,
}

/// Trains into a folder on the threads that are there, and prints the result.
///
/// # Errors
///
/// Whatever kept it from its end.
pub fn train(
    mut settings: TrainSettings,
    with: With<'_>,
    folder: &RunFolder,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    let interrupt = interrupt::listen();
    let dataset = Dataset::open(
        &settings.data,
        &DatasetOptions {
            labels: (!settings.labels.is_empty()).then(|| settings.labels.clone()),
            patient_pattern: settings.patient_pattern.clone(),
            ..DatasetOptions::default()
        },
    )?;
    settings.labels = dataset.outputs().to_vec();
    settings.findings = !dataset.findings.is_empty();
    if let Some(weights) = with.weights {
        start_from(&weights, &mut settings, printer)?;
    }
    // The run folder must know where the films are from wherever it is resumed.
    settings.data = std::path::absolute(&settings.data)?;
    describe(&dataset, &settings, folder, printer);
    let mut display = TrainingDisplay::new(printer);
    let mut logs = TrainingLogs::open(&with.logs, folder, &settings, &mut display)?;
    let cache = with.cache;
    let result = plainfilm::train::train(dataset, &settings, folder, cache, interrupt, &mut logs);
    logs.finish(result.as_ref().ok().map(|outcome| &outcome.metrics));
    display.finish();
    if let Err(TrainError::Interrupted { .. }) = &result {
        let run = folder.root().display();
        printer.line(&format!("go on with `plainfilm train --resume {run}`"));
    }
    let outcome = result?;
    print_outcome(&outcome, folder, printer);
    Ok(outcome)
}

/// Where features are kept between runs: `$PLAINFILM_CACHE`, else `plainfilm/features` among the user's
/// caches. None when nothing may be kept, or nobody's home is known.
fn feature_cache(limit: Option<u64>) -> Option<FeatureCache> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = variable("PLAINFILM_CACHE").or_else(|| {
        let caches =
            variable("XDG_CACHE_HOME").or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
        Some(caches.join("plainfilm").join("features"))
    })?;
    let limit = limit.unwrap_or(FeatureCache::DEFAULT_LIMIT);
    (limit > 0).then_some(FeatureCache { folder, limit })
}

/// Lets the training start from a file of weights, with the scaling that they were fitted with unless
/// another was asked for.
fn start_from(
    weights: &WeightsFile,
    settings: &mut TrainSettings,
    printer: &Printer,
) -> anyhow::Result<()> {
    let options = ImportOptions {
        scaling: weights
            .scaling_is_given
            .then_some(settings.preprocessing.scaling),
    };
    let opened = StartingWeights::open(&weights.path, &settings.network(), &options)?;
    settings.preprocessing.scaling = opened.record.scaling;
    settings.check()?;
    printer.line(&format!(
        "{} {} ({}), {}; scaling {}: {}",
        printer.styled(Style::Bold, "start"),
        opened.record.file,
        opened.record.format,
        if opened.record.head {
            "with its head"
        } else {
            "with a fresh head"
        },
        opened.record.scaling,
        opened.record.scaling_known_from,
    ));
    settings.weights = Some(opened);
    Ok(())
}

/// The folder of a new run: named, or made from the time and the model.
fn new_folder(named: Option<&Path>, settings: &TrainSettings) -> anyhow::Result<RunFolder> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => unused_name(settings.recipe.as_deref().unwrap_or(settings.model.name())),
    };
    refuse_used(&path)?;
    Ok(RunFolder::at(&path))
}

/// Refuses a folder that holds something.
fn refuse_used(path: &Path) -> anyhow::Result<()> {
    // A run that was killed before it wrote its settings left nothing that counts.
    let is_used = path.read_dir().is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| !is_unfinished(&entry.path())))
    });
    if is_used {
        return Err(UsageError(format!(
            "{} is not empty\nhint: go on with it by `plainfilm train --resume {0}`, or name another --run",
            path.display()
        ))
        .into());
    }
    Ok(())
}

/// `runs/<time>-<name>`, with a number where two runs begin within a second.
fn unused_name(name: &str) -> PathBuf {
    let now = jiff::ZonedDateTime::now().strftime("%Y%m%d-%H%M%S");
    let first = PathBuf::from("runs").join(format!("{now}-{name}"));
    std::iter::once(first.clone())
        .chain((2..).map(|number| first.with_file_name(format!("{now}-{name}-{number}"))))
        .find(|path| !path.exists())
        .unwrap_or(first)
}

fn describe(dataset: &Dataset, settings: &TrainSettings, folder: &RunFolder, printer: &Printer) {
    let outputs = dataset.outputs().iter().zip(dataset.films_per_output());
    let counts: Vec<String> = outputs
        .map(|(label, films)| format!("{films} {label}"))
        .collect();
    printer.line(&format!(
        "{}  {} films: {}",
        printer.styled(Style::Bold, "data"),
        dataset.films.len(),
        counts.join(", ")
    ));
    printer.line(&format!(
        "{} {} at {} px, {} epochs, batch {}, {} with {} threads, seed {}",
        printer.styled(Style::Bold, "model"),
        settings.model,
        settings.preprocessing.size,
        settings.epochs,
        settings.batch,
        settings.device,
        settings.threads,
        settings.seed
    ));
    printer.line(&format!(
        "{}   {}",
        printer.styled(Style::Bold, "run"),
        folder.root().display()
    ));
    let frozen = match &settings.freeze {
        Freeze::None => None,
        Freeze::Backbone => Some(
            "the backbone is frozen and its weights are random: only the head learns".to_owned(),
        ),
        Freeze::Before(stage) => Some(format!(
            "the layers before {stage} are frozen and their weights are random"
        )),
    };
    if let Some(frozen) = frozen.filter(|_| settings.weights.is_none()) {
        printer.warning(&format!(
            "{frozen}\nhint: --weights FILE starts from fitted ones, --freeze none trains it all, slowly"
        ));
    }
    if dataset.synthetic {
        printer.warning("these films are synthetic: no figure below says anything about patients");
    }
}

fn print_outcome(outcome: &Outcome, folder: &RunFolder, printer: &Printer) {
    print_set_aside(&outcome.set_aside, printer);
    let metrics = &outcome.metrics;
    let part = metrics.test.as_ref().or(metrics.train.as_ref());
    if let Some(part) = part {
        printer.data(&figures_text(part));
    }
    if let Some(figures) = &metrics.operation_on_test {
        printer.data(&operation_text(figures));
    }
    if let Some(figures) = &metrics.findings {
        printer.data("\nThe figures above are of whether a film shows any finding.\n");
        printer.data(&findings_text(figures));
    }
    if let Some(operation) = &metrics.operation {
        printer.line(&format!(
            "probabilities: {}; threshold {:.3} ({})",
            operation.calibration.chosen, operation.threshold, operation.chosen
        ));
    }
    if let (Some(last), Some(best)) = (&metrics.last_epoch, metrics.best_epoch) {
        printer.data(&format!(
            "above: epoch {best}, the best by validation loss. The last, epoch {}: accuracy {}, AUROC {}, loss {}\n",
            last.epoch, last.test.accuracy, last.test.auroc, last.test.loss
        ));
    }
    if let Some(folds) = &outcome.folds {
        printer.data(&folds_text(folds));
    }
    if let Some(other) = &metrics.ungrouped {
        printer.data(&format!(
            "the same cross-validation without regard to patients: accuracy {} ({}), AUROC {} ({}); {} of {} test \
             films show a patient who is in training\n",
            other.test.accuracy.percent(1),
            other.test.accuracy.percent_ends(1),
            other.test.auroc,
            other.test.auroc.number_ends(4),
            other.test_films_with_patient_in_training,
            other.test.n
        ));
    }
    for gap in &metrics.subgroups.gaps {
        printer.warning(&format!("not the same for all: {gap}"));
    }
    if let Some(audit) = &metrics.audit {
        print_audit(audit, printer);
    }
    printer.line(&format!("split   {}", metrics.split));
    if metrics.test_films_with_patient_in_training > 0 {
        printer.warning(&format!(
            "{} of {} test films show a patient who is in training too: the figures above flatter the model",
            metrics.test_films_with_patient_in_training,
            metrics.test.as_ref().map_or(0, |test| test.n),
        ));
    }
    let report = folder.root().join("report.html");
    printer.line(&format!(
        "report  {}",
        printer.styled(Style::Bold, &report.display().to_string())
    ));
    printer.line(&printer.styled(Style::Dim, NOT_A_MEDICAL_DEVICE));
}

/// How figures differ from fold to fold, for stdout.
fn folds_text(folds: &FoldSummary) -> String {
    let list: Vec<String> = folds.accuracies.iter().map(|a| format!("{a:.4}")).collect();
    let mut text = format!(
        "accuracy by fold: {} (mean {:.4}, standard deviation {:.4})\n",
        list.join(" "),
        folds.mean_accuracy,
        folds.accuracy_deviation
    );
    let rows: Vec<Vec<String>> = folds
        .spread
        .iter()
        .map(|spread| {
            vec![
                figure_name(&spread.name),
                spread.mean.to_string(),
                spread.mean.number_ends(4),
                format!("{:.4}", spread.deviation),
                format!("{:.4} to {:.4}", spread.range[0], spread.range[1]),
            ]
        })
        .collect();
    let header = format!("over {} folds", folds.accuracies.len());
    let columns = [
        (header.as_str(), Align::Left),
        ("mean", Align::Right),
        ("95 % interval of the mean", Align::Right),
        ("deviation", Align::Right),
        ("folds", Align::Right),
    ];
    text.push_str(&render(&columns, &rows));
    for repeat in &folds.pooled {
        let figure = |name| {
            repeat
                .figure(name)
                .map_or("n/a".to_owned(), |value| format!("{value:.4}"))
        };
        text.push_str(&format!(
            "repeat {}, all folds together: accuracy {}, AUROC {}\n",
            repeat.repeat,
            figure("accuracy"),
            figure("auroc")
        ));
    }
    text
}

/// The audit's verdict below the figures that it is about.
fn print_audit(audit: &AuditSummary, printer: &Printer) {
    let line = |what: &str, audit: &AuditSummary| {
        let word = printer.styled(verdict_style(audit.verdict), verdict_word(audit.verdict));
        printer.line(&format!("{what}{word}  {}", audit.sentence));
    };
    line("audit   ", audit);
    if let Some(after) = &audit.after_preprocessing {
        line("        as the network is shown the films: ", after);
    }
}

/// Names the first few films that were set aside.
pub fn print_set_aside(set_aside: &[SetAside], printer: &Printer) {
    if set_aside.is_empty() {
        return;
    }
    printer.warning(&format!("{} files were set aside:", set_aside.len()));
    for film in set_aside.iter().take(NAMED) {
        printer.line(&format!("  {}: {}", film.path, film.reason));
    }
    if set_aside.len() > NAMED {
        printer.line(&format!(
            "  and {} more, in set_aside.csv",
            set_aside.len() - NAMED
        ));
    }
}

/// Findings, of which a film may have any number, for stdout.
pub fn findings_text(figures: &FindingsFigures) -> String {
    let with_ends = |figure: &Estimate| figure.number_with_ends(3);
    let columns = [
        ("finding", Align::Left),
        ("films", Align::Right),
        ("of", Align::Right),
        ("AUROC", Align::Left),
        ("AUPRC", Align::Left),
        ("from", Align::Right),
        ("sensitivity", Align::Left),
        ("specificity", Align::Left),
        ("F1", Align::Left),
    ];
    let rows: Vec<Vec<String>> = figures
        .each
        .iter()
        .map(|own| {
            vec![
                own.finding.clone(),
                own.present.to_string(),
                own.known.to_string(),
                with_ends(&own.auroc),
                with_ends(&own.auprc),
                own.threshold
                    .map_or(String::new(), |threshold| format!("{threshold:.3}")),
                with_ends(&own.sensitivity),
                with_ends(&own.specificity),
                with_ends(&own.f1),
            ]
        })
        .collect();
    let of = &figures.averages;
    let header = format!("over {} findings", of.findings);
    let averages = [
        (header.as_str(), Align::Left),
        ("AUROC", Align::Left),
        ("AUPRC", Align::Left),
        ("F1", Align::Left),
    ];
    let mean = |name: &str, cells: [&Estimate; 3]| {
        let mut row = vec![name.to_owned()];
        row.extend(cells.map(with_ends));
        row
    };
    let means = [
        mean("macro", [&of.macro_auroc, &of.macro_auprc, &of.macro_f1]),
        mean(
            "weighted",
            [&of.weighted_auroc, &of.weighted_auprc, &of.weighted_f1],
        ),
        mean("micro", [&of.micro_auroc, &of.micro_auprc, &of.micro_f1]),
    ];
    format!(
        "\n{}\n{}\nof all answers {} are right; on {} of the films every answer is\n",
        render(&columns, &rows),
        render(&averages, &means),
        of.accuracy.percent(1),
        of.exact.percent(1)
    )
}

/// The figures of one part of a split, for stdout.
pub fn figures_text(part: &PartMetrics) -> String {
    let figure = |name: String, figure: &Estimate| {
        vec![
            name,
            figure.to_string(),
            figure.number_ends(4),
            figure.method.clone(),
        ]
    };
    let mut rows: Vec<Vec<String>> = [
        ("accuracy", &part.accuracy),
        ("balanced accuracy", &part.balanced_accuracy),
        ("AUROC", &part.auroc),
        ("AUPRC", &part.auprc),
        ("loss", &part.loss),
        ("Brier score", &part.brier),
        ("calibration error", &part.ece),
        ("Cohen's kappa", &part.kappa),
        ("Matthews correlation", &part.mcc),
    ]
    .map(|(name, estimate)| figure(name.to_owned(), estimate))
    .into();
    rows.extend(
        part.top_2_accuracy
            .iter()
            .map(|estimate| figure("among the two most probable".to_owned(), estimate)),
    );
    for (label, figures) in &part.per_label {
        rows.push(figure(
            format!("sensitivity of {label}"),
            &figures.sensitivity,
        ));
        rows.push(figure(
            format!("specificity of {label}"),
            &figures.specificity,
        ));
        // With two labels both have the same area.
        if part.per_label.len() > 2 {
            rows.push(figure(format!("AUROC of {label}"), &figures.auroc));
        }
    }
    let header = format!("{} films, {} patients", part.n, part.patients);
    let columns = [
        (header.as_str(), Align::Left),
        ("", Align::Right),
        ("95 % interval", Align::Right),
        ("by", Align::Left),
    ];
    format!(
        "\n{}\n{}\n{}\n{}",
        render(&columns, &rows),
        classification_report(part),
        confusion_text(part),
        not_shown_text(part),
    )
}

/// What thresholds do, for stdout; empty with more than two labels.
pub fn operation_text(figures: &OperationFigures) -> String {
    let percent = |figure: &Estimate| match figure.percent_ends(0) {
        ends if ends.is_empty() => figure.percent(1),
        ends => format!("{} ({ends})", figure.percent(1)),
    };
    let rows: Vec<Vec<String>> = figures
        .points
        .iter()
        .map(|point| {
            let of = &point.figures;
            let mut row = vec![point.rule.clone(), format!("{:.3}", point.threshold)];
            row.extend([&of.sensitivity, &of.specificity, &of.ppv, &of.npv].map(percent));
            row
        })
        .collect();
    let mut text = String::new();
    if !rows.is_empty() {
        let columns = [
            ("threshold", Align::Left),
            ("from", Align::Right),
            ("sensitivity", Align::Right),
            ("specificity", Align::Right),
            ("PPV", Align::Right),
            ("NPV", Align::Right),
        ];
        text = format!(
            "{}PPV and NPV at a prevalence of {:.1} %: {}\n",
            render(&columns, &rows),
            100.0 * figures.prevalence,
            figures.prevalence_from
        );
    }
    if let Some(answered) = &figures.answered {
        text.push_str(&format!(
            "answered {} of the films, {} of the answers right; the others are \u{201c}not sure\u{201d}\n",
            percent(&answered.coverage),
            percent(&answered.accuracy)
        ));
    }
    text
}

/// What these films are too few to show.
fn not_shown_text(part: &PartMetrics) -> String {
    if part.not_shown.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = part
        .not_shown
        .iter()
        .map(|sentence| format!("  - {sentence}\n"))
        .collect();
    format!("these films do not show\n{}\n", lines.concat())
}

fn confusion_text(part: &PartMetrics) -> String {
    let labels: Vec<&str> = part
        .per_label
        .iter()
        .map(|(label, _)| label.as_str())
        .collect();
    let mut header = vec![("truth \\ predicted", Align::Left)];
    header.extend(labels.iter().map(|label| (*label, Align::Right)));
    let rows: Vec<Vec<String>> = labels
        .iter()
        .zip(part.confusion_matrix.rows())
        .map(|(label, row)| {
            let mut cells = vec![(*label).to_owned()];
            cells.extend(row.iter().map(ToString::to_string));
            cells
        })
        .collect();
    render(&header, &rows)
}
