//! A first look at an ONNX file, before a runtime reads it: whether its bytes make sense, which operators it has and
//! which other files it names.
//!
//! ONNX is a protocol buffer (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>). The runtime trusts lengths
//! and nesting, so both are checked here: a length beyond the end would make it ask for as much memory, and messages
//! within messages without end would use up its stack.

use std::collections::BTreeSet;

/// Messages within messages: a model has four or five levels, and two more with each graph within a node.
const DEEPEST: usize = 40;

/// What a file holds, as far as anybody asks here.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Scan {
    /// Version of the standard operators; 1 where the file does not say, as the specification has it.
    pub(crate) opset: Option<i64>,
    /// The program that wrote it, such as `pytorch`.
    pub(crate) producer: String,
    /// In the file's order, those of graphs within nodes too.
    pub(crate) nodes: Vec<ScannedNode>,
    /// Names of the files with its weights.
    pub(crate) weights: BTreeSet<String>,
}

/// An operator of the graph.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ScannedNode {
    pub(crate) name: String,
    pub(crate) operator: String,
    pub(crate) outputs: Vec<String>,
    pub(crate) axis: Option<i64>,
}

/// The messages that are looked into, with the numbers of their fields.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Message {
    Model,
    OperatorSet,
    Graph,
    Node,
    Attribute,
    Tensor,
    ExternalEntry,
    ValueInfo,
    Type,
    TensorType,
    SequenceType,
    Shape,
    Dimension,
}

impl Message {
    fn name(self) -> &'static str {
        match self {
            Self::Model => "the model",
            Self::OperatorSet => "an operator set",
            Self::Graph => "a graph",
            Self::Node => "a node",
            Self::Attribute => "an attribute",
            Self::Tensor => "a tensor",
            Self::ExternalEntry => "an entry on external data",
            Self::ValueInfo => "an input, output or value",
            Self::Type => "a type",
            Self::TensorType => "a type of tensors",
            Self::SequenceType => "a type of sequences",
            Self::Shape => "a shape",
            Self::Dimension => "a dimension",
        }
    }

    /// The message in a field of this one; none where it holds something else.
    fn within(self, field: u64) -> Option<Self> {
        Some(match (self, field) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 8) => Self::OperatorSet,
            (Self::Graph, 1) => Self::Node,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) => Self::Tensor,
            (Self::Graph, 11..=13) => Self::ValueInfo,
            (Self::Node, 5) => Self::Attribute,
            (Self::Tensor, 13) => Self::ExternalEntry,
            (Self::ValueInfo, 2) | (Self::SequenceType, 1) => Self::Type,
            (Self::Type, 1) => Self::TensorType,
            (Self::Type, 4) => Self::SequenceType,
            (Self::TensorType, 2) => Self::Shape,
            (Self::Shape, 1) => Self::Dimension,
            _ => return None,
        })
    }
}

/// Looks through a file.
///
/// # Errors
///
/// Where its bytes stop making sense, in words.
pub(crate) fn scan(bytes: &[u8]) -> Result<Scan, String> {
    let mut scan = Scan::default();
    let mut reader = Reader {
        scan: &mut scan,
        start: bytes.as_ptr() as usize,
    };
    let mut has_graph = false;
    reader.message(Message::Model, bytes, 0, &mut |field, _| {
        has_graph |= field == 7;
    })?;
    match has_graph {
        true => Ok(scan),
        false => Err("it has no graph".to_owned()),
    }
}

/// What a field holds.
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

struct Reader<'s> {
    scan: &'s mut Scan,
    /// Where the file begins, to say where something is.
    start: usize,
}

impl Reader<'_> {
    /// Goes through the fields of a message, and through the messages in them; `each` is told every field.
    fn message(
        &mut self,
        kind: Message,
        mut bytes: &[u8],
        depth: usize,
        each: &mut dyn FnMut(u64, &Value),
    ) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("more than {DEEPEST} messages within one another"));
        }
        while !bytes.is_empty() {
            let at = bytes.as_ptr() as usize - self.start;
            let wrong = |what: &str| format!("byte {at}, in {}: {what}", kind.name());
            let (field, value) = field(&mut bytes).map_err(wrong)?;
            each(field, &value);
            if let (Some(within), Value::Bytes(bytes)) = (kind.within(field), &value) {
                self.within(within, bytes, depth + 1)?;
            } else if kind.within(field).is_some() {
                return Err(wrong("a number where a message is expected"));
            }
            if let (Message::Model, 2, Value::Bytes(text)) = (kind, field, &value) {
                self.scan.producer = text_of(text);
            }
        }
        Ok(())
    }

    fn within(&mut self, kind: Message, bytes: &[u8], depth: usize) -> Result<(), String> {
        match kind {
            Message::Node => {
                let mut node = ScannedNode::default();
                // Attributes are messages of their own, of which the axis is looked up here.
                self.message(
                    kind,
                    bytes,
                    depth,
                    &mut |field, value| match (field, value) {
                        (2, Value::Bytes(text)) => node.outputs.push(text_of(text)),
                        (3, Value::Bytes(text)) => node.name = text_of(text),
                        (4, Value::Bytes(text)) => node.operator = text_of(text),
                        (5, Value::Bytes(attribute)) => node.axis = axis(attribute).or(node.axis),
                        _ => {}
                    },
                )?;
                self.scan.nodes.push(node);
            }
            Message::OperatorSet => {
                let (mut domain, mut version) = (String::new(), 1);
                self.message(
                    kind,
                    bytes,
                    depth,
                    &mut |field, value| match (field, value) {
                        (1, Value::Bytes(text)) => domain = text_of(text),
                        (2, Value::Number(number)) => version = number.cast_signed(),
                        _ => {}
                    },
                )?;
                if matches!(domain.as_str(), "" | "ai.onnx") {
                    self.scan.opset = Some(version);
                }
            }
            Message::ExternalEntry => {
                let (mut key, mut text) = (String::new(), String::new());
                self.message(
                    kind,
                    bytes,
                    depth,
                    &mut |field, value| match (field, value) {
                        (1, Value::Bytes(bytes)) => key = text_of(bytes),
                        (2, Value::Bytes(bytes)) => text = text_of(bytes),
                        _ => {}
                    },
                )?;
                if key == "location" {
                    self.scan.weights.insert(text);
                }
            }
            other => self.message(other, bytes, depth, &mut |_, _| {})?,
        }
        Ok(())
    }
}

/// The number of an attribute named `axis`.
fn axis(mut attribute: &[u8]) -> Option<i64> {
    let (mut is_axis, mut number) = (false, None);
    while !attribute.is_empty() {
        match field(&mut attribute).ok()? {
            (1, Value::Bytes(name)) => is_axis = name == b"axis",
            (3, Value::Number(value)) => number = Some(value.cast_signed()),
            _ => {}
        }
    }
    number.filter(|_| is_axis)
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Takes a field off the front.
fn field<'a>(bytes: &mut &'a [u8]) -> Result<(u64, Value<'a>), &'static str> {
    let tag = varint(bytes)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(bytes)?),
        1 => {
            taken(bytes, 8)?;
            Value::Fixed
        }
        2 => {
            let length = varint(bytes)?;
            Value::Bytes(taken(bytes, length)?)
        }
        5 => {
            taken(bytes, 4)?;
            Value::Fixed
        }
        _ => return Err("a kind of field that there is not"),
    };
    Ok((tag >> 3, value))
}

fn taken<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let (front, rest) = bytes
        .split_at_checked(length)
        .ok_or("a field that goes on after the end")?;
    *bytes = rest;
    Ok(front)
}

fn varint(bytes: &mut &[u8]) -> Result<u64, &'static str> {
    let mut number = 0;
    for place in 0..10 {
        let byte = taken(bytes, 1)?[0];
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err("a number of more than 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field that holds bytes.
    fn bytes_field(field: u8, bytes: &[u8]) -> Vec<u8> {
        let mut all = vec![field << 3 | 2];
        let mut length = bytes.len();
        while length >= 0x80 {
            all.push(length as u8 | 0x80);
            length >>= 7;
        }
        all.push(length as u8);
        all.extend(bytes);
        all
    }

    #[test]
    fn operators_their_set_and_files_of_weights_are_found() {
        let axis = [bytes_field(1, b"axis"), vec![3 << 3, 1]].concat();
        let node = [
            bytes_field(2, b"out"),
            bytes_field(3, b"last"),
            bytes_field(4, b"Softmax"),
            bytes_field(5, &axis),
        ];
        let entry = [bytes_field(1, b"location"), bytes_field(2, b"w.data")];
        let tensor = bytes_field(13, &entry.concat());
        let graph = [bytes_field(1, &node.concat()), bytes_field(5, &tensor)];
        let model = [
            bytes_field(2, b"somebody"),
            bytes_field(7, &graph.concat()),
            bytes_field(8, &[2 << 3, 12]),
        ];
        let expected = Scan {
            opset: Some(12),
            producer: "somebody".to_owned(),
            nodes: vec![ScannedNode {
                name: "last".to_owned(),
                operator: "Softmax".to_owned(),
                outputs: vec!["out".to_owned()],
                axis: Some(1),
            }],
            weights: ["w.data".to_owned()].into(),
        };
        assert_eq!(scan(&model.concat()), Ok(expected));
    }

    #[test]
    fn bytes_that_make_no_sense_say_where() {
        for (bytes, expected) in [
            (&[][..], "it has no graph"),
            (
                b"hello, world",
                "byte 2, in the model: a kind of field that there is not",
            ),
            (
                &[7 << 3 | 2, 200, 1],
                "byte 0, in the model: a field that goes on after the end",
            ),
            (
                &[7 << 3, 1],
                "byte 0, in the model: a number where a message is expected",
            ),
            (
                &[0x80; 12],
                "byte 0, in the model: a number of more than 64 bits",
            ),
        ] {
            let found = scan(bytes).unwrap_err();
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn graphs_within_graphs_come_to_an_end() {
        let nested = |levels| {
            let around = |graph: Vec<u8>, _| {
                let attribute = bytes_field(6, &graph);
                bytes_field(1, &bytes_field(5, &attribute))
            };
            bytes_field(7, &(0..levels).fold(Vec::new(), around))
        };
        assert_eq!(scan(&nested(10)).unwrap().nodes.len(), 10);
        let error = scan(&nested(20)).unwrap_err();
        assert!(error.contains("within one another"), "{error}");
    }
}
