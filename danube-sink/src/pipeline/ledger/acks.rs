//! Which acknowledgements may be sent, and what their answers mean.

use std::time::Duration;

use tokio::time::Instant;

use super::{DeliveryLedger, State, memory::REDELIVERY_BACKOFF};
use crate::pipeline::broker::AckToken;

/// How soon after an attach the broker sends again what was not acknowledged. An acknowledgement in doubt whose message is
/// not sent again by then was taken.
pub(super) const REDELIVERY_PATIENCE: Duration = Duration::from_secs(5);

impl DeliveryLedger {
    /// Whether no acknowledgement is on its way, and none can be sent.
    pub(crate) fn is_quiet(&self) -> bool {
        let newest = self.waiting.front().is_some_and(|token| Some(token.offset) == self.newest);
        self.counts.sent == 0 && (self.waiting.is_empty() || self.waiting.len() == 1 && newest && self.unsettled() > 0)
    }

    /// Acknowledgements that may be sent now.
    ///
    /// That of the newest message waits for every older one: when the newest is acknowledged and an older one is not, the
    /// broker takes the older one for the end of what it sent, waits for the next to be published, and does nothing else
    /// before. A consumer that leaves meanwhile leaves a broker that hangs, and so do the topic's publishers.
    pub(crate) fn acks(&mut self) -> Vec<AckToken> {
        let others = self.unsettled() + self.counts.sent + self.counts.unconfirmed + self.waiting.len();
        let held = self.newest.filter(|_| others > 1);
        let held = self.waiting.iter().position(|token| Some(token.offset) == held);
        let held = held.and_then(|index| self.waiting.swap_remove_back(index));
        // What waits keeps its memory.
        let ready: Vec<_> = self.waiting.drain(..).collect();
        self.waiting.extend(held);
        for token in &ready {
            if let Some(slot) = self.slot(token.offset) {
                slot.state = State::Sent;
            }
        }
        self.counts.sent += ready.len();
        ready
    }

    /// The broker answered OK. Whether that counts at once: of a late one it says nothing until its redelivery is overdue.
    pub(crate) fn acked(&mut self, offset: u64, epoch: u32) -> bool {
        if epoch != self.epoch {
            return false;
        }
        let Some(slot) = self.slot(offset).filter(|slot| slot.state == State::Sent) else { return false };
        slot.state = State::Acked;
        let is_certain = !slot.in_doubt;
        self.counts.sent -= 1;
        self.counts.doubtful += usize::from(!is_certain);
        is_certain
    }

    /// The broker did not take it, or did not say so: it is sent once more if the consumer is still attached.
    pub(crate) fn ack_failed(&mut self, token: AckToken, epoch: u32) {
        if epoch != self.epoch {
            return;
        }
        if let Some(slot) = self.slot(token.offset).filter(|slot| slot.state == State::Sent) {
            slot.state = State::Settled;
            self.counts.sent -= 1;
            self.waiting.push_back(token);
        }
    }

    /// How many acknowledgements have turned out to be taken since the last time.
    pub(crate) fn take_certain(&mut self) -> usize {
        std::mem::take(&mut self.counts.certain)
    }

    /// After so long, the broker has sent again what it was about to when the acknowledgement came.
    pub(super) fn longest_doubt(&self) -> Duration {
        2 * (self.ack_timeout + REDELIVERY_BACKOFF)
    }

    /// What the broker sends again after the attach is not read yet.
    pub(crate) fn put_off(&mut self, now: Instant) {
        self.attached = self.attached.map(|_| now);
    }

    /// What the broker has not sent again soon after the attach: an acknowledgement in doubt was taken, and a message that
    /// was given back went to another consumer. Whether it is so late.
    pub(crate) fn resolve(&mut self, now: Instant) -> bool {
        let over = self.attached.is_some_and(|attached| now.duration_since(attached) >= REDELIVERY_PATIENCE);
        if !over || self.counts.unconfirmed + self.counts.released + self.counts.doubtful == 0 {
            return over;
        }
        let (millis, doubt) = (self.millis(now), self.longest_doubt());
        for slot in &mut self.slots {
            match slot.state {
                State::Unconfirmed => {
                    (slot.state, slot.in_doubt) = (State::Acked, false);
                    self.counts.unconfirmed -= 1;
                    self.counts.certain += 1;
                }
                State::Acked if slot.in_doubt => {
                    let age = Duration::from_millis(millis.wrapping_sub(slot.at).into());
                    if slot.attachment != self.attachment || age > doubt {
                        slot.in_doubt = false;
                        self.counts.doubtful -= 1;
                        self.counts.certain += 1;
                    }
                }
                State::Released if slot.attachment != self.attachment => {
                    slot.state = State::Unknown;
                    self.counts.released -= 1;
                }
                _ => {}
            }
        }
        over
    }
}
