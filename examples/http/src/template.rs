//! A text with places that each record fills in.

use std::{fmt, str::FromStr};

use danube_sink::{
    Metadata, Pointer, Setting, SinkRecord,
    config::{Mistakes, Value, shape::Shape},
};
use serde_json::Value as Json;

const HELP: &str = "between braces stands a JSON pointer as in `{/user/id}`, `{attribute:NAME}`, or one of `{topic}`, \
                    `{partition}`, `{offset}`, `{publish_time}`, `{producer}`, `{key}`, `{id}`; a brace is `{{` or `}}`";

/// A text such as `/users/{/user/id}?from={topic}`. It prints as it is written, without what records hold.
#[derive(Clone)]
pub(crate) struct Template {
    written: String,
    parts: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    Text(String),
    Payload(Pointer),
    Attribute(String),
    Metadata(Metadata),
}

impl Template {
    /// The text, if it is the same for every record.
    pub(crate) fn constant(&self) -> Option<String> {
        self.parts.iter().map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
    }

    /// The text for one record. What comes from the record goes through `encode`, which has none for what cannot stand there.
    ///
    /// # Errors
    /// What the record lacks, without what it holds.
    pub(crate) fn of(&self, record: &SinkRecord, encode: fn(String) -> Option<String>) -> Result<String, String> {
        let lacks = || format!("it has no text or number for each place of `{self}`");
        self.parts.iter().map(|part| part.of(record, encode)).collect::<Option<_>>().ok_or_else(lacks)
    }
}

impl Part {
    fn of(&self, record: &SinkRecord, encode: fn(String) -> Option<String>) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Payload(pointer) => encode(plain(pointer.of(record.payload())?)?),
            Self::Attribute(name) => encode(record.attributes().get(name)?.clone()),
            Self::Metadata(which) => encode(plain(&record.metadata(*which))?),
        }
    }

    fn named(name: &str) -> Option<Self> {
        match name.split_once(':') {
            _ if name.starts_with('/') => name.parse().ok().map(Self::Payload),
            Some(("attribute", name)) => Some(Self::Attribute(name.to_owned())),
            _ => serde_json::from_value(name.into()).ok().map(Self::Metadata),
        }
    }
}

fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(written: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = written;
        while let Some(at) = rest.find(['{', '}']) {
            let (text, braces) = rest.split_at(at);
            parts.push(Part::Text(text.to_owned()));
            let part = if braces.starts_with("{{") || braces.starts_with("}}") {
                rest = &braces[2..];
                Some(Part::Text(braces[..1].to_owned()))
            } else {
                let (name, behind) = braces.split_once('}').unwrap_or_default();
                rest = behind;
                name.strip_prefix('{').and_then(Part::named)
            };
            parts.push(part.ok_or_else(|| format!("no place that a record fills in: `{braces}`"))?);
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { written: written.to_owned(), parts })
    }
}

impl Setting for Template {
    const SHAPE: Shape = Shape::TEXT;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        value.as_text()?.parse().map_err(|wrong: String| value.mistake(wrong, HELP).into())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
