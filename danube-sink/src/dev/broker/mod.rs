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
//! stream each move what can move. With [`BrokerTls`] and [`Access`] it takes safe connections and
//! checks tokens and rights, as the real broker does with `auth: { mode: tls }`. What it leaves out
//! of the real broker: namespaces that have to exist, payload validation and several brokers. What
//! the real broker (0.15.1) does wrong is not imitated either, since nothing that a connector does
//! would make it right: a subscription that lags far behind loses messages, a KeyShared one loses up
//! to a window of those that were published while nobody was attached and is slow afterwards, and
//! a topic hangs when its newest message is acknowledged before older ones and the consumer leaves.

mod access;
mod connections;
mod consumers;
mod dead_letter;
mod deliveries;
mod faults;
mod keys;
mod log;
mod options;
mod schemas;
mod server;
mod services;
mod stored;
mod subscription;
mod topic;
mod topics;
mod window;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

pub use access::{Access, Permission, Scope};
pub use faults::{Acks, Faults};
pub use options::{BrokerError, BrokerOptions, BrokerTls, FailurePolicy, Keep, Partitions, PoisonPolicy};
use server::Server;
pub use stored::StoredMessage;
pub use subscription::SubscriptionStatus;
use topics::Topics;

/// A broker inside the process. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct EmbeddedBroker {
    topics: Arc<Topics>,
    address: SocketAddr,
    /// `None` while it is down.
    server: Option<Server>,
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
        Ok(Self { topics, address: server.address(), server: Some(server) })
    }

    /// What a client connects to.
    pub fn url(&self) -> String {
        server::url(&self.topics.options, self.address)
    }

    /// Where it listens; the same before and after a restart.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Creates a topic, unless there is one like it.
    ///
    /// # Errors
    /// Where the name is malformed, or the topic is there and delivers the other way.
    pub fn create_topic(&self, topic: &str, partitions: Partitions, reliable: bool) -> Result<(), BrokerError> {
        self.topics.create(topic, partitions, reliable)
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

    /// How a subscription is doing, summed over the topic's partitions; `None` before the first
    /// consumer subscribes.
    pub fn subscription(&self, topic: &str, subscription: &str) -> Option<SubscriptionStatus> {
        self.topics.status(topic, subscription)
    }

    /// What a reliable topic holds, partition after partition. Beyond some size messages that
    /// every subscription is past are let go, oldest first.
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
    }

    /// Listens again on the same port, with what a restart keeps. Ids of producers and consumers
    /// are unknown afterwards, and delivery attempts forgotten.
    ///
    /// # Errors
    /// [`BrokerError::Listen`] where somebody took the port meanwhile.
    pub async fn come_back(&mut self, keep: Keep) -> Result<(), BrokerError> {
        self.go_down().await;
        self.topics.restart(keep);
        self.server = Some(Server::listen(self.address, Arc::clone(&self.topics)).await?);
        Ok(())
    }

    /// Goes down and comes back at once.
    ///
    /// # Errors
    /// As [`EmbeddedBroker::come_back`].
    pub async fn restart(&mut self, keep: Keep) -> Result<(), BrokerError> {
        self.come_back(keep).await
    }
}
