//! The shutdown of a consumer: when it has nothing left to do, and what it leaves.

use std::time::Duration;

use tokio::time::Instant;

use super::ConsumerTask;
use crate::pipeline::mapping::Role;

/// How long a shutdown waits for the redelivery of written messages whose acknowledgement did not count.
const UNCONFIRMED_PATIENCE: Duration = Duration::from_secs(5);
const SPOOLED_PATIENCE: Duration = Duration::from_millis(500);

impl ConsumerTask {
    pub(super) fn finish(&mut self) {
        // What is in the spool is recognized when the broker redelivers it to the next process.
        let patience = if self.mapping.role.is_intake() { SPOOLED_PATIENCE } else { UNCONFIRMED_PATIENCE };
        self.end_by = Some(Instant::now() + patience);
    }

    /// Whether a shutdown has begun, and every acknowledgement that can be sent is confirmed.
    pub(super) fn is_finished(&self) -> bool {
        self.end_by.is_some_and(|end| self.is_confirmed() || Instant::now() >= end)
    }

    /// What a shutdown left of the partition.
    pub(super) fn drained(&self) -> String {
        let records = self.ledger.released();
        let left = match &self.mapping.role {
            Role::Delivery if records > 0 => "records of the partition stay in the spool".to_owned(),
            Role::Whole | Role::Intake(_) if records > 0 => {
                format!("{records} records of the partition were given back to the broker")
            }
            Role::Intake(_) => "every record that it received of the partition is in the spool".to_owned(),
            Role::Whole | Role::Delivery => "every record that it received of the partition is settled".to_owned(),
        };
        format!("the connector stops: {left}")
    }

    pub(super) fn is_drained(&self) -> bool {
        self.signals.stop.is_cancelled() && self.ledger.in_hand() == 0 && self.is_confirmed()
    }

    /// Whether every acknowledgement that can be sent is confirmed.
    pub(super) fn is_confirmed(&self) -> bool {
        self.settlements.is_empty() && self.ledger.is_idle() && self.ledger.unconfirmed() == 0
    }
}
