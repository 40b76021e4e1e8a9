//! The trait that a connector implements, and what it tells of the topics it reads.

use async_trait::async_trait;

use crate::{
    config::{ConnectorConfig, ConsumerConfig},
    error::{ConnectorError, ConnectorResult, PartialFailure},
    record::SinkRecord,
};

/// A sink: takes records from Danube topics and writes them to a target system.
///
/// Put `#[sink_connector]` on the impl to leave out `async_trait`, `consumer_configs` (from the topic mappings) and
/// `process` (from `process_batch`).
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sink connector",
    note = "write `#[sink_connector] impl SinkConnector for {Self} {{ … }}` with `initialize` and `process_batch`"
)]
pub trait SinkConnector: Send + Sync {
    /// Connects to the target and checks that it can be written to. Called before any record, until it succeeds.
    ///
    /// # Errors
    /// After [`ConnectorError::Retryable`], for a target that cannot be reached yet, it is called again, with the delays
    /// between `retry_backoff_ms` and `max_backoff_ms`; `/ready` and the log say why. After any other error, such as
    /// [`ConnectorError::Initialization`], the connector ends with exit code 1.
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()>;

    /// Which topics to read, through which subscriptions. Called once, after [`initialize`](Self::initialize).
    ///
    /// # Errors
    /// Any error ends the connector.
    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>>;

    /// Writes one record. Return `Ok` only when the target has it: the record is acknowledged then.
    ///
    /// # Errors
    /// See [`ConnectorError`] for what the runtime does with each variant.
    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()>;

    /// Writes the records of one batch, all of one topic mapping, in the order of the topic's partitions.
    ///
    /// Return `Ok` only when the target has all of them. The default calls [`process`](Self::process) for each.
    ///
    /// When the runtime gives up a try (`write_timeout_ms`), it drops the future of this method.
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
                    leave(&mut failure, &mut records);
                }
                Err(ConnectorError::Partial(partial)) => {
                    let untried = !partial.retry.is_empty();
                    failure.merge(partial);
                    if untried {
                        leave(&mut failure, &mut records);
                    }
                }
                Err(other) => return Err(other),
            }
        }
        failure.into_result()
    }

    /// Closes what `initialize` opened. Called in every case, also after a fatal error.
    ///
    /// # Errors
    /// An error is logged and becomes the exit code if there was no other.
    async fn shutdown(&mut self) -> ConnectorResult<()> {
        Ok(())
    }

    /// Whether the target can be written to. Asked before each try while a subscription is let go of because the target
    /// takes no records; so long as it fails, `process_batch` is not called.
    ///
    /// # Errors
    /// Any error means that the target cannot be written to now.
    async fn health_check(&self) -> ConnectorResult<()> {
        Ok(())
    }
}

/// What comes behind a record that is to be tried again is tried after it.
fn leave(failure: &mut PartialFailure, later: &mut impl Iterator<Item = SinkRecord>) {
    for record in later {
        failure.again(&record);
    }
}
