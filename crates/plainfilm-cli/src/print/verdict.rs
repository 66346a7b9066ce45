//! Verdicts of the audit.

use plainfilm::audit::{AuditSummary, Status};

use crate::printer::{Printer, Style};

/// How a verdict is written on a terminal.
pub fn verdict_word(verdict: Status) -> &'static str {
    match verdict {
        Status::Pass => "PASS",
        Status::Warn => "WARN",
        Status::Fail => "FAIL",
        Status::NotChecked => "NOT AUDITED",
    }
}

/// Its colour.
pub fn verdict_style(verdict: Status) -> Style {
    match verdict {
        Status::Pass => Style::Green,
        Status::Warn | Status::NotChecked => Style::Yellow,
        Status::Fail => Style::Red,
    }
}

/// The audit's verdict below the figures that it is about.
pub fn print_audit(audit: &AuditSummary, printer: &Printer) {
    let line = |what: &str, audit: &AuditSummary| {
        let word = printer.styled(verdict_style(audit.verdict), verdict_word(audit.verdict));
        printer.line(&format!("{what}{word}  {}", audit.sentence));
    };
    line("audit   ", audit);
    if let Some(after) = &audit.after_preprocessing {
        line("        as the network is shown the films: ", after);
    }
}
