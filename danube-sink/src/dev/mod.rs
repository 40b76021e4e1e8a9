//! Embedded broker for development and tests.
//!
//! [`EmbeddedBroker`] speaks Danube's protocol on a local port and keeps everything in memory. [`Faults`] injects faults,
//! and [`EmbeddedBroker::restart`] restarts it.
//!
//! # Losses of the real broker
//!
//! By default the embedded broker delivers every message. The real one (0.15.1) does not, and [`Realism`] imitates its losses
//! and hangs, with one option each; [`BrokerOptions::like_the_real_broker`] enables all:
//!
//! | Option | Effect |
//! |---|---|
//! | [`live_tail_skips`](Realism::live_tail_skips) | A subscription without a stored cursor that falls more than 256 messages behind skips the oldest. |
//! | [`log_reader_ends`](Realism::log_reader_ends) | A subscription with a stored cursor that lags further behind than queue and cache gets no further messages. |
//! | [`overtaking_ack_hangs`](Realism::overtaking_ack_hangs) | The dispatcher hangs until the next message is published when the newest one is acknowledged before an older one. |
//! | [`cursor_stops_at_gap`](Realism::cursor_stops_at_gap) | The cursor never passes a skipped message, and the lag grows. |
//! | [`offsets_below_cursor_are_skipped`](Realism::offsets_below_cursor_are_skipped) | After a restart without messages, as many new messages are missing as were acknowledged before. |
//! | [`full_slots_hang`](Realism::full_slots_hang) | A consumer that does not read blocks the dispatcher, and then the topic's publishers. |
//! | [`key_shared_evicts`](Realism::key_shared_evicts) | What a KeyShared consumer had in flight counts as acknowledged three seconds after it disconnects. |
//! | [`key_shared_drips`](Realism::key_shared_drips) | A KeyShared backlog arrives at two messages a second. |
//!
//! Delivery attempts are always counted as in the real broker: each attach is an attempt of every unacknowledged message.
//!
//! # Where it is kinder than the real broker
//!
//! These differences remain with every option enabled:
//!
//! - Cursors are stored immediately instead of every five seconds.
//! - There is one broker, and namespaces need not exist.
//! - A schema is registered as the next version whether it is compatible or not, and no payload is validated.
//! - There is no limit of producers, consumers or subscriptions, and no rate limit.
//! - [`EmbeddedBroker::publish`] and the command `dev` take payloads of any size. A client's message is limited to 4 MiB, as at
//!   the real broker.
//! - The admin service knows only what the connector calls.
//!
//! [`EmbeddedBroker::dispatch_status`] returns published and skipped messages, the cursor, the lag, and whether reader or
//! dispatcher stopped.

mod broker;
mod port;

pub use self::broker::{
    Access, Acks, BrokerError, BrokerOptions, BrokerTls, DispatchStatus, EmbeddedBroker, FailurePolicy, Faults, Keep,
    Partitions, Permission, PoisonPolicy, Realism, Scope, StoredMessage, SubscriptionStatus,
};
pub(crate) use self::port::PortRelease;
