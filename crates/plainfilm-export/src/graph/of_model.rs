//! From a model file to its graph.

use std::collections::HashMap;

use plainfilm_figures::{Calibration, CalibrationMethod};
use plainfilm_film::radiograph::{Histogram, Preprocessing};
use plainfilm_model::bundle::ModelHeader;
use plainfilm_model::networks::{
    Activation, ConvPlan, DensePlan, GatePlan, GrowthPlan, LayerPlan, NamedTensor, NormConstants,
    NormPlan, Placed, ResidualPlan,
};
use plainfilm_model::predict::positive_of;

use super::{Convolution, Dense, Graph, Node, Operation, Value, ValueId};
use crate::ExportError;

/// What the numbers of a graph's input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Grey levels from 0 (black) to 1 (white), the same in every channel: the graph scales them.
    Unit,
    /// What [`Preprocessing::write_tensor`] writes, since the graph cannot: levels that depend on the whole film.
    Scaled,
}

impl InputKind {
    /// What a graph can take over of a preprocessing.
    #[must_use]
    pub fn of(preprocessing: &Preprocessing) -> Self {
        let is_fixed = preprocessing
            .scaling
            .affine(preprocessing.channels)
            .is_some();
        match is_fixed && preprocessing.histogram == Histogram::Stored {
            true => Self::Unit,
            false => Self::Scaled,
        }
    }
}

impl Graph {
    /// The graph of a model file's parts: films in, the probabilities that `predict` prints out. The tensors' memory
    /// becomes the graph's.
    ///
    /// # Errors
    ///
    /// When the tensors are not those of the header's network.
    pub fn of_model(header: &ModelHeader, tensors: Vec<NamedTensor>) -> Result<Self, ExportError> {
        let network = &header.network;
        let plan = network.plan()?;
        let tensors = tensors.into_iter();
        let mut builder = Builder {
            tensors: tensors.map(|tensor| (tensor.name, tensor.values)).collect(),
            values: vec![Value {
                name: "film".to_owned(),
                shape: vec![network.channels, network.size, network.size],
            }],
            nodes: Vec::new(),
        };
        let input = InputKind::of(&header.preprocessing);
        let scaling = header.preprocessing.scaling.affine(network.channels);
        let scaling = scaling.filter(|steps| steps.iter().any(|step| *step != (1.0, 0.0)));
        if let Some(steps) = scaling.filter(|_| input == InputKind::Unit) {
            let (factors, shifts) = steps.into_iter().unzip();
            builder.push(
                "scaled",
                Operation::Affine { factors, shifts },
                Graph::INPUT,
            );
        }
        let layers: Vec<&Placed> = plan.layers().collect();
        for (place, placed) in layers.iter().enumerate() {
            let is_last = place + 1 == layers.len();
            let calibration = is_last.then(|| LogitCalibration::of(header));
            builder.layer(placed, place, calibration.as_ref())?;
        }
        let link = match header.findings.is_empty() {
            true => Operation::Softmax,
            false => Operation::Sigmoid,
        };
        builder.push("probabilities", link, builder.last());
        Ok(Self {
            values: builder.values,
            nodes: builder.nodes,
            input,
        })
    }
}

/// A calibration as what it does to each logit, before softmax or the logistic function: softmax does not
/// change when the same number is added to all logits, so correcting the logarithms of probabilities is
/// correcting logits.
struct LogitCalibration {
    factors: Vec<f64>,
    shifts: Vec<f64>,
}

impl LogitCalibration {
    fn of(header: &ModelHeader) -> Self {
        let labels = header.labels.len();
        if !header.findings.is_empty() {
            let corrections = header.findings.iter().map(|finding| &finding.calibration);
            let (factors, shifts) = corrections.map(factor_and_shift).unzip();
            return Self { factors, shifts };
        }
        let mut factors = vec![1.0 / header.calibration_temperature; labels];
        let mut shifts = vec![0.0; labels];
        let operation = header.operation.as_ref();
        let platt = operation
            .map(|operation| &operation.calibration)
            .filter(|calibration| calibration.method == CalibrationMethod::Platt);
        if let Some(calibration) = platt {
            let (slope, intercept) = factor_and_shift(calibration);
            factors.iter_mut().for_each(|factor| *factor *= slope);
            shifts[positive_of(header)] = intercept;
        }
        Self { factors, shifts }
    }
}

fn factor_and_shift(calibration: &Calibration) -> (f64, f64) {
    match calibration.method {
        CalibrationMethod::None => (1.0, 0.0),
        _ => (calibration.slope, calibration.intercept),
    }
}

/// Puts steps one after another.
struct Builder {
    tensors: HashMap<String, Vec<f32>>,
    values: Vec<Value>,
    nodes: Vec<Node>,
}

impl Builder {
    /// What the newest step wrote.
    fn last(&self) -> ValueId {
        self.values.len() - 1
    }

    fn shape(&self, value: ValueId) -> &[usize] {
        &self.values[value].shape
    }

    /// Takes a tensor out of the model.
    fn tensor(&mut self, name: &str, expected: usize) -> Result<Vec<f32>, ExportError> {
        let found = self.tensors.remove(name).unwrap_or_default();
        if found.len() != expected {
            return Err(ExportError::Tensor {
                name: name.to_owned(),
                expected,
                found: found.len(),
            });
        }
        Ok(found)
    }

    /// A step that reads one value.
    fn push(&mut self, name: &str, operation: Operation, input: ValueId) -> ValueId {
        self.push_of(name, operation, vec![input])
    }

    fn push_of(&mut self, name: &str, operation: Operation, inputs: Vec<ValueId>) -> ValueId {
        let shape = operation.output(inputs.iter().map(|input| self.shape(*input)));
        let output = self.values.len();
        // Names come from the state dict, which has no name twice, with what is done at their end.
        let name = name.to_owned();
        self.values.push(Value {
            name: name.clone(),
            shape,
        });
        self.nodes.push(Node {
            name,
            operation,
            inputs,
            output,
        });
        output
    }

    fn layer(
        &mut self,
        placed: &Placed,
        place: usize,
        calibration: Option<&LogitCalibration>,
    ) -> Result<(), ExportError> {
        let input = self.last();
        match &placed.layer {
            LayerPlan::Conv(conv) => {
                self.conv(conv, input)?;
            }
            LayerPlan::Norm(norm) => {
                self.norm(norm, input)?;
            }
            LayerPlan::Residual(block) => self.residual(block, input)?,
            LayerPlan::Growth(block) => self.growth(block, input)?,
            LayerPlan::MaxPool {
                size,
                stride,
                padding,
            } => {
                let operation = Operation::MaxPool {
                    size: *size,
                    stride: *stride,
                    padding: *padding,
                };
                self.push(&format!("layer{place}.max_pool"), operation, input);
            }
            LayerPlan::AveragePool { size } => {
                let operation = Operation::AveragePool { size: *size };
                self.push(&format!("layer{place}.average_pool"), operation, input);
            }
            LayerPlan::Dropout { .. } => {}
            LayerPlan::Flatten => {
                self.push(&format!("layer{place}.flatten"), Operation::Flatten, input);
            }
            LayerPlan::Dense(dense) => self.dense(dense, input, calibration)?,
        }
        Ok(())
    }

    /// The convolution with its norm, activation, gate and pooling.
    fn conv(&mut self, plan: &ConvPlan, input: ValueId) -> Result<ValueId, ExportError> {
        let mut convolution = self.convolution(plan)?;
        let norm = match &plan.norm {
            Some(norm) => Some(self.folded(norm, plan.outputs, plan.constants)?),
            None => None,
        };
        let mut after = None;
        match norm {
            Some(norm) if !plan.norm_last => norm.fold_into(&mut convolution),
            norm => after = norm,
        }
        let operation = Operation::Convolution(convolution, plan.activation);
        let mut maps = self.push(&plan.name, operation, input);
        if let Some((norm, name)) = after.zip(plan.norm.as_ref()) {
            maps = self.push(name, norm.step(), maps);
        }
        if let Some(gate) = &plan.gate {
            maps = self.gate(gate, maps)?;
        }
        if plan.pool {
            let halves = Operation::MaxPool {
                size: 2,
                stride: 2,
                padding: 0,
            };
            maps = self.push(&format!("{}.max_pool", plan.name), halves, maps);
        }
        Ok(maps)
    }

    /// Without anything around it.
    fn convolution(&mut self, plan: &ConvPlan) -> Result<Convolution, ExportError> {
        let weight = self.tensor(
            &format!("{}.weight", plan.name),
            plan.weight().iter().product(),
        )?;
        let bias = match plan.bias {
            true => self.tensor(&format!("{}.bias", plan.name), plan.outputs)?,
            false => vec![0.0; plan.outputs],
        };
        Ok(Convolution {
            weight,
            bias,
            inputs: plan.inputs,
            outputs: plan.outputs,
            kernel: plan.kernel,
            stride: plan.stride,
            padding: plan.padding,
            groups: plan.groups,
        })
    }

    fn folded(
        &mut self,
        name: &str,
        channels: usize,
        constants: NormConstants,
    ) -> Result<FoldedNorm, ExportError> {
        let mut part = |part: &str| self.tensor(&format!("{name}.{part}"), channels);
        let [weight, bias] = [part("weight")?, part("bias")?];
        let [mean, variance] = [part("running_mean")?, part("running_var")?];
        Ok(FoldedNorm::new(
            &weight,
            &bias,
            &mean,
            &variance,
            constants.epsilon,
        ))
    }

    fn norm(&mut self, plan: &NormPlan, input: ValueId) -> Result<ValueId, ExportError> {
        let norm = self.folded(&plan.name, plan.channels, plan.constants)?;
        let maps = self.push(&plan.name, norm.step(), input);
        Ok(match plan.activation {
            Activation::Identity => maps,
            activation => self.push(
                &format!("{}.activation", plan.name),
                Operation::Activation(activation),
                maps,
            ),
        })
    }

    /// Squeeze-and-excitation.
    fn gate(&mut self, plan: &GatePlan, maps: ValueId) -> Result<ValueId, ExportError> {
        let name = |part: &str| format!("{}.{part}", plan.name);
        let size = self.shape(maps)[1];
        let averages = Operation::AveragePool { size };
        let averages = self.push(&name("averages"), averages, maps);
        let mut linear = |part: &str, shape, activation, input| -> Result<ValueId, ExportError> {
            let layer = ConvPlan {
                bias: true,
                activation,
                ..ConvPlan::plain(name(part), shape, 1, plan.initialisation)
            };
            self.conv(&layer, input)
        };
        let (wide, narrow) = (plan.channels, plan.squeezed);
        let squeezed = linear("fc1", [wide, narrow], Activation::Silu, averages)?;
        let expanded = linear("fc2", [narrow, wide], Activation::Identity, squeezed)?;
        let shares = self.push(&name("shares"), Operation::Sigmoid, expanded);
        Ok(self.push_of(&name("weighed"), Operation::Weigh, vec![maps, shares]))
    }

    fn residual(&mut self, block: &ResidualPlan, input: ValueId) -> Result<(), ExportError> {
        let mut maps = input;
        for conv in &block.body {
            maps = self.conv(conv, maps)?;
        }
        let kept = match &block.shortcut {
            Some(shortcut) => self.conv(shortcut, input)?,
            None => input,
        };
        let name = format!("{}.sum", block.name);
        self.push_of(&name, Operation::Add(block.activation), vec![maps, kept]);
        Ok(())
    }

    fn growth(&mut self, block: &GrowthPlan, input: ValueId) -> Result<(), ExportError> {
        let maps = self.norm(&block.norm, input)?;
        let narrow = self.conv(&block.bottleneck, maps)?;
        let new = self.conv(&block.growth, narrow)?;
        let name = format!("{}.maps", block.name);
        self.push_of(&name, Operation::Concatenate, vec![input, new]);
        Ok(())
    }

    fn dense(
        &mut self,
        plan: &DensePlan,
        input: ValueId,
        calibration: Option<&LogitCalibration>,
    ) -> Result<(), ExportError> {
        let part = |part: &str| format!("{}.{part}", plan.name);
        let weight = self.tensor(&part("weight"), plan.outputs * plan.inputs)?;
        let mut dense = Dense {
            weight,
            bias: self.tensor(&part("bias"), plan.outputs)?,
            inputs: plan.inputs,
            outputs: plan.outputs,
        };
        if let Some(calibration) = calibration {
            let rows = dense.weight.chunks_exact_mut(plan.inputs);
            for ((row, bias), (factor, shift)) in rows
                .zip(&mut dense.bias)
                .zip(calibration.factors.iter().zip(&calibration.shifts))
            {
                row.iter_mut()
                    .for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
                *bias = (f64::from(*bias) * factor + shift) as f32;
            }
        }
        self.push(&plan.name, Operation::Dense(dense, plan.activation), input);
        Ok(())
    }
}

/// A batch norm in prediction: each channel times its factor, plus its shift (Ioffe and Szegedy 2015).
struct FoldedNorm {
    factors: Vec<f64>,
    shifts: Vec<f64>,
}

impl FoldedNorm {
    fn new(weight: &[f32], bias: &[f32], mean: &[f32], variance: &[f32], epsilon: f64) -> Self {
        let factors: Vec<f64> = weight
            .iter()
            .zip(variance)
            .map(|(weight, variance)| f64::from(*weight) / (f64::from(*variance) + epsilon).sqrt())
            .collect();
        let shifts = bias
            .iter()
            .zip(mean)
            .zip(&factors)
            .map(|((bias, mean), factor)| f64::from(*bias) - f64::from(*mean) * factor)
            .collect();
        Self { factors, shifts }
    }

    fn fold_into(&self, convolution: &mut Convolution) {
        let values = convolution.weight.len() / convolution.outputs;
        let rows = convolution.weight.chunks_exact_mut(values);
        for ((row, bias), (factor, shift)) in rows
            .zip(&mut convolution.bias)
            .zip(self.factors.iter().zip(&self.shifts))
        {
            row.iter_mut()
                .for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
            *bias = (f64::from(*bias) * factor + shift) as f32;
        }
    }

    fn step(&self) -> Operation {
        let single = |values: &[f64]| values.iter().map(|value| *value as f32).collect();
        Operation::Affine {
            factors: single(&self.factors),
            shifts: single(&self.shifts),
        }
    }
}

impl Operation {
    /// The shape of what it writes, for one film.
    fn output<'s>(&self, inputs: impl Iterator<Item = &'s [usize]>) -> Vec<usize> {
        let inputs: Vec<&[usize]> = inputs.collect();
        let first = inputs[0];
        let square = |channels: usize, side: usize| vec![channels, side, side];
        let windows =
            |size: usize, stride: usize, around: usize| (first[1] + around - size) / stride + 1;
        match self {
            Self::Convolution(convolution, _) => square(
                convolution.outputs,
                windows(
                    convolution.kernel,
                    convolution.stride,
                    convolution.padding.iter().sum(),
                ),
            ),
            Self::MaxPool {
                size,
                stride,
                padding,
            } => square(first[0], windows(*size, *stride, 2 * padding)),
            Self::AveragePool { size } => square(first[0], windows(*size, *size, 0)),
            Self::Concatenate => square(first[0] + inputs[1][0], first[1]),
            Self::Flatten => vec![first.iter().product()],
            Self::Dense(dense, _) => vec![dense.outputs],
            Self::Affine { .. }
            | Self::Activation(_)
            | Self::Sigmoid
            | Self::Add(_)
            | Self::Weigh
            | Self::Softmax => first.to_vec(),
        }
    }
}
