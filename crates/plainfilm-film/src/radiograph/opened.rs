//! A film whose header was read.

use image::metadata::Orientation;

use super::Format;
use super::grey;

/// What a film's header says; cheap to read, no pixel is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// File format by content.
    pub format: Format,
    /// Columns of the upright film, in pixels.
    pub width: u32,
    /// Rows of the upright film, in pixels.
    pub height: u32,
    /// 8 or 16: the depth that [`decode`](super::decode()) gives.
    pub bit_depth: u8,
    /// Colour layout as stored.
    pub colour: String,
    /// EXIF orientation, 1 to 8.
    pub orientation: u8,
}

impl Header {
    /// A header from the size as stored, which the orientation may turn.
    pub(super) fn new(
        format: Format,
        width: u32,
        height: u32,
        bit_depth: u8,
        colour: impl Into<String>,
        orientation: Orientation,
    ) -> Self {
        let (width, height) = if grey::swaps_sides(orientation) {
            (height, width)
        } else {
            (width, height)
        };
        Self {
            format,
            width,
            height,
            bit_depth,
            colour: colour.into(),
            orientation: orientation.to_exif(),
        }
    }
}

/// A film whose header was read and found acceptable, ready to give its pixels.
pub(super) struct Opened<S> {
    pub(super) header: Header,
    pub(super) orientation: Orientation,
    /// Columns and rows as stored, before the film is turned upright.
    pub(super) stored_size: (usize, usize),
    pub(super) source: S,
}

impl<S> Opened<S> {
    pub(super) fn map<T>(self, wrap: impl FnOnce(S) -> T) -> Opened<T> {
        Opened {
            header: self.header,
            orientation: self.orientation,
            stored_size: self.stored_size,
            source: wrap(self.source),
        }
    }
}
