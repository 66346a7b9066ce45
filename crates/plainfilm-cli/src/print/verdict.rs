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
    print_verdict("audit   ", audit, printer);
    if let Some(after) = &audit.after_preprocessing {
        print_verdict(
            "        as the network is shown the films: ",
            after,
            printer,
        );
    }
}

/// [`print_audit`], with the films as the network is shown them only where that changes the verdict.
pub fn print_audit_briefly(audit: &AuditSummary, printer: &Printer) {
    match &audit.after_preprocessing {
        Some(after) if after.verdict != audit.verdict => print_audit(audit, printer),
        _ => print_verdict("audit   ", audit, printer),
    }
}

fn print_verdict(what: &str, audit: &AuditSummary, printer: &Printer) {
    let word = printer.styled(verdict_style(audit.verdict), verdict_word(audit.verdict));
    printer.line(&format!("{what}{word}  {}", audit.sentence));
}
