//! Networks and everything that makes a file of weights an answer about a film.
//!
//! | module | what it answers |
//! |---|---|
//! | [`networks`] | which networks there are, how they compute and what their tensors are called |
//! | [`bundle`] | what a model file holds: one file with all that is needed to use a network |
//! | [`weights`] | how weights of other libraries come in |
//! | [`device`] | where tensors live |
//! | [`likeness`] | how a film differs from those that a network was trained on |
//! | [`lungs`] | where the lungs are on a film |
//! | [`predict`] | which probabilities a model gives to films |

pub mod bundle;
pub mod device;
pub mod likeness;
pub mod lungs;
pub mod networks;
pub mod predict;
pub mod weights;
