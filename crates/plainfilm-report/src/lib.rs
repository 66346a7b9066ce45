//! What a person reads: one self-contained page and its pictures.
//!
//! [`write()`] makes `report.html`, which needs no other file and no network, and `pictures/`, which
//! holds every picture as SVG and PNG. Text in the pictures is drawn with a font that is compiled in
//! (DejaVu Sans), so they look the same on a machine without fonts; characters that it lacks show as
//! boxes in the PNG files only.

mod audit;
mod cautions;
mod curves;
mod decision;
mod documents;
mod elsewhere;
mod error;
mod evidence;
#[cfg(test)]
mod example;
mod findings;
mod heat_maps;
mod input;
mod page;
mod pictures;
mod plot;
mod sections;
mod wording;

use std::path::{Path, PathBuf};

pub use audit::{AuditSection, write_audit};
pub use error::ReportError;
pub use evidence::{EvidenceFilm, EvidenceSection};
pub use heat_maps::{FilmPicture, ShownMap, film_picture, film_png, heat_map_png, mean_picture};
pub use input::{
    DataSummary, EvaluationRecord, ModelFacts, Notice, Record, ReportInput, RunFacts, Severity,
    TestSample, Thumbnail, TrainingRecord, TrainingSample,
};

use plainfilm_film::files::atomic_write;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFiles {
    /// The page.
    pub html: PathBuf,
    /// The pictures, each as SVG and PNG.
    pub pictures: Vec<PathBuf>,
    /// Model card and checklists, as Markdown; of a training only.
    pub documents: Vec<PathBuf>,
}

/// Writes `report.html`, `pictures/*.svg|png` and, of a training, a model card and two checklists (`*.md`) into `folder`,
/// which is made where it is missing.
///
/// Every file is replaced whole. The same input gives the same bytes.
///
/// # Errors
/// [`ReportError::Inconsistent`] when pieces of the input contradict each other (a label index beyond
/// the labels, a thumbnail with too few pixels), and what the file system or the renderer refuse.
pub fn write(folder: &Path, input: &ReportInput) -> Result<ReportFiles, ReportError> {
    check(input)?;
    let picture_folder = folder.join("pictures");
    std::fs::create_dir_all(&picture_folder).map_err(|source| ReportError::Write {
        path: picture_folder.clone(),
        source,
    })?;
    let charts = pictures::charts(input);
    let evidence = evidence::pictures(input)?;
    let html = page::render(input, &charts, &evidence)?;
    let mut files = ReportFiles {
        html: folder.join("report.html"),
        pictures: Vec::new(),
        documents: Vec::new(),
    };
    for (name, text) in documents::all(input) {
        let path = folder.join(name);
        save(&path, text.as_bytes())?;
        files.documents.push(path);
    }
    let films = pictures::film_pictures(input)?;
    for picture in charts.iter().chain(&evidence).chain(&films) {
        let png =
            plot::raster::svg_to_png(&picture.paper).map_err(|reason| ReportError::Picture {
                name: picture.name.to_owned(),
                reason,
            })?;
        for (extension, bytes) in [("svg", picture.paper.as_bytes()), ("png", &png)] {
            let path = picture_folder.join(format!("{}.{extension}", picture.name));
            save(&path, bytes)?;
            files.pictures.push(path);
        }
    }
    save(&files.html, html.as_bytes())?;
    Ok(files)
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    atomic_write(path, bytes).map_err(|source| ReportError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Whether all pieces speak of the same labels, and pictures have all their pixels.
fn check(input: &ReportInput) -> Result<(), ReportError> {
    let labels = input.labels.len();
    let agree = |what: &dyn Fn() -> String, expected: usize, found: usize| {
        if expected == found {
            return Ok(());
        }
        Err(ReportError::Inconsistent {
            what: what(),
            expected: expected.to_string(),
            found: found.to_string(),
        })
    };
    let known = |what: &dyn Fn() -> String, label: usize| {
        if label < labels {
            return Ok(());
        }
        Err(ReportError::Inconsistent {
            what: format!("label index of {}", what()),
            expected: format!("below {labels}"),
            found: label.to_string(),
        })
    };
    known(&|| "the positive label".to_owned(), input.positive)?;
    for (part, metrics) in &input.metrics {
        let what = || format!("labels in the {part:?} figures").to_lowercase();
        agree(&what, labels, metrics.per_label.len())?;
        agree(&what, labels, metrics.confusion_matrix.rows().len())?;
    }
    for film in &input.scored {
        known(&|| film.path.clone(), film.truth)?;
        let what = || format!("probabilities of {}", film.path);
        agree(&what, labels, film.probabilities.len())?;
    }
    agree(
        &|| "labels in the film counts".to_owned(),
        labels,
        input.data.counts.len(),
    )?;
    for (source, films) in &input.data.sources {
        let what = || format!("labels in the film counts of source {source}");
        agree(&what, labels, films.len())?;
    }
    let whole = |path: &str, film: &Thumbnail| {
        let pixels = film.width as usize * film.height as usize;
        let what = || format!("thumbnail pixels of {path}");
        agree(&what, pixels, film.pixels.len())
    };
    for sample in input.test_samples.iter().chain(&input.errors) {
        known(&|| sample.path.clone(), sample.truth)?;
        known(&|| sample.path.clone(), sample.predicted)?;
        whole(&sample.path, &sample.thumbnail)?;
    }
    for sample in &input.training_samples {
        known(&|| sample.path.clone(), sample.label)?;
        whole(&sample.path, &sample.thumbnail)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::example::example;
    use super::*;

    #[test]
    fn the_page_and_every_picture_are_written_and_repeat_to_the_byte() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let input = example();
        let files = write(first.path(), &input).unwrap();
        let again = write(second.path(), &input).unwrap();
        assert_eq!(files.pictures.len(), 26);
        let of = |files: ReportFiles| [vec![files.html], files.pictures, files.documents].concat();
        for (file, other) in of(files).iter().zip(of(again)) {
            assert_eq!(file.file_name(), other.file_name());
            assert_eq!(
                std::fs::read(file).unwrap(),
                std::fs::read(other).unwrap(),
                "{}",
                file.display()
            );
        }
    }

    #[test]
    fn contradictions_are_named() {
        type Spoil = fn(&mut ReportInput);
        let cases: [(Spoil, &str); 7] = [
            (
                |input| input.positive = 2,
                "label index of the positive label: expected below 2, found 2",
            ),
            (
                |input| input.scored[0].probabilities.push(0.0),
                "probabilities of site_a/0.png: expected 2, found 3",
            ),
            (
                |input| input.scored[1].truth = 7,
                "label index of site_a/1.png: expected below 2, found 7",
            ),
            (
                |input| input.test_samples[0].thumbnail.width = 3,
                "thumbnail pixels of site_a/0.png: expected 96, found 1024",
            ),
            (
                |input| input.training_samples[0].label = 2,
                "label index of site_b/0.png: expected below 2, found 2",
            ),
            (
                |input| {
                    input.data.counts.pop();
                },
                "labels in the film counts: expected 2, found 1",
            ),
            (
                |input| input.labels.push("third".into()),
                "labels in the train figures: expected 3, found 2",
            ),
        ];
        for (spoil, message) in cases {
            let mut input = example();
            spoil(&mut input);
            let folder = tempfile::tempdir().unwrap();
            let error = write(folder.path(), &input).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("taken");
        std::fs::write(&file, "a file").unwrap();
        let error = write(&file, &example()).unwrap_err().to_string();
        assert!(error.contains("taken/pictures: cannot write: "), "{error}");
    }
}
