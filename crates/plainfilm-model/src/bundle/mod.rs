//! The model file: a network, its labels, its preprocessing and its record, in one safetensors file.
//!
//! The tensors are safetensors entries under their state-dict names; everything else is a
//! [`ModelHeader`] as JSON under one metadata key. Nothing in it is code.

mod bundled;
mod error;
mod fitted;
mod header;
mod precision;
mod weights_record;

use std::collections::HashMap;
use std::path::Path;

use burn::tensor::Device;
use safetensors::tensor::{SafeTensors, TensorView};

pub use bundled::{bundled, bundled_bytes};
pub use error::BundleError;
pub use fitted::{FilmDigest, FilmDigests, FittedFilms};
pub use header::{DatasetRecord, ModelHeader, SCHEMA_VERSION, TestPredictions, Threshold};
pub use precision::Precision;
pub(crate) use weights_record::WEIGHTS_RECORD_KEY;
pub use weights_record::WeightsRecord;

use self::header::read_header;
pub(crate) use self::precision::{read_values, stored};
use crate::networks::{NamedTensor, Network, NetworkSettings, check_tensors};
use plainfilm_film::files::atomic_write;

/// The metadata key that holds the header.
pub const METADATA_KEY: &str = "plainfilm";

/// Longer files are refused before they are read.
const MAX_FILE_BYTES: u64 = 4 << 30;

/// A trained network with its record.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelFile {
    /// Everything but the tensors.
    pub header: ModelHeader,
    /// The network's tensors, as [`crate::networks::state_dict`] gives them.
    pub tensors: Vec<NamedTensor>,
}

impl ModelFile {
    /// Reads a model file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or as [`Self::from_bytes`].
    pub fn load(path: &Path) -> Result<Self, BundleError> {
        let read = |source| BundleError::Read {
            path: path.to_owned(),
            source,
        };
        let found = std::fs::metadata(path).map_err(read)?.len();
        if found > MAX_FILE_BYTES {
            return Err(BundleError::TooLarge {
                path: path.to_owned(),
                found,
                expected: MAX_FILE_BYTES,
            });
        }
        let bytes = std::fs::read(path).map_err(read)?;
        Self::from_bytes(&bytes, &path.display().to_string())
    }

    /// Reads the bytes of a model file; errors call it `name`. Tensors come in the network's order.
    ///
    /// # Errors
    ///
    /// When the bytes are not safetensors, the header is missing, of another schema version or
    /// contradicts itself, or the tensors are not exactly those of its architecture.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self, BundleError> {
        let damaged = |error: safetensors::SafeTensorError| BundleError::NotSafetensors {
            name: name.to_owned(),
            reason: error.to_string(),
        };
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let text = metadata
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(METADATA_KEY))
            .ok_or_else(|| BundleError::NotPlainfilm {
                name: name.to_owned(),
                key: METADATA_KEY,
            })?;
        let header = read_header(text, name)?;
        let views = SafeTensors::deserialize(bytes).map_err(damaged)?.tensors();
        check_tensors(
            &header.network,
            views
                .iter()
                .map(|(tensor, view)| (tensor.as_str(), view.shape())),
        )
        .map_err(|source| network_error(name, source))?;
        let mut by_name = views
            .into_iter()
            .map(|(tensor, view)| {
                let values = read_values(&view).ok_or_else(|| BundleError::Dtype {
                    name: name.to_owned(),
                    tensor: tensor.clone(),
                    found: format!("{:?}", view.dtype()),
                })?;
                let shape = view.shape().to_vec();
                Ok((tensor, (shape, values)))
            })
            .collect::<Result<HashMap<_, _>, BundleError>>()?;
        let tensors = tensor_names(&header.network, name)?
            .into_iter()
            .map(|tensor| {
                let (shape, values) = by_name
                    .remove(&tensor)
                    .expect("the list was just compared with the architecture's");
                NamedTensor {
                    name: tensor,
                    shape,
                    values,
                }
            })
            .collect();
        Ok(Self { header, tensors })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    ///
    /// When the file cannot be written, or as [`Self::to_bytes`].
    pub fn save(&self, path: &Path, precision: Precision) -> Result<(), BundleError> {
        let bytes = self.bytes(precision, &path.display().to_string())?;
        atomic_write(path, &bytes).map_err(|source| BundleError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// The bytes of the file: the same for the same header, tensors and precision.
    ///
    /// # Errors
    ///
    /// When the header contradicts itself, the tensors are not exactly those of its architecture, or
    /// a weight is too large for f16.
    pub fn to_bytes(&self, precision: Precision) -> Result<Vec<u8>, BundleError> {
        self.bytes(precision, "the model file")
    }

    /// The network, ready to predict or to train on.
    ///
    /// # Errors
    ///
    /// As [`Network::from_state_dict`].
    pub fn network(&self, device: &Device) -> Result<Network, BundleError> {
        Network::from_state_dict(&self.header.network, &self.tensors, device)
            .map_err(|source| network_error("the model file", source))
    }

    fn bytes(&self, precision: Precision, name: &str) -> Result<Vec<u8>, BundleError> {
        self.header.check(name)?;
        check_tensors(
            &self.header.network,
            self.tensors
                .iter()
                .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())),
        )
        .map_err(|source| network_error(name, source))?;
        let stored = self
            .tensors
            .iter()
            .map(|tensor| Ok((tensor, stored(tensor, precision, name)?)))
            .collect::<Result<Vec<_>, BundleError>>()?;
        let views = stored
            .iter()
            .map(|(tensor, (dtype, bytes))| {
                let view = TensorView::new(*dtype, tensor.shape.clone(), bytes)
                    .map_err(|error| unwritable(name, &error))?;
                Ok((tensor.name.as_str(), view))
            })
            .collect::<Result<Vec<_>, BundleError>>()?;
        let header =
            serde_json::to_string(&self.header).map_err(|error| unwritable(name, &error))?;
        // One key only: several would come in a different order each time.
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header)]);
        safetensors::serialize(views, Some(metadata)).map_err(|error| unwritable(name, &error))
    }
}

fn tensor_names(settings: &NetworkSettings, name: &str) -> Result<Vec<String>, BundleError> {
    let plan = settings
        .plan()
        .map_err(|source| network_error(name, source))?;
    Ok(plan
        .tensors()
        .into_iter()
        .map(|tensor| tensor.name)
        .collect())
}

fn network_error(name: &str, source: crate::networks::ModelError) -> BundleError {
    BundleError::Network {
        name: name.to_owned(),
        source,
    }
}

fn unwritable(name: &str, error: &dyn std::error::Error) -> BundleError {
    BundleError::Header {
        name: name.to_owned(),
        reason: format!("cannot be written: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use safetensors::tensor::Dtype;
    use serde_json::json;

    use super::*;
    use crate::networks::{Architecture, state_dict};
    use plainfilm_film::radiograph::Preprocessing;

    fn sample() -> ModelFile {
        let network = NetworkSettings {
            size: 32,
            ..NetworkSettings::published(Architecture::DarkCovidNet, 2)
        };
        let device = Device::flex();
        let built = Network::new(&network, 5, &device).expect("good settings");
        ModelFile {
            header: ModelHeader {
                schema_version: SCHEMA_VERSION,
                plainfilm_version: "0.1.0".into(),
                network,
                labels: vec!["Covid-19".into(), "No_findings".into()],
                preprocessing: Preprocessing {
                    size: 32,
                    ..Preprocessing::default()
                },
                positive_label: Some("Covid-19".into()),
                threshold: Threshold {
                    value: 0.5,
                    chosen: "default".into(),
                },
                calibration_temperature: 1.0,
                operation: None,
                findings: Vec::new(),
                training: json!({"epochs": 1}),
                seed: 5,
                dataset: DatasetRecord {
                    name: "phantoms".into(),
                    fingerprint: "00".into(),
                    films_per_label: BTreeMap::from([("Covid-19".into(), 3)]),
                    split: "grouped by patient".into(),
                    patients_grouped: true,
                    synthetic: true,
                },
                fitted_on: None,
                likeness: None,
                test_predictions: None,
                audit: None,
                weights: None,
                metrics: json!({}),
                licence: "MIT OR Apache-2.0".into(),
                intended_use: "teaching".into(),
                not_a_medical_device: plainfilm_film::NOT_A_MEDICAL_DEVICE.into(),
            },
            tensors: state_dict(&built),
        }
    }

    #[test]
    fn a_file_reads_back_as_it_was_and_writes_the_same_bytes() {
        let model = sample();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model.plainfilm.safetensors");
        model.save(&path, Precision::F32).expect("written");
        let loaded = ModelFile::load(&path).expect("read");
        assert_eq!(loaded, model);
        assert_eq!(
            loaded.to_bytes(Precision::F32).expect("bytes"),
            std::fs::read(&path).expect("the file")
        );
        let network = loaded.network(&Device::flex()).expect("fits");
        assert_eq!(state_dict(&network), model.tensors);
    }

    #[test]
    fn half_precision_rounds_weights_and_keeps_the_rest() {
        let mut model = sample();
        model.tensors[1].values[0] = 1e6;
        let bytes = model.to_bytes(Precision::F16).expect("bytes");
        assert!(bytes.len() < 1_164_434 * 2 + 60_000, "{}", bytes.len());
        let loaded = ModelFile::from_bytes(&bytes, "m").expect("read");
        for (before, after) in model.tensors.iter().zip(&loaded.tensors) {
            for (old, new) in before.values.iter().zip(&after.values) {
                if before.shape.len() < 2 {
                    assert_eq!(old, new, "{}", before.name);
                } else {
                    // Half a unit in the last of 11 bits, or of the smallest subnormal.
                    assert!(
                        (old - new).abs() <= old.abs() / 2048.0 + 3e-8,
                        "{old} {new}"
                    );
                }
            }
        }
        model.tensors[0].values[0] = 1e6;
        assert_eq!(
            model
                .to_bytes(Precision::F16)
                .expect_err("too large")
                .to_string(),
            "the model file: tensor `stage1.0.conv.weight` holds 1000000, more than f16 can hold; \
             hint: save as f32"
        );
    }

    /// The sample's tensors under another header.
    fn with_header(change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
        let model = sample();
        let mut header = serde_json::to_value(&model.header).expect("JSON");
        change(&mut header);
        let bytes: Vec<Vec<u8>> = model
            .tensors
            .iter()
            .map(|tensor| stored(tensor, Precision::F32, "").expect("f32").1)
            .collect();
        let views = model.tensors.iter().zip(&bytes).map(|(tensor, bytes)| {
            let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).expect("fits");
            (tensor.name.clone(), view)
        });
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), header.to_string())]);
        safetensors::serialize(views, Some(metadata)).expect("bytes")
    }

    #[test]
    fn headers_that_cannot_be_are_refused() {
        type Change = fn(&mut serde_json::Value);
        let cases: [(Change, &str); 13] = [
            (
                |header| {
                    header["operation"] = json!({
                        "calibration": {
                            "method": "temperature", "slope": 0.5, "intercept": 0.0, "films": 40, "chosen": ""
                        },
                        "threshold": 0.5, "chosen": "default", "points": [],
                    });
                },
                "m: header field `operation`: expected temperature 1 and threshold 0.5, found 2 and 0.5",
            ),
            (
                |header| header["preprocessing"]["size"] = json!(64),
                "m: header field `preprocessing`: expected 3 channels of 32 x 32, found 3 channels \
                 of 64 x 64",
            ),
            (
                |header| header["preprocessing"] = json!({"size": 32}),
                "m: header: `preprocessing` has to be written out in full, such as {",
            ),
            (
                |header| header["schema_version"] = json!(2),
                "m: header of schema version 2: expected 1; hint: a newer plainfilm wrote it",
            ),
            (
                |header| header["schema_version"] = json!("1"),
                "m: header: expected a whole number `schema_version`",
            ),
            (
                |header| drop(header.as_object_mut().expect("object").remove("labels")),
                "m: header: missing field `labels`",
            ),
            (
                |header| header["labels"] = json!(["a"]),
                "m: header field `labels`: expected 2 labels, one per output, found 1",
            ),
            (
                |header| header["labels"] = json!(["a", "a"]),
                "m: header field `labels`: expected names that are neither empty nor repeated, \
                 found `a`",
            ),
            (
                |header| header["positive_label"] = json!("x"),
                "m: header field `positive_label`: expected one of Covid-19, No_findings, found `x`",
            ),
            (
                |header| header["threshold"]["value"] = json!(1.5),
                "m: header field `threshold`: expected a probability, found 1.5",
            ),
            (
                |header| header["calibration_temperature"] = json!(0),
                "m: header field `calibration_temperature`: expected a number above 0, found 0",
            ),
            (
                |header| {
                    header["network"]["classes"] = json!(3);
                    header["labels"] = json!(["a", "b", "c"]);
                    header["positive_label"] = json!(null);
                },
                "m: the tensors do not fit darkcovidnet: 7 wrong shape: head.bn.bias (expected \
                 [3], found [2])",
            ),
            (
                |header| header["network"]["channels"] = json!(0),
                "m: header field `preprocessing`: expected 0 channels",
            ),
        ];
        for (change, expected) in cases {
            let error = ModelFile::from_bytes(&with_header(change), "m").expect_err(expected);
            assert!(
                error.to_string().starts_with(expected),
                "{error}\n{expected}"
            );
        }
    }

    #[test]
    fn files_of_other_programs_are_refused() {
        let bytes = safetensors::serialize(Vec::<(String, TensorView<'_>)>::new(), None)
            .expect("an empty file");
        assert!(matches!(
            ModelFile::from_bytes(&bytes, "m"),
            Err(BundleError::NotPlainfilm { .. })
        ));
        let huge = [u64::MAX.to_le_bytes().as_slice(), b"{}"].concat();
        for bytes in [b"".as_slice(), b"\x80\x04pickle", &huge] {
            assert!(matches!(
                ModelFile::from_bytes(bytes, "m"),
                Err(BundleError::NotSafetensors { .. })
            ));
        }
    }

    #[test]
    fn a_file_that_could_not_be_read_is_not_written() {
        let mut model = sample();
        model.tensors.pop();
        assert!(matches!(
            model.to_bytes(Precision::F32),
            Err(BundleError::Network { .. })
        ));
        let mut model = sample();
        model.header.labels.pop();
        assert!(matches!(
            model.to_bytes(Precision::F32),
            Err(BundleError::Field { .. })
        ));
    }

    /// The bytes are made once; a case damages a copy.
    fn good_bytes() -> &'static [u8] {
        static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        BYTES.get_or_init(|| sample().to_bytes(Precision::F16).expect("bytes"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn damaged_headers_never_panic(at in 0_usize..20_000, bit in 0_u8..8, cut in any::<bool>()) {
            let mut bytes = good_bytes().to_vec();
            if cut {
                bytes.truncate(at);
                prop_assert!(ModelFile::from_bytes(&bytes, "m").is_err());
            } else {
                bytes[at] ^= 1 << bit;
                // A flipped bit may leave a good file, such as another digit of the seed.
                let _ = ModelFile::from_bytes(&bytes, "m").map(|model| model.header);
            }
        }
    }
}
