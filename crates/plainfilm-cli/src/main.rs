//! The program `plainfilm`: arguments become settings, settings a library call, its result text.

mod args;
mod commands;
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
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::args::Cli;
use crate::exit::Exit;
use crate::printer::Printer;

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

/// What the library warns of goes to stderr, as the program's own messages do; other crates stay silent.
fn show_warnings() {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(false)
        .without_time();
    // The libraries' names all begin with it.
    let ours = Targets::new().with_target("plainfilm", Level::WARN);
    tracing_subscriber::registry()
        .with(lines.with_filter(ours))
        .init();
}
