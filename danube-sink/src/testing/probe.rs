//! Probe between the runtime and the connector: injects faults into attempts, and logs them.

use std::{future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

use super::{
    fault::Fault,
    log::{Attempt, Log},
    subject::Subject,
};
use crate::{
    config::{ConnectorConfig, ConsumerConfig, SubscriptionType},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult, PartialFailure},
    record::SinkRecord,
};

/// The connector under test, as the runtime sees it.
pub(super) struct Probe<S: Subject> {
    connector: S::Connector,
    subject: Arc<S>,
    log: Arc<Log>,
    /// Replaces the subscription type of the connector's configuration.
    subscription_type: Option<SubscriptionType>,
}

impl<S: Subject> Probe<S> {
    pub(super) fn new(
        connector: S::Connector,
        subject: &Arc<S>,
        log: &Arc<Log>,
        subscription_type: Option<SubscriptionType>,
    ) -> Self {
        Self { connector, subject: Arc::clone(subject), log: Arc::clone(log), subscription_type }
    }

    async fn write(&mut self, fault: Fault, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        match fault {
            Fault::Pass => self.connector.process_batch(records).await,
            Fault::Check => {
                self.connector.process_batch(records.clone()).await?;
                self.check_delivered(&records).await;
                Ok(())
            }
            Fault::Before => Err(injected("before the write")),
            Fault::After => {
                self.connector.process_batch(records).await?;
                Err(injected("after the write"))
            }
            Fault::Half => self.half(records).await,
            Fault::Hang => pending().await,
            Fault::Cancel => {
                let _ = timeout(Duration::ZERO, self.connector.process_batch(records)).await;
                pending().await
            }
            Fault::Block => {
                self.log.block().await;
                self.connector.process_batch(records).await
            }
        }
    }

    async fn half(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut failure = PartialFailure::default();
        let mut passed_on = Vec::new();
        for (index, record) in records.into_iter().enumerate() {
            if index % 2 == 0 {
                failure.retry(&record, "fault injected by the conformance kit");
            } else {
                passed_on.push(record);
            }
        }
        if !passed_on.is_empty() {
            match self.connector.process_batch(passed_on).await {
                Ok(()) => {}
                Err(ConnectorError::Partial(own)) => failure.merge(own),
                Err(other) => return Err(other),
            }
        }
        failure.into_result()
    }

    /// Checks that the target has the records for which the connector returned `Ok`.
    async fn check_delivered(&self, records: &[SinkRecord]) {
        let held = self.subject.held().await;
        let numbers = self.log.numbers(records);
        let missing = numbers.iter().filter(|number| !held.contains(number)).count();
        if missing > 0 {
            let of = numbers.len();
            self.log.report(format!(
                "the connector returned Ok for {of} records, of which {missing} are not in the target"
            ));
        }
        if let Err(error) = self.connector.health_check().await {
            self.log.report(format!("health_check fails although the target is available: {}", error.report()));
        }
    }
}

fn injected(when: &str) -> ConnectorError {
    ConnectorError::retryable(format!("fault injected by the conformance kit {when}"))
}

#[async_trait]
impl<S: Subject> SinkConnector for Probe<S> {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let initialized = self.connector.initialize(config).await;
        // After a temporary failure, such as one of a busy machine, the runtime calls it again.
        if !matches!(initialized, Err(ConnectorError::Retryable { .. })) {
            self.log.change(|state| state.initialized += 1);
        }
        initialized
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        let mut consumers = self.connector.consumer_configs().await?;
        if let Some(subscription_type) = self.subscription_type {
            consumers.iter_mut().for_each(|consumer| consumer.subscription_type = subscription_type);
        }
        Ok(consumers)
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let log = Arc::clone(&self.log);
        let fault = log.start_attempt(records.len());
        let attempt = Attempt::new(&log, records.clone());
        let result = self.write(fault, records).await;
        attempt.finish(&result);
        result
    }

    async fn shutdown(&mut self) -> ConnectorResult<()> {
        self.log.change(|state| state.closed += 1);
        self.connector.shutdown().await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        self.connector.health_check().await
    }
}
