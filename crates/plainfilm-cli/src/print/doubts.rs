//! What is strange about the outputs of a model that is not ours.

use plainfilm::foreign::doubts;
use plainfilm::predict::Predictor;

use crate::printer::Printer;

/// Warns where the probabilities of films look as if the model's description were wrong.
pub fn print_doubts<'a>(
    predictor: &Predictor,
    films: impl Iterator<Item = &'a [f64]>,
    printer: &Printer,
) {
    if !predictor.is_foreign() {
        return;
    }
    for doubt in doubts(predictor.usage(), &films.collect::<Vec<_>>()) {
        printer.warning(&doubt);
    }
}
