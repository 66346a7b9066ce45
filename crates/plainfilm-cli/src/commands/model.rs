//! `plainfilm model`

use std::path::Path;

use plainfilm::foreign::describe;

use crate::args::{DescribeArgs, ModelVerb};
use crate::exit::{Exit, UsageError};
use crate::printer::Printer;

/// Drafts the description of a model that another program made.
pub fn run(verb: &ModelVerb, printer: &Printer) -> anyhow::Result<Exit> {
    let ModelVerb::Describe(args) = verb;
    run_describe(args, printer)
}

fn run_describe(args: &DescribeArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let draft = describe(&args.model)?;
    let beside = args.model.with_extension("toml");
    let output = args.output.as_deref().unwrap_or(&beside);
    if output == Path::new("-") {
        printer.data(&draft);
        return Ok(Exit::Done);
    }
    if output.exists() && !args.force {
        return Err(UsageError(format!(
            "{}: it is there already, maybe corrected by somebody\n\
             hint: --force writes over it, --output - prints the draft",
            output.display()
        ))
        .into());
    }
    plainfilm::files::atomic_write(output, draft.as_bytes())?;
    let guesses = draft.matches("GUESS:").count();
    printer.line(&format!(
        "{}: a draft, in which {guesses} lines are guesses: correct them before you believe a figure",
        output.display()
    ));
    Ok(Exit::Done)
}
