//! The columns of a table that takes the payloads of a registered schema.
//!
//! ```text
//!  config.table_schema(mapping)  at start: the latest version of `expected_schema_subject` ─┐
//!  record.table_schema()         the version that a record was written with ────────────────┴─▶ TableSchema ─▶ the target's types
//! ```

mod json_schema;
mod lookup;
mod nesting;
mod new_field;
#[cfg(test)]
mod tests;

pub(super) use self::nesting::Nesting;
pub use self::{
    lookup::ConfigSchemas,
    new_field::{AwaitedColumn, OnNewField, new_columns},
};
use super::{SchemaInfo, SchemaType, decoder::Format};
use crate::time_unit::TimeUnit;

/// The columns of a table that takes the payloads of a registered schema: one for each field of its record, message or object.
///
/// [`SinkRecord::table_schema`](crate::SinkRecord::table_schema) has that of a record, [`ConfigSchemas`] that of a mapping. A
/// connector translates each [`ColumnKind`] to a type of its target, and has tables made and extended in a few lines.
///
/// ```
/// use danube_sink::schema::{ColumnKind, DecodeOptions, Decoder, SchemaInfo, SchemaType};
///
/// let definition = r#"{"type":"object","properties":{"id":{"type":"integer"},"name":{"type":"string"}},"required":["id"]}"#;
/// let schema = SchemaInfo {
///     subject: "users".into(),
///     version: 1,
///     schema_type: SchemaType::JsonSchema,
///     definition: definition.into(),
///     fingerprint: String::new(),
/// };
/// let decoder = Decoder::new(schema, &DecodeOptions::default());
/// let table = decoder.table_schema().unwrap().unwrap();
/// let columns: Vec<_> = table.columns().iter().map(|column| (column.name.as_str(), &column.kind, column.nullable)).collect();
/// assert_eq!(columns, [("id", &ColumnKind::Int64, false), ("name", &ColumnKind::String, true)]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchema {
    subject: String,
    version: u32,
    columns: Vec<SchemaColumn>,
}

/// A column for a field of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaColumn {
    /// The field's name, as in [`SinkRecord::payload`](crate::SinkRecord::payload).
    pub name: String,
    /// The type of its values.
    pub kind: ColumnKind,
    /// Whether the field may be missing or `null`.
    pub nullable: bool,
    /// The schema's description of the field.
    pub doc: Option<String>,
}

/// The type of a column's values. [`schema`](super) says how `payload` represents each.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnKind {
    /// Booleans.
    Bool,
    /// Integers of 32 bits.
    Int32,
    /// Integers of 64 bits.
    Int64,
    /// Integers of 64 bits that are not negative.
    UInt64,
    /// Floating point numbers of 32 bits.
    Float32,
    /// Floating point numbers of 64 bits.
    Float64,
    /// Decimals, as text.
    Decimal {
        /// The number of digits.
        precision: usize,
        /// How many of them are behind the point.
        scale: usize,
    },
    /// Strings; also symbols of enums and durations.
    String,
    /// Bytes, as base64.
    Bytes,
    /// UUIDs, as text.
    Uuid,
    /// Dates, as text: `2026-03-01`.
    Date,
    /// Times of day, as text.
    Time(TimeUnit),
    /// Timestamps, as text of RFC 3339.
    Timestamp {
        /// The smallest unit that they have.
        unit: TimeUnit,
        /// Whether they are in UTC or have an offset; local ones have none.
        zoned: bool,
    },
    /// Lists of values.
    List {
        /// The type of the values.
        of: Box<ColumnKind>,
        /// Whether a value may be `null`.
        nullable: bool,
    },
    /// Objects with these fields.
    Struct(Vec<SchemaColumn>),
    /// Objects with names that the schema does not know.
    Map {
        /// The type of the values.
        of: Box<ColumnKind>,
        /// Whether a value may be `null`.
        nullable: bool,
    },
    /// Values of several types, of a type that contains itself, or of one that is nested too deep: any JSON.
    Json,
}

/// A type, and whether its values may be `null`.
pub(super) type Typed = (ColumnKind, bool);

impl TableSchema {
    /// The subject of the schema.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The version of the subject.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The columns, in the order in which the schema has its fields.
    pub fn columns(&self) -> &[SchemaColumn] {
        &self.columns
    }

    /// # Errors
    /// Why the schema has no columns.
    pub(super) fn of(info: &SchemaInfo, format: &Format) -> Result<Self, String> {
        let columns = match format {
            #[cfg(feature = "avro")]
            Format::Avro(avro) => avro.columns(),
            #[cfg(feature = "protobuf")]
            Format::Protobuf(protobuf) => protobuf.columns(),
            _ if info.schema_type == SchemaType::JsonSchema => json_schema::columns(&info.definition)?,
            _ => None,
        };
        let SchemaInfo { subject, version, schema_type, .. } = info;
        let none =
            || format!("the {schema_type} schema {subject} version {version} has no fields that could be columns");
        let columns = columns.filter(|columns| !columns.is_empty()).ok_or_else(none)?;
        Ok(Self { subject: subject.clone(), version: *version, columns })
    }
}

/// A list of values, or a map of them.
pub(super) fn nested((of, nullable): Typed, kind: fn(Box<ColumnKind>, bool) -> ColumnKind) -> ColumnKind {
    kind(Box::new(of), nullable)
}

impl ColumnKind {
    pub(super) fn list(of: Box<Self>, nullable: bool) -> Self {
        Self::List { of, nullable }
    }

    pub(super) fn map(of: Box<Self>, nullable: bool) -> Self {
        Self::Map { of, nullable }
    }
}
