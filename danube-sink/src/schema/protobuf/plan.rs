//! Decoding plan of a Protobuf message: a flat list of message types that refer to each other by index, without look-ups by
//! name.

use std::{collections::HashMap, sync::Arc};

use prost_reflect::{Cardinality, FieldDescriptor, Kind as Described, MessageDescriptor};

/// Index of a message type in its plan. 0 is the payload.
pub(super) type Id = usize;

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) messages: Vec<Message>,
}

#[derive(Debug)]
pub(super) struct Message {
    /// Sorted by number, the order in which encoders write them.
    pub(super) fields: Vec<Field>,
    pub(super) known: Option<WellKnown>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) rule: Rule,
    /// Index of the field's oneof.
    pub(super) oneof: Option<usize>,
}

/// Rule of a field: its presence and cardinality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// A missing field is an error.
    Required,
    /// A missing field is omitted.
    Optional,
    /// A missing field has its default.
    Implicit,
    List,
    Map,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Enum(Arc<Symbols>),
    Message(Id),
}

#[derive(Debug)]
pub(super) struct Symbols {
    /// The first name of each number.
    names: HashMap<i32, String>,
    /// `google.protobuf.NullValue`
    pub(super) is_null: bool,
    pub(super) first: i32,
}

/// Types with a special representation in Protobuf's JSON.
#[derive(Debug, Clone)]
pub(super) enum WellKnown {
    Timestamp,
    Duration,
    /// A message with one value.
    Wrapper,
    /// `Struct`, `Value`, `ListValue`, `Any`, `FieldMask`: read by prost-reflect.
    Other(MessageDescriptor),
}

impl Plan {
    pub(super) fn compile(message: &MessageDescriptor) -> Self {
        let mut compiler = Compiler { messages: Vec::new(), known: HashMap::new() };
        compiler.add(message);
        Self { messages: compiler.messages }
    }
}

impl Message {
    /// The index of the field with this number.
    pub(super) fn find(&self, number: u32, near: usize) -> Option<usize> {
        // Encoders sort by number: it is the same field as before, or the next one.
        let next = self.fields.get(near..)?.iter().take(2).position(|field| field.number == number);
        next.map(|at| near + at).or_else(|| self.fields.binary_search_by_key(&number, |field| field.number).ok())
    }
}

impl Symbols {
    pub(super) fn name(&self, number: i32) -> Option<&str> {
        self.names.get(&number).map(String::as_str)
    }
}

struct Compiler {
    messages: Vec<Message>,
    known: HashMap<String, Id>,
}

impl Compiler {
    fn add(&mut self, message: &MessageDescriptor) -> Id {
        if let Some(known) = self.known.get(message.full_name()) {
            return *known;
        }
        let id = self.messages.len();
        // A message may contain itself.
        self.known.insert(message.full_name().to_owned(), id);
        self.messages.push(Message { fields: Vec::new(), known: well_known(message) });
        let mut fields: Vec<Field> = message.fields().map(|field| self.field(&field)).collect();
        fields.sort_by_key(|field| field.number);
        self.messages[id].fields = fields;
        id
    }

    fn field(&mut self, field: &FieldDescriptor) -> Field {
        let rule = match () {
            () if field.is_map() => Rule::Map,
            () if field.is_list() => Rule::List,
            () if field.cardinality() == Cardinality::Required => Rule::Required,
            () if field.supports_presence() => Rule::Optional,
            () => Rule::Implicit,
        };
        let oneof = field.containing_oneof().map(|oneof| oneof.path().last().map_or(0, |index| *index as usize));
        Field { name: field.name().to_owned(), number: field.number(), kind: self.kind(&field.kind()), rule, oneof }
    }

    fn kind(&mut self, kind: &Described) -> Kind {
        match kind {
            Described::Double => Kind::Double,
            Described::Float => Kind::Float,
            Described::Int32 => Kind::Int32,
            Described::Int64 => Kind::Int64,
            Described::Uint32 => Kind::Uint32,
            Described::Uint64 => Kind::Uint64,
            Described::Sint32 => Kind::Sint32,
            Described::Sint64 => Kind::Sint64,
            Described::Fixed32 => Kind::Fixed32,
            Described::Fixed64 => Kind::Fixed64,
            Described::Sfixed32 => Kind::Sfixed32,
            Described::Sfixed64 => Kind::Sfixed64,
            Described::Bool => Kind::Bool,
            Described::String => Kind::String,
            Described::Bytes => Kind::Bytes,
            Described::Message(message) => Kind::Message(self.add(message)),
            Described::Enum(symbols) => {
                let mut names = HashMap::new();
                for value in symbols.values() {
                    names.entry(value.number()).or_insert_with(|| value.name().to_owned());
                }
                let is_null = symbols.full_name() == "google.protobuf.NullValue";
                Kind::Enum(Arc::new(Symbols { names, is_null, first: symbols.default_value().number() }))
            }
        }
    }
}

fn well_known(message: &MessageDescriptor) -> Option<WellKnown> {
    Some(match message.full_name().strip_prefix("google.protobuf.")? {
        "Timestamp" => WellKnown::Timestamp,
        "Duration" => WellKnown::Duration,
        "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value" | "BoolValue"
        | "StringValue" | "BytesValue" => WellKnown::Wrapper,
        "Struct" | "Value" | "ListValue" | "Any" | "FieldMask" => WellKnown::Other(message.clone()),
        _ => return None,
    })
}
