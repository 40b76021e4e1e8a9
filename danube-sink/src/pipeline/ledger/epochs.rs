//! Epochs: one begins when the broker restarts its offsets, and each offset names another message from then on.
//!
//! A broker that restarts ends its streams, so that all messages of an attachment are of one epoch. But a restart shows
//! only at an offset that is known: messages at unknown offsets may arrive before it is recognized. They belong to the
//! epoch that begins then.

use super::{Counts, DeliveryLedger, Slot, State};

impl DeliveryLedger {
    /// Begins an epoch if the message at an offset shows that offsets restarted.
    pub(super) fn check_epoch(&mut self, offset: u64, fingerprint: u64) {
        match self.slots.get(offset).copied() {
            Some(slot) if slot.state == State::Unknown || slot.fingerprint == fingerprint => {}
            Some(slot) => {
                // Where none but offset 0 is known, the topic may have none; and a restart would have skipped nothing.
                let is_certain = self.slots.end() > 1;
                if slot.attachment == self.attachment {
                    // A reliable topic gives each of its messages an offset.
                    self.is_unreliable = offset == 0 && self.newest == Some(0);
                    self.start_epoch(offset);
                } else {
                    self.carry_into_epoch();
                }
                self.restarts += u32::from(is_certain && !self.is_unreliable);
            }
            // Within an attachment, it is a message that another consumer did not acknowledge.
            None if self.newest.is_none() && self.slots.is_far_below(offset) => {
                self.start_epoch(offset);
                self.restarts += 1;
            }
            None => {}
        }
    }

    /// Whether a message that arrived in this epoch can still be acknowledged.
    pub(super) fn is_current(&self, offset: u64, epoch: u32) -> bool {
        let is_carried = |slot: &Slot| slot.state != State::Unknown && slot.epoch == epoch;
        epoch == self.epoch || self.slots.get(offset).is_some_and(is_carried)
    }

    pub(super) fn start_epoch(&mut self, offset: u64) {
        self.epoch = self.epoch.wrapping_add(1);
        self.slots.restart(offset);
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
        for slot in self.slots.iter_mut() {
            match slot.state {
                _ if slot.attachment != self.attachment => *slot = Slot::EMPTY,
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
