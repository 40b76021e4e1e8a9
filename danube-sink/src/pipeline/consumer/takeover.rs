//! Takeover: another consumer attached under the same name.
//!
//! Without a spool, this one waits for the other one to detach. With one, the whole process makes way: the other one is its
//! successor, and delivers what this one leaves in the spool.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{ConsumerTask, HEALTH_INTERVAL};
use crate::pipeline::broker::{BrokerFailure, Session};

/// How long a consumer that was taken over waits for the other one to detach, the first time.
pub(crate) const FIRST_TAKEOVER_WAIT: Duration = Duration::from_secs(5 * 60);
pub(super) const LONGEST_TAKEOVER_WAIT: Duration = Duration::from_secs(60 * 60);

/// The signal that another process of the same configuration took over. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Takeover(Arc<TakeoverState>);

#[derive(Default)]
struct TakeoverState {
    /// Serves as long as the other process is attached; none if it is not known to be.
    session: OnceLock<Arc<dyn Session>>,
    reported: CancellationToken,
}

impl Takeover {
    pub(super) fn report(&self, session: Option<Arc<dyn Session>>) {
        if let Some(session) = session {
            // The first one stands for all partitions.
            let _ = self.0.session.set(session);
        }
        self.0.reported.cancel();
    }

    /// Waits for a takeover.
    pub(crate) async fn reported(&self) {
        self.0.reported.cancelled().await;
    }

    /// Whether the other process is attached, as far as is known.
    pub(crate) fn is_attached(&self) -> bool {
        self.0.session.get().is_some()
    }

    /// Waits until the other process has left.
    pub(crate) async fn ended(&self) {
        if let Some(session) = self.0.session.get() {
            unhealthy(Arc::clone(session), HEALTH_INTERVAL).await;
        }
    }
}

impl ConsumerTask {
    /// Waits until another consumer of the name detaches, or the wait is over. Whether it has detached.
    ///
    /// An attach ends the other's stream, and if both attached at once, neither would make progress. But the broker reports
    /// the name as served even where the other one died between its two calls, or its machine did, so the wait must end.
    /// After some minutes this one takes the subscription back; another that lives waits in turn, each time twice as long.
    pub(super) async fn wait_for_takeover_end(
        &mut self,
        name: &str,
        session: Arc<dyn Session>,
        wait: Duration,
    ) -> bool {
        let minutes = wait.as_secs() / 60;
        self.partition.observer.waiting(&format!(
            "another consumer attached as {name}: this one waits for it to detach, at most {minutes} minutes; to run both, \
             give each its own consumer_name"
        ));
        self.ledger.lose_sight();
        let left = self.meanwhile(timeout(wait, unhealthy(session, HEALTH_INTERVAL))).await;
        if let Some(Err(_)) = left {
            let topic = &self.partition.topic;
            tracing::warn!(%topic, "the other consumer of {name} may be dead: this one attaches after {minutes} minutes");
        }
        matches!(left, Some(Ok(_)))
    }
}

/// Waits until a health check fails: the consumer is no longer served, or the broker does not answer. The first check is made
/// after `first`.
pub(super) async fn unhealthy(session: Arc<dyn Session>, first: Duration) -> BrokerFailure {
    sleep(first).await;
    loop {
        if let Err(failure) = session.health().await {
            return failure;
        }
        sleep(HEALTH_INTERVAL).await;
    }
}
