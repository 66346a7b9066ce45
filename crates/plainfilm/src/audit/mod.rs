//! What to know about a set of films before any training.

mod chest;
pub mod copies;
mod grid;
pub mod quality;
