//! Takeover: another consumer attached under the same name.
//!
//! Without a spool, this one waits for the other one to detach. With one, the whole process makes way: the other one is its
//! successor, and delivers what this one leaves in the spool.

use std::{
    future::pending,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{ConsumerTask, End, HEALTH_INTERVAL};
use crate::{
    config::SubscriptionType,
    pipeline::{
        broker::{Attachment, BrokerFailure, FailureKind, Session},
        mapping::Role,
    },
    spool::Successors,
};

/// How long a consumer that was taken over waits for the other one to detach, the first time.
pub(crate) const FIRST_TAKEOVER_WAIT: Duration = Duration::from_secs(5 * 60);
const LONGEST_TAKEOVER_WAIT: Duration = Duration::from_secs(60 * 60);

const SUPERSEDED: &str = "another process has spooled meanwhile: this one continues after it";

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

    /// Waits until the other process has ended, or the wait for it is over.
    ///
    /// The lock of its generation shows whether it lives: the broker serves the name of a process that died while it attached
    /// for ever. Without one, the other process has a `data_dir` of its own, and the broker is asked.
    pub(crate) async fn ended(&self, successors: &Successors, wait: &mut TakeoverWait) {
        // A folder that cannot be read is the error of the next start.
        let had_successors = successors.ended().await.unwrap_or(true);
        if let Some(session) = self.0.session.get()
            && !had_successors
        {
            wait.left(Arc::clone(session)).await;
        }
    }
}

/// How long another consumer is waited for: some minutes, and twice as long each time that it did not leave meanwhile.
#[derive(Debug)]
pub(crate) struct TakeoverWait(Duration);

impl Default for TakeoverWait {
    fn default() -> Self {
        Self(FIRST_TAKEOVER_WAIT)
    }
}

impl TakeoverWait {
    /// Waits until the other consumer has left. Whether it has.
    async fn left(&mut self, session: Arc<dyn Session>) -> bool {
        let has_left = timeout(self.0, unhealthy(session, HEALTH_INTERVAL)).await.is_ok();
        self.0 = if has_left { FIRST_TAKEOVER_WAIT } else { LONGEST_TAKEOVER_WAIT.min(self.0 * 2) };
        has_left
    }
}

impl ConsumerTask {
    /// Attaches, unless another process has begun to spool since this one did: what this one appends would be delivered before
    /// the other's records, although it is newer. `None` if the task ends first.
    pub(super) async fn attach_unless_superseded(&mut self, name: &str) -> Option<Result<Attachment, End>> {
        // Before the attach too, which would take the subscription from the other one.
        let attached = match self.is_superseded().await? {
            Ok(false) => self.attach(name).await?,
            Ok(true) => return self.make_way(SUPERSEDED, None).await,
            Err(failure) => return Some(Err(End::Failure(failure))),
        };
        // Another process begins its generation before it attaches. If there is none by now, this attachment brings only
        // messages that precede all that the other one will receive.
        match self.is_superseded().await? {
            Ok(false) => Some(attached),
            Ok(true) => {
                drop(attached);
                self.make_way(SUPERSEDED, None).await
            }
            Err(failure) => Some(Err(End::Failure(failure))),
        }
    }

    async fn is_superseded(&mut self) -> Option<Result<bool, BrokerFailure>> {
        let Role::Intake(spool) = &self.mapping.role else { return Some(Ok(false)) };
        let spool = Arc::clone(spool);
        let looked = self.meanwhile(spawn_blocking(move || spool.is_superseded())).await?;
        let failed = |error| BrokerFailure::new(FailureKind::Unreachable, format!("the spool cannot be read: {error}"));
        Some(looked.map_err(std::io::Error::other).flatten().map_err(failed))
    }

    /// Makes way for another process, until the task ends.
    pub(super) async fn make_way<T>(&mut self, reason: &str, session: Option<Arc<dyn Session>>) -> Option<T> {
        self.partition.observer.waiting(reason);
        self.signals.takeover.report(session);
        self.meanwhile(pending()).await
    }

    /// Waits until another consumer of the name detaches, or the wait is over.
    ///
    /// An attach ends the other's stream, and if both attached at once, neither would make progress. But the broker reports
    /// the name as served even where the other one died between its two calls, or its machine did, so the wait must end.
    /// After some minutes this one takes the subscription back; another that lives waits in turn, each time twice as long.
    pub(super) async fn wait_for_takeover_end(
        &mut self,
        name: &str,
        session: Arc<dyn Session>,
        wait: &mut TakeoverWait,
    ) {
        let minutes = wait.0.as_secs() / 60;
        let to_run_both = match self.mapping.settings.consumer.subscription_type {
            SubscriptionType::Exclusive => {
                "an Exclusive subscription takes one consumer: to run both, set another subscription_type"
            }
            _ => "to run both, give each its own consumer_name",
        };
        self.partition.observer.waiting(&format!(
            "another consumer attached as {name}: this one waits for it to detach, at most {minutes} minutes; {to_run_both}"
        ));
        self.ledger.lose_sight();
        if self.meanwhile(wait.left(session)).await == Some(false) {
            let topic = &self.partition.topic;
            tracing::warn!(%topic, "the other consumer of {name} may be dead: this one attaches after {minutes} minutes");
        }
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
