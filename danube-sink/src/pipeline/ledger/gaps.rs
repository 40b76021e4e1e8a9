//! Offsets that were passed over.

use std::time::Duration;

use tokio::time::Instant;

use super::{DeliveryLedger, State};

/// How late a message may come that others have passed.
pub(super) const LATEST: Duration = Duration::from_secs(1);

/// Messages that the broker skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) messages: u64,
    /// The offset behind the last of them.
    pub(crate) end: u64,
}

impl DeliveryLedger {
    pub(super) fn passed_over(&mut self, offset: u64, now: Instant) {
        let expected = self.expected.unwrap_or(offset);
        if offset > expected {
            self.gaps.push_back((expected..offset, now));
        }
        self.expected = Some(expected.max(offset + 1));
    }

    /// Whether offsets were passed over that may still come late.
    pub(crate) fn may_have_gap(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// The messages that were passed over some time ago, or at any time with `all`, and have not come late.
    pub(crate) fn gap(&mut self, all: bool, now: Instant) -> Option<Gap> {
        let mut gap = Gap { messages: 0, end: 0 };
        while let Some((range, _)) = self.gaps.pop_front_if(|(_, at)| all || now.duration_since(*at) >= LATEST) {
            let came = |offset: &u64| self.slot_of(*offset).is_some_and(|slot| slot.state != State::Unknown);
            let late = range.clone().skip_while(|offset| *offset < self.first).filter(came).count() as u64;
            gap.messages += range.end - range.start - late;
            gap.end = range.end;
        }
        (gap.messages > 0).then_some(gap)
    }
}
