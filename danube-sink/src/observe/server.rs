//! `/live`, `/ready` and `/metrics` over HTTP.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::sleep,
};

use super::Observer;
use crate::error::{ConnectorError, ConnectorResult};

/// How long to wait after a connection that could not be taken, because the process has no file left, for example.
const PAUSE: Duration = Duration::from_millis(500);

/// The running server; dropping it closes the port.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    task: AbortHandle,
}

impl Server {
    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens the port.
///
/// # Errors
/// The port cannot be had.
pub(crate) async fn serve(port: u16, observer: Observer) -> ConnectorResult<Server> {
    let taken = |error: std::io::Error| {
        ConnectorError::configuration(format!(
            "metrics_port = {port} cannot be opened: {error}; set metrics_port to a free port, or to 0 for any free one"
        ))
    };
    let listener = TcpListener::bind(("0.0.0.0", port)).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    let task = tokio::spawn(listen(listener, Arc::new(observer)));
    Ok(Server { address, task: task.abort_handle() })
}

async fn listen(listener: TcpListener, observer: Arc<Observer>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(answer_all(stream, Arc::clone(&observer)))),
            Err(error) => {
                tracing::warn!("the metrics endpoint takes no connection: {error}");
                sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn answer_all(stream: TcpStream, observer: Arc<Observer>) {
    let answer = service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&request, &observer))));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
    // A client that goes away in the middle is no trouble of ours.
    let _ = connection.await;
}

fn answer(request: &Request<Incoming>, observer: &Observer) -> Response<String> {
    let (code, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/live") => (StatusCode::OK, TEXT, "live\n".to_owned()),
        (&Method::GET | &Method::HEAD, "/ready") => {
            let code = if observer.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (code, JSON, observer.status_json().to_string())
        }
        (&Method::GET | &Method::HEAD, "/metrics") => (StatusCode::OK, METRICS, observer.metrics_text()),
        (_, "/live" | "/ready" | "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET\n".to_owned()),
        _ => (StatusCode::NOT_FOUND, TEXT, "there are /live, /ready and /metrics\n".to_owned()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
