//! Examples of values, for keys without a default.

use std::time::Duration;

use crate::schema::{ValueRef, ValueType};

/// An example as TOML; `None` if only the type's own conversion knows one.
pub(super) fn example(value_type: &ValueType) -> Option<String> {
    Some(match *value_type {
        ValueType::Bool => "false".to_owned(),
        ValueType::Integer { min, max } => 1.clamp(min, max).to_string(),
        ValueType::Float { min, max, .. } => format!("{:?}", 1_f64.clamp(min, max)),
        ValueType::String { min, max } => {
            format!("\"{}\"", "text".chars().cycle().take(4.clamp(min, max)).collect::<String>())
        }
        ValueType::Enum { words, .. } => format!("\"{}\"", words.first()?),
        ValueType::Path => "\"path/to/file\"".to_owned(),
        ValueType::Field { .. } | ValueType::Pointer => "\"/id\"".to_owned(),
        ValueType::Url => "\"https://example.com\"".to_owned(),
        ValueType::ServiceUrl => "\"http://localhost:6650\"".to_owned(),
        ValueType::HttpUrl { example } => format!("\"{example}\""),
        ValueType::MetricsUrl => "\"http://broker:9040/metrics\"".to_owned(),
        ValueType::IpAddress => "\"127.0.0.1\"".to_owned(),
        ValueType::HttpStatuses => "409".to_owned(),
        ValueType::LogLevel => "\"info\"".to_owned(),
        ValueType::Topic => "\"/default/topic\"".to_owned(),
        ValueType::Duration { min, max, .. } => {
            let time = Duration::from_secs(10).clamp(min, max);
            if time.subsec_millis() == 0 {
                format!("\"{}s\"", time.as_secs())
            } else {
                format!("\"{}ms\"", time.as_millis())
            }
        }
        ValueType::ByteSize { min, max, .. } => format!("\"{}B\"", (1 << 20).clamp(min, max)),
        ValueType::Array { of, min, .. } => format!("[{}]", vec![example(of)?; min].join(", ")),
        ValueType::Map { of, min, .. } => {
            let entries: Option<Vec<String>> = (1..=min).map(|n| Some(format!("key{n} = {}", example(of)?))).collect();
            format!("{{ {} }}", entries?.join(", ")).replace("{  }", "{}")
        }
        ValueType::ArrayOrTable { items, .. } => format!("[{}]", example(items)?),
        ValueType::OneOf(choices) => match choices.first()? {
            ValueRef::String(text) => format!("\"{text}\""),
            ValueRef::Integer(number) => number.to_string(),
            _ => return None,
        },
        ValueType::Table(_) | ValueType::Secret | ValueType::Any => return None,
    })
}
