//! One topic, or one partition of one: its messages, producers and subscriptions under one lock.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use danube_core::proto::StreamMessage;
use tokio::time::Instant;

use super::consumers::{Fate, Kind};
use super::dead_letter::DeadLetter;
use super::faults::Faults;
use super::log::Log;
use super::options::FailurePolicy;
use super::subscription::{Next, Subscription, SubscriptionStatus};

/// What a consumer says of itself when it subscribes.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) name: String,
    pub(crate) subscription: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) filters: Vec<String>,
}

/// What a subscription is given, if it is new.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) max_unacked_messages: usize,
    pub(crate) failure_policy: FailurePolicy,
}

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) reliable: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    log: Log,
    /// Ids by producer name.
    producers: HashMap<String, u64>,
    subscriptions: HashMap<Arc<str>, Subscription>,
    subject: Option<String>,
}

/// Whatever moves messages answers the dead letters that came of it; they are posted once the
/// lock is released, since they go to another topic.
type Letters = Vec<DeadLetter>;

impl Topic {
    pub(crate) fn new(name: String, reliable: bool) -> Self {
        Self { name, reliable, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of the producer of this name, a new one at its first arrival.
    pub(crate) fn producer(&self, name: &str) -> u64 {
        let mut state = self.state();
        *state.producers.entry(name.to_owned()).or_insert_with(rand::random)
    }

    /// Binds the topic to a schema subject, for good; else answers the subject that it is bound to.
    pub(crate) fn bind_subject(&self, subject: &str) -> Result<(), String> {
        let mut state = self.state();
        let bound = state.subject.get_or_insert_with(|| subject.to_owned());
        if bound == subject { Ok(()) } else { Err(bound.clone()) }
    }

    pub(crate) fn publish(&self, message: StreamMessage, now: Instant, faults: &Faults) -> Letters {
        let state = &mut *self.state();
        if !self.reliable {
            let message = Arc::new(message);
            state.subscriptions.values_mut().for_each(|subscription| subscription.push(&message));
            return Letters::new();
        }
        state.log.append(message);
        let mut letters = Letters::new();
        for subscription in state.subscriptions.values_mut() {
            letters.extend(subscription.dispatch(&state.log, now, faults));
        }
        if state.log.is_full() {
            let end = state.log.end();
            let needed = state.subscriptions.values().map(Subscription::needs).fold(end, u64::min);
            state.log.trim(needed);
        }
        letters
    }

    /// Adds a consumer, or prepares a known one for a new stream; answers its id.
    /// `Err` where an Exclusive subscription has another consumer.
    pub(crate) fn subscribe(
        &self,
        subscriber: Subscriber,
        terms: Terms,
        now: Instant,
        faults: &Faults,
    ) -> Result<(u64, Letters), ()> {
        let state = &mut *self.state();
        let end = state.log.end();
        let Subscriber { name, subscription, kind, filters } = subscriber;
        let subscription = state.subscriptions.entry(Arc::clone(&subscription)).or_insert_with(|| {
            let Terms { max_unacked_messages, failure_policy } = terms;
            Subscription::new(subscription, kind, self.reliable, end, max_unacked_messages, failure_policy)
        });
        if let Some(id) = subscription.consumers.by_name(&name) {
            if subscription.consumers.get(id).is_some_and(|consumer| consumer.take_over()) {
                subscription.release(id);
            }
            return Ok((id, subscription.dispatch(&state.log, now, faults)));
        }
        if !subscription.admits_another() {
            return Err(());
        }
        let id = rand::random();
        subscription.consumers.add(id, &name, filters);
        Ok((id, Letters::new()))
    }

    /// Opens a consumer's stream, and ends the one that it had.
    pub(crate) fn attach(&self, subscription: &str, id: u64) -> Option<Arc<Fate>> {
        let mut state = self.state();
        let subscription = state.subscriptions.get_mut(subscription)?;
        let (fate, replaced) = subscription.consumers.get(id)?.attach();
        if replaced {
            subscription.release(id);
        }
        Some(fate)
    }

    /// Notices that a stream is gone.
    pub(crate) fn detach(&self, subscription: &str, id: u64, fate: &Arc<Fate>, faults: &Faults) -> Letters {
        let state = &mut *self.state();
        let Some(subscription) = state.subscriptions.get_mut(subscription) else { return Letters::new() };
        if !subscription.consumers.get(id).is_some_and(|consumer| consumer.detach(fate)) {
            return Letters::new();
        }
        subscription.release(id);
        subscription.dispatch(&state.log, Instant::now(), faults)
    }

    /// The next message for a consumer's stream.
    pub(crate) fn next(&self, subscription: &str, id: u64, waker: &Waker, faults: &Faults) -> (Next, Letters) {
        let state = &mut *self.state();
        let Some(subscription) = state.subscriptions.get_mut(subscription) else {
            return (Next::Idle(None), Letters::new());
        };
        if let Some(message) = subscription.pop(id) {
            return (Next::Message(message), Letters::new());
        }
        let letters = subscription.dispatch(&state.log, Instant::now(), faults);
        let next = match subscription.pop(id) {
            Some(message) => Next::Message(message),
            None => subscription.idle(id, waker),
        };
        (next, letters)
    }

    /// `None` where there is no such subscription.
    pub(crate) fn ack(&self, subscription: &str, offset: u64, faults: &Faults) -> Option<Letters> {
        let state = &mut *self.state();
        let subscription = state.subscriptions.get_mut(subscription)?;
        let now = Instant::now();
        subscription.ack(offset, now);
        Some(subscription.dispatch(&state.log, now, faults))
    }

    /// `None` where there is no such subscription.
    pub(crate) fn nack(
        &self,
        subscription: &str,
        offset: u64,
        delay: Option<Duration>,
        reason: Option<String>,
        faults: &Faults,
    ) -> Option<Letters> {
        let state = &mut *self.state();
        let subscription = state.subscriptions.get_mut(subscription)?;
        let now = Instant::now();
        subscription.nack(offset, delay, reason, now);
        Some(subscription.dispatch(&state.log, now, faults))
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

    /// A restart that keeps the messages.
    pub(crate) fn revive(&self) {
        let mut state = self.state();
        state.producers.clear();
        state.subscriptions.values_mut().for_each(Subscription::revive);
    }

    /// A restart that loses the messages.
    pub(crate) fn rewind(&self, max_unacked_messages: usize) {
        let mut state = self.state();
        state.producers.clear();
        state.log = Log::default();
        state.subscriptions.values_mut().for_each(|subscription| subscription.rewind(max_unacked_messages));
    }

    /// Adds to `status`; whether the subscription is there.
    pub(crate) fn add_status(&self, subscription: &str, status: &mut SubscriptionStatus) -> bool {
        let state = self.state();
        let Some(subscription) = state.subscriptions.get(subscription) else { return false };
        subscription.add_to(status, state.log.end());
        true
    }

    pub(crate) fn messages(&self) -> Vec<Arc<StreamMessage>> {
        self.state().log.iter().cloned().collect()
    }
}
