//! How subscriptions are doing, as tests look at it.

/// How a subscription is doing, summed over the partitions of its topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriptionStatus {
    /// Messages that the topic took since the subscription began, or since a restart that lost them.
    pub published: u64,
    /// Messages that were acked.
    pub acked: u64,
    /// Messages that are delivered, or wait for their redelivery.
    pub in_flight: u64,
    /// Messages that were never dispatched and still can be. Those of a log reader that ended are among them.
    pub backlog: u64,
    /// Deliveries that were not a message's first.
    pub redeliveries: u64,
    /// Whether a poison message blocks it.
    pub blocked: bool,
    /// Consumers with an open stream.
    pub consumers: usize,
}

/// What the dispatcher of one partition did with a subscription's messages.
///
/// The losses and hangs in it are those of [`Realism`](super::Realism).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DispatchStatus {
    /// The partition, or the topic where it has none.
    pub topic: String,
    /// Messages published to it since the broker started.
    pub published: u64,
    /// Messages that the subscription never got and never will: those that it was too slow for, and those whose offsets
    /// are below its cursor.
    pub skipped: u64,
    /// The cursor: the offset up to which everything is acknowledged. It outlasts a restart. `None` where nothing is.
    pub cursor: Option<u64>,
    /// Messages between cursor and newest message, as the real broker's `danube_subscription_lag_messages`: 0 until the
    /// cursor first moves after a start of the broker.
    pub lag: u64,
    /// Why the log reader ended: there will be no further messages.
    pub reader_error: Option<String>,
    /// Whether the dispatcher hangs: it acts on no acknowledgement and sends nothing.
    pub hangs: bool,
}
