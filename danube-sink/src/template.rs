//! String templates with placeholders for fields of a record.

use std::{
    fmt::{self, Write},
    str::FromStr,
};

use chrono::{
    DateTime, Utc,
    format::{Item, StrftimeItems},
};

use crate::{
    config::{Diagnostics, Setting, Value, schema::ValueType},
    error::{ConnectorError, ConnectorResult},
    fields::Fields,
    record::{Field, Metadata, SinkRecord},
};

const HELP: &str = "a placeholder is a JSON pointer such as `{/user/id}`, `{attribute:NAME}`, or one of `{topic}`, \
                    `{partition}`, `{offset}`, `{publish_time}`, `{publish_time:%Y-%m-%d}`, `{producer}`, `{key}`, `{id}`; \
                    write `{{` or `}}` for a brace";

/// A string template with placeholders for fields of a record, usable as a setting: `"/users/{/user/id}?from={topic}"`. Each
/// placeholder is replaced by the string, number or boolean of a [`Field`], a number as its producer wrote it; `{{` and `}}`
/// stand for a brace. `{publish_time:%Y/%m/%d}` is the publish time in UTC, with the [format] of chrono.
///
/// [format]: https://docs.rs/chrono/latest/chrono/format/strftime/index.html
///
/// It prints with its placeholders, so that an error can show it without values of a record.
///
/// ```
/// use danube_sink::{SinkRecord, Template};
///
/// let template: Template = "/users/{/user/id}?from={topic}".parse().unwrap();
/// let record = SinkRecord::builder("/default/t").payload(r#"{"user":{"id":7}}"#).build();
/// assert_eq!(template.fill(&record, Some).unwrap(), "/users/7?from=/default/t");
/// assert!("/users/{user.id}".parse::<Template>().is_err());
///
/// let template: Template = "users-{publish_time:%Y-%m-%d}".parse().unwrap();
/// let record = SinkRecord::builder("/default/t").publish_time(1_517_966_773_840).build();
/// assert_eq!(template.fill(&record, Some).unwrap(), "users-2018-02-07");
/// ```
#[derive(Clone)]
pub struct Template {
    written: String,
    parts: Vec<Part>,
    /// The fields of the placeholders, in order.
    fields: Fields,
}

/// Error for an invalid placeholder in a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid placeholder: `{0}`")]
pub struct NotATemplate(String);

#[derive(Clone)]
enum Part {
    Text(String),
    Placeholder(Field),
    /// The publish time in this format.
    Date(Vec<Item<'static>>),
}

impl Template {
    /// The text of a template without placeholders.
    pub fn constant(&self) -> Option<String> {
        self.parts.iter().map(|part| if let Part::Text(text) = part { Some(text.as_str()) } else { None }).collect()
    }

    /// Whether the text may differ between records of a mapping, that is, has a placeholder other than `{topic}`.
    pub fn is_filled_in(&self) -> bool {
        let topic = Field::Metadata(Metadata::Topic);
        self.parts.iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Placeholder(field) => *field != topic,
            Part::Date(_) => true,
        })
    }

    /// Whether it has a value of the payload, which a [tombstone](SinkRecord::is_tombstone) lacks.
    ///
    /// ```
    /// use danube_sink::Template;
    ///
    /// let reads_payload = |template: &str| template.parse::<Template>().unwrap().reads_payload();
    /// assert!(reads_payload("/users/{/id}") && !reads_payload("/users/{key}?from={attribute:region}"));
    /// ```
    pub fn reads_payload(&self) -> bool {
        self.fields.needs_payload()
    }

    /// The text with `wildcard` in place of each placeholder, as for a pattern of all names that the template can render.
    ///
    /// ```
    /// use danube_sink::Template;
    ///
    /// let template: Template = "logs-{/tenant}-{publish_time:%Y}".parse().unwrap();
    /// assert_eq!(template.pattern("*"), "logs-*-*");
    /// ```
    pub fn pattern(&self, wildcard: &str) -> String {
        self.parts.iter().map(|part| if let Part::Text(text) = part { text.as_str() } else { wildcard }).collect()
    }

    /// A text that the template can render, with `value` in place of each value that only records have: of a payload, an attribute, a
    /// key or a producer. A placeholder for other metadata renders that of a sample record, so that it shows what each record brings,
    /// such as the `/` of a topic. A setting whose sample is not valid can be rejected at start.
    ///
    /// ```
    /// use danube_sink::Template;
    ///
    /// let template: Template = "{topic}-{/tenant}-{publish_time:%Y}".parse().unwrap();
    /// assert_eq!(template.sample("x"), "/default/t-x-1970");
    /// ```
    pub fn sample(&self, value: &str) -> String {
        let record = SinkRecord::builder("/default/t").partition(Some(0), "/default/t-part-0".into()).build();
        let render = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Placeholder(Field::Metadata(which)) if !matches!(which, Metadata::Key | Metadata::Producer) => {
                plain(&record.metadata(*which).to_string())
            }
            Part::Placeholder(_) => None,
            Part::Date(format) => date(&record, format),
        };
        self.parts.iter().map(|part| render(part).unwrap_or_else(|| value.to_owned())).collect()
    }

    /// Renders the template for one record. `encode` encodes each value of the record, or returns `None` for a value that is
    /// not allowed.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has no string, number or boolean for one of the placeholders.
    pub fn fill(&self, record: &SinkRecord, encode: impl Fn(String) -> Option<String>) -> ConnectorResult<String> {
        self.fill_each(record, |_, value| encode(value))
    }

    /// Renders the template for one record, as [`fill`](Self::fill) does. `encode` also gets the field of each placeholder, or
    /// `None` for a date with a format: for a target where a value of a payload must not mean what a topic or a date may, such
    /// as a `/` in a path.
    ///
    /// ```
    /// use danube_sink::{Field, Metadata, SinkRecord, Template};
    ///
    /// let path: Template = "{topic}/{publish_time:%Y/%m}/{/user}".parse().unwrap();
    /// let record = SinkRecord::builder("/default/t").publish_time(1_517_966_773_840).payload(r#"{"user":"a/b"}"#).build();
    /// let safe = |field: Option<&Field>, value: String| match field {
    ///     None | Some(Field::Metadata(Metadata::Topic)) => Some(value),
    ///     Some(_) => Some(value.replace('/', "%2F")),
    /// };
    /// assert_eq!(path.fill_each(&record, safe).unwrap(), "/default/t/2018/02/a%2Fb");
    /// ```
    ///
    /// # Errors
    /// Those of [`fill`](Self::fill).
    pub fn fill_each(
        &self,
        record: &SinkRecord,
        encode: impl Fn(Option<&Field>, String) -> Option<String>,
    ) -> ConnectorResult<String> {
        let mut values = self.fields.json_of(record).map_err(|error| self.explained(record, error))?.into_iter();
        let text = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Placeholder(field) => {
                values.next().flatten().as_deref().and_then(plain).and_then(|value| encode(Some(field), value))
            }
            Part::Date(format) => date(record, format).and_then(|value| encode(None, value)),
        });
        let missing =
            || ConnectorError::invalid_record(record, format!("it has no value for a placeholder of `{self}`"));
        text.collect::<Option<_>>().ok_or_else(missing)
    }

    /// Adds the template to the error.
    fn explained(&self, record: &SinkRecord, error: ConnectorError) -> ConnectorError {
        match error {
            ConnectorError::InvalidRecord { reason, .. } => {
                ConnectorError::invalid_record(record, format!("cannot render `{self}`: {reason}"))
            }
            error => error,
        }
    }
}

impl Part {
    /// The part of what stands between braces.
    fn of_placeholder(placeholder: &str) -> Option<Self> {
        match placeholder.strip_prefix("publish_time:") {
            Some(format) => {
                let items = StrftimeItems::new(format).parse_to_owned().ok().filter(|items| !items.is_empty())?;
                // Some formats, such as `%#z`, only parse times.
                formatted(DateTime::UNIX_EPOCH, &items).map(|_| Self::Date(items))
            }
            None => placeholder.parse().ok().map(Self::Placeholder),
        }
    }
}

/// The publish time in a format; `None` for one beyond the calendar.
fn date(record: &SinkRecord, format: &[Item<'_>]) -> Option<String> {
    formatted(DateTime::from_timestamp_micros(record.publish_time().try_into().ok()?)?, format)
}

/// A time in a format; `None` if it cannot be written so.
fn formatted(time: DateTime<Utc>, format: &[Item<'_>]) -> Option<String> {
    let mut text = String::new();
    write!(text, "{}", time.format_with_items(format.iter())).ok().map(|()| text)
}

/// The value of a JSON string, or the text of a number or boolean.
fn plain(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'-' | b'0'..=b'9' | b't' | b'f' => Some(json.to_owned()),
        _ => None,
    }
}

impl FromStr for Template {
    type Err = NotATemplate;

    fn from_str(written: &str) -> Result<Self, NotATemplate> {
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
                name.strip_prefix('{').filter(|name| !name.is_empty()).and_then(Part::of_placeholder)
            };
            parts.push(part.ok_or_else(|| NotATemplate(braces.to_owned()))?);
        }
        parts.push(Part::Text(rest.to_owned()));
        let placeholder = |part: &Part| if let Part::Placeholder(field) = part { Some(field.clone()) } else { None };
        let fields = parts.iter().filter_map(placeholder).collect();
        Ok(Self { written: written.to_owned(), parts, fields })
    }
}

impl Setting for Template {
    const VALUE_TYPE: ValueType = ValueType::STRING;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.as_str()?.parse().map_err(|error: NotATemplate| value.diagnostic(error.to_string(), HELP).into())
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.written, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_replaced() {
        let record = SinkRecord::builder("/default/t")
            .payload(
                r#"{"a":{"b":"x"},"n":1.5,"t":true,"nothing":null,"list":[1],"big":18446744073709551616.10,"e":1E+2}"#,
            )
            .partition(Some(3), "/default/t-part-3".into())
            .offset(42)
            .key("k")
            .producer("me", 1, 2)
            .attribute("op", "c")
            .build();
        let filled = |text: &str| text.parse::<Template>().unwrap().fill(&record, Some);
        let all = "{{{/a/b}}} {/n} {/t} {/list/0} {attribute:op} {topic} {partition} {offset} {producer} {key}";
        assert_eq!(filled(all).unwrap(), "{x} 1.5 true 1 c /default/t 3 42 me k");
        assert_eq!(filled("{id}").unwrap(), record.id().to_string());
        for missing in ["{/a}", "{/list}", "{/nothing}", "{/other}", "{attribute:other}"] {
            let error = filled(missing).unwrap_err();
            assert!(
                matches!(error, ConnectorError::InvalidRecord { .. }) && error.report().contains(missing),
                "{error}"
            );
        }
        let upper: Template = "a {/a/b}".parse().unwrap();
        assert_eq!(upper.fill(&record, |text| Some(text.to_uppercase())).unwrap(), "a X");
        assert!(upper.fill(&record, |_| None).is_err());
        assert_eq!(filled("{/big}{/e}").unwrap(), "18446744073709551616.101E+2");
        assert_eq!((upper.constant(), "a {{".parse::<Template>().unwrap().constant()), (None, Some("a {".to_owned())));
    }

    #[test]
    fn the_publish_time_has_any_format() {
        let record = SinkRecord::builder("/default/t").publish_time(1_517_966_773_840).build();
        let filled = |text: &str| text.parse::<Template>().unwrap().fill(&record, Some);
        assert_eq!(
            filled("{topic}/{publish_time:%Y/%m/%d}/{publish_time:%H}-{offset}").unwrap(),
            "/default/t/2018/02/07/01-0"
        );
        assert_eq!(filled("{publish_time:%FT%T%.6fZ}").unwrap(), "2018-02-07T01:26:13.840000Z");
        assert_eq!(filled("{publish_time:%s %:z %Z week %V}").unwrap(), "1517966773 +00:00 UTC week 06");
    }

    #[test]
    fn a_sample_has_what_each_record_brings() {
        let sample = |text: &str| text.parse::<Template>().unwrap().sample("x");
        assert_eq!(sample("{{{topic}}}-{/a}{attribute:a}{key}{producer}-{partition}{offset}"), "{/default/t}-xxxx-00");
        assert_eq!(sample("{publish_time} {publish_time:%b %Y}"), "1970-01-01T00:00:00.000000Z Jan 1970");
        assert!(sample("{id}").starts_with("/default/t-part-0@0-"));
    }

    #[test]
    fn a_topic_placeholder_alone_is_constant_within_a_mapping() {
        let is_filled_in = |text: &str| text.parse::<Template>().unwrap().is_filled_in();
        assert!(!is_filled_in("a {{x}}") && !is_filled_in("{topic}/x"));
        assert!(is_filled_in("{topic}{offset}") && is_filled_in("{/a}") && is_filled_in("{attribute:a}"));
        assert!(is_filled_in("{publish_time:%Y}"));
    }

    #[test]
    fn an_invalid_placeholder_is_an_error() {
        for wrong in [
            "{",
            "}",
            "a}b",
            "{user}",
            "{}",
            "{/a~}",
            "{attribute}",
            "{/a",
            "{{}",
            "{publish_time:}",
            "{publish_time:%Q}",
            "{publish_time:%#z}",
            "{offset:%Y}",
        ] {
            assert!(wrong.parse::<Template>().is_err(), "{wrong}");
        }
    }
}
