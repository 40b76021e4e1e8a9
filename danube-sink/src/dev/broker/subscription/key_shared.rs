//! What a KeyShared subscription of the real broker does besides: it evicts consumers, and takes a backlog slowly.

use tokio::time::Instant;

use super::Subscription;
use crate::dev::broker::log::Log;
use crate::dev::broker::realism::HEARTBEAT;

/// Limit of what a dispatcher takes from the log: one message for each that is published, and one each half second.
#[derive(Debug, Default)]
pub(crate) struct Drip {
    /// Messages published since it took the last ones.
    published: usize,
    heartbeat: Option<Instant>,
    /// Whether the next heartbeat takes a message.
    lags: bool,
}

impl Drip {
    /// Returns how many messages the dispatcher may take now.
    fn take(&mut self, now: Instant) -> usize {
        let is_due = *self.heartbeat.get_or_insert(now + HEARTBEAT) <= now;
        if is_due {
            self.heartbeat = Some(now + HEARTBEAT);
        }
        std::mem::take(&mut self.published) + usize::from(is_due)
    }
}

impl Subscription {
    /// Forgets what evicted consumers had in flight. If none is left, also what waits behind it.
    pub(crate) fn evict(&mut self, now: Instant) {
        while let Some(consumer) = self.consumers.evict(now) {
            let mut lost = self.window.sent_to(consumer);
            if !lost.is_empty() && !self.consumers.any_present() {
                lost = self.window.offsets();
            }
            for offset in lost {
                self.window.give_up(offset);
                self.settle(offset);
            }
        }
    }

    /// Notes that a message was published.
    pub(super) fn poll(&mut self) {
        if let Some(drip) = &mut self.drip {
            drip.published += 1;
        }
    }

    /// How many messages the dispatcher may take from the log now.
    pub(super) fn take_polls(&mut self, now: Instant) -> usize {
        self.drip.as_mut().map_or(usize::MAX, |drip| drip.take(now))
    }

    /// Notes whether the next heartbeat takes a message.
    pub(super) fn note_lag(&mut self, log: &Log) {
        let lags = self.window.has_capacity() && self.reader.peek(log.end()).is_some();
        if let Some(drip) = &mut self.drip {
            drip.lags = lags;
        }
    }

    /// The time at which a stream has to dispatch again.
    pub(super) fn next_timer(&self) -> Option<Instant> {
        let heartbeat = self.drip.as_ref().filter(|drip| drip.lags).and_then(|drip| drip.heartbeat);
        [self.window.next_timer(), self.consumers.next_eviction(), heartbeat].into_iter().flatten().min()
    }
}
