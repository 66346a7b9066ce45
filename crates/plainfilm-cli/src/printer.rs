//! The only way out to the terminal: data on stdout, everything else on stderr.
#![expect(clippy::print_stderr, reason = "this is the one place that prints")]

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use console::Term;

use crate::wrap::wrap;

/// Columns of a line where nobody knows the terminal's.
const WIDTH: usize = 100;
/// A terminal that is narrower than this is not worth breaking lines for.
const NARROWEST: usize = 40;

/// Prints, with colour where the terminal takes it and `NO_COLOR` does not forbid it.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    colour: bool,
    interactive: bool,
    /// Columns of a message on stderr.
    message_width: usize,
    /// Columns of a sentence on stdout.
    sentence_width: usize,
    /// Columns of a table on stdout; none where no terminal bounds it.
    table_width: Option<usize>,
}

/// A colour or weight of text on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Errors.
    Red,
    /// Warnings.
    Yellow,
    /// What went well.
    Green,
    /// Headings.
    Bold,
    /// What may be skipped.
    Dim,
}

/// A text in which nothing moves the cursor, renames the window or rings a bell: names of films and cells of tables
/// come from anywhere. Colours and weights stay.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_control = |letter: char| letter.is_control() && letter != '\n' && letter != '\t';
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let style = style_length(rest);
        if style > 0 {
            shown.push_str(&rest[..style]);
            rest = &rest[style..];
            continue;
        }
        match is_control(letter) {
            true => shown.extend(letter.escape_default()),
            false => shown.push(letter),
        }
        rest = &rest[letter.len_utf8()..];
    }
    Cow::Owned(shown)
}

/// The length of the colour or weight (ECMA-48, SGR) that a text begins with, in bytes; 0 where it begins with none.
fn style_length(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\x1b[") else {
        return 0;
    };
    let end = parameters.find(|letter: char| !letter.is_ascii_digit() && letter != ';');
    match end.map(|end| (end, &parameters[end..])) {
        Some((end, after)) if after.starts_with('m') => "\x1b[".len() + end + 1,
        _ => 0,
    }
}

impl Printer {
    /// Looks at the terminal and the environment once.
    pub fn new() -> Self {
        let interactive = std::io::stderr().is_terminal();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let wanted = std::env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok());
        let width = |terminal: &Term| {
            let columns = terminal.size_checked().map(|(_, columns)| columns.into());
            columns.or(wanted).unwrap_or(WIDTH).max(NARROWEST)
        };
        let sentence_width = width(&Term::stdout());
        Self {
            colour: interactive && !no_colour,
            interactive,
            message_width: width(&Term::stderr()),
            sentence_width,
            table_width: std::io::stdout().is_terminal().then_some(sentence_width),
        }
    }

    /// How wide a table on stdout may be, if anything bounds it: nothing does in a file or a pipe.
    pub fn table_width(&self) -> Option<usize> {
        self.table_width
    }

    /// A message as [`Printer::line`] sets it, for a display that prints it itself.
    pub fn wrapped(&self, text: &str) -> String {
        wrap(text, self.message_width)
    }

    /// Sentences for whoever reads stdout, broken between words.
    pub fn sentence(&self, text: &str) {
        self.data(&format!("{}\n", wrap(text, self.sentence_width)));
    }

    /// Whether a person watches stderr, so that bars make sense.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Data for whoever reads stdout, as they are. A closed pipe ends the output in silence.
    pub fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // In a pipe or a file they do nothing, and names have to stay what they are.
        let text = match out.is_terminal() {
            true => harmless(text),
            false => Cow::Borrowed(text),
        };
        // `plainfilm predict … | head` closes the pipe early; that is no failure of ours.
        let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// A line for the person who watches, broken between words where it is too wide.
    pub fn line(&self, text: &str) {
        eprintln!("{}", self.wrapped(&harmless(text)));
    }

    /// Text in a style, plain where colour is off.
    pub fn styled(&self, style: Style, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match style {
            Style::Red => "31;1",
            Style::Yellow => "33",
            Style::Green => "32",
            Style::Bold => "1",
            Style::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Something that a person should know although the work goes on.
    pub fn warning(&self, text: &str) {
        self.line(&format!(
            "{} {text}",
            self.styled(Style::Yellow, "warning:")
        ));
    }

    /// Why the program failed, with the chain of causes, each once: many of the library's messages
    /// end in their cause already.
    pub fn error(&self, error: &anyhow::Error) {
        let mut text = error.to_string();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            if !text.contains(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        self.line(&format!("{} {text}", self.styled(Style::Red, "error:")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_films_are_called_reached_the_terminal_as_it_was() {
        for (text, expected) in [
            ("a\tb\n", "a\tb\n"),
            ("\x1b[33mwarning:\x1b[0m x", "\x1b[33mwarning:\x1b[0m x"),
            ("a\x07b", "a\\u{7}b"),
            ("\x1b]0;title\x07.png", "\\u{1b}]0;title\\u{7}.png"),
            ("\x1b[2Jx", "\\u{1b}[2Jx"),
            ("x\x1b[", "x\\u{1b}["),
            ("a\rb", "a\\rb"),
            ("été", "été"),
        ] {
            assert_eq!(harmless(text), expected);
        }
    }
}
