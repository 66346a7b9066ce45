//! Lists that may be long: what is shown of them, and how the rest is named.

/// Rows of labels that a table shows.
pub const MOST_ROWS: usize = 12;
/// Names that a line lists.
const MOST_NAMES: usize = 10;

/// Up to ten names, separated by `between`, and how many more there are.
pub fn names(names: &[String], between: &str) -> String {
    let shown = names[..names.len().min(MOST_NAMES)].join(between);
    match names.len().saturating_sub(MOST_NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What stands under a table that was cut after [`MOST_ROWS`] of its rows; empty where it is whole.
pub fn more_rows(rows: usize) -> String {
    match rows.saturating_sub(MOST_ROWS) {
        0 => String::new(),
        more => format!("and {more} more: see the report, or metrics.json\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let labels = |count: usize| {
            (0..count)
                .map(|label| label.to_string())
                .collect::<Vec<_>>()
        };
        for (count, expected) in [
            (0, ""),
            (2, "0, 1"),
            (10, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
            (200, "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 190 more"),
        ] {
            assert_eq!(names(&labels(count), ", "), expected);
        }
        assert_eq!(more_rows(12), "");
        assert_eq!(
            more_rows(200),
            "and 188 more: see the report, or metrics.json\n"
        );
    }
}
