//! Delivery counts of unacknowledged messages: the broker blocks a subscription whose message it delivers too often.

use super::{DeliveryLedger, Slot, State};

/// A message that was delivered so often is neither refused for lack of memory nor given back: the broker's default limit is
/// six, the next delivery is for its acknowledgement, and connections may break meanwhile.
const DELIVERIES_TO_KEEP: u8 = 3;

impl Slot {
    /// How often the broker has delivered it: each attach counts as a delivery, read or not.
    pub(super) fn deliveries_at(&self, attachment: u16) -> u8 {
        let attaches = u8::try_from(attachment.wrapping_sub(self.attachment)).unwrap_or(u8::MAX);
        if self.deliveries == 0 { 0 } else { self.deliveries.saturating_add(attaches) }
    }
}

impl DeliveryLedger {
    /// Whether a message that has just arrived has to be kept. A topic that is not reliable delivers each once.
    pub(crate) fn must_keep(&self, offset: u64) -> bool {
        self.is_unreliable || self.slots.get(offset).is_some_and(|slot| slot.deliveries >= DELIVERIES_TO_KEEP)
    }

    /// Whether a message in hand has to be kept. Where memory is scarce, it may go back once more: else a few connections that
    /// broke would let mappings of a failing target keep the memory of all others.
    pub(crate) fn must_keep_in_hand(&self, is_scarce: bool) -> bool {
        let most = DELIVERIES_TO_KEEP + u8::from(is_scarce);
        self.any(State::InHand, self.counts.in_hand, |slot| slot.deliveries_at(self.attachment) >= most)
    }

    /// Whether a message that the broker is about to redeliver will have to be kept.
    pub(crate) fn must_keep_next(&self) -> bool {
        self.is_unreliable
            || self.any(State::Released, self.counts.released, |slot| {
                slot.attachment != self.attachment && slot.deliveries_at(self.attachment) >= DELIVERIES_TO_KEEP
            })
    }

    /// Whether `holds` is true for one of the last `count` slots of that state.
    fn any(&self, state: State, count: usize, holds: impl FnMut(&Slot) -> bool) -> bool {
        self.slots.iter().rev().filter(|slot| slot.state == state).take(count).any(holds)
    }
}
