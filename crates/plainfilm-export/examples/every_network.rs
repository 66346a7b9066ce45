//! Every network as ONNX and TensorFlow Lite files, with films and what the network says of them, for the checks in
//! `reference/export`:
//!
//!     cargo build --workspace --bins --example every_network
//!     target/debug/examples/every_network FOLDER [NAME]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use burn::tensor::Device;
use plainfilm_export::graph::{Graph, Operation, Ranges};
use plainfilm_export::{Card, Interface, Precision, onnx, tflite, waves};
use plainfilm_model::networks::{Architecture, NetworkSettings};

#[path = "../src/samples.rs"]
mod samples;

use samples::sample_model;

/// How many films each network is shown.
const FILMS: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("expected a folder")?);
    let chosen = arguments.next();
    fs::create_dir_all(&folder)?;
    for architecture in Architecture::all() {
        if chosen
            .as_ref()
            .is_none_or(|name| name == architecture.name())
        {
            dump(architecture, &folder)?;
        }
    }
    Ok(())
}

fn dump(architecture: Architecture, folder: &Path) -> Result<(), Box<dyn Error>> {
    let device = Device::flex();
    let settings = NetworkSettings::published(architecture, 2);
    let file = sample_model(settings, architecture.default_scaling());
    let card = Card::of(&file.header);
    let mut graph = Graph::of_model(&file.header, file.tensors)?;
    let shape = graph.values[Graph::INPUT].shape.clone();
    let films: Vec<f32> = (0..FILMS)
        .flat_map(|film| waves(shape[1], film).values.repeat(shape[0]))
        .collect();
    spread(&mut graph, &films, &device);
    let mut ranges = Ranges::none(&graph);
    let expected = graph.run(films.clone(), Some(&mut ranges), &device);
    let path = |end: &str| folder.join(format!("{architecture}{end}"));
    let bytes: Vec<u8> = films.iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(path(".input"), bytes)?;
    let mut seconds = Vec::new();
    let kinds = Precision::ALL.map(|precision| (precision, Interface::Float));
    for (precision, interface) in kinds
        .into_iter()
        .chain([(Precision::Int8, Interface::Uint8)])
    {
        let start = Instant::now();
        let bytes = tflite::to_bytes(&graph, &card, precision, interface, Some(&ranges))?;
        seconds.push(start.elapsed().as_secs_f64());
        let end = match interface {
            Interface::Float => format!(".{precision}.tflite"),
            Interface::Uint8 => format!(".{precision}.uint8.tflite"),
        };
        fs::write(path(&end), bytes)?;
    }
    for precision in Precision::ALL {
        let start = Instant::now();
        let graph = graph.clone();
        let bytes = onnx::to_bytes(graph, &card, precision, Interface::Float, &ranges);
        seconds.push(start.elapsed().as_secs_f64());
        fs::write(path(&format!(".{precision}.onnx")), bytes)?;
    }
    let of_films = [&[FILMS], shape.as_slice()].concat();
    let record = serde_json::json!({
        "shape": of_films,
        "labels": card.labels,
        "expected": expected,
        "seconds": seconds,
    });
    fs::write(path(".json"), record.to_string())?;
    Ok(())
}

/// Turns the last layer so that films differ in their probabilities: those of drawn weights are 0 and 1 in many
/// networks, whatever goes wrong before.
fn spread(graph: &mut Graph, films: &[f32], device: &Device) {
    let Some(softmax) = graph.nodes.pop() else {
        return;
    };
    let probabilities = graph.values.pop();
    let logits = graph.run(films.to_vec(), None, device);
    let columns = logits[0].len();
    let means: Vec<f32> = (0..columns)
        .map(|label| logits.iter().map(|row| row[label]).sum::<f32>() / logits.len() as f32)
        .collect();
    let greatest = logits
        .iter()
        .flatten()
        .fold(0.0_f32, |most, logit| most.max(logit.abs()));
    let furthest = logits
        .iter()
        .flat_map(|row| row.iter().zip(&means))
        .fold(0.0_f32, |most, (logit, mean)| {
            most.max((logit - mean).abs())
        });
    // Where films hardly differ, the last digits of large logits are not made first digits.
    let (factor, shift) = match furthest < 0.05 * greatest {
        true => (1.0 / greatest, 0.0),
        false => (1.0 / furthest, 1.0),
    };
    for node in &mut graph.nodes {
        if let Operation::Dense(dense, _) = &mut node.operation
            && node.output + 1 == graph.values.len()
        {
            dense.weight.iter_mut().for_each(|weight| *weight *= factor);
            for (bias, mean) in dense.bias.iter_mut().zip(&means) {
                *bias = (*bias - shift * mean) * factor;
            }
        }
    }
    graph.nodes.push(softmax);
    graph.values.extend(probabilities);
}
