//! Observer of one mapping: its numbers, its partitions, and its readiness.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    labels::{Closed, Half, Stage},
    latency::Latencies,
    numbers::MappingNumbers,
    partition::{Intake, Partition, PartitionObserver},
    progress::Progress,
    shared::Shared,
    subscription_key::SubscriptionKey,
    subscription_state::{Condition, Outage},
};

/// One mapping of a runtime.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) key: Arc<SubscriptionKey>,
    pub(super) numbers: MappingNumbers,
    pub(super) progress: Progress,
    state: Mutex<MappingState>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct MappingState {
    /// Why the partitions are unknown.
    missing: Option<Outage>,
    /// By topic, the mapping's or a partition's, and half of the pipeline: with a spool, both may be blocked.
    blocked: BTreeMap<(String, Half), Outage>,
    /// By topic.
    partitions: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    partition: Arc<Partition>,
    /// Whether the last look-up found it, or it has been read since. Other partitions are not reported and do not affect
    /// readiness.
    listed: bool,
}

impl Mapping {
    pub(super) fn new(key: SubscriptionKey, shared: &Arc<Shared>) -> Self {
        let missing = Some(Outage::after(None, "not attached yet"));
        let state = MappingState { missing, blocked: BTreeMap::new(), partitions: BTreeMap::new() };
        Self {
            key: Arc::new(key),
            numbers: MappingNumbers::default(),
            progress: Progress::default(),
            state: Mutex::new(state),
            shared: Arc::clone(shared),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        let state = self.state();
        state.missing.is_none()
            && state.listed().all(|partition| partition.is_attached() && self.blocked(&state, partition).is_empty())
    }

    /// The partitions that are known to exist.
    pub(super) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.state().listed().map(Arc::clone).collect()
    }

    /// Summaries for `/ready`: one for each partition, and one for the topic while its partitions are unknown.
    pub(super) fn summaries(&self) -> Vec<Value> {
        let state = self.state();
        let missing = state.missing.as_ref().map(|Outage { since, reason }| {
            self.key.summary(&self.key.topic, Condition::Detached, *since, Some(reason))
        });
        let partitions = state.listed().map(|partition| partition.summary(&self.blocked(&state, partition)));
        missing.into_iter().chain(partitions).collect()
    }

    /// Details for `/status`.
    pub(super) fn details(&self) -> Value {
        let (state, numbers) = (self.state(), &self.numbers);
        let partitions: Vec<_> =
            state.listed().map(|partition| partition.details(&self.blocked(&state, partition))).collect();
        json!({
            "topic": self.key.topic,
            "subscription": self.key.subscription,
            "consumer": self.key.consumer,
            "missing": state.missing.as_ref().map(|outage| &outage.reason),
            "settled": numbers.settled.get(),
            "skipped": numbers.skipped.get(),
            "filtered": numbers.filtered.get(),
            "dead_letters": numbers.dead_letters.get(),
            "retries": numbers.retries.get(),
            "mass_refusals": numbers.mass_refusals.get(),
            "errors": numbers.errors.total(),
            "spool": numbers.spool.details(),
            "partitions": partitions,
        })
    }

    /// Why records of a partition cannot be decoded or settled, in each half of the pipeline.
    fn blocked(&self, state: &MappingState, partition: &Partition) -> Vec<Outage> {
        let outage = |half| {
            let of = |topic: &str| state.blocked.get(&(topic.to_owned(), half));
            of(&partition.topic).or_else(|| of(&self.key.topic)).cloned()
        };
        Half::ALL.into_iter().filter_map(outage).collect()
    }

    fn state(&self) -> MutexGuard<'_, MappingState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MappingState {
    fn listed(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.partitions.values().filter(|known| known.listed).map(|known| &known.partition)
    }
}

/// Observer of one mapping: its numbers and state. Cheap to clone; a call costs a few atomics, or a lock if a state changes.
#[derive(Debug, Clone)]
pub(crate) struct MappingObserver(pub(super) Arc<Mapping>);

impl MappingObserver {
    /// The observer of one partition, or of the topic if it has no partitions. Keep it while the partition is read.
    pub(crate) fn partition(&self, topic: &str) -> PartitionObserver {
        let Mapping { key, state: _, shared, .. } = &*self.0;
        let mut state = self.0.state();
        let known = state.partitions.entry(topic.to_owned()).or_insert_with(|| Known::new(key, topic, shared));
        known.listed = true;
        PartitionObserver(Arc::clone(&known.partition))
    }

    /// Reports that the topic was found with these partitions, or only itself. Each must be attached before the connector is
    /// ready; other partitions are forgotten.
    pub(crate) fn found(&self, topic: &str, partitions: &[String]) {
        let Mapping { key, shared, .. } = &*self.0;
        let mut state = self.0.state();
        state.missing = None;
        for known in state.partitions.values_mut() {
            known.listed = false;
        }
        for partition in partitions {
            let new = || Known::new(key, partition, shared);
            state.partitions.entry(partition.clone()).or_insert_with(new).listed = true;
        }
        // A partition that is still read keeps its numbers: a look-up may have missed it.
        state.partitions.retain(|_, known| known.listed || Arc::strong_count(&known.partition) > 1);
        let MappingState { blocked, partitions, .. } = &mut *state;
        blocked.retain(|(name, _), _| name == topic || partitions.contains_key(name));
        drop(state);
        shared.changed.notify_waiters();
    }

    /// Reports that the topic does not exist or could not be looked up.
    pub(crate) fn missing(&self, topic: &str, reason: &str) {
        let mut state = self.0.state();
        let is_new = state.missing.as_ref().is_none_or(|outage| outage.reason != reason);
        state.missing = Some(Outage::after(state.missing.as_ref(), reason));
        drop(state);
        if is_new {
            let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
            tracing::warn!(topic, %subscription, %consumer, "not attached: {reason}");
        }
    }

    /// Reports that the records of a topic or partition cannot be decoded or settled now.
    pub(crate) fn blocked(&self, topic: &str, half: Half, reason: &str) {
        let mut state = self.0.state();
        let key = (topic.to_owned(), half);
        let before = state.blocked.get(&key);
        let is_new = before.is_none_or(|outage| outage.reason != reason);
        let outage = Outage::after(before, reason);
        state.blocked.insert(key, outage);
        drop(state);
        if is_new {
            let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
            tracing::warn!(topic, %subscription, %consumer, "blocked: {reason}");
        }
    }

    /// Reports that a half of the pipeline starts: what blocked an earlier one is not known to block it.
    pub(crate) fn started(&self, half: Half) {
        self.0.state().blocked.retain(|(_, blocked), _| *blocked != half);
    }

    /// Reports that the half of the pipeline can decode and settle the records again.
    pub(crate) fn unblocked(&self, topic: &str, half: Half) {
        if self.0.state().blocked.remove(&(topic.to_owned(), half)).is_some() {
            let SubscriptionKey { subscription, consumer, .. } = &*self.0.key;
            tracing::info!(topic, %subscription, %consumer, "unblocked");
            self.0.shared.changed.notify_waiters();
        }
    }

    /// Counts a batch that was closed.
    pub(crate) fn batch_closed(&self, records: usize, reason: Closed) {
        self.0.numbers.batch_records.observe(records as f64);
        self.0.numbers.batches.of(reason as usize).add(1);
    }

    /// Observes how long a batch waited for a connector instance.
    pub(crate) fn write_waited(&self, wait: Duration) {
        self.0.numbers.write_wait_seconds.observe(wait);
    }

    /// Observes the duration of one write attempt, without the wait for a connector instance.
    pub(crate) fn written(&self, took: Duration) {
        self.0.numbers.write_seconds.observe(took);
    }

    /// Counts a retry of a batch, or of its remaining records.
    pub(crate) fn retried(&self) {
        self.0.numbers.retries.add(1);
    }

    /// Counts a mass refusal: the target refused so many distinct records in a row that they are not the cause.
    pub(crate) fn mass_refusal(&self) {
        self.0.numbers.mass_refusals.add(1);
    }

    /// Counts skipped invalid records.
    pub(crate) fn skipped(&self, records: usize) {
        self.0.numbers.skipped.add(records as u64);
    }

    /// Counts records that the mapping's filter did not keep.
    pub(crate) fn filtered(&self, records: usize) {
        self.0.numbers.filtered.add(records as u64);
    }

    /// Counts dead letters that the broker accepted.
    pub(crate) fn dead_lettered(&self, records: usize) {
        self.0.numbers.dead_letters.add(records as u64);
    }

    /// Counts settled records: delivered, skipped, filtered or dead-lettered. `delivery` is the time since they were published,
    /// `in_hand` since they were received.
    pub(crate) fn settled(&self, records: usize, delivery: Latencies, in_hand: Latencies) {
        let numbers = &self.0.numbers;
        numbers.settled.add(records as u64);
        numbers.delivery_seconds.add(delivery);
        numbers.in_hand_seconds.add(in_hand);
        self.0.shared.settle(records as u64);
    }

    /// Sets what the spool has of the mapping: unsettled records, bytes of its files, and when the oldest record was spooled,
    /// in microseconds since 1970.
    pub(crate) fn spooled(&self, records: u64, bytes: u64, oldest: Option<u64>) {
        self.0.numbers.spool.set(records, bytes, oldest);
    }

    /// Unsets what the spool has of the mapping: this process has none.
    pub(crate) fn not_spooled(&self) {
        self.0.numbers.spool.clear();
    }

    /// Counts an error. `kind` is a word in snake case such as `timeout`, from a small set.
    pub(crate) fn error(&self, stage: Stage, kind: &'static str) {
        self.0.numbers.errors.add(stage, kind);
    }

    /// Messages received from each known partition, for the loss audit.
    pub(crate) fn intakes(&self) -> Vec<Intake> {
        self.0.partitions().iter().map(|partition| partition.intake()).collect()
    }

    /// Takes the number of messages received when the connection to a partition's broker was lost, if it was.
    pub(crate) fn take_received_at_disconnect(&self, partition: &str) -> Option<u64> {
        self.known(partition)?.numbers.distinct_at_disconnect.take()
    }

    /// Counts a check of the loss audit for which it read every broker's counters.
    pub(crate) fn audit_checked(&self, partition: &str) {
        if let Some(partition) = self.known(partition) {
            partition.numbers.audit_checks.add(1);
        }
    }

    /// Sets the number of missing messages that the loss audit found.
    pub(crate) fn audit_missing(&self, partition: &str, messages: u64) {
        if let Some(partition) = self.known(partition) {
            partition.numbers.audit_missing.set(messages);
        }
    }

    /// Counts that the broker stopped sending messages of a partition although some are published.
    pub(crate) fn reader_ended(&self, partition: &str) {
        if let Some(partition) = self.known(partition) {
            partition.numbers.readers_ended.add(1);
        }
    }

    /// Adds an event to the status of a partition.
    pub(crate) fn event(&self, partition: &str, event: String) {
        if let Some(partition) = self.known(partition) {
            partition.state().event(event);
        }
    }

    fn known(&self, partition: &str) -> Option<Arc<Partition>> {
        self.0.state().partitions.get(partition).map(|known| Arc::clone(&known.partition))
    }

    /// The steps that `/live` follows.
    pub(crate) fn progress(&self) -> Progress {
        self.0.progress.clone()
    }
}

impl Known {
    fn new(key: &Arc<SubscriptionKey>, topic: &str, shared: &Arc<Shared>) -> Self {
        Self { partition: Arc::new(Partition::new(key, topic, shared)), listed: true }
    }
}
