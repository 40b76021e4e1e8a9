//! Scripted HTTP server, as the target of a connector in tests.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::VecDeque,
    fmt,
    future::{pending, poll_fn},
    io,
    net::{SocketAddr, TcpListener},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    runtime::{Builder, Runtime},
    sync::watch,
    task::yield_now,
};

use crate::dev::PortRelease;

/// A request that the server has received.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Path and query, or the whole URL of a request to a proxy.
    pub uri: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// The value of a header; empty without it, or if it is not text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text, with replacement characters for what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// Reply of an [`HttpServer`] to one request.
#[derive(Clone)]
pub struct HttpReply {
    kind: Kind,
    delay: Duration,
}

#[derive(Clone)]
enum Kind {
    Answer(u16, Vec<(&'static str, String)>, String),
    Made(Arc<dyn Fn(&HttpRequest) -> HttpReply + Send + Sync>),
    Handled { closes: bool },
    Close,
    Never,
}

impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpReply").field("delay", &self.delay).finish_non_exhaustive()
    }
}

impl From<Kind> for HttpReply {
    fn from(kind: Kind) -> Self {
        Self { kind, delay: Duration::ZERO }
    }
}

impl HttpReply {
    /// An answer with this status and body.
    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Kind::Answer(status, Vec::new(), body.into()).into()
    }

    /// A reply that is made from the request.
    pub fn made(make: impl Fn(&HttpRequest) -> Self + Send + Sync + 'static) -> Self {
        Kind::Made(Arc::new(make)).into()
    }

    /// The reply of the server's handler, as without a script.
    pub fn handled() -> Self {
        Kind::Handled { closes: false }.into()
    }

    /// No answer: the handler is called, and then the connection is closed.
    pub fn handled_then_closed() -> Self {
        Kind::Handled { closes: true }.into()
    }

    /// No answer: the connection is closed.
    pub fn close() -> Self {
        Kind::Close.into()
    }

    /// No answer, on a connection that stays open.
    pub fn never() -> Self {
        Kind::Never.into()
    }

    /// Adds a header to an answer.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Kind::Answer(_, headers, _) = &mut self.kind {
            headers.push((name, value.into()));
        }
        self
    }

    /// Delays the reply, and the call of the handler.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// Scripted HTTP server on a local port, which a test can stop and start: it keeps each request, answers by a script while that
/// lasts, and then by a handler. `HEAD` requests, as health checks send them, have the handler's answers, and are neither kept
/// nor in the script.
///
/// ```
/// use std::{io::{Read, Write}, net::TcpStream};
///
/// use danube_sink::testing::{HttpReply, HttpServer};
///
/// let server = HttpServer::start(|_| HttpReply::status(204, "")).unwrap();
/// server.script([HttpReply::status(503, "busy").header("retry-after", "1")]);
/// let post = || {
///     let mut connection = TcpStream::connect(server.address()).unwrap();
///     connection.write_all(b"POST /users HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}").unwrap();
///     let mut answer = String::new();
///     connection.read_to_string(&mut answer).unwrap();
///     answer
/// };
/// assert!(post().starts_with("HTTP/1.1 503") && post().starts_with("HTTP/1.1 204"));
/// assert_eq!(server.requests()[1].text(), "{}");
/// ```
pub struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// `None` while it is stopped.
    running: Mutex<Option<Runtime>>,
}

struct Shared {
    handler: Box<dyn Fn(&HttpRequest) -> HttpReply + Send + Sync>,
    state: Mutex<State>,
    changes: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    requests: Vec<HttpRequest>,
    script: VecDeque<HttpReply>,
    /// Number of concurrent requests that replies wait for.
    barrier: usize,
    in_progress: usize,
    most_in_progress: usize,
}

impl HttpServer {
    /// Starts a server on a free port, in threads of its own. `handler` answers when the script is at its end.
    ///
    /// # Errors
    /// The error of the operating system, without a free port or thread.
    pub fn start(handler: impl Fn(&HttpRequest) -> HttpReply + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let shared = Shared { handler: Box::new(handler), state: Mutex::default(), changes: watch::Sender::default() };
        let (address, shared) = (listener.local_addr()?, Arc::new(shared));
        let running = Mutex::new(Some(listen(listener, &shared)?));
        Ok(Self { address, shared, running })
    }

    /// The address on which the server listens, also while it is stopped.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of the server, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Replies to the next requests like this, instead of what is left of the previous script.
    pub fn script(&self, replies: impl IntoIterator<Item = HttpReply>) {
        self.shared.state().script = replies.into_iter().collect();
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.shared.state().requests.clone()
    }

    /// Waits until there were so many requests. Dropping the future only ends the wait.
    pub async fn received(&self, requests: usize) {
        self.shared.until(|state| state.requests.len() >= requests).await;
    }

    /// Delays replies until so many requests were in progress at once.
    pub fn wait_for(&self, at_once: usize) {
        self.shared.state().barrier = at_once;
    }

    /// Maximum number of requests that were in progress at once: received, and not answered yet.
    pub fn most_at_once(&self) -> usize {
        self.shared.state().most_in_progress
    }

    /// Breaks every connection and stops listening, soon after this call.
    pub fn stop(&self) {
        if let Some(runtime) = self.running().take() {
            runtime.shutdown_background();
        }
    }

    /// Whether it is stopped.
    pub fn is_stopped(&self) -> bool {
        self.running().is_none()
    }

    /// Waits until a stopped server accepts no more connections. Dropping the future only ends the wait.
    pub async fn closed(&self) {
        while TcpStream::connect(self.address).await.is_ok() {
            yield_now().await;
        }
    }

    /// Stops the server, unless it is stopped, and listens again on the same port. Dropping the future leaves it stopped.
    ///
    /// # Errors
    /// The error of the operating system: another program uses the port, and does not release it within ten seconds; or there
    /// is no thread.
    pub async fn restart(&self) -> io::Result<()> {
        self.stop();
        let release = PortRelease::begin();
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(error) => release.pause(error.kind(), error).await?,
            }
        };
        *self.running() = Some(listen(listener, &self.shared)?);
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Option<Runtime>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until(&self, condition: impl Fn(&State) -> bool) {
        // The sender is here, so there is no error.
        let _ = self.changes.subscribe().wait_for(|()| condition(&self.state())).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<String>, io::Error> {
        let request = read(request).await?;
        if request.method == Method::HEAD {
            return self.reply((self.handler)(&request), &request).await;
        }
        let (scripted, barrier) = {
            let mut state = self.state();
            state.requests.push(request.clone());
            state.in_progress += 1;
            state.most_in_progress = state.most_in_progress.max(state.in_progress);
            (state.script.pop_front(), state.barrier)
        };
        let _in_progress = InProgress(self);
        self.changes.send_replace(());
        self.until(|state| state.most_in_progress >= barrier).await;
        self.reply(scripted.unwrap_or_else(HttpReply::handled), &request).await
    }

    async fn reply(&self, mut reply: HttpReply, request: &HttpRequest) -> Result<Response<String>, io::Error> {
        loop {
            if !reply.delay.is_zero() {
                tokio::time::sleep(reply.delay).await;
            }
            reply = match reply.kind {
                Kind::Answer(status, headers, body) => return response(status, headers, body),
                Kind::Made(make) => make(request),
                Kind::Handled { closes } => {
                    let handled = (self.handler)(request);
                    if closes { HttpReply::close() } else { handled }
                }
                // An error of the service ends the connection.
                Kind::Close => return Err(io::ErrorKind::ConnectionAborted.into()),
                Kind::Never => pending().await,
            };
        }
    }
}

/// A request in progress: until its reply is made, or its client disconnects.
struct InProgress<'a>(&'a Shared);

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.state().in_progress -= 1;
        self.0.changes.send_replace(());
    }
}

async fn read(request: Request<Incoming>) -> Result<HttpRequest, io::Error> {
    let (head, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut incoming).poll_frame(context)).await {
        body.extend_from_slice(frame.map_err(io::Error::other)?.data_ref().map_or(&[][..], |data| data));
    }
    Ok(HttpRequest { method: head.method, uri: head.uri.to_string(), headers: head.headers, body })
}

fn response(status: u16, headers: Vec<(&'static str, String)>, body: String) -> Result<Response<String>, io::Error> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).map_err(io::Error::other)?;
    for (name, value) in headers {
        let name = HeaderName::try_from(name).map_err(io::Error::other)?;
        response.headers_mut().insert(name, HeaderValue::try_from(value).map_err(io::Error::other)?);
    }
    Ok(response)
}

/// Serves the connections of a listener, until the runtime is dropped.
fn listen(listener: TcpListener, shared: &Arc<Shared>) -> io::Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    listener.set_nonblocking(true)?;
    let shared = Arc::clone(shared);
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let shared = Arc::clone(&shared);
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { shared.answer(request).await }
            });
            // A client that disconnects early is no error of the test.
            tokio::spawn(
                async move { drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await) },
            );
        }
    });
    Ok(runtime)
}
