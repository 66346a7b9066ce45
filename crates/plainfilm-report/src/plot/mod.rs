//! The report's pictures: SVG written here, PNG rendered from it.

pub(crate) mod canvas;
pub(crate) mod chart;
pub(crate) mod colour;
pub(crate) mod confusion;
pub(crate) mod films;
pub(crate) mod heat;
pub(crate) mod raster;
pub(crate) mod scale;
