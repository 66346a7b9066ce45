//! Exporting from model file to checked files, step by step.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use plainfilm_film::files::atomic_write;
use plainfilm_film::radiograph::Plane;
use plainfilm_foreign::ForeignModel;
use plainfilm_model::bundle::{ModelFile, ModelHeader};
use plainfilm_model::predict::{Predictor, Usage};

use crate::card::Card;
use crate::error::ExportError;
use crate::export::{
    CHECK, CHECK_NAME, DRAWN, FileRecord, Format, PARITY_NAME, ParityRecord, description, to_bytes,
};
use crate::graph::{Graph, InputKind};
use crate::parity::{Parity, Scored};
use crate::precision::{Interface, Precision};
use crate::preprocessing;
use crate::waves;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    /// In which format.
    pub format: Format,
    /// In which numbers.
    pub precision: Precision,
    /// What it reads.
    pub interface: Interface,
}

/// Films to check with, preprocessed for the model.
#[derive(Debug, Clone)]
pub struct Films {
    /// The planes.
    pub planes: Vec<Plane>,
    /// Where they are from, in words.
    pub from: String,
    /// Whether ranges may be taken from them: they are like those that the model will see.
    pub calibrate: bool,
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// All files, the model first.
    pub files: Vec<PathBuf>,
    /// Size of the model, in bytes.
    pub bytes: u64,
    /// How it compares with the model; none where nothing here reads the format.
    pub parity: Option<Parity>,
}

/// Writes a model in another format to `output`, with what lies beside it, and checks the file by reading it with a
/// reader that shares nothing with what wrote it. `progress` is told what is being done.
///
/// Whether the check held is in the result: the files are there either way, to be looked at.
///
/// # Errors
///
/// When the model cannot be written so, or files cannot be.
pub fn write(
    file: ModelFile,
    request: Request,
    films: &Films,
    output: &Path,
    device: &Device,
    progress: &dyn Fn(&str),
) -> Result<Written, ExportError> {
    let Request {
        format,
        precision,
        interface,
    } = request;
    let folder = match output.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
    let settings = preprocessing::settings(&file.header.preprocessing);
    let settings_path = folder.join(preprocessing::SETTINGS_NAME);
    if std::fs::read_to_string(&settings_path).is_ok_and(|found| found != settings) {
        return Err(ExportError::OtherModel {
            path: settings_path,
        });
    }
    let mut record = read_record(folder)?.unwrap_or_default();

    progress("asking the model");
    let (ours, expected) = {
        let predictor = Predictor::new(&file, device)?;
        let size = file.header.preprocessing.size;
        let drawn: Vec<Plane> = (0..DRAWN).map(|number| waves(size, number)).collect();
        (
            Scored::by(&predictor, &films.planes)?,
            Scored::by(&predictor, &drawn)?.rows,
        )
    };
    let ModelFile { header, tensors } = file;
    let graph = Graph::of_model(&header, tensors)?;
    let ranges = match (precision, films.calibrate) {
        (Precision::Int8, true) => {
            progress("measuring ranges");
            let preprocessing = &header.preprocessing;
            Some(graph.ranges(&films.planes, preprocessing, device, &|_| {}))
        }
        _ => None,
    };

    progress("writing");
    let name = name_of(output);
    let card = Card::of(&header);
    let model = to_bytes(graph, &card, format, precision, interface, ranges.as_ref())?;
    let bytes = model.len() as u64;
    let mut files = Vec::new();
    let mut put = |path: PathBuf, bytes: &[u8]| {
        atomic_write(&path, bytes).map_err(|source| failed(&path, source))?;
        files.push(path);
        Ok::<_, ExportError>(())
    };
    put(output.to_owned(), &model)?;
    drop(model);
    if format == Format::Onnx {
        let text = description(&header, &name);
        put(output.with_extension("toml"), text.as_bytes())?;
    }
    put(settings_path, settings.as_bytes())?;
    put(
        folder.join(preprocessing::SCRIPT_NAME),
        preprocessing::SCRIPT.as_bytes(),
    )?;
    put(folder.join(CHECK_NAME), CHECK.as_bytes())?;

    progress("checking");
    let parity = match format {
        Format::Onnx => Some(check(output, &header, &ours, films, precision)?),
        Format::Tflite => None,
    };
    let input = match InputKind::of(&header.preprocessing) {
        InputKind::Unit => "unit",
        InputKind::Scaled => "scaled",
    };
    let entry = FileRecord {
        precision: precision.to_string(),
        bytes,
        checked: parity.clone(),
        expected,
        tolerance: FileRecord::tolerance_of(precision),
        input: input.to_owned(),
        preprocessing: header.preprocessing.clone(),
    };
    record.files.insert(name, entry);
    record.notice = plainfilm_film::NOT_A_MEDICAL_DEVICE.to_owned();
    let text = serde_json::to_string_pretty(&record).expect("plain values have a JSON form");
    put(folder.join(PARITY_NAME), (text + "\n").as_bytes())?;
    Ok(Written {
        files,
        bytes,
        parity,
    })
}

/// Compares an exported file with a model again.
///
/// # Errors
///
/// When either cannot be read or fails on the films.
pub fn verify(
    path: &Path,
    file: &ModelFile,
    films: &Films,
    device: &Device,
) -> Result<Parity, ExportError> {
    if path
        .extension()
        .is_none_or(|ending| ending != Format::Onnx.name())
    {
        return Err(ExportError::NoReader {
            path: path.to_owned(),
        });
    }
    let precision = recorded_precision(path)?;
    let ours = Scored::by(&Predictor::new(file, device)?, &films.planes)?;
    check(path, &file.header, &ours, films, precision)
}

fn check(
    path: &Path,
    header: &ModelHeader,
    ours: &Scored,
    films: &Films,
    precision: Precision,
) -> Result<Parity, ExportError> {
    let found = ForeignModel::open(path, None)?.into_predictor();
    let theirs = Scored::by(&found, &films.planes)?;
    let usage = Usage::from(header);
    Ok(Parity {
        films_from: films.from.clone(),
        reader: "rten".to_owned(),
        ..Parity::of([ours, &theirs], &|row| usage.answer(row), precision)
    })
}

/// The precision that the folder's record has for a file; the strictest one where there is none.
fn recorded_precision(path: &Path) -> Result<Precision, ExportError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let record = read_record(folder)?;
    let entry = record.and_then(|record| record.files.get(&name_of(path)).cloned());
    let named = entry.map(|entry| entry.precision);
    let found = Precision::ALL
        .into_iter()
        .find(|precision| named.as_deref() == Some(precision.to_string().as_str()));
    Ok(found.unwrap_or_default())
}

fn read_record(folder: &Path) -> Result<Option<ParityRecord>, ExportError> {
    let path = folder.join(PARITY_NAME);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(&path, source)),
    };
    match serde_json::from_str(&text) {
        Ok(record) => Ok(Some(record)),
        Err(error) => Err(ExportError::Record {
            path,
            reason: error.to_string(),
        }),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn failed(path: &Path, source: std::io::Error) -> ExportError {
    ExportError::File {
        path: path.to_owned(),
        source,
    }
}
