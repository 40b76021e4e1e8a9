//! What is up and what is down, and since when.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tokio::sync::Notify;

/// Where in its life a connector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The connector's `initialize` is running.
    Starting,
    /// Records are delivered.
    Running,
    /// What is in hand is being written.
    Draining,
}

/// The state of a connector, for `/ready`.
#[derive(Debug)]
pub(crate) struct Status {
    connector: String,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// By topic or partition, and subscription.
    attached: BTreeMap<(String, String), Attached>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Attached {
    since: SystemTime,
    /// Why not; `None` if it is.
    down: Option<String>,
}

impl Status {
    pub(crate) fn new(connector: &str) -> Self {
        let state = State { phase: Phase::Starting, attached: BTreeMap::new() };
        Self { connector: connector.to_owned(), state: Mutex::new(state), changed: Notify::new() }
    }

    pub(crate) fn phase(&self, phase: Phase) {
        self.state().phase = phase;
        self.changed.notify_waiters();
    }

    /// A subscription that is to be attached before the connector is ready.
    pub(crate) fn expect(&self, topic: &str, subscription: &str) {
        let attached = Attached { since: SystemTime::now(), down: Some("not attached yet".to_owned()) };
        self.state().attached.entry((topic.to_owned(), subscription.to_owned())).or_insert(attached);
    }

    /// Whether that is news.
    pub(crate) fn up(&self, topic: &str, subscription: &str) -> bool {
        self.set(topic, subscription, None)
    }

    /// Whether that is news.
    pub(crate) fn down(&self, topic: &str, subscription: &str, reason: &str) -> bool {
        self.set(topic, subscription, Some(reason))
    }

    pub(crate) fn forget(&self, topic: &str, subscription: &str) {
        self.state().attached.remove(&(topic.to_owned(), subscription.to_owned()));
        self.changed.notify_waiters();
    }

    pub(crate) fn is_ready(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Running && state.attached.values().all(|attached| attached.down.is_none())
    }

    /// Returns `true` when it is ready, and `false` when it drains instead.
    pub(crate) async fn ready(&self) -> bool {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listens before it looks, so that no change is missed in between.
            changed.as_mut().enable();
            if self.is_ready() {
                return true;
            }
            if self.state().phase == Phase::Draining {
                return false;
            }
            changed.await;
        }
    }

    pub(crate) fn json(&self) -> Value {
        let ready = self.is_ready();
        let state = self.state();
        let subscriptions: Vec<_> = state
            .attached
            .iter()
            .map(|((topic, subscription), attached)| {
                let seconds = attached.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                json!({
                    "topic": topic,
                    "subscription": subscription,
                    "attached": attached.down.is_none(),
                    "since_unix_seconds": seconds,
                    "reason": attached.down,
                })
            })
            .collect();
        let phase = match state.phase {
            Phase::Starting => "starting",
            Phase::Running => "running",
            Phase::Draining => "draining",
        };
        json!({ "connector": self.connector, "ready": ready, "phase": phase, "subscriptions": subscriptions })
    }

    fn set(&self, topic: &str, subscription: &str, down: Option<&str>) -> bool {
        let mut state = self.state();
        let key = (topic.to_owned(), subscription.to_owned());
        let before = state.attached.get(&key);
        if before.is_some_and(|before| before.down.as_deref() == down) {
            return false;
        }
        // An outage lasts since it began, whatever new reason each try finds.
        let since = match before {
            Some(Attached { since, down: Some(_) }) if down.is_some() => *since,
            _ => SystemTime::now(),
        };
        state.attached.insert(key, Attached { since, down: down.map(str::to_owned) });
        drop(state);
        self.changed.notify_waiters();
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_running_with_everything_attached() {
        let status = Status::new("c");
        status.expect("/default/a", "s");
        status.up("/default/a", "s");
        assert!(!status.is_ready());
        status.phase(Phase::Running);
        assert!(status.is_ready());
        assert!(status.down("/default/a", "s", "gone"));
        assert!(!status.down("/default/a", "s", "gone"), "the same reason is no news");
        assert!(!status.is_ready());
        assert_eq!(status.json()["subscriptions"][0]["reason"], "gone");
        status.up("/default/a", "s");
        status.phase(Phase::Draining);
        assert!(!status.is_ready());
    }
}
