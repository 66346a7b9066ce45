//! Arguments over a settings file over defaults.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Parser;
use plainfilm::model::{Architecture, Freeze, Head};
use plainfilm::radiograph::{Field, Inversion, Preprocessing};
use plainfilm::recipe::Recipe;
use plainfilm::train::{
    Balance, OptimiserKind, Schedule, Selection, SplitSettings, TrainDefaults, TrainSettings, Views,
};

use crate::args::TrainArgs;
use crate::args::preprocessing::{AfterArgs, PreprocessingArgs};
use crate::args::train::{BalanceArg, HeadArg, OptimiserArg, ScheduleArg, SelectionArg};
use crate::exit::UsageError;

/// Seed where none is given.
pub const DEFAULT_SEED: u64 = 42;

/// A file of weights to start from; whether it fits is known once the labels are.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightsFile {
    /// The file.
    pub path: PathBuf,
    /// Whether arguments or the settings file say how values are scaled; else the weights do.
    pub scaling_is_given: bool,
    /// Whether its head is kept though its labels are others or not known.
    pub keep_head: bool,
}

/// The settings of a training, but for the labels, which only the data set knows, and the weights to
/// start from.
///
/// # Errors
///
/// When a value is not one of its kind, or the settings file cannot be read.
pub fn resolve(
    args: &TrainArgs,
    data: &Path,
) -> anyhow::Result<(TrainSettings, Option<WeightsFile>)> {
    let recipe = args.recipe.as_deref().map(Recipe::named).transpose();
    let recipe = recipe.map_err(|error| UsageError(error.to_string()))?;
    let mut file = recipe.map_or_else(toml::Table::new, Recipe::settings);
    if let Some(path) = &args.settings {
        merge(&mut file, renamed(read(path)?));
    }
    let views_are_given = args.views.is_some() || file.contains_key("views");
    let model = match (&args.model, file.get("model").and_then(toml::Value::as_str)) {
        (Some(name), _) => name.parse::<Architecture>()?,
        (None, Some(name)) => name.parse()?,
        (None, None) => Architecture::DarkCovidNet,
    };
    let scaling_is_given = args.preprocessing.scaling.is_some()
        || file
            .get("preprocessing")
            .is_some_and(|preprocessing| preprocessing.get("scaling").is_some());
    let defaults = TrainSettings::defaults(TrainDefaults {
        data: data.to_owned(),
        model,
        seed: DEFAULT_SEED,
        threads: available_threads(),
    });
    let mut settings = match &args.settings {
        Some(path) => over(defaults, file)
            .with_context(|| format!("{}: not a settings file", path.display()))?,
        None => over(defaults, file)?,
    };
    if let Some(recipe) = recipe {
        settings.recipe = Some(recipe.name.to_owned());
    }
    settings.model = model;
    settings.data = data.to_owned();
    replace(&mut settings.epochs, args.epochs);
    replace(&mut settings.batch, args.batch);
    replace(&mut settings.seed, args.seed);
    replace(&mut settings.label_smoothing, args.label_smoothing);
    replace(&mut settings.threads, args.threads.map(sensible_threads));
    replace(&mut settings.device, args.device.clone());
    replace(&mut settings.precision, args.precision.map(Into::into));
    replace(&mut settings.optimiser.learning_rate, args.learning_rate);
    replace(&mut settings.optimiser.weight_decay, args.weight_decay);
    replace(&mut settings.optimiser.kind, args.optimiser.map(optimiser));
    if args.ema.is_some() {
        settings.ema = args.ema;
    }
    if args.early_stopping.is_some() {
        settings.early_stopping = args.early_stopping;
    }
    replace(&mut settings.balance, args.balance.map(balance));
    replace(
        &mut settings.freeze,
        parse("--freeze", args.freeze.as_deref())?,
    );
    replace(&mut settings.head, args.head.map(head));
    replace(&mut settings.selection, args.selection.map(selection));
    replace(
        &mut settings.views,
        parse("--views", args.views.as_deref())?,
    );
    if !views_are_given {
        settings.views = match settings.freeze {
            Freeze::Backbone => Views::DEFAULT_KEPT,
            _ => Views::Fresh,
        };
    }
    if let Some(schedule) = args.schedule {
        settings.schedule = schedule_of(schedule, settings.epochs);
    }
    if args.patient_pattern.is_some() {
        settings.patient_pattern.clone_from(&args.patient_pattern);
    }
    if args.reading.columns.is_some() {
        settings.columns.clone_from(&args.reading.columns);
    }
    replace(&mut settings.uncertain, args.reading.uncertain);
    if let Some(labels) = &args.labels {
        settings.labels = labels.iter().map(|label| label.trim().to_owned()).collect();
    }
    if args.positive.is_some() {
        settings.positive.clone_from(&args.positive);
    }
    if let Some(split) = &args.split {
        settings.split = SplitSettings {
            method: split.clone().into(),
            ..settings.split
        };
    }
    if args.no_audit {
        settings.audit = false;
    }
    if args.folds.is_some() {
        settings.split.folds = args.folds;
    }
    replace(&mut settings.learning_curve, args.learning_curve.clone());
    if args.elsewhere.is_some() {
        settings.elsewhere = args.elsewhere;
    }
    if args.repeats.is_some() {
        settings.split.repeats = args.repeats;
    }
    if let Some(shard) = parse("--shard", args.shard.as_deref())? {
        settings.split.shard = Some(shard);
    }
    if args.both_splits {
        settings.split.both = true;
    }
    let operation = &mut settings.operation;
    replace(
        &mut operation.calibration,
        parse("--calibration", args.calibration.as_deref())?,
    );
    replace(
        &mut operation.threshold,
        parse("--threshold", args.threshold.as_deref())?,
    );
    replace(&mut operation.not_sure, args.not_sure);
    if args.prevalence.is_some() {
        operation.prevalence = args.prevalence;
    }
    preprocess(&args.preprocessing, &mut settings.preprocessing)?;
    augmentation(args, &mut settings);
    // What depends on labels is checked once the data say whether they are findings.
    TrainSettings {
        labels: Vec::new(),
        ..settings.clone()
    }
    .check()?;
    let has_weights = args.weights.is_some() || settings.weights.is_some();
    if let Some(recipe) = recipe.filter(|recipe| recipe.needs_weights && !has_weights) {
        return Err(UsageError(format!(
            "the recipe {} is for a network that has seen many pictures, and no weights are given\n\
             hint: --weights FILE; `plainfilm recipes {0}` says which",
            recipe.name
        ))
        .into());
    }
    let weights = args.weights.clone().map(|path| WeightsFile {
        path,
        scaling_is_given,
        keep_head: args.keep_head,
    });
    Ok((settings, weights))
}

/// Reads a settings file, which may leave out whatever has a default.
fn read(path: &Path) -> anyhow::Result<toml::Table> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| format!("{}: not TOML", path.display()))
}

/// Settings with the values of a file in place of the defaults.
fn over(defaults: TrainSettings, file: toml::Table) -> anyhow::Result<TrainSettings> {
    let mut table = toml::Table::try_from(defaults)?;
    merge(&mut table, file);
    Ok(table.try_into()?)
}

/// A settings file with today's names.
fn renamed(mut file: toml::Table) -> toml::Table {
    // The name in files from before stages could be frozen; recipes and defaults have the new one.
    if let Some(freeze) = file.remove("freeze_backbone") {
        file.entry("freeze").or_insert(freeze);
    }
    file
}

fn merge(base: &mut toml::Table, file: toml::Table) {
    for (key, value) in file {
        match (base.get_mut(&key), value) {
            // The parameters of one schedule mean nothing to another: it is replaced whole.
            (Some(toml::Value::Table(inner)), toml::Value::Table(value)) if key != "schedule" => {
                merge(inner, value);
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Cores that this process may use.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// As many threads as were asked for, but no more than help: four for each core, which is where more
/// only tie the machine up.
pub fn sensible_threads(asked: usize) -> usize {
    asked.min(4 * available_threads().max(16))
}

/// Sets the number of threads for everything that follows in this process, [sensibly](sensible_threads).
///
/// # Errors
///
/// When the threads cannot be started.
pub fn use_threads(threads: usize) -> anyhow::Result<()> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(sensible_threads(threads))
        .build_global()
        .with_context(|| format!("{threads} threads cannot be started"))
}

fn replace<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn optimiser(argument: OptimiserArg) -> OptimiserKind {
    match argument {
        OptimiserArg::Adam => OptimiserKind::Adam,
        OptimiserArg::Adamw => OptimiserKind::AdamW,
    }
}

fn head(argument: HeadArg) -> Head {
    match argument {
        HeadArg::Published => Head::Published,
        HeadArg::Notebook => Head::Notebook,
        HeadArg::Linear => Head::Linear,
        HeadArg::Mlp => Head::Mlp,
    }
}

fn selection(argument: SelectionArg) -> Selection {
    match argument {
        SelectionArg::Best => Selection::Best,
        SelectionArg::Last => Selection::Last,
        SelectionArg::BestAndLast => Selection::BestAndLast,
    }
}

fn balance(argument: BalanceArg) -> Balance {
    match argument {
        BalanceArg::None => Balance::None,
        BalanceArg::ClassWeights => Balance::ClassWeights,
        BalanceArg::Sampling => Balance::Sampling,
        BalanceArg::Sources => Balance::Sources,
    }
}

fn schedule_of(argument: ScheduleArg, epochs: usize) -> Schedule {
    match argument {
        ScheduleArg::Constant => Schedule::Constant,
        ScheduleArg::OneCycle => Schedule::OneCycle { warm_up: 0.3 },
        ScheduleArg::Cosine => Schedule::Cosine,
        ScheduleArg::Step => Schedule::Step {
            epochs: epochs.div_ceil(3),
            factor: 0.1,
        },
        ScheduleArg::Plateau => Schedule::Plateau {
            patience: 5,
            factor: 0.5,
        },
        ScheduleArg::InverseTime => Schedule::InverseTime { decay: 2e-5 },
    }
}

/// Puts what was given in place of what was there.
fn preprocess(args: &PreprocessingArgs, target: &mut Preprocessing) -> anyhow::Result<()> {
    replace(&mut target.size, args.size);
    replace(&mut target.fit, parse("--fit", args.fit.as_deref())?);
    replace(
        &mut target.resampling,
        parse("--resampling", args.resampling.as_deref())?,
    );
    replace(
        &mut target.histogram,
        parse("--histogram", args.histogram.as_deref())?,
    );
    replace(
        &mut target.scaling,
        parse("--scaling", args.scaling.as_deref())?,
    );
    if args.invert {
        target.inversion = Inversion::Invert;
    }
    replace(&mut target.strip_borders, args.strip_borders);
    target
        .check()
        .map_err(|error| UsageError(error.to_string()).into())
}

/// The preprocessing that the text of `audit --after` asks for, over what `train` does by default.
///
/// # Errors
///
/// When the text is none of `train`'s preprocessing flags.
pub fn preprocessing_after(text: &str) -> anyhow::Result<Preprocessing> {
    let usage = |reason: String| UsageError(format!("--after {text:?}: {reason}"));
    // "8 %" is one value.
    let text = text.replace(" %", "%");
    let args = AfterArgs::try_parse_from(text.split_whitespace()).map_err(|error| {
        let reason = error.to_string();
        let first = reason.lines().next().unwrap_or_default();
        usage(first.trim_start_matches("error: ").to_owned())
    })?;
    let mut target = Preprocessing {
        field: Field::Exposed,
        ..Preprocessing::default()
    };
    preprocess(&args.preprocessing, &mut target)?;
    Ok(target)
}

fn parse<T>(flag: &str, text: Option<&str>) -> anyhow::Result<Option<T>>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.map(|text| {
        text.parse()
            .map_err(|error| UsageError(format!("{flag}: {error}")).into())
    })
    .transpose()
}

fn augmentation(args: &TrainArgs, settings: &mut TrainSettings) {
    let target = &mut settings.augmentation;
    replace(&mut target.rotation_degrees, args.rotation);
    replace(&mut target.shift_fraction, args.shift);
    replace(&mut target.brightness, args.brightness);
    if let Some(zoom) = args.zoom {
        target.zoom = (1.0 - zoom, 1.0 + zoom);
    }
    if args.flip {
        target.flip = true;
    }
}

#[cfg(test)]
mod tests {
    use plainfilm::radiograph::Scaling;

    use super::*;
    use crate::args::{Cli, Verb};

    #[test]
    fn threads_beyond_reason_are_not_started() {
        let most = 4 * available_threads().max(16);
        for (asked, used) in [(1, 1), (3, 3), (most, most), (5000, most.min(5000))] {
            assert_eq!(sensible_threads(asked), used, "{asked}");
        }
    }

    fn train(arguments: &[&str]) -> anyhow::Result<TrainSettings> {
        let line = ["plainfilm", "train", "films"].iter().chain(arguments);
        match Cli::try_parse_from(line)?.verb {
            Verb::Train(args) => Ok(resolve(&args, Path::new("films"))?.0),
            other => panic!("expected train, parsed {other:?}"),
        }
    }

    #[test]
    fn arguments_win_over_the_file_and_the_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        let text =
            "epochs = 7\nbatch = 4\n[preprocessing]\nsize = 64\n[schedule]\nkind = \"cosine\"\n";
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        let settings = train(&["--settings", path, "--batch", "2"]).unwrap();
        assert_eq!(
            (settings.epochs, settings.batch, settings.preprocessing.size),
            (7, 2, 64)
        );
        assert_eq!(settings.schedule, Schedule::Cosine);
        assert_eq!(settings.model, Architecture::DarkCovidNet);
    }

    #[test]
    fn new_trainings_fit_the_exposed_field_unless_a_file_says_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        for (text, expected) in [
            ("", Field::Exposed),
            ("[preprocessing]\nsize = 64\n", Field::Exposed),
            ("[preprocessing]\nfield = \"whole\"\n", Field::Whole),
        ] {
            std::fs::write(&path, text).unwrap();
            let settings = train(&["--settings", path.to_str().unwrap()]).unwrap();
            assert_eq!(settings.preprocessing.field, expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_frozen_comes_from_arguments_files_and_old_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        let cases = [
            ("", vec![], Freeze::Backbone),
            ("freeze_backbone = false\n", vec![], Freeze::None),
            (
                "freeze = \"block5\"\n",
                vec![],
                Freeze::Before("block5".to_owned()),
            ),
            (
                "freeze = \"block5\"\n",
                vec!["--freeze", "none"],
                Freeze::None,
            ),
            (
                "",
                vec!["--freeze", "block4"],
                Freeze::Before("block4".to_owned()),
            ),
        ];
        for (text, arguments, expected) in cases {
            std::fs::write(&path, text).unwrap();
            let mut line = vec!["--model", "vgg16", "--settings", path.to_str().unwrap()];
            line.extend(arguments);
            let settings = train(&line).unwrap();
            assert_eq!(settings.freeze, expected, "{text:?}, {line:?}");
        }
        let error = train(&["--model", "vgg16", "--freeze", "layer4"]).unwrap_err();
        assert!(error.to_string().contains("block5"), "{error}");
    }

    #[test]
    fn a_head_and_the_network_choose_the_rest() {
        let settings = train(&["--model", "xrv-densenet121", "--head", "mlp"]).unwrap();
        assert_eq!(settings.head, Head::Mlp);
        assert_eq!(settings.preprocessing.channels, 1);
        assert_eq!(settings.preprocessing.scaling, Scaling::XRayVision);
    }

    #[test]
    fn the_positive_label_comes_from_arguments_and_files_and_is_checked_with_the_labels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, "positive = \"covid\"\n").unwrap();
        let file = ["--settings", path.to_str().unwrap()];
        for (more, labels, expected) in [
            (&[][..], "covid,other", Ok(0)),
            (&["--positive", "other"], "covid,other", Ok(1)),
            (
                &["--positive", "othr"],
                "covid,other",
                Err("did you mean `other`?"),
            ),
            (&[], "covid,other,x", Err("positive must be left out")),
            (
                &["--prevalence", "0.1"],
                "covid,other,x",
                Err("prevalence must be left out with more than two labels"),
            ),
        ] {
            let line: Vec<&str> = file.iter().chain(more).copied().collect();
            let mut settings = train(&line).unwrap();
            settings.labels = labels.split(',').map(str::to_owned).collect();
            match expected {
                Ok(place) => {
                    settings.check().unwrap();
                    assert_eq!(settings.positive_of(&settings.labels), place, "{line:?}");
                }
                Err(reason) => {
                    let error = settings.check().unwrap_err().to_string();
                    assert!(error.contains(reason), "{line:?}: {error}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_name_in_the_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, "epoch = 7\n").unwrap();
        let error = train(&["--settings", path.to_str().unwrap()]).unwrap_err();
        assert!(format!("{error:#}").contains("epoch"), "{error:#}");
    }

    #[test]
    fn every_recipe_is_settings_and_says_what_it_is_known_for() {
        let weights = ["--weights", "any.pth"];
        for (name, model, freeze, epochs, batch, rate, selection, views) in [
            (
                "default",
                "efficientnet-lite0",
                Freeze::Backbone,
                60,
                32,
                3e-3,
                Selection::Best,
                Views::Kept(8),
            ),
            (
                "linear-probe",
                "efficientnet-lite0",
                Freeze::Backbone,
                60,
                32,
                3e-3,
                Selection::Best,
                Views::Kept(4),
            ),
            (
                "notebook",
                "vgg16",
                Freeze::Backbone,
                100,
                8,
                1e-3,
                Selection::BestAndLast,
                Views::Kept(8),
            ),
            (
                "pyimagesearch",
                "vgg16",
                Freeze::Backbone,
                25,
                8,
                1e-3,
                Selection::Last,
                Views::Kept(8),
            ),
            (
                "darkcovidnet",
                "darkcovidnet",
                Freeze::None,
                100,
                32,
                3e-3,
                Selection::Best,
                Views::Fresh,
            ),
            (
                "plants",
                "plants",
                Freeze::None,
                25,
                32,
                1e-3,
                Selection::Best,
                Views::Fresh,
            ),
        ] {
            let line = ["--recipe", name].into_iter().chain(weights);
            let found = train(&line.collect::<Vec<_>>()).unwrap();
            assert_eq!(found.recipe.as_deref(), Some(name));
            assert_eq!(found.model.name(), model, "{name}");
            assert_eq!(
                (&found.freeze, found.epochs, found.batch),
                (&freeze, epochs, batch),
                "{name}"
            );
            assert_eq!(found.optimiser.learning_rate, rate, "{name}");
            assert_eq!((found.selection, found.views), (selection, views), "{name}");
        }
    }

    #[test]
    fn arguments_and_files_win_over_a_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, "epochs = 7\nbatch = 4\n").unwrap();
        let path = path.to_str().unwrap();
        let line = ["--recipe", "notebook", "--settings", path, "--batch", "2"];
        let found = train(&line).unwrap();
        assert_eq!((found.epochs, found.batch), (7, 2));
        assert_eq!(found.schedule, Schedule::InverseTime { decay: 2e-5 });
        let fresh = train(&["--recipe", "notebook", "--views", "fresh"]).unwrap();
        assert_eq!(fresh.views, Views::Fresh);
        // Training the backbone needs another word on views than the recipe's.
        let error = train(&["--recipe", "notebook", "--freeze", "none"]).unwrap_err();
        assert!(error.to_string().contains("views"), "{error}");
    }

    #[test]
    fn a_recipe_that_needs_weights_asks_for_them() {
        let error = train(&["--recipe", "default"]).unwrap_err();
        assert!(error.to_string().contains("--weights"), "{error}");
    }

    #[test]
    fn views_are_kept_where_the_backbone_is_frozen() {
        for (line, expected) in [
            (vec![], Views::Fresh),
            (vec!["--model", "vgg16"], Views::Kept(8)),
            (vec!["--model", "vgg16", "--freeze", "none"], Views::Fresh),
            (
                vec!["--model", "resnet18", "--freeze", "backbone"],
                Views::Kept(8),
            ),
            (
                vec!["--model", "resnet18", "--freeze", "layer4"],
                Views::Fresh,
            ),
            (
                vec!["--model", "resnet18", "--freeze", "layer4", "--views", "3"],
                Views::Kept(3),
            ),
        ] {
            assert_eq!(train(&line).unwrap().views, expected, "{line:?}");
        }
        for views in ["0", "257"] {
            let error = train(&["--model", "vgg16", "--views", views]).unwrap_err();
            assert!(error.to_string().contains("1 to 256"), "{error}");
        }
    }
}
