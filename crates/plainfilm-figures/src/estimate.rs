//! A figure as it is reported: with its interval, or with the reason why it has none.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Figure, Interval};

/// A figure of merit with its 95 % interval.
///
/// Serialised as `{"value": …, "low": …, "high": …, "method": …}`; ends that cannot be claimed are
/// `null`, and `method` then says why, beginning with `none:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: Figure,
    /// Lower end of the interval.
    pub low: Figure,
    /// Upper end.
    pub high: Figure,
    /// How the ends were found, or `none:` and why they were not.
    pub method: String,
}

impl Estimate {
    /// A figure whose interval cannot be claimed, and why not.
    pub fn without_interval(value: Figure, why: &str) -> Self {
        Self {
            value,
            low: Figure::UNDEFINED,
            high: Figure::UNDEFINED,
            method: format!("none: {why}"),
        }
    }

    /// The interval, or a figure that the films do not define.
    pub fn or_undefined(interval: Option<Interval>) -> Self {
        interval.map_or_else(
            || Self::without_interval(Figure::UNDEFINED, "not defined by these films"),
            Self::from,
        )
    }

    /// The number, where there is one.
    pub fn value(&self) -> Option<f64> {
        self.value.value()
    }

    /// Both ends, where they can be claimed.
    pub fn ends(&self) -> Option<(f64, f64)> {
        Some((self.low.value()?, self.high.value()?))
    }

    /// The figure alone, as [`Figure::percent`] writes it.
    pub fn percent(&self, decimals: usize) -> String {
        self.value.percent(decimals)
    }

    /// The interval as percentages, such as `95.1 to 99.0 %`; empty where there is none.
    pub fn percent_ends(&self, decimals: usize) -> String {
        self.ends().map_or_else(String::new, |(low, high)| {
            format!(
                "{:.decimals$} to {:.decimals$} %",
                100.0 * low,
                100.0 * high
            )
        })
    }

    /// The figure with its interval where there is one, such as `97.0 % (95 to 99 %)`; `decimals` of the figure and of
    /// the ends.
    pub fn percent_with_ends(&self, decimals: usize, of_ends: usize) -> String {
        match self.percent_ends(of_ends) {
            ends if ends.is_empty() => self.percent(decimals),
            ends => format!("{} ({ends})", self.percent(decimals)),
        }
    }

    /// The figure with its interval where there is one, such as `0.970 (0.951 to 0.990)`.
    pub fn number_with_ends(&self, decimals: usize) -> String {
        match self.number_ends(decimals) {
            ends if ends.is_empty() => format!("{self:.decimals$}"),
            ends => format!("{self:.decimals$} ({ends})"),
        }
    }

    /// The interval, such as `0.951 to 0.990`; empty where there is none.
    pub fn number_ends(&self, decimals: usize) -> String {
        self.ends().map_or_else(String::new, |(low, high)| {
            format!("{low:.decimals$} to {high:.decimals$}")
        })
    }
}

impl From<Interval> for Estimate {
    fn from(interval: Interval) -> Self {
        Self {
            value: Figure::from(interval.value),
            low: Figure::from(interval.low),
            high: Figure::from(interval.high),
            method: interval.method,
        }
    }
}

impl fmt::Display for Estimate {
    /// The figure alone, as [`Figure`] is written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_claimed_is_null_with_its_reason() {
        let none = Estimate::without_interval(Figure::from(1.0), "4 patients");
        assert_eq!(
            serde_json::to_string(&none).unwrap(),
            r#"{"value":1.0,"low":null,"high":null,"method":"none: 4 patients"}"#
        );
        assert_eq!(
            (none.percent(1), none.percent_ends(1)),
            ("100.0 %".into(), String::new())
        );
        let some = Estimate::from(Interval::new(0.5, 0.25, 0.75, "Wilson"));
        assert_eq!(some.percent_ends(0), "25 to 75 %");
        assert_eq!(some.number_ends(2), "0.25 to 0.75");
        assert_eq!(some.number_with_ends(2), "0.50 (0.25 to 0.75)");
        assert_eq!(none.number_with_ends(1), "1.0");
        assert_eq!(some.percent_with_ends(1, 0), "50.0 % (25 to 75 %)");
        assert_eq!(none.percent_with_ends(1, 0), "100.0 %");
        assert_eq!(Estimate::or_undefined(None).percent_with_ends(1, 1), "n/a");
        let back: Estimate = serde_json::from_str(&serde_json::to_string(&some).unwrap()).unwrap();
        assert_eq!(back, some);
        assert_eq!(Estimate::or_undefined(None).value, Figure::UNDEFINED);
    }
}
