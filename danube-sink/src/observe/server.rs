//! `/live`, `/ready` and `/metrics` over HTTP.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::{net::TcpListener, task::AbortHandle};

use super::Observer;
use crate::error::{ConnectorError, ConnectorResult};

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
    let router = Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(observer));
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("the metrics endpoint ended: {error}");
        }
    });
    Ok(Server { address, task: task.abort_handle() })
}

async fn ready(State(observer): State<Arc<Observer>>) -> impl IntoResponse {
    let code = if observer.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, [(CONTENT_TYPE, "application/json")], observer.status_json().to_string())
}

async fn metrics(State(observer): State<Arc<Observer>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], observer.metrics_text())
}
