//! Observer of one partition: its numbers, and the state of its subscription.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::{
    labels::AttachReason,
    numbers::PartitionNumbers,
    shared::Shared,
    subscription_key::SubscriptionKey,
    subscription_state::{Condition, Outage, SubscriptionState},
};

/// One partition of a mapping, or its topic if it has no partitions.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) key: Arc<SubscriptionKey>,
    /// Its own topic name.
    pub(super) topic: String,
    pub(super) numbers: PartitionNumbers,
    state: Mutex<SubscriptionState>,
    shared: Arc<Shared>,
}

impl Partition {
    pub(super) fn new(key: &Arc<SubscriptionKey>, topic: &str, shared: &Arc<Shared>) -> Self {
        Self {
            key: Arc::clone(key),
            topic: topic.to_owned(),
            numbers: PartitionNumbers::default(),
            state: Mutex::default(),
            shared: Arc::clone(shared),
        }
    }

    pub(super) fn is_attached(&self) -> bool {
        self.state().condition == Condition::Attached
    }

    /// Summary for `/ready`: topic, subscription, consumer, state, its start and its reason. `blocked` applies while the
    /// partition is attached, and with both halves of the pipeline also while it is detached because of one of them.
    pub(super) fn summary(&self, blocked: &[Outage]) -> Value {
        let state = self.state();
        let (condition, since, reason) = match Outage::all(blocked) {
            Some(outage) if state.condition == Condition::Attached => {
                (Condition::Blocked, outage.since, Some(outage.reason))
            }
            Some(outage) if state.condition == Condition::Waiting && blocked.len() > 1 => {
                (Condition::Waiting, state.since, Some(outage.reason))
            }
            _ => (state.condition, state.since, state.reason.clone()),
        };
        self.key.summary(&self.topic, condition, since, reason.as_deref())
    }

    /// Details for `/status`: the summary, the numbers and the last events.
    pub(super) fn details(&self, blocked: &[Outage]) -> Value {
        let numbers = &self.numbers;
        let mut details = self.summary(blocked);
        for (key, value) in [
            ("in_hand", json!(numbers.in_hand.get())),
            ("acks_in_flight", json!(numbers.acks_in_flight.get())),
            ("window_limit", json!(numbers.window_limit.get())),
            ("first_offset", json!(numbers.offsets.first.get())),
            ("last_offset", json!(numbers.offsets.last.get())),
            ("received", json!(numbers.received.get())),
            ("redelivered", json!(numbers.redelivered.get())),
            ("acked", json!(numbers.acked.get())),
            ("acks_failed", json!(numbers.acks_failed.get())),
            ("gap_messages", json!(numbers.gap_messages.get())),
            ("possible_losses", json!(numbers.possible_losses.get())),
            ("offset_restarts", json!(numbers.offset_restarts.get())),
            ("audit_missing_messages", json!(numbers.audit_missing.get())),
            ("audit_checks", json!(numbers.audit_checks.get())),
            ("readers_ended", json!(numbers.readers_ended.get())),
            ("attaches", json!(numbers.attaches.total())),
            ("events", Value::Array(self.state().events())),
        ] {
            details[key] = value;
        }
        details
    }

    pub(super) fn intake(&self) -> Intake {
        let numbers = &self.numbers;
        Intake {
            partition: self.topic.clone(),
            received: numbers.distinct.get(),
            last_offset: numbers.offsets.last.get(),
            gap_messages: numbers.gap_messages.get(),
            unsettled: numbers.in_hand.get() + numbers.acks_in_flight.get(),
            window_limit: numbers.window_limit.get(),
            is_attached: self.is_attached(),
            may_have_gap: numbers.uncertain_gap.get() > 0,
            offset_restarts: numbers.offset_restarts.get(),
            starts: [AttachReason::Start, AttachReason::Takeover]
                .map(|reason| numbers.attaches.of(reason as usize).get())
                .iter()
                .sum(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, SubscriptionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Messages received from one partition, as the loss audit compares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intake {
    /// The partition's own topic name.
    pub(crate) partition: String,
    /// Messages received, each counted once.
    pub(crate) received: u64,
    pub(crate) last_offset: Option<u64>,
    /// Missing messages, according to gaps in offsets.
    pub(crate) gap_messages: u64,
    /// Messages in hand, and those whose acknowledgement is in flight.
    pub(crate) unsettled: u64,
    pub(crate) window_limit: u64,
    pub(crate) is_attached: bool,
    /// Offsets were passed over that may still arrive late; `gap_messages` does not include them yet.
    pub(crate) may_have_gap: bool,
    /// How often offsets restarted, as after a restart of the broker.
    pub(crate) offset_restarts: u64,
    /// How often this process began to read: at its start, and after another consumer with the same name.
    pub(crate) starts: u64,
}

/// Observer of one partition: its numbers and state. Cheap to clone; a call costs a few atomics, or a lock if a state changes.
#[derive(Debug, Clone)]
pub(crate) struct PartitionObserver(pub(super) Arc<Partition>);

impl PartitionObserver {
    /// Reports that a consumer attached.
    pub(crate) fn attached(&self, reason: AttachReason) {
        let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
        self.0.numbers.attaches.of(reason as usize).add(1);
        if self.change(Condition::Attached, None) {
            tracing::info!(topic = %self.0.topic, %subscription, %consumer, reason = reason.name(), "attached");
        }
    }

    /// Reports why no consumer is attached.
    pub(crate) fn detached(&self, reason: &str) {
        let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
        if self.change(Condition::Detached, Some(reason)) {
            tracing::warn!(topic = %self.0.topic, %subscription, %consumer, "not attached: {reason}");
        }
    }

    /// Reports that the consumer has ended, and what it left.
    pub(crate) fn ended(&self, reason: &str) {
        let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
        if self.change(Condition::Waiting, Some(reason)) {
            tracing::info!(topic = %self.0.topic, %subscription, %consumer, "detached: {reason}");
        }
    }

    /// Reports why no consumer is attached on purpose.
    pub(crate) fn waiting(&self, reason: &str) {
        let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
        if self.change(Condition::Waiting, Some(reason)) {
            tracing::warn!(topic = %self.0.topic, %subscription, %consumer, "waiting: {reason}");
        }
    }

    /// Counts a received chunk: new and redelivered messages, and the range of their offsets.
    pub(crate) fn received(&self, new: usize, redelivered: usize, first_offset: u64, last_offset: u64) {
        let numbers = &self.0.numbers;
        numbers.received.add((new + redelivered) as u64);
        numbers.redelivered.add(redelivered as u64);
        numbers.distinct.add(new as u64);
        numbers.offsets.include(first_offset, last_offset);
    }

    /// Sets whether offsets were passed over that may still arrive late.
    pub(crate) fn may_have_gap(&self, may_have: bool) {
        self.0.numbers.uncertain_gap.set(usize::from(may_have));
    }

    /// Reports a lost connection to the broker, which may have been restarted.
    pub(crate) fn connection_lost(&self) {
        self.0.numbers.distinct_at_disconnect.set_first(self.0.numbers.distinct.get());
    }

    /// Reports a gap in offsets: the broker skipped messages before an offset.
    pub(crate) fn gap(&self, messages: u64, before: u64) {
        let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
        let numbers = &self.0.numbers;
        numbers.gap_messages.add(messages);
        // A process that this one replaced had at most a window in hand, which the broker sends first.
        let passed = before.saturating_sub(numbers.offsets.first.get().unwrap_or_default());
        let received = passed.saturating_sub(numbers.gap_messages.get());
        let unless = if received <= numbers.window_limit.get() {
            ", unless a process that this one replaced has received them"
        } else {
            ""
        };
        self.0.state().event(format!("gap: the broker skipped {messages} messages before offset {before}{unless}"));
        tracing::warn!(
            topic = %self.0.topic, %subscription, %consumer, missing = messages, before,
            "the broker skipped {messages} messages before offset {before}{unless}: the subscription lagged further behind than \
             the broker's buffer; they do not reach the target unless they are published again"
        );
    }

    /// Reports messages that were published before the subscription was created.
    pub(crate) fn late_start(&self, messages: u64) {
        let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
        self.0.state().event(format!("{messages} messages were published before the subscription was created"));
        tracing::warn!(
            topic = %self.0.topic, %subscription, %consumer, messages,
            "the topic or partition did not exist when the connector started, and {messages} messages were published before the \
             subscription was created, which this connector does not receive. Set create_topics = true, and `partitions` for a \
             partitioned topic, so that topic and subscription exist before the first producer"
        );
    }

    /// Reports that the broker may have lost messages before an offset, while it was disconnected.
    pub(crate) fn possible_loss(&self, before: u64) {
        let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
        self.0.numbers.possible_losses.add(1);
        self.0.state().event(format!(
            "possible loss before offset {before}: producers reconnected as after a restart of the broker"
        ));
        tracing::warn!(
            topic = %self.0.topic, %subscription, %consumer, before,
            "messages may be missing before offset {before}: the connection to the broker was lost, and the next messages \
             come from a producer that connected since, as after a restart of the broker. Compare with the published \
             messages; with broker_metrics_urls the connector counts the missing ones"
        );
    }

    /// Reports that offsets restarted at 0: the broker lost the topic's messages.
    pub(crate) fn offsets_restarted(&self, first: u64) {
        let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
        self.0.numbers.offset_restarts.add(1);
        self.0.numbers.offsets.restart();
        self.0.state().event(format!("offsets restarted at {first}: the broker lost its log"));
        tracing::warn!(
            topic = %self.0.topic, %subscription, %consumer, first,
            "offsets restarted: the broker lost its log. It sends no message below the offset that the subscription had \
             reached, so up to {first} messages published since its start are missing; with broker_metrics_urls the \
             connector counts them"
        );
    }

    /// Sets the number of records in hand: received and not settled.
    pub(crate) fn in_hand(&self, records: usize) {
        self.0.numbers.in_hand.set(records);
    }

    /// Sets the number of acknowledgements in flight.
    pub(crate) fn acks_in_flight(&self, acks: usize) {
        self.0.numbers.acks_in_flight.set(acks);
    }

    /// Sets the assumed limit of unacknowledged messages of the broker.
    pub(crate) fn window_limit(&self, messages: usize) {
        self.0.numbers.window_limit.set(messages);
    }

    /// Counts acknowledgements that the broker accepted.
    pub(crate) fn acked(&self, acks: usize) {
        self.0.numbers.acked.add(acks as u64);
    }

    /// Counts acknowledgements that were given up, whose messages the broker redelivers.
    pub(crate) fn acks_failed(&self, acks: usize) {
        self.0.numbers.acks_failed.add(acks as u64);
    }

    fn change(&self, condition: Condition, reason: Option<&str>) -> bool {
        let changed = self.0.state().change(condition, reason);
        if changed {
            self.0.shared.changed.notify_waiters();
        }
        changed
    }
}
