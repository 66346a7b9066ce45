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

/// Says how many films were set aside, and names one, in one sentence.
pub fn print_set_aside_briefly(set_aside: &[SetAside], printer: &Printer) {
    let all = match set_aside.len() {
        0 | 1 => "",
        _ => "; set_aside.csv names all",
    };
    if let Some(first) = set_aside.first() {
        printer.warning(&format!(
            "{} files were set aside, such as {}: {}{all}",
            set_aside.len(),
            first.path,
            first.reason
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
