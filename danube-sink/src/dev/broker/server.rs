//! gRPC server of the broker.

use std::net::SocketAddr;
use std::sync::Arc;

use danube_core::admin_proto::topic_admin_server::TopicAdminServer;
use danube_core::proto::consumer_service_server::ConsumerServiceServer;
use danube_core::proto::danube_schema::schema_registry_server::SchemaRegistryServer;
use danube_core::proto::discovery_server::DiscoveryServer;
use danube_core::proto::health_check_server::HealthCheckServer;
use danube_core::proto::producer_service_server::ProducerServiceServer;
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Certificate, Identity, Server as Transport, ServerTlsConfig};

use super::access::Gate;
use super::connections::Connections;
use super::error::BrokerError;
use super::options::BrokerTls;
use super::services::Service;
use super::topics::Topics;
use crate::danube::error_chain;

/// A listening server.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    connections: Arc<Connections>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn listen(address: SocketAddr, topics: Arc<Topics>) -> Result<Self, BrokerError> {
        let mut transport = Transport::builder();
        if let Some(tls) = &topics.options.tls {
            transport = transport.tls_config(identity(tls)).map_err(|error| BrokerError::Tls(error_chain(&error)))?;
        }
        let failed = |source| BrokerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let connections = Arc::new(Connections::default());
        let gate = Gate(topics.options.access.clone());
        let service = Service { topics: Arc::clone(&topics), address, gate: gate.clone() };
        let admitted = Arc::clone(&connections);
        let incoming = TcpListenerStream::new(listener).map(move |stream| {
            let stream = stream?;
            stream.set_nodelay(true)?;
            Ok::<_, std::io::Error>(admitted.admit(stream, Arc::clone(&topics)))
        });
        let router = transport
            .add_service(DiscoveryServer::with_interceptor(service.clone(), gate.clone()))
            .add_service(ProducerServiceServer::with_interceptor(service.clone(), gate.clone()))
            .add_service(ConsumerServiceServer::with_interceptor(service.clone(), gate.clone()))
            .add_service(HealthCheckServer::with_interceptor(service.clone(), gate.clone()))
            .add_service(SchemaRegistryServer::with_interceptor(service.clone(), gate.clone()))
            .add_service(TopicAdminServer::with_interceptor(service, gate));
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let signal = async { drop(stopped.await) };
            if let Err(error) = router.serve_with_incoming_shutdown(incoming, signal).await {
                tracing::warn!(%error, "the embedded broker stopped serving");
            }
        });
        Ok(Self { address, connections, stop: Some(stop), task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection; clients may reconnect.
    pub(crate) fn cut(&self) {
        self.connections.cut();
    }

    /// Closes the port and every connection, and waits until they are closed.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.connections.cut();
        // A connection accepted just before the cut would block the shutdown forever.
        while !self.task.is_finished() {
            self.connections.cut();
            let _ = tokio::time::timeout(std::time::Duration::from_millis(20), &mut self.task).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.connections.cut();
        self.task.abort();
    }
}

fn identity(tls: &BrokerTls) -> ServerTlsConfig {
    // tonic's server needs a default provider of the process; an existing one stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ServerTlsConfig::new().identity(Identity::from_pem(&tls.certificate, &tls.key));
    match &tls.client_ca {
        Some(ca) => config.client_ca_root(Certificate::from_pem(ca)),
        None => config,
    }
}
