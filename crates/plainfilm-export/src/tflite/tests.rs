//! What graphs become, operator by operator, and what a file holds. That interpreters agree with our networks is
//! checked by `reference/export/check_tflite.py`.

use std::io::{Cursor, Read};

use plainfilm_film::radiograph::Scaling;
use plainfilm_model::networks::{Activation, Architecture, NetworkSettings};

use super::layout::lay_out;
use super::levels::{Levels, levels_of};
use super::numbers::Numbers;
use super::parts::{Parts, Steps, Task, Window};
use super::schema::{Code, Fused, Padding};
use super::*;
use crate::graph::{Convolution, Dense, InputKind, Node, Operation, Value};
use crate::samples::sample_model;
use crate::waves;

/// Steps one after another, each with the shape of what it writes, on maps of 2 x 8 x 8.
fn chain(steps: Vec<(Operation, Vec<usize>)>) -> Graph {
    let mut graph = Graph {
        values: vec![Value {
            name: "film".to_owned(),
            shape: vec![2, 8, 8],
        }],
        nodes: Vec::new(),
        input: InputKind::Unit,
    };
    for (operation, shape) in steps {
        let output = graph.values.len();
        let name = format!("step{output}");
        graph.values.push(Value {
            name: name.clone(),
            shape,
        });
        graph.nodes.push(Node {
            name,
            operation,
            inputs: vec![output - 1],
            output,
        });
    }
    graph
}

fn convolution(stride: usize, padding: [usize; 2], groups: usize) -> Convolution {
    Convolution {
        weight: vec![0.5; 4 / groups * 9],
        bias: vec![0.0; 2],
        inputs: 2,
        outputs: 2,
        kernel: 3,
        stride,
        padding,
        groups,
    }
}

fn codes(parts: &Parts<'_>) -> Vec<Code> {
    let operators = parts.operators.iter();
    operators.map(|operator| operator.task.code()).collect()
}

#[test]
fn steps_become_the_operators_that_compute_the_same() {
    let conv = |stride, padding, groups, then| {
        Operation::Convolution(convolution(stride, padding, groups), then)
    };
    let pool = Operation::MaxPool {
        size: 3,
        stride: 2,
        padding: 1,
    };
    let affine = Operation::Affine {
        factors: vec![1.0; 2],
        shifts: vec![0.0; 2],
    };
    let relu = Activation::Relu;
    let (wide, half) = (vec![2, 8, 8], vec![2, 4, 4]);
    let cases = [
        // TensorFlow's own padding, even and uneven.
        (
            vec![(conv(1, [1, 1], 1, relu), wide.clone())],
            vec![Code::Conv2d],
        ),
        (
            vec![(conv(2, [0, 1], 1, relu), half.clone())],
            vec![Code::Conv2d],
        ),
        // One that TensorFlow does not have.
        (
            vec![(conv(2, [1, 1], 1, relu), half.clone())],
            vec![Code::Pad, Code::Conv2d],
        ),
        (
            vec![(conv(1, [1, 1], 2, Activation::Relu6), wide.clone())],
            vec![Code::DepthwiseConv2d],
        ),
        (
            vec![(conv(1, [1, 1], 1, Activation::LeakyRelu(0.1)), wide.clone())],
            vec![Code::Conv2d, Code::LeakyRelu],
        ),
        (
            vec![(conv(1, [1, 1], 1, Activation::Silu), wide.clone())],
            vec![Code::Conv2d, Code::Logistic, Code::Mul],
        ),
        (
            vec![(pool.clone(), half.clone())],
            vec![Code::PadV2, Code::MaxPool2d],
        ),
        (
            vec![
                (conv(1, [1, 1], 1, relu), wide.clone()),
                (pool, half.clone()),
            ],
            vec![Code::Conv2d, Code::Pad, Code::MaxPool2d],
        ),
        (
            vec![
                (affine.clone(), wide.clone()),
                (Operation::Activation(relu), wide.clone()),
            ],
            vec![Code::Mul, Code::Add],
        ),
        (
            vec![
                (affine, wide.clone()),
                (Operation::Activation(Activation::Silu), wide.clone()),
            ],
            vec![Code::Mul, Code::Add, Code::Logistic, Code::Mul],
        ),
        (
            vec![(Operation::AveragePool { size: 8 }, vec![2, 1, 1])],
            vec![Code::Mean],
        ),
        (
            vec![(Operation::AveragePool { size: 2 }, half.clone())],
            vec![Code::AveragePool2d],
        ),
    ];
    for (steps, expected) in cases {
        let graph = chain(steps);
        let parts = lay_out(&graph, Numbers::F32).expect("operators that there are");
        assert_eq!(codes(&parts), expected, "{:?}", graph.nodes);
        assert_eq!(parts.input, 0);
    }
}

#[test]
fn an_uneven_padding_is_tensorflows_own() {
    let graph = chain(vec![(
        Operation::Convolution(convolution(2, [0, 1], 1), Activation::Relu6),
        vec![2, 4, 4],
    )]);
    let parts = lay_out(&graph, Numbers::F32).expect("operators that there are");
    let expected = Task::Convolution(Window {
        stride: 2,
        padding: Padding::Same,
        then: Fused::Relu6,
    });
    assert_eq!(parts.operators[0].task, expected);
}

#[test]
fn a_linear_layer_after_maps_reads_them_channel_by_channel() {
    let dense = Dense {
        weight: (0..8).map(|value| value as f32).collect(),
        bias: vec![0.0],
        inputs: 8,
        outputs: 1,
    };
    let graph = chain(vec![
        (Operation::AveragePool { size: 4 }, vec![2, 2, 2]),
        (Operation::Flatten, vec![8]),
        (Operation::Dense(dense, Activation::Identity), vec![1]),
    ]);
    let parts = lay_out(&graph, Numbers::F32).expect("operators that there are");
    assert_eq!(
        codes(&parts),
        [Code::AveragePool2d, Code::Reshape, Code::FullyConnected]
    );
    let weight = &parts.tensors[parts.operators[2].inputs[1]];
    let expected = [0.0_f32, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0];
    let expected: Vec<u8> = expected.iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(weight.content.bytes(), expected);
}

#[test]
fn what_the_format_cannot_hold_is_refused() {
    let mut wide = convolution(1, [1, 1], 1);
    (wide.inputs, wide.groups) = (4, 2);
    let mut huge = convolution(1, [1, 1], 1);
    huge.weight[3] = 1e6;
    let sum = |convolution| {
        chain(vec![(
            Operation::Convolution(convolution, Activation::Relu),
            vec![2, 8, 8],
        )])
    };
    let cases = [
        (
            sum(wide),
            Precision::F32,
            Interface::Float,
            "step `step1`: expected one group of channels, or one a channel, found 2 groups",
        ),
        (
            sum(huge),
            Precision::F16,
            Interface::Float,
            "step `step1` holds 1000000, more than f16 can hold; hint: export as f32",
        ),
        (
            sum(convolution(1, [1, 1], 1)),
            Precision::Int8,
            Interface::Float,
            "int8: expected the ranges of all values, found none; hint: name films to calibrate with",
        ),
        (
            sum(convolution(1, [1, 1], 1)),
            Precision::F32,
            Interface::Uint8,
            "interface uint8: expected precision int8, found f32",
        ),
    ];
    let settings = NetworkSettings::published(Architecture::PlantsCnn, 2);
    let card = Card::of(&sample_model(settings, Scaling::Unit).header);
    for (graph, precision, interface, expected) in cases {
        let error = to_bytes(&graph, &card, precision, interface, None).expect_err(expected);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn whole_numbers_keep_their_levels_where_nothing_is_computed() {
    let graph = chain(vec![
        (
            Operation::Convolution(convolution(1, [1, 1], 1), Activation::Relu),
            vec![2, 8, 8],
        ),
        (
            Operation::MaxPool {
                size: 2,
                stride: 2,
                padding: 0,
            },
            vec![2, 4, 4],
        ),
        (Operation::AveragePool { size: 4 }, vec![2, 1, 1]),
        (Operation::Flatten, vec![2]),
        (Operation::Softmax, vec![2]),
    ]);
    let mut ranges = Ranges::none(&graph);
    let film = waves(8, 1).values.repeat(2);
    let _ = graph.run(film, Some(&mut ranges), &burn::tensor::Device::flex());
    let levels = levels_of(&graph, &ranges);
    assert_eq!(levels[0], Levels::over([0.0, 1.0]));
    assert_eq!(levels[1], levels[2]);
    assert_ne!(levels[2], levels[3], "an average has a narrower range");
    assert_eq!(levels[3], levels[4]);
    assert_eq!(levels[5], Levels::SHARES);
    let numbers = Numbers::Int8(levels, Interface::Uint8);
    let parts = lay_out(&graph, numbers).expect("operators that there are");
    let expected = [
        Code::Quantize,
        Code::Conv2d,
        Code::MaxPool2d,
        Code::Mean,
        Code::Reshape,
        Code::Softmax,
        Code::Quantize,
    ];
    assert_eq!(codes(&parts), expected);
    let ends = [parts.input, parts.output].map(|end| parts.tensors[end].steps.clone());
    let unsigned = [1.0 / 255.0, 1.0 / 256.0].map(|scale| Steps::One(Levels { scale, zero: 0 }));
    assert_eq!(ends, unsigned);
}

#[test]
fn a_file_is_a_model_and_an_archive_and_has_its_weights_aligned() {
    let settings = NetworkSettings {
        size: 64,
        ..NetworkSettings::published(Architecture::PlantsCnn, 2)
    };
    let file = sample_model(settings, Scaling::Unit);
    let card = Card::of(&file.header);
    let graph = Graph::of_model(&file.header, file.tensors).expect("a model of ours");
    let write = || to_bytes(&graph, &card, Precision::F32, Interface::Float, None);
    let bytes = write().expect("a file");
    assert_eq!(&bytes[4..8], b"TFL3");
    assert_eq!(write().expect("a file"), bytes, "the same at any time");
    let parts = lay_out(&graph, Numbers::F32).expect("operators that there are");
    for tensor in parts
        .tensors
        .iter()
        .filter(|tensor| tensor.content.len() > 64)
    {
        let content = tensor.content.bytes();
        let start = (0..bytes.len() - content.len())
            .step_by(16)
            .find(|start| bytes[*start..].starts_with(&content));
        assert!(start.is_some(), "{}", tensor.name);
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("an archive");
    let mut read = |name: &str| {
        let mut text = String::new();
        let mut file = archive.by_name(name).expect("a file of the archive");
        file.read_to_string(&mut text).expect("text");
        text
    };
    assert_eq!(read("labels.txt"), "label 0\nlabel 1\n");
    assert_eq!(read("README.txt"), card.text());
}
