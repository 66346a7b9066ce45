//! Where tensors live: chosen by name at run time, never silently.

use burn::tensor::Device;

pub use plainfilm_conv::Precision;

/// A device name or a precision that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The CPU has no unit for 16 bits.
    #[error(transparent)]
    Precision(#[from] plainfilm_conv::PrecisionError),
    /// Only the CPU's precision can be chosen.
    #[error("bf16 is for the cpu, found device {0}\nhint: leave --precision out")]
    PrecisionOfDevice(String),
    /// Not a name we know.
    #[error("unknown device {0:?}, expected cpu, vulkan[:N], cuda[:N] or metal[:N]")]
    Unknown(String),
    /// Known, but this program was built without it.
    #[error(
        "device {name} is not in this build\nhint: build with --features {feature}, or use --device cpu"
    )]
    NotBuilt {
        /// As asked for.
        name: String,
        /// The cargo feature that brings it.
        feature: &'static str,
    },
}

/// [`parse`], and sets the precision of prediction on it, for the whole process.
///
/// # Errors
///
/// As [`parse`]; when bfloat16 is asked for and the CPU has no unit for it, or the device is not
/// the CPU.
pub fn parse_with_precision(name: &str, precision: Precision) -> Result<Device, DeviceError> {
    let device = parse(name)?;
    if precision == Precision::BFloat16 && name != "cpu" {
        return Err(DeviceError::PrecisionOfDevice(name.to_owned()));
    }
    plainfilm_conv::set_precision(precision)?;
    Ok(device)
}

/// A precision as settings files write it: `"f32"` or `"bf16"`.
pub(crate) mod precision_name {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Precision;

    #[derive(Serialize, Deserialize)]
    enum Name {
        #[serde(rename = "f32")]
        Float32,
        #[serde(rename = "bf16")]
        BFloat16,
    }

    pub fn serialize<S: Serializer>(value: &Precision, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Precision::Float32 => Name::Float32,
            Precision::BFloat16 => Name::BFloat16,
        }
        .serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Precision, D::Error> {
        Ok(match Name::deserialize(from)? {
            Name::Float32 => Precision::Float32,
            Name::BFloat16 => Precision::BFloat16,
        })
    }
}

/// Turns a name such as `cpu` or `vulkan:0` into a device.
///
/// # Errors
///
/// When the name is unknown, or names a backend that this build lacks.
pub fn parse(name: &str) -> Result<Device, DeviceError> {
    let (kind, index) = match name.split_once(':') {
        None => (name, 0),
        Some((kind, index)) => match index.parse::<usize>() {
            Ok(index) => (kind, index),
            Err(_) => return Err(DeviceError::Unknown(name.to_owned())),
        },
    };
    match kind {
        "cpu" if index == 0 => Ok(Device::flex()),
        "vulkan" => gpu(name, "vulkan", index),
        "cuda" => gpu(name, "cuda", index),
        "metal" => gpu(name, "metal", index),
        _ => Err(DeviceError::Unknown(name.to_owned())),
    }
}

#[cfg_attr(
    not(any(feature = "vulkan", feature = "cuda", feature = "metal")),
    expect(
        unused_variables,
        reason = "a build without GPU features has no use for the index"
    )
)]
fn gpu(name: &str, feature: &'static str, index: usize) -> Result<Device, DeviceError> {
    match feature {
        #[cfg(feature = "vulkan")]
        "vulkan" => Ok(Device::vulkan(burn::tensor::DeviceKind::DiscreteGpu(index))),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(index)),
        #[cfg(feature = "metal")]
        "metal" => Ok(Device::metal(burn::tensor::DeviceKind::IntegratedGpu(
            index,
        ))),
        _ => Err(DeviceError::NotBuilt {
            name: name.to_owned(),
            feature,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_devices_are_refused() {
        for name in ["gpu", "cpu:1", "vulkan:x", "", "cuda:-1"] {
            assert_eq!(
                parse(name).unwrap_err(),
                DeviceError::Unknown(name.to_owned())
            );
        }
        assert!(parse("cpu").is_ok());
    }

    #[test]
    #[cfg(not(feature = "vulkan"))]
    fn a_backend_that_was_not_built_is_named_with_its_feature() {
        let error = parse("vulkan:0").unwrap_err().to_string();
        assert!(error.contains("--features vulkan"), "{error}");
    }
}
