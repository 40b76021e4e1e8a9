//! Subscription state of a partition: its condition, since when, the reason, and the last events.

use std::{
    collections::VecDeque,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

/// Maximum number of events kept for a partition.
const EVENTS: usize = 8;

/// Condition of a partition's subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// A consumer is attached.
    Attached,
    /// No consumer is attached; the connector tries to attach.
    Detached,
    /// No consumer is attached on purpose: because of the target, memory, a shutdown, or another consumer with the same name.
    Waiting,
    /// A consumer is attached, and its records cannot be decoded or settled now.
    Blocked,
}

impl Condition {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Detached => "detached",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
        }
    }
}

/// Outage: a reason for not being ready, and its start.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    pub(super) since: SystemTime,
    pub(super) reason: String,
}

impl Outage {
    /// Continues an outage with a new reason, or starts one.
    pub(super) fn after(before: Option<&Self>, reason: &str) -> Self {
        Self { since: before.map_or_else(SystemTime::now, |before| before.since), reason: reason.to_owned() }
    }

    /// Outages as one, since the earliest of them; `None` without any.
    pub(super) fn all(outages: &[Self]) -> Option<Self> {
        let reasons: Vec<_> = outages.iter().map(|outage| outage.reason.as_str()).collect();
        let since = outages.iter().map(|outage| outage.since).min()?;
        Some(Self { since, reason: reasons.join("; ") })
    }
}

/// The state of one partition's subscription, and its last events.
#[derive(Debug)]
pub(super) struct SubscriptionState {
    pub(super) condition: Condition,
    pub(super) since: SystemTime,
    pub(super) reason: Option<String>,
    events: VecDeque<(SystemTime, String)>,
}

impl Default for SubscriptionState {
    fn default() -> Self {
        Self {
            condition: Condition::Detached,
            since: SystemTime::now(),
            reason: Some("not attached yet".to_owned()),
            events: VecDeque::new(),
        }
    }
}

impl SubscriptionState {
    /// Changes condition and reason. Returns whether either is new.
    pub(super) fn change(&mut self, condition: Condition, reason: Option<&str>) -> bool {
        let changed = self.condition != condition;
        if !changed && self.reason.as_deref() == reason {
            return false;
        }
        if changed {
            // Attempts within one outage, each with its own reason, must not displace earlier events.
            self.event(
                reason.map_or_else(|| condition.name().to_owned(), |why| format!("{}: {why}", condition.name())),
            );
        }
        if self.condition == Condition::Attached || condition == Condition::Attached {
            self.since = SystemTime::now();
        }
        self.condition = condition;
        self.reason = reason.map(str::to_owned);
        true
    }

    pub(super) fn event(&mut self, event: String) {
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back((SystemTime::now(), event));
    }

    pub(super) fn events(&self) -> Vec<Value> {
        let event = |(time, text): &(SystemTime, String)| json!({ "unix_seconds": unix_seconds(*time), "event": text });
        self.events.iter().map(event).collect()
    }
}

pub(super) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_keeps_its_start() {
        let mut state = SubscriptionState::default();
        assert!(state.change(Condition::Attached, None));
        assert!(!state.change(Condition::Attached, None), "unchanged");
        assert!(state.change(Condition::Detached, Some("gone")));
        let since = state.since;
        assert!(state.change(Condition::Waiting, Some("another consumer")));
        assert!(state.change(Condition::Waiting, Some("the target")));
        assert_eq!((state.since, state.reason.as_deref()), (since, Some("the target")));
    }

    #[test]
    fn the_last_events_are_kept() {
        let mut state = SubscriptionState::default();
        state.change(Condition::Attached, None);
        for number in 0..EVENTS {
            state.event(number.to_string());
        }
        let events = state.events();
        assert_eq!(
            (events.len(), &events[0]["event"], &events[EVENTS - 1]["event"]),
            (EVENTS, &json!("0"), &json!("7"))
        );
    }
}
