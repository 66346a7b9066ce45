//! A precision as settings files write it: `"f32"` or `"bf16"`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use plainfilm_model::device::Precision;

#[derive(Serialize, Deserialize)]
enum Name {
    #[serde(rename = "f32")]
    Float32,
    #[serde(rename = "bf16")]
    BFloat16,
}

pub fn serialize<S: Serializer>(value: &Precision, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Precision::Float32 => Name::Float32,
        Precision::BFloat16 => Name::BFloat16,
    }
    .serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Precision, D::Error> {
    Ok(match Name::deserialize(from)? {
        Name::Float32 => Precision::Float32,
        Name::BFloat16 => Precision::BFloat16,
    })
}
