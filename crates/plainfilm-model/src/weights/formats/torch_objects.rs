//! The few Python objects that a PyTorch state dict consists of, taken as data.

use super::super::error::{Problem, damaged, refused};
use super::element::{Element, count};
use super::pickle_objects::{Object, Objects, Storage, Tensor, Value};

/// What to do about a pickle that holds more than tensors.
const HINT: &str = "hint: where the file is trusted, save its tensors alone in Python: \
                    torch.save(model.state_dict(), \"weights.pth\")";
/// More dimensions than a tensor of a network has.
const MAX_DIMENSIONS: usize = 8;
/// Layers within layers within layers.
const MAX_NESTING: usize = 32;
/// Keys under which checkpoints keep their state dict.
const WRAPPERS: [&str; 4] = ["state_dict", "model_state_dict", "model", "weights"];

/// Refuses every global but those of state dicts and of layers.
pub(super) fn check_global(module: &str, name: &str) -> Result<(), Problem> {
    let known = match module {
        "collections" => name == "OrderedDict",
        "torch._utils" => matches!(
            name,
            "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_parameter"
        ),
        "torch" | "torch.cuda" | "torch.storage" => element(name).is_some(),
        // Python 2's and 3's name for the same.
        "__builtin__" | "builtins" => name == "set",
        _ => is_layer(module),
    };
    if known {
        return Ok(());
    }
    // The names are the file's: shown, and no longer than a name is.
    let full: String = format!("{module}.{name}").chars().take(100).collect();
    Err(refused(format!(
        "the pickle asks for `{}`, and no tensor needs that; {HINT}",
        full.escape_debug()
    )))
}

/// Classes whose objects hold layers; never called, only their attributes are looked through.
fn is_layer(module: &str) -> bool {
    [
        "torch.nn.modules.",
        "torchvision.models.",
        "torchvision.ops.",
        "torchxrayvision.",
    ]
    .iter()
    .any(|prefix| module.starts_with(prefix))
}

fn element(storage: &str) -> Option<Element> {
    Some(match storage {
        "DoubleStorage" => Element::F64,
        "FloatStorage" => Element::F32,
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::BF16,
        "LongStorage" => Element::Other("int64", 8),
        "IntStorage" => Element::Other("int32", 4),
        "ShortStorage" => Element::Other("int16", 2),
        "CharStorage" => Element::Other("int8", 1),
        "ByteStorage" => Element::Other("uint8", 1),
        "BoolStorage" => Element::Other("bool", 1),
        _ => return None,
    })
}

/// A persistent identity: `("storage", class, key, device, elements)` or, in old files,
/// `("module", class, …)`.
pub(super) fn persistent(id: Value, objects: &mut Objects) -> Result<Value, Problem> {
    let odd = || damaged("a pickle refers to something else than a storage or a class");
    let parts = objects.sequence(id).ok_or_else(odd)?;
    let text = |place: usize| parts.get(place).and_then(|&value| objects.text(value));
    match text(0) {
        Some("module") => parts.get(1).copied().ok_or_else(odd),
        Some("storage") => {
            let class = parts.get(1).and_then(|&class| objects.get(class));
            let Some(Object::Global(_, class)) = class else {
                return Err(odd());
            };
            let (Some(element), Some(key), Some(&Value::Integer(elements))) =
                (element(class), text(2), parts.get(4))
            else {
                return Err(odd());
            };
            if !matches!(parts.get(5), None | Some(Value::None)) {
                return Err(damaged("a view of a storage, as PyTorch wrote before 2018"));
            }
            let elements = usize::try_from(elements).map_err(|_| odd())?;
            let key = key.to_owned();
            objects.add(Object::Storage(Storage {
                element,
                key,
                elements,
            }))
        }
        _ => Err(odd()),
    }
}

/// What a call gives, for the calls that make tensors and dicts.
pub(super) fn call(
    function: Value,
    arguments: Value,
    objects: &mut Objects,
) -> Result<Value, Problem> {
    let Some(Object::Global(module, name)) = objects.get(function) else {
        return Err(damaged("a pickle calls something else than a global"));
    };
    let (module, name) = (module.clone(), name.clone());
    let arguments = objects
        .sequence(arguments)
        .ok_or_else(|| damaged("a pickle calls with something else than a tuple"))?
        .to_vec();
    match (module.as_str(), name.as_str()) {
        ("collections", "OrderedDict") => {
            let pairs = match arguments.first() {
                None => vec![],
                Some(&list) => pairs_of(list, objects)?,
            };
            objects.add(Object::Dict(pairs))
        }
        ("torch._utils", "_rebuild_parameter") => arguments
            .first()
            .copied()
            .ok_or_else(|| damaged("a parameter without a tensor")),
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => {
            let tensor = tensor(&arguments, objects)?;
            objects.add(Object::Tensor(tensor))
        }
        (_, "set") => objects.add(Object::List(vec![])),
        _ => Err(refused(format!(
            "the pickle calls `{module}.{name}`, and no tensor needs that; {HINT}"
        ))),
    }
}

/// An object of a class of layers, without its attributes yet.
pub(super) fn layer(class: Value, objects: &mut Objects) -> Result<Value, Problem> {
    match objects.get(class) {
        Some(Object::Global(module, _)) if is_layer(module) => objects.add(Object::Layer(None)),
        _ => Err(refused(format!(
            "the pickle makes an object that is no layer; {HINT}"
        ))),
    }
}

/// `[[key, value], …]`, as Python 2 wrote an ordered dict.
fn pairs_of(list: Value, objects: &Objects) -> Result<Vec<(Value, Value)>, Problem> {
    let odd = || damaged("an ordered dict of something else than pairs");
    objects
        .sequence(list)
        .ok_or_else(odd)?
        .iter()
        .map(|&pair| match objects.sequence(pair) {
            Some(&[key, value]) => Ok((key, value)),
            _ => Err(odd()),
        })
        .collect()
}

fn tensor(arguments: &[Value], objects: &Objects) -> Result<Tensor, Problem> {
    let odd = || damaged("a tensor without its storage, offset, shape and strides");
    let &[storage, Value::Integer(offset), shape, strides, ..] = arguments else {
        return Err(odd());
    };
    let Some(Object::Storage(storage)) = objects.get(storage) else {
        return Err(odd());
    };
    let sides = |value| -> Option<Vec<usize>> {
        let values = objects.sequence(value)?;
        values
            .iter()
            .map(|value| match value {
                Value::Integer(side) => usize::try_from(*side).ok(),
                _ => None,
            })
            .collect()
    };
    let tensor = Tensor {
        storage: storage.clone(),
        offset: usize::try_from(offset).map_err(|_| odd())?,
        shape: sides(shape).ok_or_else(odd)?,
        strides: sides(strides).ok_or_else(odd)?,
    };
    if tensor.shape.len() != tensor.strides.len() || tensor.shape.len() > MAX_DIMENSIONS {
        return Err(odd());
    }
    let end = tensor
        .span()
        .and_then(|span| span.checked_add(tensor.offset));
    let fits = end.is_some_and(|end| end <= storage.elements) && count(&tensor.shape).is_some();
    if !fits {
        return Err(damaged(format!(
            "a tensor of shape {:?} at {offset} in a storage of {} elements",
            tensor.shape, storage.elements
        )));
    }
    Ok(tensor)
}

/// The tensors of what a pickle holds: a state dict, a checkpoint with one, or layers.
pub(super) fn tensors(value: Value, objects: &Objects) -> Result<Vec<(String, Tensor)>, Problem> {
    let mut found = vec![];
    let state = WRAPPERS
        .iter()
        .find_map(|key| objects.item(value, key))
        .filter(|&inner| {
            objects.dict(inner).is_some() || matches!(objects.get(inner), Some(Object::Layer(_)))
        })
        .unwrap_or(value);
    collect(state, "", objects, 0, &mut found)?;
    if found.is_empty() {
        return Err(damaged(format!(
            "expected a state dict, found a pickle without tensors by name; {HINT}"
        )));
    }
    Ok(found)
}

fn collect(
    value: Value,
    prefix: &str,
    objects: &Objects,
    depth: usize,
    found: &mut Vec<(String, Tensor)>,
) -> Result<(), Problem> {
    if depth > MAX_NESTING || found.len() > 20_000 {
        return Err(refused("layers nested too deep, or too many"));
    }
    let attributes = match objects.get(value) {
        Some(Object::Dict(pairs)) => {
            for &(key, value) in pairs {
                if let (Some(key), Some(Object::Tensor(tensor))) =
                    (objects.text(key), objects.get(value))
                {
                    found.push((format!("{prefix}{key}"), tensor.clone()));
                }
            }
            return Ok(());
        }
        Some(Object::Layer(Some(attributes))) => *attributes,
        _ => return Ok(()),
    };
    for own in ["_parameters", "_buffers"] {
        if let Some(own) = objects.item(attributes, own) {
            collect(own, prefix, objects, depth + 1, found)?;
        }
    }
    let inner = objects.item(attributes, "_modules");
    for &(name, layer) in inner.and_then(|inner| objects.dict(inner)).unwrap_or(&[]) {
        if let Some(name) = objects.text(name) {
            collect(
                layer,
                &format!("{prefix}{name}."),
                objects,
                depth + 1,
                found,
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globals_are_tensors_and_layers_or_refused() {
        for (module, name, known) in [
            ("collections", "OrderedDict", true),
            ("torch._utils", "_rebuild_tensor_v2", true),
            ("torch", "FloatStorage", true),
            ("torch.nn.modules.conv", "Conv2d", true),
            ("torchvision.models.mobilenetv2", "MobileNetV2", true),
            ("torchvision.ops.misc", "Conv2dNormActivation", true),
            ("torchxrayvision.models", "DenseNet", true),
            ("collections", "defaultdict", false),
            ("torch._utils", "_rebuild_device_tensor_from_numpy", false),
            ("torch", "load", false),
            ("torch.nn", "Module", false),
            ("builtins", "exec", false),
            ("numpy.core.multiarray", "_reconstruct", false),
            ("functools", "partial", false),
        ] {
            assert_eq!(check_global(module, name).is_ok(), known, "{module}.{name}");
        }
    }
}
