//! Where tensors live: chosen by name at run time, never silently.

use burn::tensor::Device;

pub use plainfilm_conv::{Kernels, Precision, SELF_CHECK_TOLERANCE, kernels, self_check};

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
    /// Built, but the machine or its driver has no such device.
    #[error("no device {name} on this machine, found {count} of that kind{hint}")]
    NotFound {
        /// As asked for.
        name: String,
        /// How many devices of that kind there are.
        count: usize,
        /// What to look at where there are none; empty otherwise.
        hint: &'static str,
    },
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

/// Turns a name such as `cpu` or `vulkan:0` into a device.
///
/// The number counts the GPUs of that kind as Burn lists them: graphics cards first, then chips that share
/// the CPU's memory, then virtual ones. Vulkan computed on the CPU (Mesa's lavapipe) does not count: nobody
/// asks for a GPU to get that.
///
/// # Errors
///
/// When the name is unknown, names a backend that this build lacks, or a device that is not there.
pub fn parse(name: &str) -> Result<Device, DeviceError> {
    let unknown = || DeviceError::Unknown(name.to_owned());
    let (kind, index) = match name.split_once(':') {
        None => (name, 0),
        Some((kind, index)) => (kind, index.parse::<usize>().map_err(|_| unknown())?),
    };
    match kind {
        "cpu" if index == 0 => Ok(Device::flex()),
        "vulkan" => vulkan(name, index),
        "cuda" => cuda(name, index),
        "metal" => metal(name, index),
        _ => Err(unknown()),
    }
}

/// Such a function for one kind of device: of the build's features, or an error that names the
/// feature.
macro_rules! kind {
    ($function:ident, $feature:literal, $kind:ident, $software:expr) => {
        #[cfg(feature = $feature)]
        fn $function(name: &str, index: usize) -> Result<Device, DeviceError> {
            let devices = Device::enumerate(burn::tensor::DeviceType::$kind);
            choose(name, index, devices.into_vec(), $software)
        }

        #[cfg(not(feature = $feature))]
        fn $function(name: &str, _: usize) -> Result<Device, DeviceError> {
            Err(DeviceError::NotBuilt {
                name: name.to_owned(),
                feature: $feature,
            })
        }
    };
}

kind!(
    vulkan,
    "vulkan",
    Vulkan,
    Some(Device::vulkan(burn::tensor::DeviceKind::Cpu))
);
kind!(cuda, "cuda", Cuda, None);
kind!(metal, "metal", Metal, None);

/// The device with this number among those that are there, without the one computed on the CPU.
#[cfg(any(feature = "vulkan", feature = "cuda", feature = "metal"))]
fn choose(
    name: &str,
    index: usize,
    mut devices: Vec<Device>,
    software: Option<Device>,
) -> Result<Device, DeviceError> {
    devices.retain(|device| Some(device) != software.as_ref());
    let count = devices.len();
    devices
        .into_iter()
        .nth(index)
        .ok_or_else(|| DeviceError::NotFound {
            name: name.to_owned(),
            count,
            hint: if count == 0 {
                "\nhint: none is seen; is its driver installed, with Vulkan where that is asked for?"
            } else {
                ""
            },
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_devices_are_refused() {
        for name in [
            "gpu", "cpu:1", "cpu:cpu", "vulkan:x", "", "cuda:-1", "cuda:cpu",
        ] {
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

    #[test]
    #[cfg(feature = "vulkan")]
    fn a_device_that_is_not_there_is_an_error_and_no_panic() {
        let error = parse("vulkan:4000").unwrap_err();
        let DeviceError::NotFound { name, count, .. } = &error else {
            panic!("expected a device that is not found, found {error}");
        };
        assert_eq!(name, "vulkan:4000");
        assert!(*count < 4000);
    }
}
