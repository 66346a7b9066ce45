//! The only way out to the terminal: data on stdout, everything else on stderr.
#![expect(clippy::print_stderr, reason = "this is the one place that prints")]

use std::io::{IsTerminal, Write};

/// Prints, with colour where the terminal takes it and `NO_COLOR` does not forbid it.
#[derive(Debug, Clone, Copy)]
pub struct Printer {
    colour: bool,
    interactive: bool,
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

impl Printer {
    /// Looks at the terminal and the environment once.
    pub fn new() -> Self {
        let interactive = std::io::stderr().is_terminal();
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colour: interactive && !no_colour,
            interactive,
        }
    }

    /// Whether a person watches stderr, so that bars make sense.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Data for whoever reads stdout. A closed pipe ends the output in silence.
    pub fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        // `plainfilm predict … | head` closes the pipe early; that is no failure of ours.
        let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// A line for the person who watches.
    pub fn line(&self, text: &str) {
        eprintln!("{text}");
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
