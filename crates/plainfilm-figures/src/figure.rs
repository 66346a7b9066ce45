//! A number that films may or may not define.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A figure of merit, or its absence where the films do not define it.
///
/// Serialised as a plain JSON number, or `null`. Printed with four decimals, or as `n/a`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figure(Option<f64>);

impl Figure {
    /// The films do not define this figure.
    pub const UNDEFINED: Self = Self(None);

    /// `numerator / denominator`; undefined when the denominator is 0.
    pub fn ratio(numerator: f64, denominator: f64) -> Self {
        if denominator == 0.0 {
            Self::UNDEFINED
        } else {
            Self::from(numerator / denominator)
        }
    }

    /// The mean of all figures; undefined when there are none or one of them is undefined.
    pub fn mean(figures: impl IntoIterator<Item = Self>) -> Self {
        let values: Option<Vec<f64>> = figures.into_iter().map(|figure| figure.0).collect();
        match values {
            Some(values) => Self::ratio(values.iter().sum(), values.len() as f64),
            None => Self::UNDEFINED,
        }
    }

    /// The number, where there is one.
    pub fn value(self) -> Option<f64> {
        self.0
    }

    /// As a percentage with `decimals` digits, such as `98.4 %`, or `n/a`.
    pub fn percent(self, decimals: usize) -> String {
        match self.0 {
            Some(value) => format!("{:.decimals$} %", value * 100.0),
            None => "n/a".to_owned(),
        }
    }
}

/// A number of things, such as `1 patient` or `1,124 films`.
pub fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", thousands(count as u64))
}

/// With a comma between thousands, as in `1,164,434`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What people call a figure, from its name in `metrics.json`.
pub fn figure_name(key: &str) -> String {
    match key {
        "auroc" => "AUROC",
        "auprc" => "AUPRC",
        "brier" => "Brier score",
        "ece" => "calibration error",
        "kappa" => "Cohen's kappa",
        "mcc" => "Matthews correlation",
        other => return other.replace('_', " "),
    }
    .to_owned()
}

impl From<f64> for Figure {
    /// A value that is not finite is undefined.
    fn from(value: f64) -> Self {
        Self(value.is_finite().then_some(value))
    }
}

impl fmt::Display for Figure {
    /// Right-aligned when a width is given; `precision` is the number of decimals, 4 by default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            Some(value) => format!("{value:.*}", f.precision().unwrap_or(4)),
            None => "n/a".to_owned(),
        };
        write!(f, "{text:>width$}", width = f.width().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_is_null_and_never_a_number() {
        for figure in [
            Figure::UNDEFINED,
            Figure::from(f64::NAN),
            Figure::from(f64::INFINITY),
            Figure::ratio(0.0, 0.0),
            Figure::mean([]),
            Figure::mean([Figure::from(1.0), Figure::UNDEFINED]),
        ] {
            assert_eq!(serde_json::to_string(&figure).unwrap(), "null");
            assert_eq!(figure.to_string(), "n/a");
            assert_eq!(figure.percent(1), "n/a");
        }
    }

    #[test]
    fn thousands_have_commas() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_164_434, "1,164,434"),
        ] {
            assert_eq!(thousands(number), expected);
        }
    }

    #[test]
    fn one_is_no_plural() {
        for (count, expected) in [
            (0, "0 patients"),
            (1, "1 patient"),
            (1124, "1,124 patients"),
        ] {
            assert_eq!(counted(count, "patient"), expected);
        }
    }

    #[test]
    fn a_number_is_written_plainly() {
        let figure = Figure::ratio(61.0, 62.0);
        assert_eq!(
            serde_json::to_string(&figure).unwrap(),
            "0.9838709677419355"
        );
        assert_eq!(figure.to_string(), "0.9839");
        assert_eq!(
            format!("{figure:>7.2}|{:>5.2}", Figure::UNDEFINED),
            "   0.98|  n/a"
        );
        assert_eq!(figure.percent(2), "98.39 %");
        let back: Figure = serde_json::from_str("0.875").unwrap();
        assert_eq!(back.value(), Some(0.875));
    }
}
