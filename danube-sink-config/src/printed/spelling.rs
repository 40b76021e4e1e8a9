//! A shape in words, for whoever writes a value of it.

use crate::shape::{Shape, Text, alternatives, suggest};

/// `A whole number from 1 to 256`, without a full stop.
pub(super) fn spell(shape: &Shape) -> String {
    match *shape {
        Shape::Truth => "`true` or `false`".to_owned(),
        Shape::Whole { min, max } => format!("A whole number from {min} to {max}"),
        Shape::Real { limits, .. } => limited("A number", limits),
        Shape::Text { .. } => "A text".to_owned(),
        Shape::Word { words, .. } => format!("One of {}", suggest::list(words, "or")),
        Shape::Path => "The path of a file or folder".to_owned(),
        Shape::Pointer => "Where in the payload, as `/user/id`".to_owned(),
        Shape::Field => "Where in a record, as `/user/id`, `attribute:NAME` or `offset`".to_owned(),
        Shape::Url => "A URL".to_owned(),
        Shape::ServiceUrl => "The URL of a broker".to_owned(),
        Shape::HttpUrl { .. } => "An `http` or `https` URL".to_owned(),
        Shape::IpAddress => "An IP address".to_owned(),
        Shape::HttpStatuses => "An HTTP status such as `409`, or several such as `\"4xx\"` or `\"500-504\"`".to_owned(),
        Shape::LogLevel => "A level, or levels by target".to_owned(),
        Shape::Topic => "A topic, as `/namespace/name`".to_owned(),
        Shape::Duration { limits, .. } => limited("A time with its unit, such as `\"10s\"`", limits),
        Shape::ByteSize { limits, .. } => limited("A number of bytes with its unit, such as `\"5MiB\"`", limits),
        Shape::List { of, .. } => format!("A list; each value: {}", lower(&spell(of))),
        Shape::Map { of, .. } => format!("A table; each value: {}", lower(&spell(of))),
        Shape::OneOf(choices) => alternatives(Text::new("One of "), choices).to_string(),
        Shape::Table(_) => "A table".to_owned(),
        Shape::Any => "A value".to_owned(),
    }
}

fn limited(what: &str, limits: &str) -> String {
    if limits.is_empty() { what.to_owned() } else { format!("{what}, {limits}") }
}

fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
