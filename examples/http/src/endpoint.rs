//! What a topic mapping says, and the requests that it makes of a batch.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use danube_sink::{config::Mistake, prelude::*};
use danube_sink_http::{
    Headers, Path,
    reqwest::{Method, header::HeaderMap},
};

const METHODS: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// What a topic mapping says beyond the common keys.
#[derive(TopicMapping)]
#[setting(validate = Self::has_a_place_for_metadata)]
pub(crate) struct Endpoint {
    /// `POST`, `PUT`, `PATCH` or `DELETE`, or a template whose text is one of them, such as `{attribute:method}`.
    #[setting(default = "POST", validate = known_method)]
    method: Template,
    /// Path and query behind `url`, such as `/users/{/user/id}`. What comes from the record is percent-encoded.
    #[setting(default = "")]
    pub(crate) path: Path,
    /// Headers of each request, templates as well: `headers = { x-tenant = "{/tenant}" }`.
    headers: Headers,
    /// What a request carries: one record as `json`, or as the `bytes` that the producer sent; or the whole batch as a
    /// `json_array`, or as `ndjson`, a line of JSON for each record.
    body: Body,
    /// What is sent along of each record, which then looks like `{"payload": …, "offset": …}`. Not for `bytes`.
    #[setting(default = [])]
    metadata: Vec<Metadata>,
}

/// What a request carries.
#[derive(Setting, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    #[default]
    Json,
    Bytes,
    JsonArray,
    Ndjson,
}

/// What the records of one request have in common.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
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
    fn has_a_place_for_metadata(&self) -> Result<(), Mistake> {
        let help = "remove it, or choose another `body`; a header can hold it too: `x-offset = \"{offset}\"`";
        let mistake = || Mistake::of_key("metadata", "bytes have no place for it", help);
        (self.body != Body::Bytes || self.metadata.is_empty()).then_some(()).ok_or_else(mistake)
    }

    /// A request for each record; or for each head, with all records that have it.
    pub(crate) fn requests(&self, base: &Url, records: Vec<SinkRecord>) -> ConnectorResult<Vec<Request>> {
        let together = matches!(self.body, Body::JsonArray | Body::Ndjson);
        let templates = [&self.method, self.path.template()].into_iter().chain(self.headers.templates());
        let varying: Vec<_> = templates.filter(|template| template.constant().is_none()).collect();
        if together && varying.is_empty() {
            return Ok(vec![Request { head: self.head(base, &records[0])?, records }]);
        }
        let mut requests: Vec<Request> = Vec::new();
        let mut places = HashMap::new();
        for record in records {
            let filled: Vec<_> =
                varying.iter().map(|template| template.fill(&record, Some)).collect::<Result<_, _>>()?;
            let head = match places.entry(filled) {
                Entry::Vacant(place) => {
                    place.insert(requests.len());
                    self.head(base, &record)?
                }
                Entry::Occupied(place) if together => {
                    requests[*place.get()].records.push(record);
                    continue;
                }
                Entry::Occupied(place) => requests[*place.get()].head.clone(),
            };
            requests.push(Request { head, records: vec![record] });
        }
        Ok(requests)
    }

    fn head(&self, base: &Url, record: &SinkRecord) -> ConnectorResult<Head> {
        let method = self.method.fill(record, Some)?;
        let wrong =
            || ConnectorError::invalid_record(record, format!("`{}` is no method with what it has", self.method));
        Ok(Head {
            method: METHODS.into_iter().find(|known| known.as_str() == method).ok_or_else(wrong)?,
            url: self.path.behind(base, record)?,
            headers: self.headers.fill(record)?,
        })
    }

    /// The content type and what is sent.
    pub(crate) fn content(&self, records: &[SinkRecord]) -> ConnectorResult<(&'static str, Vec<u8>)> {
        let (content_type, [open, between, close]) = match self.body {
            Body::Bytes => return Ok(("application/octet-stream", records[0].bytes().to_vec())),
            Body::Json => ("application/json", ["", "", ""]),
            Body::JsonArray => ("application/json", ["[", ",", "]"]),
            Body::Ndjson => ("application/x-ndjson", ["", "\n", "\n"]),
        };
        let payload = BTreeMap::from([("payload".to_owned(), Field::Payload(Pointer::default()))]);
        let row = (!self.metadata.is_empty()).then(|| JsonRow::new(Some(&payload), &self.metadata));
        let body = Joined { open, between, close }.bytes(records, |record, body| match &row {
            Some(row) => row.write(record, body),
            None => {
                body.extend_from_slice(record.json().as_bytes());
                Ok(())
            }
        });
        Ok((content_type, body?))
    }
}

fn known_method(template: &Template) -> Result<(), &'static str> {
    let known = template.constant().is_none_or(|method| METHODS.iter().any(|known| known.as_str() == method));
    known.then_some(()).ok_or("the method is not `POST`, `PUT`, `PATCH` or `DELETE`")
}
