//! The lung network, and how recipes fare on films of a hospital that they have not seen.
//!
//! ```text
//! bench-elsewhere lungs OUT.safetensors EPOCHS DATA…          # train it, Dice on held-out patients
//! bench-elsewhere gather FOLDER DATA…                          # several data sets as one: Covid-19 or Other
//! bench-elsewhere features MANIFEST RECIPES.toml NAME WEIGHTS OUT   # a backbone's features, as OUT.npy
//! bench-elsewhere distil MANIFEST RECIPES.toml NAME WEIGHTS NETWORK EPOCHS OUT.safetensors
//!                                                              # a small backbone out of a large one's features
//! bench-elsewhere sheet DATA LABEL OUT.png                   # 48 films with lungs and box, to look at
//! bench-elsewhere shifted DATA OUT.png                       # films as the simulated hospitals give them
//! bench-elsewhere transfer DATA RECIPES.toml [--weights FILE] [NAME…]  # leave one group of sources out
//! ```
//!
//! `DATA` is the reference data set; for `lungs`, any data sets with lung masks.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench prints its table"
)]

mod distil;
mod features;
mod gather;
mod groups;
mod hospital;
mod lungs;
mod sheet;
mod transfer;

use std::path::Path;

use anyhow::{Context, bail};
use mimalloc::MiMalloc;
use plainfilm::dataset::{Dataset, DatasetOptions};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> anyhow::Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let given: Vec<&str> = given.iter().map(String::as_str).collect();
    match given.as_slice() {
        ["lungs", output, epochs, data @ ..] => lungs::run(output, epochs.parse()?, data),
        ["sheet", data, label, output] => sheet::lungs(data, label, output),
        ["shifted", data, output] => sheet::shifted(data, output),
        ["transfer", data, recipes, "--weights", weights, names @ ..] => {
            transfer::run(data, recipes, Some(Path::new(weights)), names)
        }
        [
            "distil",
            data,
            recipes,
            name,
            weights,
            student,
            epochs,
            output,
        ] => distil::run(
            data,
            recipes,
            name,
            Path::new(weights),
            student,
            epochs.parse()?,
            output,
        ),
        ["gather", folder, data @ ..] => gather::run(folder, data),
        ["features", data, recipes, name, weights, output] => {
            features::run(data, recipes, name, Path::new(weights), output)
        }
        ["transfer", data, recipes, names @ ..] => transfer::run(data, recipes, None, names),
        _ => bail!("usage: bench-elsewhere lungs|sheet|shifted|transfer …, see the top of main.rs"),
    }
}

/// Opens the reference data.
fn open(data: &str) -> anyhow::Result<Dataset> {
    Dataset::open(Path::new(data), &DatasetOptions::default()).with_context(|| data.to_owned())
}
