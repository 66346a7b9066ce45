//! What a pickle of PyTorch holds: values that point to objects.

use super::super::error::{Problem, refused};
use super::element::Element;

/// The most objects, and the deepest stack, of a pickle. A network of a thousand tensors makes
/// some twenty thousand objects.
pub(super) const MAX_OBJECTS: usize = 500_000;

/// A value: small, and cheap to copy. Whatever holds others lies in [`Objects`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    None,
    Integer(i64),
    /// A number that no tensor needs: its value does not matter.
    Float,
    /// The place of an object.
    Object(usize),
}

/// Something that a value points to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    Text(String),
    Bytes(Vec<u8>),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// A module and a name in it.
    Global(String, String),
    Storage(Storage),
    Tensor(Tensor),
    /// An object of a class of layers, with its attributes once they came.
    Layer(Option<Value>),
}

/// Every object of a pickle.
#[derive(Debug, Default)]
pub(super) struct Objects(Vec<Object>);

impl Objects {
    /// Adds an object.
    pub fn add(&mut self, object: Object) -> Result<Value, Problem> {
        if self.0.len() == MAX_OBJECTS {
            return Err(refused(format!(
                "a pickle of more than {MAX_OBJECTS} objects"
            )));
        }
        self.0.push(object);
        Ok(Value::Object(self.0.len() - 1))
    }

    /// Every storage that was named.
    pub fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.0.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// The object that a value points to, if it does.
    pub fn get(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(place) => self.0.get(place),
            _ => None,
        }
    }

    pub fn get_mut(&mut self, value: Value) -> Option<&mut Object> {
        match value {
            Value::Object(place) => self.0.get_mut(place),
            _ => None,
        }
    }

    /// The text that a value points to, if it does.
    pub fn text(&self, value: Value) -> Option<&str> {
        match self.get(value)? {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The values of a tuple or a list.
    pub fn sequence(&self, value: Value) -> Option<&[Value]> {
        match self.get(value)? {
            Object::Tuple(values) | Object::List(values) => Some(values),
            _ => None,
        }
    }

    /// The pairs of a dict.
    pub fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.get(value)? {
            Object::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The value under a text key of a dict.
    pub fn item(&self, dict: Value, key: &str) -> Option<Value> {
        self.dict(dict)?
            .iter()
            .find(|(name, _)| self.text(*name) == Some(key))
            .map(|(_, value)| *value)
    }
}

/// Numbers that lie beside the pickle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub element: Element,
    pub key: String,
    pub elements: usize,
}

/// A view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tensor {
    pub storage: Storage,
    /// In elements.
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

impl Tensor {
    /// Elements of the storage from the first to the last that belong to the tensor.
    pub fn span(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape
            .iter()
            .zip(&self.strides)
            .try_fold(1_usize, |span, (side, stride)| {
                span.checked_add((side - 1).checked_mul(*stride)?)
            })
    }
}
