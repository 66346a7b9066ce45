//! What a training is about to do.

use plainfilm::dataset::Dataset;
use plainfilm::evaluate::{PositiveLabel, counted};
use plainfilm::model::Freeze;
use plainfilm::train::{RunFolder, TrainSettings};

use super::many;
use crate::printer::{Printer, Style};

/// The films, the network and the folder, before the training begins.
pub fn describe(
    dataset: &Dataset,
    settings: &TrainSettings,
    folder: &RunFolder,
    printer: &Printer,
) {
    let outputs = dataset.outputs().iter().zip(dataset.films_per_output());
    let counts: Vec<String> = outputs
        .map(|(label, films)| format!("{films} {label}"))
        .collect();
    printer.line(&format!(
        "{}  {} films: {}",
        printer.styled(Style::Bold, "data"),
        dataset.films.len(),
        many::names(&counts, ", ")
    ));
    let of_one_label_each = || dataset.findings.is_empty() && settings.positive.is_none();
    let labels = &dataset.labels;
    let doubt = PositiveLabel::of(labels).doubt(labels);
    if let Some(doubt) = doubt.filter(|_| of_one_label_each()) {
        printer.warning(&doubt);
    }
    printer.line(&format!(
        "{} {} at {} px, {}, batch {}, {} with {}, seed {}",
        printer.styled(Style::Bold, "model"),
        settings.model,
        settings.preprocessing.size,
        counted(settings.epochs, "epoch"),
        settings.batch,
        settings.device,
        counted(settings.threads, "thread"),
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
