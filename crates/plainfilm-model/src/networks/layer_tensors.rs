//! The tensors of a layer: their names, shapes and starts.

use super::layer_plan::{ConvPlan, DensePlan, GatePlan, NormPlan};
use super::tensor_plan::{Start, TensorPlan};

impl ConvPlan {
    /// Weight, bias, the norm's, then the gate's.
    pub fn tensors(&self) -> Vec<TensorPlan> {
        let mut tensors = self.own_tensors();
        tensors.extend(self.norm_tensors());
        tensors.extend(self.gate.iter().flat_map(GatePlan::tensors));
        tensors
    }

    /// The norm's weight, bias and running statistics; none where it has no norm.
    pub fn norm_tensors(&self) -> Vec<TensorPlan> {
        self.norm.as_deref().map_or_else(Vec::new, |norm| {
            norm_tensors(norm, self.outputs, self.trainable)
        })
    }

    /// Weight and bias.
    pub fn own_tensors(&self) -> Vec<TensorPlan> {
        let [outputs, inputs, height, width] = self.weight();
        // As PyTorch counts them: the fan-out of a grouped convolution is that of all groups.
        let (fan_in, fan_out) = (inputs * height * width, outputs * height * width);
        let tensor = |part, shape, start| TensorPlan {
            name: format!("{}.{part}", self.name),
            shape,
            start,
            parameter: true,
            trainable: self.trainable,
        };
        let mut tensors = vec![tensor(
            "weight",
            self.weight().to_vec(),
            self.initialisation.weight(fan_in, fan_out),
        )];
        if self.bias {
            tensors.push(tensor(
                "bias",
                vec![outputs],
                self.initialisation.bias(fan_in),
            ));
        }
        tensors
    }
}

impl GatePlan {
    /// Weights and biases of both layers, which torchvision has as 1x1 convolutions.
    pub fn tensors(&self) -> Vec<TensorPlan> {
        let layer = |part, shape| ConvPlan {
            bias: true,
            trainable: self.trainable,
            ..ConvPlan::plain(
                format!("{}.{part}", self.name),
                shape,
                1,
                self.initialisation,
            )
        };
        let mut tensors = layer("fc1", [self.channels, self.squeezed]).tensors();
        tensors.extend(layer("fc2", [self.squeezed, self.channels]).tensors());
        tensors
    }
}

impl NormPlan {
    /// Weight, bias and running statistics.
    pub fn tensors(&self) -> Vec<TensorPlan> {
        norm_tensors(&self.name, self.channels, self.trainable)
    }
}

/// Weight, bias and running statistics of a batch norm.
fn norm_tensors(norm: &str, channels: usize, trainable: bool) -> Vec<TensorPlan> {
    [
        ("weight", 1.0, true),
        ("bias", 0.0, true),
        ("running_mean", 0.0, false),
        ("running_var", 1.0, false),
    ]
    .into_iter()
    .map(|(part, value, parameter)| TensorPlan {
        name: format!("{norm}.{part}"),
        shape: vec![channels],
        start: Start::Constant(value),
        parameter,
        trainable: parameter && trainable,
    })
    .collect()
}

impl DensePlan {
    /// Weight, then bias.
    pub fn tensors(&self) -> Vec<TensorPlan> {
        let tensor = |part, shape, start| TensorPlan {
            name: format!("{}.{part}", self.name),
            shape,
            start,
            parameter: true,
            trainable: true,
        };
        vec![
            tensor(
                "weight",
                vec![self.outputs, self.inputs],
                self.initialisation.weight(self.inputs, self.outputs),
            ),
            tensor(
                "bias",
                vec![self.outputs],
                self.initialisation.bias(self.inputs),
            ),
        ]
    }
}
