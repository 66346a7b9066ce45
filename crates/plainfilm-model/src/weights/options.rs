//! What an import is told beside the file.

use plainfilm_film::radiograph::Scaling;

/// What the file cannot say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportOptions {
    /// The scaling that the weights were fitted with, where it is not the library's published one.
    pub scaling: Option<Scaling>,
    /// The labels of the network's outputs, in order: a head of the same labels is put into this order, and
    /// one of others, or of labels that are not known, is left out. Empty lets any head come along as it is.
    pub labels: Vec<String>,
    /// Lets a head come along whose labels are others or not known.
    pub keep_head: bool,
}
