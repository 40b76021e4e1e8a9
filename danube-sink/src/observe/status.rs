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
    attached: BTreeMap<Place, Attached>,
}

/// Who reads what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The topic or partition.
    pub(crate) topic: String,
    pub(crate) subscription: String,
    pub(crate) consumer: String,
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
    pub(crate) fn expect(&self, place: Place) {
        let attached = Attached { since: SystemTime::now(), down: Some("not attached yet".to_owned()) };
        self.state().attached.entry(place).or_insert(attached);
    }

    /// Whether that is news.
    pub(crate) fn up(&self, place: Place) -> bool {
        self.set(place, None)
    }

    /// Whether that is news.
    pub(crate) fn down(&self, place: Place, reason: &str) -> bool {
        self.set(place, Some(reason))
    }

    pub(crate) fn forget(&self, place: &Place) {
        self.state().attached.remove(place);
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
            .map(|(Place { topic, subscription, consumer }, attached)| {
                let seconds = attached.since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
                json!({
                    "topic": topic,
                    "subscription": subscription,
                    "consumer": consumer,
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

    fn set(&self, place: Place, down: Option<&str>) -> bool {
        let mut state = self.state();
        let before = state.attached.get(&place);
        if before.is_some_and(|before| before.down.as_deref() == down) {
            return false;
        }
        // An outage lasts since it began, whatever new reason each try finds.
        let since = match before {
            Some(Attached { since, down: Some(_) }) if down.is_some() => *since,
            _ => SystemTime::now(),
        };
        state.attached.insert(place, Attached { since, down: down.map(str::to_owned) });
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

    fn place() -> Place {
        Place { topic: "/default/a".to_owned(), subscription: "s".to_owned(), consumer: "c".to_owned() }
    }

    #[test]
    fn ready_is_running_with_everything_attached() {
        let status = Status::new("c");
        status.expect(place());
        status.up(place());
        assert!(!status.is_ready());
        status.phase(Phase::Running);
        assert!(status.is_ready());
        assert!(status.down(place(), "gone"));
        assert!(!status.down(place(), "gone"), "the same reason is no news");
        assert!(!status.is_ready());
        assert_eq!(status.json()["subscriptions"][0]["reason"], "gone");
        status.up(place());
        status.phase(Phase::Draining);
        assert!(!status.is_ready());
    }
}
