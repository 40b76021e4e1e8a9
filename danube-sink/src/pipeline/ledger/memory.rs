//! The memory of a ledger: how long it remembers settled messages.

use std::time::Duration;

use tokio::time::Instant;

use super::{DeliveryLedger, State};
use crate::pipeline::broker::AckToken;

/// The most messages of a partition to remember.
pub(super) const REMEMBERED: usize = 65_536;
/// The number of windows to remember when memory is short.
pub(super) const WINDOWS_REMEMBERED: usize = 4;
/// The broker's longest delay before it redelivers a message after its ack timeout.
pub(super) const REDELIVERY_BACKOFF: Duration = Duration::from_secs(60);

impl DeliveryLedger {
    /// Whether the ledger remembers so much that it should forget.
    pub(crate) fn is_long(&self) -> bool {
        self.slots.len() > REMEMBERED + REMEMBERED / 4
    }

    /// The memory of the ledger.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.bytes() + self.waiting.capacity() * size_of::<AckToken>()
    }

    /// Forgets messages settled long ago, and more of them where memory is short.
    pub(crate) fn forget(&mut self, window: usize, is_short: bool, now: Instant) {
        let most = if is_short { WINDOWS_REMEMBERED * window.clamp(16, REMEMBERED / 4) } else { REMEMBERED };
        let doubt = self.longest_doubt();
        let now = self.millis(now);
        self.slots.forget_behind();
        while self.slots.len() > most {
            let Some(oldest) = self.slots.oldest() else { break };
            let done = match oldest.state {
                State::Unknown => true,
                // The broker may redeliver a message that took long, although its acknowledgement was answered.
                State::Acked => {
                    let age = Duration::from_millis(now.wrapping_sub(oldest.at).into());
                    !oldest.in_doubt || age > doubt || self.slots.len() > 2 * most
                }
                _ => false,
            };
            if !done {
                break;
            }
            let was_doubtful = usize::from(oldest.state == State::Acked && oldest.in_doubt);
            self.counts.doubtful -= was_doubtful;
            self.counts.certain += was_doubtful;
            self.slots.forget_oldest();
        }
        self.slots.shrink();
    }
}
