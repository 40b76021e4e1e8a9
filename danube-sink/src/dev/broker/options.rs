//! How the broker behaves, and why it would not start.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::access::Access;
use super::realism::Realism;

/// How the embedded broker behaves; [`Default`] is a broker without configuration that loses no message.
#[derive(Debug, Clone)]
pub struct BrokerOptions {
    /// Where to listen; port 0 takes any free one.
    pub address: SocketAddr,
    /// How many un-acked messages a subscription of a reliable topic may have in flight. Default 10.
    pub max_unacked_messages: usize,
    /// Whether a producer's arrival creates the topic that it names.
    pub auto_create_topics: bool,
    /// What a new subscription does with messages that are not acked.
    pub failure_policy: FailurePolicy,
    /// With it, clients connect by `https`.
    pub tls: Option<BrokerTls>,
    /// With it, every call needs a token and the rights for what it does.
    pub access: Option<Access>,
    /// Where the real broker loses messages or stops delivering; off by default.
    pub realism: Realism,
    /// With it, the broker serves its metrics as Prometheus text on a port of its own; port 0 takes any free one. Off by
    /// default. See [`EmbeddedBroker::metrics_address`](super::EmbeddedBroker::metrics_address).
    pub metrics: Option<SocketAddr>,
}

impl BrokerOptions {
    /// The default options, with every loss and hang of the real broker that [`Realism`] names.
    pub fn like_the_real_broker() -> Self {
        Self { realism: Realism::all(), ..Self::default() }
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

/// TLS: the broker's certificate, and whether clients need one of their own (mTLS).
#[derive(Clone)]
pub struct BrokerTls {
    /// The certificate, and those between it and the CA, in PEM.
    pub certificate: String,
    /// Its private key, in PEM.
    pub key: String,
    /// Only clients with a certificate of this CA, in PEM, are let in. A real broker asks for none; a proxy before it may.
    pub client_ca: Option<String>,
}

impl fmt::Debug for BrokerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerTls").field("client_ca", &self.client_ca.is_some()).finish_non_exhaustive()
    }
}

/// What a subscription does with messages that are not acked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailurePolicy {
    /// How long a delivered message may stay without an ack.
    pub ack_timeout: Duration,
    /// How often a message is delivered again before it counts as poison.
    pub max_redelivery_count: u32,
    /// Wait before the first redelivery; doubles with each one.
    pub base_redelivery_delay: Duration,
    /// The longest wait before a redelivery.
    pub max_redelivery_delay: Duration,
    /// What happens when redelivery runs out.
    pub poison_policy: PoisonPolicy,
    /// Where [`PoisonPolicy::DeadLetter`] sends them.
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

/// What happens to a message whose redeliveries ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoisonPolicy {
    /// It is published to the policy's dead-letter topic.
    DeadLetter,
    /// The subscription stops for good.
    Block,
    /// It is forgotten.
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

/// How a topic is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitions {
    /// One topic under its own name.
    Unpartitioned,
    /// This many topics, `<topic>-part-0` and on.
    Of(usize),
}

/// What a restart leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Topics, messages, schemas, subscriptions and their cursors, as with remote storage. Without [`Realism`] each
    /// subscription still delivers exactly what is not acknowledged; with it, what is behind its cursor.
    Everything,
    /// Topics, schemas, subscriptions and their cursors. Messages are gone and offsets start at 0 again, as observed with
    /// local storage. Cursors have an effect only with [`Realism::offsets_below_cursor_are_skipped`].
    Metadata,
}

/// Why the broker would not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The port could not be opened.
    #[error("cannot listen on {address}: {source}; choose another port, or 0 for any free one")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("TLS cannot be set up: {0}; give a certificate and its own private key, both in PEM")]
    Tls(String),
    /// A token cannot be signed.
    #[error("the token cannot be signed: {0}")]
    Token(String),
    /// The topic's name is malformed.
    #[error("`{0}` is no topic: write /namespace/name, each part of letters, digits, `_` and `-`")]
    TopicName(String),
    /// A topic of this name is there and delivers the other way.
    #[error("topic `{topic}` exists and is {actual}: choose another name, or create it that way")]
    TopicExists {
        /// The topic.
        topic: String,
        /// How it delivers.
        actual: &'static str,
    },
    /// A partitioned topic of no partitions.
    #[error("topic `{0}` needs at least one partition: use Partitions::Of(1), or Unpartitioned")]
    NoPartitions(String),
}
