//! URL paths that are templates, filled in from each record.

use std::str::FromStr;

use danube_sink::{
    ConnectorError, ConnectorResult, Setting, SinkRecord, Template,
    config::{Diagnostics, Value, schema::ValueType},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

/// The longest URL that the client sends.
const LONGEST: usize = 65_534;
/// The characters that are percent-encoded: all but those that RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The rule for the texts of paths, for messages.
pub(crate) const PATH_RULE: &str = "a path begins with `/` or `?`, and has no `#` and no segment `.` or `..`";

/// Path and query behind an API's address, as a [`Template`]: `/users/{/user/id}?from={topic}`. Values of the record are
/// percent-encoded, so that each stays within its segment.
#[derive(Debug)]
pub struct Path(Template);

impl Path {
    /// The template, as configured.
    pub fn template(&self) -> &Template {
        &self.0
    }

    /// The URL with the template as configured, for messages: it contains no values of a record.
    pub fn url_template(&self, base: &Url) -> String {
        format!("{}{}", without_slash(base), self.0)
    }

    /// The URL for a record.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record lacks a value of the template, if a value is empty, if a segment with its
    /// values is `.` or `..`, which would be another path, or if the URL would be longer than 64 KiB.
    pub fn behind(&self, base: &Url, record: &SinkRecord) -> ConnectorResult<Url> {
        let path = self.0.fill(record, encoded)?;
        let url = is_path(&path).then(|| behind(base, &path).ok()).flatten();
        let url = url.filter(|url| url.as_str().len() <= LONGEST);
        let invalid =
            || ConnectorError::invalid_record(record, format!("`{}` is no valid URL with its values", self.0));
        url.ok_or_else(invalid)
    }

    /// Whether the path contains values of the record.
    pub fn is_filled_in(&self) -> bool {
        self.0.is_filled_in()
    }
}

impl Setting for Path {
    const VALUE_TYPE: ValueType = Template::VALUE_TYPE;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let template = Template::read(value)?;
        match is_path(&template.pattern("x")) {
            true => Ok(Self(template)),
            false => Err(value.diagnostic("invalid path", PATH_RULE).into()),
        }
    }
}

/// The URL of a path behind an address.
///
/// A query of the address, which holds a secret, is appended to that of the path.
pub(crate) fn behind(base: &Url, path: &str) -> Result<Url, <Url as FromStr>::Err> {
    match base.as_str().split_once('?') {
        None => format!("{}{path}", without_slash(base)).parse(),
        Some((base, query)) => {
            let separator = if path.contains('?') { '&' } else { '?' };
            format!("{}{path}{separator}{query}", base.trim_end_matches('/')).parse()
        }
    }
}

fn without_slash(base: &Url) -> &str {
    base.as_str().trim_end_matches('/')
}

/// Whether a text is a path below an address: another text could change the host, or climb out of the address' path.
pub(crate) fn is_path(text: &str) -> bool {
    let path = text.split('?').next().unwrap_or_default().replace("%2e", ".").replace("%2E", ".");
    let climbs = path.split(['/', '\\']).any(|segment| matches!(segment, "." | ".."));
    (text.is_empty() || text.starts_with(['/', '?'])) && !text.contains('#') && !climbs
}

fn encoded(value: String) -> Option<String> {
    (!value.is_empty()).then(|| utf8_percent_encode(&value, RESERVED).to_string())
}
