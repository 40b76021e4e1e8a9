//! Delivers a batch: writes it, and retries until the target has it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    batch::Batch,
    broker::Broker,
    budget::Budget,
    dead_letters::DeadLetters,
    mapping::Mapping,
    outcome::{Outcome, Rejected, Tried},
    partition::Partition,
    pending::{PendingRecords, PendingRun},
    pool::{Attempt, WriterPool},
    work::{Refused, Work},
};
use crate::{
    config::{ConnectorConfig, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted},
    error::{ConnectorError, ConnectorResult},
    observe::Stage,
};

/// The longest pause between attempts during a shutdown.
const WHILE_STOPPING: Duration = Duration::from_millis(500);

/// Consecutive failures of a target after which `/ready` reports it.
const REPORTED_FAILURES: u32 = 3;

/// An attempt hangs if it fails after this part of `write_timeout` or later: connectors have shorter timeouts of their own.
const HANGS_DIVISOR: u32 = 4;

/// Delivers the batches of one mapping.
pub(crate) struct Deliver {
    pool: WriterPool,
    mapping: Arc<Mapping>,
    dead_letters: DeadLetters,
    budget: Budget,
    max_retries: u32,
    exhausted: OnRetriesExhausted,
    backoff: Backoff,
    max_backoff: Duration,
    write_timeout: Duration,
    stop: CancellationToken,
    /// No further write begins: the records stay in the spool or with the broker.
    has_ended: AtomicBool,
    /// The last attempt hung, so the next one may, too, of whichever batch it is.
    hangs: AtomicBool,
}

/// Records of a delivered batch whose dead letters are not published yet.
#[derive(Default)]
pub(crate) struct Unpublished {
    exhausted: Vec<Rejected>,
    rejected: Vec<Rejected>,
}

impl Unpublished {
    pub(crate) fn is_empty(&self) -> bool {
        self.exhausted.is_empty() && self.rejected.is_empty()
    }
}

impl Deliver {
    pub(crate) fn new(
        pool: WriterPool,
        broker: Arc<dyn Broker>,
        mapping: Arc<Mapping>,
        config: &ConnectorConfig,
        budget: Budget,
        stop: CancellationToken,
    ) -> Self {
        let dead_letters = DeadLetters::new(broker, Arc::clone(&mapping), budget.clone(), stop.clone());
        Self {
            pool,
            mapping,
            dead_letters,
            budget,
            max_retries: config.max_retries,
            exhausted: config.on_retries_exhausted,
            backoff: Backoff::new(config.retry_backoff, config.max_backoff),
            max_backoff: config.max_backoff,
            write_timeout: config.write_timeout,
            stop,
            has_ended: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
        }
    }

    pub(crate) fn instances(&self) -> usize {
        self.pool.instances()
    }

    /// Whether an instance is idle, so that a write starts at once.
    pub(crate) fn is_idle(&self) -> bool {
        self.pool.is_idle()
    }

    /// Returns when an instance is idle, in turn with the batches that wait for one.
    pub(crate) async fn idle(&self) {
        self.pool.idle().await;
    }

    /// Delivers a batch. Returns when every record of it is settled or given back to the broker, or waits for its dead
    /// letter: those are returned.
    ///
    /// # Errors
    /// An error that stops the connector. Unsettled records stay with the broker.
    pub(crate) async fn batch(self: Arc<Self>, batch: Batch) -> ConnectorResult<Unpublished> {
        self.deliver(batch).await.inspect_err(|_| self.end_other_writes())
    }

    async fn deliver(&self, batch: Batch) -> ConnectorResult<Unpublished> {
        let mut work = Work::new(batch.invalid, batch.exhausted, self.backoff.clone());
        work.ends = !work.invalid.is_empty() && self.mapping.settings.on_invalid_record == OnInvalidRecord::Stop;
        let mut next = Some(batch.records);
        while let Some(piece) = next.take().or_else(|| work.pieces.pop()) {
            if self.ends_writes(&work) {
                return Ok(Unpublished::default());
            }
            let piece = self.probe(piece, &mut work).await?;
            if piece.is_empty() {
                continue;
            }
            let count = piece.len();
            // A step begins with the write: how long it waits for an instance depends on how many mappings write.
            let step = || self.mapping.observer.progress().step(self.write_timeout * 2);
            let begin = || (!self.ends_writes(&work)).then(step);
            let hangs = self.hangs.load(Ordering::Relaxed);
            let Some(attempt) = self.pool.write(piece.records(), hangs, begin).await else {
                return Ok(Unpublished::default());
            };
            let Attempt { answer, instance, waited, took } = attempt;
            self.mapping.observer.write_waited(waited);
            self.mapping.observer.written(took);
            if answer.is_ok() {
                self.mapping.cost.add(count, took);
            }
            // Before another batch of the mapping gets the instance.
            let outcome = Outcome::of(piece, answer).inspect_err(|_| self.end_other_writes())?;
            let hung = outcome.failure.is_some() && took >= self.write_timeout / HANGS_DIVISOR;
            self.hangs.store(hung, Ordering::Relaxed);
            drop(instance);
            self.judge(outcome, &mut work).await?;
        }
        let refused = std::mem::take(&mut work.refused).into_iter().map(|refused| refused.rejected);
        let rejected = std::mem::take(&mut work.invalid).into_iter().chain(refused).collect();
        match self.dead_letters.settle(rejected) {
            Ok(rejected) => {
                work.recovers();
                Ok(Unpublished { exhausted: work.exhausted, rejected })
            }
            Err(error) => {
                self.dead_letters.publish(work.exhausted, true).await;
                Err(error)
            }
        }
    }

    /// Publishes dead letters, and settles their records.
    pub(crate) async fn publish(self: Arc<Self>, Unpublished { exhausted, rejected }: Unpublished) {
        self.dead_letters.publish(exhausted, true).await;
        self.dead_letters.publish(rejected, false).await;
    }

    /// Begins no further write, not even a retry.
    pub(crate) fn end_writes(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    /// The same after an error of one of several batches that are written in parallel. Other stripes write what they have.
    fn end_other_writes(&self) {
        if self.mapping.writes_at_once(self.instances()) > 1 {
            self.end_writes();
        }
    }

    /// Whether no further write begins: after [`end_writes`](Self::end_writes), or since a shutdown leaves records in the spool
    /// that the target does not take. Later ones of the mapping must stay there too, to keep the order.
    fn ends_writes(&self, work: &Work) -> bool {
        if self.mapping.role.is_delivery() && self.stop.is_cancelled() && work.failing.is_some() {
            self.end_writes();
        }
        self.has_ended.load(Ordering::Relaxed)
    }

    /// Settles the decided part of an outcome, and queues the rest.
    async fn judge(&self, outcome: Outcome, work: &mut Work) -> ConnectorResult<()> {
        let Outcome { delivered, rejected, invalid, mut retry, tried, second_half, failure, wait } = outcome;
        if !delivered.is_empty() {
            work.retries = 0;
            self.mapping.refusals.end_row();
        }
        let waits_on = delivered.is_empty() && work.mass.as_ref().is_some_and(|row| !row.has_ended());
        if failure.is_none() && !waits_on || !delivered.is_empty() {
            work.recovers();
        }
        let (mut row, mut is_mass) = (None, false);
        let goes_on = self.mapping.settings.on_mass_refusal == OnMassRefusal::GoOn;
        if !rejected.is_empty() && delivered.is_empty() && !goes_on {
            let (current, reached) = self.mapping.refusals.refused(rejected.len());
            (row, is_mass) = (Some(current), reached);
        }
        let tries_again = !work.ends && !goes_on;
        let in_doubt = if tries_again { work.take_refused(Refused::is_in_doubt) } else { PendingRecords::default() };
        // What was written before those in doubt may be newer: it is written once more after them.
        let mut once_more = PendingRecords::default();
        if self.mapping.is_ordered() && !in_doubt.is_empty() {
            once_more = delivered;
        } else {
            delivered.settle();
        }
        let has_rejected = !rejected.is_empty() || !invalid.is_empty();
        work.refused.extend(rejected.into_iter().map(|rejected| Refused { rejected, row: row.clone() }));
        work.invalid.extend(invalid);
        if has_rejected && self.mapping.settings.on_invalid_record == OnInvalidRecord::Stop {
            work.ends = true;
        }
        if work.ends && (failure.is_some() || !second_half.is_empty()) {
            // Another record stops the connector: these stay with the broker, and what is newer too, to keep the order.
            if self.mapping.is_ordered() {
                work.pieces.clear();
            }
            return Ok(());
        }
        if let Some(failure) = failure {
            work.retries += 1;
            self.mapping.observer.error(Stage::Write, "retryable");
            // A shutdown retries sooner, and what it does not write stays with the broker or in the spool.
            let waits = self.exhausted == OnRetriesExhausted::Wait || self.stop.is_cancelled();
            if work.retries <= self.max_retries || waits {
                work.failing.get_or_insert_with(|| self.mapping.fails());
                let records = retry.len();
                work.put_back(second_half, retry);
                work.put_back(once_more, in_doubt);
                self.pause(records, work, &failure, wait).await;
                return Ok(());
            }
            work.retries = 0;
            retry = self.give_up(retry, tried, &failure, work)?;
        }
        work.put_back(second_half, retry);
        work.put_back(once_more, in_doubt);
        if work.ends || !tries_again {
            return Ok(());
        }
        let is_last = work.pieces.is_empty();
        if is_mass || is_last && work.refused.iter().any(|refused| refused.mass().is_some()) {
            self.mass_refusal(work).await?;
        }
        Ok(())
    }

    /// Handles a mass refusal: many records refused in a row and none taken, so that the target is at fault.
    async fn mass_refusal(&self, work: &mut Work) -> ConnectorResult<()> {
        let Some(last) = work.refused.iter().rfind(|refused| refused.mass().is_some()) else { return Ok(()) };
        let (row, reason) = (last.row.clone(), &last.rejected.reason);
        let text = format!(
            "the target refuses all records of {} one by one, so the records are hardly at fault: {reason}",
            self.mapping.topic
        );
        if self.mapping.settings.on_mass_refusal == OnMassRefusal::Stop {
            return Err(ConnectorError::fatal(text));
        }
        self.mapping.observer.mass_refusal();
        self.mapping.observer.error(Stage::Write, "refused");
        // All records in their order, for another attempt; the target took others since it refused the rest.
        let mut all = work.take_refused(|refused| refused.mass().is_some());
        std::mem::take(&mut work.pieces).into_iter().rev().for_each(|piece| all.append(piece));
        if let Some(run) = all.runs().first() {
            let partition = Arc::clone(&run.partition);
            let failing = work.failing.get_or_insert_with(|| self.mapping.fails());
            failing.report(&partition, format!("{text}; check the target, or set on_mass_refusal"));
            work.mass = row;
            work.pieces.push(all);
            self.pause(0, work, &text, Some(self.max_backoff)).await;
        }
        Ok(())
    }

    /// Reduces a piece to one probing record once its partition is detached for a failing target.
    async fn probe(&self, piece: PendingRecords, work: &mut Work) -> ConnectorResult<PendingRecords> {
        if work.failing.is_none() || !piece.is_overdue() {
            return Ok(piece);
        }
        work.pieces.push(piece);
        self.give_back(work);
        let Some(piece) = work.pieces.pop() else { return Ok(PendingRecords::default()) };
        match self.pool.health_check().await {
            Ok(()) => {}
            Err(error @ (ConnectorError::Fatal { .. } | ConnectorError::Configuration { .. })) => return Err(error),
            // It may be unhealthy for another mapping: the record itself is the better probe.
            Err(error) => {
                tracing::warn!(topic = %self.mapping.topic, "the target is not healthy: {}", error.report());
                let delay = work.backoff.delay();
                self.sleep(delay).await;
            }
        }
        Ok(piece)
    }

    /// Gives back the records of detached partitions, except the first, which probes the target.
    fn give_back(&self, work: &mut Work) {
        if !work.pieces.last().is_some_and(PendingRecords::is_overdue) || !self.mapping.gives_back(&self.stop) {
            return;
        }
        let Some(mut piece) = work.pieces.pop() else { return };
        let first = piece.keep_first(Partition::is_overdue, &self.budget);
        work.release(&self.mapping.decisions, &self.budget, Partition::is_overdue);
        work.put_back(piece, first);
    }

    async fn pause(&self, records: usize, work: &mut Work, failure: &str, wait: Option<Duration>) {
        let delay = work.backoff.delay().max(wait.unwrap_or_default()).min(self.max_backoff);
        self.mapping.observer.retried();
        let run = work.pieces.last().and_then(|piece| piece.runs().first());
        let first = run.and_then(PendingRun::first).map(|record| record.id().to_string()).unwrap_or_default();
        tracing::warn!(
            topic = %self.mapping.topic,
            first,
            records,
            retries = work.retries,
            delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            "a batch was not written and is retried: {failure}"
        );
        let partition = run.map(|run| Arc::clone(&run.partition));
        if let (Some(failing), Some(partition)) = (&mut work.failing, partition)
            && work.retries >= REPORTED_FAILURES
        {
            failing.report(&partition, format!("the target takes no records: {failure}"));
        }
        let sleep = self.sleep(delay);
        tokio::pin!(sleep);
        loop {
            let detached = self.mapping.detached();
            tokio::pin!(detached);
            // Registers before it checks, so that no change is missed in between.
            detached.as_mut().enable();
            // At once, to free their memory for other mappings.
            self.give_back(work);
            tokio::select! {
                () = &mut sleep => return,
                () = detached => {}
            }
        }
    }

    /// Sleeps until the next attempt. A shutdown cuts it short: it retries at once, and often from then on.
    async fn sleep(&self, delay: Duration) {
        match self.stop.is_cancelled() {
            false => drop(self.stop.run_until_cancelled(sleep(delay)).await),
            true => sleep(delay.min(WHILE_STOPPING)).await,
        }
    }

    /// Gives up after the last retry: records that were tried become dead letters; the untried ones are returned.
    fn give_up(
        &self,
        retry: PendingRecords,
        tried: Tried,
        failure: &str,
        work: &mut Work,
    ) -> ConnectorResult<PendingRecords> {
        if self.exhausted != OnRetriesExhausted::DeadLetter {
            let attempts = u64::from(self.max_retries) + 1;
            let topic = &self.mapping.topic;
            return Err(ConnectorError::fatal(format!(
                "a batch of {topic} was not written in {attempts} attempts: {failure}"
            )));
        }
        let [untried, tried] = match tried {
            Tried::All => [PendingRecords::default(), retry],
            Tried::These(tried) => {
                let mut tried = tried.into_iter();
                retry.sort(|_| usize::from(tried.next().unwrap_or(true)))
            }
        };
        work.backoff.reset();
        work.exhausted.extend(Rejected::each(tried, failure));
        Ok(untried)
    }
}
