//! Representation that a deserialized type requests, for values with more than one.

use serde::{Deserializer, de::Visitor};

use super::{Problem, raw_bytes::RawBytes};

/// Representation requested by a `deserialize_*` method.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requested {
    Any,
    Number,
    Bytes,
    List,
    /// None: the value is only validated.
    Ignored,
}

/// Implements the methods of a `Deserializer` that only forward the requested representation to its method `read`.
macro_rules! deserialize_as_requested {
    () => {
        $crate::schema::requested::deserialize_as_requested! {
            Any: deserialize_any;
            Number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
                deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
                deserialize_f32 deserialize_f64;
            Bytes: deserialize_bytes deserialize_byte_buf;
            List: deserialize_seq;
            Ignored: deserialize_ignored_any;
        }

        fn deserialize_newtype_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            visitor: V,
        ) -> Result<V::Value, Problem> {
            visitor.visit_newtype_struct(self)
        }
    };
    ($($requested:ident: $($method:ident)+;)+) => {$($(
        fn $method<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            self.read($crate::schema::requested::Requested::$requested, visitor)
        }
    )+)+};
}
pub(crate) use deserialize_as_requested;

/// A floating-point value. `NaN` and infinities have no JSON number, so they are strings as in Protobuf's JSON.
pub(crate) fn float<'de, V: Visitor<'de>>(number: f64, requested: Requested, visitor: V) -> Result<V::Value, Problem> {
    match number {
        number if number.is_finite() || requested == Requested::Number => visitor.visit_f64(number),
        number if number.is_nan() => visitor.visit_borrowed_str("NaN"),
        number if number > 0.0 => visitor.visit_borrowed_str("Infinity"),
        _ => visitor.visit_borrowed_str("-Infinity"),
    }
}

/// Bytes: base64 text, unless bytes or a list are requested.
pub(crate) fn bytes<'de, V: Visitor<'de>>(
    bytes: &'de [u8],
    requested: Requested,
    visitor: V,
) -> Result<V::Value, Problem> {
    match requested {
        Requested::Bytes => visitor.visit_borrowed_bytes(bytes),
        Requested::List => RawBytes(bytes).deserialize_seq(visitor),
        Requested::Any | Requested::Number => RawBytes(bytes).deserialize_any(visitor),
        Requested::Ignored => visitor.visit_unit(),
    }
}

/// A date or time: the number if one is requested, otherwise text.
#[cfg(feature = "avro")]
pub(crate) fn moment<'de, V: Visitor<'de>>(
    count: i64,
    requested: Requested,
    text: impl FnOnce() -> String,
    visitor: V,
) -> Result<V::Value, Problem> {
    match requested {
        Requested::Number => visitor.visit_i64(count),
        Requested::Ignored => visitor.visit_unit(),
        _ => visitor.visit_string(text()),
    }
}
