//! Chest films, before any network sees them: the lowest layer of plainfilm.
//!
//! | module | what it answers |
//! |---|---|
//! | [`radiograph`] | which pixels a file holds, and what of them a network is shown |
//! | [`copies`] | which films are one picture, as it is or changed |
//! | [`grid`] | what a film looks like on a grid of 128 x 128 cells, and where its frame ends |
//! | [`average_film`] | what an average chest film looks like |
//! | [`files`] | writing a file so that nobody sees half of it |
//! | [`spelling`] | how far a name is from one that exists, for "did you mean" |
//!
//! Nothing here knows a network: preprocessing that needs lungs is handed a
//! [`LungFinder`](radiograph::LungFinder).

pub mod average_film;
pub mod copies;
pub mod files;
pub mod grid;
pub mod radiograph;
pub mod spelling;

/// The sentence that every report, page and export carries.
pub const NOT_A_MEDICAL_DEVICE: &str =
    "For research and teaching only. plainfilm is not a medical device.";
