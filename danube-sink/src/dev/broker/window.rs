//! Window of a subscription: its messages in flight, their consumers, deadlines and redeliveries.
//!
//! ```text
//!             sent             acked
//!   ready ──────────▶ awaiting ─────▶ gone
//!     ▲                  │ ack timeout, nack
//!     │   delay over     ▼
//!     └────────────── waiting ─────▶ exhausted (redelivered too often)
//! ```
//!
//! The time is an argument, so that unit tests need no network.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::options::FailurePolicy;

/// Window of one subscription: its unacknowledged messages by offset.
#[derive(Debug)]
pub(crate) struct Window {
    limit: usize,
    policy: FailurePolicy,
    deliveries: BTreeMap<u64, Delivery>,
    /// Timers by offset: ack deadlines and redelivery delays.
    timers: BTreeSet<(Instant, u64)>,
    ready: BTreeSet<u64>,
    exhausted: BTreeSet<u64>,
    acked: u64,
    redeliveries: u64,
}

#[derive(Debug)]
struct Delivery {
    attempts: u32,
    state: State,
    /// The consumer of the last attempt.
    consumer: Option<u64>,
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Waiting behind another message of its key.
    Deferred,
    Ready,
    Awaiting {
        until: Instant,
    },
    Waiting {
        until: Instant,
    },
    Exhausted,
}

/// A message that was given up: number of attempts and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenUp {
    pub(crate) attempts: u32,
    pub(crate) reason: Option<String>,
}

impl Window {
    pub(crate) fn new(limit: usize, policy: FailurePolicy) -> Self {
        Self {
            limit: limit.max(1),
            policy,
            deliveries: BTreeMap::new(),
            timers: BTreeSet::new(),
            ready: BTreeSet::new(),
            exhausted: BTreeSet::new(),
            acked: 0,
            redeliveries: 0,
        }
    }

    pub(crate) fn policy(&self) -> &FailurePolicy {
        &self.policy
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn has_capacity(&self) -> bool {
        self.deliveries.len() < self.limit
    }

    pub(crate) fn len(&self) -> usize {
        self.deliveries.len()
    }

    pub(crate) fn acked(&self) -> u64 {
        self.acked
    }

    pub(crate) fn redeliveries(&self) -> u64 {
        self.redeliveries
    }

    /// The oldest unacknowledged offset.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.deliveries.keys().next().copied()
    }

    /// The unacknowledged offsets.
    pub(crate) fn offsets(&self) -> Vec<u64> {
        self.deliveries.keys().copied().collect()
    }

    /// The unacknowledged offsets that were last sent to a consumer.
    pub(crate) fn sent_to(&self, consumer: u64) -> Vec<u64> {
        let sent = self.deliveries.iter().filter(|(_, delivery)| delivery.consumer == Some(consumer));
        sent.map(|(&offset, _)| offset).collect()
    }

    /// The newest unacknowledged offset.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.deliveries.keys().next_back().copied()
    }

    /// Adds an offset; if `deferred`, it is not ready until [`Window::free`].
    pub(crate) fn admit(&mut self, offset: u64, deferred: bool) {
        let state = if deferred { State::Deferred } else { State::Ready };
        self.deliveries.insert(offset, Delivery { attempts: 0, state: State::Deferred, consumer: None, reason: None });
        self.set(offset, state);
    }

    /// Makes a deferred offset ready.
    pub(crate) fn free(&mut self, offset: u64) {
        if matches!(self.state(offset), Some(State::Deferred)) {
            self.set(offset, State::Ready);
        }
    }

    /// The first offset at or after `from` that can be sent now.
    pub(crate) fn ready_from(&self, from: u64) -> Option<u64> {
        self.ready.range(from..).next().copied()
    }

    /// Counts a delivery, starts its ack deadline, and returns the attempt's number.
    pub(crate) fn sent(&mut self, offset: u64, consumer: u64, now: Instant) -> u32 {
        let until = after(now, self.policy.ack_timeout);
        self.set(offset, State::Awaiting { until });
        let Some(delivery) = self.deliveries.get_mut(&offset) else { return 0 };
        delivery.consumer = Some(consumer);
        delivery.attempts = delivery.attempts.saturating_add(1);
        self.redeliveries += u64::from(delivery.attempts > 1);
        delivery.attempts
    }

    /// Whether this attempt is the current one.
    pub(crate) fn is_current(&self, offset: u64, consumer: u64, attempt: u32) -> bool {
        self.deliveries.get(&offset).is_some_and(|delivery| {
            delivery.attempts == attempt
                && delivery.consumer == Some(consumer)
                && matches!(delivery.state, State::Awaiting { .. })
        })
    }

    /// Acknowledges a message. An ack has an effect only while it is awaited, not during a redelivery delay.
    pub(crate) fn ack(&mut self, offset: u64) -> bool {
        let awaited = matches!(self.state(offset), Some(State::Awaiting { .. }));
        if awaited {
            self.remove(offset);
            self.acked += 1;
        }
        awaited
    }

    /// Schedules the redelivery of a message after a nack.
    pub(crate) fn nack(&mut self, offset: u64, delay: Option<Duration>, reason: Option<String>, now: Instant) {
        if matches!(self.state(offset), Some(State::Awaiting { .. } | State::Waiting { .. })) {
            self.fail(offset, delay.unwrap_or_default(), reason, now);
        }
    }

    /// Handles every expired timer.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(&(until, offset)) = self.timers.first() {
            if until > now {
                break;
            }
            match self.state(offset) {
                Some(State::Awaiting { .. }) => {
                    self.fail(offset, Duration::ZERO, Some("ack timeout".to_owned()), now);
                }
                Some(State::Waiting { .. }) => self.set(offset, State::Ready),
                _ => drop(self.timers.pop_first()),
            }
        }
    }

    /// The next expiry of a timer, for [`Window::expire`].
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.timers.first().map(|&(until, _)| until)
    }

    /// Makes the messages of a consumer ready immediately; without a consumer, all messages in flight.
    pub(crate) fn release(&mut self, consumer: Option<u64>) {
        let in_flight: Vec<u64> = self
            .deliveries
            .iter()
            .filter(|(_, delivery)| match (delivery.state, consumer) {
                (State::Awaiting { .. }, Some(_)) => delivery.consumer == consumer,
                (State::Awaiting { .. } | State::Waiting { .. }, None) => true,
                _ => false,
            })
            .map(|(&offset, _)| offset)
            .collect();
        for offset in in_flight {
            self.set(offset, State::Ready);
        }
    }

    /// Forgets attempts and deadlines and keeps unacknowledged messages, as after a restart.
    pub(crate) fn forget_attempts(&mut self) {
        self.exhausted.clear();
        self.timers.clear();
        self.ready.clear();
        for (&offset, delivery) in &mut self.deliveries {
            delivery.attempts = 0;
            delivery.consumer = None;
            delivery.reason = None;
            if !matches!(delivery.state, State::Deferred) {
                delivery.state = State::Ready;
                self.ready.insert(offset);
            }
        }
    }

    /// The oldest message with exhausted redeliveries.
    pub(crate) fn first_exhausted(&self) -> Option<u64> {
        self.exhausted.first().copied()
    }

    /// Removes a message without an ack.
    pub(crate) fn give_up(&mut self, offset: u64) -> Option<GivenUp> {
        let delivery = self.remove(offset)?;
        Some(GivenUp { attempts: delivery.attempts, reason: delivery.reason })
    }

    fn fail(&mut self, offset: u64, requested: Duration, reason: Option<String>, now: Instant) {
        let Some(delivery) = self.deliveries.get_mut(&offset) else { return };
        delivery.reason = reason;
        let state = if delivery.attempts > self.policy.max_redelivery_count {
            State::Exhausted
        } else {
            let doublings = delivery.attempts.saturating_sub(1).min(31);
            let delay = self.policy.base_redelivery_delay.saturating_mul(1 << doublings).max(requested);
            State::Waiting { until: after(now, delay.min(self.policy.max_redelivery_delay)) }
        };
        self.set(offset, state);
    }

    fn state(&self, offset: u64) -> Option<State> {
        self.deliveries.get(&offset).map(|delivery| delivery.state)
    }

    fn set(&mut self, offset: u64, state: State) {
        let Some(delivery) = self.deliveries.get_mut(&offset) else { return };
        let before = std::mem::replace(&mut delivery.state, state);
        self.unlist(offset, before);
        match state {
            State::Deferred => {}
            State::Ready => drop(self.ready.insert(offset)),
            State::Awaiting { until, .. } | State::Waiting { until } => {
                self.timers.insert((until, offset));
            }
            State::Exhausted => drop(self.exhausted.insert(offset)),
        }
    }

    fn remove(&mut self, offset: u64) -> Option<Delivery> {
        let delivery = self.deliveries.remove(&offset)?;
        self.unlist(offset, delivery.state);
        Some(delivery)
    }

    fn unlist(&mut self, offset: u64, state: State) {
        match state {
            State::Deferred => {}
            State::Ready => drop(self.ready.remove(&offset)),
            State::Awaiting { until, .. } | State::Waiting { until } => {
                self.timers.remove(&(until, offset));
            }
            State::Exhausted => drop(self.exhausted.remove(&offset)),
        }
    }
}

/// `now + delay`, limited to a year.
fn after(now: Instant, delay: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
    now + delay.min(FAR)
}
