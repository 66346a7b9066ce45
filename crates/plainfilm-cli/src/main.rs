//! The program `plainfilm`: arguments become settings, settings a library call, its result text.

mod args;
mod cache;
mod commands;
mod disk;
mod exit;
mod inputs;
mod interrupt;
mod maps;
mod print;
mod printer;
mod progress;
mod settings;
mod wrap;

use std::process::ExitCode;

use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::args::Cli;
use crate::exit::Exit;
use crate::printer::Printer;

/// Whose messages have a time.
const SERVICE: &str = "plainfilm_serve";

/// Training makes and drops large buffers at every step; the system's allocator returns them to the
/// kernel each time, which costs a third of the speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::of_process();
    show_warnings();
    let printer = Printer::new();
    match commands::run(cli, &printer) {
        Ok(exit) => exit.into(),
        Err(error) => {
            printer.error(&error);
            Exit::of(&error).into()
        }
    }
}

/// What the library warns of goes to stderr, as the program's own messages do, and so does what the service logs,
/// with its time; other crates stay silent.
fn show_warnings() {
    let warnings = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false)
        .without_time();
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false);
    // The libraries' names all begin with it.
    let ours = Targets::new()
        .with_target("plainfilm", Level::WARN)
        .with_target(SERVICE, LevelFilter::OFF);
    let service = Targets::new().with_target(SERVICE, Level::INFO);
    tracing_subscriber::registry()
        .with(warnings.with_filter(ours))
        .with(log.with_filter(service))
        .init();
}
