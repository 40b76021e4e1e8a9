//! The read loop of an attached consumer: messages in, acknowledgements out.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{ConsumerTask, End, HEALTH_INTERVAL, unhealthy};
use crate::{
    observe::{Latencies, Stage},
    pipeline::{
        backoff::sleep_until,
        broker::{AckToken, Attachment, BrokerFailure, FailureKind, Session},
        partition::Settlement,
    },
};

/// The first delay before a failed acknowledgement is sent once more; it doubles.
const ACK_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_ACK_PAUSE: Duration = Duration::from_secs(1);
/// The most settlements taken at once, so that reading continues.
const SETTLEMENTS_AT_ONCE: usize = 64;

/// The answers to a list of acknowledgements.
struct Answered {
    epoch: u32,
    offsets: Vec<u64>,
    failures: Vec<(AckToken, BrokerFailure)>,
}

/// The acknowledgements of one attachment. They end with it: one that waits for a connection must not be sent after it.
struct Acks {
    session: Arc<dyn Session>,
    in_flight: FuturesUnordered<BoxFuture<'static, Answered>>,
    pause: Duration,
    /// When to send the next ones, after a failure.
    next: Option<Instant>,
}

impl ConsumerTask {
    /// Reads the stream until it ends. Returns why it ended.
    pub(super) async fn read(&mut self, Attachment { mut chunks, session }: Attachment) -> End {
        self.ledger.attach(Instant::now());
        let in_flight = FuturesUnordered::new();
        let mut acks = Acks { session: Arc::clone(&session), in_flight, pause: ACK_PAUSE, next: None };
        // Spread, so that a thousand partitions are not checked in step.
        let unhealthy = unhealthy(Arc::clone(&session), HEALTH_INTERVAL.mul_f64(0.5 + rand::random::<f64>() / 2.0));
        tokio::pin!(unhealthy);
        let mut clock = interval((self.mapping.settings.ack_timeout / 10).clamp(ACK_PAUSE, LONGEST_ACK_PAUSE));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.send_acks(&mut acks);
            self.show();
            if self.is_finished() {
                return End::Finished;
            }
            if self.is_drained() {
                return End::Drained;
            }
            let budget = self.budget.clone();
            let (reads, released) = (self.reads(), self.released_bytes);
            tokio::select! {
                chunk = chunks.next(), if reads => match chunk {
                    Some(Ok(messages)) => self.admit(messages),
                    Some(Err(failure)) => return End::Failure(failure),
                    None if session.health().await.is_ok() => return End::TakenOver(session),
                    None => {
                        return End::Failure(BrokerFailure::new(FailureKind::Moved, "the broker ended the stream"));
                    }
                },
                Some(settlement) = self.settlements.recv() => self.take_all(&settlement),
                Some(answered) = acks.in_flight.next() => {
                    if let Some(refusal) = self.answered(answered, &mut acks) {
                        return End::Failure(refusal);
                    }
                }
                () = sleep_until(acks.next) => acks.next = None,
                () = budget.free(1), if !reads => {}
                () = budget.eased(released), if self.waits_for_memory() => return End::MemoryFreed,
                failure = &mut unhealthy => return End::Failure(failure),
                _ = clock.tick() => {
                    if self.is_overdue() {
                        return End::Overdue;
                    }
                }
                () = self.signals.finish.cancelled(), if self.end_by.is_none() => self.finish(),
                () = sleep_until(self.end_by) => {}
            }
        }
    }

    /// Whether a message is overdue: in hand for half the ack timeout, or for most of it while others are being settled.
    ///
    /// Only deliveries count as attempts, and a detached consumer gets none: a subscription that is detached in time can wait
    /// forever, where one that stays attached is blocked for good after some attempts.
    fn is_overdue(&mut self) -> bool {
        let now = Instant::now();
        if !self.reads() {
            // Redeliveries are read later.
            self.ledger.put_off(now);
        } else {
            self.paused = None;
        }
        if self.ledger.resolve(now) {
            self.reserved = self.budget.nothing();
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
        self.end_by.is_none() && oldest.is_some_and(|oldest| oldest >= limit)
    }

    fn send_acks(&mut self, acks: &mut Acks) {
        if acks.next.is_some() {
            return;
        }
        let tokens = self.ledger.acks();
        if tokens.is_empty() {
            return;
        }
        let holds_back = self.ledger.unsettled() + self.ledger.in_flight() >= self.credit.limit();
        self.credit.acks_sent(holds_back, Instant::now());
        let (epoch, session) = (self.ledger.epoch(), Arc::clone(&acks.session));
        let offsets = tokens.iter().map(|token| token.offset).collect();
        let call = async move { Answered { epoch, offsets, failures: session.ack(tokens).await } };
        acks.in_flight.push(call.boxed());
    }

    /// Records the answers. Returns the failure if the broker refuses acknowledgements: it would redeliver each message.
    fn answered(&mut self, answered: Answered, acks: &mut Acks) -> Option<BrokerFailure> {
        let Answered { epoch, offsets, failures } = answered;
        let failed = failures.len();
        let (observer, mut refusal) = (&self.partition.observer, None);
        for (token, failure) in failures {
            tracing::debug!(topic = %self.partition.topic, offset = token.offset, "an acknowledgement failed: {failure}");
            self.mapping.observer.error(Stage::Ack, failure.kind.name());
            self.ledger.ack_failed(token, epoch);
            if matches!(failure.kind, FailureKind::Refused | FailureKind::Unauthenticated) {
                refusal = Some(failure);
            }
        }
        // Failed ones are no longer in flight, and do not count here.
        let counted = offsets.into_iter().filter(|offset| self.ledger.acked(*offset, epoch)).count();
        observer.acked(counted);
        if failed == 0 {
            acks.pause = ACK_PAUSE;
        } else {
            observer.acks_failed(failed);
            acks.next = Some(Instant::now() + acks.pause);
            acks.pause = LONGEST_ACK_PAUSE.min(acks.pause * 2);
        }
        if self.ledger.in_flight() == 0 {
            self.mapping.wake();
        }
        refusal
    }

    /// Takes the settlements that have arrived.
    fn take_all(&mut self, settlement: &Settlement) {
        self.take(settlement);
        for _ in 1..SETTLEMENTS_AT_ONCE {
            let Ok(settlement) = self.settlements.try_recv() else { break };
            self.take(&settlement);
        }
    }

    pub(super) fn take(&mut self, settlement: &Settlement) {
        let Settlement { chunk, first, end, epoch, is_settled } = settlement;
        let entries = &chunk.entries()[*first as usize..*end as usize];
        let now = Instant::now();
        if !is_settled {
            for entry in entries {
                let is_redelivered = self.ledger.release(entry.id.offset(), *epoch);
                self.released_bytes += if is_redelivered { entry.size() } else { 0 };
            }
            return;
        }
        let moment = self.ledger.moment(now);
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (mut delivery, mut in_hand, mut settled) = (Latencies::default(), Latencies::default(), 0);
        for entry in entries {
            let id = &entry.id;
            let token = AckToken { offset: id.offset(), sequence: id.sequence(), source: Arc::clone(&id.source) };
            if let Some(age) = self.ledger.settle(token, *epoch, moment) {
                settled += 1;
                in_hand.add(age);
                delivery.add(clock.saturating_sub(Duration::from_micros(id.publish_time())));
            }
        }
        self.credit.settled(self.ledger.in_hand(), now);
        if settled > 0 {
            self.mapping.observer.settled(settled, delivery, in_hand);
        }
    }
}
