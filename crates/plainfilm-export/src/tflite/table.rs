//! Tables of a flatbuffer, field by field, without code made from a schema.

use flatbuffers::{FlatBufferBuilder, UnionWIPOffset, VOffsetT, WIPOffset};

use super::schema::Field;

/// Where something was written before.
pub(super) type Place = WIPOffset<UnionWIPOffset>;

/// What a field holds.
#[derive(Clone, Copy)]
pub(super) enum Held {
    Bool(bool),
    I8(i8),
    U8(u8),
    I32(i32),
    U32(u32),
    F32(f32),
    /// A table, a vector or a text.
    At(Place),
}

/// Writes a table. Fields may be given in any order.
pub(super) fn table(builder: &mut FlatBufferBuilder<'_>, fields: &[(Field, Held)]) -> Place {
    let start = builder.start_table();
    for (field, held) in fields {
        // The first two entries of a table's own table are lengths.
        let slot: VOffsetT = 4 + 2 * field;
        match *held {
            Held::Bool(value) => builder.push_slot_always(slot, value),
            Held::I8(value) => builder.push_slot_always(slot, value),
            Held::U8(value) => builder.push_slot_always(slot, value),
            Held::I32(value) => builder.push_slot_always(slot, value),
            Held::U32(value) => builder.push_slot_always(slot, value),
            Held::F32(value) => builder.push_slot_always(slot, value),
            Held::At(place) => builder.push_slot_always(slot, place),
        }
    }
    builder.end_table(start).as_union_value()
}

/// Writes a text.
pub(super) fn text(builder: &mut FlatBufferBuilder<'_>, text: &str) -> Held {
    Held::At(builder.create_string(text).as_union_value())
}

/// Writes a vector of tables or texts.
pub(super) fn list(builder: &mut FlatBufferBuilder<'_>, places: &[Place]) -> Held {
    Held::At(builder.create_vector(places).as_union_value())
}

/// Writes a vector of whole numbers.
pub(super) fn whole_numbers(builder: &mut FlatBufferBuilder<'_>, numbers: &[i32]) -> Held {
    Held::At(builder.create_vector(numbers).as_union_value())
}

/// Writes a vector of numbers.
pub(super) fn numbers(builder: &mut FlatBufferBuilder<'_>, numbers: &[f32]) -> Held {
    Held::At(builder.create_vector(numbers).as_union_value())
}
