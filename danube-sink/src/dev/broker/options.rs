//! Options of the embedded broker, its subscriptions and topics.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::access::Access;
use super::realism::Realism;

/// Options of the embedded broker; the default is an unconfigured broker that loses no message.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// Address to listen on; port 0 for any free one.
    pub address: SocketAddr,
    /// Maximum number of unacknowledged messages of a subscription of a reliable topic. Default 10.
    pub max_unacked_messages: usize,
    /// Whether a producer creates a missing topic.
    pub auto_create_topics: bool,
    /// Failure policy of new subscriptions.
    pub failure_policy: FailurePolicy,
    /// TLS: if set, clients connect with `https`.
    pub tls: Option<BrokerTls>,
    /// Access control: if set, every call needs a token and permissions.
    pub access: Option<Access>,
    /// Losses and hangs of the real broker; off by default.
    pub realism: Realism,
    /// Address of the metrics endpoint (Prometheus text); port 0 for any free one. Off by default. See
    /// [`EmbeddedBroker::metrics_address`](super::EmbeddedBroker::metrics_address).
    pub metrics: Option<SocketAddr>,
}

impl BrokerOptions {
    /// The default options with every loss and hang of the real broker listed in [`Realism`].
    pub fn like_the_real_broker() -> Self {
        Self { realism: Realism::all(), ..Self::default() }
    }
}

impl BrokerOptions {
    /// The URL for clients of a broker that listens on an address.
    pub(crate) fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            max_unacked_messages: 10,
            auto_create_topics: true,
            failure_policy: FailurePolicy::default(),
            tls: None,
            access: None,
            realism: Realism::default(),
            metrics: None,
        }
    }
}

/// TLS options: the broker's certificate, and whether clients need their own (mTLS).
#[derive(Clone)]
pub struct BrokerTls {
    /// The certificate chain in PEM.
    pub certificate: String,
    /// The private key in PEM.
    pub key: String,
    /// The CA, in PEM, that must have signed client certificates. A real broker requires none; a proxy in front of it may.
    pub client_ca: Option<String>,
}

impl fmt::Debug for BrokerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerTls").field("client_ca", &self.client_ca.is_some()).finish_non_exhaustive()
    }
}

/// Failure policy of a subscription: timeout, redelivery and poison messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailurePolicy {
    /// Time after which an unacknowledged message is redelivered.
    pub ack_timeout: Duration,
    /// Maximum number of redeliveries before a message counts as poison.
    pub max_redelivery_count: u32,
    /// Delay before the first redelivery; doubles with each one.
    pub base_redelivery_delay: Duration,
    /// Maximum delay before a redelivery.
    pub max_redelivery_delay: Duration,
    /// What to do with a message when its redeliveries are exhausted.
    pub poison_policy: PoisonPolicy,
    /// Topic of [`PoisonPolicy::DeadLetter`].
    pub dead_letter_topic: Option<String>,
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self {
            ack_timeout: Duration::from_secs(30),
            max_redelivery_count: 5,
            base_redelivery_delay: Duration::from_secs(1),
            max_redelivery_delay: Duration::from_secs(60),
            poison_policy: PoisonPolicy::Block,
            dead_letter_topic: None,
        }
    }
}

/// Poison policy: what to do with a message when its redeliveries are exhausted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoisonPolicy {
    /// Publish it to the dead-letter topic.
    DeadLetter,
    /// Block the subscription.
    Block,
    /// Drop it.
    Drop,
}

impl PoisonPolicy {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead_letter",
            Self::Block => "block",
            Self::Drop => "drop",
        }
    }
}

/// Partitioning of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitions {
    /// An unpartitioned topic.
    Unpartitioned,
    /// This many partitions: `<topic>-part-0` and so on.
    Of(usize),
}

/// State that a restart keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Topics, messages, schemas, subscriptions and their cursors, as with remote storage. Without [`Realism`] each
    /// subscription then delivers exactly the unacknowledged messages; with it, all behind its cursor.
    Everything,
    /// Topics, schemas, subscriptions and their cursors. Messages are lost and offsets restart at 0, as observed with local
    /// storage. Cursors have an effect only with [`Realism::offsets_below_cursor_are_skipped`].
    Metadata,
}
