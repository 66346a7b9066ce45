//! Chains of layers for prediction on maps in blocks of channels.
//!
//! Between the layers of a chain a film's map is kept as one plane for every sixteen channels, with the
//! sixteen values of a pixel side by side (the layout that oneDNN calls nChw16c). A 1x1 convolution then
//! reads its input as it lies, a depthwise one computes sixteen channels at once at any stride, and new
//! channels are put after the others without a copy. Layers whose maps are larger than their inputs and
//! outputs are run together, a band of rows at a time, so that those maps never leave the cache.
//!
//! That suits networks of small layers: MobileNetV2, the EfficientNets, DenseNet. Wide 3x3 layers are
//! faster by [tiles](crate::winograd).

mod band;
mod chain;
mod conv;
mod growth;
mod inverted;
mod memory;
mod pool;
mod stem;
mod tiles;

use std::cell::RefCell;

use crate::kernel::blocked::BLOCK;
use memory::Lines;
use tiles::TileMemory;

pub(crate) use chain::{Chain, Unit};
pub(crate) use conv::{Conv, Folded, Inputs};
pub(crate) use growth::Growth;
pub(crate) use inverted::{Depthwise, Inverted};
pub(crate) use pool::{Affine, MaxPool, NormPoolConv};
pub(crate) use stem::Stem;

/// The size of a film's map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Size {
    /// Blocks of channels, the last filled up.
    pub fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }

    /// Values of a row of one block.
    pub fn row(&self) -> usize {
        self.width * BLOCK
    }

    /// Values of a block.
    pub fn plane(&self) -> usize {
        self.height * self.row()
    }

    /// Values of the whole map in blocks.
    pub fn values(&self) -> usize {
        self.blocks() * self.plane()
    }
}

/// A thread's working memory within a unit; it grows to the largest unit and stays.
#[derive(Default)]
pub(crate) struct Scratch {
    /// A map with its padding around it.
    band: Lines,
    /// A map that is computed from and thrown away.
    map: Lines,
    /// Tiles of a map.
    tiles: TileMemory,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Runs `work` with the thread's memory. Inside it nothing may be handed to the thread pool, which could
/// run another task on this thread.
fn with_scratch<R>(work: impl FnOnce(&mut Scratch) -> R) -> R {
    SCRATCH.with_borrow_mut(work)
}
