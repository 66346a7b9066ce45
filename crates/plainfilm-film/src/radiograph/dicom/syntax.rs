//! Transfer syntaxes (PS3.5, annex A): how a data set and its pixels are written.

use super::Fault;
use super::heads::Encoding;

/// How pixels are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Not at all.
    None,
    /// JPEG with a discrete cosine transform, 8 bits.
    Jpeg,
    /// JPEG lossless, processes 14 (PS3.5 A.4.1).
    JpegLossless,
    /// JPEG 2000 and its high-throughput form.
    Jpeg2000,
    /// Run lengths (PS3.5, annex G).
    Rle,
    /// Each frame deflated on its own (PS3.5 A.4.14).
    DeflatedFrame,
}

/// A transfer syntax that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TransferSyntax {
    pub(super) encoding: Encoding,
    pub(super) compression: Compression,
    /// Whether the data set itself is deflated (PS3.5 A.5).
    pub(super) deflated: bool,
}

impl TransferSyntax {
    pub(super) const IMPLICIT: Self = Self {
        encoding: Encoding::IMPLICIT,
        compression: Compression::None,
        deflated: false,
    };

    /// The syntax of this identifier.
    pub(super) fn of(uid: &str) -> Result<Self, Fault> {
        let explicit = |compression| Self {
            encoding: Encoding::META,
            compression,
            deflated: false,
        };
        let Some(suffix) = uid.strip_prefix("1.2.840.10008.1.2") else {
            return Err(not_read(
                uid,
                "a transfer syntax that is not of the standard",
            ));
        };
        Ok(match suffix {
            "" => Self::IMPLICIT,
            ".1" | ".1.98" => explicit(Compression::None),
            ".1.99" => Self {
                deflated: true,
                ..explicit(Compression::None)
            },
            ".2" => Self {
                encoding: Encoding {
                    explicit: true,
                    big: true,
                },
                ..explicit(Compression::None)
            },
            ".5" => explicit(Compression::Rle),
            ".8.1" => explicit(Compression::DeflatedFrame),
            ".4.50" | ".4.51" | ".4.52" | ".4.53" | ".4.54" | ".4.55" | ".4.56" => {
                explicit(Compression::Jpeg)
            }
            ".4.57" | ".4.58" | ".4.70" => explicit(Compression::JpegLossless),
            ".4.90" | ".4.91" | ".4.201" | ".4.202" | ".4.203" => explicit(Compression::Jpeg2000),
            ".4.80" => return Err(not_read(uid, "JPEG-LS lossless")),
            ".4.81" => return Err(not_read(uid, "JPEG-LS near-lossless")),
            ".4.92" | ".4.93" => return Err(not_read(uid, "JPEG 2000 of several components")),
            ".4.94" | ".4.95" | ".4.204" | ".4.205" => {
                return Err(not_read(uid, "JPIP, whose pixels lie on a server"));
            }
            ".4.110" | ".4.111" | ".4.112" => return Err(not_read(uid, "JPEG XL")),
            _ if suffix.starts_with(".4.10") || suffix.starts_with(".7") => {
                return Err(not_read(uid, "video"));
            }
            _ => return Err(not_read(uid, "a transfer syntax that is not known")),
        })
    }
}

fn not_read(uid: &str, what: &str) -> Fault {
    // A damaged file may hold anything where its identifier should be, a name included.
    let is_uid = uid.len() <= 64 && uid.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let shown = if is_uid { uid } else { "not an identifier" };
    Fault::Unsupported(format!("{what} ({shown})"))
}
