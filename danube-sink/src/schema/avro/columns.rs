//! The columns of an Avro schema.

use super::{
    Avro,
    plan::{Id, Node, Plan},
};
use crate::{
    schema::{
        table::{ColumnKind, Nesting, SchemaColumn, Typed, nested},
        time::Unit,
    },
    time_unit::TimeUnit,
};

impl Avro {
    /// The columns of the schema that values are resolved to; `None` if it is not a record.
    pub(in crate::schema) fn columns(&self) -> Option<Vec<SchemaColumn>> {
        match typed(&self.reader, 0, &mut Nesting::new()) {
            (ColumnKind::Struct(columns), _) => Some(columns),
            _ => None,
        }
    }
}

fn typed(plan: &Plan, id: Id, nesting: &mut Nesting<Id>) -> Typed {
    let kind = match &plan.nodes[id] {
        Node::Union(branches) => {
            let mut others = branches.iter().filter(|branch| plan.nodes[branch.node] != Node::Null);
            let nullable = others.clone().count() < branches.len();
            return match (others.next(), others.next()) {
                (Some(only), None) => (typed(plan, only.node, nesting).0, nullable),
                _ => (ColumnKind::Json, nullable),
            };
        }
        Node::Null => return (ColumnKind::Json, true),
        Node::Boolean => ColumnKind::Bool,
        Node::Int => ColumnKind::Int32,
        Node::Long => ColumnKind::Int64,
        Node::Float => ColumnKind::Float32,
        Node::Double => ColumnKind::Float64,
        Node::Bytes | Node::Fixed(_) => ColumnKind::Bytes,
        Node::String | Node::Enum(_) | Node::BigDecimal | Node::Duration(_) => ColumnKind::String,
        Node::Decimal { scale, precision, .. } => ColumnKind::Decimal { precision: *precision, scale: *scale },
        Node::Uuid(_) => ColumnKind::Uuid,
        Node::Date => ColumnKind::Date,
        Node::Time(unit) => ColumnKind::Time(time_unit(*unit)),
        Node::Timestamp(unit) => ColumnKind::Timestamp { unit: time_unit(*unit), zoned: true },
        Node::LocalTimestamp(unit) => ColumnKind::Timestamp { unit: time_unit(*unit), zoned: false },
        Node::Array(of) => nested(typed(plan, *of, nesting), ColumnKind::list),
        Node::Map(of) => nested(typed(plan, *of, nesting), ColumnKind::map),
        Node::Record(record) => nesting.fields(id, record.fields.iter(), |nesting, field| {
            let (kind, nullable) = typed(plan, field.node, nesting);
            SchemaColumn { name: field.name.clone(), kind, nullable, doc: field.doc.clone() }
        }),
        Node::Promoted(..) | Node::Mismatch(_) => ColumnKind::Json,
    };
    (kind, false)
}

fn time_unit(unit: Unit) -> TimeUnit {
    match unit {
        Unit::Millis => TimeUnit::Milliseconds,
        Unit::Micros => TimeUnit::Microseconds,
        Unit::Nanos => TimeUnit::Nanoseconds,
    }
}
