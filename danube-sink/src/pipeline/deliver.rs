//! The whole effort for one batch: write it, and write it again until the target has it.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    collect::Invalid,
    lane::{Held, Lane},
    outcome::Outcome,
    settle::Settle,
    write::Writer,
};
use crate::{
    config::{ConnectorConfig, OnRetriesExhausted},
    error::{ConnectorError, ConnectorResult},
};

/// The longest pause between tries during a shutdown.
const WHILE_STOPPING: Duration = Duration::from_millis(500);

/// Delivers the batches of one lane, one after the other.
pub(crate) struct Deliver {
    writer: Writer,
    lane: Arc<Lane>,
    settle: Settle,
    max_retries: u32,
    exhausted: OnRetriesExhausted,
    backoff: Backoff,
    stop: CancellationToken,
}

impl Deliver {
    pub(crate) fn new(
        writer: Writer,
        lane: Arc<Lane>,
        settle: Settle,
        config: &ConnectorConfig,
        stop: CancellationToken,
    ) -> Self {
        Self {
            writer,
            lane,
            settle,
            max_retries: config.max_retries,
            exhausted: config.on_retries_exhausted,
            backoff: Backoff::new(config.retry_backoff, config.max_backoff),
            stop,
        }
    }

    /// Returns when every record of the batch is settled.
    ///
    /// Rejected records are settled last: the records around them are delivered, even if a rejected one ends the
    /// connector.
    ///
    /// # Errors
    /// What ends the connector. Records that were not settled stay with the broker.
    pub(crate) async fn batch(&mut self, batch: Vec<Held>) -> ConnectorResult<()> {
        // What is left of the batch; the piece that is written next is the last.
        let mut pieces = vec![batch];
        let mut rejected = Vec::new();
        let mut retries = 0;
        self.backoff.reset();
        while let Some(batch) = pieces.pop() {
            if self.is_let_go_of(&batch) {
                self.recovered().await;
            }
            let started = Instant::now();
            let records = batch.iter().map(|held| held.record.clone()).collect();
            let outcome = Outcome::of(batch, self.writer.write(records).await)?;
            self.lane.observer.written(started.elapsed());
            if !outcome.delivered.is_empty() {
                retries = 0;
            }
            self.settle.delivered(outcome.delivered);
            rejected.extend(outcome.rejected);
            let failed = outcome.again.len();
            pieces.extend([outcome.apart, outcome.again].into_iter().filter(|piece| !piece.is_empty()));
            if let Some(failure) = outcome.failure {
                retries += 1;
                if retries > self.max_retries && self.exhausted != OnRetriesExhausted::Wait {
                    let left = pieces.into_iter().rev().flatten().collect();
                    return self.give_up(left, rejected, failure).await;
                }
                self.pause(failed, retries, &failure, outcome.wait).await;
            }
        }
        self.reject(rejected).await
    }

    /// Whether the broker was left because the target takes too long for one of the records.
    fn is_let_go_of(&self, batch: &[Held]) -> bool {
        let mut partitions: Vec<_> = batch.iter().map(|held| &held.place.partition).collect();
        partitions.dedup_by(|one, other| Arc::ptr_eq(one, other));
        partitions.iter().any(|partition| !partition.is_attached())
    }

    /// Returns when the target says of itself that it can be written to; these questions count as no tries.
    async fn recovered(&mut self) {
        while let Err(error) = self.writer.health_check().await {
            let delay = self.backoff.next().unwrap_or_default();
            tracing::warn!(topic = %self.lane.topic, "the target is not healthy: {}", error.report());
            self.sleep(delay).await;
        }
    }

    /// Settles a record that never reached the connector.
    ///
    /// # Errors
    /// The record, if it is to stop the connector.
    pub(crate) async fn invalid(&mut self, invalid: Invalid) -> ConnectorResult<()> {
        self.settle.rejected(invalid).await
    }

    /// Returns when every acknowledgement has left.
    pub(crate) async fn finish(self) {
        self.settle.finish().await;
    }

    async fn pause(&mut self, records: usize, retries: u32, failure: &str, wait: Option<Duration>) {
        let delay = self.backoff.next().unwrap_or_default().max(wait.unwrap_or_default());
        self.lane.observer.retried();
        tracing::warn!(
            topic = %self.lane.topic,
            records,
            retries,
            delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
            "a batch was not written and is tried again: {failure}"
        );
        self.sleep(delay).await;
    }

    /// A shutdown does not wait for a long pause: the target may be back. It tries at once, and often from then on.
    async fn sleep(&self, delay: Duration) {
        match self.stop.is_cancelled() {
            false => drop(self.stop.run_until_cancelled(sleep(delay)).await),
            true => sleep(delay.min(WHILE_STOPPING)).await,
        }
    }

    async fn give_up(&mut self, batch: Vec<Held>, rejected: Vec<Invalid>, failure: String) -> ConnectorResult<()> {
        if self.exhausted == OnRetriesExhausted::DeadLetter {
            for held in batch {
                self.settle.dead_letter(Invalid { held, reason: failure.clone() }).await;
            }
            return self.reject(rejected).await;
        }
        let tries = u64::from(self.max_retries) + 1;
        Err(ConnectorError::fatal(format!(
            "a batch of {} was not written in {tries} tries: {failure}",
            self.lane.topic
        )))
    }

    async fn reject(&mut self, rejected: Vec<Invalid>) -> ConnectorResult<()> {
        for invalid in rejected {
            self.settle.rejected(invalid).await?;
        }
        Ok(())
    }
}
