//! The settings of a topic mapping, and the requests of a batch.

use std::collections::{BTreeMap, HashMap};

use danube_sink::{config::Diagnostic, each_record, prelude::*};
use danube_sink_http::{
    Answers, FilledIn, Headers, Path,
    reqwest::{
        Method,
        header::{HeaderName, HeaderValue},
    },
};

const METHODS: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Settings of a topic mapping.
#[derive(TopicMapping)]
#[setting(validate = Self::has_valid_metadata)]
pub(crate) struct Endpoint {
    /// HTTP method: `POST`, `PUT`, `PATCH` or `DELETE`, or a template for one of them, such as `{attribute:method}`.
    #[setting(default = "POST", validate = known_method)]
    method: Template,
    /// Path and query, appended to `url`, such as `/users/{/user/id}`. Values of the record are percent-encoded.
    #[setting(default = "")]
    pub(crate) path: Path,
    /// Headers of each request, as templates: `headers = { x-tenant = "{/tenant}" }`.
    pub(crate) headers: Headers,
    /// Body of a request: one record as `json`, or as the `bytes` that the producer sent; or the whole batch as a
    /// `json_array`, or as `ndjson`, a line of JSON for each record.
    body: Body,
    /// Metadata to send with each record, which then becomes `{"payload": …, "offset": …}`. Not for `bytes`.
    #[setting(default = [])]
    metadata: Vec<Metadata>,
    /// Overrides the meaning of HTTP statuses for this mapping: `answers = { accept = [409] }`. It has precedence over the
    /// connector's `answers`.
    pub(crate) answers: Answers,
}

/// The body of a request.
#[derive(Setting, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    #[default]
    Json,
    Bytes,
    JsonArray,
    Ndjson,
}

/// Method, URL and headers, which the records of one request have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// One request.
pub(crate) struct Request {
    pub(crate) head: Head,
    pub(crate) records: Vec<SinkRecord>,
}

impl AsRef<[SinkRecord]> for Request {
    fn as_ref(&self) -> &[SinkRecord] {
        &self.records
    }
}

impl Endpoint {
    fn has_valid_metadata(&self) -> Result<(), Diagnostic> {
        if self.body == Body::Bytes && !self.metadata.is_empty() {
            let help = "remove it, or choose another `body`; a header can hold it too: `x-offset = \"{offset}\"`";
            return Err(Diagnostic::of_key("metadata", "`body = \"bytes\"` cannot carry metadata", help));
        }
        let is_repeated = (1..self.metadata.len()).any(|at| self.metadata[..at].contains(&self.metadata[at]));
        let diagnostic = || Diagnostic::of_key("metadata", "a value repeats", "name each once");
        (!is_repeated).then_some(()).ok_or_else(diagnostic)
    }

    /// The requests of a batch: one for each record, or one for all records of the same head that do not overtake others by it.
    ///
    /// # Errors
    /// An error that names every record that lacks a value of a template.
    pub(crate) fn requests(
        &self,
        base: &Url,
        order: SubscriptionType,
        records: Vec<SinkRecord>,
    ) -> ConnectorResult<Vec<Request>> {
        let together = matches!(self.body, Body::JsonArray | Body::Ndjson);
        let templates = [&self.method, self.path.template()].into_iter().chain(self.headers.templates());
        let is_constant = templates.into_iter().all(|template| template.constant().is_some());
        let heads = match records.first() {
            Some(first) if is_constant => {
                let head = self.head(base, first)?;
                if together {
                    return Ok(vec![Request { head, records }]);
                }
                vec![head; records.len()]
            }
            _ => each_record(&records, |record| self.head(base, record))?,
        };
        let mut requests: Vec<Request> = Vec::new();
        let mut of_head: HashMap<Head, usize> = HashMap::new();
        let mut last_of_domain = HashMap::new();
        for (record, head) in records.into_iter().zip(heads) {
            let last = domain(&record, order).map(|domain| last_of_domain.entry(domain).or_insert(0));
            // In a request before the last one of its ordering domain, the record would overtake others.
            let joined =
                of_head.get(&head).filter(|number| together && last.as_ref().is_none_or(|last| **last <= **number));
            let number = joined.copied().unwrap_or(requests.len());
            last.into_iter().for_each(|last| *last = number);
            match requests.get_mut(number) {
                Some(request) => request.records.push(record),
                None => {
                    if together {
                        of_head.insert(head.clone(), number);
                    }
                    requests.push(Request { head, records: vec![record] });
                }
            }
        }
        Ok(requests)
    }

    /// The parts of a request that contain values of the record.
    pub(crate) fn filled_in(&self) -> FilledIn {
        FilledIn {
            method: self.method.is_filled_in(),
            path: self.path.is_filled_in(),
            headers: self.headers.are_filled_in(),
        }
    }

    fn head(&self, base: &Url, record: &SinkRecord) -> ConnectorResult<Head> {
        let method = self.method.fill(record, Some)?;
        let invalid =
            || ConnectorError::invalid_record(record, format!("its value of `{}` is not a method", self.method));
        Ok(Head {
            method: METHODS.into_iter().find(|known| known.as_str() == method).ok_or_else(invalid)?,
            url: self.path.behind(base, record)?,
            headers: self.headers.fill(record)?.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        })
    }

    /// The content type and the body of a request.
    pub(crate) fn content(&self, records: &[SinkRecord]) -> ConnectorResult<(&'static str, Vec<u8>)> {
        let (content_type, [open, between, close]) = match self.body {
            Body::Bytes => return Ok(("application/octet-stream", records[0].bytes().to_vec())),
            Body::Json => ("application/json", ["", "", ""]),
            Body::JsonArray => ("application/json", ["[", ",", "]"]),
            Body::Ndjson => ("application/x-ndjson", ["", "\n", "\n"]),
        };
        let payload = BTreeMap::from([("payload".to_owned(), Field::Payload(Pointer::default()))]);
        let row = (!self.metadata.is_empty()).then(|| JsonRow::new(Some(&payload), &self.metadata));
        let body = Joined { open, between, close }.bytes(records, |record, body| {
            let payload = record.as_json()?;
            match &row {
                Some(row) => row.write(record, body),
                None => {
                    body.extend_from_slice(payload.as_bytes());
                    Ok(())
                }
            }
        });
        Ok((content_type, body?))
    }
}

/// The ordering domain of a record; `None` if the subscription type has no order.
fn domain(record: &SinkRecord, order: SubscriptionType) -> Option<String> {
    match order {
        SubscriptionType::Exclusive | SubscriptionType::Failover => Some(record.id().topic().to_owned()),
        SubscriptionType::KeyShared => Some(record.key().unwrap_or_default().to_owned()),
        SubscriptionType::Shared => None,
    }
}

fn known_method(template: &Template) -> Result<(), &'static str> {
    let known = template.constant().is_none_or(|method| METHODS.iter().any(|known| known.as_str() == method));
    known.then_some(()).ok_or("the method is not `POST`, `PUT`, `PATCH` or `DELETE`")
}
