//! The network of an ONNX file, computed by rten, which is written in Rust.
//!
//! rten answers errors for most that can be wrong with a graph, and panics for some; a panic is an error here. It has
//! no limits of time or memory: a graph that asks for too much gets it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rten::{
    DataType, Dimension, Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueType,
};
use rten_tensor::{AsView, Layout as _, Tensor};

use crate::ForeignError;
use crate::scan::{Scan, scan};

/// Bytes of a model with the files of its weights that are read at most. Protocol buffers end at 2 GiB.
const MOST_BYTES: u64 = 4 << 30;

/// What the runtime calls whole numbers from 0 to 255.
pub(crate) const BYTES: &str = "u8";

/// From here on Softmax, LogSoftmax and Hardmax work along one axis, by default the last.
const NEW_SOFTMAX: i64 = 13;

/// An input or output as the graph declares it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Port {
    pub(crate) name: String,
    /// None for an axis whose length the graph leaves open; none at all where it declares no shape.
    pub(crate) shape: Option<Vec<Option<usize>>>,
    /// `f32` and so on; none where the graph does not say.
    pub(crate) element: Option<String>,
}

impl Port {
    /// The shape in words, such as `[?, 3, 224, 224]`.
    pub(crate) fn shape_text(&self) -> String {
        let Some(shape) = &self.shape else {
            return "of no declared shape".to_owned();
        };
        let axes: Vec<String> = shape
            .iter()
            .map(|axis| axis.map_or("?".to_owned(), |length| length.to_string()))
            .collect();
        format!("[{}]", axes.join(", "))
    }

    /// The length of an axis, where it is declared.
    pub(crate) fn axis(&self, index: usize) -> Option<usize> {
        self.shape.as_ref()?.get(index).copied().flatten()
    }

    /// How many axes there are, where that is declared.
    pub(crate) fn rank(&self) -> Option<usize> {
        self.shape.as_ref().map(Vec::len)
    }
}

/// A graph, ready to be computed.
#[derive(Debug)]
pub(crate) struct Runtime {
    path: PathBuf,
    model: Model,
    threads: Option<Arc<ThreadPool>>,
    pub(crate) scan: Scan,
    /// Those that have to be given.
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
}

impl Runtime {
    /// Reads a file and the files of its weights, which lie beside it, for so many threads.
    pub(crate) fn open(path: &Path, threads: Option<usize>) -> Result<Self, ForeignError> {
        let mut left = MOST_BYTES;
        let bytes = read(path, &mut left)?;
        let scan = scan(&bytes).map_err(|reason| ForeignError::Damaged {
            path: path.to_owned(),
            reason,
        })?;
        let mut options = ModelOptions::with_all_ops();
        for name in &scan.weights {
            // The runtime refuses names of files elsewhere, so they are not read either.
            if Path::new(name)
                .file_name()
                .is_some_and(|file| file == name.as_str())
            {
                let weights = read(&path.with_file_name(name), &mut left)?;
                options.external_data(name, weights);
            }
        }
        let model = guarded(|| options.load(bytes).map_err(|error| error.to_string())).map_err(
            |reason| ForeignError::Runtime {
                path: path.to_owned(),
                reason,
            },
        )?;
        let port = |id: &NodeId| {
            let info = model.node_info(*id)?;
            let shape = info.shape().map(|axes| {
                let length = |axis: Dimension| match axis {
                    Dimension::Fixed(length) => Some(length),
                    Dimension::Symbolic(_) => None,
                };
                axes.into_iter().map(length).collect()
            });
            let element = info.dtype().map(|kind| match kind {
                ValueType::Tensor(element) => element.to_string(),
                ValueType::Sequence(element) => format!("a sequence of {element}"),
                _ => "something else".to_owned(),
            });
            Some(Port {
                name: info.name().unwrap_or_default().to_owned(),
                shape,
                element,
            })
        };
        let inputs: Vec<Port> = model.input_ids().iter().filter_map(port).collect();
        let outputs: Vec<Port> = model.output_ids().iter().filter_map(port).collect();
        let runtime = Self {
            path: path.to_owned(),
            threads: threads.map(|count| Arc::new(ThreadPool::with_num_threads(count))),
            inputs,
            outputs,
            scan,
            model,
        };
        runtime.refuse_old_softmax()?;
        Ok(runtime)
    }

    /// Older operator sets flatten all axes from the given one (by default the second) on; the runtime does not.
    /// Both do the same where films and labels are the only axes.
    fn refuse_old_softmax(&self) -> Result<(), ForeignError> {
        let opset = self.scan.opset.unwrap_or(1);
        if opset >= NEW_SOFTMAX {
            return Ok(());
        }
        for (place, node) in self.scan.nodes.iter().enumerate() {
            if !matches!(node.operator.as_str(), "Softmax" | "LogSoftmax" | "Hardmax") {
                continue;
            }
            let is_last_of_two_axes = self.outputs.iter().any(|output| {
                output.rank() == Some(2) && node.outputs.first() == Some(&output.name)
            });
            if is_last_of_two_axes && matches!(node.axis, None | Some(1 | -1)) {
                continue;
            }
            return Err(ForeignError::OldOperator {
                path: self.path.clone(),
                node: match node.name.as_str() {
                    "" => format!("{}", place + 1),
                    name => format!("{name:?}"),
                },
                operator: node.operator.clone(),
                opset,
            });
        }
        Ok(())
    }

    /// Whether an input holds whole numbers from 0 to 255: grey levels of 0 to 1 become those.
    fn takes_bytes(&self, input: &str) -> bool {
        let port = self.inputs.iter().find(|port| port.name == input);
        port.and_then(|port| port.element.as_deref()) == Some(BYTES)
    }

    /// What the graph's output is for an input: its shape and values, or why there is none.
    pub(crate) fn run(
        &self,
        input_name: &str,
        output: &str,
        shape: [usize; 4],
        values: Vec<f32>,
    ) -> Result<(Vec<usize>, Vec<f32>), String> {
        guarded(|| {
            let words = |error: &dyn std::fmt::Display| error.to_string();
            let input = self
                .model
                .node_id(input_name)
                .map_err(|error| words(&error))?;
            let output = self.model.node_id(output).map_err(|error| words(&error))?;
            let options = RunOptions::default().with_thread_pool(self.threads.clone());
            let values = match self.takes_bytes(input_name) {
                false => Value::from_shape(shape, values).map_err(|error| words(&error))?,
                true => {
                    let level = |value: f32| (value * 255.0).round().clamp(0.0, 255.0) as u8;
                    let levels: Vec<u8> = values.into_iter().map(level).collect();
                    Value::from_shape(shape, levels).map_err(|error| words(&error))?
                }
            };
            let [found] = self
                .model
                .run_n(vec![(input, values.into())], [output], Some(options))
                .map_err(|error| words(&error))?;
            let found: Tensor<f32> = found
                .try_into()
                .map_err(|_| format!("an output that is no tensor of {}", DataType::Float))?;
            Ok((found.shape().to_vec(), found.to_vec()))
        })
    }
}

/// Reads a file of no more than `left` bytes, which become fewer.
fn read(path: &Path, left: &mut u64) -> Result<Vec<u8>, ForeignError> {
    let failed = |error: std::io::Error| ForeignError::Read {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    let found = std::fs::metadata(path).map_err(failed)?.len();
    *left = left
        .checked_sub(found)
        .ok_or_else(|| ForeignError::TooLarge {
            path: path.to_owned(),
            found,
            most: MOST_BYTES,
        })?;
    std::fs::read(path).map_err(failed)
}

/// What `work` answers; a panic in it is an error.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // Whatever it leaves half done is not used again: a model that failed to load is dropped, and one that failed
    // to compute keeps nothing from one film to the next.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        Err(format!("the runtime gave up: {words}"))
    })
}
