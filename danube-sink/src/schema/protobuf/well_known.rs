//! Well-known types of `google/protobuf` with a special representation in Protobuf's JSON.

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage as _, SerializeOptions, Value};
use serde::{Deserializer, de::Visitor};

use super::{
    plan::Message,
    wire::{Parts, Raw, Sent},
};
use crate::schema::{
    Problem,
    limits::{Limits, MAX_VALUES},
    time,
};

/// Valid seconds of a timestamp: the years 1 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Maximum duration in seconds, some ten thousand years.
const MAX_DURATION: u64 = 315_576_000_000;

/// Formats a timestamp with 0, 3, 6 or 9 digits after the point: `2026-03-01T14:05:00.500Z`.
pub(super) fn timestamp(message: &Message, sent: &[Sent<'_>]) -> Result<String, Problem> {
    let (seconds, nanos) = seconds_and_nanos(message, sent);
    match u32::try_from(nanos) {
        Ok(nanos @ ..1_000_000_000) if SECONDS.contains(&seconds) => Ok(time::instant(seconds, nanos)),
        _ => Err(Problem::new("a timestamp beyond the years 1 to 9999")),
    }
}

/// Formats a duration: `1.500s`.
pub(super) fn duration(message: &Message, sent: &[Sent<'_>]) -> Result<String, Problem> {
    let (seconds, nanos) = seconds_and_nanos(message, sent);
    let is_in_range = seconds.unsigned_abs() <= MAX_DURATION && nanos.unsigned_abs() < 1_000_000_000;
    if !is_in_range || (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0) {
        return Err(Problem::new("a duration that is too long or has two signs"));
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    Ok(format!("{sign}{}{}s", seconds.unsigned_abs(), time::fraction(nanos.unsigned_abs())))
}

/// Fields 1 and 2 of `Timestamp` and `Duration`.
fn seconds_and_nanos(message: &Message, sent: &[Sent<'_>]) -> (i64, i32) {
    let last = |number: u32| {
        let of_number = |sent: &&Sent<'_>| message.fields[sent.field].number == number;
        match sent.iter().rev().find(of_number).map(|sent| sent.raw) {
            Some(Raw::Number(bits)) => bits,
            _ => 0,
        }
    };
    (last(1) as i64, last(2) as i32)
}

/// Reads the other well-known types with prost-reflect.
pub(super) fn other<'de, V: Visitor<'de>>(
    described: &MessageDescriptor,
    parts: &Parts<'_>,
    limits: &mut Limits,
    visitor: V,
) -> Result<V::Value, Problem> {
    let mut bytes = parts.first.to_vec();
    parts.more.iter().for_each(|part| bytes.extend_from_slice(part));
    // A value takes at least one byte.
    if bytes.len() > MAX_VALUES {
        return Err(Problem::new(format!("a {} of more than {MAX_VALUES} bytes", described.full_name())));
    }
    let message = DynamicMessage::decode(described.clone(), &bytes[..])
        .map_err(|error| Problem::new(format!("not a {}: {error}", described.full_name())))?;
    count(&message, limits)?;
    let options =
        SerializeOptions::new().stringify_64_bit_integers(false).use_proto_field_name(true).skip_default_fields(false);
    let value = message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| Problem::of_protobuf_json(&error).because(&format!("not a {}", described.full_name())))?;
    value.deserialize_any(visitor).map_err(|error| Problem::of_json(&error))
}

/// Counts the values that a message is written as, with its defaults and with the message in an `Any`.
fn count(message: &DynamicMessage, limits: &mut Limits) -> Result<(), Problem> {
    limits.descend()?;
    let described = message.descriptor();
    if let Some(inner) = message_in_any(message) {
        count(&inner, limits)?;
    } else if !described.full_name().starts_with("google.protobuf.") {
        let has_default = |field: &FieldDescriptor| !field.supports_presence() && !message.has_field(field);
        described.fields().filter(has_default).try_for_each(|_| limits.count())?;
    }
    for (_, value) in message.fields() {
        limits.count()?;
        match value {
            Value::List(items) => items.iter().try_for_each(|item| count_inside(item, limits))?,
            Value::Map(entries) => entries.values().try_for_each(|value| count_inside(value, limits))?,
            value => count_inside(value, limits)?,
        }
    }
    limits.rise();
    Ok(())
}

fn count_inside(value: &Value, limits: &mut Limits) -> Result<(), Problem> {
    match value {
        Value::Message(message) => count(message, limits),
        _ => limits.count(),
    }
}

/// The message in an `Any`, if its type is known.
fn message_in_any(message: &DynamicMessage) -> Option<DynamicMessage> {
    let described = message.descriptor();
    if described.full_name() != "google.protobuf.Any" {
        return None;
    }
    let (name, value) = (message.get_field_by_number(1)?, message.get_field_by_number(2)?);
    let name = name.as_str()?.rsplit('/').next()?;
    DynamicMessage::decode(described.parent_pool().get_message_by_name(name)?, &value.as_bytes()?[..]).ok()
}
