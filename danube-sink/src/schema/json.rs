//! JSON payloads: validation, and limits on nesting and the number of values.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{Problem, limits::MAX_VALUES};

/// Checks that the payload is valid JSON within the limits.
///
/// When it skips a value, serde_json validates neither the range of numbers nor the encoding of strings.
pub(crate) fn check(payload: &[u8]) -> Result<(), Problem> {
    if is_checked_in_passing(payload) {
        return serde_json::from_slice::<IgnoredAny>(payload).map(drop).map_err(|error| Problem::not_json(&error));
    }
    let mut left = MAX_VALUES;
    let mut deserializer = serde_json::Deserializer::from_slice(payload);
    Count(&mut left)
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| Problem::not_json(&error))
}

/// Whether the payload is valid JSON within the limits if a parser reads it to the end, although it may skip values.
pub(crate) fn is_checked_in_passing(payload: &[u8]) -> bool {
    within_count(payload) && is_plain(payload)
}

/// Parses the payload as JSON within the limits.
pub(crate) fn value(payload: &[u8]) -> Result<Value, Problem> {
    if !within_count(payload) {
        check(payload)?;
    }
    serde_json::from_slice(payload).map_err(|error| Problem::not_json(&error))
}

/// Deserializes a payload. UTF-8 is validated once, not for each string.
pub(crate) fn read<'p, T: Deserialize<'p>>(payload: &'p [u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(payload) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(payload),
    }
}

/// Whether the payload is too short to exceed the limit: every value but the first needs at least two bytes with its
/// separator.
fn within_count(payload: &[u8]) -> bool {
    payload.len() / 2 < MAX_VALUES
}

/// Whether serde_json detects every error when it skips values: strings are UTF-8 without escaped surrogates, no number can
/// be out of range, and nesting is shallow. A payload that may violate this is parsed completely.
fn is_plain(payload: &[u8]) -> bool {
    /// Below serde_json's recursion limit.
    const MAX_NESTING: usize = 120;
    /// A chunk's opening brackets are counted in one byte.
    const CHUNK: usize = 128;
    let (mut opened, mut suspicious, mut other) = (0_usize, false, 0_u8);
    // No early exit, so that the compiler vectorizes the loops.
    for bytes in payload.chunks(CHUNK) {
        opened += usize::from(bytes.iter().map(|byte| u8::from(matches!(byte, b'[' | b'{'))).sum::<u8>());
        other |= bytes.iter().fold(0, |all, byte| all | byte);
    }
    for (byte, next) in payload.iter().zip(payload.get(1..).unwrap_or_default()) {
        let exponent = byte.is_ascii_digit() & matches!(next, b'e' | b'E');
        let surrogate = (*byte == b'\\') & (*next == b'u');
        suspicious |= exponent | surrogate;
    }
    !suspicious
        && opened <= MAX_NESTING
        && (other.is_ascii() || std::str::from_utf8(payload).is_ok())
        && !has_long_number(payload)
}

/// Whether a number may be out of range without an exponent, because of its many digits.
fn has_long_number(payload: &[u8]) -> bool {
    const MAX_DIGITS: usize = 300;
    // A longer run of digits contains one of the sampled positions, with half as many digits before or after it.
    let sampled = (0..payload.len()).step_by(MAX_DIGITS / 2).skip(1);
    sampled.into_iter().any(|index| {
        let digits = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| byte.is_ascii_digit()).count();
        digits(&mut payload[index..].iter()) + digits(&mut payload[..index].iter().rev()) > MAX_DIGITS
    })
}

/// Visitor that counts down the remaining number of values.
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
    fn invalid_json_is_reported_without_its_values() {
        assert_eq!(check(br#"{"a":[1,2.5,"x",null,true]}"#), Ok(()));
        assert!(check(b"{\"s3cret\" 1}").unwrap_err().to_string().starts_with("not JSON"));
        let long = "9".repeat(400);
        for wrong in [&b"1e999"[..], b"[\"\xff\"]", br#"["\ud800"]"#, b"1 2", b"", b"[1E400]", long.as_bytes()] {
            assert!(check(wrong).is_err() && value(wrong).is_err(), "{wrong:?}");
        }
        let right = format!(r#"{{"e":"1e999","s":"\u00e9","n":[1e9,{}]}}"#, "9".repeat(200));
        assert_eq!(check(right.as_bytes()), Ok(()));
        assert!(!check(b"{\"s3cret\" 1}").unwrap_err().to_string().contains("s3cret"));
    }

    #[test]
    fn depth_and_count_have_a_limit() {
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
