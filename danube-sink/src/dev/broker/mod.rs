//! Embedded broker, which speaks Danube's protocol on a local port and keeps everything in memory.
//!
//! It is for development and tests. Any Danube client can connect to it. It implements the real broker's windows,
//! redelivery, poison policies, subscription types, takeover, partitions and schema registry. [`Faults`] injects faults.
//!
//! ```text
//!  producer ──SendMessage──▶ log ──▶ window ──▶ slots ──stream──▶ consumer
//!           (a topic)               (a subscription)                 │
//!                                   ▲      ▲ └─ dead letter          │
//!                                   │      └────── Ack, Nack ────────┘
//!                                   └─ deadlines, disconnects
//! ```
//!
//! A topic and its subscriptions share one lock and have no tasks: publishing, acking and reading a stream each dispatch the
//! messages that can be sent. With [`BrokerTls`] and [`Access`] it uses TLS and checks tokens and permissions, like the real
//! broker with `auth: { mode: tls }`. With [`BrokerOptions::metrics`] it serves a Prometheus endpoint. The page of
//! [`dev`](crate::dev) lists what it does not implement.
//!
//! [`Realism`] lists where the real broker loses messages or hangs. The files that imitate it are `reader.rs` (skips, and a
//! reader that ends), `cursor.rs`, `hang.rs` and `subscription/key_shared.rs`.

mod access;
mod connections;
mod consumers;
mod cursor;
mod dead_letter;
mod deliveries;
mod error;
mod faults;
mod hang;
mod keys;
mod log;
mod metrics;
mod options;
mod reader;
mod realism;
mod schemas;
mod server;
mod services;
mod status;
mod stored;
mod subscription;
mod topic;
mod topics;
mod window;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use danube_core::proto::{MsgId, StreamMessage};

pub use access::{Access, Permission, Scope};
pub use error::BrokerError;
pub use faults::{Acks, Faults};
use metrics::Endpoint;
pub use options::{BrokerOptions, BrokerTls, FailurePolicy, Keep, Partitions, PoisonPolicy};
pub use realism::Realism;
use server::Server;
pub use status::{DispatchStatus, SubscriptionStatus};
pub use stored::StoredMessage;
use topics::Topics;

use super::PortRelease;

/// Embedded broker inside the process. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct EmbeddedBroker {
    topics: Arc<Topics>,
    address: SocketAddr,
    /// `None` while it is down.
    server: Option<Server>,
    /// The metrics endpoint, if enabled; `None` while it is down.
    metrics: Option<Endpoint>,
    metrics_address: Option<SocketAddr>,
}

impl EmbeddedBroker {
    /// Starts a broker, which serves when this returns.
    ///
    /// # Errors
    /// [`BrokerError::Listen`] if it cannot listen on the address, [`BrokerError::Tls`] if the certificate or its key cannot be
    /// used.
    pub async fn start(options: BrokerOptions) -> Result<Self, BrokerError> {
        let address = options.address;
        let topics = Arc::new(Topics::new(options));
        let server = Server::listen(address, Arc::clone(&topics)).await?;
        let address = server.address();
        let metrics_address = topics.options.metrics;
        let mut broker = Self { topics, address, server: Some(server), metrics: None, metrics_address };
        broker.serve_metrics().await?;
        Ok(broker)
    }

    async fn serve_metrics(&mut self) -> Result<(), BrokerError> {
        if let Some(address) = self.metrics_address {
            let endpoint = Endpoint::listen(address, Arc::clone(&self.topics)).await?;
            self.metrics_address = Some(endpoint.address());
            self.metrics = Some(endpoint);
        }
        Ok(())
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        self.topics.options.url(self.address)
    }

    /// The address on which it listens, which a restart keeps.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of the metrics endpoint (Prometheus text over HTTP), which a restart keeps; `None` unless
    /// [`BrokerOptions::metrics`] is set.
    ///
    /// `danube_topic_messages_in_total{broker="0",topic="/ns/name"}` counts the messages published since the broker started,
    /// per topic or partition. As in the real broker, a topic without a message since then has no sample.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Creates a topic, unless it exists. Missing partitions of a partitioned one are created.
    ///
    /// # Errors
    /// If the name is malformed, or the topic exists with the other dispatch strategy, or with partitions where `partitions`
    /// has none, or the reverse.
    pub fn create_topic(&self, topic: &str, partitions: Partitions, reliable: bool) -> Result<(), BrokerError> {
        self.topics.create(topic, partitions, reliable)
    }

    /// Publishes messages in order to a topic without partitions, as a producer with this name, without a connection. A
    /// missing topic is created as a reliable one.
    ///
    /// # Errors
    /// If the name is malformed, or the topic is not reliable or has partitions; name one of these.
    pub async fn publish(
        &self,
        topic: &str,
        producer_name: &str,
        payloads: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<(), BrokerError> {
        self.topics.create(topic, Partitions::Unpartitioned, true)?;
        let topic = self.topics.get_or_create(topic, true);
        let (producer_id, broker_addr) = (topic.producer(producer_name), self.url());
        for (request_id, payload) in (1..).zip(payloads) {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let id = MsgId {
                producer_id,
                topic_name: topic.name.clone(),
                broker_addr: broker_addr.clone(),
                ..MsgId::default()
            };
            let message = StreamMessage {
                request_id,
                msg_id: Some(id),
                payload: payload.into(),
                publish_time: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
                producer_name: producer_name.to_owned(),
                ..StreamMessage::default()
            };
            self.topics.publish(&topic, message).await;
            // Lets the delivering tasks run too.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Names of all topics and partitions, sorted.
    pub fn topics(&self) -> Vec<String> {
        self.topics.all().iter().map(|topic| topic.name.clone()).collect()
    }

    /// Sets the failure policy of a subscription on all partitions of the topic. As in the real broker, it has an effect only
    /// before the first consumer subscribes.
    pub fn set_failure_policy(&self, topic: &str, subscription: &str, policy: FailurePolicy) {
        self.topics.set_policy(topic, subscription, policy);
    }

    /// The state of a subscription, summed over the topic's partitions; `None` before the first
    /// consumer subscribes.
    pub fn subscription(&self, topic: &str, subscription: &str) -> Option<SubscriptionStatus> {
        self.topics.status(topic, subscription)
    }

    /// Dispatch status of a subscription, by partition: published and skipped messages, cursor, lag, and whether the reader
    /// ended or the dispatcher hangs. Empty before the first consumer subscribes.
    pub fn dispatch_status(&self, topic: &str, subscription: &str) -> Vec<DispatchStatus> {
        self.topics.dispatch_status(topic, subscription)
    }

    /// The messages of a reliable topic, partition after partition. When the log is full, messages that no subscription needs
    /// are dropped, oldest first.
    pub fn messages(&self, topic: &str) -> Vec<StoredMessage> {
        let partitions = self.topics.partitions(topic);
        partitions
            .iter()
            .flat_map(|partition| partition.messages())
            .map(|message| StoredMessage::of(&message))
            .collect()
    }

    /// Fault injection.
    pub fn faults(&self) -> &Faults {
        &self.topics.faults
    }

    /// Ends every consumer's stream with Unavailable, as when topics move. Connections and messages stay.
    pub fn kick(&self) {
        self.topics.all().iter().for_each(|topic| topic.kick());
    }

    /// Breaks every connection; clients may reconnect immediately.
    pub fn cut_connections(&self) {
        if let Some(server) = &self.server {
            server.cut();
        }
    }

    /// Closes the port and every connection, and waits until they are closed.
    pub async fn stop(mut self) {
        self.go_down().await;
    }

    /// Stops the broker like [`EmbeddedBroker::stop`], until a [restart](EmbeddedBroker::restart).
    ///
    /// If the future is dropped, the broker stays down.
    pub async fn go_down(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        if let Some(metrics) = self.metrics.take() {
            metrics.stop().await;
        }
    }

    /// Restarts the broker, also one that is down, on the same ports: connections break, and the state of `keep` stays. With
    /// [`Keep::Metadata`], as with local storage, messages are lost, offsets restart at 0 and cursors stay. Ids of producers
    /// and consumers and delivery attempts are forgotten, and metrics restart at 0.
    ///
    /// # Errors
    /// [`BrokerError::Listen`] if another program uses a port, and does not release it within ten seconds.
    pub async fn restart(&mut self, keep: Keep) -> Result<(), BrokerError> {
        self.go_down().await;
        self.topics.restart(keep);
        let release = PortRelease::begin();
        loop {
            match self.serve().await {
                Err(BrokerError::Listen { address, source }) => {
                    release.pause(source.kind(), BrokerError::Listen { address, source }).await?;
                }
                served => return served,
            }
        }
    }

    /// Listens on the ports of which it does not.
    async fn serve(&mut self) -> Result<(), BrokerError> {
        if self.server.is_none() {
            self.server = Some(Server::listen(self.address, Arc::clone(&self.topics)).await?);
        }
        self.serve_metrics().await
    }
}
