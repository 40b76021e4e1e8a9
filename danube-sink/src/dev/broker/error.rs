//! Errors of the embedded broker.

use std::net::SocketAddr;

/// Error of the embedded broker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The broker cannot listen on the address.
    #[error("cannot listen on {address}: {source}; choose another port, or 0 for any free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("cannot set up TLS: {0}; use a certificate and its private key, both in PEM")]
    Tls(String),
    /// A token cannot be signed.
    #[error("cannot sign the token: {0}")]
    Token(String),
    /// The topic's name is malformed.
    #[error("`{0}` is not a valid topic: use /namespace/name, each part of letters, digits, `_` and `-`")]
    TopicName(String),
    /// A topic with this name exists with the other dispatch strategy.
    #[error("topic `{topic}` exists and is {actual}: choose another name, or create it as {actual}")]
    TopicExists {
        /// The topic.
        topic: String,
        /// Its dispatch strategy.
        actual: &'static str,
    },
    /// A topic with this name has partitions.
    #[error("topic `{0}` has partitions: name one of them, such as `{0}-part-0`, or choose another name")]
    Partitioned(String),
    /// A topic with this name has no partitions.
    #[error("topic `{0}` exists without partitions: choose another name, or create it as Partitions::Unpartitioned")]
    Unpartitioned(String),
    /// A partitioned topic without partitions.
    #[error("topic `{0}` needs at least one partition: use Partitions::Of(1), or Unpartitioned")]
    NoPartitions(String),
}
