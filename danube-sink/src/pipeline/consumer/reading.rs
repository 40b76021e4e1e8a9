//! The read loop of an attached consumer: messages in, acknowledgements out.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{ConsumerTask, End, HEALTH_INTERVAL, unhealthy};
use crate::{
    observe::{Latencies, Stage},
    pipeline::{
        backoff::sleep_until,
        broker::{AckAnswers, AckToken, Attachment, BrokerFailure, FailureKind, Session},
        ledger::{DeliveryLedger, Moment},
        mapping::Cause,
        partition::{Fate, Settlement},
    },
    record::RecordId,
};

/// The first delay before a failed acknowledgement is sent once more; it doubles.
const ACK_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_ACK_PAUSE: Duration = Duration::from_secs(1);
/// The most settlements taken at once, so that reading continues.
const SETTLEMENTS_AT_ONCE: usize = 64;

/// The acknowledgements of one attachment. They end with it: one that waits for a connection must not be sent after it.
struct Acks {
    session: Arc<dyn Session>,
    in_flight: FuturesUnordered<BoxFuture<'static, (u32, AckAnswers)>>,
    /// Acknowledgements to send next. Lists that were answered lend it their memory.
    ready: Vec<AckToken>,
    pause: Duration,
    /// When to send the next ones, after a failure.
    next: Option<Instant>,
}

/// Settled records of several settlements, which are observed in one call.
struct Tally {
    moment: Moment,
    /// The time since 1970.
    clock: Duration,
    /// Some were settled, if only once more, which is not observed.
    has_settled: bool,
    settled: usize,
    delivery: Latencies,
    in_hand: Latencies,
}

impl ConsumerTask {
    /// Reads the stream until it ends. Returns why it ended.
    pub(super) async fn read(&mut self, Attachment { mut chunks, session }: Attachment) -> End {
        self.ledger.attach(Instant::now());
        let in_flight = FuturesUnordered::new();
        let mut acks =
            Acks { session: Arc::clone(&session), in_flight, ready: Vec::new(), pause: ACK_PAUSE, next: None };
        // Spread, so that a thousand partitions are not checked in step.
        let unhealthy = unhealthy(Arc::clone(&session), HEALTH_INTERVAL.mul_f64(0.5 + rand::random::<f64>() / 2.0));
        tokio::pin!(unhealthy);
        let period = (self.mapping.settings.ack_timeout / 10).clamp(ACK_PAUSE, LONGEST_ACK_PAUSE);
        let mut clock = interval_at(Instant::now() + period, period);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        (self.has_ended, self.has_forgotten) = (false, false);
        loop {
            self.send_acks(&mut acks);
            let ends = !self.has_ended && session.has_ended();
            self.has_ended |= ends;
            if self.unreadable.is_some_and(|from| session.position() > Some(from)) {
                self.unblock();
            }
            self.show();
            if ends {
                // Later records wait until these are written: their batch must not wait to be filled.
                self.mapping.wake();
            }
            if self.is_finished() {
                return End::Finished;
            }
            if self.is_drained() {
                return End::Drained;
            }
            let budget = self.budget.clone();
            let (reads, released) = (self.reads(), self.released_bytes);
            let waits_for_memory = !reads && !self.budget.has_free(1);
            tokio::select! {
                chunk = chunks.next(), if reads => match chunk {
                    Some(Ok(messages)) => {
                        if let Some(reserved) = session.take_reserved() {
                            self.reserved = reserved;
                        }
                        self.admit(messages);
                    }
                    Some(Err(failure)) => {
                        self.unreadable = session.position();
                        return End::Failure(failure);
                    }
                    None if session.health().await.is_ok() => return End::TakenOver(session),
                    None => {
                        return End::Failure(BrokerFailure::new(FailureKind::Moved, "the broker ended the stream"));
                    }
                },
                Some(settlement) = self.settlements.recv() => self.take_all(&settlement),
                Some((epoch, answers)) = acks.in_flight.next() => {
                    if let Some(refusal) = self.answered(epoch, answers, &mut acks) {
                        return End::Failure(refusal);
                    }
                }
                () = sleep_until(acks.next) => acks.next = None,
                () = budget.free(1), if waits_for_memory => {}
                () = budget.eased(released), if self.waits_for_memory() => return End::OutOfMemory,
                failure = &mut unhealthy => return End::Failure(failure),
                _ = clock.tick() => {
                    if self.is_overdue() {
                        return if self.lacks_memory() { End::OutOfMemory } else { End::Overdue };
                    }
                }
                () = self.signals.finish.cancelled(), if self.end_by.is_none() => self.finish(),
                () = sleep_until(self.end_by) => {}
            }
        }
    }

    /// Forgets decisions about messages that will not be redelivered. The spool redelivers all, and a topic has several logs.
    pub(super) fn forget_decisions(&self, will_return: impl Fn(&RecordId) -> bool) {
        if !self.mapping.role.is_delivery() {
            self.mapping.decisions.retain(&self.partition.topic, will_return);
        }
    }

    /// Shows that the log can be read.
    pub(super) fn unblock(&mut self) {
        if self.unreadable.take().is_some() {
            self.mapping.unblock(&Cause::Log(Arc::clone(&self.source)));
        }
    }

    /// Whether a message is overdue: in hand for half the ack timeout, or for most of it while others are being settled.
    ///
    /// Only deliveries count as attempts, and a detached consumer gets none: a subscription that is detached in time can wait
    /// forever, where one that stays attached is blocked for good after some attempts.
    fn is_overdue(&mut self) -> bool {
        let now = Instant::now();
        if !self.reads() || self.waits_for_chunk() {
            // Redeliveries are read later.
            self.ledger.put_off(now);
        } else {
            self.paused = None;
        }
        if self.ledger.resolve(now) {
            self.reserved = self.budget.nothing();
        }
        if self.ledger.has_everything(now) && !std::mem::replace(&mut self.has_forgotten, true) {
            self.forget_decisions(|id| self.ledger.holds(id));
        }
        self.report_gap(false);
        self.forget(now);
        self.partition.observer.acked(self.ledger.take_certain());
        let ack_timeout = self.mapping.settings.ack_timeout;
        let (oldest, settled) = self.ledger.ages(now);
        let paused = self.paused.filter(|_| !self.ledger.is_unreliable()).map(|paused| now.duration_since(paused));
        let oldest = oldest.max(paused);
        let is_moving = settled.is_some_and(|settled| settled < ack_timeout / 4);
        let limit = if is_moving { ack_timeout / 5 * 4 } else { ack_timeout / 2 };
        // The spool has no deadline: its records are released to make way for other mappings, when the target fails.
        let may_detach = !self.mapping.role.is_delivery() || *self.mapping.failing().borrow() > 0;
        self.end_by.is_none() && may_detach && oldest.is_some_and(|oldest| oldest >= limit)
    }

    fn send_acks(&mut self, acks: &mut Acks) {
        if acks.next.is_some() {
            return;
        }
        let now = Instant::now();
        self.ledger.take_acks(&mut acks.ready, now);
        if acks.ready.is_empty() {
            return;
        }
        let tokens = std::mem::take(&mut acks.ready);
        let holds_back = self.ledger.unsettled() + self.ledger.in_flight() >= self.credit.limit();
        self.credit.acks_sent(holds_back, now);
        let (epoch, session) = (self.ledger.epoch(), Arc::clone(&acks.session));
        acks.in_flight.push(async move { (epoch, session.ack(tokens).await) }.boxed());
    }

    /// Records the answers. Returns the failure if the broker refuses acknowledgements: it would redeliver each message.
    fn answered(&mut self, epoch: u32, answers: AckAnswers, acks: &mut Acks) -> Option<BrokerFailure> {
        let AckAnswers { mut acked, failed } = answers;
        let failures = failed.len();
        let (observer, mut refusal) = (&self.partition.observer, None);
        for (token, failure) in failed {
            tracing::debug!(topic = %self.partition.topic, offset = token.offset, "an acknowledgement failed: {failure}");
            self.mapping.observer.error(Stage::Ack, failure.kind.name());
            self.ledger.ack_failed(token, epoch);
            if matches!(failure.kind, FailureKind::Refused | FailureKind::Unauthenticated) {
                refusal = Some(failure);
            }
        }
        let moment = self.ledger.moment(Instant::now());
        let counted = acked.drain(..).filter(|token| self.ledger.acked(token.offset, epoch, moment)).count();
        observer.acked(counted);
        if acks.ready.is_empty() {
            acks.ready = acked;
        }
        if failures == 0 {
            acks.pause = ACK_PAUSE;
        } else {
            acks.next = Some(Instant::now() + acks.pause);
            acks.pause = LONGEST_ACK_PAUSE.min(acks.pause * 2);
        }
        if self.ledger.in_flight() == 0 {
            self.mapping.wake();
        }
        refusal
    }

    /// Takes a settlement, and those that have arrived after it.
    pub(super) fn take_all(&mut self, first: &Settlement) {
        let mut tally = Tally::new(&self.ledger);
        self.take(first, &mut tally);
        for _ in 1..SETTLEMENTS_AT_ONCE {
            let Ok(settlement) = self.settlements.try_recv() else { break };
            self.take(&settlement, &mut tally);
        }
        if tally.has_settled {
            self.credit.settled(self.ledger.in_hand(), tally.moment.now);
        }
        if tally.settled > 0 && !self.mapping.role.is_intake() {
            self.mapping.observer.settled(tally.settled, tally.delivery, tally.in_hand);
        }
    }

    fn take(&mut self, settlement: &Settlement, tally: &mut Tally) {
        let Settlement { chunk, first, end, epoch, arrived, fate } = settlement;
        let entries = &chunk.entries()[*first as usize..*end as usize];
        if *fate == Fate::GivenBack {
            for entry in entries.iter().filter(|entry| !entry.is_settled()) {
                let is_redelivered = self.ledger.release(entry.position, *epoch);
                self.released_bytes += if is_redelivered { entry.size() } else { 0 };
            }
            return;
        }
        tally.has_settled = true;
        let in_hand = tally.moment.now.duration_since(*arrived);
        for entry in entries {
            let id = &entry.id;
            let token = AckToken { offset: entry.position, sequence: id.sequence(), source: Arc::clone(&id.source) };
            let is_first = || *fate == Fate::SettledEarly || entry.settle();
            if self.ledger.settle(token, *epoch, tally.moment, is_first) {
                tally.settled += 1;
                tally.in_hand.add(in_hand);
                tally.delivery.add(tally.clock.saturating_sub(Duration::from_micros(id.publish_time())));
            }
        }
    }
}

impl Tally {
    fn new(ledger: &DeliveryLedger) -> Self {
        Self {
            moment: ledger.moment(Instant::now()),
            clock: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            has_settled: false,
            settled: 0,
            delivery: Latencies::default(),
            in_hand: Latencies::default(),
        }
    }
}
