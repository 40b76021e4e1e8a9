//! A partition: the state that its consumer shares with the batches of its records.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::Instant,
};

use super::budget::Charged;
use crate::{
    observe::PartitionObserver,
    record::{Chunk, Origin, SinkRecord},
};

/// The shared state of a partition, or of a topic without partitions.
pub(crate) struct Partition {
    /// Its own topic name.
    pub(crate) topic: Arc<str>,
    pub(crate) number: Option<u32>,
    pub(crate) observer: PartitionObserver,
    settlements: UnboundedSender<Settlement>,
    /// Messages received and not settled.
    in_hand: AtomicUsize,
    /// Acknowledgements that the broker has not answered.
    in_flight: AtomicUsize,
    /// Messages settled whose acknowledgement did not count yet.
    unconfirmed: AtomicUsize,
    /// The broker's dispatch window, as far as it is known.
    limit: AtomicUsize,
    /// How long the broker takes from an acknowledgement to the message that follows it.
    refill_micros: AtomicU64,
    /// Detached because its records are not written in time.
    is_overdue: AtomicBool,
    /// Since then, records that were decoded went back to the broker.
    has_released: AtomicBool,
}

/// The settlement of a range of a chunk: settled, or given back to the broker.
pub(crate) struct Settlement {
    pub(crate) chunk: Arc<Chunk>,
    pub(crate) first: u32,
    pub(crate) end: u32,
    /// The ledger's epoch in which they arrived.
    pub(crate) epoch: u32,
    pub(crate) arrived: Instant,
    pub(crate) fate: Fate,
}

/// What happens to records that are no longer in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Settled,
    /// The target has written them, and their batch is not answered yet: they are settled once more with it.
    SettledEarly,
    GivenBack,
}

/// Whether the broker sends more before something is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Backpressure {
    /// It may send more.
    None,
    /// It sends more once acknowledgements in flight are answered.
    Acknowledging,
    /// It sends no more: its whole window is in hand.
    Certain,
}

impl Partition {
    pub(crate) fn new(topic: &str, observer: PartitionObserver) -> (Arc<Self>, UnboundedReceiver<Settlement>) {
        #[expect(
            clippy::disallowed_methods,
            reason = "The messages in hand bound it. A bound of its own would let a batch wait for the consumer that feeds it."
        )]
        let (settlements, receiver) = mpsc::unbounded_channel();
        let partition = Self {
            number: topic.rsplit_once("-part-").and_then(|(_, number)| number.parse().ok()),
            topic: topic.into(),
            observer,
            settlements,
            in_hand: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            unconfirmed: AtomicUsize::new(0),
            limit: AtomicUsize::new(usize::MAX),
            refill_micros: AtomicU64::new(0),
            is_overdue: AtomicBool::new(false),
            has_released: AtomicBool::new(false),
        };
        (Arc::new(partition), receiver)
    }

    pub(crate) fn send(&self, settlement: Settlement) {
        // It fails only when the consumer is gone with the runtime: the broker still has the messages.
        let _ = self.settlements.send(settlement);
    }

    /// Publishes the consumer's counts. If it takes no more messages, for lack of memory or at the end of a log, those in hand
    /// are the whole window.
    pub(crate) fn update(&self, in_hand: usize, in_flight: usize, unconfirmed: usize, limit: usize, takes_more: bool) {
        self.in_hand.store(in_hand, Ordering::Relaxed);
        self.in_flight.store(in_flight, Ordering::Relaxed);
        self.unconfirmed.store(unconfirmed, Ordering::Relaxed);
        self.limit.store(if takes_more { limit } else { in_hand.min(limit) }, Ordering::Relaxed);
        self.observer.in_hand(in_hand);
        self.observer.acks_in_flight(in_flight);
        self.observer.window_limit(limit);
    }

    /// The broker's dispatch window, as far as it is known.
    pub(crate) fn window(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    /// Messages received whose acknowledgement is not confirmed.
    pub(crate) fn unacknowledged(&self) -> usize {
        [&self.in_hand, &self.in_flight, &self.unconfirmed].iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn backpressure(&self) -> Backpressure {
        let (in_hand, limit) = (self.in_hand.load(Ordering::Relaxed), self.limit.load(Ordering::Relaxed));
        if in_hand >= limit {
            Backpressure::Certain
        } else if in_hand + self.in_flight.load(Ordering::Relaxed) >= limit {
            Backpressure::Acknowledging
        } else {
            Backpressure::None
        }
    }

    /// Whether acknowledgements are in flight.
    pub(crate) fn is_acknowledging(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn refill(&self) -> Duration {
        Duration::from_micros(self.refill_micros.load(Ordering::Relaxed))
    }

    pub(crate) fn set_refill(&self, refill: Duration) {
        self.refill_micros.store(u64::try_from(refill.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn is_overdue(&self) -> bool {
        self.is_overdue.load(Ordering::Acquire)
    }

    pub(crate) fn set_overdue(&self, is_overdue: bool) {
        self.has_released.store(false, Ordering::Relaxed);
        self.is_overdue.store(is_overdue, Ordering::Release);
    }

    /// Whether decoded records went back to the broker since the partition was detached.
    pub(crate) fn has_released(&self) -> bool {
        self.has_released.load(Ordering::Relaxed)
    }

    pub(crate) fn set_released(&self) {
        self.has_released.store(true, Ordering::Relaxed);
    }
}

/// The origin of a chunk: its partition, in one epoch of the ledger.
pub(crate) struct ChunkOrigin {
    pub(crate) partition: Arc<Partition>,
    pub(crate) epoch: u32,
    pub(crate) arrived: Instant,
    /// The memory that the chunk takes: dropping it gives it back.
    pub(crate) charge: Mutex<Charged>,
}

impl Origin for ChunkOrigin {
    fn settle_early(&self, record: &SinkRecord) {
        let (chunk, first) = (Arc::clone(record.chunk()), record.index());
        let Self { epoch, arrived, .. } = *self;
        self.partition.send(Settlement { chunk, first, end: first + 1, epoch, arrived, fate: Fate::SettledEarly });
    }

    fn charge(&self, bytes: usize) {
        let mut charge = self.charge.lock().unwrap_or_else(PoisonError::into_inner);
        charge.overdraw(bytes);
        charge.show();
    }
}
