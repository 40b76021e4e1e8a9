//! A scripted HTTP API, which keeps the requests and payloads, and can be stopped and restarted.

use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use tokio::{runtime::Runtime, sync::watch};

/// The scripted reaction to the next request.
#[derive(Clone)]
pub(super) enum Reply {
    /// Answers with status, headers and body, and keeps nothing.
    Status(u16, &'static [(&'static str, &'static str)], &'static str),
    /// Answers with a text made from the request, and keeps nothing.
    Echo(u16, fn(&Seen) -> String),
    /// Closes the connection, and keeps nothing.
    Hangup,
    /// Keeps it, and closes the connection without an answer.
    TakeAndHangup,
    /// Keeps it, after a delay.
    TakeLate(Duration),
    /// Keeps nothing and never answers.
    Hang,
}

/// A request.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().expect("text")).unwrap_or_default()
    }

    pub(super) fn key(&self) -> &str {
        self.header("idempotency-key")
    }

    pub(super) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("text")
    }
}

struct Kept {
    /// Every request except health checks, also the refused ones.
    seen: Vec<Seen>,
    script: VecDeque<Reply>,
    /// The reaction when the script is at its end; `None` keeps the payload.
    always: Option<Reply>,
    /// The status for `HEAD`.
    head: u16,
    /// Bodies with this in them are answered 422.
    refused: Option<&'static str>,
    /// The payloads by their identity: the record's id, or the idempotency key of the request.
    payloads: BTreeMap<String, Value>,
    /// The last payload of each URI.
    latest: BTreeMap<String, Value>,
    /// The number of concurrent requests that answers wait for.
    barrier: Option<usize>,
    under_way: usize,
    most_under_way: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            seen: Vec::new(),
            script: VecDeque::new(),
            always: None,
            head: 404,
            refused: None,
            payloads: BTreeMap::new(),
            latest: BTreeMap::new(),
            barrier: None,
            under_way: 0,
            most_under_way: 0,
        }
    }
}

#[derive(Clone, Default)]
struct Shared {
    kept: Arc<Mutex<Kept>>,
    bell: watch::Sender<()>,
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.bell.send_replace(());
        self.kept.lock().expect("no test panics with it")
    }
}

/// An API on a port of its own.
pub(super) struct Api {
    address: SocketAddr,
    shared: Shared,
    /// `None` while it is stopped.
    running: Mutex<Option<Runtime>>,
}

impl Api {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let api = Self {
            address: listener.local_addr().expect("an address"),
            shared: Shared::default(),
            running: Mutex::new(None),
        };
        api.listen(listener);
        api
    }

    fn listen(&self, listener: TcpListener) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        listener.set_nonblocking(true).expect("a socket");
        let router = Router::new().fallback(answer).with_state(self.shared.clone());
        runtime.spawn(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            axum::serve(listener, router).await
        });
        *self.running.lock().expect("whole") = Some(runtime);
    }

    /// Breaks every connection and stops listening.
    pub(super) fn stop(&self) {
        if let Some(runtime) = self.running.lock().expect("whole").take() {
            runtime.shutdown_background();
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.running.lock().expect("whole").is_none()
    }

    /// Returns when the port is closed.
    pub(super) async fn is_gone(&self) {
        let gone = || async { tokio::net::TcpStream::connect(self.address).await.is_err() };
        danube_sink_tests::until("a closed port", gone).await;
    }

    /// Listens on the same port again.
    pub(super) async fn start_again(&self) {
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                // The stopped server ends in the background.
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.listen(listener);
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.kept().script = replies.into_iter().collect();
    }

    /// Answers every request like this from now on; `None` keeps them.
    pub(super) fn always(&self, reply: impl Into<Option<Reply>>) {
        self.shared.kept().always = reply.into();
    }

    /// Answers `HEAD` with this status.
    pub(super) fn head(&self, status: u16) {
        self.shared.kept().head = status;
    }

    pub(super) fn refuse(&self, bodies_with: &'static str) {
        self.shared.kept().refused = Some(bodies_with);
    }

    /// Delays answers until this many requests are in progress at once.
    pub(super) fn wait_for(&self, requests: usize) {
        self.shared.kept().barrier = Some(requests);
    }

    pub(super) fn most_under_way(&self) -> usize {
        self.shared.kept().most_under_way
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.shared.kept().seen.clone()
    }

    /// The numbers of the payloads that are kept and have no version, in no order.
    pub(super) fn numbers(&self) -> Vec<u64> {
        let kept = self.shared.kept();
        let without_version = kept.payloads.values().filter(|payload| payload.get("version").is_none());
        without_version.filter_map(|payload| payload["number"].as_u64()).collect()
    }

    /// The numbers and versions of the last payloads of each URI.
    pub(super) fn versions(&self) -> Vec<(u64, u64)> {
        let kept = self.shared.kept();
        let version = |payload: &Value| Some((payload["number"].as_u64()?, payload["version"].as_u64()?));
        kept.latest.values().filter_map(version).collect()
    }

    /// Returns when this many requests were seen.
    pub(super) async fn sees(&self, requests: usize) {
        let mut bell = self.shared.bell.subscribe();
        while self.shared.kept.lock().expect("whole").seen.len() < requests {
            bell.changed().await.expect("the API is there");
        }
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn answer(State(shared): State<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let seen = Seen { method, uri: uri.to_string(), headers, body: body.to_vec() };
    if seen.method == Method::HEAD {
        let head = shared.kept().head;
        return StatusCode::from_u16(head).expect("a status").into_response();
    }
    let (reply, barrier) = {
        let mut kept = shared.kept();
        kept.seen.push(seen.clone());
        kept.under_way += 1;
        kept.most_under_way = kept.most_under_way.max(kept.under_way);
        (kept.script.pop_front().or_else(|| kept.always.clone()), kept.barrier)
    };
    let mut bell = shared.bell.subscribe();
    while barrier.is_some_and(|barrier| shared.kept.lock().expect("whole").most_under_way < barrier) {
        bell.changed().await.expect("the API is there");
    }
    shared.kept().under_way -= 1;
    match reply {
        None => keep(&shared, &seen),
        Some(Reply::Status(status, headers, body)) => {
            let mut response = body.into_response();
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().expect("a header"));
            }
            response
        }
        Some(Reply::Echo(status, text)) => {
            (StatusCode::from_u16(status).expect("a status"), text(&seen)).into_response()
        }
        Some(Reply::Hangup) => hang_up(),
        Some(Reply::TakeAndHangup) => {
            keep(&shared, &seen);
            hang_up()
        }
        Some(Reply::TakeLate(after)) => {
            tokio::time::sleep(after).await;
            keep(&shared, &seen)
        }
        Some(Reply::Hang) => std::future::pending().await,
    }
}

/// The server's task of the connection ends, and so does the connection.
fn hang_up() -> Response {
    std::panic::resume_unwind(Box::new("the script says so"))
}

fn keep(shared: &Shared, seen: &Seen) -> Response {
    let mut kept = shared.kept();
    if kept.refused.is_some_and(|refused| seen.text().contains(refused)) {
        return (StatusCode::UNPROCESSABLE_ENTITY, "not this one").into_response();
    }
    let documents: Vec<Value> = match seen.header("content-type") {
        "application/x-ndjson" => {
            seen.text().lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
        }
        "application/json" => match serde_json::from_slice(&seen.body).expect("JSON") {
            Value::Array(documents) if documents.iter().all(|document| document.get("payload").is_some()) => documents,
            document => vec![document],
        },
        _ => vec![serde_json::from_slice(&seen.body).unwrap_or_default()],
    };
    for document in documents {
        let (key, payload) = match (document["id"].as_str(), document.get("payload")) {
            (Some(id), Some(payload)) => (id.to_owned(), payload.clone()),
            _ => (seen.key().to_owned(), document),
        };
        if let Entry::Vacant(new) = kept.payloads.entry(key) {
            new.insert(payload.clone());
            kept.latest.insert(seen.uri.clone(), payload);
        }
    }
    StatusCode::NO_CONTENT.into_response()
}
