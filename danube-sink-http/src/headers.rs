//! Headers that each record fills in.

use std::{collections::HashMap, str::FromStr};

use danube_sink::{
    ConnectorError, ConnectorResult, Setting, SinkRecord, Template,
    config::{
        Diagnostics, Value,
        schema::{KeyDefault, ValueType},
    },
};
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};

/// Headers that are the client's, or hold what must not stand in a file.
const NOT_HERE: [HeaderName; 5] = [AUTHORIZATION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING];

/// No server reads a longer value.
const LONGEST: usize = 64 * 1024;

/// Headers of a request, whose values are [`Template`]s: `headers = { x-tenant = "{/tenant}" }`. There are none without the key.
#[derive(Debug, Default)]
pub struct Headers(HashMap<Header, Text>);

/// The name of one that can be set.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Header(HeaderName);

/// What one holds.
#[derive(Debug)]
struct Text(Template);

impl Headers {
    /// The values, as the configuration has them.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.0.values().map(|text| &text.0)
    }

    /// Whether there is one of this name.
    pub fn have(&self, name: &HeaderName) -> bool {
        self.0.keys().any(|Header(own)| own == name)
    }

    /// Whether records fill one of them in.
    pub fn are_filled_in(&self) -> bool {
        self.templates().any(Template::is_filled_in)
    }

    /// The headers for a record.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has not what a place needs, or a header cannot hold it: a line break or
    /// another control character, or more than 64 KiB.
    pub fn fill(&self, record: &SinkRecord) -> ConnectorResult<HeaderMap> {
        let header = |(Header(name), Text(template)): (&Header, &Text)| {
            let wrong =
                || ConnectorError::invalid_record(record, format!("no header holds what it has for `{template}`"));
            let text = template.fill(record, Some)?;
            let value = HeaderValue::try_from(text).ok().filter(|value| value.len() <= LONGEST);
            Ok((name.clone(), value.ok_or_else(wrong)?))
        };
        self.0.iter().map(header).collect()
    }
}

impl FromStr for Header {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        let name: HeaderName = name.parse().map_err(|_| "letters, digits and `-` make one")?;
        match NOT_HERE.contains(&name) {
            true => Err("the client sets it, or it is made of a secret of the environment"),
            false => Ok(Self(name)),
        }
    }
}

impl Setting for Text {
    const VALUE_TYPE: ValueType = Template::VALUE_TYPE;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let template = Template::read(value)?;
        match template.constant().is_none_or(|text| HeaderValue::try_from(text).is_ok()) {
            true => Ok(Self(template)),
            false => Err(value.diagnostic("no header holds it", "write it on one line").into()),
        }
    }
}

impl Setting for Headers {
    const VALUE_TYPE: ValueType = ValueType::map(&Text::VALUE_TYPE);
    const DEFAULT: KeyDefault = KeyDefault::OfType;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        HashMap::read(value).map(Self)
    }

    fn default_if_missing() -> Option<Self> {
        Some(Self::default())
    }
}
