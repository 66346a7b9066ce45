//! Reading `predictions.csv` back.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::ScoredFilm;

/// Columns before the probabilities.
const FIRST_COLUMNS: [&str; 3] = ["path", "truth", "label"];
/// How far from 1 probabilities of a film may add up to: others may write few decimals.
const SUM_TOLERANCE: f64 = 1e-3;

/// What a network said about labelled films.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// What to call the network.
    pub name: String,
    /// Labels in the order of the probabilities.
    pub labels: Vec<String>,
    /// The films.
    pub films: Vec<ScoredFilm>,
}

/// Why predictions cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictionsError {
    /// A file cannot be opened or is no table.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        cause: csv::Error,
    },
    /// The columns are others.
    #[error("{}: expected columns path,truth,label and one for each of at least two labels, found {found}", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// The header.
        found: String,
    },
    /// A value is wrong.
    #[error("{}, line {line}: expected {expected}, found {found:?}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Counted from 1, the header included.
        line: usize,
        /// What should be there.
        expected: &'static str,
        /// What is.
        found: String,
    },
}

/// Reads a `predictions.csv`, or the one in a run folder or in a folder that `evaluate --output` wrote.
/// Patients come from `split.csv` beside it; without one every film is taken to show a patient of its own.
///
/// # Errors
///
/// When a file is not there, or is not such a table.
pub fn read_predictions(path: &Path) -> Result<Predictions, PredictionsError> {
    let file = if path.is_dir() {
        path.join("predictions.csv")
    } else {
        path.to_owned()
    };
    let mut patients = HashMap::new();
    let split = file.with_file_name("split.csv");
    if split.is_file() {
        patients = read_patients(&split)?;
    }
    let failed = |cause| PredictionsError::File {
        path: file.clone(),
        cause,
    };
    let (mut reader, separator) = open(&file).map_err(failed)?;
    let header: Vec<String> = reader
        .headers()
        .map_err(failed)?
        .iter()
        .map(str::to_owned)
        .collect();
    if header.len() < 5 || header[..3] != FIRST_COLUMNS {
        return Err(PredictionsError::Columns {
            path: file,
            found: header.join(","),
        });
    }
    let labels = header[3..].to_vec();
    let mut films: Vec<ScoredFilm> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(failed)?;
        let wrong = |expected, found: &str| PredictionsError::Value {
            path: file.clone(),
            line: row + 2,
            expected,
            found: found.to_owned(),
        };
        // The reader refuses rows of another length than the header.
        let truth = labels
            .iter()
            .position(|label| *label == record[1])
            .ok_or_else(|| wrong("a true label that has a column", &record[1]))?;
        let probabilities: Vec<f64> = record
            .iter()
            .skip(3)
            .map(|text| match number(text, separator) {
                Some(value) if (0.0..=1.0).contains(&value) => Ok(value),
                _ => Err(wrong("a probability from 0 to 1", text)),
            })
            .collect::<Result<_, _>>()?;
        let sum: f64 = probabilities.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(wrong("probabilities that add up to 1", &sum.to_string()));
        }
        if !seen.insert(record[0].to_owned()) {
            return Err(wrong("each film once", &record[0]));
        }
        let called = labels
            .iter()
            .position(|label| *label == record[2])
            .ok_or_else(|| wrong("a label that has a column", &record[2]))?;
        let mut film = ScoredFilm::alone(&record[0], truth, probabilities);
        film.called = Some(called);
        if let Some(patient) = patients.get(&record[0]) {
            film.patient.clone_from(patient);
        }
        films.push(film);
    }
    Ok(Predictions {
        name: path.display().to_string(),
        labels,
        films,
    })
}

/// A file in memory, read row by row.
type Table = csv::Reader<std::io::Cursor<Vec<u8>>>;

/// A table whose separator is the commonest of comma, semicolon and tab in its header: spreadsheets of many
/// countries write semicolons.
fn open(path: &Path) -> Result<(Table, u8), csv::Error> {
    let bytes = std::fs::read(path)?;
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or(&[]);
    let count = |separator: &u8| header.iter().filter(|byte| *byte == separator).count();
    // The last of equals wins: a comma where there is none of them.
    let separator = [b'\t', b';', b','].into_iter().max_by_key(count);
    let separator = separator.unwrap_or(b',');
    let reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .from_reader(std::io::Cursor::new(bytes));
    Ok((reader, separator))
}

/// A number, with a decimal comma where commas separate nothing.
fn number(text: &str, separator: u8) -> Option<f64> {
    match separator {
        b',' => text.parse().ok(),
        _ => text.replace(',', ".").parse().ok(),
    }
}

/// Paths with their patients.
fn read_patients(path: &Path) -> Result<HashMap<String, String>, PredictionsError> {
    let failed = |cause| PredictionsError::File {
        path: path.to_owned(),
        cause,
    };
    let (mut reader, _) = open(path).map_err(failed)?;
    let header = reader.headers().map_err(failed)?.clone();
    let column = |name| header.iter().position(|column| column == name);
    let (Some(film), Some(patient)) = (column("path"), column("patient_id")) else {
        return Err(PredictionsError::Columns {
            path: path.to_owned(),
            found: header.iter().collect::<Vec<_>>().join(","),
        });
    };
    reader
        .records()
        .map(|record| {
            let record = record.map_err(failed)?;
            Ok((record[film].to_owned(), record[patient].to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(predictions: &str, split: Option<&str>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("predictions.csv"), predictions).unwrap();
        if let Some(split) = split {
            std::fs::write(folder.path().join("split.csv"), split).unwrap();
        }
        folder
    }

    #[test]
    fn films_and_their_patients_are_read() {
        let text = "path,truth,label,a,b\nx.png,b,a,0.6,0.4\ny.png,a,a,0.9,0.1\n";
        let split = "path,label,patient_id,split\ny.png,a,p7,test\n";
        let folder = folder(text, Some(split));
        let found = read_predictions(folder.path()).unwrap();
        assert_eq!(found.labels, ["a", "b"]);
        let films: Vec<_> = found
            .films
            .iter()
            .map(|film| (film.truth, film.patient.as_str(), film.probabilities[0]))
            .collect();
        assert_eq!(films, [(1, "x.png", 0.6), (0, "p7", 0.9)]);
    }

    #[test]
    fn spreadsheets_may_separate_by_semicolons_or_tabs() {
        let expected = vec![vec![0.6, 0.4], vec![0.9, 0.1]];
        for text in [
            "path,truth,label,a,b\nx.png,b,a,0.6,0.4\ny.png,a,a,0.9,0.1\n",
            "path;truth;label;a;b\nx.png;b;a;0.6;0.4\ny.png;a;a;0.9;0.1\n",
            "path;truth;label;a;b\r\nx.png;b;a;0,6;0,4\r\ny.png;a;a;0,9;0,1\r\n",
            "\u{feff}path;truth;label;a;b\nx.png;b;a;0,6;0,4\ny.png;a;a;0,9;0,1\n",
            "path\ttruth\tlabel\ta\tb\nx.png\tb\ta\t0.6\t0.4\ny.png\ta\ta\t0.9\t0.1\n",
        ] {
            let split = "path;label;patient_id;split\nx.png;b;p7;test\n";
            let folder = folder(text, Some(split));
            let found = read_predictions(folder.path()).unwrap();
            assert_eq!(found.labels, ["a", "b"], "{text:?}");
            let films = found.films.iter();
            let probabilities: Vec<_> = films.map(|film| film.probabilities.clone()).collect();
            assert_eq!(probabilities, expected, "{text:?}");
            assert_eq!(found.films[0].patient, "p7");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let header = "path,truth,label,a,b\n";
        for (rows, expected) in [
            ("x.png,c,a,0.6,0.4\n", "line 2: expected a true label"),
            ("x.png,a,a,0.6,nan\n", "line 2: expected a probability"),
            ("x.png,a,a,0.6,1.4\n", "line 2: expected a probability"),
            ("x.png,a,a,0.6,0.1\n", "add up to 1"),
            (
                "x.png,a,a,1,0\nx.png,a,a,1,0\n",
                "line 3: expected each film once",
            ),
        ] {
            let folder = folder(&format!("{header}{rows}"), None);
            let error = read_predictions(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        for text in ["path,truth\n", "a,b,c,d,e\n", ""] {
            let error = read_predictions(folder(text, None).path()).unwrap_err();
            assert!(matches!(error, PredictionsError::Columns { .. }), "{error}");
        }
        let nowhere = read_predictions(Path::new("/nowhere/at/all")).unwrap_err();
        assert!(nowhere.to_string().starts_with("/nowhere/at/all: "));
    }
}
