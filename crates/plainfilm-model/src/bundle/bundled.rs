//! The model inside the program.

use super::{BundleError, ModelFile};

/// Covid-19 or anything else, made by this project; how, and what it is worth on sources that it never saw, is in
/// `models/README.md` beside it.
static BYTES: &[u8] = include_bytes!("../../models/bundled.plainfilm.safetensors");

/// The model that `predict` uses when none is named.
///
/// # Errors
///
/// When this build's bytes do not fit its networks, which a test rules out.
pub fn bundled() -> Result<ModelFile, BundleError> {
    ModelFile::from_bytes(BYTES, "the bundled model")
}

/// How many bytes it has.
#[must_use]
pub fn bundled_bytes() -> u64 {
    BYTES.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_model_loads_and_is_small() {
        let model = bundled().unwrap();
        assert_eq!(model.header.labels, ["Covid-19", "Other"]);
        assert!(model.header.likeness.is_some() && model.header.fitted_on.is_some());
        assert!(model.header.dataset.patients_grouped);
        assert!(BYTES.len() <= 8_000_000, "{} bytes", BYTES.len());
    }
}
