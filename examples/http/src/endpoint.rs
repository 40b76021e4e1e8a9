//! What a topic mapping says, and the requests that it makes of a batch.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use danube_sink::{
    ConnectorResult, ErrorExt, Metadata, PartialFailure, Setting, SinkRecord, SubscriptionType, TopicMapping,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method, Url,
    header::{self, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

use crate::template::Template;

/// What RFC 3986 calls unreserved stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Headers that are the client's, or hold what must not stand in a file.
const NOT_HERE: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
];

/// What a topic mapping says beyond the common keys.
#[derive(TopicMapping)]
pub(crate) struct Endpoint {
    /// `POST`, `PUT`, `PATCH` or `DELETE`, or a template whose text is one of them, such as `{attribute:method}`.
    #[setting(default = "POST", validate = known_method)]
    method: Template,
    /// Path and query behind `base_url`, such as `/users/{/user/id}`. What comes from the record is percent-encoded.
    #[setting(default = "", validate = behind_a_host)]
    pub(crate) path: Template,
    /// Headers of each request, templates as well: `headers = { x-tenant = "{/tenant}" }`.
    #[setting(validate = sound_headers)]
    headers: Option<BTreeMap<String, Template>>,
    /// What a request carries: one record as `json`, or as the `bytes` that the producer sent; or the whole batch as a
    /// `json_array`, or as `ndjson`, a line of JSON for each record.
    body: Body,
    /// What is sent along of each record, which then looks like `{"payload": …, "offset": …}`. Not for `bytes`.
    #[setting(default = [])]
    pub(crate) metadata: Vec<Metadata>,
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
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// One request.
pub(crate) struct Request<'r> {
    pub(crate) head: Head,
    pub(crate) records: Vec<&'r SinkRecord>,
}

/// What requests that must not overtake each other have in common.
#[derive(PartialEq, Eq, Hash)]
enum Line<'r> {
    Alone(usize),
    Partition(Option<u32>),
    Key(Option<&'r str>),
    Head(Head),
}

impl Endpoint {
    /// The requests in lines: those of one line are sent one after the other, the lines side by side.
    ///
    /// A request of a single record stands in line as the subscription asks for. Of several records there is one request
    /// for each head. A record that lacks what a template needs is rejected.
    pub(crate) fn lines<'r>(
        &self,
        base: &str,
        order: SubscriptionType,
        records: &'r [SinkRecord],
        failure: &mut PartialFailure,
    ) -> Vec<Vec<Request<'r>>> {
        let together = matches!(self.body, Body::JsonArray | Body::Ndjson);
        let mut lines: Vec<Vec<Request<'r>>> = Vec::new();
        let mut places = HashMap::new();
        for (number, record) in records.iter().enumerate() {
            let head = match self.head(base, record) {
                Ok(head) => head,
                Err(reason) => {
                    failure.reject(record, reason);
                    continue;
                }
            };
            let line = match order {
                _ if together => Line::Head(head.clone()),
                SubscriptionType::Shared => Line::Alone(number),
                SubscriptionType::KeyShared => Line::Key(record.key()),
                SubscriptionType::Exclusive | SubscriptionType::Failover => Line::Partition(record.partition()),
            };
            let place = *places.entry(line).or_insert(lines.len());
            match lines.get_mut(place) {
                Some(line) if together => line[0].records.push(record),
                Some(line) => line.push(Request { head, records: vec![record] }),
                None => lines.push(vec![Request { head, records: vec![record] }]),
            }
        }
        lines
    }

    fn head(&self, base: &str, record: &SinkRecord) -> Result<Head, String> {
        let method = self.method.of(record, Some)?;
        let method = method_of(&method).ok_or_else(|| format!("`{}` gives no method for it", self.method))?;
        let path = self.path.of(record, segment)?;
        let url = Url::parse(&format!("{base}{path}")).map_err(|error| format!("`{}`: {error}", self.path))?;
        let headers = self.headers.iter().flatten().map(|(name, template)| {
            let value = HeaderValue::try_from(template.of(record, Some)?);
            let value =
                value.map_err(|_| format!("what it has for `{template}` cannot stand in the header `{name}`"))?;
            Ok((name.parse().map_err(|_| format!("`{name}` is no header"))?, value))
        });
        Ok(Head { method, url, headers: headers.collect::<Result<_, String>>()? })
    }

    pub(crate) fn content_type(&self) -> &'static str {
        match self.body {
            Body::Json | Body::JsonArray => "application/json",
            Body::Bytes => "application/octet-stream",
            Body::Ndjson => "application/x-ndjson",
        }
    }

    pub(crate) fn is_raw(&self) -> bool {
        self.body == Body::Bytes
    }

    pub(crate) fn body(&self, records: &[&SinkRecord]) -> ConnectorResult<Vec<u8>> {
        let (open, between, close) = match self.body {
            Body::Bytes => return Ok(records[0].bytes().to_vec()),
            Body::Json => ("", "", ""),
            Body::JsonArray => ("[", ",", "]"),
            Body::Ndjson => ("", "\n", "\n"),
        };
        let mut body = open.as_bytes().to_vec();
        for (number, record) in records.iter().enumerate() {
            body.extend_from_slice(if number == 0 { b"" } else { between.as_bytes() });
            serde_json::to_writer(&mut body, &*self.document(record)).fatal("write JSON")?;
        }
        body.extend_from_slice(close.as_bytes());
        Ok(body)
    }

    fn document<'r>(&self, record: &'r SinkRecord) -> Cow<'r, Value> {
        if self.metadata.is_empty() {
            return Cow::Borrowed(record.payload());
        }
        let mut document = json!({ "payload": record.payload() });
        for which in &self.metadata {
            document[which.as_str()] = record.metadata(*which);
        }
        Cow::Owned(document)
    }
}

/// A whole segment that is empty, `.` or `..` would be another path.
fn segment(value: String) -> Option<String> {
    let is_another_path = ["", ".", ".."].contains(&value.as_str());
    (!is_another_path).then(|| utf8_percent_encode(&value, RESERVED).to_string())
}

fn method_of(text: &str) -> Option<Method> {
    [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].into_iter().find(|method| method == text)
}

fn known_method(template: &Template) -> Result<(), &'static str> {
    let known = template.constant().is_none_or(|method| method_of(&method).is_some());
    if known { Ok(()) } else { Err("the method is not `POST`, `PUT`, `PATCH` or `DELETE`") }
}

fn behind_a_host(template: &Template) -> Result<(), &'static str> {
    let written = template.to_string();
    let sound = (written.is_empty() || written.starts_with(['/', '?'])) && !written.contains('#');
    if sound { Ok(()) } else { Err("a path begins with `/` or `?` and has no `#`") }
}

fn sound_headers(headers: &BTreeMap<String, Template>) -> Result<(), String> {
    for (name, template) in headers {
        let named = HeaderName::try_from(name).is_ok_and(|name| !NOT_HERE.contains(&name));
        if !named || template.constant().is_some_and(|value| HeaderValue::try_from(value).is_err()) {
            return Err(format!("`{name}` is no header that a mapping can set"));
        }
    }
    Ok(())
}
