//! Metrics endpoint of the broker: Prometheus text on a separate port.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::error::BrokerError;
use super::topics::Topics;

/// The running endpoint; dropping it closes the port.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Endpoint {
    pub(crate) async fn listen(address: SocketAddr, topics: Arc<Topics>) -> Result<Self, BrokerError> {
        let failed = |source| BrokerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, Arc::clone(&topics)));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the port and waits until it is closed.
    pub(crate) async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, topics: Arc<Topics>) {
    // As in the real broker, every path serves the metrics.
    let answer = service_fn(|_: Request<Incoming>| {
        let mut response = Response::new(text(&topics));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        std::future::ready(Ok::<_, Infallible>(response))
    });
    // A client that disconnects early is not an error of the broker.
    let _ = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer).await;
}

/// The metrics as text. Like the real broker, one counter without a topic, and one for each topic with messages since the
/// start.
fn text(topics: &Topics) -> String {
    const NAME: &str = "danube_topic_messages_in_total";
    let mut text = format!(
        "# HELP {NAME} Total messages published to the topic (msg).\n# TYPE {NAME} counter\n{NAME}{{broker=\"0\"}} 0\n"
    );
    for topic in topics.all() {
        let published = topic.published();
        if published > 0 {
            // Topic names have no characters that need escaping.
            let _ = writeln!(text, "{NAME}{{broker=\"0\",topic=\"{}\"}} {published}", topic.name);
        }
    }
    text
}
