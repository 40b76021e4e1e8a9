//! What a type asks for, where a value has more than one form.

use serde::{Deserializer, de::Visitor};

use super::{Problem, raw_bytes::RawBytes};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Any,
    Number,
    Bytes,
    List,
    /// Only whether it is valid.
    Nothing,
}

/// The methods of a `Deserializer` that differ in nothing but what they ask of its method `read`, and those that do not
/// differ at all.
macro_rules! as_wanted {
    () => {
        $crate::schema::wanted::as_wanted! {
            Any: deserialize_any;
            Number: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
                deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
                deserialize_f32 deserialize_f64;
            Bytes: deserialize_bytes deserialize_byte_buf;
            List: deserialize_seq;
            Nothing: deserialize_ignored_any;
        }

        fn deserialize_newtype_struct<V: serde::de::Visitor<'de>>(
            self,
            _: &'static str,
            visitor: V,
        ) -> Result<V::Value, Problem> {
            visitor.visit_newtype_struct(self)
        }
    };
    ($($wanted:ident: $($method:ident)+;)+) => {$($(
        fn $method<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
            self.read($crate::schema::wanted::Wanted::$wanted, visitor)
        }
    )+)+};
}
pub(crate) use as_wanted;

/// `NaN` and infinities have no JSON number; these are the words of Protobuf's JSON for them.
pub(crate) fn float<'de, V: Visitor<'de>>(number: f64, wanted: Wanted, visitor: V) -> Result<V::Value, Problem> {
    match number {
        number if number.is_finite() || wanted == Wanted::Number => visitor.visit_f64(number),
        number if number.is_nan() => visitor.visit_borrowed_str("NaN"),
        number if number > 0.0 => visitor.visit_borrowed_str("Infinity"),
        _ => visitor.visit_borrowed_str("-Infinity"),
    }
}

pub(crate) fn bytes<'de, V: Visitor<'de>>(bytes: &'de [u8], wanted: Wanted, visitor: V) -> Result<V::Value, Problem> {
    match wanted {
        Wanted::Bytes => visitor.visit_borrowed_bytes(bytes),
        Wanted::List => RawBytes(bytes).deserialize_seq(visitor),
        Wanted::Any | Wanted::Number => RawBytes(bytes).deserialize_any(visitor),
        Wanted::Nothing => visitor.visit_unit(),
    }
}

/// The number where one is asked for, else the date or time as text.
#[cfg(feature = "avro")]
pub(crate) fn moment<'de, V: Visitor<'de>>(
    count: i64,
    wanted: Wanted,
    text: impl FnOnce() -> String,
    visitor: V,
) -> Result<V::Value, Problem> {
    match wanted {
        Wanted::Number => visitor.visit_i64(count),
        Wanted::Nothing => visitor.visit_unit(),
        _ => visitor.visit_string(text()),
    }
}
