//! A writer of DICOM files, as small as the tests need.

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// How a file is written.
#[derive(Clone, Copy)]
pub(super) struct Form {
    uid: &'static str,
    explicit: bool,
    big: bool,
    deflated: bool,
}

impl Form {
    pub(super) const EXPLICIT: Self = Self::of("1.2.840.10008.1.2.1");
    pub(super) const IMPLICIT: Self = Self {
        explicit: false,
        ..Self::of("1.2.840.10008.1.2")
    };
    pub(super) const BIG: Self = Self {
        big: true,
        ..Self::of("1.2.840.10008.1.2.2")
    };
    pub(super) const DEFLATED: Self = Self {
        deflated: true,
        ..Self::of("1.2.840.10008.1.2.1.99")
    };

    /// Explicit, little endian.
    pub(super) const fn of(uid: &'static str) -> Self {
        Self {
            uid,
            explicit: true,
            big: false,
            deflated: false,
        }
    }

    /// The preamble and the meta information.
    pub(super) fn meta(self) -> Vec<u8> {
        let meta = Written::default()
            .with(0x0002_0001, b"OB", Value::Bytes(vec![0, 1]))
            .with(0x0002_0010, b"UI", Value::text(self.uid));
        let mut bytes = vec![0; 128];
        bytes.extend_from_slice(b"DICM");
        bytes.extend(meta.data(Self::EXPLICIT));
        bytes
    }

    fn u16(self, value: u16) -> [u8; 2] {
        if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self.big {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn tag(self, tag: u32) -> [u8; 4] {
        let [group, element] = [tag >> 16, tag & 0xffff].map(|half| self.u16(half as u16));
        [group[0], group[1], element[0], element[1]]
    }
}

#[derive(Clone)]
pub(super) enum Value {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
    /// Items of a sequence: the first of undefined length, the others of a defined one.
    Items(Vec<Written>),
    /// Of encapsulated pixel data, without an offset table.
    Fragments(Vec<Vec<u8>>),
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(b' ');
        }
        Self::Bytes(bytes)
    }
}

/// A data set to be written.
#[derive(Clone, Default)]
pub(super) struct Written(BTreeMap<u32, ([u8; 2], Value)>);

impl Written {
    pub(super) fn with(mut self, tag: u32, vr: &[u8; 2], value: Value) -> Self {
        self.0.insert(tag, (*vr, value));
        self
    }

    pub(super) fn without(mut self, tag: u32) -> Self {
        self.0.remove(&tag);
        self
    }

    pub(super) fn file(&self, form: Form) -> Vec<u8> {
        let mut bytes = form.meta();
        let data = self.data(form);
        bytes.extend(if form.deflated { deflate(&data) } else { data });
        bytes
    }

    pub(super) fn data(&self, form: Form) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (&tag, (vr, value)) in &self.0 {
            let (value, undefined) = match value {
                Value::Bytes(value) => (value.clone(), false),
                Value::Words(words) => (
                    words.iter().flat_map(|&word| form.u16(word)).collect(),
                    false,
                ),
                Value::Items(items) => (sequence(items, form), true),
                Value::Fragments(fragments) => (encapsulated(fragments, form), true),
            };
            let length = if undefined {
                u32::MAX
            } else {
                value.len().next_multiple_of(2) as u32
            };
            bytes.extend(form.tag(tag));
            if !form.explicit {
                bytes.extend(form.u32(length));
            } else if matches!(vr, b"OB" | b"OW" | b"SQ" | b"UN") {
                bytes.extend(vr);
                bytes.extend([0; 2]);
                bytes.extend(form.u32(length));
            } else {
                bytes.extend(vr);
                bytes.extend(form.u16(length as u16));
            }
            bytes.extend(&value);
            if value.len() % 2 == 1 {
                bytes.push(0);
            }
        }
        bytes
    }
}

fn sequence(items: &[Written], form: Form) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let data = item.data(form);
        bytes.extend(form.tag(0xfffe_e000));
        if index == 0 {
            bytes.extend(form.u32(u32::MAX));
            bytes.extend(data);
            bytes.extend(form.tag(0xfffe_e00d));
            bytes.extend([0; 4]);
        } else {
            bytes.extend(form.u32(data.len() as u32));
            bytes.extend(data);
        }
    }
    bytes.extend(form.tag(0xfffe_e0dd));
    bytes.extend([0; 4]);
    bytes
}

fn encapsulated(fragments: &[Vec<u8>], form: Form) -> Vec<u8> {
    let mut bytes = Vec::new();
    for fragment in [&Vec::new()].into_iter().chain(fragments) {
        bytes.extend(form.tag(0xfffe_e000));
        bytes.extend(form.u32(fragment.len() as u32));
        bytes.extend(fragment);
    }
    bytes.extend(form.tag(0xfffe_e0dd));
    bytes.extend([0; 4]);
    bytes
}

pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}
