//! Films that could not be used, or are not where they should be.

use plainfilm::dataset::SetAside;

use crate::printer::Printer;

/// How many films of a list are named on the terminal.
pub const NAMED: usize = 5;

/// Names the first few films that were set aside.
pub fn print_set_aside(set_aside: &[SetAside], printer: &Printer) {
    if set_aside.is_empty() {
        return;
    }
    printer.warning(&format!("{} files were set aside:", set_aside.len()));
    for film in set_aside.iter().take(NAMED) {
        printer.line(&format!("  {}: {}", film.path, film.reason));
    }
    if set_aside.len() > NAMED {
        printer.line(&format!(
            "  and {} more, in set_aside.csv",
            set_aside.len() - NAMED
        ));
    }
}

/// Names the first few films of a list and says what they are.
pub fn print_names(what: &str, names: &[String], printer: &Printer) {
    if names.is_empty() {
        return;
    }
    printer.warning(&format!("{} films are {what}:", names.len()));
    for name in names.iter().take(NAMED) {
        printer.line(&format!("  {name}"));
    }
    if names.len() > NAMED {
        printer.line(&format!("  and {} more", names.len() - NAMED));
    }
}
