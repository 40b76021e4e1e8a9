//! Losses and hangs of the real broker, as options.

use std::time::Duration;

/// Losses and hangs of the real broker (0.15.1) that the embedded broker can imitate.
///
/// All are off by default, so that tests of a connector use a broker that delivers everything. Each field enables one
/// behaviour, [`Realism::all`] all of them. [`DispatchStatus`](super::DispatchStatus) shows their effect on a subscription.
///
/// One more behaviour is always enabled: each time a consumer attaches, every unacknowledged message is redelivered, which
/// counts as an attempt towards
/// [`max_redelivery_count`](super::FailurePolicy::max_redelivery_count).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Realism {
    /// **A live tail that skips.** A subscription that had no cursor when the broker started (or was created later) reads
    /// a ring of the last 256 messages. When its dispatcher lags further behind, because the window is full or no consumer
    /// is attached, the oldest messages are skipped without an error. After a restart such a subscription starts at the
    /// latest message again.
    pub live_tail_skips: bool,
    /// **A log reader that ends.** A subscription that has a cursor when the broker starts reads the log, then the
    /// [cache](Self::cache_capacity), through a queue of 1024 messages. When the queue is full and the cache
    /// drops messages that the reader has not read, the reader ends with an error: the subscription gets the messages in the
    /// queue and then nothing, until the broker restarts or the subscription is deleted.
    pub log_reader_ends: bool,
    /// Messages that the cache of [`log_reader_ends`](Self::log_reader_ends) holds per partition. Default 1024, as the
    /// real broker's `storage.wal.advanced.cache_capacity`. At least 1.
    pub cache_capacity: usize,
    /// **A dispatcher that hangs when an acknowledgement overtakes an older one.** When the newest message is
    /// acknowledged before an older one, the dispatcher takes the older one for the last that it sent, and waits for
    /// the next message to be published. Until then acknowledgements return OK without an effect, and no message is
    /// redelivered. Not with KeyShared subscriptions.
    pub overtaking_ack_hangs: bool,
    /// **A cursor that stops at a skipped message.** The cursor moves over consecutive offsets only, so it never passes a
    /// skipped one. The lag grows with every message, and a restart that keeps messages redelivers all messages since the
    /// skip.
    pub cursor_stops_at_gap: bool,
    /// **Offsets below the cursor count as duplicates.** After a restart that loses the messages
    /// ([`Keep::Metadata`](super::Keep::Metadata)) offsets restart at 0 and cursors stay. A subscription that had
    /// acknowledged the first n messages gets none of the next n, without a gap in the offsets.
    pub offsets_below_cursor_are_skipped: bool,
    /// **Four slots for a consumer that does not read.** Four messages are queued for a consumer that has no stream yet or
    /// does not read it. The next one blocks the dispatcher, which then processes no acknowledgement; after 32 more calls,
    /// acknowledgements and publishers of the topic block until the consumer reads.
    pub full_slots_hang: bool,
    /// **A KeyShared consumer that is evicted.** Three seconds after the stream of a KeyShared consumer ended, its messages in
    /// flight count as acknowledged, and no consumer of its name receives a message any more. If no other consumer is there
    /// then, the messages that wait in the window are skipped too. Until then the messages of its keys wait; if it returns, it
    /// receives those in flight when their ack timeout is over.
    pub key_shared_evicts: bool,
    /// **A KeyShared backlog that drips.** The dispatcher of a KeyShared subscription takes one message from the log for each
    /// that is published, and one each half second. Acknowledgements and attaches take none.
    pub key_shared_drips: bool,
}

/// Maximum lag of a subscription without a cursor, in messages, before it skips.
pub(crate) const LIVE_TAIL: u64 = 256;
/// Capacity of the queue between a log reader and its dispatcher, in messages.
pub(crate) const READER_QUEUE: u64 = 1024;
/// Capacity of a consumer's queue, in messages.
pub(crate) const SLOTS: usize = 4;
/// Capacity of the command queue of a hanging dispatcher; further callers block.
pub(crate) const COMMAND_QUEUE: usize = 32;
/// Time without a stream after which a KeyShared consumer is evicted.
pub(crate) const EVICTION: Duration = Duration::from_secs(3);
/// Interval in which the dispatcher of a KeyShared subscription looks for messages.
pub(crate) const HEARTBEAT: Duration = Duration::from_millis(500);

impl Realism {
    /// All behaviours of the real broker, with its default cache capacity.
    pub fn all() -> Self {
        Self {
            live_tail_skips: true,
            log_reader_ends: true,
            overtaking_ack_hangs: true,
            cursor_stops_at_gap: true,
            offsets_below_cursor_are_skipped: true,
            full_slots_hang: true,
            key_shared_evicts: true,
            key_shared_drips: true,
            ..Self::default()
        }
    }

    /// Whether a restart recreates readers from the stored cursors.
    pub(crate) fn recreates_readers(self) -> bool {
        self.live_tail_skips || self.log_reader_ends
    }
}

/// None of the behaviours.
impl Default for Realism {
    fn default() -> Self {
        Self {
            live_tail_skips: false,
            log_reader_ends: false,
            cache_capacity: 1024,
            overtaking_ack_hangs: false,
            cursor_stops_at_gap: false,
            offsets_below_cursor_are_skipped: false,
            full_slots_hang: false,
            key_shared_evicts: false,
            key_shared_drips: false,
        }
    }
}
