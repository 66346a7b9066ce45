//! Weights of other libraries: Keras, torchvision, timm, and whatever else writes their formats.
//!
//! A file is opened by what it begins with, its directory is compared with the network, and only
//! then are tensors read, one by one. Nothing in a file is ever run: PyTorch's pickles are read as
//! data, and whatever asks for more is refused by name. What had to change so that a network computes
//! here what it computed there (the order of axes, the constant of a norm, the order of channels)
//! is in the [`WeightsRecord`], which travels with every model that starts from the weights.
//!
//! | format | as written by |
//! |---|---|
//! | safetensors | timm, torchvision through `safetensors`, this program |
//! | PyTorch zip, and the stream before 1.6 | `torch.save` of a state dict, a checkpoint, or a whole module of layers |
//! | Keras `.h5` | `model.save`, `save_weights` of Keras 1 and 2, `keras.applications`' own files |
//! | Keras `.weights.h5`, `.keras` | Keras 3 |

mod checksum;
mod error;
mod formats;
mod head;
mod import;
mod input;
mod naming;
mod options;
mod origin;
mod public;
mod start;

pub use crate::bundle::WeightsRecord;
pub use error::WeightsError;
pub use import::{Imported, import};
pub use options::ImportOptions;
pub use public::{
    FetchedWeights, PublicWeights, Published, Verification, WeightsFetch, fetch_weights,
    find_public, public_weights, verify_weights,
};
pub use start::StartingWeights;
