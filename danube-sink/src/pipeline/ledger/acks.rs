//! Acknowledgements: which may be sent, and what their answers mean.

use std::time::Duration;

use tokio::time::Instant;

use super::{DeliveryLedger, Moment, State, memory::REDELIVERY_BACKOFF};
use crate::pipeline::broker::AckToken;

/// How soon after an attach the broker redelivers unacknowledged messages. An acknowledgement in doubt whose message is
/// not redelivered by then counted.
pub(super) const REDELIVERY_PATIENCE: Duration = Duration::from_secs(5);

/// How late a redelivery may arrive.
const LATENESS: Duration = Duration::from_secs(1);

/// How long the broker waits after the ack timeout before it delivers a message again that it has delivered so often.
fn backoff_of(deliveries: u8) -> Duration {
    let seconds = 1_u64.checked_shl(u32::from(deliveries.saturating_sub(1))).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(REDELIVERY_BACKOFF)
}

impl DeliveryLedger {
    /// Whether no acknowledgement is in flight, and none can be sent.
    pub(crate) fn is_idle(&self) -> bool {
        let newest = self.waiting.front().is_some_and(|token| Some(token.offset) == self.newest) && !self.acks_overtake;
        self.counts.sent == 0 && (self.waiting.is_empty() || self.waiting.len() == 1 && newest && self.unsettled() > 0)
    }

    /// Moves the acknowledgements that may be sent now to `ready`.
    ///
    /// That of the newest message waits for every older one: when the newest is acknowledged and an older one is not, the
    /// broker takes the older one for the end of what it sent, waits for the next to be published, and does nothing else
    /// before. If the consumer detaches meanwhile, the broker and the topic's publishers hang.
    ///
    /// An older one whose acknowledgement was answered too late to count is unacknowledged until its redelivery.
    pub(crate) fn take_acks(&mut self, ready: &mut Vec<AckToken>, now: Instant) {
        let others = self.unsettled() + self.counts.sent + self.counts.unconfirmed + self.waiting.len();
        let may_be_redelivered = self.redelivery_due.is_some_and(|due| now < due);
        let held = self.newest.filter(|_| (others > 1 || may_be_redelivered) && !self.acks_overtake);
        let held = self.waiting.iter().position(|token| Some(token.offset) == held);
        let held = held.and_then(|index| self.waiting.swap_remove_back(index));
        let before = ready.len();
        // The queue keeps its memory.
        ready.extend(self.waiting.drain(..));
        self.waiting.extend(held);
        for token in &ready[before..] {
            if let Some(slot) = self.slots.get_mut(token.offset) {
                slot.state = State::Sent;
            }
        }
        self.counts.sent += ready.len() - before;
    }

    /// Records an OK answer. Whether it counts at once: a late one is in doubt until its redelivery is overdue.
    pub(crate) fn acked(&mut self, offset: u64, epoch: u32, moment: Moment) -> bool {
        if !self.is_current(offset, epoch) {
            return false;
        }
        let ack_timeout = self.ack_timeout;
        let Some(slot) = self.slots.get_mut(offset).filter(|slot| slot.state == State::Sent) else { return false };
        slot.state = State::Acked;
        let age = moment.millis.wrapping_sub(slot.at);
        slot.in_doubt |= age > ack_timeout / 2;
        let is_certain = !slot.in_doubt;
        if age > ack_timeout / 5 * 4 {
            let [ack_timeout, age] = [ack_timeout, age].map(|millis| Duration::from_millis(millis.into()));
            let due = moment.now + (ack_timeout + backoff_of(slot.deliveries) + LATENESS).saturating_sub(age);
            self.redelivery_due = self.redelivery_due.max(Some(due));
        }
        self.counts.sent -= 1;
        self.counts.doubtful += usize::from(!is_certain);
        is_certain
    }

    /// Records a failed acknowledgement: it is sent once more while the consumer is attached.
    pub(crate) fn ack_failed(&mut self, token: AckToken, epoch: u32) {
        if !self.is_current(token.offset, epoch) {
            return;
        }
        if let Some(slot) = self.slots.get_mut(token.offset).filter(|slot| slot.state == State::Sent) {
            slot.state = State::Settled;
            self.counts.sent -= 1;
            self.waiting.push_back(token);
        }
    }

    /// Takes the count of acknowledgements that are no longer in doubt since the last call.
    pub(crate) fn take_certain(&mut self) -> usize {
        std::mem::take(&mut self.counts.certain)
    }

    /// How long an acknowledgement stays in doubt: by then the broker has redelivered what it was about to.
    pub(super) fn longest_doubt(&self) -> Duration {
        2 * (Duration::from_millis(self.ack_timeout.into()) + REDELIVERY_BACKOFF)
    }

    /// Whether the broker has redelivered to this attachment all that it ever will, even if it was silent for long.
    pub(crate) fn has_everything(&self, now: Instant) -> bool {
        self.attached.is_some_and(|attached| now.duration_since(attached) >= self.longest_doubt())
    }

    /// Restarts the wait for redeliveries: nothing was read since the attach.
    pub(crate) fn put_off(&mut self, now: Instant) {
        self.attached = self.attached.map(|_| now);
    }

    /// Resolves messages that were not redelivered soon after the attach: acknowledgements in doubt counted, and messages that
    /// were given back went to another consumer. Whether the wait for redeliveries is over.
    pub(crate) fn resolve(&mut self, now: Instant) -> bool {
        let over = self.attached.is_some_and(|attached| now.duration_since(attached) >= REDELIVERY_PATIENCE);
        if !over || self.counts.unconfirmed + self.counts.released + self.counts.doubtful == 0 {
            return over;
        }
        let (millis, doubt) = (self.millis(now), self.longest_doubt());
        for slot in self.slots.iter_mut() {
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
