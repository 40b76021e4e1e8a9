//! Describes a type of values, for templates.

use crate::schema::{ConstStr, ValueType, key_spec::lower_first, suggest, validate::alternatives};

/// `An integer from 1 to 256`, without a full stop.
pub(super) fn describe(value_type: &ValueType) -> String {
    match *value_type {
        ValueType::Bool => "`true` or `false`".to_owned(),
        ValueType::Integer { min, max } => format!("An integer from {min} to {max}"),
        ValueType::Float { range, .. } => ranged("A number", range),
        ValueType::String { .. } => "A string".to_owned(),
        ValueType::Enum { words, .. } => format!("One of {}", suggest::list(words, "or")),
        ValueType::Path => "The path of a file or folder".to_owned(),
        ValueType::Pointer => "A path into the payload, such as `/user/id`".to_owned(),
        ValueType::Field { .. } => {
            "A record field: `/user/id`, `attribute:NAME`, or metadata such as `offset`".to_owned()
        }
        ValueType::Url => "A URL".to_owned(),
        ValueType::ServiceUrl => "The URL of a broker".to_owned(),
        ValueType::HttpUrl { .. } => "An `http` or `https` URL".to_owned(),
        ValueType::IpAddress => "An IP address".to_owned(),
        ValueType::HttpStatuses => {
            "An HTTP status such as `409`, or several such as `\"4xx\"` or `\"500-504\"`".to_owned()
        }
        ValueType::LogLevel => "A log level, or levels by target".to_owned(),
        ValueType::Topic => "A topic, as `/namespace/name`".to_owned(),
        ValueType::Duration { range, .. } => ranged("A duration such as `\"10s\"`", range),
        ValueType::ByteSize { range, .. } => ranged("A size such as `\"5MiB\"`", range),
        ValueType::Secret => "A secret".to_owned(),
        ValueType::Array { of, .. } => each("An array", of),
        ValueType::Map { of, .. } => each("A table", of),
        ValueType::ArrayOrTable { items, table } => {
            let table = match table {
                ValueType::Table(_) => "a table with such keys".to_owned(),
                table => lower_first(&describe(table)),
            };
            format!("{}. Or {table}", each("An array", items))
        }
        ValueType::OneOf(choices) => alternatives(ConstStr::new("One of "), choices).to_string(),
        ValueType::Table(_) => "A table".to_owned(),
        ValueType::Any => "A value".to_owned(),
    }
}

fn each(what: &str, of: &ValueType) -> String {
    if matches!(of, ValueType::Any) {
        what.to_owned()
    } else {
        format!("{what}; each value: {}", lower_first(&describe(of)))
    }
}

fn ranged(what: &str, range: &str) -> String {
    if range.is_empty() { what.to_owned() } else { format!("{what}, {range}") }
}
