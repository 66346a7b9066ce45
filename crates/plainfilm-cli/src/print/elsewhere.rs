//! Films that are not like those of the training.

use plainfilm::likeness::GroupTest;

use crate::printer::Printer;

/// That films, as a group, are from elsewhere, and what that does to the figures from inside.
pub fn print_group(group: GroupTest, printer: &Printer) {
    printer.warning(&format!(
        "as a group these films are from elsewhere (two-sample test, p {}): what was measured on the model's own \
         test films does not hold for them",
        match group.p <= 0.001 {
            true => "at most 0.001".to_owned(),
            false => format!("= {:.3}", group.p),
        }
    ));
}
