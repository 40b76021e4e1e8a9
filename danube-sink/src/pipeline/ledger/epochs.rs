//! Epochs: one begins when the broker restarts its offsets, and each offset names another message from then on.
//!
//! A broker that restarts ends its streams, so that all messages of an attachment are of one epoch. But a restart shows
//! only at an offset that is known: messages at unknown offsets may arrive before it is recognized. They belong to the
//! epoch that begins then.

use super::{Counts, DeliveryLedger, EMPTY, Slot, State};

/// Offsets that jump further ahead begin a new epoch: the ring would be mostly empty.
pub(super) const LONGEST_JUMP: u64 = 262_144;

impl DeliveryLedger {
    /// Extends the ring to the offset, in a new epoch if offsets restarted, or jumped too far for one ring.
    pub(super) fn reach(&mut self, offset: u64, fingerprint: u64) {
        if self.slots.is_empty() {
            self.first = offset;
        }
        let end = self.first + self.slots.len() as u64;
        if offset < self.first && self.first - offset <= LONGEST_JUMP {
            (offset..self.first).for_each(|_| self.slots.push_front(EMPTY));
            self.first = offset;
        } else if offset < self.first || offset.saturating_sub(end) > LONGEST_JUMP {
            let expected = self.expected.filter(|_| offset > end);
            self.start_epoch(offset);
            self.expected = expected;
            self.restarts += u32::from(offset < end);
        } else if offset < end {
            let slot = self.slots[self.index(offset)];
            if slot.state == State::Unknown || slot.fingerprint == fingerprint {
                return;
            }
            if slot.attachment == self.attachment {
                // A reliable topic gives each of its messages an offset.
                self.is_unreliable = offset == 0 && self.newest == Some(0);
                self.start_epoch(offset);
            } else {
                self.carry_into_epoch();
            }
            self.restarts += u32::from(!self.is_unreliable);
        } else if offset == end {
            self.slots.push_back(EMPTY);
        } else {
            self.slots.resize(self.index(offset) + 1, EMPTY);
        }
    }

    /// Whether a message that arrived in this epoch can still be acknowledged.
    pub(super) fn is_current(&self, offset: u64, epoch: u32) -> bool {
        let is_carried = |slot: &Slot| slot.state != State::Unknown && slot.epoch == epoch;
        epoch == self.epoch || self.slot_of(offset).is_some_and(is_carried)
    }

    fn start_epoch(&mut self, offset: u64) {
        self.epoch = self.epoch.wrapping_add(1);
        self.slots.clear();
        self.slots.push_back(EMPTY);
        self.first = offset;
        self.waiting.clear();
        self.newest = None;
        self.expected = None;
        self.counts = Counts { outdated: self.in_hand(), ..Counts::default() };
    }

    /// Begins an epoch with the messages that the attachment has brought so far.
    fn carry_into_epoch(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.expected = self.newest.map(|newest| newest + 1);
        let mut counts = Counts::default();
        for slot in &mut self.slots {
            match slot.state {
                _ if slot.attachment != self.attachment => *slot = EMPTY,
                State::InHand => counts.in_hand += 1,
                State::Released => counts.released += 1,
                State::Sent => counts.sent += 1,
                State::Acked => counts.doubtful += usize::from(slot.in_doubt),
                // Those that wait to be sent are of this attachment.
                State::Settled | State::Unconfirmed | State::Unknown => {}
            }
        }
        counts.outdated = self.in_hand() - counts.in_hand;
        self.counts = counts;
    }
}
