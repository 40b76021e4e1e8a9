//! An HTTP API that keeps payloads as APIs do, by the id of each or by the idempotency key.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use danube_sink::testing::{HttpReply, HttpRequest, HttpServer};
use serde_json::Value;

/// The payloads, and how the API answers.
struct Kept {
    /// The reply instead of keeping the payload.
    always: Option<HttpReply>,
    /// The status for `HEAD`.
    head: u16,
    /// Bodies with this in them are answered 422.
    refused: Option<&'static str>,
    /// The payloads by their identity: the record's id, or the idempotency key of the request.
    payloads: BTreeMap<String, Value>,
    /// The last payload of each URI.
    latest: BTreeMap<String, Value>,
}

/// An API on a port of its own.
pub(super) struct Api {
    server: HttpServer,
    kept: Arc<Mutex<Kept>>,
}

impl Deref for Api {
    type Target = HttpServer;

    fn deref(&self) -> &HttpServer {
        &self.server
    }
}

impl Api {
    pub(super) fn start() -> Self {
        let (payloads, latest) = Default::default();
        let kept = Arc::new(Mutex::new(Kept { always: None, head: 404, refused: None, payloads, latest }));
        let of_server = Arc::clone(&kept);
        let server = HttpServer::start(move |request| of_server.lock().expect("whole").answer(request));
        Self { server: server.expect("a free port"), kept }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("whole")
    }

    /// Answers every request like this from now on; `None` keeps them.
    pub(super) fn always(&self, reply: impl Into<Option<HttpReply>>) {
        self.kept().always = reply.into();
    }

    /// Answers `HEAD` with this status.
    pub(super) fn head(&self, status: u16) {
        self.kept().head = status;
    }

    pub(super) fn refuse(&self, bodies_with: &'static str) {
        self.kept().refused = Some(bodies_with);
    }

    /// The numbers of the payloads that are kept and have no version, in no order.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let kept = self.kept();
        let without_version = kept.payloads.values().filter(|payload| payload.get("version").is_none());
        without_version.filter_map(|payload| payload["number"].as_u64()).collect()
    }

    /// The numbers and versions of the last payloads of each URI.
    pub(super) fn versions(&self) -> Vec<(u64, u64)> {
        let version = |payload: &Value| Some((payload["number"].as_u64()?, payload["version"].as_u64()?));
        self.kept().latest.values().filter_map(version).collect()
    }
}

/// Keeps the payload, after a delay.
pub(super) fn take_late(after: Duration) -> HttpReply {
    HttpReply::handled().after(after)
}

/// Answers with a text made from the request.
pub(super) fn repeat(status: u16, text: fn(&HttpRequest) -> String) -> HttpReply {
    HttpReply::made(move |request| HttpReply::status(status, text(request)))
}

/// The idempotency key of a request.
pub(super) fn key(request: &HttpRequest) -> &str {
    request.header("idempotency-key")
}

impl Kept {
    fn answer(&mut self, request: &HttpRequest) -> HttpReply {
        if request.method == "HEAD" {
            return HttpReply::status(self.head, "");
        }
        match &self.always {
            Some(reply) => reply.clone(),
            None => self.keep(request),
        }
    }

    fn keep(&mut self, request: &HttpRequest) -> HttpReply {
        let text = request.text();
        if self.refused.is_some_and(|refused| text.contains(refused)) {
            return HttpReply::status(422, "not this one");
        }
        let documents: Vec<Value> = match request.header("content-type") {
            "application/x-ndjson" => {
                text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
            }
            "application/json" => match serde_json::from_str(&text).expect("JSON") {
                Value::Array(documents) if documents.iter().all(|document| document.get("payload").is_some()) => {
                    documents
                }
                document => vec![document],
            },
            _ => vec![serde_json::from_slice(&request.body).unwrap_or_default()],
        };
        for document in documents {
            let (key, payload) = match (document["id"].as_str(), document.get("payload")) {
                (Some(id), Some(payload)) => (id.to_owned(), payload.clone()),
                _ => (key(request).to_owned(), document),
            };
            if let Entry::Vacant(new) = self.payloads.entry(key) {
                new.insert(payload.clone());
                self.latest.insert(request.uri.clone(), payload);
            }
        }
        HttpReply::status(204, "")
    }
}
