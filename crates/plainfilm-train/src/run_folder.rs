//! The files of a run and where they are.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::checkpoint::HistoryRow;
use super::error::TrainError;
use super::settings::TrainSettings;
use plainfilm_audit::Audit;
use plainfilm_data::{Dataset, Film, SEPARATOR, SetAside};
use plainfilm_figures::Presence;
use plainfilm_figures::{FindingsFilm, ScoredFilm};
use plainfilm_film::files::{atomic_write, is_unfinished};

/// `runs/<time>-<name>/`.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// A run folder at a path that may not exist yet.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Makes the folder.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub fn create(&self) -> Result<(), TrainError> {
        make(&self.root)
    }

    /// Makes the folder and its `checkpoints`, and removes what a killed write left behind.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub(super) fn create_for_training(&self) -> Result<(), TrainError> {
        let checkpoints = self.root.join("checkpoints");
        make(&checkpoints)?;
        for folder in [&self.root, &checkpoints] {
            remove_unfinished(folder).map_err(|cause| TrainError::File {
                path: folder.clone(),
                cause,
            })?;
        }
        Ok(())
    }

    /// Claims the folder for this process until what is returned is dropped, or the process ends, however it
    /// ends. The claim lies on `log.txt`, which no write replaces.
    ///
    /// # Errors
    ///
    /// [`TrainError::Busy`] when another process has claimed it. A file system that knows no locks claims
    /// nothing.
    pub(super) fn claim(&self) -> Result<std::fs::File, TrainError> {
        let path = self.root.join("log.txt");
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|cause| TrainError::File { path, cause })?;
        match file.try_lock() {
            Err(std::fs::TryLockError::WouldBlock) => Err(TrainError::Busy {
                path: self.root.clone(),
            }),
            Ok(()) | Err(std::fs::TryLockError::Error(_)) => Ok(file),
        }
    }

    /// Adds a line to `log.txt`, with the time. A log that cannot be written stops nothing.
    pub fn log(&self, line: &str) {
        let path = self.root.join("log.txt");
        let now = jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string();
        let written = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| writeln!(file, "{now} {line}"));
        if let Err(error) = written {
            tracing::warn!("{}: {error}", path.display());
        }
    }

    /// A folder inside it, such as that of one fold.
    #[must_use]
    pub fn inside(&self, name: &str) -> Self {
        Self {
            root: self.root.join(name),
        }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `settings.toml`.
    #[must_use]
    pub fn settings_path(&self) -> PathBuf {
        self.root.join("settings.toml")
    }

    /// `split.csv`.
    #[must_use]
    pub fn split_path(&self) -> PathBuf {
        self.root.join("split.csv")
    }

    /// `checkpoints/last.safetensors`.
    #[must_use]
    pub fn checkpoint_path(&self) -> PathBuf {
        self.root.join("checkpoints/last.safetensors")
    }

    /// `model.plainfilm.safetensors`.
    #[must_use]
    pub fn model_path(&self) -> PathBuf {
        self.root.join("model.plainfilm.safetensors")
    }

    /// `metrics.json`.
    #[must_use]
    pub fn metrics_path(&self) -> PathBuf {
        self.root.join("metrics.json")
    }

    /// Writes a file of the run, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), TrainError> {
        let path = self.root.join(name);
        atomic_write(&path, bytes).map_err(|cause| TrainError::File { path, cause })
    }

    /// Writes `settings.toml`.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub fn write_settings(&self, settings: &TrainSettings) -> Result<(), TrainError> {
        self.write("settings.toml", settings_text(settings).as_bytes())
    }

    /// Reads `settings.toml`.
    ///
    /// # Errors
    ///
    /// When it is missing or does not hold settings.
    pub fn read_settings(&self) -> Result<TrainSettings, TrainError> {
        let path = self.settings_path();
        let text = std::fs::read_to_string(&path).map_err(|cause| TrainError::File {
            path: path.clone(),
            cause,
        })?;
        toml::from_str(&text).map_err(|error| TrainError::Corrupt {
            path,
            problem: error.to_string(),
        })
    }

    /// Writes `audit.json`.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub(super) fn write_audit(&self, audit: &Audit) -> Result<(), TrainError> {
        self.write("audit.json", audit.to_json().as_bytes())
    }

    /// The audit that an earlier start of this run made, if it got that far. A file that cannot be read
    /// is made again.
    pub(super) fn read_audit(&self) -> Option<Audit> {
        let text = std::fs::read_to_string(self.root.join("audit.json")).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Writes `history.csv`.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub fn write_history(&self, rows: &[HistoryRow]) -> Result<(), TrainError> {
        let mut text = String::from(
            "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate,seconds\n",
        );
        let cell = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.6}"));
        for row in rows {
            text.push_str(&format!(
                "{},{:.6},{:.6},{},{},{:.6e},{:.3}\n",
                row.epoch,
                row.train_loss,
                row.train_accuracy,
                cell(row.validation_loss),
                cell(row.validation_accuracy),
                row.learning_rate,
                row.seconds
            ));
        }
        self.write("history.csv", text.as_bytes())
    }

    /// Writes `predictions.csv`: `path,truth,label`, then one probability column per label. They are written
    /// to the last digit, so that whoever reads them finds the same figures.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub fn write_predictions(
        &self,
        labels: &[String],
        scored: &[ScoredFilm],
    ) -> Result<(), TrainError> {
        self.write("predictions.csv", &scored_bytes(labels, scored))
    }

    /// Writes `validation_predictions.csv`, with the columns of `predictions.csv`: the films that calibration and
    /// threshold were chosen on, with the network's own probabilities, so that both can be chosen again. The label
    /// is what the film is called after both.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub(super) fn write_validation(
        &self,
        labels: &[String],
        scored: &[ScoredFilm],
    ) -> Result<(), TrainError> {
        self.write("validation_predictions.csv", &scored_bytes(labels, scored))
    }

    /// Writes `findings.csv`: `path,findings,unknown,called`, each a list with [`SEPARATOR`], then one probability
    /// column per finding.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub fn write_findings(
        &self,
        findings: &[String],
        films: &[FindingsFilm],
    ) -> Result<(), TrainError> {
        let header = ["path", "findings", "unknown", "called"]
            .into_iter()
            .chain(findings.iter().map(String::as_str));
        let rows = films.iter().map(|film| {
            let list = |keep: &dyn Fn(usize) -> bool| -> String {
                let names = findings.iter().enumerate();
                let names = names.filter_map(|(index, name)| keep(index).then_some(name.as_str()));
                names.collect::<Vec<_>>().join(&SEPARATOR.to_string())
            };
            let mut row = vec![
                film.path.clone(),
                list(&|finding| film.presence[finding] == Presence::Present),
                list(&|finding| film.presence[finding] == Presence::Unknown),
                list(&|finding| film.called[finding]),
            ];
            row.extend(film.probabilities.iter().copied().map(exact));
            row
        });
        self.write("findings.csv", &csv_bytes(header, rows))
    }

    /// Reads [`Self::write_findings`]' file back, with patients and truth from the data set.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is of other films or findings.
    pub(super) fn read_findings(&self, dataset: &Dataset) -> Result<Vec<FindingsFilm>, TrainError> {
        let path = self.root.join("findings.csv");
        let corrupt = |problem: String| TrainError::Corrupt {
            path: path.clone(),
            problem,
        };
        let by_path: HashMap<&str, &Film> = dataset
            .films
            .iter()
            .map(|film| (film.path.as_str(), film))
            .collect();
        let mut reader =
            csv::Reader::from_path(&path).map_err(|error| corrupt(error.to_string()))?;
        let header = reader
            .headers()
            .map_err(|error| corrupt(error.to_string()))?;
        if header.iter().skip(4).ne(dataset.findings.iter()) {
            return Err(corrupt(format!(
                "expected a column for each of {}",
                dataset.findings.join(", ")
            )));
        }
        reader
            .records()
            .map(|record| {
                let record = record.map_err(|error| corrupt(error.to_string()))?;
                let film = by_path
                    .get(&record[0])
                    .ok_or_else(|| corrupt(format!("{} is no film of the data set", &record[0])))?;
                let called: Vec<&str> = record[3].split(SEPARATOR).collect();
                let probabilities = record.iter().skip(4).map(|text| {
                    let number = text.parse::<f64>();
                    number.map_err(|_| corrupt(format!("expected a probability, found {text:?}")))
                });
                Ok(FindingsFilm {
                    path: film.path.clone(),
                    patient: film.patient_id.clone(),
                    presence: film.findings.clone(),
                    called: dataset
                        .findings
                        .iter()
                        .map(|name| called.contains(&name.as_str()))
                        .collect(),
                    probabilities: probabilities.collect::<Result<_, _>>()?,
                })
            })
            .collect()
    }

    /// Writes `set_aside.csv`: `path,reason`.
    ///
    /// # Errors
    ///
    /// When the system does not allow it.
    pub fn write_set_aside(&self, set_aside: &[SetAside]) -> Result<(), TrainError> {
        let rows = set_aside
            .iter()
            .map(|film| vec![film.path.clone(), film.reason.clone()]);
        self.write(
            "set_aside.csv",
            &csv_bytes(["path", "reason"].into_iter(), rows),
        )
    }
}

/// As few digits as name the number; those near 0 with a power of ten.
fn exact(number: f64) -> String {
    if number != 0.0 && number.abs() < 1e-4 {
        format!("{number:e}")
    } else {
        number.to_string()
    }
}

/// Settings as the TOML text of `settings.toml`.
#[must_use]
pub fn settings_text(settings: &TrainSettings) -> String {
    toml::to_string_pretty(settings).expect("settings hold only numbers, strings and tables")
}

/// `path,truth,label`, then one probability column per label.
fn scored_bytes(labels: &[String], scored: &[ScoredFilm]) -> Vec<u8> {
    let header = ["path", "truth", "label"]
        .into_iter()
        .chain(labels.iter().map(String::as_str));
    let rows = scored.iter().map(|film| {
        let (truth, label) = (labels[film.truth].clone(), labels[film.predicted()].clone());
        let mut row = vec![film.path.clone(), truth, label];
        row.extend(film.probabilities.iter().copied().map(exact));
        row
    });
    csv_bytes(header, rows)
}

fn csv_bytes<'a>(
    header: impl Iterator<Item = &'a str>,
    rows: impl Iterator<Item = Vec<String>>,
) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let in_memory = "writing to memory does not fail";
    writer.write_record(header).expect(in_memory);
    for row in rows {
        writer.write_record(&row).expect(in_memory);
    }
    writer.into_inner().expect(in_memory)
}

fn make(folder: &Path) -> Result<(), TrainError> {
    std::fs::create_dir_all(folder).map_err(|cause| TrainError::File {
        path: folder.to_owned(),
        cause,
    })
}

/// Removes the temporary files of [`atomic_write`] that a killed process could not.
fn remove_unfinished(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_unfinished(&path) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_claimed_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::at(folder.path());
        let claim = run.claim().unwrap();
        let refused = run.claim().unwrap_err();
        assert!(matches!(refused, TrainError::Busy { .. }), "{refused}");
        drop(claim);
        assert!(run.claim().is_ok());
    }
}
