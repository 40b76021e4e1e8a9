//! Status of subscriptions, for tests.

/// Status of a subscription, summed over the partitions of its topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriptionStatus {
    /// Messages published since the subscription was created, or since a restart that lost them.
    pub published: u64,
    /// Acknowledged messages.
    pub acked: u64,
    /// Messages that are delivered, or waiting for redelivery.
    pub in_flight: u64,
    /// Messages that are not dispatched yet, including those of a log reader that ended.
    pub backlog: u64,
    /// Redeliveries.
    pub redeliveries: u64,
    /// Whether a poison message blocks the subscription.
    pub blocked: bool,
    /// Consumers with an open stream.
    pub consumers: usize,
}

/// Dispatch status of a subscription in one partition.
///
/// Its losses and hangs are those of [`Realism`](super::Realism).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DispatchStatus {
    /// The partition, or an unpartitioned topic.
    pub topic: String,
    /// Messages published to it since the broker started.
    pub published: u64,
    /// Messages that the subscription will never get: those for which it was too slow, and those with offsets below its
    /// cursor.
    pub skipped: u64,
    /// The cursor: the offset up to which everything is acknowledged, which a restart keeps. `None` if nothing is.
    pub cursor: Option<u64>,
    /// Messages between the cursor and the newest message, like the real broker's `danube_subscription_lag_messages`: 0
    /// until the cursor first moves after a start of the broker.
    pub lag: u64,
    /// Error with which the log reader ended, after which there are no further messages.
    pub reader_error: Option<String>,
    /// Whether the dispatcher hangs: it processes no acknowledgement and sends nothing.
    pub hangs: bool,
}
