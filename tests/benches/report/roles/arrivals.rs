//! Counter of the records that arrived at a target; redelivered records count once.

use std::{
    collections::HashSet,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval},
};

use super::{SILENCE, TAIL, from_parent};

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Counts the distinct records that arrived.
#[derive(Debug)]
pub(crate) struct Arrivals {
    expected: usize,
    seen: Mutex<HashSet<(u32, u64), std::hash::BuildHasherDefault<Spread>>>,
    count: AtomicUsize,
    /// The time when only the last [`TAIL`] records were missing.
    tail: OnceLock<Instant>,
    all: Notify,
}

/// A fast hasher: a multiplication spreads consecutive offsets well enough.
#[derive(Debug, Default)]
pub(crate) struct Spread(u64);

impl std::hash::Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Arrivals {
    pub(crate) fn new(expected: usize) -> Self {
        let seen = HashSet::with_capacity_and_hasher(expected, Default::default());
        Self { expected, seen: Mutex::new(seen), count: AtomicUsize::new(0), tail: OnceLock::new(), all: Notify::new() }
    }

    /// Counts arrived records by partition and offset.
    pub(crate) fn arrive(&self, records: impl IntoIterator<Item = (u32, u64)>) {
        let mut seen = self.seen.lock().expect("no panic");
        seen.extend(records);
        self.count.store(seen.len(), Ordering::Relaxed);
        if seen.len() + TAIL >= self.expected {
            self.tail.get_or_init(Instant::now);
        }
        if seen.len() == self.expected {
            self.all.notify_one();
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The time when all but the last [`TAIL`] records had arrived, if they have.
    pub(crate) fn tail(&self) -> Option<Instant> {
        self.tail.get().copied()
    }

    /// Waits until all records have arrived, or until no more arrive after the parent reported that all are published.
    pub(crate) async fn end(&self) {
        tokio::select! {
            () = self.all.notified() => {}
            () = self.silence() => {}
        }
    }

    async fn silence(&self) {
        let _published: usize = from_parent().await;
        let (mut last, mut since) = (self.count(), Instant::now());
        let mut poll = interval(POLL_INTERVAL);
        poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while since.elapsed() < SILENCE {
            poll.tick().await;
            let count = self.count();
            if count != last {
                (last, since) = (count, Instant::now());
            }
        }
    }
}
