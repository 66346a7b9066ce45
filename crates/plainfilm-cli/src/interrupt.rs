//! Ctrl-C: asks the training to save and stop; a second one ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Starts listening, and returns the flag that the first Ctrl-C (or `SIGTERM`) raises.
pub fn listen() -> &'static AtomicBool {
    // Without a handler Ctrl-C still ends the program, only without saving the step under way.
    if let Err(error) = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            end_at_once();
        }
    }) {
        tracing::warn!("ctrl-c cannot be caught: {error}");
    }
    &REQUESTED
}

#[expect(clippy::exit, reason = "a second Ctrl-C means now")]
fn end_at_once() {
    std::process::exit(130);
}
