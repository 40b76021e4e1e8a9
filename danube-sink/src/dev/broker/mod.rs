//! The embedded broker: speaks Danube's protocol on a local port and keeps everything in memory.
//!
//! It is for development and tests. Any Danube client can connect to it, and finds the rules of
//! a real broker: windows, redelivery, poison policies, subscription types, takeover, partitions
//! and a schema registry. [`Faults`] makes it misbehave.
//!
//! ```text
//!  producer ──SendMessage──▶ log ──▶ window ──▶ slots ──stream──▶ consumer
//!           (a topic)               (a subscription)                 │
//!                                   ▲      ▲ └─ dead letter          │
//!                                   │      └────── Ack, Nack ────────┘
//!                                   └─ deadlines, disconnects
//! ```
//!
//! A topic and its subscriptions share one lock and have no tasks: publishing, acking and reading a
//! stream each move what can move. With [`BrokerTls`] and [`Access`] it speaks TLS and checks tokens
//! and rights, as the real broker does with `auth: { mode: tls }`. With [`BrokerOptions::metrics`] it
//! serves a Prometheus endpoint. What it leaves out of the real broker: namespaces that have to
//! exist, payload validation, several brokers, and most of the admin service.
//!
//! [`Realism`] says where the real broker loses messages or hangs, and which file imitates it:
//! `reader.rs` (skips, and a reader that ends), `cursor.rs`, `hang.rs`.

mod access;
mod connections;
mod consumers;
mod cursor;
mod dead_letter;
mod deliveries;
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
pub use faults::{Acks, Faults};
use metrics::Endpoint;
pub use options::{BrokerError, BrokerOptions, BrokerTls, FailurePolicy, Keep, Partitions, PoisonPolicy};
pub use realism::Realism;
use server::Server;
pub use status::{DispatchStatus, SubscriptionStatus};
pub use stored::StoredMessage;
use topics::Topics;

/// A broker inside the process. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct EmbeddedBroker {
    topics: Arc<Topics>,
    address: SocketAddr,
    /// `None` while it is down.
    server: Option<Server>,
    /// The same for the metrics, where options ask for them.
    metrics: Option<Endpoint>,
    metrics_address: Option<SocketAddr>,
}

impl EmbeddedBroker {
    /// Starts a broker; it serves when this returns.
    ///
    /// # Errors
    /// [`BrokerError::Listen`] where the address cannot be listened on, [`BrokerError::Tls`] where the certificate or its
    /// key cannot be used.
    pub async fn start(options: BrokerOptions) -> Result<Self, BrokerError> {
        let wanted = options.address;
        let topics = Arc::new(Topics::new(options));
        let server = Server::listen(wanted, Arc::clone(&topics)).await?;
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

    /// The URL that a client connects to.
    pub fn url(&self) -> String {
        server::url(&self.topics.options, self.address)
    }

    /// Where it listens; the same before and after a restart.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it serves its metrics over HTTP as Prometheus text; `None` unless [`BrokerOptions::metrics`] asks for it. The
    /// same before and after a restart.
    ///
    /// `danube_topic_messages_in_total{broker="0",topic="/ns/name"}` counts what was published since the broker started,
    /// one line per topic or partition. A topic without a message since then has no line, as in the real broker.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Creates a topic, unless there is one like it.
    ///
    /// # Errors
    /// Where the name is malformed, or the topic is there and delivers the other way.
    pub fn create_topic(&self, topic: &str, partitions: Partitions, reliable: bool) -> Result<(), BrokerError> {
        self.topics.create(topic, partitions, reliable)
    }

    /// Publishes messages to a topic without partitions, in this order, as a producer of this name would. It takes no
    /// connection. A missing topic is created, as a reliable one.
    ///
    /// # Errors
    /// Where the name is malformed, or the topic is not reliable.
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
            // Those who deliver it have a turn, too.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The names of all topics and partitions, sorted.
    pub fn topics(&self) -> Vec<String> {
        self.topics.all().iter().map(|topic| topic.name.clone()).collect()
    }

    /// Sets the failure policy of a subscription, on all partitions of the topic. As in the real
    /// broker it counts only if it is set before the first consumer subscribes.
    pub fn set_failure_policy(&self, topic: &str, subscription: &str, policy: FailurePolicy) {
        self.topics.set_policy(topic, subscription, policy);
    }

    /// The state of a subscription, summed over the topic's partitions; `None` before the first
    /// consumer subscribes.
    pub fn subscription(&self, topic: &str, subscription: &str) -> Option<SubscriptionStatus> {
        self.topics.status(topic, subscription)
    }

    /// What the dispatchers of a subscription did, one entry per partition by number: published and skipped messages,
    /// cursor, lag, and whether the reader ended or the dispatcher hangs. Empty before the first consumer subscribes.
    pub fn dispatch_status(&self, topic: &str, subscription: &str) -> Vec<DispatchStatus> {
        self.topics.dispatch_status(topic, subscription)
    }

    /// What a reliable topic holds, partition after partition. Beyond some size messages that
    /// every subscription is past are dropped, oldest first.
    pub fn messages(&self, topic: &str) -> Vec<StoredMessage> {
        let partitions = self.topics.partitions(topic);
        partitions.iter().flat_map(|partition| partition.messages()).map(|held| StoredMessage::of(&held)).collect()
    }

    /// The misbehaviour switches.
    pub fn faults(&self) -> &Faults {
        &self.topics.faults
    }

    /// Ends every consumer's stream with Unavailable, as when topics move. Connections stay, and
    /// so do messages.
    pub fn kick(&self) {
        self.topics.all().iter().for_each(|topic| topic.kick());
    }

    /// Breaks every connection; clients may connect again at once.
    pub fn cut_connections(&self) {
        if let Some(server) = &self.server {
            server.cut();
        }
    }

    /// Closes the port and every connection, and waits until they are closed.
    pub async fn stop(mut self) {
        self.go_down().await;
    }

    /// As [`EmbeddedBroker::stop`], but it can [come back](EmbeddedBroker::come_back).
    ///
    /// Dropping the future leaves it down.
    pub async fn go_down(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        if let Some(metrics) = self.metrics.take() {
            metrics.stop().await;
        }
    }

    /// Listens again on the same ports, with what a restart keeps. Ids of producers and consumers
    /// are unknown afterwards, delivery attempts forgotten, and metrics begin at 0.
    ///
    /// # Errors
    /// [`BrokerError::Listen`] where another process took a port meanwhile.
    pub async fn come_back(&mut self, keep: Keep) -> Result<(), BrokerError> {
        self.go_down().await;
        self.topics.restart(keep);
        self.server = Some(Server::listen(self.address, Arc::clone(&self.topics)).await?);
        self.serve_metrics().await
    }

    /// Goes down and comes back at once: connections break, and what `keep` says is left. With [`Keep::Metadata`], as with
    /// local storage, messages are gone, offsets start at 0 and cursors stay.
    ///
    /// # Errors
    /// As [`EmbeddedBroker::come_back`].
    pub async fn restart(&mut self, keep: Keep) -> Result<(), BrokerError> {
        self.come_back(keep).await
    }
}
