//! How often the broker has sent what is not acknowledged. It blocks a subscription whose message it sends too often.

use super::{DeliveryLedger, Slot, State};

/// A message that was sent so often is neither refused for want of memory nor given back: the broker's default limit is six,
/// the next one is for its acknowledgement, and connections may break meanwhile.
const DELIVERIES_TO_KEEP: u8 = 3;

impl Slot {
    /// How often the broker has sent it: each attach counts for what is unacknowledged, read or not.
    pub(super) fn deliveries_at(&self, attachment: u16) -> u8 {
        let attaches = u8::try_from(attachment.wrapping_sub(self.attachment)).unwrap_or(u8::MAX);
        if self.deliveries == 0 { 0 } else { self.deliveries.saturating_add(attaches) }
    }
}

impl DeliveryLedger {
    /// Whether a message has to be kept that has just arrived. One of a topic that is not reliable is sent once.
    pub(crate) fn must_keep(&self, offset: u64) -> bool {
        self.is_unreliable || self.slot_of(offset).is_some_and(|slot| slot.deliveries >= DELIVERIES_TO_KEEP)
    }

    /// Whether something has to be kept that is in hand.
    pub(crate) fn must_keep_in_hand(&self) -> bool {
        self.any(State::InHand, self.counts.in_hand, |slot| slot.deliveries_at(self.attachment) >= DELIVERIES_TO_KEEP)
    }

    /// Whether something will have to be kept that the broker is about to send.
    pub(crate) fn must_keep_next(&self) -> bool {
        self.is_unreliable
            || self.any(State::Released, self.counts.released, |slot| {
                slot.attachment != self.attachment && slot.deliveries_at(self.attachment) >= DELIVERIES_TO_KEEP
            })
    }

    /// Whether this holds for one of so many slots of that state.
    fn any(&self, state: State, count: usize, holds: impl FnMut(&Slot) -> bool) -> bool {
        self.slots.iter().rev().filter(|slot| slot.state == state).take(count).any(holds)
    }
}
