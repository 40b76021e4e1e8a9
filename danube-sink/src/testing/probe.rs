//! Stands between the runtime and the connector: makes tries fail, and writes down what happens.

use std::{future::pending, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::time::timeout;

use super::{
    log::{Attempt, Log},
    subject::Subject,
};
use crate::{
    config::{ConnectorConfig, ConsumerConfig, SubscriptionType},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult, PartialFailure},
    record::SinkRecord,
};

/// What happens to one try to write a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing.
    Pass,
    /// Nothing; when the connector answers `Ok`, the target is looked into at once.
    Look,
    /// It fails before the connector is called.
    Before,
    /// The connector writes, and the answer is lost.
    After,
    /// Every other record is handed on, the rest is reported to be tried again.
    Half,
    /// It hangs before the connector is called.
    Hang,
    /// The connector is called, and dropped in the middle of its write.
    Cut,
    /// It waits until the log's gate is open.
    Gate,
}

/// The connector under test, as the runtime sees it.
pub(super) struct Probe<S: Subject> {
    connector: S::Connector,
    subject: Arc<S>,
    log: Arc<Log>,
    /// In place of the connector's own.
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

    async fn play(&mut self, fault: Fault, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        match fault {
            Fault::Pass => self.connector.process_batch(records).await,
            Fault::Look => {
                self.connector.process_batch(records.clone()).await?;
                self.look(&records).await;
                Ok(())
            }
            Fault::Before => Err(injected("before the write")),
            Fault::After => {
                self.connector.process_batch(records).await?;
                Err(injected("after the write"))
            }
            Fault::Half => self.half(records).await,
            Fault::Hang => pending().await,
            Fault::Cut => {
                let _ = timeout(Duration::ZERO, self.connector.process_batch(records)).await;
                pending().await
            }
            Fault::Gate => {
                self.log.pass_gate().await;
                self.connector.process_batch(records).await
            }
        }
    }

    async fn half(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut failure = PartialFailure::default();
        let mut handed_on = Vec::new();
        for (index, record) in records.into_iter().enumerate() {
            if index % 2 == 0 {
                failure.retry(&record, "the conformance kit lets it fail");
            } else {
                handed_on.push(record);
            }
        }
        if !handed_on.is_empty() {
            match self.connector.process_batch(handed_on).await {
                Ok(()) => {}
                Err(ConnectorError::Partial(own)) => failure.merge(own),
                Err(other) => return Err(other),
            }
        }
        failure.into_result()
    }

    /// The connector says that the target has them.
    async fn look(&self, records: &[SinkRecord]) {
        let held = self.subject.held().await;
        let numbers = self.log.numbers(records);
        let missing = numbers.iter().filter(|number| !held.contains(number)).count();
        if missing > 0 {
            let of = numbers.len();
            self.log
                .find(format!("the connector answered Ok for {of} records, and the target lacked {missing} of them"));
        }
        if let Err(error) = self.connector.health_check().await {
            self.log.find(format!("health_check fails although the target is there: {}", error.report()));
        }
    }
}

fn injected(when: &str) -> ConnectorError {
    ConnectorError::retryable(format!("the conformance kit lets the try fail {when}"))
}

#[async_trait]
impl<S: Subject> SinkConnector for Probe<S> {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        self.log.change(|state| state.initialized += 1);
        self.connector.initialize(config).await
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
        let fault = log.tried(records.len());
        let attempt = Attempt::new(&log, records.clone());
        let answer = self.play(fault, records).await;
        attempt.answered(&answer);
        answer
    }

    async fn shutdown(&mut self) -> ConnectorResult<()> {
        self.log.change(|state| state.closed += 1);
        self.connector.shutdown().await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        self.connector.health_check().await
    }
}
