//! The columns of a Protobuf message.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::Protobuf;
use crate::{
    schema::table::{ColumnKind, Nesting, SchemaColumn, nested},
    time_unit::TimeUnit,
};

impl Protobuf {
    pub(in crate::schema) fn columns(&self) -> Option<Vec<SchemaColumn>> {
        match of_fields(&self.message, &mut Nesting::new()) {
            ColumnKind::Struct(columns) => Some(columns),
            _ => None,
        }
    }
}

fn of_fields(message: &MessageDescriptor, nesting: &mut Nesting<String>) -> ColumnKind {
    let mut fields: Vec<_> = message.fields().collect();
    // They are sorted by number; the end of a path is the place in the definition.
    fields.sort_by_key(|field| field.path().last().copied());
    nesting.fields(message.full_name().to_owned(), fields.into_iter(), |nesting, field| SchemaColumn {
        name: field.name().to_owned(),
        kind: kind(&field, nesting),
        // A field without presence has a default.
        nullable: field.supports_presence() && !field.is_list() && !field.is_map(),
        doc: None,
    })
}

fn kind(field: &FieldDescriptor, nesting: &mut Nesting<String>) -> ColumnKind {
    if field.is_map() {
        let entry = match field.kind() {
            Kind::Message(entry) => entry.get_field_by_name("value"),
            _ => None,
        };
        let of = entry.map_or(ColumnKind::Json, |value| of_kind(&value.kind(), nesting));
        return nested((of, false), ColumnKind::map);
    }
    let kind = of_kind(&field.kind(), nesting);
    if field.is_list() { nested((kind, false), ColumnKind::list) } else { kind }
}

fn of_kind(kind: &Kind, nesting: &mut Nesting<String>) -> ColumnKind {
    match kind {
        Kind::Double => ColumnKind::Float64,
        Kind::Float => ColumnKind::Float32,
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => ColumnKind::Int32,
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint32 | Kind::Fixed32 => ColumnKind::Int64,
        Kind::Uint64 | Kind::Fixed64 => ColumnKind::UInt64,
        Kind::Bool => ColumnKind::Bool,
        Kind::String | Kind::Enum(_) => ColumnKind::String,
        Kind::Bytes => ColumnKind::Bytes,
        Kind::Message(message) => of_message(message, nesting),
    }
}

fn of_message(message: &MessageDescriptor, nesting: &mut Nesting<String>) -> ColumnKind {
    match message.full_name().strip_prefix("google.protobuf.") {
        Some("Timestamp") => ColumnKind::Timestamp { unit: TimeUnit::Nanoseconds, zoned: true },
        Some("Duration" | "FieldMask") => ColumnKind::String,
        Some(name) if name.ends_with("Value") && message.fields().len() == 1 && name != "ListValue" => {
            message.fields().next().map_or(ColumnKind::Json, |value| of_kind(&value.kind(), nesting))
        }
        Some("Struct" | "Value" | "ListValue" | "Any") => ColumnKind::Json,
        _ => of_fields(message, nesting),
    }
}
