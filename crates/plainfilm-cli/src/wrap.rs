//! Lines that are wider than the terminal, broken between words.

use console::measure_text_width;

/// Breaks every line that is wider than `width` columns between words. What was broken off hangs below the line's
/// first text, past a heading such as `split   `.
pub fn wrap(text: &str, width: usize) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| wrap_line(line, width))
        .collect();
    lines.join("\n")
}

fn wrap_line(line: &str, width: usize) -> String {
    if measure_text_width(line) <= width {
        return line.to_owned();
    }
    let hang = hang(line);
    let (mut text, mut column, mut begins) = (String::new(), 0, true);
    let mut rest = line;
    while !rest.is_empty() {
        let (gap, after) = rest.split_at(rest.len() - rest.trim_start_matches(' ').len());
        let (word, after) = after.split_at(after.find(' ').unwrap_or(after.len()));
        let wide = measure_text_width(word);
        if !begins && column + gap.len() + wide > width {
            text.push('\n');
            text.push_str(&" ".repeat(hang));
            column = hang;
        } else {
            text.push_str(gap);
            column += gap.len();
        }
        text.push_str(word);
        column += wide;
        begins = false;
        rest = after;
    }
    text
}

/// Where continuations of a line begin: below the text after a short heading, else two columns in.
fn hang(line: &str) -> usize {
    const LONGEST_HEADING: usize = 12;
    let indent = line.len() - line.trim_start_matches(' ').len();
    let heading = line[indent..].find("  ").map(|end| {
        let after = line[indent + end..].trim_start_matches(' ');
        measure_text_width(&line[..line.len() - after.len()])
    });
    heading
        .filter(|&column| column <= LONGEST_HEADING)
        .unwrap_or(indent + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_hang() {
        for (text, expected) in [
            ("short", "short"),
            ("one two three four five", "one two three four\n  five"),
            ("  one two three four", "  one two three\n    four"),
            (
                "split  by patient, and more",
                "split  by patient,\n       and more",
            ),
            (
                "a\none two three four five",
                "a\none two three four\n  five",
            ),
            (
                "/a/path/that/is/longer/than/a/line x",
                "/a/path/that/is/longer/than/a/line\n  x",
            ),
        ] {
            assert_eq!(wrap(text, 18), expected);
        }
    }

    #[test]
    fn colours_have_no_width() {
        let text = "\u{1b}[33;1mone\u{1b}[0m two three four";
        assert_eq!(wrap(text, 18), text);
    }
}
