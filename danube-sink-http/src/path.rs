//! Paths that each record fills in.

use std::str::FromStr;

use danube_sink::{
    ConnectorError, ConnectorResult, Setting, SinkRecord, Template,
    config::{Diagnostics, Value, schema::ValueType},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

/// No client sends a longer address.
const LONGEST: usize = 65_534;
/// What RFC 3986 calls unreserved stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) const A_PATH: &str = "a path begins with `/` or `?` and has no `#`";

/// Path and query behind an API's address, as a [`Template`]: `/users/{/user/id}?from={topic}`. What comes from the record is
/// percent-encoded, so that it stays within its segment.
#[derive(Debug)]
pub struct Path(Template);

impl Path {
    /// As the configuration has it.
    pub fn template(&self) -> &Template {
        &self.0
    }

    /// The whole address for messages: as it is configured, without anything that a record holds.
    pub fn told(&self, base: &Url) -> String {
        format!("{}{}", without_slash(base), self.0)
    }

    /// The whole address for a record.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has not what a place needs, or would make another path of it: an empty
    /// text, `.` or `..`; or if the address would be longer than 64 KiB.
    pub fn behind(&self, base: &Url, record: &SinkRecord) -> ConnectorResult<Url> {
        let url = behind(base, &self.0.fill(record, segment)?).ok().filter(|url| url.as_str().len() <= LONGEST);
        let wrong = || ConnectorError::invalid_record(record, format!("`{}` is no address with what it has", self.0));
        url.ok_or_else(wrong)
    }

    /// Whether records fill it in.
    pub fn is_filled_in(&self) -> bool {
        self.0.is_filled_in()
    }
}

impl Setting for Path {
    const VALUE_TYPE: ValueType = Template::VALUE_TYPE;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let template = Template::read(value)?;
        match is_path(&template.to_string()) {
            true => Ok(Self(template)),
            false => Err(value.diagnostic("no path", A_PATH).into()),
        }
    }
}

/// A path, and what is behind an address with it.
pub(crate) fn behind(base: &Url, path: &str) -> Result<Url, <Url as FromStr>::Err> {
    format!("{}{path}", without_slash(base)).parse()
}

fn without_slash(base: &Url) -> &str {
    base.as_str().trim_end_matches('/')
}

/// Else it could be another host.
pub(crate) fn is_path(text: &str) -> bool {
    (text.is_empty() || text.starts_with(['/', '?'])) && !text.contains('#')
}

fn segment(value: String) -> Option<String> {
    let is_another_path = ["", ".", ".."].contains(&value.as_str());
    (!is_another_path).then(|| utf8_percent_encode(&value, RESERVED).to_string())
}
