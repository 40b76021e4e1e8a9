//! A scripted sink: the test says what each write answers, and sees what was written.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::{ledger::Ledger, memory::number_of};
use crate::{
    config::{ConnectorConfig, ConsumerConfig},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult, PartialFailure},
    record::SinkRecord,
};

/// What a write answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Ok,
    Slow(Duration),
    Retryable,
    RetryAfter(Duration),
    /// What becomes of each record, over and over.
    Partial(Vec<Fate>),
    /// One record is invalid, counted from the first and over again; nothing is written.
    Invalid(usize),
    /// Something in the batch is refused, nothing is written.
    Refused,
    /// Longer than any limit.
    Hang,
    Fatal,
    Panic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Written,
    Retried,
    Again,
    Rejected,
}

/// One call of `process_batch`.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) at: Instant,
    pub(super) topic: String,
    /// The messages, by their numbers in the ledger.
    pub(super) numbers: Vec<usize>,
    pub(super) bytes: Vec<usize>,
}

/// The target that the sink writes to. Clones share it.
#[derive(Clone)]
pub(super) struct Target {
    ledger: Ledger,
    script: Arc<Mutex<Script>>,
}

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    /// Topics whose writes fail, whatever the script says.
    failing: HashSet<String>,
    /// Messages, by their numbers in the ledger, with which a batch is refused.
    refused: HashSet<usize>,
    calls: Vec<Call>,
}

impl Target {
    pub(super) fn new(ledger: &Ledger) -> Self {
        Self { ledger: ledger.clone(), script: Arc::default() }
    }

    /// The answers to the next writes; after them each write is well.
    pub(super) fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script().answers = answers.into_iter().collect();
    }

    /// No write of the topic goes well from now on.
    pub(super) fn fail(&self, topic: &str) {
        self.script().failing.insert(topic.to_owned());
    }

    pub(super) fn recover(&self, topic: &str) {
        self.script().failing.remove(topic);
    }

    /// No batch with this message is written from now on.
    pub(super) fn refuse(&self, number: usize) {
        self.script().refused.insert(number);
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.script().calls.clone()
    }

    /// How many records each write was handed.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.script().calls.iter().map(|call| call.numbers.len()).collect()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    fn called(&self, records: &[SinkRecord]) -> Answer {
        let topic = records[0].topic().to_owned();
        let numbers: Vec<_> = records.iter().map(number).collect();
        let bytes = records.iter().map(|record| record.bytes().len()).collect();
        let mut script = self.script();
        let failing = script.failing.contains(&topic);
        let refused = script.refused.iter().any(|number| numbers.contains(number));
        script.calls.push(Call { at: Instant::now(), topic, numbers, bytes });
        if failing {
            return Answer::Retryable;
        }
        script.answers.pop_front().unwrap_or(if refused { Answer::Refused } else { Answer::Ok })
    }

    /// Nothing is awaited between a confirmation and the answer: a write that is given up has not gone through.
    fn confirm(&self, records: &[SinkRecord]) -> ConnectorResult<()> {
        records.iter().for_each(|record| self.ledger.confirmed(number(record)));
        Ok(())
    }

    fn partial(&self, records: &[SinkRecord], fates: &[Fate]) -> ConnectorResult<()> {
        let mut failure = PartialFailure::default();
        for (record, fate) in records.iter().zip(fates.iter().cycle()) {
            match fate {
                Fate::Written => self.ledger.confirmed(number(record)),
                Fate::Retried => {
                    self.ledger.retried(number(record));
                    failure.retry(record, "busy");
                }
                Fate::Again => {
                    self.ledger.retried(number(record));
                    failure.again(record);
                }
                Fate::Rejected => {
                    self.ledger.rejected(number(record));
                    failure.reject(record, "too long");
                }
            }
        }
        failure.into_result()
    }
}

fn number(record: &SinkRecord) -> usize {
    number_of(record.bytes())
}

#[async_trait]
impl SinkConnector for Target {
    async fn initialize(&mut self, _config: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(Vec::new())
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        match self.called(&records) {
            Answer::Ok => self.confirm(&records),
            Answer::Slow(time) => {
                sleep(time).await;
                self.confirm(&records)
            }
            Answer::Retryable => Err(ConnectorError::retryable("the target is busy")),
            Answer::RetryAfter(wait) => Err(ConnectorError::retry_after("the target is busy", wait)),
            Answer::Partial(fates) => self.partial(&records, &fates),
            Answer::Invalid(index) => {
                let record = &records[index % records.len()];
                self.ledger.rejected(number(record));
                Err(ConnectorError::invalid_record(record, "not what the target takes"))
            }
            Answer::Refused => {
                if let [record] = &records[..] {
                    self.ledger.rejected(number(record));
                }
                Err(ConnectorError::refused("a value is out of range"))
            }
            Answer::Hang => std::future::pending().await,
            Answer::Fatal => Err(ConnectorError::fatal("the table is gone")),
            Answer::Panic => panic!("index out of bounds"),
        }
    }
}
