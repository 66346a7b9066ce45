//! The networks, one file each, and how weights get in and out of them.
//!
//! Each file holds its paper's table as a constant and turns it into a plan; [`Network`] computes
//! the plan, [`summary`] counts it, and [`state_dict`] names its tensors. Layers that depend on the
//! number of labels are in [`Network::head`], all others in [`Network::features`].
//!
//! Fresh weights follow the library that each network was published with: PyTorch's default for
//! DarkCovidNet, torchvision's for ResNet-18, MobileNetV2, DenseNet-121 and VGG16's backbone, Keras'
//! for VGG16's head and the Plants CNN.

mod architecture;
mod blocks;
mod dark_covid_net;
mod dense_net121;
mod draws;
mod efficient_net_lite0;
mod error;
mod layer_plan;
mod layers;
mod mobile_net_v2;
mod network;
mod plan;
mod plants_cnn;
mod resnet18;
mod state_dict;
mod summary;
mod vgg16;

pub use architecture::{Architecture, NetworkSettings};
pub use error::{Misshapen, ModelError, TensorDifferences};
pub(crate) use layer_plan::{ConvPlan, LayerPlan, NormPlan};
pub use network::Network;
pub(crate) use plan::{Placed, Plan};
pub use state_dict::{NamedTensor, check_tensors, load_state_dict, state_dict};
pub use summary::{LayerSummary, Summary, summary};
