//! What the cells of a table mean: values that are missing, ages.

/// Words that stand where a value is missing, as spreadsheets, R, pandas and databases write them.
const MISSING: [&str; 15] = [
    "", "#n/a", "#na", "-", "--", "?", "<na>", "n.a.", "n/a", "na", "nan", "nil", "none", "null",
    "\u{2013}",
];

/// Whether a cell says that there is no value.
pub(super) fn is_missing(cell: &str) -> bool {
    MISSING.contains(&cell.trim().to_lowercase().as_str())
}

/// A cell's text unless it says that the value is missing or not known.
pub(super) fn known(cell: &str) -> Option<String> {
    let text = cell.trim();
    (!is_missing(text) && !text.eq_ignore_ascii_case("unknown")).then(|| text.to_owned())
}

/// An age in years: a number, DICOM's age string (`045Y`, `006M`, `003W`, `010D`), or the bound of
/// an open interval as registers write one for the oldest (`90+`, `>89`).
pub(super) fn years(text: &str) -> Option<f32> {
    let plain = text
        .trim()
        .trim_start_matches(['>', '\u{2265}', '='])
        .trim_end_matches('+')
        .trim();
    let (number, per_year) = match plain.char_indices().last() {
        Some((end, 'Y' | 'y')) => (&plain[..end], 1.0),
        Some((end, 'M' | 'm')) => (&plain[..end], 12.0),
        Some((end, 'W' | 'w')) => (&plain[..end], 365.25 / 7.0),
        Some((end, 'D' | 'd')) => (&plain[..end], 365.25),
        _ => (plain, 1.0),
    };
    let years = number.trim().parse::<f32>().ok()? / per_year;
    (0.0..=150.0).contains(&years).then_some(years)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_as_registers_write_them() {
        let cases = [
            ("45", Some(45.0)),
            ("45.5", Some(45.5)),
            ("058Y", Some(58.0)),
            ("006M", Some(0.5)),
            ("90+", Some(90.0)),
            (">89", Some(89.0)),
            ("0", Some(0.0)),
            ("45-50", None),
            ("414", None),
            ("-3", None),
            ("old", None),
            ("inf", None),
            ("Y", None),
            ("\u{e9}", None),
        ];
        for (text, expected) in cases {
            assert_eq!(years(text), expected, "{text}");
        }
    }

    #[test]
    fn missing_values_are_known_in_every_usual_spelling() {
        for cell in [
            "", " ", "nan", "NaN", "NA", "N/A", "null", "None", "?", "-", "#N/A",
        ] {
            assert!(is_missing(cell), "{cell}");
            assert_eq!(known(cell), None, "{cell}");
        }
        assert!(!is_missing("Unknown") && known("Unknown").is_none());
        assert_eq!(known(" nano ").as_deref(), Some("nano"));
    }
}
