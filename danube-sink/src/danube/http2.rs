//! HTTP/2 connections for many small unary calls.
//!
//! tonic's channel hands each call over to two tasks and spawns a third. Acknowledgements are one call a record: they are
//! written to the connection's frames by the task that makes them.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use danube_client::BrokerAddress;
use h2::client::{Builder, SendRequest};
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use super::{failure::chain, security::Security, transport::Transport};
use crate::{
    credentials::tls_reason,
    pipeline::{BrokerFailure, FailureKind},
};

/// The flow-control window of a connection. h2 bounds what the small frames of unread answers may cost by half of it.
const WINDOW: u32 = 1024 * 1024;

/// An open HTTP/2 connection.
#[derive(Clone)]
pub(super) struct Http2 {
    pub(super) sender: SendRequest<Bytes>,
    is_closed: Arc<AtomicBool>,
}

impl Transport for Http2 {
    async fn open(security: &Security, address: &BrokerAddress) -> Result<Self, BrokerFailure> {
        let url = &address.connect_url;
        let is_tls = url.scheme_str() == Some("https");
        let host = url.host().unwrap_or_default();
        let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = TcpStream::connect(format!("{host}:{port}")).await.map_err(|error| broken(&error))?;
        stream.set_nodelay(true).map_err(|error| broken(&error))?;
        let Some(connector) = security.connector()?.filter(|_| is_tls) else { return handshake(stream).await };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(|error| BrokerFailure::refused(error.to_string()))?;
        handshake(connector.connect(name, stream).await.map_err(|error| broken(&error))?).await
    }

    fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

async fn handshake<S>(stream: S) -> Result<Http2, BrokerFailure>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let opened = Builder::new().enable_push(false).initial_connection_window_size(WINDOW).handshake(stream).await;
    let (sender, connection) = opened.map_err(|error| broken(&error))?;
    let is_closed = Arc::<AtomicBool>::default();
    let closed = Arc::clone(&is_closed);
    // It ends with its last sender, or with an error that each of its calls returns.
    tokio::spawn(async move {
        let _ = connection.await;
        closed.store(true, Ordering::Release);
    });
    Ok(Http2 { sender, is_closed })
}

/// The failure of a connection, which is not used any more.
pub(super) fn broken(error: &(dyn Error + 'static)) -> BrokerFailure {
    match tls_reason(error) {
        Some(reason) => BrokerFailure::new(FailureKind::Untrusted, reason),
        None => BrokerFailure::new(FailureKind::Unreachable, chain(error)),
    }
}
