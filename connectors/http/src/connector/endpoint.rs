//! The settings of a topic mapping, and the requests of a batch.

use crate::{
    Answers, FilledIn, Headers, Path,
    reqwest::{
        Method,
        header::{HeaderName, HeaderValue},
    },
};
use danube_sink::{config::Diagnostic, prelude::*};

use super::{content::Content, envelope::Envelope};

const METHODS: [Method; 4] = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::is_consistent)]
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
    pub(crate) body: Body,
    /// Fields to send of each record: names, pointers, or `{ order_id = "/id" }` with other names. Without it, the payload. Not for
    /// `bytes`.
    #[setting(example = ["id", "/customer/name"])]
    pub(crate) fields: Option<NamedFields>,
    /// Metadata to send with each record: beside its `fields`; without these, it becomes `{"payload": …, "offset": …}`. Not for
    /// `bytes`.
    pub(crate) metadata: MetadataColumns,
    /// JSON around the records: the body of a request with one record, such as `{ events = ["{record}"], source = "danube" }`. With
    /// `json_array`, an array of `{record}` alone holds all records; otherwise the envelope is around each. Not for `bytes`.
    #[setting(example = ["{record}"])]
    pub(crate) envelope: Option<Envelope>,
    /// What to do with a tombstone, an empty payload with a routing key: `delete` sends DELETE without a body. `path` then has the key
    /// or an attribute, and neither it nor a header has a value of the payload. With `bytes`, `reject` sends the empty payload.
    pub(crate) tombstones: Tombstones,
    /// Overrides the meaning of HTTP statuses for this mapping: `answers = { accept = [409] }`. It has precedence over the
    /// connector's `answers`.
    pub(crate) answers: Answers,
}

/// The body of a request.
#[derive(Setting, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Body {
    #[default]
    Json,
    Bytes,
    JsonArray,
    Ndjson,
}

/// What to do with a tombstone, an empty payload with a routing key.
#[derive(Setting, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tombstones {
    /// Reject it, since it is not JSON; `on_invalid_record` applies.
    #[default]
    Reject,
    /// Delete what its path names.
    Delete,
}

/// Method, URL and headers, which the records of one request have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether its records are tombstones, by which it deletes: without a body.
    pub(crate) is_deletion: bool,
}

/// The records of one request.
pub(crate) type Request<'t> = Group<'t, Endpoint, Head>;

impl Endpoint {
    fn is_consistent(&self) -> Result<(), Diagnostic> {
        Content::new(self)?;
        match self.tombstones {
            Tombstones::Reject => Ok(()),
            Tombstones::Delete => self.names_what_to_delete(),
        }
    }

    /// Validates that a request for a tombstone can be made, and is for what the tombstone names alone.
    fn names_what_to_delete(&self) -> Result<(), Diagnostic> {
        let path = self.path.template();
        let invalid = |message| {
            let help = "write `{key}` or `{attribute:NAME}`, or remove `tombstones`";
            Err(Diagnostic::of_key("tombstones", message, help))
        };
        if let Some(template) = [path].into_iter().chain(self.headers.templates()).find(|text| text.reads_payload()) {
            return invalid(format!("a tombstone has no payload, of which `{template}` has a value"));
        }
        // DELETE for a path without these may delete everything.
        match path.sample("a") == path.sample("b") {
            true => {
                invalid(format!("`path` does not say what to delete: `{path}` has neither the key nor an attribute"))
            }
            false => Ok(()),
        }
    }

    /// The head of every request, if it has no values of records and there are records.
    fn constant_head(&self, base: &Url, batch: &Batch<'_, Self>) -> ConnectorResult<Option<Head>> {
        let templates = [&self.method, self.path.template()].into_iter().chain(self.headers.templates());
        let is_constant = templates.into_iter().all(|template| template.constant().is_some());
        batch.records().first().filter(|_| is_constant).map(|record| self.head(base, record)).transpose()
    }

    /// The head of the only request of a batch, if it is known before its records are.
    pub(crate) fn only_head(batch: &Batch<'_, Self>, base: &Url) -> ConnectorResult<Option<Head>> {
        let endpoint = batch.own();
        if endpoint.is_for_one() { Ok(None) } else { endpoint.constant_head(base, batch) }
    }

    /// The requests of a batch: one for each record, or one for all records of the same head that do not overtake others by it.
    pub(crate) fn requests<'t>(batch: &mut Batch<'t, Self>, base: &Url) -> ConnectorResult<Vec<Request<'t>>> {
        let endpoint = batch.own();
        let head = |endpoint: &Self, record: &SinkRecord| endpoint.head(base, record);
        match endpoint.constant_head(base, batch)? {
            None if endpoint.is_for_one() => batch.one_by_one(head),
            None => batch.group_by(head),
            Some(head) => {
                let requests = batch.one_by_one(|_, _| Ok(()))?;
                Ok(requests.into_iter().map(|Group { batch, .. }| Request { key: head.clone(), batch }).collect())
            }
        }
    }

    /// Whether a request has one record.
    fn is_for_one(&self) -> bool {
        matches!(self.body, Body::Json | Body::Bytes)
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
        let is_deletion = self.tombstones == Tombstones::Delete && record.is_tombstone();
        Ok(Head {
            method: if is_deletion { Method::DELETE } else { self.method_for(record)? },
            url: self.path.behind(base, record)?,
            headers: self.headers.fill(record)?.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            is_deletion,
        })
    }

    fn method_for(&self, record: &SinkRecord) -> ConnectorResult<Method> {
        let method = self.method.fill(record, Some)?;
        let invalid =
            || ConnectorError::invalid_record(record, format!("its value of `{}` is not a method", self.method));
        METHODS.into_iter().find(|known| known.as_str() == method).ok_or_else(invalid)
    }
}

fn known_method(template: &Template) -> Result<(), &'static str> {
    let known = template.constant().is_none_or(|method| METHODS.iter().any(|known| known.as_str() == method));
    known.then_some(()).ok_or("the method is not `POST`, `PUT`, `PATCH` or `DELETE`")
}
