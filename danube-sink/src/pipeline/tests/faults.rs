//! Faults of the broker in memory, and how long they last.

use std::{collections::HashMap, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::pipeline::{BrokerFailure, FailureKind};

/// A fault that lasts for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    AcksFail,
    /// Acknowledgements are answered and ignored.
    AcksAreLost,
    /// Acknowledgements are taken, and their answers fail.
    AnswersAreLost,
    AcksPanic,
    /// Messages that are sent together arrive in reverse order.
    ChunksAreReversed,
    /// Later acknowledgements are taken sooner.
    AcksOvertake,
    AttachFails,
    AttachHangs,
    HealthHangs,
    LookUpFails,
    RegistryFails,
    /// The dead-letter topic cannot be written to.
    PublishFails,
    PublishPanics,
}

/// Which faults last until when.
#[derive(Debug, Default)]
pub(super) struct Faults(HashMap<Fault, Instant>);

impl Faults {
    pub(super) fn begin(&mut self, fault: Fault, lasts: Duration) {
        self.0.insert(fault, Instant::now() + lasts);
    }

    pub(super) fn heal(&mut self) {
        self.0.clear();
    }

    pub(super) fn has(&self, fault: Fault) -> bool {
        self.0.get(&fault).is_some_and(|until| Instant::now() < *until)
    }

    pub(super) fn check(&self, fault: Fault) -> Result<(), BrokerFailure> {
        if self.has(fault) { Err(BrokerFailure::new(FailureKind::Unreachable, format!("{fault:?}"))) } else { Ok(()) }
    }

    /// Ends when the fault does.
    pub(super) fn outlast(&self, fault: Fault) -> impl Future<Output = ()> + use<> {
        let until = self.0.get(&fault).copied();
        async move {
            if let Some(until) = until {
                sleep_until(until).await;
            }
        }
    }
}
