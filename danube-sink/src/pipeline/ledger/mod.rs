//! The delivery ledger: the state of each message of one partition, from its arrival to beyond its acknowledgement.
//!
//! The consumer task of the partition owns it: there is no lock and no hash, but a ring of small slots, one an offset.
//! It distinguishes redeliveries from new messages and gaps from silence, and decides which acknowledgements may be sent.

mod acks;
mod deliveries;
mod epochs;
mod gaps;
mod memory;
mod slots;

use std::{collections::VecDeque, ops::Range, time::Duration};

use tokio::time::Instant;

pub(crate) use self::gaps::Gap;
use self::slots::Slots;
use super::broker::{AckToken, Message};
use crate::{
    record::{RecordId, microseconds},
    spool::Remembered,
};

/// How an arriving message relates to earlier deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    New,
    /// Redelivered after it was given back, to be written.
    Returned,
    /// Redelivered while the first copy is in hand.
    InHand,
    /// Redelivered although it was settled: its acknowledgement did not count.
    Settled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not received, or given back and received by another consumer.
    Unknown,
    InHand,
    /// Given back, or received without memory for it: the broker will redeliver it.
    Released,
    /// Settled; its acknowledgement waits to be sent.
    Settled,
    /// Its acknowledgement is in flight.
    Sent,
    /// Settled, and the acknowledgement did not count or cannot be sent: the broker will redeliver it.
    Unconfirmed,
    Acked,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    fingerprint: u64,
    /// Milliseconds on the ledger's clock: of the last delivery.
    at: u32,
    /// The epoch in which it arrived.
    epoch: u32,
    /// Which attachment brought it last.
    attachment: u16,
    deliveries: u8,
    state: State,
    /// The broker may redeliver it although its acknowledgement was answered.
    in_doubt: bool,
}

/// The delivery ledger of one partition.
#[derive(Debug)]
pub(crate) struct DeliveryLedger {
    /// In milliseconds, as ages are.
    ack_timeout: u32,
    started: Instant,
    slots: Slots,
    /// Counts epochs: a new one begins when offsets restart. Messages of an earlier one cannot be acknowledged.
    epoch: u32,
    /// Counts how often the broker restarted its offsets.
    restarts: u32,
    attachment: u16,
    attached: Option<Instant>,
    /// The highest offset of the attachment. If the topic was reloaded before it, the broker knows of none beyond that.
    newest: Option<u64>,
    /// The offset that a sole reader expects next; `None` after another consumer read.
    expected: Option<u64>,
    /// No offsets: the topic is not reliable.
    is_unreliable: bool,
    /// Acknowledgements may be sent in any order.
    acks_overtake: bool,
    counts: Counts,
    /// Skipped offsets, and since when: a message may still arrive late.
    gaps: VecDeque<(Range<u64>, Instant)>,
    /// Settled messages whose acknowledgement waits to be sent.
    waiting: VecDeque<AckToken>,
    /// Until then a message may be redelivered whose acknowledgement was answered too late to count.
    redelivery_due: Option<Instant>,
    last_settled: Option<Instant>,
}

#[derive(Debug, Default)]
struct Counts {
    in_hand: usize,
    /// In hand from earlier epochs.
    outdated: usize,
    released: usize,
    sent: usize,
    unconfirmed: usize,
    /// Acknowledged, and in doubt.
    doubtful: usize,
    /// No longer in doubt, and not counted yet.
    certain: usize,
}

/// A time, also on the ledger's clock: read once for many messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Instant,
    millis: u32,
}

impl DeliveryLedger {
    pub(crate) fn new(ack_timeout: Duration) -> Self {
        Self {
            ack_timeout: u32::try_from(ack_timeout.as_millis()).unwrap_or(u32::MAX),
            started: Instant::now(),
            slots: Slots::default(),
            epoch: 0,
            restarts: 0,
            attachment: 0,
            attached: None,
            newest: None,
            expected: None,
            is_unreliable: false,
            acks_overtake: false,
            counts: Counts::default(),
            gaps: VecDeque::new(),
            waiting: VecDeque::new(),
            redelivery_due: None,
            last_settled: None,
        }
    }

    /// Resumes after messages that an earlier process settled, oldest first: it recognizes their redelivery, and a gap behind
    /// the last of them.
    pub(crate) fn resume(&mut self, settled: &[Remembered]) {
        if settled.len() > 1 && settled.iter().all(|message| message.offset == 0) {
            // The topic is not reliable, and gives its messages no offsets: none of them is redelivered.
            return;
        }
        for message in settled {
            let at = self.millis(self.started);
            self.check_epoch(message.offset, message.fingerprint);
            *self.slots.reach(message.offset) =
                Slot { fingerprint: message.fingerprint, at, state: State::Acked, ..Slot::EMPTY };
            self.expected = self.expected.max(Some(message.offset + 1));
        }
        self.restarts = 0;
    }

    /// Lets the acknowledgement of the newest message overtake those of older ones: they go to the spool.
    pub(crate) fn let_acks_overtake(&mut self) {
        self.acks_overtake = true;
    }

    /// Begins an attachment: the broker redelivers unacknowledged messages.
    pub(crate) fn attach(&mut self, now: Instant) {
        self.attachment = self.attachment.wrapping_add(1);
        self.attached = Some(now);
        self.newest = None;
        self.redelivery_due = None;
    }

    /// Ends the attachment, and gives up its acknowledgements, which would not count. Returns how many.
    pub(crate) fn detach(&mut self) -> usize {
        self.attached = None;
        if self.in_flight() == 0 {
            return 0;
        }
        let before = self.counts.unconfirmed;
        self.waiting.clear();
        for slot in self.slots.iter_mut() {
            if matches!(slot.state, State::Settled | State::Sent) {
                slot.state = State::Unconfirmed;
                self.counts.unconfirmed += 1;
            }
        }
        self.counts.sent = 0;
        self.counts.unconfirmed - before
    }

    /// Whether the topic gives its messages no offsets: it is not reliable, and acknowledgements do nothing.
    pub(crate) fn is_unreliable(&self) -> bool {
        self.is_unreliable
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// How often the broker restarted its offsets.
    pub(crate) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Messages in hand, and settled ones of earlier epochs.
    pub(crate) fn in_hand(&self) -> usize {
        self.counts.in_hand + self.counts.outdated
    }

    /// Messages that the broker will redeliver.
    pub(crate) fn released(&self) -> usize {
        self.counts.released
    }

    /// Unsettled messages: in hand, or to be redelivered.
    pub(crate) fn unsettled(&self) -> usize {
        self.counts.in_hand + self.counts.released
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.counts.sent + self.waiting.len()
    }

    /// Settled messages whose acknowledgement did not count yet.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.counts.unconfirmed
    }

    /// Whether the message is in hand, or the broker will redeliver it. One that is neither went to another consumer, or the
    /// broker lost it.
    pub(crate) fn holds(&self, id: &RecordId) -> bool {
        let fingerprint = RecordId::fingerprint(id.producer_id(), id.publish_time(), id.sequence());
        let is_held = |slot: &Slot| matches!(slot.state, State::InHand | State::Released);
        self.slots.get(id.offset()).is_some_and(|slot| is_held(slot) && slot.fingerprint == fingerprint)
    }

    pub(crate) fn moment(&self, now: Instant) -> Moment {
        Moment { now, millis: self.millis(now) }
    }

    /// Makes room for messages that arrive together, so that the ring grows once for all of them.
    pub(crate) fn reserve(&mut self, messages: usize) {
        self.slots.reserve(messages);
    }

    /// Records the arrival of a message.
    pub(crate) fn receive(&mut self, message: &Message, moment: Moment) -> Arrival {
        let (offset, fingerprint) = (message.token.offset, fingerprint(message));
        if self.is_unreliable && offset > 0 {
            // The topic was deleted, and created anew as a reliable one.
            self.is_unreliable = false;
            self.start_epoch(offset);
        }
        if self.is_unreliable {
            self.counts.outdated += 1;
            return Arrival::New;
        }
        self.check_epoch(offset, fingerprint);
        if self.is_unreliable {
            self.counts.outdated += 1;
            return Arrival::New;
        }
        self.newest = self.newest.max(Some(offset));
        let (at, attachment, epoch) = (moment.millis, self.attachment, self.epoch);
        let slot = self.slots.reach(offset);
        slot.deliveries = slot.deliveries_at(attachment).max(slot.deliveries.saturating_add(1));
        let before = std::mem::replace(&mut slot.attachment, attachment);
        match slot.state {
            State::Unknown | State::Released => {
                let was_released = slot.state == State::Released;
                self.counts.released -= usize::from(was_released);
                (slot.state, slot.fingerprint, slot.at, slot.in_doubt) = (State::InHand, fingerprint, at, false);
                slot.epoch = epoch;
                self.counts.in_hand += 1;
                self.skipped(offset, moment.now);
                if was_released { Arrival::Returned } else { Arrival::New }
            }
            State::InHand => {
                // The broker's deadline restarts.
                slot.at = at;
                Arrival::InHand
            }
            // The acknowledgement that waits or is in flight covers this delivery too, if both are of one attachment.
            State::Settled if before == attachment => Arrival::InHand,
            State::Settled | State::Sent | State::Unconfirmed | State::Acked => {
                self.counts.unconfirmed -= usize::from(slot.state == State::Unconfirmed);
                self.counts.sent -= usize::from(slot.state == State::Sent);
                self.counts.doubtful -= usize::from(slot.state == State::Acked && slot.in_doubt);
                (slot.state, slot.at) = (State::Settled, at);
                self.waiting.push_back(message.token.clone());
                Arrival::Settled
            }
        }
    }

    /// Settles a message of the epoch, and queues its acknowledgement. Whether it was in hand, not settled already; `is_first`
    /// tells that of a message without a slot, which has no acknowledgement either.
    ///
    /// A broker ignores the acknowledgement of a message that it is about to redeliver, and answers OK. So one that was in
    /// hand for half the ack timeout, or was delivered more than once, is remembered until its redelivery is due.
    pub(crate) fn settle(
        &mut self,
        token: AckToken,
        epoch: u32,
        moment: Moment,
        is_first: impl FnOnce() -> bool,
    ) -> bool {
        if self.is_unreliable || !self.is_current(token.offset, epoch) {
            let is_first = is_first();
            self.counts.outdated = self.counts.outdated.saturating_sub(usize::from(is_first));
            return is_first;
        }
        let (at, attachment, is_attached) = (moment.millis, self.attachment, self.attached.is_some());
        let late = self.ack_timeout / 2;
        let Some(slot) = self.slots.get_mut(token.offset).filter(|slot| slot.state == State::InHand) else {
            return false;
        };
        let age = at.wrapping_sub(slot.at);
        slot.in_doubt = slot.deliveries > 1 || age > late;
        if is_attached && slot.attachment == attachment {
            slot.state = State::Settled;
            self.waiting.push_back(token);
        } else {
            slot.state = State::Unconfirmed;
            self.counts.unconfirmed += 1;
        }
        self.counts.in_hand -= 1;
        self.last_settled = Some(moment.now);
        true
    }

    /// Gives a message of the epoch back to the broker. Whether the broker will redeliver it.
    pub(crate) fn release(&mut self, offset: u64, epoch: u32) -> bool {
        if self.is_unreliable || !self.is_current(offset, epoch) {
            self.counts.outdated = self.counts.outdated.saturating_sub(1);
            return false;
        }
        let Some(slot) = self.slots.get_mut(offset).filter(|slot| slot.state == State::InHand) else { return false };
        slot.state = State::Released;
        self.counts.in_hand -= 1;
        self.counts.released += 1;
        true
    }

    /// The ages of the attachment's oldest unsettled message, and of the last settlement.
    pub(crate) fn ages(&self, now: Instant) -> (Option<Duration>, Option<Duration>) {
        let unsettled = self.slots.iter().rev().filter(|slot| matches!(slot.state, State::InHand | State::Released));
        let unsettled = unsettled.take(self.unsettled()).filter(|slot| slot.attachment == self.attachment);
        let millis = self.millis(now);
        let oldest = unsettled.map(|slot| Duration::from_millis(millis.wrapping_sub(slot.at).into())).max();
        (oldest, self.last_settled.map(|settled| now.duration_since(settled)))
    }

    /// Suspends gap detection: another consumer reads the partition, so that missing messages are not lost.
    pub(crate) fn lose_sight(&mut self) {
        self.expected = None;
    }

    /// Milliseconds on the ledger's clock; they wrap after 49 days, so that only differences count.
    fn millis(&self, now: Instant) -> u32 {
        let millis = now.duration_since(self.started).as_millis() % (u128::from(u32::MAX) + 1);
        u32::try_from(millis).unwrap_or_default()
    }
}

fn fingerprint(message: &Message) -> u64 {
    let AckToken { sequence, source, .. } = &message.token;
    RecordId::fingerprint(source.producer_id, microseconds(message.publish_time), *sequence)
}

#[cfg(test)]
mod tests;
