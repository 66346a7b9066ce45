//! Films that could not be used, or are not where they should be.

use plainfilm::dataset::SetAside;

use crate::printer::Printer;

/// How many films of a list are named on the terminal.
pub const NAMED: usize = 5;

/// Names the first few films that were set aside, and says that the others are in `set_aside.csv` where they are.
pub fn print_set_aside(set_aside: &[SetAside], is_written: bool, printer: &Printer) {
    let lines = set_aside
        .iter()
        .map(|film| format!("{}: {}", film.path, film.reason));
    let what = format!("{} set aside", files(set_aside.len()));
    let elsewhere = match is_written {
        true => ", in set_aside.csv",
        false => "",
    };
    print_lines(&what, lines, elsewhere, printer);
}

/// Says how many films were set aside, and names one, in one sentence.
pub fn print_set_aside_briefly(set_aside: &[SetAside], printer: &Printer) {
    let all = match set_aside.len() {
        0 | 1 => "",
        _ => "; set_aside.csv names all",
    };
    if let Some(first) = set_aside.first() {
        printer.warning(&format!(
            "{} set aside, such as {}: {}{all}",
            files(set_aside.len()),
            first.path,
            first.reason
        ));
    }
}

/// Names the first few films of a list and says what they are.
pub fn print_names(what: &str, names: &[String], printer: &Printer) {
    let what = format!("{} films are {what}", names.len());
    print_lines(&what, names.iter().cloned(), "", printer);
}

fn files(count: usize) -> String {
    match count {
        1 => "1 file was".to_owned(),
        _ => format!("{count} files were"),
    }
}

/// The first few lines of a list below what they are, and how many more there are, and where.
pub fn print_lines(
    what: &str,
    lines: impl ExactSizeIterator<Item = String>,
    elsewhere: &str,
    printer: &Printer,
) {
    let count = lines.len();
    if count == 0 {
        return;
    }
    printer.warning(&format!("{what}:"));
    for line in lines.take(NAMED) {
        printer.line(&format!("  {line}"));
    }
    if count > NAMED {
        printer.line(&format!("  and {} more{elsewhere}", count - NAMED));
    }
}
