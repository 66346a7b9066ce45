//! Films that a model was fitted on and that come again when it is judged.

use std::path::Path;

use plainfilm::dataset::Part;
use plainfilm::predict::{OwnFilm, OwnFilms, Usage};
use plainfilm::train::RunFolder;
use serde::Serialize;

use super::set_aside::print_lines;
use crate::printer::Printer;

/// How many films of the data the model was fitted on; its JSON is a stable output.
#[derive(Debug, Serialize)]
pub struct OwnFilmCounts {
    training: usize,
    validation: usize,
    /// Whether the figures are of them too.
    included: bool,
}

impl OwnFilmCounts {
    /// None where the model file does not say what it was fitted on.
    pub fn of(usage: &Usage, own_films: &[OwnFilm], asked: OwnFilms) -> Option<Self> {
        usage.fitted_on.as_ref()?;
        let count = |part| own_films.iter().filter(|film| film.part == part).count();
        Some(Self {
            training: count(Part::Train),
            validation: count(Part::Validation),
            included: asked == OwnFilms::Included,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.training + self.validation
    }

    /// Whether the figures are of them too.
    pub fn are_included(&self) -> bool {
        self.included && self.count() > 0
    }
}

/// Where a film was, in words.
pub fn part_text(part: Part) -> &'static str {
    match part {
        Part::Validation => "in validation",
        _ => "in training",
    }
}

/// Says which films the model was fitted on and what became of them, or that this is not known.
pub fn print_own_films(usage: &Usage, own_films: &[OwnFilm], asked: OwnFilms, printer: &Printer) {
    let Some(counts) = OwnFilmCounts::of(usage, own_films, asked) else {
        printer.line("this model file does not say which films it was trained on");
        return;
    };
    let films = match own_films.len() {
        1 => "1 film was".to_owned(),
        count => format!("{count} films were"),
    };
    let parts = format!(
        "{} in training, {} in validation",
        counts.training, counts.validation
    );
    let what = match asked {
        OwnFilms::LeftOut => {
            format!("{films} in this model's own training ({parts}) and left out of the figures")
        }
        OwnFilms::Included => format!(
            "{films} in this model's own training ({parts}) AND IN THE FIGURES, as \
             --include-training-films asks: they do not say how it does on new films"
        ),
    };
    let lines = own_films
        .iter()
        .map(|film| format!("{} ({})", film.path, part_text(film.part)));
    print_lines(&what, lines, "", printer);
}

/// Fails where no film is left to judge a model by.
///
/// # Errors
///
/// When films were left out and none was scored.
pub fn expect_others(
    model: &Path,
    data: &Path,
    scored: usize,
    own_films: &[OwnFilm],
) -> anyhow::Result<()> {
    if scored > 0 || own_films.is_empty() {
        return Ok(());
    }
    let run = RunFolder::at(model);
    let (said, figures) = match run.split_path().is_file() {
        true => (
            format!(" (see {})", run.split_path().display()),
            format!(
                "; the run's own test figures are in {}",
                run.metrics_path().display()
            ),
        ),
        false => (String::new(), String::new()),
    };
    anyhow::bail!(
        "{}: no film is left to test this model on: it was trained on every film that could be read{said}\n\
         hint: evaluate it on films that it has not seen, or give --include-training-films for figures \
         that do not say how it does on new films{figures}",
        data.display()
    )
}
