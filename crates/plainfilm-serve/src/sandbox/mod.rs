//! Decoding what strangers send, in processes that can do nothing else.

mod child;
mod messages;
mod pool;

pub use child::decode_films;
pub(crate) use pool::Decoders;
