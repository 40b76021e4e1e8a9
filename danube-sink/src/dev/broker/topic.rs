//! Topic or partition: its messages, producers and subscriptions under one lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use danube_core::proto::StreamMessage;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::consumers::{Kind, StreamEnd};
use super::dead_letter::DeadLetter;
use super::faults::Faults;
use super::hang::Command;
use super::log::Log;
use super::status::{DispatchStatus, SubscriptionStatus};
use super::subscription::{Next, Subscription, SubscriptionSettings};

/// A consumer's subscribe request.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) name: String,
    pub(crate) subscription: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) filters: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) reliable: bool,
    state: Mutex<State>,
    /// Notified when a hanging dispatcher resumes.
    resumed: Notify,
}

#[derive(Debug, Default)]
struct State {
    log: Log,
    /// Messages published since the broker started.
    published: u64,
    /// Ids by producer name.
    producers: HashMap<String, u64>,
    subscriptions: HashMap<Arc<str>, Subscription>,
    subject: Option<String>,
}

/// Dead letters that an operation produced, posted once the lock is released, since they go to another topic.
type DeadLetters = Vec<DeadLetter>;

impl Topic {
    pub(crate) fn new(name: String, reliable: bool) -> Self {
        Self { name, reliable, state: Mutex::default(), resumed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of the producer with this name, created at its first call.
    pub(crate) fn producer(&self, name: &str) -> u64 {
        let mut state = self.state();
        *state.producers.entry(name.to_owned()).or_insert_with(rand::random)
    }

    /// Binds the topic to a schema subject permanently. If it is bound to another one, returns that as the error.
    pub(crate) fn bind_subject(&self, subject: &str) -> Result<(), String> {
        let mut state = self.state();
        let bound = state.subject.get_or_insert_with(|| subject.to_owned());
        if bound == subject { Ok(()) } else { Err(bound.clone()) }
    }

    /// Appends a message and dispatches it. Returns `false` if the publisher must wait for [`Topic::accepts_calls`].
    pub(crate) fn publish(&self, message: StreamMessage, now: Instant, faults: &Faults) -> (DeadLetters, bool) {
        let state = &mut *self.state();
        state.published += 1;
        let mut dead_letters = DeadLetters::new();
        if !self.reliable {
            let message = Arc::new(message);
            state.subscriptions.values_mut().for_each(|subscription| subscription.push(&message));
            return (dead_letters, true);
        }
        state.log.append(message);
        let mut done = true;
        for subscription in state.subscriptions.values_mut() {
            let (more, woken) = subscription.published(&state.log, now, faults);
            dead_letters.extend(more);
            done &= woken;
        }
        if state.log.is_full() {
            let end = state.log.end();
            let needed = state.subscriptions.values().map(|subscription| subscription.needs(end)).fold(end, u64::min);
            state.log.trim(needed);
        }
        self.resumed.notify_waiters();
        (dead_letters, done)
    }

    /// Waits until the dispatcher of a subscription, or of all, accepts further calls; immediate unless slots hang.
    pub(crate) async fn accepts_calls(&self, subscription: Option<&str>) {
        loop {
            let resumed = self.resumed.notified();
            let is_full = self.state().subscriptions.iter().any(|(name, found)| {
                subscription.is_none_or(|subscription| subscription == &**name) && found.is_full()
            });
            if !is_full {
                return;
            }
            resumed.await;
        }
    }

    /// Adds a consumer, or prepares a known one for a new stream, and returns its id. Fails if an Exclusive subscription has
    /// another consumer.
    pub(crate) fn subscribe(
        &self,
        subscriber: Subscriber,
        settings: SubscriptionSettings,
        now: Instant,
        faults: &Faults,
    ) -> Result<(u64, DeadLetters), ()> {
        let state = &mut *self.state();
        let end = state.log.end();
        let Subscriber { name, subscription, kind, filters } = subscriber;
        let subscription = state
            .subscriptions
            .entry(Arc::clone(&subscription))
            .or_insert_with(|| Subscription::new(subscription, kind, self.reliable, end, settings));
        // Before the consumer joins, which would get what waits behind messages of an evicted one.
        subscription.evict(now);
        if let Some(id) = subscription.consumers.by_name(&name) {
            let replaced = subscription.consumers.get(id).is_some_and(|consumer| consumer.take_over());
            let dead_letters = if replaced {
                subscription.run(Command::Release(id), &state.log, now, faults)
            } else {
                subscription.dispatch(&state.log, now, faults)
            };
            return Ok((id, dead_letters));
        }
        if !subscription.admits_another() {
            return Err(());
        }
        let id = rand::random();
        subscription.consumers.add(id, &name, filters);
        Ok((id, subscription.dispatch(&state.log, now, faults)))
    }

    /// Opens a consumer's stream, and ends its older one.
    pub(crate) fn attach(&self, subscription: &str, id: u64, faults: &Faults) -> Option<(Arc<StreamEnd>, DeadLetters)> {
        let state = &mut *self.state();
        let subscription = state.subscriptions.get_mut(subscription)?;
        let (end, replaced) = subscription.consumers.get(id)?.attach();
        let dead_letters = if replaced {
            subscription.run(Command::Release(id), &state.log, Instant::now(), faults)
        } else {
            DeadLetters::new()
        };
        Some((end, dead_letters))
    }

    /// Handles the end of a stream.
    pub(crate) fn detach(&self, subscription: &str, id: u64, end: &Arc<StreamEnd>, faults: &Faults) -> DeadLetters {
        let state = &mut *self.state();
        let Some(subscription) = state.subscriptions.get_mut(subscription) else { return DeadLetters::new() };
        let now = Instant::now();
        if !subscription.consumers.get(id).is_some_and(|consumer| consumer.detach(end, now)) {
            return DeadLetters::new();
        }
        subscription.run(Command::Release(id), &state.log, now, faults)
    }

    /// The next message for a consumer's stream, unless the stream has ended: what another one of the consumer replaced must
    /// neither take its messages nor be woken in its place.
    pub(crate) fn next(
        &self,
        subscription: &str,
        (id, end): (u64, &StreamEnd),
        waker: &Waker,
        faults: &Faults,
    ) -> (Next, DeadLetters) {
        let state = &mut *self.state();
        if end.ended().is_some() {
            return (Next::Ended, DeadLetters::new());
        }
        let Some(subscription) = state.subscriptions.get_mut(subscription) else {
            return (Next::Idle(None), DeadLetters::new());
        };
        let first = subscription.pop(id);
        if first.is_some() && !subscription.waits_for_slot() {
            return (first.map_or(Next::Idle(None), Next::Message), DeadLetters::new());
        }
        let dead_letters = subscription.dispatch(&state.log, Instant::now(), faults);
        self.resumed.notify_waiters();
        let next = match first.or_else(|| subscription.pop(id)) {
            Some(message) => Next::Message(message),
            None => subscription.idle(id, waker),
        };
        (next, dead_letters)
    }

    /// Passes an ack or a nack to a subscription; `None` if it does not exist.
    pub(crate) fn settle(&self, subscription: &str, command: Command, faults: &Faults) -> Option<DeadLetters> {
        let state = &mut *self.state();
        let subscription = state.subscriptions.get_mut(subscription)?;
        Some(subscription.run(command, &state.log, Instant::now(), faults))
    }

    /// Deletes a subscription and its cursor. Returns `false` if it has active consumers or does not exist.
    pub(crate) fn unsubscribe(&self, subscription: &str) -> bool {
        let mut state = self.state();
        let idle = state.subscriptions.get(subscription).is_some_and(|found| !found.consumers.any_active());
        if idle {
            state.subscriptions.remove(subscription);
            self.resumed.notify_waiters();
        }
        idle
    }

    /// Names of its subscriptions, sorted.
    pub(crate) fn subscriptions(&self) -> Vec<String> {
        let mut names: Vec<_> = self.state().subscriptions.keys().map(|name| name.to_string()).collect();
        names.sort();
        names
    }

    pub(crate) fn is_active(&self, subscription: &str, id: u64) -> bool {
        let mut state = self.state();
        let consumer = state.subscriptions.get_mut(subscription).and_then(|found| found.consumers.get(id));
        consumer.is_some_and(|consumer| consumer.active)
    }

    /// Ends every stream with Unavailable.
    pub(crate) fn kick(&self) {
        self.state().subscriptions.values_mut().for_each(Subscription::kick);
    }

    /// Restarts with the messages kept.
    pub(crate) fn revive(&self) {
        let state = &mut *self.state();
        state.producers.clear();
        state.published = 0;
        let end = state.log.end();
        state.subscriptions.values_mut().for_each(|subscription| subscription.revive(end));
        self.resumed.notify_waiters();
    }

    /// Restarts with the messages lost.
    pub(crate) fn rewind(&self) {
        let state = &mut *self.state();
        state.producers.clear();
        state.published = 0;
        state.log = Log::default();
        state.subscriptions.values_mut().for_each(Subscription::rewind);
        self.resumed.notify_waiters();
    }

    /// Number of messages published since the broker started.
    pub(crate) fn published(&self) -> u64 {
        self.state().published
    }

    /// Dispatch status of a subscription; `None` if it does not exist.
    pub(crate) fn dispatch_status(&self, subscription: &str) -> Option<DispatchStatus> {
        let mut state = self.state();
        let end = state.log.end();
        let subscription = state.subscriptions.get_mut(subscription)?;
        subscription.evict(Instant::now());
        let status = subscription.dispatch_status(end);
        Some(DispatchStatus { topic: self.name.clone(), published: state.published, ..status })
    }

    /// Adds the subscription's status to `status`. Returns whether it exists.
    pub(crate) fn add_status(&self, subscription: &str, status: &mut SubscriptionStatus) -> bool {
        let mut state = self.state();
        let end = state.log.end();
        let Some(subscription) = state.subscriptions.get_mut(subscription) else { return false };
        subscription.evict(Instant::now());
        subscription.add_to(status, end);
        true
    }

    pub(crate) fn messages(&self) -> Vec<Arc<StreamMessage>> {
        self.state().log.iter().cloned().collect()
    }
}
