//! One file a verb: settings in, library call, printed result.

mod audit;
mod compare;
mod data;
mod deidentify;
mod doctor;
mod evaluate;
mod explain;
mod export;
mod import_dicom;
mod model;
mod models;
mod phi_check;
mod predict;
mod quickstart;
mod recipes;
mod serve;
mod train;
mod weights;

use crate::args::{Cli, Verb};
use crate::exit::Exit;
use crate::printer::Printer;

/// Runs the verb.
///
/// # Errors
///
/// Whatever kept it from its result.
pub fn run(cli: Cli, printer: &Printer) -> anyhow::Result<Exit> {
    match cli.verb {
        Verb::Quickstart(args) => quickstart::run(&args, printer),
        Verb::Data(args) => data::run(args.verb, printer),
        Verb::Audit(args) => audit::run(&args, printer),
        Verb::Train(args) => train::run(&args, printer),
        Verb::Merge(args) => train::run_merge(&args, printer),
        Verb::Evaluate(args) => evaluate::run(&args, printer),
        Verb::Compare(args) => compare::run(&args, printer),
        Verb::Predict(args) => predict::run(&args, printer),
        Verb::Explain(args) => explain::run(&args, printer),
        Verb::Export(args) => export::run(&args, printer),
        Verb::Serve(args) => serve::run(&args, printer),
        Verb::DecodeFilms(args) => serve::decode(&args),
        Verb::Model(args) => model::run(&args.verb, printer),
        Verb::Models(args) => models::run(&args, printer),
        Verb::Recipes(args) => recipes::run(&args, printer),
        Verb::PhiCheck(args) => phi_check::run(&args, printer),
        Verb::Doctor(args) => doctor::run(&args, printer),
        Verb::Weights(args) => weights::run(args.verb, printer),
    }
}
