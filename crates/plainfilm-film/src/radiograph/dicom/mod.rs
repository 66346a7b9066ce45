//! Films in DICOM files (PS3.10): CR, DX and secondary captures, the first frame, as a viewer would show it.
//!
//! | file | its story |
//! |---|---|
//! | `file` | preamble, meta information, deflation, files that lack them |
//! | `heads`, `elements`, `values` | the data set: where each element lies, and what it says |
//! | `syntax`, `frames` | how the pixels are written, and which bytes are the first frame |
//! | `description` | how large they are and how laid out, checked against the limits |
//! | `codec`, `rle`, `jpeg_says` | compressed frames to samples |
//! | `stored` | samples to stored values |
//! | `grey_levels`, `table`, `colour` | stored values to grey |
//! | `directory` | which files a DICOMDIR lists |
//! | `facts` | view, age, sex, maker: what else the file says |
//! | `profile`, `deidentify`, `writer` | the file anew, without what identifies a person |
//! | `identifying` | what of a file identifies a person, to be looked for elsewhere |
//!
//! The data set is read by our own code and not by a general library, because a library allocates by what a length
//! field claims, inflates without bound, and has opinions on what the pixels mean. Only the codecs are others'.
//!
//! No error says anything of an element's value but numbers that describe pixels: the rest may name a person.

mod codec;
mod colour;
mod deidentify;
mod description;
mod directory;
mod elements;
mod facts;
mod file;
mod frames;
mod grey_levels;
mod heads;
mod identifying;
mod jpeg_says;
mod profile;
mod rle;
mod source;
mod stored;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod values;
mod writer;

pub use deidentify::{Deidentified, Identities, deidentify};
pub use directory::{Listed, directory};
pub use facts::DicomFacts;
pub use identifying::{IdentifyingValue, identifying_values};
pub use source::{StoredValues, stored_values};

pub(super) use file::{has_preamble, starts_like_elements};
pub(super) use source::{DicomSource, open};

use super::{Format, RadiographError};

/// What is wrong with a file, before its name is known.
#[derive(Debug)]
enum Fault {
    Truncated(String),
    Damaged(String),
    Unsupported(String),
}

impl Fault {
    fn of(self, name: &str) -> RadiographError {
        let name = name.to_owned();
        let format = Format::Dicom;
        match self {
            Self::Truncated(detail) => RadiographError::Truncated {
                name,
                format,
                detail,
            },
            Self::Damaged(detail) => RadiographError::Damaged {
                name,
                format,
                detail,
            },
            Self::Unsupported(detail) => RadiographError::Unsupported {
                name,
                format,
                detail,
            },
        }
    }
}
