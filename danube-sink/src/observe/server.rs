//! HTTP server of `/live`, `/ready`, `/status` and `/metrics`.

use std::{
    convert::Infallible,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::sleep,
};

use super::Observer;
use crate::error::{ConnectorError, ConnectorResult};

/// Delay after a failure to accept a connection, for example because the process has too many open files.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(500);

/// Maximum number of connections waiting to be accepted.
const BACKLOG: i32 = 1024;

/// The running server; dropping it closes the port.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    task: AbortHandle,
}

impl Server {
    /// The address on which the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts the server. On `::` it serves IPv6 and IPv4, or IPv4 only if the machine has no IPv6.
///
/// # Errors
/// [`ConnectorError::Configuration`] if the address or the port cannot be bound.
pub(crate) async fn serve(address: IpAddr, port: u16, observer: Observer) -> ConnectorResult<Server> {
    let failed = |error: io::Error| {
        ConnectorError::configuration(format!(
            "cannot listen on metrics_port = {port} of metrics_address = \"{address}\": {error}; set metrics_port to a free \
             port, or to 0 for any free one, and metrics_address to an address of this host"
        ))
    };
    let listener = match address {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => listener_or_ipv4(dual_stack(port), port).await,
        address => TcpListener::bind((address, port)).await,
    };
    let listener = listener.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let task = tokio::spawn(listen(listener, Arc::new(observer)));
    Ok(Server { address, task: task.abort_handle() })
}

/// Binds a socket on `::` for IPv6 and IPv4, explicitly, since operating systems differ in the default.
fn dual_stack(port: u16) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    socket.set_only_v6(false)?;
    // A port of recently ended connections can be reused. On other systems, two processes could share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Falls back to IPv4, unless the IPv6 port is taken or not permitted.
async fn listener_or_ipv4(ipv6: io::Result<TcpListener>, port: u16) -> io::Result<TcpListener> {
    match ipv6 {
        Err(error) if !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied) => {
            tracing::debug!("metrics and health are served on IPv4 only: {error}");
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        listener => listener,
    }
}

async fn listen(listener: TcpListener, observer: Arc<Observer>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(serve_connection(stream, Arc::clone(&observer)))),
            Err(error) => {
                tracing::warn!("the metrics endpoint cannot accept a connection: {error}");
                sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_connection(stream: TcpStream, observer: Arc<Observer>) {
    let service = service_fn(|request| std::future::ready(Ok::<_, Infallible>(respond(&request, &observer))));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A client that disconnects early is not an error of the connector.
    let _ = connection.await;
}

fn respond(request: &Request<Incoming>, observer: &Observer) -> Response<String> {
    let path = request.uri().path();
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    let (code, kind, body) = match path {
        "/live" | "/ready" | "/status" | "/metrics" if !get => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "use GET\n".to_owned())
        }
        "/live" => match observer.state.stuck() {
            None => (StatusCode::OK, TEXT, "live\n".to_owned()),
            Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not live: {reason}\n")),
        },
        "/ready" => {
            let code = if observer.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (code, JSON, observer.readiness().to_string())
        }
        "/status" => (StatusCode::OK, JSON, observer.status().to_string()),
        "/metrics" => (StatusCode::OK, METRICS, observer.metrics_text()),
        _ => (StatusCode::NOT_FOUND, TEXT, "not found: use /live, /ready, /status or /metrics\n".to_owned()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    async fn served(address: IpAddr) -> Server {
        serve(address, 0, Observer::new("c")).await.expect("a free port")
    }

    #[tokio::test]
    async fn both_ip_versions_are_served() {
        let server = served(Ipv6Addr::UNSPECIFIED.into()).await;
        let port = server.address().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("IPv4");
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.expect("IPv6");
    }

    #[tokio::test]
    async fn a_specific_address_is_bound_exclusively() {
        let server = served(Ipv4Addr::LOCALHOST.into()).await;
        assert_eq!(server.address().ip(), Ipv4Addr::LOCALHOST);
        TcpStream::connect((Ipv6Addr::LOCALHOST, server.address().port())).await.expect_err("not on IPv6");
    }

    #[tokio::test]
    async fn a_host_without_ipv6_is_served_on_ipv4() {
        let none = Err(io::Error::new(io::ErrorKind::Unsupported, "address family not supported"));
        let listener = listener_or_ipv4(none, 0).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        assert_eq!(address.ip(), Ipv4Addr::UNSPECIFIED);
        TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).await.expect("IPv4");
    }

    #[tokio::test]
    async fn an_address_that_cannot_be_bound_is_reported_with_its_keys() {
        let taken = served(Ipv6Addr::UNSPECIFIED.into()).await;
        let port = taken.address().port();
        let foreign = IpAddr::from([192, 0, 2, 1]);
        for (address, port) in [(Ipv6Addr::UNSPECIFIED.into(), port), (Ipv4Addr::LOCALHOST.into(), port), (foreign, 0)]
        {
            let error = serve(address, port, Observer::new("c")).await.expect_err("it cannot be bound").to_string();
            let keys = format!("cannot listen on metrics_port = {port} of metrics_address = \"{address}\": ");
            assert!(error.starts_with(&keys), "{error}");
        }
    }
}
