//! One film: decoded to a single channel, with its bit depth and where it came from, and
//! preprocessed to the plane that a network is shown. Training and prediction share this path.

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod containers;
mod decode;
mod depth;
pub mod dicom;
mod error;
mod field;
mod format;
mod grey;
mod histogram;
mod jpeg;
mod limits;
mod lungs;
mod opened;
mod options;
mod placement;
mod preprocess;
mod resample;
mod tiff;

pub use decode::{decode, open, read_bytes, read_header};
pub use error::{RadiographError, without_name};
pub use format::Format;
pub use histogram::{Histogram, equalise};
pub use limits::Limits;
pub use lungs::{LungBox, LungFinder, NoLungs};
pub use opened::Header;
pub use options::{Field, Fit, Inversion, ParseNameError, Scaling};
pub use placement::Placement;
pub use preprocess::{Preprocessing, PreprocessingError};
pub use resample::Resampling;

/// A decoded film: one channel, row-major, with a known bit depth.
#[derive(Debug, Clone, PartialEq)]
pub struct Radiograph {
    /// Columns, in pixels.
    pub width: u32,
    /// Rows, in pixels.
    pub height: u32,
    /// 8 or 16; a pixel lies in `0..=2^bit_depth - 1`.
    pub bit_depth: u8,
    /// `width * height` values, row by row.
    pub pixels: Vec<u16>,
    /// Where the pixels came from.
    pub provenance: Provenance,
}

/// What the `Software` text of a PNG film says when our generator drew it.
pub const PHANTOM_SOFTWARE: &str = "plainfilm phantom generator";

/// What the file itself said about a film.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The path or archive entry it was read from.
    pub name: String,
    /// File format by content, not by extension: `png`, `jpeg`, `tiff`, `bmp`, `webp`, `dicom`.
    pub format: String,
    /// Colour layout as stored, such as `grey 8-bit` or `RGBA 8-bit`.
    pub colour: String,
    /// EXIF orientation that was applied, 1 to 8; 1 means none.
    pub orientation: u8,
    /// Whether a generator drew this film.
    pub synthetic: bool,
    /// Pixels of a colour nobody takes for grey: their red, green and blue lie more than a quarter
    /// of full scale apart. Counted before colour is dropped, because afterwards a red arrow is a
    /// grey one; the faint tint of a photographed or scanned film is not counted.
    #[serde(default)]
    pub coloured_pixels: u32,
    /// Bits that the grey levels use: 8 in a file of up to 8, what its levels show in a file of more, where a film
    /// of 12 bits may stand in 16. The levels in [`Radiograph::pixels`] are on the scale of
    /// [`Radiograph::bit_depth`] either way. 0 in records from before it was looked at.
    #[serde(default)]
    pub used_bits: u8,
}

/// A film fitted and resized: `size` x `size` values in `0.0..=1.0`, row-major, one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    /// Columns and rows.
    pub size: usize,
    /// `size * size` values, as a fraction of the bit depth's full scale.
    pub values: Vec<f32>,
}
