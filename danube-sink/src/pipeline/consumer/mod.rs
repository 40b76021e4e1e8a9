//! A partition's consumer: it attaches, reads, acknowledges, and reattaches when its stream ends.
//!
//! ```text
//!  stream ──chunk──▶ admission ──records──▶ mapping
//!                        │ ledger, credit
//!  broker ◀──acks── reading ◀──settlements── batches
//! ```
//!
//! Its task owns the partition's ledger, which needs no lock.

mod admission;
mod detaching;
pub(super) mod losses;
mod reading;
mod shutdown;
mod takeover;

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Instant, sleep},
};

#[cfg(test)]
pub(super) use self::takeover::FIRST_TAKEOVER_WAIT;
pub(crate) use self::takeover::{Takeover, TakeoverWait};
use self::{losses::Losses, takeover::unhealthy};
use super::{
    backoff::{Backoff, sleep_until},
    broker::{Attachment, Broker, BrokerFailure, Consumer, FailureKind, Session},
    budget::{Budget, Charged},
    credit::Credit,
    ledger::DeliveryLedger,
    mapping::{Cause, Mapping, Role},
    partition::{Partition, Settlement},
    signals::Signals,
};
use crate::{
    config::SubscriptionType,
    observe::{AttachReason, Stage},
    spool::MappingSpool,
};

/// The interval of health checks: a stream without messages may be dead.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// The broker removes a KeyShared consumer from its ring after three seconds.
const KEY_SHARED_GRACE: Duration = Duration::from_secs(2);

const REFUSED: &str =
    "messages that were refused for lack of memory are requested again once max_buffered_bytes has room";

/// The consumer task of one partition.
pub(crate) struct ConsumerTask {
    pub(crate) broker: Arc<dyn Broker>,
    mapping: Arc<Mapping>,
    partition: Arc<Partition>,
    /// The topic that it reads, or the log.
    source: Arc<str>,
    settlements: UnboundedReceiver<Settlement>,
    budget: Budget,
    signals: Signals,
    ledger: DeliveryLedger,
    credit: Credit,
    losses: Losses,
    /// Messages are dropped for lack of memory: the broker redelivers them after an attach.
    refuses: bool,
    /// Bytes of the messages that the broker will redeliver.
    released_bytes: usize,
    /// Memory for them, reserved before an attach until they arrive; or for the chunk from the spool that is admitted.
    reserved: Charged,
    /// Since when reading is paused, for lack of memory for messages that have to be kept.
    paused: Option<Instant>,
    /// The session sends no further message.
    has_ended: bool,
    /// Decisions about messages that this attachment did not bring are forgotten.
    has_forgotten: bool,
    /// What the ledger takes of the budget.
    remembered_bytes: usize,
    /// The position from which on the log could not be read.
    unreadable: Option<u64>,
    /// When a shutdown stops waiting, once it has begun.
    end_by: Option<Instant>,
}

/// Why the consumer stopped reading a stream.
enum End {
    Failure(BrokerFailure),
    /// Another consumer of the name took over: the stream ended without an error, and the broker still serves the name.
    TakenOver(Arc<dyn Session>),
    /// Its records are not written in time.
    Overdue,
    /// Messages were refused for lack of memory, and nothing else is waited for.
    OutOfMemory,
    /// After `stop`, every record is settled: what still arrives would only be redelivered to each attach.
    Drained,
    Finished,
}

impl ConsumerTask {
    /// `was_missing`: the topic was missing before, so that messages may precede the subscription.
    pub(crate) fn new(
        broker: Arc<dyn Broker>,
        mapping: Arc<Mapping>,
        source: &str,
        was_missing: bool,
        budget: Budget,
        signals: Signals,
    ) -> Self {
        let topic = if mapping.role.is_delivery() { MappingSpool::topic_of(source) } else { source };
        let (partition, settlements) = Partition::new(topic, mapping.subscriptions.partition(source));
        let settings = &mapping.settings;
        let mut ledger = DeliveryLedger::new(settings.ack_timeout);
        match &mapping.role {
            Role::Whole => {}
            Role::Intake(spool) => ledger.resume(&spool.remembered(topic)),
            Role::Delivery => ledger.let_acks_overtake(),
        }
        let credit = Credit::new(settings.max_unacked_messages);
        let losses = Losses::new(settings, mapping.role.is_delivery(), was_missing);
        Self {
            broker,
            mapping,
            partition,
            source: source.into(),
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
            has_ended: false,
            has_forgotten: false,
            remembered_bytes: 0,
            unreadable: None,
            end_by: None,
        }
    }

    /// Runs the consumer until `finish` is signalled and every settled message is acknowledged.
    ///
    /// After `stop` it continues to read and gives messages back: an acknowledgement counts only while the consumer is
    /// attached, and a broker that cannot send takes no acknowledgements either.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        let mut name = self.name();
        let mut detached = Instant::now();
        let mut wait = TakeoverWait::default();
        let mut reason = AttachReason::Start;
        loop {
            let mut is_counted = false;
            if detached.elapsed() > KEY_SHARED_GRACE {
                name = self.name();
            }
            self.reserve().await;
            let attached = match self.is_drained() {
                false => self.attach_unless_superseded(&name).await,
                // An attach would only count as one more delivery of what was given back.
                true => Some(Err(End::Drained)),
            };
            let end = match attached {
                Some(Ok(attachment)) => {
                    let since = Instant::now();
                    self.partition.observer.attached(reason);
                    is_counted = true;
                    let end = self.read(attachment).await;
                    detached = Instant::now();
                    // A stream that ends at once is no success.
                    if since.elapsed() > HEALTH_INTERVAL {
                        backoff.reset();
                    }
                    end
                }
                Some(Err(end)) => end,
                None => break,
            };
            self.detach();
            if !matches!(end, End::TakenOver(_)) {
                wait = TakeoverWait::default();
            }
            reason = match end {
                End::Finished => break,
                End::Drained => {
                    self.partition.observer.ended(&self.drained());
                    self.signals.finish.cancelled().await;
                    break;
                }
                End::OutOfMemory => {
                    self.partition.observer.waiting(REFUSED);
                    AttachReason::OutOfMemory
                }
                End::Overdue => {
                    self.wait_for_target().await;
                    AttachReason::TargetRecovered
                }
                End::TakenOver(session) if self.mapping.role.is_intake() => {
                    self.make_way::<()>("another process took over, which this one makes way for", Some(session)).await;
                    break;
                }
                End::TakenOver(session) => {
                    self.wait_for_takeover_end(&name, session, &mut wait).await;
                    self.pause(backoff.delay()).await;
                    AttachReason::Takeover
                }
                End::Failure(failure) => {
                    self.mapping.observer.error(Stage::Intake, failure.kind.name());
                    self.partition.observer.detached(&failure.message);
                    // A log that is missing is delivered.
                    if self.mapping.role.is_delivery() && failure.kind != FailureKind::Missing {
                        self.mapping.block(Cause::Log(Arc::clone(&self.source)), &self.partition, failure.message);
                    }
                    self.losses.connection_lost(&self.partition);
                    self.pause(backoff.delay()).await;
                    // The audit has to see a start or a takeover, also if the first attach after it failed.
                    if is_counted { reason_of(failure.kind) } else { reason }
                }
            };
        }
        if !self.signals.stop.is_cancelled() {
            // The log is delivered, and was removed; or the partition exists no more.
            self.unblock();
            self.forget_decisions(|_| false);
        }
    }

    /// Attaches; `None` if the task ends first.
    async fn attach(&mut self, name: &str) -> Option<Result<Attachment, End>> {
        let settings = &self.mapping.settings.consumer;
        let consumer = Consumer {
            topic: Arc::clone(&self.source),
            name: name.to_owned(),
            subscription: settings.subscription.clone(),
            subscription_type: settings.subscription_type,
        };
        let broker = Arc::clone(&self.broker);
        let attached = self.meanwhile(async move { broker.attach(&consumer).await }).await?;
        Some(attached.map_err(End::Failure))
    }

    /// Reserves memory for redeliveries before an attach, which counts as a delivery and should not be wasted.
    async fn reserve(&mut self) {
        if self.ledger.released() == 0 {
            // Another consumer has them, or the broker restarted its offsets.
            self.released_bytes = 0;
        }
        // The spool counts no deliveries, and reserves memory for each chunk.
        if self.released_bytes > 0 && !self.mapping.role.is_delivery() {
            let (budget, stop, bytes) = (self.budget.clone(), self.signals.stop.clone(), self.released_bytes);
            let reserve = async move { stop.run_until_cancelled(budget.reserve(bytes)).await };
            let reserved = self.meanwhile(reserve).await.flatten();
            self.reserved = reserved.unwrap_or_else(|| self.budget.nothing());
        }
    }

    fn detach(&mut self) {
        self.report_gap(true);
        self.partition.observer.acks_failed(self.ledger.detach());
        self.reserved = self.budget.nothing();
        self.refuses = false;
        self.paused = None;
        self.show();
    }

    /// Takes settlements while `work` runs. `None` if the task is finished first.
    async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            if self.is_finished() {
                return None;
            }
            tokio::select! {
                done = &mut work => return Some(done),
                Some(settlement) = self.settlements.recv() => {
                    self.take_all(&settlement);
                    self.show();
                }
                () = self.signals.finish.cancelled(), if self.end_by.is_none() => self.finish(),
                () = sleep_until(self.end_by) => {}
            }
        }
    }

    async fn pause(&mut self, delay: Duration) {
        self.meanwhile(sleep(delay)).await;
    }

    /// The consumer name for the next attach.
    ///
    /// It stays the same, so that the broker ends the previous attachment. But a KeyShared consumer that was detached for
    /// some seconds never receives anything under its old name: the broker removed it from its ring, and adds no consumer
    /// that it already knows.
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

    /// Forgets messages settled long ago, as memory requires.
    fn forget(&mut self, now: Instant) {
        self.account();
        self.ledger.forget(self.credit.limit(), self.budget.is_short(), now);
        self.account();
    }

    fn account(&mut self) {
        let bytes = self.ledger.bytes();
        self.budget.remember(std::mem::replace(&mut self.remembered_bytes, bytes), bytes);
    }

    /// Reports a gap once it is certain, or now with `all`.
    fn report_gap(&mut self, all: bool) {
        if let Some(gap) = self.ledger.gap(all, Instant::now()) {
            self.losses.gap(gap, &self.partition);
        }
    }

    /// Publishes the counts for batches and metrics.
    fn show(&self) {
        let has_memory = !self.refuses && self.paused.is_none() && !self.waits_for_chunk();
        let takes_more = has_memory && !self.has_ended;
        let ledger = &self.ledger;
        let (in_hand, in_flight, unconfirmed) = (ledger.in_hand(), ledger.in_flight(), ledger.unconfirmed());
        self.partition.update(in_hand, in_flight, unconfirmed, self.window(), takes_more);
        self.partition.observer.may_have_gap(self.ledger.may_have_gap());
    }
}

/// Also where a drain that takes too long drops it.
impl Drop for ConsumerTask {
    fn drop(&mut self) {
        self.budget.remember(self.remembered_bytes, 0);
    }
}

fn reason_of(failure: FailureKind) -> AttachReason {
    if failure == FailureKind::Moved { AttachReason::Moved } else { AttachReason::LostConnection }
}
