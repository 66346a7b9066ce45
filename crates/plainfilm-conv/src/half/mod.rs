//! Networks in 16 bits. For prediction there are chains of convolutions whose maps stay in bfloat16 with their
//! channels side by side, as the matrix unit reads them; for training the weight's gradient (`crate::bf16`
//! has what goes forward and back to the input), between maps in 32 bits.
//!
//! In a chain every value is one sum over its inputs in a fixed order, so results depend neither on threads nor on how
//! many films are computed at once: work may be cut by what suits the machine.

mod chain;
mod layer;
mod maps;
mod weight_gradient;

pub(crate) use chain::Chain;
pub(crate) use layer::Layer;
pub(crate) use maps::Maps;
pub(crate) use weight_gradient::weight_gradient;
