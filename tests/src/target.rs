//! A target in memory, and the sink that writes to it as a script says.

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

use crate::PATIENCE;

/// What was written, in order.
#[derive(Debug, Clone)]
pub struct Target {
    batches: Arc<Mutex<Vec<Vec<SinkRecord>>>>,
    written: Arc<watch::Sender<usize>>,
    script: Arc<Mutex<VecDeque<Answer>>>,
    shut_down: Arc<watch::Sender<bool>>,
}

/// What the sink answers to one batch, after the answers before it.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Writes nothing and asks to be tried again.
    Retry,
    /// Writes nothing and ends the connector.
    Fatal,
    /// Panics.
    Panic,
    /// Writes all.
    Write,
    /// Writes all, after so long.
    WriteAfter(Duration),
    /// Writes nothing and never answers.
    Hang,
    /// Writes all and never answers.
    WriteAndHang,
    /// Writes the others and asks for these numbers again.
    RetryNumbers(Vec<u64>),
    /// Writes the others and rejects these numbers.
    RejectNumbers(Vec<u64>),
}

/// The payload of a numbered record.
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
    /// A target whose first answers are these.
    pub fn with_script(answers: impl IntoIterator<Item = Answer>) -> Self {
        let target = Self::default();
        target.then(answers);
        target
    }

    /// Adds what it answers to the batches that come.
    pub fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script.lock().expect("no panic").extend(answers);
    }

    /// The sizes of the batches, in order.
    pub fn batch_sizes(&self) -> Vec<usize> {
        self.batches.lock().expect("no panic").iter().map(Vec::len).collect()
    }

    /// The records, in order.
    pub fn records(&self) -> Vec<SinkRecord> {
        self.batches.lock().expect("no panic").concat()
    }

    /// The numbers of the records, in order.
    pub fn numbers(&self) -> Vec<u64> {
        self.records().iter().map(|record| number(record).expect("only valid records are written")).collect()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        *self.written.borrow()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns when so many records are there.
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

type Judge = dyn FnMut(&[u64]) -> Answer + Send + Sync;

/// Writes to a [`Target`].
pub struct TestSink {
    target: Target,
    consumers: Vec<ConsumerConfig>,
    judge: Option<Box<Judge>>,
    away: Arc<AtomicBool>,
}

impl fmt::Debug for TestSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSink").field("consumers", &self.consumers).finish_non_exhaustive()
    }
}

impl TestSink {
    /// Reads the topics through one subscription.
    pub fn new(target: &Target, topics: &[&str], subscription_type: SubscriptionType) -> Self {
        let consumers = topics.iter().map(|topic| ConsumerConfig {
            topic: (*topic).to_owned(),
            consumer_name: "test-sink".to_owned(),
            subscription: "test".to_owned(),
            subscription_type,
            expected_schema_subject: None,
        });
        Self { target: target.clone(), consumers: consumers.collect(), judge: None, away: Arc::default() }
    }

    /// Answers to each batch as this says of its numbers, whatever the target's script is.
    pub fn judged(mut self, judge: impl FnMut(&[u64]) -> Answer + Send + Sync + 'static) -> Self {
        self.judge = Some(Box::new(judge));
        self
    }

    /// Its health check fails while this is on.
    pub fn unhealthy_while(mut self, away: &Arc<AtomicBool>) -> Self {
        self.away = Arc::clone(away);
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
        let answer = match &mut self.judge {
            Some(judge) => Some(judge(&numbers)),
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
            Some(Answer::Retry) => return Err(ConnectorError::retryable("the script says so")),
            Some(Answer::Fatal) => return Err(ConnectorError::fatal("the script says so")),
            Some(Answer::Panic) => panic!("the script says so"),
            Some(Answer::RetryNumbers(chosen)) => (chosen, vec![]),
            Some(Answer::RejectNumbers(chosen)) => (vec![], chosen),
        };
        let mut failure = PartialFailure::default();
        let mut written = Vec::new();
        for (record, number) in records.into_iter().zip(numbers) {
            if retried.contains(&number) {
                failure.retry(&record, "the script says so");
            } else if rejected.contains(&number) {
                failure.reject(&record, "the script says so");
            } else {
                written.push(record);
            }
        }
        self.target.write(written);
        failure.into_result()
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        let away = self.away.load(Ordering::Relaxed);
        if away { Err(ConnectorError::retryable("the target is away")) } else { Ok(()) }
    }

    async fn shutdown(&mut self) -> ConnectorResult<()> {
        self.target.shut_down.send_replace(true);
        Ok(())
    }
}

fn number(record: &SinkRecord) -> ConnectorResult<u64> {
    record.as_type::<Numbered>().map(|numbered| numbered.number)
}
