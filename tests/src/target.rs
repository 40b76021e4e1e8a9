//! Target in memory, and a scripted sink that writes to it.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use danube_sink::{
    ConnectorConfig, ConnectorError, ConnectorResult, ConsumerConfig, PartialFailure, SinkConnector, SinkRecord,
    SubscriptionType,
};
use serde::Deserialize;
use tokio::{sync::watch, time::timeout};

use crate::{PATIENCE, consumer};

/// Target in memory: the written records, in order.
#[derive(Debug, Clone)]
pub struct Target {
    batches: Arc<Mutex<Vec<Vec<SinkRecord>>>>,
    written: Arc<watch::Sender<usize>>,
    script: Arc<Mutex<VecDeque<Answer>>>,
    shut_down: Arc<watch::Sender<bool>>,
}

/// Scripted answer of the sink to one batch.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Writes nothing and returns a retryable error.
    Retry,
    /// Writes nothing and returns a fatal error, which ends the connector.
    Fatal,
    /// Panics.
    Panic,
    /// Writes all records.
    Write,
    /// Writes all records after this time.
    WriteAfter(Duration),
    /// Writes nothing and never returns.
    Hang,
    /// Writes all records and never returns.
    WriteAndHang,
    /// Returns these numbers for a retry and writes the others.
    RetryNumbers(Vec<u64>),
    /// Rejects these numbers and writes the others.
    RejectNumbers(Vec<u64>),
}

/// Payload of a numbered record.
#[derive(Debug, Deserialize)]
struct Numbered {
    number: u64,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            batches: Arc::default(),
            written: Arc::new(watch::Sender::new(0)),
            script: Arc::default(),
            shut_down: Arc::new(watch::Sender::new(false)),
        }
    }
}

impl Target {
    /// Creates a target with a script: its sink's answers to the first batches.
    pub fn with_script(answers: impl IntoIterator<Item = Answer>) -> Self {
        let target = Self::default();
        target.then(answers);
        target
    }

    /// Appends answers to the script.
    pub fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().expect("no panic").extend(answers);
    }

    /// Sizes of the written batches, in order.
    pub fn batch_sizes(&self) -> Vec<usize> {
        self.batches.lock().expect("no panic").iter().map(Vec::len).collect()
    }

    /// Written records, in order.
    pub fn records(&self) -> Vec<SinkRecord> {
        self.batches.lock().expect("no panic").concat()
    }

    /// Numbers of the written records, in order.
    pub fn numbers(&self) -> Vec<u64> {
        self.records().iter().map(|record| number(record).expect("only valid records are written")).collect()
    }

    /// Number of written records.
    pub fn len(&self) -> usize {
        *self.written.borrow()
    }

    /// Whether no record was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until this many records are written.
    pub async fn holds(&self, count: usize) {
        let mut written = self.written.subscribe();
        let arrived = written.wait_for(|written| *written >= count);
        if timeout(PATIENCE, arrived).await.is_err() {
            panic!("{} of {count} records arrived within {} s", self.len(), PATIENCE.as_secs());
        }
    }

    /// Whether the sink's `shutdown` was called.
    pub fn is_shut_down(&self) -> bool {
        *self.shut_down.borrow()
    }

    fn write(&self, records: Vec<SinkRecord>) {
        let count = records.len();
        self.batches.lock().expect("no panic").push(records);
        self.written.send_modify(|written| *written += count);
    }
}

type AnswerFn = dyn FnMut(&[u64]) -> Answer + Send + Sync;

/// Sink that writes to a [`Target`].
pub struct TestSink {
    target: Target,
    consumers: Vec<ConsumerConfig>,
    answer: Option<Box<AnswerFn>>,
    is_unavailable: Arc<AtomicBool>,
}

impl fmt::Debug for TestSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSink").field("consumers", &self.consumers).finish_non_exhaustive()
    }
}

impl TestSink {
    /// Creates a sink that reads the topics through one subscription.
    pub fn new(target: &Target, topics: &[&str], subscription_type: SubscriptionType) -> Self {
        let consumers = topics.iter().map(|topic| consumer(topic, subscription_type));
        Self { target: target.clone(), consumers: consumers.collect(), answer: None, is_unavailable: Arc::default() }
    }

    /// Answers each batch with the result of this function of its numbers, instead of the target's script.
    pub fn answering(mut self, answer: impl FnMut(&[u64]) -> Answer + Send + Sync + 'static) -> Self {
        self.answer = Some(Box::new(answer));
        self
    }

    /// Lets the health check fail while the flag is set.
    pub fn unhealthy_while(mut self, is_unavailable: &Arc<AtomicBool>) -> Self {
        self.is_unavailable = Arc::clone(is_unavailable);
        self
    }
}

#[async_trait]
impl SinkConnector for TestSink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(self.consumers.clone())
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let numbers = records.iter().map(number).collect::<ConnectorResult<Vec<_>>>()?;
        let answer = match &mut self.answer {
            Some(answer) => Some(answer(&numbers)),
            None => self.target.script.lock().expect("no panic").pop_front(),
        };
        let (retried, rejected) = match answer {
            None | Some(Answer::Write) => (vec![], vec![]),
            Some(Answer::WriteAfter(time)) => {
                tokio::time::sleep(time).await;
                (vec![], vec![])
            }
            Some(Answer::Hang) => std::future::pending().await,
            Some(Answer::WriteAndHang) => {
                self.target.write(records);
                return std::future::pending().await;
            }
            Some(Answer::Retry) => return Err(ConnectorError::retryable("a scripted answer")),
            Some(Answer::Fatal) => return Err(ConnectorError::fatal("a scripted answer")),
            Some(Answer::Panic) => panic!("a scripted answer"),
            Some(Answer::RetryNumbers(chosen)) => (chosen, vec![]),
            Some(Answer::RejectNumbers(chosen)) => (vec![], chosen),
        };
        let mut failure = PartialFailure::default();
        let mut written = Vec::new();
        for (record, number) in records.into_iter().zip(numbers) {
            if retried.contains(&number) {
                failure.retry(&record, "a scripted answer");
            } else if rejected.contains(&number) {
                failure.reject(&record, "a scripted answer");
            } else {
                written.push(record);
            }
        }
        self.target.write(written);
        failure.into_result()
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        let is_unavailable = self.is_unavailable.load(Ordering::Relaxed);
        if is_unavailable { Err(ConnectorError::retryable("the target is unavailable")) } else { Ok(()) }
    }

    async fn shutdown(&mut self) -> ConnectorResult<()> {
        self.target.shut_down.send_replace(true);
        Ok(())
    }
}

fn number(record: &SinkRecord) -> ConnectorResult<u64> {
    record.as_type::<Numbered>().map(|numbered| numbered.number)
}
