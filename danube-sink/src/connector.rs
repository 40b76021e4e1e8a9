//! The trait that a sink connector implements.

use async_trait::async_trait;

use crate::{
    config::{ConnectorConfig, ConsumerConfig},
    error::{ConnectorError, ConnectorResult, PartialFailure},
    record::SinkRecord,
};

/// A sink connector: writes records of Danube topics to a target system.
///
/// With `#[sink_connector]` on the impl you can omit `async_trait`, `consumer_configs` (derived from the topic mappings)
/// and `process` (derived from `process_batch`).
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sink connector",
    note = "write `#[sink_connector] impl SinkConnector for {Self} {{ … }}` with `initialize` and `process_batch`"
)]
pub trait SinkConnector: Send + Sync {
    /// Connects to the target and checks that it is writable. Called before the first record, until it succeeds.
    ///
    /// # Errors
    /// After [`ConnectorError::Retryable`], for a target that is not reachable yet, the runtime calls it again, after a random
    /// delay between zero and a bound that begins at `retry_backoff_ms` and doubles up to `max_backoff_ms`; `/ready` and the log
    /// show the reason. After any other error the connector ends: with exit code 78 after [`ConnectorError::Configuration`], with
    /// 1 after others such as [`ConnectorError::Initialization`].
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()>;

    /// Topics and subscriptions to consume. Called once, after [`initialize`](Self::initialize).
    ///
    /// # Errors
    /// Any error stops the connector.
    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>>;

    /// Writes one record. Return `Ok` only when the target has stored it: the record is acknowledged then.
    ///
    /// # Errors
    /// See [`ConnectorError`] for what the runtime does with each variant.
    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()>;

    /// Writes one batch: records of one topic mapping, in order within each partition.
    ///
    /// Return `Ok` only when the target has stored all of them. The default calls [`process`](Self::process) for each.
    ///
    /// When an attempt times out (`write_timeout_ms`), the runtime drops the future of this method.
    ///
    /// # Errors
    /// See [`ConnectorError`] for what the runtime does with each variant.
    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut failure = PartialFailure::default();
        let mut records = records.into_iter();
        while let Some(record) = records.next() {
            match self.process(record.clone()).await {
                Ok(()) => {}
                Err(ConnectorError::InvalidRecord { id, reason }) => failure.invalid.push((id, reason)),
                Err(error @ ConnectorError::Refused { .. }) => drop(failure.reject(&record, error.report())),
                Err(error @ (ConnectorError::Retryable { .. } | ConnectorError::TooLarge { .. })) => {
                    failure.retry(&record, error.report());
                    if let ConnectorError::Retryable { retry_after, .. } = error {
                        failure.retry_after = failure.retry_after.max(retry_after);
                    }
                    defer(&mut failure, &mut records);
                }
                Err(ConnectorError::Partial(partial)) => {
                    let untried = !partial.retry.is_empty();
                    failure.merge(partial);
                    if untried {
                        defer(&mut failure, &mut records);
                    }
                }
                Err(other) => return Err(other),
            }
        }
        failure.into_result()
    }

    /// Shuts the connector down and closes what `initialize` opened. Always called, also after a fatal error.
    ///
    /// It has one fifth of `shutdown_timeout_ms`; then the runtime drops the future.
    ///
    /// # Errors
    /// An error is logged, and determines the exit code if no other error did.
    async fn shutdown(&mut self) -> ConnectorResult<()> {
        Ok(())
    }

    /// Health check: whether the target is writable. Called before each attempt while the subscription is detached during an
    /// outage of the target, and by the command `check`.
    ///
    /// # Errors
    /// After [`ConnectorError::Fatal`] and [`ConnectorError::Configuration`] the connector ends. Any other error means that the
    /// target is not writable now: the runtime waits for one more backoff delay, and then tries one record all the same, because
    /// the target may be unhealthy for another mapping alone.
    async fn health_check(&self) -> ConnectorResult<()> {
        Ok(())
    }
}

/// An `impl SinkConnector` that `#[sink_connector]` has completed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `impl SinkConnector` with `#[sink_connector]`",
    label = "the attribute is on this struct, and must be on its impl too",
    note = "write `#[sink_connector] impl SinkConnector for {Self} {{ … }}` with `initialize` and `process_batch`: the attribute makes \
            async methods those of the trait, and adds the methods that you leave out"
)]
pub trait CompletedImpl: SinkConnector {}

/// Stops the compiler at a connector whose impl lacks the attribute.
pub const fn assert_completed<C: CompletedImpl>() {}

/// Defers the records behind one that is retried, to keep their order.
fn defer(failure: &mut PartialFailure, later: &mut impl Iterator<Item = SinkRecord>) {
    for record in later {
        failure.retry_untried(&record);
    }
}
