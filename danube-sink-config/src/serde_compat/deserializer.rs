//! Deserializes the tables of a file, with the location of each error and each unknown key.

use std::{borrow::Cow, cell::RefCell, fmt::Display, ops::Range};

use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, EnumAccess, Expected, IntoDeserializer, Unexpected, VariantAccess, Visitor,
        value::{MapDeserializer, SeqDeserializer, StrDeserializer, UnitDeserializer},
    },
    forward_to_deserialize_any,
};

use super::settings::MAPPING;
use crate::{
    load::{mappings::common_names, validate::validate_name},
    report::{Diagnostic, Diagnostics},
    schema::{TableKeys, suggest},
    value::{Content, Entry, Origin, Value},
};

/// An error of serde, with its location.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct Error {
    message: String,
    /// What to do, if the message does not say it.
    help: Option<String>,
    span: Option<Range<usize>>,
}

/// Messages name the kind of a value, never the value, which may be a secret.
impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self { message: message.to_string(), help: None, span: None }
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("invalid type: {}, expected {expected}", kind_of(&unexpected)))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("invalid value: {}, expected {expected}", kind_of(&unexpected)))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = match suggest::closest(variant, expected) {
            Some(close) => format!("did you mean `{close}`?"),
            None => format!("write one of `{}`", expected.join("`, `")),
        };
        Self { help: Some(help), ..Self::custom("unknown variant") }
    }
}

/// The kind of a value.
fn kind_of(value: &Unexpected<'_>) -> String {
    match value {
        Unexpected::Bool(_) => "boolean".to_owned(),
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "integer".to_owned(),
        Unexpected::Float(_) => "floating point".to_owned(),
        Unexpected::Char(_) => "character".to_owned(),
        Unexpected::Str(_) => "string".to_owned(),
        // Of 128 bits, with the number in it.
        Unexpected::Other(kind) => kind.split_once(" `").map_or(*kind, |(kind, _)| kind).to_owned(),
        kind => kind.to_string(),
    }
}

impl Error {
    /// The error of what is at a span, unless something within it has caused the error.
    fn at(mut self, span: Option<&Range<usize>>) -> Self {
        self.span = self.span.or_else(|| span.cloned());
        self
    }

    /// Whether it is the error of a type that met a value which no type accepts.
    pub(super) fn is_of_unreadable(&self) -> bool {
        self.message.contains("byte array")
    }

    /// Serde's message, with a help.
    pub(super) fn into_diagnostic(self) -> Diagnostic {
        let message = self.message.as_str();
        if let Some(help) = self.help {
            return Diagnostic::new(message, help).at(self.span);
        }
        let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let (message, help) = match (message.split_once(", expected "), quoted.as_slice()) {
            (Some((what, expected)), [word, candidates @ ..]) if what.starts_with("unknown ") => {
                let help = match suggest::closest(word, candidates) {
                    Some(close) => format!("did you mean `{close}`?"),
                    None => format!("expected {expected}"),
                };
                (what, help)
            }
            (Some((what, expected)), _) => (what, format!("write {expected}")),
            (None, [field, ..]) if message.starts_with("missing field") => (message, format!("add `{field} = …` here")),
            _ => (message, "correct what the message names; the struct's field says what it takes".to_owned()),
        };
        Diagnostic::new(message, help).at(self.span)
    }
}

/// Deserializes a value or a key of a file.
pub(super) struct FileDeserializer<'a> {
    value: Cow<'a, Value>,
    /// The unknown keys that it has met.
    unknown: &'a RefCell<Diagnostics>,
}

impl<'a> FileDeserializer<'a> {
    pub(super) fn new(value: &'a Value, unknown: &'a RefCell<Diagnostics>) -> Self {
        Self { value: Cow::Borrowed(value), unknown }
    }

    fn of_key(entry: &Entry, unknown: &'a RefCell<Diagnostics>) -> Self {
        let key = Value::new(Content::String(entry.key.clone()), Origin::File);
        Self { value: Cow::Owned(Value { span: entry.key_span.clone(), ..key }), unknown }
    }

    /// Visits a table; one of a struct with this name and these fields, if it is known.
    ///
    /// A struct of the author's gets the entries of its fields alone: a resolved mapping has every common key, and unknown keys
    /// are reported here.
    fn table<'de, V: Visitor<'de>>(
        self,
        known: Option<(&'static str, &'static [&'static str])>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let Self { value, unknown } = &self;
        let Content::Table(table) = &value.content else { return self.deserialize_any(visitor) };
        if let Some((name, fields)) = known {
            let (title, known) = if name == MAPPING || super::is_resolved_mapping(table) {
                ("this mapping", [fields, &common_names()].concat())
            } else {
                ("this table", fields.to_vec())
            };
            let keys = TableKeys { title, keys: &[], known: &known };
            for entry in table.entries.iter().filter(|entry| entry.key != super::RESOLVED) {
                validate_name(entry, &keys, &mut unknown.borrow_mut());
            }
        }
        let fields = known.and_then(|(name, fields)| (name != MAPPING).then_some(fields));
        let is_visited = |entry: &&Entry| fields.is_none_or(|fields| fields.contains(&entry.key.as_str()));
        let entries = table
            .entries
            .iter()
            .filter(is_visited)
            .map(|entry| (FileDeserializer::of_key(entry, unknown), FileDeserializer::new(&entry.value, unknown)));
        visitor.visit_map(MapDeserializer::new(entries)).map_err(|error: Error| error.at(value.span.as_ref()))
    }
}

impl IntoDeserializer<'_, Error> for FileDeserializer<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for FileDeserializer<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let visited = match &self.value.content {
            Content::String(text) => visitor.visit_str(text),
            Content::Integer(number) => match i64::try_from(*number) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => visitor.visit_i128(*number),
            },
            Content::Float(number) => visitor.visit_f64(*number),
            Content::Bool(boolean) => visitor.visit_bool(*boolean),
            Content::Datetime(datetime) => {
                return datetime_into(datetime, visitor).map_err(|error| error.at(self.value.span.as_ref()));
            }
            Content::Array(items) => {
                let items = items.iter().map(|item| FileDeserializer::new(item, self.unknown));
                visitor.visit_seq(SeqDeserializer::new(items))
            }
            Content::Table(_) => return self.table(None, visitor),
            // A probe for keys that no field takes: no type of a configuration accepts these bytes.
            Content::Secret(_) => visitor.visit_bytes(&[0xff]),
        };
        visited.map_err(|error: Error| error.at(self.value.span.as_ref()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        // `toml::value::Datetime` asks for a struct of its own.
        if let Content::Datetime(_) = &self.value.content {
            return self.deserialize_any(visitor);
        }
        self.table(Some((name, fields)), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let span = self.value.span.as_ref();
        let visited = match &self.value.content {
            Content::String(text) => {
                let variant: StrDeserializer<'_, Error> = text.as_str().into_deserializer();
                visitor.visit_enum(variant)
            }
            Content::Table(table) if table.entries.len() == 1 => {
                visitor.visit_enum(Variant { entry: &table.entries[0], unknown: self.unknown })
            }
            _ => return self.deserialize_any(visitor),
        };
        visited.map_err(|error| error.at(span))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

fn datetime_into<'de, V: Visitor<'de>>(datetime: &str, visitor: V) -> Result<V::Value, Error> {
    let datetime = datetime.parse().map_err(de::Error::custom)?;
    toml::Value::Datetime(datetime).deserialize_any(visitor).map_err(de::Error::custom)
}

/// A variant with content: `{ variant = content }`.
struct Variant<'a> {
    entry: &'a Entry,
    unknown: &'a RefCell<Diagnostics>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Error;
    type Variant = FileDeserializer<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), Error> {
        let variant = seed.deserialize(FileDeserializer::of_key(self.entry, self.unknown))?;
        Ok((variant, FileDeserializer::new(&self.entry.value, self.unknown)))
    }
}

impl<'de> VariantAccess<'de> for FileDeserializer<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        de::Deserialize::deserialize(UnitDeserializer::new())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.table(Some(("", fields)), visitor)
    }
}
