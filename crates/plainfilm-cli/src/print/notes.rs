//! How a data set was read, before anything is made of it.

use plainfilm::dataset::Dataset;

use crate::printer::{Printer, Style};

/// Says what was made of tables and folders that a person may have meant otherwise.
pub fn print_notes(dataset: &Dataset, printer: &Printer) {
    for note in &dataset.notes {
        printer.line(&format!("{}  {note}", printer.styled(Style::Bold, "read")));
    }
}
