//! Gaps: offsets that the broker skipped.

use std::time::Duration;

use tokio::time::Instant;

use super::{DeliveryLedger, State};

/// How late a message may arrive that later ones have overtaken.
pub(super) const LATEST: Duration = Duration::from_secs(1);

/// A gap: messages that the broker skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) messages: u64,
    /// The offset behind the last of them.
    pub(crate) end: u64,
}

impl DeliveryLedger {
    pub(super) fn skipped(&mut self, offset: u64, now: Instant) {
        let expected = self.expected.unwrap_or(offset);
        if offset > expected {
            self.gaps.push_back((expected..offset, now));
        }
        self.expected = Some(expected.max(offset + 1));
    }

    /// Whether skipped offsets may still arrive late.
    pub(crate) fn may_have_gap(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Takes the gap of messages that were skipped a while ago, or at any time with `all`, and did not arrive late.
    pub(crate) fn gap(&mut self, all: bool, now: Instant) -> Option<Gap> {
        let mut gap = Gap { messages: 0, end: 0 };
        while let Some((range, _)) = self.gaps.pop_front_if(|(_, at)| all || now.duration_since(*at) >= LATEST) {
            let arrived = |offset: &u64| self.slots.get(*offset).is_some_and(|slot| slot.state != State::Unknown);
            let late = (range.start.max(self.slots.first())..range.end).filter(arrived).count() as u64;
            gap.messages += range.end - range.start - late;
            gap.end = range.end;
        }
        (gap.messages > 0).then_some(gap)
    }
}
