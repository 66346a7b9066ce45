//! The model inside the program.

use super::{BundleError, ModelFile};

/// Covid-19 vs No_findings, trained by this project on the reference data; how, and how well it does
/// on patients it never saw, is in `models/README.md` beside it.
static BYTES: &[u8] = include_bytes!("../../models/bundled.plainfilm.safetensors");

/// The model that `predict` uses when none is named.
///
/// # Errors
///
/// When this build's bytes do not fit its networks, which a test rules out.
pub fn bundled() -> Result<ModelFile, BundleError> {
    ModelFile::from_bytes(BYTES, "the bundled model")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_model_loads_and_is_small() {
        let model = bundled().unwrap();
        assert_eq!(model.header.labels, ["Covid-19", "No_findings"]);
        assert!(model.header.dataset.patients_grouped);
        assert!(BYTES.len() <= 3_000_000, "{} bytes", BYTES.len());
    }
}
