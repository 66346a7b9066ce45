//! Memory that is used again: scratch space of a thread, and large buffers from step to step.
//!
//! Every training step needs the same hundreds of megabytes for activations and gradients. Taken
//! from the system each time, clearing the fresh pages costs about a sixth of the whole step. A
//! [`Buffer`] goes back to a process-wide store when the last tensor that holds it is dropped, and
//! the next step finds it there.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Bytes;
use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty};

/// A thread's working memory; it grows to the largest layer and stays.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The input of a tile, laid out with its padding.
    pub source: Vec<f32>,
    /// Output values of a few channels.
    pub tile: Vec<f32>,
    /// One film's output gradient.
    pub map: Vec<f32>,
    /// The same, laid out like the input.
    pub placed: Vec<f32>,
    /// Transformed kernels of a few channels.
    pub kernels: Vec<f32>,
    /// The input of a tile in 16 bits, two channels side by side.
    pub pairs: Vec<u32>,
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

/// Buffers below this many values are left to the allocator.
const SMALLEST_KEPT: usize = 4096;
/// Most bytes that wait in the store; beyond it those that waited longest are freed.
const MOST_KEPT: usize = 1 << 30;

/// The buffers that wait, by length.
struct Store {
    waiting: BTreeMap<usize, Vec<(u64, Vec<f32>)>>,
    bytes: usize,
    clock: u64,
}

static STORE: Mutex<Store> = Mutex::new(Store {
    waiting: BTreeMap::new(),
    bytes: 0,
    clock: 0,
});

/// The store; a panic elsewhere cannot have left it half changed.
fn store() -> MutexGuard<'static, Store> {
    STORE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store {
    /// The smallest waiting buffer of at least `length` values and not much more.
    fn take(&mut self, length: usize) -> Option<Vec<f32>> {
        let (&found, buffers) = self
            .waiting
            .range_mut(length..=length + length / 8)
            .find(|(_, buffers)| !buffers.is_empty())?;
        let (_, values) = buffers.pop()?;
        self.bytes -= found * size_of::<f32>();
        Some(values)
    }

    fn put(&mut self, values: Vec<f32>) {
        self.clock += 1;
        self.bytes += values.len() * size_of::<f32>();
        let stamp = self.clock;
        let buffers = self.waiting.entry(values.len()).or_default();
        buffers.push((stamp, values));
        while self.bytes > MOST_KEPT && self.drop_oldest() {}
    }

    fn drop_oldest(&mut self) -> bool {
        // Within a length the first is the oldest, as buffers come and go at the end.
        let oldest = self
            .waiting
            .iter()
            .filter_map(|(&length, buffers)| Some((buffers.first()?.0, length)))
            .min();
        let Some((_, length)) = oldest else {
            return false;
        };
        if let Some(buffers) = self.waiting.get_mut(&length) {
            buffers.remove(0);
            self.bytes -= length * size_of::<f32>();
            if buffers.is_empty() {
                self.waiting.remove(&length);
            }
        }
        true
    }
}

/// Frees the memory this crate keeps from step to step (up to 1 GiB), for a program that goes on
/// to something else after training.
pub fn release_memory() {
    let mut store = store();
    store.waiting.clear();
    store.bytes = 0;
}

/// Values that go back to the store when dropped.
pub(crate) struct Buffer {
    /// At least `length` values, all initialised; a buffer from the store may be longer.
    values: Vec<f32>,
    length: usize,
}

impl Buffer {
    /// A buffer whose values are unspecified: whoever takes it writes all of them.
    pub fn take(length: usize) -> Self {
        let found = (length >= SMALLEST_KEPT).then(|| store().take(length));
        let mut values = found.flatten().unwrap_or_else(|| vec![0.0; length]);
        if cfg!(debug_assertions) {
            // A value that is read before it is written shows.
            values.fill(f32::NAN);
        }
        Self { values, length }
    }

    /// A buffer of zeros.
    pub fn zeroed(length: usize) -> Self {
        let mut buffer = Self::take(length);
        buffer.fill(0.0);
        buffer
    }

    /// Shortens the buffer.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// The memory as bytes, for small whole numbers: four to a value.
    pub fn bytes(&self) -> &[u8] {
        let values: &[f32] = self;
        // SAFETY: the same memory, only read; all of it is initialised.
        unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
    }

    /// The memory as bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let values: &mut [f32] = self;
        // SAFETY: the same memory, borrowed for as long; every pattern of bytes is a float.
        unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), size_of_val(values)) }
    }

    /// The values as Burn holds them, without a copy.
    pub fn into_bytes(self) -> Bytes {
        let bytes = self.length * size_of::<f32>();
        // SAFETY: the controller gives exactly the first `length` values, all initialised.
        unsafe { Bytes::from_controller(Box::new(self), bytes) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.values.len() >= SMALLEST_KEPT {
            store().put(std::mem::take(&mut self.values));
        }
    }
}

impl Deref for Buffer {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values[..self.length]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values[..self.length]
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} values)", self.length)
    }
}

impl AllocationController for Buffer {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    unsafe fn memory_mut(
        &mut self,
        _: AccessPolicy,
    ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let values: &mut [f32] = self;
        let length = size_of_val(values);
        // SAFETY: the same memory as bytes; the caller promises to write initialised bytes only,
        // and every pattern of bytes is a float.
        Ok(unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), length) })
    }

    fn memory(&self, _: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let values: &[f32] = self;
        // SAFETY: the same memory as bytes, only read.
        Ok(unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_buffer_is_found_again() {
        // A length that no other test takes, as the store is shared.
        let length = 1_234_567;
        let mut first = Buffer::take(length);
        first.fill(1.0);
        let place = first.as_ptr();
        drop(first.into_bytes());
        let again = Buffer::take(length - 1000);
        assert_eq!((again.as_ptr(), again.len()), (place, length - 1000));
        // Much shorter ones do not block the long buffer.
        drop(again);
        assert_ne!(Buffer::take(length / 2).as_ptr(), place);
        assert!(Buffer::zeroed(length).iter().all(|&v| v == 0.0));
    }

    #[test]
    fn bytes_hold_the_values() {
        let mut buffer = Buffer::take(3);
        buffer.copy_from_slice(&[1.0, -2.0, 3.5]);
        let mut bytes = buffer.into_bytes();
        assert_eq!(bytes.len(), 12);
        assert_eq!(bytes[4..8], (-2.0f32).to_ne_bytes());
        bytes[0..4].copy_from_slice(&7.0f32.to_ne_bytes());
        let copy = bytes.clone();
        drop(bytes);
        assert_eq!(copy[0..4], 7.0f32.to_ne_bytes());
    }

    #[test]
    fn the_store_frees_what_waited_longest() {
        let mut store = Store {
            waiting: BTreeMap::new(),
            bytes: 0,
            clock: 0,
        };
        for length in [5000, 6000, 5000] {
            store.put(vec![0.0; length]);
        }
        assert!(store.drop_oldest());
        assert_eq!(store.bytes, 11_000 * 4);
        assert!(store.drop_oldest());
        assert_eq!(store.bytes, 5000 * 4);
        assert!(store.take(6000).is_none());
        assert!(store.take(4900).is_some());
        assert_eq!(store.bytes, 0);
        assert!(!store.drop_oldest());
    }
}
