//! TensorBoard's event files: records of TFRecord's framing that hold `Event` messages of TensorFlow's
//! `event.proto` and `summary.proto`. Of these only what scalars need is written.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{LogError, Sink, now};

/// One event file a fold.
pub(super) struct TensorBoard {
    folder: PathBuf,
    files: HashMap<String, (PathBuf, File)>,
}

impl TensorBoard {
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            files: HashMap::new(),
        }
    }

    /// The fold's file, which begins with the version of the format. A resumed run begins another one; TensorBoard
    /// reads all files of a folder.
    fn file(&mut self, fold: &str) -> Result<&mut (PathBuf, File), LogError> {
        if !self.files.contains_key(fold) {
            let folder = self.folder.join(fold);
            let time = now();
            let mut path = folder.join(format!("events.out.tfevents.{time:.6}.plainfilm"));
            let opened = std::fs::create_dir_all(&folder).and_then(|()| {
                let mut number = 1;
                while path.exists() {
                    number += 1;
                    path = folder.join(format!("events.out.tfevents.{time:.6}.plainfilm.{number}"));
                }
                let mut file = File::create(&path)?;
                file.write_all(&record(&version_event(time)))?;
                Ok(file)
            });
            let file = opened.map_err(|cause| LogError::File {
                path: path.clone(),
                cause,
            })?;
            self.files.insert(fold.to_owned(), (path, file));
        }
        Ok(self
            .files
            .get_mut(fold)
            .expect("it was there or has just been put there"))
    }
}

impl Sink for TensorBoard {
    fn name(&self) -> &'static str {
        "TensorBoard"
    }

    fn scalars(&mut self, fold: &str, step: i64, values: &[(String, f64)]) -> Result<(), LogError> {
        let bytes = record(&scalar_event(now(), step, values));
        let (path, file) = self.file(fold)?;
        file.write_all(&bytes).map_err(|cause| LogError::File {
            path: path.clone(),
            cause,
        })
    }

    fn close(&mut self, _: bool) -> Result<(), LogError> {
        self.files.clear();
        Ok(())
    }
}

/// A record: length, checksum of the length, data, checksum of the data; numbers little-endian.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend(length);
    bytes.extend(masked_checksum(&length).to_le_bytes());
    bytes.extend(data);
    bytes.extend(masked_checksum(data).to_le_bytes());
    bytes
}

/// CRC-32C, turned and shifted as TFRecord has it, since checksums of checksums are troublesome.
fn masked_checksum(data: &[u8]) -> u32 {
    crc32c::crc32c(data)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

/// `Event { wall_time = 1, file_version = 3 }`.
fn version_event(time: f64) -> Vec<u8> {
    let mut event = Vec::new();
    double(&mut event, 1, time);
    bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// `Event { wall_time = 1, step = 2, summary = 5 }` with `Summary.Value { tag = 1, simple_value = 2 }`.
fn scalar_event(time: f64, step: i64, values: &[(String, f64)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (name, number) in values {
        let mut value = Vec::new();
        bytes(&mut value, 1, name.as_bytes());
        key(&mut value, 2, 5);
        value.extend((*number as f32).to_le_bytes());
        bytes(&mut summary, 1, &value);
    }
    let mut event = Vec::new();
    double(&mut event, 1, time);
    key(&mut event, 2, 0);
    varint(&mut event, step as u64);
    bytes(&mut event, 5, &summary);
    event
}

fn key(target: &mut Vec<u8>, field: u64, kind: u64) {
    varint(target, field << 3 | kind);
}

fn varint(target: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        target.push(value as u8 | 0x80);
        value >>= 7;
    }
    target.push(value as u8);
}

fn double(target: &mut Vec<u8>, field: u64, value: f64) {
    key(target, field, 1);
    target.extend(value.to_le_bytes());
}

fn bytes(target: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(target, field, 2);
    varint(target, value.len() as u64);
    target.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_those_of_tensorboards_own_writer() {
        // `reference/logs` holds what TensorBoard writes of the same values at the same moments.
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reference/logs/events.bin");
        let expected = std::fs::read(path).expect("the reference output is committed");
        let mut written = record(&version_event(1_700_000_000.25));
        let values = [
            ("epoch/train_loss", std::f64::consts::LN_2),
            ("test/accuracy", 0.984),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value));
        written.extend(record(&scalar_event(1_700_000_001.5, 1, &values)));
        written.extend(record(&scalar_event(1_700_000_002.0, 300, &values[..1])));
        assert_eq!(written, expected);
    }

    #[test]
    fn every_fold_has_a_file_and_a_resumed_run_another() {
        let folder = tempfile::tempdir().unwrap();
        let values = [("a".to_owned(), 1.0)];
        for _ in 0..2 {
            let mut board = TensorBoard::in_folder(folder.path());
            for fold in ["fold-1", "fold-2", "fold-1"] {
                board.scalars(fold, 1, &values).unwrap();
            }
            board.close(true).unwrap();
        }
        for fold in ["fold-1", "fold-2"] {
            assert_eq!(
                folder.path().join(fold).read_dir().unwrap().count(),
                2,
                "{fold}"
            );
        }
    }
}
