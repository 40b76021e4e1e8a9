//! One partition's consumer: it attaches, reads, acknowledges, and comes back from whatever ends its stream.
//!
//! ```text
//!  stream ──chunk──▶ admission ──records──▶ mapping
//!                        │ ledger, credit
//!  broker ◀──acks── reading ◀──settlements── batches
//! ```
//!
//! Its task owns the partition's ledger, so that nothing of it needs a lock.

mod admission;
pub(super) mod losses;
mod reading;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use self::losses::Losses;
use super::{
    backoff::{Backoff, sleep_until},
    broker::{Attachment, Broker, BrokerFailure, Consumer, FailureKind, Session},
    budget::{Budget, Charged},
    credit::Credit,
    ledger::DeliveryLedger,
    mapping::Mapping,
    partition::{Partition, Settlement},
};
use crate::{
    config::SubscriptionType,
    observe::{AttachReason, Stage},
};

/// How often a stream that may be silent for good reasons is asked whether it is still served.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// How long a consumer that was taken over waits for the other one to leave, the first time.
pub(super) const FIRST_TAKEOVER_WAIT: Duration = Duration::from_secs(5 * 60);
const LONGEST_TAKEOVER_WAIT: Duration = Duration::from_secs(60 * 60);
/// The broker takes a KeyShared consumer off its ring after three seconds.
const KEY_SHARED_GRACE: Duration = Duration::from_secs(2);
/// How long a shutdown waits for written messages to be sent again whose acknowledgement did not count.
const UNCONFIRMED_PATIENCE: Duration = Duration::from_secs(5);

/// Reads one partition.
pub(crate) struct ConsumerTask {
    pub(crate) broker: Arc<dyn Broker>,
    mapping: Arc<Mapping>,
    partition: Arc<Partition>,
    settlements: UnboundedReceiver<Settlement>,
    budget: Budget,
    signals: Signals,
    ledger: DeliveryLedger,
    credit: Credit,
    losses: Losses,
    /// Messages are dropped for want of memory: the broker sends them again after an attach.
    refuses: bool,
    /// Bytes of the messages that the broker sends again.
    released_bytes: usize,
    /// Memory for them, from before an attach until they come.
    reserved: Charged,
    /// Nothing is read, since there is no memory for what has to be kept.
    paused: Option<Instant>,
    /// What the ledger takes of the budget.
    remembered_bytes: usize,
    /// When the end is not waited for any longer, once it was asked for.
    end_by: Option<Instant>,
}

/// What a pipeline tells its consumers.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    /// Take no more messages.
    pub(crate) stop: CancellationToken,
    /// No record will be settled any more: acknowledge what was, and end.
    pub(crate) finish: CancellationToken,
}

/// Why a stream was given up.
enum End {
    Failure(BrokerFailure),
    /// The stream ended without an error, and the broker still serves a consumer of this name: another one.
    TakenOver(Arc<dyn Session>),
    /// What it brought is not written in time.
    Overdue,
    /// There is memory again for what was refused.
    MemoryFreed,
    /// After `stop`, all that was taken is settled: what still comes would only be sent once more to each attach.
    Drained,
    Finished,
}

impl ConsumerTask {
    /// `was_missing`: the topic was seen missing before, so that messages may have come before the subscription.
    pub(crate) fn new(
        broker: Arc<dyn Broker>,
        mapping: Arc<Mapping>,
        topic: &str,
        was_missing: bool,
        budget: Budget,
        signals: Signals,
    ) -> Self {
        let (partition, settlements) = Partition::new(topic, mapping.observer.partition(topic));
        let settings = &mapping.settings;
        let ledger = DeliveryLedger::new(settings.ack_timeout);
        let credit = Credit::new(settings.max_unacked_messages);
        let losses = Losses::new(settings, was_missing);
        Self {
            broker,
            mapping,
            partition,
            settlements,
            reserved: budget.nothing(),
            budget,
            signals,
            ledger,
            credit,
            losses,
            refuses: false,
            released_bytes: 0,
            paused: None,
            remembered_bytes: 0,
            end_by: None,
        }
    }

    /// Runs until `finish` is signalled and what was settled is acknowledged.
    ///
    /// After `stop` it reads on and gives back what it reads: an acknowledgement counts only while the consumer is
    /// attached, and a broker that cannot send does not listen either.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        let mut name = self.name();
        let mut detached = Instant::now();
        let mut wait = FIRST_TAKEOVER_WAIT;
        let mut reason = AttachReason::Start;
        loop {
            if detached.elapsed() > KEY_SHARED_GRACE {
                name = self.name();
            }
            self.reserve().await;
            let Some(attached) = self.attach(&name).await else { break };
            let end = match attached {
                Ok(attachment) => {
                    let since = Instant::now();
                    self.partition.observer.attached(reason);
                    let end = self.read(attachment).await;
                    detached = Instant::now();
                    // A stream that ends as soon as it starts is no success.
                    if since.elapsed() > HEALTH_INTERVAL {
                        backoff.reset();
                    }
                    end
                }
                Err(failure) => End::Failure(failure),
            };
            self.detach();
            if !matches!(end, End::TakenOver(_)) {
                wait = FIRST_TAKEOVER_WAIT;
            }
            reason = match end {
                End::Finished => break,
                End::Drained => {
                    self.partition
                        .observer
                        .detached("the connector stops, and all records of the partition are settled");
                    self.signals.finish.cancelled().await;
                    break;
                }
                End::MemoryFreed => {
                    self.partition.observer.detached("messages that there was no memory for are asked for again");
                    AttachReason::OutOfMemory
                }
                End::Overdue => {
                    self.wait_for_target().await;
                    AttachReason::TargetRecovered
                }
                End::TakenOver(session) => {
                    if !self.wait_for_takeover_end(&name, session, wait).await {
                        wait = LONGEST_TAKEOVER_WAIT.min(wait * 2);
                    }
                    self.pause(backoff.next()).await;
                    AttachReason::Takeover
                }
                End::Failure(failure) => {
                    self.mapping.observer.error(Stage::Intake, failure.kind.name());
                    self.partition.observer.detached(&failure.message);
                    self.losses.connection_lost(&self.partition);
                    self.pause(backoff.next()).await;
                    reason_of(failure.kind)
                }
            };
        }
        self.budget.remember(self.remembered_bytes, 0);
    }

    /// Attaches, unless the task ends before.
    async fn attach(&mut self, name: &str) -> Option<Result<Attachment, BrokerFailure>> {
        let settings = &self.mapping.settings.consumer;
        let consumer = Consumer {
            topic: Arc::clone(&self.partition.topic),
            name: name.to_owned(),
            subscription: settings.subscription.clone(),
            subscription_type: settings.subscription_type,
        };
        let broker = Arc::clone(&self.broker);
        self.meanwhile(async move { broker.attach(&consumer).await }).await
    }

    /// Waits for memory for what the broker sends again: each attach counts as a delivery, which should not be in vain.
    async fn reserve(&mut self) {
        if self.ledger.released() == 0 {
            // Another consumer has them, or the broker began anew.
            self.released_bytes = 0;
        }
        if self.released_bytes > 0 {
            let (budget, stop, bytes) = (self.budget.clone(), self.signals.stop.clone(), self.released_bytes);
            let reserve = async move { stop.run_until_cancelled(budget.reserve(bytes)).await };
            let reserved = self.meanwhile(reserve).await.flatten();
            self.reserved = reserved.unwrap_or_else(|| self.budget.nothing());
        }
    }

    fn detach(&mut self) {
        self.report_gap(true);
        self.ledger.detach();
        self.reserved = self.budget.nothing();
        self.refuses = false;
        self.paused = None;
        self.show();
    }

    /// Takes settlements until the work is done. `None` if there is nothing left to do for this task before.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            if self.is_finished() {
                return None;
            }
            tokio::select! {
                done = &mut work => return Some(done),
                Some(settlement) = self.settlements.recv() => {
                    self.take(&settlement);
                    self.show();
                }
                () = self.signals.finish.cancelled(), if self.end_by.is_none() => self.finish(),
                () = sleep_until(self.end_by) => {}
            }
        }
    }

    async fn pause(&mut self, delay: Option<Duration>) {
        self.meanwhile(sleep(delay.unwrap_or(HEALTH_INTERVAL))).await;
    }

    fn finish(&mut self) {
        self.end_by = Some(Instant::now() + UNCONFIRMED_PATIENCE);
    }

    /// Whether every settled message is acknowledged that can be, once the end was asked for.
    fn is_finished(&self) -> bool {
        self.end_by.is_some_and(|end| self.is_confirmed() || Instant::now() >= end)
    }

    fn is_drained(&self) -> bool {
        self.signals.stop.is_cancelled() && self.ledger.in_hand() == 0 && self.is_confirmed()
    }

    /// Whether every settled message is acknowledged that can be.
    fn is_confirmed(&self) -> bool {
        self.settlements.is_empty() && self.ledger.is_quiet() && self.ledger.unconfirmed() == 0
    }

    /// Returns when another consumer of the name has left, or the time is up; whether it has left.
    ///
    /// To attach ends the other's stream, and if both did so at once, neither would get anywhere. But the broker says of
    /// the name that it is served even where the other one died between its two calls, or its machine did: to wait for
    /// ever could be to wait for nothing. So after some minutes this one takes the subscription back; another that lives
    /// waits in turn, and each time for twice as long.
    async fn wait_for_takeover_end(&mut self, name: &str, session: Arc<dyn Session>, wait: Duration) -> bool {
        let minutes = wait.as_secs() / 60;
        self.partition.observer.waiting(&format!(
            "another consumer attached as {name}: this one waits until it leaves, for {minutes} minutes; to run both, give \
             each its own consumer_name"
        ));
        self.ledger.lose_sight();
        let left = self.meanwhile(timeout(wait, unhealthy(session, HEALTH_INTERVAL))).await;
        if let Some(Err(_)) = left {
            let topic = &self.partition.topic;
            tracing::warn!(%topic, "the other consumer of {name} may be dead: this one attaches after {minutes} minutes");
        }
        matches!(left, Some(Ok(_)))
    }

    /// Returns when what is in hand is written, and the target answers.
    ///
    /// While the target fails, the record that is tried is kept; the others go back to the broker, so that the memory is
    /// free for other mappings. What waits for a target that is only slow stays, and so does what was sent too often.
    async fn wait_for_target(&mut self) {
        let settings = &self.mapping.settings;
        let limit = settings.ack_timeout.as_millis();
        let mapping = Arc::clone(&self.mapping);
        let mut failing = mapping.failing();
        let keeps = self.ledger.must_keep_in_hand();
        if !keeps {
            mapping.detach(&self.partition);
        }
        let cause =
            mapping.blocked_by().unwrap_or_else(|| format!("writes take longer than ack_timeout_ms = {limit} allows"));
        self.partition.observer.waiting(&format!("{cause}: detached until records are written"));
        loop {
            let is_failing = *failing.borrow_and_update() > 0;
            if is_failing && !keeps && mapping.gives_back(&self.signals.stop) {
                mapping.release(&self.partition);
            }
            if !is_failing && self.ledger.in_hand() == 0 && self.settlements.is_empty() {
                break;
            }
            tokio::select! {
                // It fails only without a sender, which the mapping is.
                _ = failing.changed() => {}
                Some(settlement) = self.settlements.recv() => {
                    self.take(&settlement);
                    self.show();
                }
                () = self.signals.finish.cancelled() => break,
            }
        }
        self.partition.set_overdue(false);
    }

    /// The name to attach with after an absence.
    ///
    /// It stays the same, so that the broker ends what is left of the last attachment. But a KeyShared consumer that was
    /// away for some seconds gets nothing under its old name, ever: the broker took it off the ring, and does not put a
    /// consumer that it knows on it again.
    fn name(&self) -> String {
        let consumer = &self.mapping.settings.consumer;
        match consumer.subscription_type {
            SubscriptionType::KeyShared => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                format!("{}-{}", consumer.consumer_name, now.as_millis())
            }
            _ => consumer.consumer_name.clone(),
        }
    }

    /// Forgets what was settled long ago, as memory allows.
    fn forget(&mut self, now: Instant) {
        self.account();
        self.ledger.forget(self.credit.limit(), self.budget.is_short(), now);
        self.account();
    }

    fn account(&mut self) {
        let bytes = self.ledger.bytes();
        self.budget.remember(std::mem::replace(&mut self.remembered_bytes, bytes), bytes);
    }

    /// Reports the messages that the broker skipped, once it is certain, or now with `all`.
    fn report_gap(&mut self, all: bool) {
        if let Some(gap) = self.ledger.gap(all, Instant::now()) {
            self.losses.gap(gap, &self.partition);
        }
    }

    /// Tells batches and operators what is in hand.
    fn show(&self) {
        let has_memory = !self.refuses && self.paused.is_none();
        self.partition.update(self.ledger.in_hand(), self.ledger.in_flight(), self.credit.limit(), has_memory);
        self.partition.observer.may_have_gap(self.ledger.may_have_gap());
    }
}

fn reason_of(failure: FailureKind) -> AttachReason {
    if failure == FailureKind::Moved { AttachReason::Moved } else { AttachReason::LostConnection }
}

/// Returns when the consumer is not served any more, or the broker does not answer. The first question comes after `first`.
async fn unhealthy(session: Arc<dyn Session>, first: Duration) -> BrokerFailure {
    sleep(first).await;
    loop {
        if let Err(failure) = session.health().await {
            return failure;
        }
        sleep(HEALTH_INTERVAL).await;
    }
}
