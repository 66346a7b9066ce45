//! `plainfilm recipes`

use plainfilm::recipe::{Recipe, recipes};

use crate::args::{RecipesArgs, TableFormat};
use crate::exit::{Exit, UsageError};
use crate::print::table::{Align, render};
use crate::printer::Printer;

/// Lists the recipes, or prints one.
pub fn run(args: &RecipesArgs, printer: &Printer) -> anyhow::Result<Exit> {
    let text = match (&args.name, args.format) {
        (Some(name), _) => match Recipe::named(name) {
            Ok(recipe) => recipe.text.to_owned(),
            Err(error) => return Err(UsageError(error.to_string()).into()),
        },
        (None, TableFormat::Table) => table(),
        (None, TableFormat::Json) => serde_json::to_string_pretty(recipes())? + "\n",
    };
    printer.data(&text);
    Ok(Exit::Done)
}

fn table() -> String {
    let header = [
        ("name", Align::Left),
        ("what", Align::Left),
        ("from", Align::Left),
    ];
    let rows: Vec<Vec<String>> = recipes()
        .iter()
        .map(|recipe| {
            [recipe.name, recipe.about, recipe.source]
                .map(str::to_owned)
                .to_vec()
        })
        .collect();
    render(&header, &rows)
}
