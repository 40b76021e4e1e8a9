//! JSON: checked before the batch, read once into what the connector asks for.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{Problem, limits::MAX_VALUES};

/// Whether all of it can be read as JSON.
///
/// serde_json's own way past a value looks neither at the size of numbers nor at the encoding of texts.
pub(crate) fn check(payload: &[u8]) -> Result<(), Problem> {
    if within_count(payload) && is_plain(payload) {
        return serde_json::from_slice::<IgnoredAny>(payload).map(drop).map_err(|error| not_json(&error));
    }
    let mut left = MAX_VALUES;
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    Count(&mut left).deserialize(&mut deserializer).and_then(|()| deserializer.end()).map_err(|error| not_json(&error))
}

/// The value, if it is JSON of a size that may be read.
pub(crate) fn value(payload: &[u8]) -> Result<Value, Problem> {
    if !within_count(payload) {
        check(payload)?;
    }
    serde_json::from_slice(payload).map_err(|error| not_json(&error))
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::of_json(error).because("not JSON")
}

/// Every value but the first takes two bytes at least: itself, and what parts it from the one before.
fn within_count(payload: &[u8]) -> bool {
    payload.len() / 2 < MAX_VALUES
}

/// Whether serde_json's own way past a value finds everything that is wrong: texts are UTF-8 and have no escaped surrogate,
/// no number can be out of range, and nothing is nested too deeply. What looks as if it were is looked at more closely.
fn is_plain(payload: &[u8]) -> bool {
    /// Numbers with so many digits may be out of range without an exponent.
    const MOST_DIGITS: u32 = 300;
    /// As deep as serde_json reads.
    const DEEPEST: i32 = 120;
    let (mut digits, mut depth, mut escapes) = (0, 0, false);
    for byte in payload {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'e' | b'E' if digits > 0 => return false,
            b'u' if escapes => return false,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        if !byte.is_ascii_digit() {
            digits = 0;
        }
        escapes = *byte == b'\\';
        if digits > MOST_DIGITS || depth > DEEPEST {
            return false;
        }
    }
    std::str::from_utf8(payload).is_ok()
}

/// Counts the values below it down.
struct Count<'c>(&'c mut usize);

impl Count<'_> {
    fn one<E: serde::de::Error>(&mut self) -> Result<(), E> {
        *self.0 = self.0.checked_sub(1).ok_or_else(|| E::custom(format!("more than {MAX_VALUES} values")))?;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Count<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        self.one()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while access.next_element_seed(Count(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while access.next_key::<IgnoredAny>()?.is_some() {
            access.next_value_seed(Count(self.0))?;
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_json_is_told_without_its_contents() {
        assert_eq!(check(br#"{"a":[1,2.5,"x",null,true]}"#), Ok(()));
        assert!(check(b"{\"s3cret\" 1}").unwrap_err().to_string().starts_with("not JSON"));
        for wrong in [&b"1e999"[..], b"[\"\xff\"]", br#"["\ud800"]"#, b"1 2", b""] {
            assert!(check(wrong).is_err() && value(wrong).is_err(), "{wrong:?}");
        }
        assert!(!check(b"{\"s3cret\" 1}").unwrap_err().to_string().contains("s3cret"));
    }

    #[test]
    fn neither_depth_nor_count_is_without_a_limit() {
        let deep = "[".repeat(100_000);
        assert!(check(deep.as_bytes()).is_err());
        assert!(value(deep.as_bytes()).is_err());
        let many = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert!(check(many.as_bytes()).unwrap_err().to_string().contains("more than 1000000 values"));
        assert!(value(many.as_bytes()).is_err());
        let long = format!("[\"{}\"]", "x".repeat(3 * MAX_VALUES));
        assert_eq!(check(long.as_bytes()), Ok(()));
    }
}
