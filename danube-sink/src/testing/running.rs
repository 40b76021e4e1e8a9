//! A running runtime.

use std::time::Duration;

use tokio::{task::JoinHandle, time::timeout};

use super::{log::Tally, numbers::Numbers};
use crate::{
    error::{ConnectorResult, ErrorExt},
    runtime::{RuntimeHandle, SinkRuntime},
};

/// Handle of the connector's runtime. Dropping it starts a shutdown.
pub(super) struct Running {
    handle: RuntimeHandle,
    outcome: JoinHandle<ConnectorResult<()>>,
    /// Whether its outcome was taken.
    has_ended: bool,
    before: Tally,
}

impl Running {
    pub(super) fn new(runtime: SinkRuntime, before: Tally) -> Self {
        Self { handle: runtime.handle(), outcome: tokio::spawn(runtime.run()), has_ended: false, before }
    }

    /// Counters of the scenario at the start of this runtime.
    pub(super) fn before(&self) -> Tally {
        self.before
    }

    pub(super) async fn ready(&mut self, patience: Duration) -> Result<(), String> {
        match timeout(patience, self.handle.ready()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.ended().await),
            Err(_) => Err(format!("the connector was not ready within {patience:?}")),
        }
    }

    pub(super) async fn numbers(&self) -> Result<Numbers, String> {
        Numbers::read(self.handle.metrics_address()).await
    }

    pub(super) fn is_finished(&self) -> bool {
        self.outcome.is_finished()
    }

    /// Waits until the connector ends without a shutdown, and describes how.
    pub(super) async fn ended(&mut self) -> String {
        if self.has_ended {
            return "the connector ended before".to_owned();
        }
        let outcome = (&mut self.outcome).await;
        self.has_ended = true;
        match outcome.fatal("run the connector").and_then(|outcome| outcome) {
            Ok(()) => "the connector ended by itself".to_owned(),
            Err(error) => format!("the connector ended: {}", error.report()),
        }
    }

    /// Starts a shutdown.
    pub(super) fn shut_down(&self) {
        self.handle.shutdown();
    }

    /// Shuts the connector down, and waits for its end.
    pub(super) async fn stop(mut self, patience: Duration) -> Result<(), String> {
        if self.has_ended {
            return Ok(());
        }
        self.handle.shutdown();
        match timeout(patience, &mut self.outcome).await {
            Err(_) => Err(format!("the shutdown took longer than {patience:?}")),
            Ok(outcome) => outcome
                .fatal("run the connector")
                .and_then(|outcome| outcome)
                .map_err(|error| format!("the shutdown failed: {}", error.report())),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}
