//! Headers that each record fills in.

use std::collections::HashMap;

use danube_sink::{
    ConnectorError, ConnectorResult, Setting, SinkRecord, Template,
    config::{Mistakes, Value, shape::Shape},
};
use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};

/// Headers that are the client's, or hold what must not stand in a file.
const NOT_HERE: [HeaderName; 5] = [AUTHORIZATION, CONTENT_LENGTH, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING];

/// Headers of a request, whose values are [`Template`]s: `headers = { x-tenant = "{/tenant}" }`. There are none without the key.
#[derive(Debug, Clone, Default)]
pub struct Headers(HashMap<HeaderName, Template>);

impl Headers {
    /// The values, as the configuration has them.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.0.values()
    }

    /// The headers for a record.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has not what a place needs, or a header cannot hold it: a line break.
    pub fn fill(&self, record: &SinkRecord) -> ConnectorResult<HeaderMap> {
        let header = |(name, template): (&HeaderName, &Template)| {
            let wrong =
                |_| ConnectorError::invalid_record(record, format!("no header holds what it has for `{template}`"));
            Ok((name.clone(), HeaderValue::try_from(template.fill(record, Some)?).map_err(wrong)?))
        };
        self.0.iter().map(header).collect()
    }
}

impl Setting for Headers {
    const SHAPE: Shape = Shape::map(&Template::SHAPE);
    const OPTIONAL: bool = true;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        let headers: HashMap<HeaderName, Template> = HashMap::read(value)?;
        let mut mistakes = Mistakes::default();
        for (name, value) in value.as_table()? {
            let is_wrong = name.parse().ok().is_none_or(|name| {
                let constant = headers.get(&name).and_then(Template::constant);
                NOT_HERE.contains(&name) || constant.is_some_and(|value| HeaderValue::try_from(value).is_err())
            });
            if is_wrong {
                mistakes.hide(value);
                let message = format!("`{name}` is no header that can be set here");
                mistakes.push(value.mistake(message, "remove it; a credential is a secret of the environment"));
            }
        }
        mistakes.into_result().map(|()| Self(headers))
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}
