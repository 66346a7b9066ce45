//! Aligned columns.

/// How a column is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a header, columns as wide as their widest cell, two spaces apart.
pub fn render(header: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = header
        .iter()
        .enumerate()
        .map(|(column, (name, _))| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([name.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    let names: Vec<String> = header.iter().map(|(name, _)| (*name).to_owned()).collect();
    for row in std::iter::once(&names).chain(rows) {
        let mut line = String::new();
        for ((cell, &(_, align)), &width) in row.iter().zip(header).zip(&widths) {
            let gap = " ".repeat(width.saturating_sub(cell.chars().count()));
            match align {
                Align::Left => line.extend([cell.as_str(), &gap, "  "]),
                Align::Right => line.extend([&gap, cell.as_str(), "  "]),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// [`render`] within a width, if there is one: columns are left out, the last of `droppable` first, until the rest
/// fits or none is left to spare.
pub fn render_within(
    width: Option<usize>,
    droppable: &[usize],
    header: &[(&str, Align)],
    rows: &[Vec<String>],
) -> String {
    let mut left_out: Vec<usize> = Vec::new();
    let mut spare = droppable.iter().rev();
    loop {
        let kept = |index: &usize| !left_out.contains(index);
        let columns: Vec<usize> = (0..header.len()).filter(kept).collect();
        let header: Vec<(&str, Align)> = columns.iter().map(|&index| header[index]).collect();
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|row| columns.iter().map(|&index| row[index].clone()).collect())
            .collect();
        let text = render(&header, &rows);
        let widest = text.lines().map(|line| line.chars().count()).max();
        if width.is_none_or(|width| widest.is_none_or(|widest| widest <= width)) {
            return text;
        }
        match spare.next() {
            Some(&column) => left_out.push(column),
            None => return text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_characters_not_bytes() {
        let rows = vec![
            vec!["é".to_owned(), "5".to_owned()],
            vec!["ab".to_owned(), "10".to_owned()],
        ];
        let text = render(&[("x", Align::Left), ("n", Align::Right)], &rows);
        assert_eq!(text, "x    n\né    5\nab  10\n");
    }

    #[test]
    fn columns_that_can_be_spared_are_left_out_where_the_table_is_too_wide() {
        let rows = vec![vec!["one".to_owned(), "2".to_owned(), "three".to_owned()]];
        let header = [("a", Align::Left), ("b", Align::Left), ("c", Align::Left)];
        for (width, expected) in [
            (None, "a    b  c\none  2  three\n"),
            (Some(13), "a    b  c\none  2  three\n"),
            (Some(12), "a    b\none  2\n"),
            (Some(4), "a\none\n"),
        ] {
            assert_eq!(render_within(width, &[1, 2], &header, &rows), expected);
        }
    }
}
