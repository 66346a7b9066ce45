//! safetensors: a JSON directory, then the bytes.

use std::fs::File;

use safetensors::tensor::{Dtype, Metadata};

use super::super::error::{Problem, damaged, refused};
use super::element::Element;
use super::{Dialect, Entry, OwnMetadata, ReadTensor, WeightsFile, read_at};
use crate::bundle::METADATA_KEY;
use crate::bundle::WEIGHTS_RECORD_KEY;

/// The longest directory that is read. Networks of a thousand tensors need 200 KB.
const MAX_HEADER: u64 = 4 << 20;

struct Tensors {
    file: File,
    places: Vec<(Element, u64, usize)>,
}

/// Reads the directory.
pub(super) fn open(mut file: File, length: u64) -> Result<WeightsFile, Problem> {
    let announced = read_at(&mut file, 0, 8)?;
    let header = u64::from_le_bytes(
        announced
            .try_into()
            .expect("eight bytes were asked for and came"),
    );
    if header > length - 8 {
        return Err(damaged(format!(
            "the safetensors header says it is {header} bytes long, the file has {length}"
        )));
    }
    if header > MAX_HEADER {
        return Err(refused(format!(
            "a safetensors header of {header} bytes: expected at most {MAX_HEADER}"
        )));
    }
    // At most `MAX_HEADER`, so it fits.
    let text = read_at(&mut file, 8, header as usize)?;
    let metadata: Metadata = serde_json::from_slice(&text)
        .map_err(|error| damaged(format!("the safetensors header: {error}")))?;
    let data = length - 8 - header;
    let mut all: Vec<(String, &safetensors::tensor::TensorInfo)> =
        metadata.tensors().into_iter().collect();
    all.sort_by_key(|(_, info)| info.data_offsets);
    let (mut entries, mut places) = (vec![], vec![]);
    for (name, info) in all {
        let (start, end) = info.data_offsets;
        if end as u64 > data {
            return Err(damaged(format!(
                "tensor `{name}` ends at byte {end} of the data, the file has {data} of them"
            )));
        }
        places.push((element(info.dtype), 8 + header + start as u64, end - start));
        entries.push(Entry {
            name,
            shape: info.shape.clone(),
        });
    }
    let entry = |key| metadata.metadata().as_ref().and_then(|map| map.get(key));
    let dialect = if let Some(record) = entry(WEIGHTS_RECORD_KEY) {
        Dialect::Own(OwnMetadata::Imported(record.clone()))
    } else if let Some(header) = entry(METADATA_KEY) {
        Dialect::Own(OwnMetadata::Model(header.clone()))
    } else {
        Dialect::Torch
    };
    Ok(WeightsFile {
        format: "safetensors",
        dialect,
        entries,
        tensors: Box::new(Tensors { file, places }),
    })
}

impl ReadTensor for Tensors {
    fn read(&mut self, index: usize) -> Result<Vec<f32>, Problem> {
        let (element, offset, bytes) = self.places[index];
        element
            .decode(&read_at(&mut self.file, offset, bytes)?)
            .map_err(damaged)
    }
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::F64 => Element::F64,
        Dtype::F32 => Element::F32,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::BF16,
        Dtype::I64 => Element::Other("int64", 8),
        Dtype::I32 => Element::Other("int32", 4),
        other => Element::Other("another kind of number", other.bitsize().div_ceil(8)),
    }
}
