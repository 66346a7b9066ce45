//! From stored values to what a viewer shows of a grey film (PS3.3 C.11): the modality's transformation, then the
//! values of interest, then which end is white.

use super::elements::DataSet;
use super::table::Table;

/// The modality's transformation (PS3.3 C.11.1).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Modality {
    /// Rescale Slope and Intercept, 1 and 0 where the file says nothing.
    Linear {
        slope: f64,
        intercept: f64,
    },
    Table(Table),
}

/// How a window's ends are meant (PS3.3 C.11.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Linear,
    LinearExact,
    Sigmoid,
}

/// Which values are shown (PS3.3 C.11.2).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Voi {
    /// The file does not say.
    All,
    Window {
        centre: f64,
        width: f64,
        shape: Shape,
    },
    Table(Table),
}

impl Modality {
    /// A table where there is one, as PS3.3 C.11.1.1 has it, and a straight line otherwise.
    pub(super) fn read(data: &DataSet<'_>, signed: bool) -> Self {
        let items = data.items(0x0028_3000);
        let table = items
            .first()
            .and_then(|item| Table::read(item, 0x0028_3002, 0x0028_3006, signed));
        if let Some(table) = table {
            return Self::Table(table);
        }
        let slope = data.number(0x0028_1053).filter(|&slope| slope != 0.0);
        Self::Linear {
            slope: slope.unwrap_or(1.0),
            intercept: data.number(0x0028_1052).unwrap_or(0.0),
        }
    }

    fn apply(&self, stored: i32) -> f64 {
        match self {
            Self::Linear { slope, intercept } => f64::from(stored) * slope + intercept,
            Self::Table(table) => table.look_up(stored).into(),
        }
    }
}

impl Voi {
    /// The first table, or else the first window. A window without a width shows nothing and counts as none.
    pub(super) fn read(data: &DataSet<'_>, signed: bool) -> Self {
        let items = data.items(0x0028_3010);
        let table = items
            .first()
            .and_then(|item| Table::read(item, 0x0028_3002, 0x0028_3006, signed));
        if let Some(table) = table {
            return Self::Table(table);
        }
        let shape = match data.code(0x0028_1056).as_deref() {
            Some("SIGMOID") => Shape::Sigmoid,
            Some("LINEAR_EXACT") => Shape::LinearExact,
            _ => Shape::Linear,
        };
        match (data.number(0x0028_1050), data.number(0x0028_1051)) {
            (Some(centre), Some(width))
                if width >= 1.0 || width > 0.0 && shape != Shape::Linear =>
            {
                Self::Window {
                    centre,
                    width,
                    shape,
                }
            }
            _ => Self::All,
        }
    }

    /// How bright a value of the modality is, from 0 to 1. `range`: the least and the greatest there are.
    fn brightness(&self, value: f64, range: (f64, f64)) -> f64 {
        match *self {
            Self::All => ((value - range.0) / (range.1 - range.0)).clamp(0.0, 1.0),
            Self::Table(ref table) => {
                // Tables count in whole numbers; the cast saturates.
                f64::from(table.look_up(value.round() as i32)) / f64::from(table.full.max(1))
            }
            Self::Window {
                centre,
                width,
                shape,
            } => match shape {
                // C.11.2.1.2.1: of a width of 1 the lower half of the formula decides alone.
                Shape::Linear if value <= centre - 0.5 - (width - 1.0) / 2.0 => 0.0,
                Shape::Linear if value > centre - 0.5 + (width - 1.0) / 2.0 => 1.0,
                Shape::Linear => (value - (centre - 0.5)) / (width - 1.0) + 0.5,
                // C.11.2.1.3.2
                Shape::LinearExact => ((value - centre) / width + 0.5).clamp(0.0, 1.0),
                // C.11.2.1.3.1
                Shape::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - centre) / width).exp()),
            },
        }
    }
}

/// What a grey film's stored values become.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GreyLevels {
    pub(super) modality: Modality,
    pub(super) voi: Voi,
    /// MONOCHROME1: the least value is white. Bright is dense in the films that are read, so it is exchanged.
    pub(super) white_is_zero: bool,
}

impl GreyLevels {
    pub(super) fn read(data: &DataSet<'_>, signed: bool, white_is_zero: bool) -> Self {
        let modality = Modality::read(data, signed);
        // What a VOI table looks up is what the modality gives.
        let can_be_negative = match &modality {
            Modality::Linear { intercept, slope } => signed || *intercept < 0.0 || *slope < 0.0,
            Modality::Table(_) => false,
        };
        Self {
            voi: Voi::read(data, can_be_negative),
            modality,
            white_is_zero,
        }
    }

    /// Whether the file leaves open which of its stored values are black and white.
    pub(super) fn is_open(&self) -> bool {
        self.voi == Voi::All && matches!(self.modality, Modality::Linear { .. })
    }

    /// Whether a greater stored value is darker, of a film that is open.
    pub(super) fn falls(&self) -> bool {
        matches!(self.modality, Modality::Linear { slope, .. } if slope < 0.0) != self.white_is_zero
    }

    /// The level of each of the stored values `numbers`, on a scale to `full`. Without a window or table, black and
    /// white are the least and the greatest of `range`, which can be stored.
    pub(super) fn levels(
        &self,
        numbers: impl Iterator<Item = i32>,
        range: (i32, i32),
        full: u16,
    ) -> Vec<u16> {
        let range = match &self.modality {
            Modality::Table(table) => (0.0, f64::from(table.full.max(1))),
            linear => {
                let ends = (linear.apply(range.0), linear.apply(range.1));
                (ends.0.min(ends.1), ends.0.max(ends.1))
            }
        };
        numbers
            .map(|number| {
                let bright = self.voi.brightness(self.modality.apply(number), range);
                let bright = if self.white_is_zero {
                    1.0 - bright
                } else {
                    bright
                };
                (bright * f64::from(full)).round() as u16
            })
            .collect()
    }
}
