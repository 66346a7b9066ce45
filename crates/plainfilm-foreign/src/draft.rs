//! A first description of a model, out of its graph: what is seen there, and guesses that say so.

use std::path::Path;

use crate::ForeignError;
use crate::runtime::{Port, Runtime};

/// The side of an input whose graph leaves it open.
const USUAL_SIZE: usize = 224;

/// Drafts the TOML of a description for a person to correct.
///
/// # Errors
///
/// When the model cannot be read, is damaged, or takes or gives no tensors of films.
pub fn describe(path: &Path) -> Result<String, ForeignError> {
    let runtime = Runtime::open(path, None)?;
    let refuse = |reason: &str| ForeignError::Runtime {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    let [input] = runtime.inputs.as_slice() else {
        let names: Vec<&str> = runtime
            .inputs
            .iter()
            .map(|port| port.name.as_str())
            .collect();
        return Err(refuse(&format!(
            "expected a graph with one input, the film; found {}: {}",
            names.len(),
            names.join(", ")
        )));
    };
    let output = runtime
        .outputs
        .first()
        .ok_or_else(|| refuse("expected a graph with an output, found none"))?;
    if input.rank().is_some_and(|rank| rank != 4) {
        let found = input.shape_text();
        return Err(refuse(&format!(
            "input {:?}: expected four axes (films, channels, rows, columns), found {found}",
            input.name
        )));
    }
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(text(&file, input, output, &runtime))
}

fn text(file: &str, input: &Port, output: &Port, runtime: &Runtime) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let shape = Shape::of(input);
    let outputs = Outputs::of(output, runtime);
    let others: Vec<String> = runtime.outputs[1..]
        .iter()
        .map(|port| format!("{} {}", quoted(&port.name), port.shape_text()))
        .collect();
    let others = match others.is_empty() {
        true => String::new(),
        false => format!("# The graph has more outputs: {}\n", others.join(", ")),
    };
    let labels: Vec<String> = (0..outputs.labels)
        .map(|index| quoted(&format!("label {index}")))
        .collect();
    format!(
        "\
# Drafted by `plainfilm model describe` out of the graph of {file}.
# GUESS marks what the graph does not say: correct it, or every figure is wrong.
model = {model}

# GUESS: what the outputs are of, in their order{sharing}. Give your labels' names.
labels = [{labels}]
# The label that sensitivity and the threshold are about; without it, the one that sounds like a finding.
# positive = \"label 1\"
# From this probability of it on, a film gets it.
threshold = 0.5
# Where each label is for itself, thresholds of single ones:
# thresholds = {{ \"label 1\" = 0.3 }}

# Seen: {input_shape}
[input]
name = {input_name}
# {layout_said}: \"nchw\" (PyTorch) or \"nhwc\" (TensorFlow, Keras).
layout = \"{layout}\"

# Seen: {output_shape}, from a node of kind {operator}
{others}[output]
name = {output_name}
# {holds_said}: \"probabilities\", or \"logits\" if softmax or sigmoid is still to come.
holds = \"{holds}\"
# {link_said}: \"softmax\" where a film has one of the labels; \"sigmoid\" where each label is for itself, or where two
# labels share one output, which is then that of the second.
link = \"{link}\"

[preprocessing]
# {size_said}.
size = {size}
# {channels_said}: 1 or 3.
channels = {channels}
# GUESS: how a film becomes a square: \"squash\" (its sides stretched, as `Resize((224, 224))` and `load_img` do), \"crop\"
# (the largest square in the middle), \"letterbox\" (black bars) or \"lungs\".
fit = \"squash\"
# GUESS: \"bilinear\" (as torchvision and Pillow have it), \"nearest\", \"bicubic\" or \"lanczos\".
resampling = \"bilinear\"
# GUESS: what values become: \"unit\" (0 to 1), \"imagenet\" (torchvision's networks), \"tf\" (-1 to 1), \"caffe\", \"zscore\",
# \"percentile\" or \"xrv\". Does the graph scale by itself, or did it learn from bytes? Then see below.
scaling = \"unit\"

# Instead of a scaling: (value * times - mean) / std of values from 0 to 1, with one mean and std a channel or for all.
# [normalisation]
# times = 255.0
# mean = [0.0]
# std = [1.0]
",
        model = quoted(file),
        sharing = outputs.sharing,
        labels = labels.join(", "),
        input_shape = input.shape_text(),
        input_name = quoted(&input.name),
        layout_said = shape.layout.1,
        layout = shape.layout.0,
        output_shape = output.shape_text(),
        operator = outputs.operator,
        output_name = quoted(&output.name),
        holds_said = outputs.holds.1,
        holds = outputs.holds.0,
        link_said = outputs.link.1,
        link = outputs.link.0,
        size_said = shape.size.1,
        size = shape.size.0,
        channels_said = shape.channels.1,
        channels = shape.channels.0,
    )
}

const SEEN: &str = "Seen";
const GUESS: &str = "GUESS";

/// What an input is taken for, each with whether that is seen or guessed.
struct Shape {
    layout: (&'static str, &'static str),
    size: (usize, &'static str),
    channels: (usize, &'static str),
}

impl Shape {
    fn of(input: &Port) -> Self {
        let is_channels = |axis: usize| matches!(input.axis(axis), Some(1 | 3));
        let (layout, [channels, row, column]) = match (is_channels(1), is_channels(3)) {
            (true, false) => (("nchw", SEEN), [1, 2, 3]),
            (false, true) => (("nhwc", SEEN), [3, 1, 2]),
            _ => (("nchw", GUESS), [1, 2, 3]),
        };
        let or = |seen: Option<usize>, usual| seen.map_or((usual, GUESS), |seen| (seen, SEEN));
        Self {
            layout,
            size: or(input.axis(row).or(input.axis(column)), USUAL_SIZE),
            channels: or(input.axis(channels), 3),
        }
    }
}

/// What an output is taken for.
struct Outputs {
    labels: usize,
    sharing: &'static str,
    operator: String,
    holds: (&'static str, &'static str),
    link: (&'static str, &'static str),
}

impl Outputs {
    fn of(output: &Port, runtime: &Runtime) -> Self {
        let from = runtime
            .scan
            .nodes
            .iter()
            .find(|node| node.outputs.contains(&output.name));
        let operator = from.map_or("no node", |node| node.operator.as_str());
        let width = output.axis(1);
        let is_one = width == Some(1) || output.rank() == Some(1);
        let (holds, link) = match operator {
            "Softmax" => (("probabilities", SEEN), ("softmax", SEEN)),
            "Sigmoid" => (("probabilities", SEEN), ("sigmoid", SEEN)),
            _ if is_one => (("logits", GUESS), ("sigmoid", GUESS)),
            _ => (("logits", GUESS), ("softmax", GUESS)),
        };
        Self {
            labels: if is_one { 2 } else { width.unwrap_or(2) },
            sharing: if is_one {
                "; the one output is the second's probability"
            } else {
                ""
            },
            operator: operator.to_owned(),
            holds,
            link,
        }
    }
}
