//! Detaching while records are not written: what stays in hand, and what goes back to the broker.

use std::{sync::Arc, time::Duration};

use tokio::time::interval;

use super::ConsumerTask;

/// How often a detached partition that keeps its records checks whether it still has to.
const KEEP_INTERVAL: Duration = Duration::from_secs(1);

impl ConsumerTask {
    /// Waits until the records in hand are written and the target has recovered.
    ///
    /// While the target fails, the probing record is kept; the others go back to the broker, to free memory for other
    /// mappings. Records stay where the target is only slow, and where the broker has delivered one too often.
    pub(super) async fn wait_for_target(&mut self) {
        let settings = &self.mapping.settings;
        let limit = settings.ack_timeout.as_millis();
        let mapping = Arc::clone(&self.mapping);
        let mut failing = mapping.failing();
        let cause =
            mapping.blocked_by().unwrap_or_else(|| format!("writes take longer than ack_timeout_ms = {limit} allows"));
        self.partition.observer.waiting(&format!("{cause}: detached until records are written"));
        let (mut keeps, mut clock) = (true, interval(KEEP_INTERVAL));
        loop {
            if keeps && !self.must_keep_in_hand() {
                keeps = false;
                mapping.detach(&self.partition);
            }
            let is_failing = *failing.borrow_and_update() > 0;
            if is_failing && !keeps && mapping.gives_back(&self.signals.stop) {
                mapping.release(&self.partition);
            }
            if !is_failing && self.ledger.in_hand() == 0 && self.settlements.is_empty() {
                break;
            }
            tokio::select! {
                // It fails only without a sender, which the mapping holds.
                _ = failing.changed() => {}
                Some(settlement) = self.settlements.recv() => {
                    self.take_all(&settlement);
                    self.show();
                }
                // Other mappings may lack the memory by now.
                _ = clock.tick(), if keeps => {}
                () = self.signals.finish.cancelled() => break,
            }
        }
        if !keeps {
            mapping.end_detachment(&self.partition);
        }
    }

    /// Whether a record in hand was delivered too often to go back. The spool counts no deliveries.
    fn must_keep_in_hand(&self) -> bool {
        !self.mapping.role.is_delivery() && self.ledger.must_keep_in_hand(self.budget.is_scarce())
    }
}
