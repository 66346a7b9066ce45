//! What the cells of a table of predictions mean.

/// How far outside 0 to 1 a probability may be: sums of 32-bit floats are not exact.
const END_TOLERANCE: f64 = 1e-6;
/// How far from 1 the probabilities of a film may add up to: others may write few decimals.
const SUM_TOLERANCE: f64 = 1e-3;

/// A true label; whole numbers without the `.0` that a column with gaps gives them.
pub(super) fn truth_text(cell: &str) -> String {
    let whole = cell
        .strip_suffix(".0")
        .filter(|number| number.parse::<i64>().is_ok());
    whole.unwrap_or(cell).to_owned()
}

/// A probability, with a decimal point or comma. The error says what is wrong, with a hint.
pub(super) fn probability(cell: &str, column: &str) -> Result<f64, String> {
    let number: Option<f64> = cell
        .parse()
        .or_else(|_| cell.replace(',', ".").parse())
        .ok();
    let hint = match number {
        Some(value) if (-END_TOLERANCE..=1.0 + END_TOLERANCE).contains(&value) => {
            return Ok(value.clamp(0.0, 1.0));
        }
        Some(value) if value < 0.0 => {
            "\nhint: these look like logits: write their sigmoid, or the softmax of each row"
        }
        Some(value) if value > 1.0 => {
            "\nhint: logits? write their sigmoid, or the softmax of each row; per cent? divide by 100"
        }
        _ => "",
    };
    Err(format!(
        "expected a probability from 0 to 1 in `{column}`, found `{cell}`{hint}"
    ))
}

/// The probabilities of a film's labels, which must add up to 1.
pub(super) fn row_of_probabilities(values: Vec<f64>) -> Result<Vec<f64>, String> {
    let sum: f64 = values.iter().sum();
    if (sum - 1.0).abs() <= SUM_TOLERANCE {
        return Ok(values);
    }
    let hint = match values.len() {
        2 => "give the positive label's column alone, as in --columns LABEL=COLUMN",
        _ => {
            "a label may lack its column (--columns LABEL=COLUMN,… names all); where a film may have several \
             labels, judge each by a table of its own"
        }
    };
    Err(format!(
        "expected probabilities that add up to 1, found {sum:.4}\nhint: {hint}"
    ))
}
