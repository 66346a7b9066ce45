//! Makes the model inside the program from a finished run: the same network with its large tensors
//! as 16-bit floats, so that the program stays small.
//!
//! `cargo run --release --example bundled_model -- RUN crates/plainfilm-model/models/bundled.plainfilm.safetensors`
//!
//! `crates/plainfilm-model/models/README.md` has the training command and what the model can do.

use std::path::PathBuf;

use plainfilm::bundle::{BundleError, ModelFile, Precision};
use plainfilm::train::RunFolder;

fn main() -> Result<(), BundleError> {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(run), Some(output)) = (paths.next(), paths.next()) else {
        panic!("expected two arguments: a run folder and the file to write");
    };
    ModelFile::load(&RunFolder::at(&run).model_path())?.save(&output, Precision::F16)
}
