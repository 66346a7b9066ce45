//! Weights that anybody may fetch, with the checksums that their publishers put beside them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checksum::sha256;
use super::error::WeightsError;
use crate::networks::Architecture;
use plainfilm_data::download::{self, Checksum, Outcome, Request};

/// Larger files are refused; the largest in the table, VGG16 with its classifier, has 553 MB.
const MAX_BYTES: u64 = 1 << 30;

/// A checksum as its publisher gives it, in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// SHA-256, or its first digits: PyTorch puts eight of them into the file's name.
    Sha256(&'static str),
    /// MD5, which Keras has in its source. It finds damage; it does not stop a forger.
    Md5(&'static str),
}

/// A file of weights that anybody may fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicWeights {
    /// The name on the command line, such as `torchvision/vgg16`.
    pub name: &'static str,
    /// The network.
    pub architecture: Architecture,
    /// Where it is.
    pub address: &'static str,
    /// How to tell that it came right.
    pub checksum: Published,
    /// The licence as its publisher states it.
    pub licence: &'static str,
}

const TORCHVISION: &str = "BSD-3-Clause (torchvision); fitted on ImageNet";
const KERAS_VGG: &str = "CC BY 4.0 (Visual Geometry Group, Oxford); fitted on ImageNet";

/// Addresses and checksums as in the sources of torchvision 0.13.1 (`models/*.py`), Keras 3.15
/// (`applications/*.py`) and timm 0.9.16 (`models/efficientnet.py`).
const TABLE: [PublicWeights; 12] = [
    PublicWeights {
        name: "keras/vgg16",
        architecture: Architecture::Vgg16,
        address: "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/\
                  vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
        checksum: Published::Md5("6d6bbae143d832006294945121d1f1fc"),
        licence: KERAS_VGG,
    },
    PublicWeights {
        name: "keras/densenet121",
        architecture: Architecture::DenseNet121,
        address: "https://storage.googleapis.com/tensorflow/keras-applications/densenet/\
                  densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5",
        checksum: Published::Md5("30ee3e1110167f948a6b9946edeeb738"),
        licence: "Apache-2.0 (Keras); fitted on ImageNet",
    },
    PublicWeights {
        name: "torchvision/vgg16",
        architecture: Architecture::Vgg16,
        address: "https://download.pytorch.org/models/vgg16-397923af.pth",
        checksum: Published::Sha256("397923af"),
        licence: TORCHVISION,
    },
    PublicWeights {
        name: "torchvision/resnet18",
        architecture: Architecture::ResNet18,
        address: "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        checksum: Published::Sha256("f37072fd"),
        licence: TORCHVISION,
    },
    PublicWeights {
        name: "torchvision/mobilenet-v2",
        architecture: Architecture::MobileNetV2,
        address: "https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
        checksum: Published::Sha256("b0353104"),
        licence: TORCHVISION,
    },
    PublicWeights {
        name: "torchvision/mobilenet-v2-second",
        architecture: Architecture::MobileNetV2,
        address: "https://download.pytorch.org/models/mobilenet_v2-7ebf99e0.pth",
        checksum: Published::Sha256("7ebf99e0"),
        licence: TORCHVISION,
    },
    PublicWeights {
        name: "torchvision/densenet121",
        architecture: Architecture::DenseNet121,
        address: "https://download.pytorch.org/models/densenet121-a639ec97.pth",
        checksum: Published::Sha256("a639ec97"),
        licence: TORCHVISION,
    },
    PublicWeights {
        name: "keras/vgg19",
        architecture: Architecture::Vgg19,
        address: "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/\
                  vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        checksum: Published::Md5("253f8cb515780f3b799900260a226db6"),
        licence: KERAS_VGG,
    },
    PublicWeights {
        name: "torchvision/vgg19",
        architecture: Architecture::Vgg19,
        address: "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        checksum: Published::Sha256("dcbb9e9d"),
        licence: TORCHVISION,
    },
    PublicWeights {
        name: "torchvision/resnet50",
        architecture: Architecture::ResNet50,
        address: "https://download.pytorch.org/models/resnet50-0676ba61.pth",
        checksum: Published::Sha256("0676ba61"),
        licence: TORCHVISION,
    },
    PublicWeights {
        name: "torchvision/efficientnet-b0",
        architecture: Architecture::EfficientNetB0,
        address: "https://download.pytorch.org/models/efficientnet_b0_rwightman-3dd342df.pth",
        checksum: Published::Sha256("3dd342df"),
        licence: TORCHVISION,
    },
    PublicWeights {
        name: "timm/mobilenetv2_100",
        architecture: Architecture::MobileNetV2,
        address: "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/\
                  mobilenetv2_100_ra-b33bc2c4.pth",
        checksum: Published::Sha256("b33bc2c4"),
        licence: "Apache-2.0 (timm); fitted on ImageNet",
    },
];

/// Every public file that this program knows, in the order in which they are listed.
pub fn public_weights() -> &'static [PublicWeights] {
    &TABLE
}

/// The public file of this name.
///
/// # Errors
///
/// [`WeightsError::Unknown`] lists the names there are.
pub fn find_public(name: &str) -> Result<&'static PublicWeights, WeightsError> {
    let found = TABLE.iter().find(|weights| weights.name == name);
    found.ok_or_else(|| WeightsError::Unknown {
        name: name.to_owned(),
        known: TABLE.map(|weights| weights.name).join(", "),
    })
}

impl PublicWeights {
    /// The last part of the address: what the file is called on disk.
    pub fn file_name(&self) -> &'static str {
        let slash = self.address.rfind('/').map_or(0, |slash| slash + 1);
        &self.address[slash..]
    }
}

impl Published {
    fn checksum(&self) -> Checksum<'_> {
        match self {
            Self::Sha256(digits) => Checksum::Sha256(digits),
            Self::Md5(digits) => Checksum::Md5(digits),
        }
    }
}

/// How to fetch weights.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightsFetch {
    /// Address of a folder that has the same files under the same names.
    pub mirror: Option<String>,
    /// Attempts after the first.
    pub retries: u32,
    /// Wait before the first of them; doubles each time.
    pub back_off: Duration,
    /// The longest wait for a connection, for an answer, or for the next bytes.
    pub timeout: Duration,
}

impl Default for WeightsFetch {
    /// The public address, 3 retries from half a second on, 30 seconds.
    fn default() -> Self {
        Self {
            mirror: None,
            retries: 3,
            back_off: Duration::from_millis(500),
            timeout: Duration::from_secs(30),
        }
    }
}

/// A file of weights on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedWeights {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
    /// Whether it lay there already, with the right checksum.
    pub was_there: bool,
}

/// Fetches a public file into `folder`, which keeps it for the next time: a file with the right
/// checksum is not fetched again, half a file is continued. `received` is told of every piece.
///
/// # Errors
///
/// When the server cannot be reached, the file does not come as published, or the disk refuses.
pub fn fetch_weights(
    weights: &PublicWeights,
    folder: &Path,
    options: &WeightsFetch,
    received: &dyn Fn(u64),
) -> Result<FetchedWeights, WeightsError> {
    let path = folder.join(weights.file_name());
    let disk = |source| WeightsError::File {
        path: path.clone(),
        source,
    };
    let address = match &options.mirror {
        None => weights.address.to_owned(),
        Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), weights.file_name()),
    };
    if download::host(&address).is_none() {
        return Err(WeightsError::Address { address });
    }
    std::fs::create_dir_all(folder).map_err(disk)?;
    if path.is_file() {
        let found = sha256(&path)?;
        let wrong = weights.checksum.checksum().wrong(&path, &found);
        if wrong.map_err(disk)?.is_none() {
            return Ok(FetchedWeights {
                path,
                sha256: found,
                was_there: true,
            });
        }
        std::fs::remove_file(&path).map_err(disk)?;
    }
    let addresses = [address];
    let request = Request {
        addresses: &addresses,
        target: &path,
        checksum: weights.checksum.checksum(),
        bytes: None,
        limit: MAX_BYTES,
        retries: options.retries,
        back_off: options.back_off,
    };
    let agent = download::agent(options.timeout, &addresses);
    let outcome = download::download(&agent, &request, received).map_err(disk)?;
    let [address] = addresses;
    match outcome {
        Outcome::Done { sha256, .. } => Ok(FetchedWeights {
            path,
            sha256,
            was_there: false,
        }),
        Outcome::Missing => Err(WeightsError::Fetch {
            address,
            reason: "not found; hint: name a copy with --mirror URL".to_owned(),
        }),
        Outcome::Failed(reason) => Err(WeightsError::Fetch { address, reason }),
        Outcome::Unreachable { host, cause } => Err(WeightsError::Unreachable { host, cause }),
    }
}

/// What a file's checksum says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// SHA-256 of the file in hexadecimal.
    pub sha256: String,
    /// The file of the table that has this name.
    pub known: Option<&'static PublicWeights>,
    /// What it was compared with, such as `MD5 6d6b… from the table`; `None` where nothing is known.
    pub compared_with: Option<String>,
    /// What is wrong, if anything is.
    pub wrong: Option<String>,
}

impl Verification {
    /// The public file that this is, byte for byte.
    pub fn known_and_right(&self) -> Option<&'static PublicWeights> {
        self.known.filter(|_| self.wrong.is_none())
    }
}

/// Compares a file with the published checksum of its name: the table's, or the digits of SHA-256
/// that PyTorch's custom puts into names, as in `resnet18-f37072fd.pth`.
///
/// # Errors
///
/// When the file cannot be read.
pub fn verify_weights(path: &Path) -> Result<Verification, WeightsError> {
    let found = sha256(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let known = TABLE.iter().find(|weights| weights.file_name() == name);
    let in_name = digits_in_name(&name);
    let (checksum, compared_with) = match (known, in_name) {
        (Some(known), _) => {
            let text = match known.checksum {
                Published::Sha256(digits) => format!("SHA-256 {digits}… of {}", known.name),
                Published::Md5(digits) => format!("MD5 {digits} of {}", known.name),
            };
            (known.checksum.checksum(), text)
        }
        (None, Some(digits)) => (
            Checksum::Sha256(digits),
            format!("SHA-256 {digits}… in the file's name"),
        ),
        (None, None) => {
            return Ok(Verification {
                sha256: found,
                known: None,
                compared_with: None,
                wrong: None,
            });
        }
    };
    let wrong = checksum
        .wrong(path, &found)
        .map_err(|source| WeightsError::File {
            path: path.to_owned(),
            source,
        })?;
    Ok(Verification {
        sha256: found,
        known,
        compared_with: Some(compared_with),
        wrong,
    })
}

/// The eight digits or more before the ending of `name-0123abcd.pth`.
fn digits_in_name(name: &str) -> Option<&str> {
    let (stem, ending) = name.rsplit_once('.')?;
    let (_, digits) = stem.rsplit_once('-')?;
    let hexadecimal = |letter: char| matches!(letter, '0'..='9' | 'a'..='f');
    (matches!(ending, "pth" | "pt") && digits.len() >= 8 && digits.chars().all(hexadecimal))
        .then_some(digits)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use plainfilm_data::download::test_server::{Reply, Server};

    fn quick(server: &Server) -> WeightsFetch {
        WeightsFetch {
            mirror: Some(format!("{}/copy/", server.base)),
            retries: 2,
            back_off: Duration::from_millis(1),
            timeout: Duration::from_millis(400),
        }
    }

    fn sample() -> PublicWeights {
        PublicWeights {
            address: "https://example.invalid/models/net-0000.pth",
            ..TABLE[0]
        }
    }

    /// The sample with the checksums of a body.
    fn published(body: &[u8]) -> [PublicWeights; 2] {
        let hex = |digest: &[u8]| -> &'static str {
            let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            text.leak()
        };
        [
            Published::Sha256(&hex(&Sha256::digest(body))[..8]),
            Published::Md5(hex(&md5::Md5::digest(body))),
        ]
        .map(|checksum| PublicWeights {
            checksum,
            ..sample()
        })
    }

    #[test]
    fn a_file_cut_off_is_continued_and_kept_for_the_next_time() {
        let body: Vec<u8> = (0..40_000_u32)
            .map(|index| (index * 7 % 251) as u8)
            .collect();
        for weights in published(&body) {
            let server = Server::start();
            let replies = [
                Reply::CutOff(body.clone(), 15_000),
                Reply::Body(body.clone()),
            ];
            server.on("/copy/net-0000.pth", replies);
            let folder = tempfile::tempdir().unwrap();
            let cache = folder.path().join("cache");
            let fetched = fetch_weights(&weights, &cache, &quick(&server), &|_| {}).unwrap();
            assert!(!fetched.was_there);
            assert_eq!(std::fs::read(&fetched.path).unwrap(), body);
            assert_eq!(
                server.ranges("/copy/net-0000.pth"),
                [None, Some("bytes=15000-".to_owned())]
            );
            let again = fetch_weights(&weights, &cache, &quick(&server), &|_| {}).unwrap();
            assert!(again.was_there);
            assert_eq!(server.requests(), 2);
            // A file that changed on disk is fetched again.
            std::fs::write(&fetched.path, b"other").unwrap();
            let again = fetch_weights(&weights, &cache, &quick(&server), &|_| {}).unwrap();
            assert_eq!((again.was_there, server.requests()), (false, 3));
        }
    }

    #[test]
    fn what_does_not_come_as_published_is_an_error_and_leaves_nothing() {
        let cases = [
            (Reply::Body(b"forged".to_vec()), "wrong checksum: expected"),
            (Reply::Status(404), "not found"),
            (Reply::Status(403), "server answered 403"),
        ];
        for weights in published(b"genuine") {
            for (reply, expected) in &cases {
                let server = Server::start();
                server.on("/copy/net-0000.pth", [reply.clone()]);
                let folder = tempfile::tempdir().unwrap();
                let error = fetch_weights(&weights, folder.path(), &quick(&server), &|_| {})
                    .unwrap_err()
                    .to_string();
                assert!(error.contains(expected), "{error}");
                assert_eq!(
                    std::fs::read_dir(folder.path()).unwrap().count(),
                    0,
                    "{error}"
                );
            }
        }
        let nowhere = WeightsFetch {
            mirror: Some("ftp://x".to_owned()),
            ..WeightsFetch::default()
        };
        let error = fetch_weights(&sample(), Path::new("x"), &nowhere, &|_| {}).unwrap_err();
        assert_eq!(
            error.to_string(),
            "address `ftp://x/net-0000.pth`: expected http:// or https:// and a host"
        );
    }

    #[test]
    fn files_are_compared_with_the_table_or_with_their_name() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Sha256::digest(b"weights");
        let digits: String = digest
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let cases = [
            (format!("net-{digits}.pth"), Some(true)),
            ("net-00000000.pth".to_owned(), Some(false)),
            ("resnet18-f37072fd.pth".to_owned(), Some(false)),
            (TABLE[0].file_name().to_owned(), Some(false)),
            ("mine.safetensors".to_owned(), None),
            ("net-final.pth".to_owned(), None),
        ];
        for (name, expected) in cases {
            let path = folder.path().join(&name);
            std::fs::write(&path, b"weights").unwrap();
            let verified = verify_weights(&path).unwrap();
            let right = verified
                .compared_with
                .as_ref()
                .map(|_| verified.wrong.is_none());
            assert_eq!(right, expected, "{name}: {verified:?}");
        }
    }

    #[test]
    fn the_table_has_no_doubles_and_every_checksum_is_whole() {
        for (index, weights) in TABLE.iter().enumerate() {
            assert!(
                download::host(weights.address).is_some(),
                "{}",
                weights.name
            );
            let (digits, length) = match weights.checksum {
                Published::Sha256(digits) => (digits, 8),
                Published::Md5(digits) => (digits, 32),
            };
            assert_eq!(digits.len(), length, "{}", weights.name);
            if let Some(in_name) = digits_in_name(weights.file_name()) {
                assert_eq!(digits, in_name, "{}", weights.name);
            }
            for other in &TABLE[..index] {
                assert_ne!(weights.name, other.name);
                assert_ne!(weights.file_name(), other.file_name());
            }
        }
        assert_eq!(
            find_public("vgg")
                .unwrap_err()
                .to_string()
                .split(':')
                .next(),
            Some("public weights `vgg`")
        );
    }
}
