//! One figure of two networks.

use serde::Serialize;

use super::estimate::Estimate;
use super::figure::Figure;

/// One figure of two networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureDifference {
    /// As in `metrics.json`.
    pub name: &'static str,
    /// Of the first network.
    pub first: Figure,
    /// Of the second.
    pub second: Figure,
    /// First minus second.
    pub difference: Estimate,
}
