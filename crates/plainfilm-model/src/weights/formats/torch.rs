//! PyTorch's two containers of a pickle and its numbers: the zip of 1.6 and later, and the older
//! stream of pickles, which torchvision's first files are.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};

use zip::{CompressionMethod, ZipArchive};

use super::super::error::{Problem, damaged, refused};
use super::element::Element;
use super::pickle::{self, MAX_BYTES};
use super::pickle_objects::{Object, Objects, Tensor, Value};
use super::torch_objects;
use super::{Dialect, Entry, ReadTensor, WeightsFile, read_at};

/// What every stream begins with, 0x1950a86a20f9469cfc6c, as its pickle's bytes.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

struct Tensors {
    file: File,
    /// With the place of its storage in the file.
    tensors: Vec<(Tensor, u64)>,
}

/// Reads the directory of a zip.
pub(super) fn open_zip(
    mut archive: ZipArchive<BufReader<File>>,
    file: File,
    length: u64,
) -> Result<WeightsFile, Problem> {
    let names = archive
        .file_names()
        .map(|name| Ok(name.map_err(zip_error)?.into_owned()))
        .collect::<Result<Vec<String>, Problem>>()?;
    let Some(folder) = names.iter().find_map(|name| name.strip_suffix("data.pkl")) else {
        return Err(damaged(
            "a zip without data.pkl (PyTorch) or model.weights.h5 (Keras)",
        ));
    };
    if names.iter().any(|name| name.ends_with("constants.pkl")) {
        return Err(refused(
            "a TorchScript archive, which holds a program; hint: save the state dict instead",
        ));
    }
    let bytes = |archive: &mut ZipArchive<BufReader<File>>, name: &str, limit: u64| {
        let entry = stored(archive, name, length)?;
        if entry.1 > limit {
            return Err(refused(format!(
                "{name} of {} bytes: expected at most {limit}",
                entry.1
            )));
        }
        let mut all = Vec::new();
        let mut reader = archive.by_name(name).map_err(zip_error)?;
        reader.by_ref().take(limit).read_to_end(&mut all)?;
        Ok::<_, Problem>(all)
    };
    let order = format!("{folder}byteorder");
    if names.contains(&order) && bytes(&mut archive, &order, 16)? != b"little" {
        return Err(damaged("numbers with the highest byte first"));
    }
    let text = bytes(&mut archive, &format!("{folder}data.pkl"), MAX_BYTES as u64)?;
    let mut objects = Objects::default();
    let (value, _) = pickle::read(&text, &mut objects)?;
    let mut places = HashMap::new();
    let mut placed = vec![];
    for (name, tensor) in torch_objects::tensors(value, &objects)? {
        let key = &tensor.storage.key;
        let place = match places.get(key) {
            Some(&place) => place,
            None => {
                let place = stored(&mut archive, &format!("{folder}data/{key}"), length)?;
                places.insert(key.clone(), place);
                place
            }
        };
        check_storage(&name, &tensor, place.1)?;
        placed.push((name, tensor, place.0));
    }
    Ok(weights_file("PyTorch zip", file, placed))
}

/// Where an entry's bytes lie in the file, and how many they are.
fn stored(
    archive: &mut ZipArchive<BufReader<File>>,
    name: &str,
    length: u64,
) -> Result<(u64, u64), Problem> {
    let entry = archive
        .by_name(name)
        .map_err(|error| damaged(format!("{}: {error}", name.escape_debug())))?;
    if entry.compression() != CompressionMethod::Stored || entry.encrypted() {
        return Err(refused(format!(
            "{}: compressed, which PyTorch never does",
            name.escape_debug()
        )));
    }
    let (start, bytes) = (entry.data_start(), entry.size());
    let start = start.ok_or_else(|| damaged("a zip entry without its place"))?;
    if start.checked_add(bytes).is_none_or(|end| end > length) {
        return Err(damaged(format!(
            "{} is said to end at byte {}, the file has {length}",
            name.escape_debug(),
            start.saturating_add(bytes)
        )));
    }
    Ok((start, bytes))
}

fn zip_error(error: zip::result::ZipError) -> Problem {
    damaged(format!("the zip cannot be read: {error}"))
}

/// Reads the pickles of a stream: magic number, protocol, machine, state dict, storage keys; then
/// each storage with its length before it.
pub(super) fn open_legacy(mut file: File, length: u64) -> Result<WeightsFile, Problem> {
    let head = length.min(MAX_BYTES as u64) as usize;
    let bytes = read_at(&mut file, 0, head)?;
    let mut objects = Objects::default();
    let mut position = 0;
    let mut next = |objects: &mut Objects| {
        let (value, taken) = pickle::read(&bytes[position..], objects)?;
        position += taken;
        Ok::<_, Problem>((value, position))
    };
    let (magic, _) = next(&mut objects)?;
    if objects.get(magic) != Some(&Object::Bytes(MAGIC.to_vec())) {
        return Err(damaged(
            "a pickle that PyTorch did not write; hint: save a state dict with torch.save",
        ));
    }
    next(&mut objects)?;
    let (machine, _) = next(&mut objects)?;
    if objects.item(machine, "little_endian") == Some(Value::Integer(0)) {
        return Err(damaged("numbers with the highest byte first"));
    }
    let (value, _) = next(&mut objects)?;
    let (keys, end) = next(&mut objects)?;
    let tensors = torch_objects::tensors(value, &objects)?;
    let elements: HashMap<&str, Element> = objects
        .storages()
        .map(|storage| (storage.key.as_str(), storage.element))
        .collect();
    let mut places = HashMap::new();
    let mut offset = end as u64;
    let keys = objects
        .sequence(keys)
        .ok_or_else(|| damaged("no list of storages"))?;
    for &key in keys {
        let key = objects
            .text(key)
            .ok_or_else(|| damaged("a storage without a name"))?;
        let size = elements.get(key).map(|element| element.bytes() as u64);
        let size =
            size.ok_or_else(|| damaged(format!("storage {} is no tensor's", key.escape_debug())))?;
        let count = read_at(&mut file, offset, 8)?;
        let count = u64::from_le_bytes(count.try_into().expect("eight bytes came"));
        let bytes = count.checked_mul(size);
        let end = bytes.and_then(|bytes| (offset + 8).checked_add(bytes));
        match (end, bytes) {
            (Some(end), Some(bytes)) if end <= length => {
                places.insert(key, (offset + 8, bytes));
                offset = end;
            }
            _ => {
                return Err(damaged(format!(
                    "storage {} of {count} numbers at byte {offset}, the file has {length}",
                    key.escape_debug()
                )));
            }
        }
    }
    let mut placed = vec![];
    for (name, tensor) in tensors {
        let place = places.get(tensor.storage.key.as_str());
        let &(start, bytes) =
            place.ok_or_else(|| damaged(format!("the storage of `{name}` is missing")))?;
        check_storage(&name, &tensor, bytes)?;
        placed.push((name, tensor, start));
    }
    Ok(weights_file("PyTorch stream (before 1.6)", file, placed))
}

/// Compares the storage that a tensor names with the bytes that are there.
fn check_storage(name: &str, tensor: &Tensor, bytes: u64) -> Result<(), Problem> {
    let storage = &tensor.storage;
    let expected = (storage.elements as u64).checked_mul(storage.element.bytes() as u64);
    if expected.is_some_and(|expected| expected <= bytes) {
        return Ok(());
    }
    Err(damaged(format!(
        "the storage of `{name}` should hold {} numbers of {} bytes, the file has {bytes} bytes",
        storage.elements,
        storage.element.bytes()
    )))
}

fn weights_file(
    format: &'static str,
    file: File,
    placed: Vec<(String, Tensor, u64)>,
) -> WeightsFile {
    let entries = placed
        .iter()
        .map(|(name, tensor, _)| Entry {
            name: name.clone(),
            shape: tensor.shape.clone(),
        })
        .collect();
    WeightsFile {
        format,
        dialect: Dialect::Torch,
        entries,
        tensors: Box::new(Tensors {
            file,
            tensors: placed
                .into_iter()
                .map(|(_, tensor, start)| (tensor, start))
                .collect(),
        }),
    }
}

impl ReadTensor for Tensors {
    fn read(&mut self, index: usize) -> Result<Vec<f32>, Problem> {
        let (tensor, start) = &self.tensors[index];
        let (element, never) = (tensor.storage.element, "checked when the pickle was read");
        let bytes = tensor.span().expect(never) * element.bytes();
        let offset = start + (tensor.offset * element.bytes()) as u64;
        let span = read_at(&mut self.file, offset, bytes)?;
        let values = element.decode(&span).map_err(damaged)?;
        Ok(gather(&values, &tensor.shape, &tensor.strides))
    }
}

/// The elements of a view in the order of its shape.
fn gather(span: &[f32], shape: &[usize], strides: &[usize]) -> Vec<f32> {
    let mut dense = 1;
    let is_dense = shape.iter().zip(strides).rev().all(|(&side, &stride)| {
        let fits = side == 1 || stride == dense;
        dense *= side;
        fits
    });
    if is_dense || span.is_empty() {
        return span.to_vec();
    }
    let mut places = vec![0];
    for (&side, &stride) in shape.iter().zip(strides) {
        places = places
            .iter()
            .flat_map(|place| (0..side).map(move |step| place + step * stride))
            .collect();
    }
    places.into_iter().map(|place| span[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_read_in_the_order_of_their_shape() {
        let span: Vec<f32> = (0..6_u8).map(f32::from).collect();
        let cases: [(&[usize], &[usize], Vec<f32>); 4] = [
            (&[2, 3], &[3, 1], span.clone()),
            // Transposed; expanded; a single number.
            (&[3, 2], &[1, 3], vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
            (&[2, 2], &[0, 1], vec![0.0, 1.0, 0.0, 1.0]),
            (&[1, 1, 6], &[77, 5, 1], span.clone()),
        ];
        for (shape, strides, expected) in cases {
            assert_eq!(
                gather(&span, shape, strides),
                expected,
                "{shape:?} {strides:?}"
            );
        }
    }
}
