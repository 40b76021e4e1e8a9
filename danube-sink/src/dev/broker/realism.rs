//! Where the real broker loses messages or stops delivering, as switches.

/// Losses and hangs of the real broker (0.15.1) that the embedded broker imitates.
///
/// All are off by default, so that a connector's own tests see a broker that delivers everything. Each field is one
/// behaviour; [`Realism::all`] switches all of them on. What they did to a subscription is in
/// [`DispatchStatus`](super::DispatchStatus).
///
/// One more behaviour needs no switch, because the embedded broker always has it: each time a consumer attaches, every
/// unacknowledged message is sent again, and that counts as an attempt towards
/// [`max_redelivery_count`](super::FailurePolicy::max_redelivery_count).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Realism {
    /// **A live tail that skips.** A subscription that had no cursor when the broker started (or began later) reads a
    /// ring of the last 256 messages. When its dispatcher falls further behind, because the window is full or
    /// no consumer is attached, the oldest messages are skipped without an error. After a restart such a subscription
    /// begins at the latest message again.
    pub live_tail_skips: bool,
    /// **A log reader that ends.** A subscription that has a cursor when the broker starts reads the log, then the
    /// [cache](Self::cache_capacity), through a queue of 1024 messages. When the queue is full and the cache
    /// drops messages that the reader has not read, the reader ends with an error: the subscription gets what is in the
    /// queue and then nothing, until the broker restarts or the subscription is deleted.
    pub log_reader_ends: bool,
    /// Messages that the cache of [`log_reader_ends`](Self::log_reader_ends) holds per partition. Default 1024, as the
    /// real broker's `storage.wal.advanced.cache_capacity`. At least 1.
    pub cache_capacity: usize,
    /// **A dispatcher that hangs when an acknowledgement overtakes an older one.** When the newest message is
    /// acknowledged while an older one is not, the dispatcher takes the older one for the last that it sent and waits
    /// for the next message to be published. Until then acknowledgements are answered OK and change nothing, and no
    /// message is redelivered. Not with KeyShared subscriptions.
    pub overtaking_ack_hangs: bool,
    /// **A cursor that stands still after a skip.** The cursor moves over consecutive offsets only, so it never passes
    /// one that was skipped. The lag grows with every message, and a restart that keeps messages redelivers all that
    /// was published since the skip.
    pub cursor_stops_at_gap: bool,
    /// **Offsets below the cursor are taken for duplicates.** After a restart that loses the messages
    /// ([`Keep::Metadata`](super::Keep::Metadata)) offsets start at 0 again and cursors stay. A subscription that had
    /// acknowledged the first n messages gets none of the next n. No gap in the offsets shows it.
    pub offsets_below_cursor_are_skipped: bool,
    /// **Four slots for a consumer that does not read.** A consumer that subscribed and has no stream yet, or does not
    /// read it, takes four messages. The next one blocks the dispatcher, which then acts on no acknowledgement;
    /// after 32 more calls, acknowledgements and publishers of the topic wait until the consumer reads.
    pub full_slots_hang: bool,
}

/// Messages that a subscription without a cursor may lag behind before it skips.
pub(crate) const LIVE_TAIL: u64 = 256;
/// Messages between a log reader and its dispatcher.
pub(crate) const READER_QUEUE: u64 = 1024;
/// Messages that wait for a consumer to take them.
pub(crate) const SLOTS: usize = 4;
/// Calls that wait for a dispatcher that hangs, before further callers wait themselves.
pub(crate) const COMMAND_QUEUE: usize = 32;

impl Realism {
    /// Every behaviour of the real broker, with its default cache capacity.
    pub fn all() -> Self {
        Self {
            live_tail_skips: true,
            log_reader_ends: true,
            overtaking_ack_hangs: true,
            cursor_stops_at_gap: true,
            offsets_below_cursor_are_skipped: true,
            full_slots_hang: true,
            ..Self::default()
        }
    }

    /// Whether a restart makes readers anew from the stored cursors.
    pub(crate) fn remakes_readers(self) -> bool {
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
        }
    }
}
