//! CPU convolution, forward and backward, as a Burn backend extension.
