//! The networks, one file each, and how weights get in and out of them.
//!
//! Each file says where its network is from, holds the paper's table as a constant and turns it into a
//! plan; [`Network`] computes the plan, [`summary()`] counts it, and [`state_dict()`] names its tensors.
//! Layers that depend on the number of labels are in [`Network::head`], all others in
//! [`Network::features`].
//!
//! Fresh weights follow the library that each network was published with: PyTorch's default for
//! DarkCovidNet and EfficientNet-Lite0, Keras' for the notebook's head and the Plants CNN, torchvision's
//! for all others.

mod activation;
mod architecture;
mod blocks;
mod dark_covid_net;
mod dense_net121;
mod draws;
mod efficient_net;
mod efficient_net_b0;
mod efficient_net_lite0;
mod error;
mod freeze;
mod head;
mod head_layouts;
mod layer_plan;
mod layer_tensors;
mod layers;
mod layouts;
mod map_layers;
mod mobile_net_v2;
mod network;
mod plan;
mod plants_cnn;
mod resnet;
mod settings;
mod state_dict;
mod summary;
mod tensor_plan;
mod vgg;

pub use activation::{Activation, activate};
pub use architecture::Architecture;
pub use draws::starting_values;
pub use error::{Misshapen, ModelError, TensorDifferences};
pub use freeze::Freeze;
pub use head::Head;
pub use layer_plan::{
    ConvPlan, DensePlan, GatePlan, GrowthPlan, LayerPlan, NormConstants, NormPlan, ResidualPlan,
    same_padding,
};
pub(crate) use layers::{ConvBlock, Supply};
pub use map_layers::{MapLayerSummary, map_layers};
pub use network::Network;
pub use plan::{Placed, Plan, Stage};
pub use settings::NetworkSettings;
pub use state_dict::{NamedTensor, check_tensors, load_state_dict, state_dict};
pub use summary::{LayerSummary, Summary, summary};
pub use tensor_plan::{Initialisation, Start, TensorPlan};
