//! The report's pictures: SVG written here, PNG rendered from it.

pub(crate) mod canvas;
pub(crate) mod chart;
pub(crate) mod confusion;
pub(crate) mod films;
pub(crate) mod raster;
pub(crate) mod scale;
