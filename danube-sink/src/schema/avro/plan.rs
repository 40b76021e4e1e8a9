//! Decoding plan of an Avro schema: a flat list of nodes that refer to each other by index, without look-ups by name.

use std::collections::HashMap;

use apache_avro::schema::{InnerDecimalSchema, Name, RecordSchema, Schema, UnionSchema, UuidSchema};
use serde_json::Value;

use crate::schema::time::Unit;

/// Index of a node in its plan.
pub(super) type Id = usize;

/// A compiled schema. Node 0 is the root.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(Id),
    Map(Id),
    Union(Vec<Branch>),
    Record(Record),
    Enum(Enum),
    Fixed(Fixed),
    /// Big-endian two's complement with `scale` digits after the point, as bytes or as a fixed.
    Decimal {
        scale: usize,
        precision: usize,
        fixed: Option<Fixed>,
    },
    BigDecimal,
    /// As a string, or as 16 bytes.
    Uuid(Option<Fixed>),
    Date,
    Time(Unit),
    Timestamp(Unit),
    LocalTimestamp(Unit),
    /// Months, days and milliseconds, each in 4 little-endian bytes.
    Duration(Fixed),
    /// Written as the node, and promoted to another type by the reader schema.
    Promoted(Id, Promotion),
    /// Written as a type that the reader schema cannot read.
    Mismatch(String),
}

/// Type promotion by a reader schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promotion {
    Float,
    Text,
    Bytes,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Branch {
    /// The branch's name in Avro's JSON.
    pub(super) name: String,
    pub(super) node: Id,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    pub(super) fields: Vec<Field>,
    /// Fields of the reader schema that the writer's schema does not have, with their defaults as data.
    pub(super) defaults: Vec<Absent>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    /// As JSON.
    pub(super) default: Option<String>,
    pub(super) node: Id,
    /// Whether the reader schema does not have the field.
    pub(super) skipped: bool,
    pub(super) doc: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Absent {
    pub(super) name: String,
    pub(super) node: Id,
    pub(super) datum: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Enum {
    pub(super) name: String,
    pub(super) aliases: Vec<String>,
    /// `None` for a symbol that the reader schema does not have.
    pub(super) symbols: Vec<Option<String>>,
    pub(super) default: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fixed {
    pub(super) name: String,
    pub(super) size: usize,
}

impl Plan {
    /// Compiles the definition of a schema.
    ///
    /// # Errors
    /// The problem with the definition.
    pub(super) fn compile(definition: &str) -> Result<Self, String> {
        let schema = Schema::parse_str(definition).map_err(|error| format!("not an Avro schema: {error}"))?;
        let mut compiler = Compiler { nodes: Vec::new(), named: HashMap::new() };
        compiler.add(&schema, None)?;
        Ok(Self { nodes: compiler.nodes })
    }

    pub(super) fn root(&self) -> &Node {
        &self.nodes[0]
    }
}

impl Node {
    /// The type's name in messages.
    pub(super) fn title(&self) -> &str {
        match self.branch_name() {
            "" => "a union",
            name => name,
        }
    }

    /// The type's name as a branch of a union in Avro's JSON.
    fn branch_name(&self) -> &str {
        match self {
            Node::Null => "null",
            Node::Boolean => "boolean",
            Node::Int | Node::Date | Node::Time(Unit::Millis) => "int",
            Node::Long | Node::Time(_) | Node::Timestamp(_) | Node::LocalTimestamp(_) => "long",
            Node::Float => "float",
            Node::Double => "double",
            Node::Bytes | Node::BigDecimal | Node::Decimal { fixed: None, .. } => "bytes",
            Node::String | Node::Uuid(None) => "string",
            Node::Array(_) => "array",
            Node::Map(_) => "map",
            Node::Record(Record { name, .. }) | Node::Enum(Enum { name, .. }) => name,
            Node::Fixed(fixed)
            | Node::Decimal { fixed: Some(fixed), .. }
            | Node::Uuid(Some(fixed))
            | Node::Duration(fixed) => &fixed.name,
            Node::Union(_) | Node::Promoted(..) | Node::Mismatch(_) => "",
        }
    }
}

struct Compiler {
    nodes: Vec<Node>,
    named: HashMap<String, Id>,
}

impl Compiler {
    /// Adds a node for the schema and its nested schemas.
    fn add(&mut self, schema: &Schema, namespace: Option<&str>) -> Result<Id, String> {
        if let Schema::Ref { name } = schema {
            let name = name.fullname(namespace);
            return self.named.get(&name).copied().ok_or_else(|| format!("the name `{name}` is not defined"));
        }
        let id = self.nodes.len();
        // Reserves the index: a record may refer to itself.
        self.nodes.push(Node::Null);
        self.nodes[id] = match schema {
            Schema::Null | Schema::Ref { .. } => Node::Null,
            Schema::Boolean => Node::Boolean,
            Schema::Int => Node::Int,
            Schema::Long => Node::Long,
            Schema::Float => Node::Float,
            Schema::Double => Node::Double,
            Schema::Bytes => Node::Bytes,
            Schema::String => Node::String,
            Schema::Array(array) => Node::Array(self.add(&array.items, namespace)?),
            Schema::Map(map) => Node::Map(self.add(&map.types, namespace)?),
            Schema::Union(union) => self.union(union, namespace)?,
            Schema::Record(record) => self.record(id, record, namespace)?,
            Schema::Enum(schema) => {
                let name = self.name(id, &schema.name, namespace);
                Node::Enum(Enum {
                    name,
                    aliases: schema.aliases.iter().flatten().map(|alias| alias.fullname(None)).collect(),
                    symbols: schema.symbols.iter().cloned().map(Some).collect(),
                    default: schema.default.clone(),
                })
            }
            Schema::Fixed(fixed) => Node::Fixed(self.fixed(id, &fixed.name, fixed.size, namespace)),
            Schema::Decimal(decimal) => Node::Decimal {
                scale: decimal.scale,
                precision: decimal.precision,
                fixed: match &decimal.inner {
                    InnerDecimalSchema::Bytes => None,
                    InnerDecimalSchema::Fixed(fixed) => Some(self.fixed(id, &fixed.name, fixed.size, namespace)),
                },
            },
            Schema::BigDecimal => Node::BigDecimal,
            Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                Node::Uuid(Some(self.fixed(id, &fixed.name, fixed.size, namespace)))
            }
            Schema::Uuid(UuidSchema::String) => Node::Uuid(None),
            // Not in Avro's specification: read as its underlying type.
            Schema::Uuid(UuidSchema::Bytes) => Node::Bytes,
            Schema::Date => Node::Date,
            Schema::TimeMillis => Node::Time(Unit::Millis),
            Schema::TimeMicros => Node::Time(Unit::Micros),
            Schema::TimestampMillis => Node::Timestamp(Unit::Millis),
            Schema::TimestampMicros => Node::Timestamp(Unit::Micros),
            Schema::TimestampNanos => Node::Timestamp(Unit::Nanos),
            Schema::LocalTimestampMillis => Node::LocalTimestamp(Unit::Millis),
            Schema::LocalTimestampMicros => Node::LocalTimestamp(Unit::Micros),
            Schema::LocalTimestampNanos => Node::LocalTimestamp(Unit::Nanos),
            Schema::Duration(fixed) => Node::Duration(self.fixed(id, &fixed.name, fixed.size, namespace)),
        };
        Ok(id)
    }

    fn name(&mut self, id: Id, name: &Name, namespace: Option<&str>) -> String {
        let name = name.fullname(namespace);
        self.named.insert(name.clone(), id);
        name
    }

    fn fixed(&mut self, id: Id, name: &Name, size: usize, namespace: Option<&str>) -> Fixed {
        Fixed { name: self.name(id, name, namespace), size }
    }

    fn record(&mut self, id: Id, record: &RecordSchema, namespace: Option<&str>) -> Result<Node, String> {
        let name = self.name(id, &record.name, namespace);
        let namespace = name.rsplit_once('.').map(|(namespace, _)| namespace).or(namespace).map(str::to_owned);
        let mut fields = Vec::with_capacity(record.fields.len());
        for field in &record.fields {
            fields.push(Field {
                name: field.name.clone(),
                aliases: field.aliases.clone(),
                default: field.default.as_ref().map(Value::to_string),
                node: self.add(&field.schema, namespace.as_deref())?,
                skipped: false,
                doc: field.doc.clone(),
            });
        }
        let aliases = record.aliases.iter().flatten().map(|alias| alias.fullname(None)).collect();
        Ok(Node::Record(Record { name, aliases, fields, defaults: Vec::new() }))
    }

    fn union(&mut self, union: &UnionSchema, namespace: Option<&str>) -> Result<Node, String> {
        let mut branches = Vec::with_capacity(union.variants().len());
        for schema in union.variants() {
            let node = self.add(schema, namespace)?;
            branches.push(Branch { name: String::new(), node });
        }
        // A branch may be a record that is still being added, whose node has no name yet.
        for (branch, schema) in branches.iter_mut().zip(union.variants()) {
            branch.name = match schema {
                Schema::Ref { name } => name.fullname(namespace),
                _ => self.nodes[branch.node].branch_name().to_owned(),
            };
        }
        Ok(Node::Union(branches))
    }
}
