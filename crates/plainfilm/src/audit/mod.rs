//! What to know about a set of films before any training.

pub mod copies;
pub mod quality;
