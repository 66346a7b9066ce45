//! Memory that is used again: scratch space of a thread, and large buffers between steps.

use std::cell::RefCell;

/// A thread's working memory; it grows to the largest layer and stays.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The column matrix of a tile.
    pub columns: Vec<f32>,
    /// One film's output gradient.
    pub gradient: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs `work` with the thread's scratch memory. `work` must not come back here: inside it nothing
/// may be handed to the thread pool, which could run another task on this thread.
pub(crate) fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(work)
}

/// The first `length` values of `memory`, which grows where needed; what they hold is unspecified.
pub(crate) fn at_least(memory: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if memory.len() < length {
        memory.resize(length, 0.0);
    }
    &mut memory[..length]
}
