//! Deserialization of text.

use serde::{
    Deserializer,
    de::{IntoDeserializer, Visitor, value::BorrowedStrDeserializer},
    forward_to_deserialize_any,
};

use super::Problem;

/// Decodes a payload as UTF-8 text.
///
/// # Errors
/// The position of the first invalid byte.
pub(crate) fn decode(payload: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(payload)
        .map_err(|error| Problem::new(format!("not UTF-8 text after byte {}", error.valid_up_to())))
}

/// Deserializer of a string, which may also be an option, a newtype or an enum's variant.
pub(crate) struct Text<'de>(pub(crate) &'de str);

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        BorrowedStrDeserializer::new(self.0).deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Problem> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
