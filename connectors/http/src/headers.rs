//! Request headers that are templates, filled in from each record.

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

/// Headers that the client sets, or that carry a credential, which does not belong in a file.
const FORBIDDEN: [HeaderName; 5] = [AUTHORIZATION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING];

/// The longest header value; no server reads a longer one.
const LONGEST: usize = 64 * 1024;

/// Request headers whose values are [`Template`]s, as a setting: `headers = { x-tenant = "{/tenant}" }`. Default: none.
#[derive(Debug, Default)]
pub struct Headers(HashMap<Header, HeaderTemplate>);

/// The name of a header that a mapping may set.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Header(HeaderName);

/// The template of a header value.
#[derive(Debug)]
struct HeaderTemplate(Template);

impl Headers {
    /// The templates of the values.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.0.values().map(|value| &value.0)
    }

    /// Whether a header of this name is set.
    pub fn have(&self, name: &HeaderName) -> bool {
        self.0.keys().any(|Header(own)| own == name)
    }

    /// Whether a header contains values of the record.
    pub fn are_filled_in(&self) -> bool {
        self.templates().any(Template::is_filled_in)
    }

    /// Fills in the headers for a record.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record lacks a value of a template, or the value is not valid in a header: a line
    /// break or another control character, or more than 64 KiB.
    pub fn fill(&self, record: &SinkRecord) -> ConnectorResult<HeaderMap> {
        let header = |(Header(name), HeaderTemplate(template)): (&Header, &HeaderTemplate)| {
            let reason = || format!("its value of `{template}` is not valid in a header");
            let text = template.fill(record, Some)?;
            let value = HeaderValue::try_from(text).ok().filter(|value| value.len() <= LONGEST);
            Ok((name.clone(), value.ok_or_else(|| ConnectorError::invalid_record(record, reason()))?))
        };
        self.0.iter().map(header).collect()
    }
}

impl FromStr for Header {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        let name: HeaderName = name.parse().map_err(|_| "letters, digits and `-` are allowed")?;
        match FORBIDDEN.contains(&name) {
            true => Err("the client sets it, or it carries a credential, which comes from the environment"),
            false => Ok(Self(name)),
        }
    }
}

impl Setting for HeaderTemplate {
    const VALUE_TYPE: ValueType = Template::VALUE_TYPE;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let template = Template::read(value)?;
        match template.constant().is_none_or(|text| HeaderValue::try_from(text).is_ok()) {
            true => Ok(Self(template)),
            false => Err(value.diagnostic("not a valid header value", "write it on one line").into()),
        }
    }
}

impl Setting for Headers {
    const VALUE_TYPE: ValueType = ValueType::map(&HeaderTemplate::VALUE_TYPE);
    const DEFAULT: KeyDefault = KeyDefault::OfType;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        HashMap::read(value).map(Self)
    }

    fn default_if_missing() -> Option<Self> {
        Some(Self::default())
    }
}
