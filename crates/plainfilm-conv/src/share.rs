//! How much of a loop a thread takes at once.
//!
//! Where every thread has a film of its own, loops within the film stay on its thread: handing parts of
//! them round would wake threads that have work, and spread the film over their caches.

use std::cell::Cell;

thread_local! {
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// The fewest tasks of a loop to hand to another thread: any, or, inside [`alone`], all of them.
pub(crate) fn fewest() -> usize {
    if ALONE.get() { usize::MAX } else { 1 }
}

/// Runs `work` on this thread alone, as far as its loops ask [`fewest`].
pub(crate) fn alone<R>(work: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }
    let _restore = Restore(ALONE.replace(true));
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn being_alone_ends_with_the_work() {
        assert_eq!(fewest(), 1);
        assert_eq!(alone(|| alone(fewest)), usize::MAX);
        assert_eq!(fewest(), 1);
        let panicked = std::panic::catch_unwind(|| alone(|| panic!("on purpose")));
        assert!(panicked.is_err());
        assert_eq!(fewest(), 1);
    }
}
