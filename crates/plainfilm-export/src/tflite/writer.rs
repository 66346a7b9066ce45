//! From a model in memory to its flatbuffer.

use flatbuffers::FlatBufferBuilder;

use super::parts::{Operator, Parts, Steps, Task, Tensor, Window};
use super::schema::{
    Code, METADATA_NAME, MODEL_IDENTIFIER, MODEL_VERSION, buffer, model, model_metadata_entry,
    operator, operator_code, options, quantisation, signature, subgraph, tensor,
};
use super::table::{Held, Place, list, numbers, table, text, whole_numbers};

/// Weights begin at multiples of this, so that a file that is mapped into memory is read where it lies.
const ALIGNMENT: usize = 16;

/// Room for all that is not a weight, a tensor: names, shapes, operators.
const BYTES_A_TENSOR: usize = 512;

/// The name of the one way to call the model.
const SIGNATURE: &str = "serving_default";

/// The bytes of a model's file. `metadata` is a flatbuffer of its own.
pub(super) fn flatbuffer(parts: &Parts<'_>, description: &str, metadata: &[u8]) -> Vec<u8> {
    let room = parts.bytes() + metadata.len() + description.len();
    let room = room + BYTES_A_TENSOR * (parts.tensors.len() + 16);
    // A buffer that has to grow would be in memory three times.
    let mut builder = FlatBufferBuilder::with_capacity(room);
    let builder = &mut builder;
    // Buffer 0 is empty by convention: that of all that is computed.
    let mut buffers = vec![table(builder, &[])];
    let mut tensors = Vec::new();
    for tensor in &parts.tensors {
        let bytes = tensor.content.bytes();
        let place = match bytes.is_empty() {
            true => 0,
            false => {
                buffers.push(aligned(builder, &bytes));
                buffers.len() - 1
            }
        };
        tensors.push(write_tensor(builder, tensor, place as u32));
    }
    buffers.push(aligned(builder, metadata));
    let name = text(builder, METADATA_NAME);
    let entry = table(
        builder,
        &[
            (model_metadata_entry::NAME, name),
            (
                model_metadata_entry::BUFFER,
                Held::U32(buffers.len() as u32 - 1),
            ),
        ],
    );
    let metadata = list(builder, &[entry]);
    let codes = codes(parts);
    let operators: Vec<Place> = parts
        .operators
        .iter()
        .map(|operator| write_operator(builder, operator, &codes, parts))
        .collect();
    let tensors = list(builder, &tensors);
    let inputs = whole_numbers(builder, &[parts.input as i32]);
    let outputs = whole_numbers(builder, &[parts.output as i32]);
    let operators = list(builder, &operators);
    let name = text(builder, "main");
    let graph = table(
        builder,
        &[
            (subgraph::TENSORS, tensors),
            (subgraph::INPUTS, inputs),
            (subgraph::OUTPUTS, outputs),
            (subgraph::OPERATORS, operators),
            (subgraph::NAME, name),
        ],
    );
    let graphs = list(builder, &[graph]);
    let codes: Vec<Place> = codes
        .iter()
        .map(|(code, version)| {
            let fields = [
                (operator_code::OLD_CODE, Held::I8(*code as i8)),
                (operator_code::VERSION, Held::I32(*version)),
                (operator_code::CODE, Held::I32(i32::from(*code as i8))),
            ];
            table(builder, &fields)
        })
        .collect();
    let codes = list(builder, &codes);
    let buffers = list(builder, &buffers);
    let signature = write_signature(builder, parts);
    let signatures = list(builder, &[signature]);
    let description = text(builder, description);
    let root = table(
        builder,
        &[
            (model::VERSION, Held::U32(MODEL_VERSION)),
            (model::OPERATOR_CODES, codes),
            (model::SUBGRAPHS, graphs),
            (model::DESCRIPTION, description),
            (model::BUFFERS, buffers),
            (model::METADATA, metadata),
            (model::SIGNATURES, signatures),
        ],
    );
    // Places are counted from the end of the file: they are aligned from its start if its length is.
    align(builder, 2 * size_of::<u32>());
    builder.finish(root, Some(MODEL_IDENTIFIER));
    let (mut bytes, start) = std::mem::take(builder).collapse();
    bytes.drain(..start);
    bytes
}

/// Zeros until, with `ahead` bytes before what is written, a multiple of the alignment is written.
fn align(builder: &mut FlatBufferBuilder<'_>, ahead: usize) {
    while !(builder.unfinished_data().len() + ahead).is_multiple_of(ALIGNMENT) {
        builder.push(0_u8);
    }
}

/// A buffer whose bytes are aligned.
fn aligned(builder: &mut FlatBufferBuilder<'_>, bytes: &[u8]) -> Place {
    align(builder, bytes.len());
    let data = builder.create_vector(bytes).as_union_value();
    table(builder, &[(buffer::DATA, Held::At(data))])
}

/// Every operator that occurs, with its version, once.
fn codes(parts: &Parts<'_>) -> Vec<(Code, i32)> {
    let mut codes: Vec<(Code, i32)> = parts
        .operators
        .iter()
        .map(|operator| code_of(operator, parts))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

fn code_of(operator: &Operator, parts: &Parts<'_>) -> (Code, i32) {
    let code = operator.task.code();
    let first = &parts.tensors[operator.inputs[0]];
    (code, code.version(first.kind))
}

fn write_tensor(builder: &mut FlatBufferBuilder<'_>, of: &Tensor<'_>, place: u32) -> Place {
    let name = text(builder, &of.name);
    let shape: Vec<i32> = of.shape.iter().map(|axis| *axis as i32).collect();
    let mut fields = vec![
        (tensor::KIND, Held::I8(of.kind as i8)),
        (tensor::BUFFER, Held::U32(place)),
        (tensor::NAME, name),
        (tensor::SHAPE, whole_numbers(builder, &shape)),
    ];
    if of.of_films {
        // As many films as a caller resizes the input to.
        let any: Vec<i32> = [-1].into_iter().chain(shape[1..].iter().copied()).collect();
        fields.push((tensor::SHAPE_SIGNATURE, whole_numbers(builder, &any)));
    }
    let steps = match &of.steps {
        Steps::Exact => None,
        Steps::One(levels) => Some((vec![levels.scale], vec![i64::from(levels.zero)], 0)),
        Steps::Each(scales, axis) => Some((scales.clone(), vec![0; scales.len()], *axis)),
    };
    if let Some((scales, zeros, axis)) = steps {
        let scales = numbers(builder, &scales);
        let zeros = Held::At(builder.create_vector(&zeros).as_union_value());
        let steps = table(
            builder,
            &[
                (quantisation::SCALE, scales),
                (quantisation::ZERO_POINT, zeros),
                (quantisation::AXIS, Held::I32(axis as i32)),
            ],
        );
        fields.push((tensor::QUANTISATION, Held::At(steps)));
    }
    table(builder, &fields)
}

fn write_operator(
    builder: &mut FlatBufferBuilder<'_>,
    of: &Operator,
    codes: &[(Code, i32)],
    parts: &Parts<'_>,
) -> Place {
    let code = codes
        .binary_search(&code_of(of, parts))
        .expect("the codes are those of all operators");
    let inputs: Vec<i32> = of.inputs.iter().map(|input| *input as i32).collect();
    let mut fields = vec![
        (operator::CODE_INDEX, Held::U32(code as u32)),
        (operator::INPUTS, whole_numbers(builder, &inputs)),
        (
            operator::OUTPUTS,
            whole_numbers(builder, &[of.output as i32]),
        ),
    ];
    if let Some((kind, own)) = write_options(builder, &of.task) {
        fields.push((operator::OPTIONS_KIND, Held::U8(kind)));
        fields.push((operator::OPTIONS, Held::At(own)));
    }
    table(builder, &fields)
}

/// The kind of an operator's options, and the options.
fn write_options(builder: &mut FlatBufferBuilder<'_>, task: &Task) -> Option<(u8, Place)> {
    let side = |pixels: usize| Held::I32(pixels as i32);
    let strides = |stride: usize| {
        [
            (options::STRIDE_WIDTH, side(stride)),
            (options::STRIDE_HEIGHT, side(stride)),
        ]
    };
    let pool = |size: usize, stride: usize, padding| {
        let mut fields = strides(stride).to_vec();
        fields.push((options::PADDING, Held::I8(padding)));
        fields.push((options::POOL_WIDTH, side(size)));
        fields.push((options::POOL_HEIGHT, side(size)));
        fields
    };
    let windows = |window: &Window| {
        let mut fields = strides(window.stride).to_vec();
        fields.push((options::PADDING, Held::I8(window.padding as i8)));
        fields
    };
    let (kind, fields) = match task {
        Task::Convolution(window) => {
            let mut fields = windows(window);
            fields.push((options::CONVOLUTION_ACTIVATION, Held::I8(window.then as i8)));
            (1, fields)
        }
        Task::Depthwise(window) => {
            let mut fields = windows(window);
            fields.push((options::DEPTH_MULTIPLIER, Held::I32(1)));
            fields.push((options::DEPTHWISE_ACTIVATION, Held::I8(window.then as i8)));
            (2, fields)
        }
        Task::AveragePool { size } => (5, pool(*size, *size, super::schema::Padding::Valid as i8)),
        Task::MaxPool {
            size,
            stride,
            padding,
        } => (5, pool(*size, *stride, *padding as i8)),
        Task::Dense(then) => (8, vec![(options::ACTIVATION, Held::I8(*then as i8))]),
        Task::Softmax => (9, vec![(options::BETA, Held::F32(1.0))]),
        Task::Concatenate => (10, vec![(options::CONCATENATION_AXIS, Held::I32(3))]),
        Task::Add(then) => (11, vec![(options::ACTIVATION, Held::I8(*then as i8))]),
        Task::Reshape(shape) => (
            17,
            vec![(options::NEW_SHAPE, whole_numbers(builder, shape))],
        ),
        Task::Mul => (21, vec![]),
        Task::Pad => (22, vec![]),
        Task::Mean => (27, vec![(options::KEEP_AXES, Held::Bool(true))]),
        Task::PadWith => (43, vec![]),
        Task::LeakyRelu(slope) => (75, vec![(options::SLOPE, Held::F32(*slope))]),
        Task::Dequantize | Task::Quantize | Task::Logistic | Task::Relu | Task::Relu6 => {
            return None;
        }
    };
    Some((kind, table(builder, &fields)))
}

fn write_signature(builder: &mut FlatBufferBuilder<'_>, parts: &Parts<'_>) -> Place {
    let ends = [parts.input, parts.output].map(|place| {
        let name = text(builder, &parts.tensors[place].name);
        let end = table(
            builder,
            &[
                (signature::TENSOR_NAME, name),
                (signature::TENSOR, Held::U32(place as u32)),
            ],
        );
        list(builder, &[end])
    });
    let key = text(builder, SIGNATURE);
    table(
        builder,
        &[
            (signature::INPUTS, ends[0]),
            (signature::OUTPUTS, ends[1]),
            (signature::KEY, key),
        ],
    )
}
