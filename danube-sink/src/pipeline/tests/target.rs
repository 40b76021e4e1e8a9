//! A scripted sink: the test sets what each write answers, and sees what was written.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::{Instant, sleep};

use super::{ledger::Ledger, memory::number_of};
use crate::{
    batch::Concurrently,
    config::{ConnectorConfig, ConsumerConfig, SubscriptionType},
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
    RetryableLate(Duration),
    RetryAfter(Duration),
    /// The fate of each record, in a cycle.
    Partial(Vec<Fate>),
    /// One record is invalid, by its index modulo the length; nothing is written.
    Invalid(usize),
    /// These records are invalid, counted from the first; nothing is written.
    InvalidEach(Vec<usize>),
    /// Something in the batch is refused, nothing is written.
    Refused,
    /// The batch is written if it has no more than so many records.
    AtMost(usize),
    /// Longer than any timeout.
    Hang,
    Fatal,
    Panic,
    /// Written in parts with `Concurrently`, each of so many records, which answer one after the other; then `Ok`.
    Parts(usize, Vec<Part>),
    /// All parts are written, and the call answers something else.
    PartsThen(usize, Box<Answer>),
}

/// What a part of a batch answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Ok,
    Retryable,
    /// The first record is rejected, the others are written.
    RejectsFirst,
    /// The first record is invalid, the others are not written.
    InvalidFirst,
    /// One of several records is refused, none is written.
    Refused,
    /// No record is tried.
    Deferred,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Written,
    Retried,
    Deferred,
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
    /// Topics whose writes fail, whatever the script, and until when.
    failing: HashMap<String, Option<Instant>>,
    /// Topics whose writes hang, and what they answer.
    hanging: HashMap<String, Answer>,
    /// What health checks answer; `None` is well.
    health: Option<Answer>,
    unwell_until: Option<Instant>,
    /// The time of each record of a write.
    each: Duration,
    /// For how long a topic fails after a successful write.
    pause: Option<Duration>,
    order: Option<SubscriptionType>,
    /// Messages, by their numbers in the ledger, with which a batch is refused.
    refused: HashSet<usize>,
    calls: Vec<Call>,
}

impl Target {
    pub(super) fn new(ledger: &Ledger) -> Self {
        Self { ledger: ledger.clone(), script: Arc::default() }
    }

    /// Scripts the answers to the next writes; later ones succeed.
    pub(super) fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.script().answers = answers.into_iter().collect();
    }

    /// Every write of the topic fails from now on.
    pub(super) fn fail(&self, topic: &str) {
        self.script().failing.insert(topic.to_owned(), None);
    }

    pub(super) fn fail_for(&self, topic: &str, time: Duration) {
        self.script().failing.insert(topic.to_owned(), Some(Instant::now() + time));
    }

    /// Health checks fail for a while.
    pub(super) fn unwell_for(&self, time: Duration) {
        self.script().unwell_until = Some(Instant::now() + time);
    }

    /// No write of the topic answers from now on.
    pub(super) fn hang(&self, topic: &str) {
        self.script().hanging.insert(topic.to_owned(), Answer::Hang);
    }

    /// Every write of the topic fails after so long from now on.
    pub(super) fn gives_up(&self, topic: &str, after: Duration) {
        self.script().hanging.insert(topic.to_owned(), Answer::RetryableLate(after));
    }

    pub(super) fn recover(&self, topic: &str) {
        self.script().failing.remove(topic);
        self.script().hanging.remove(topic);
    }

    pub(super) fn health(&self, answer: Option<Answer>) {
        self.script().health = answer;
    }

    /// Each record of a write takes so long.
    pub(super) fn takes(&self, each: Duration) {
        self.script().each = each;
    }

    /// After each successful write, the topic fails for so long.
    pub(super) fn fails_after_each_write(&self, pause: Duration) {
        self.script().pause = Some(pause);
    }

    /// The order in which parts are written.
    pub(super) fn order(&self, order: SubscriptionType) {
        self.script().order = Some(order);
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
        let is_over = |until: &Option<Instant>| until.is_some_and(|until| until <= Instant::now());
        let failing = script.failing.get(&topic).is_some_and(|until| !is_over(until));
        let hanging = script.hanging.get(&topic).cloned();
        let refused = script.refused.iter().any(|number| numbers.contains(number));
        script.calls.push(Call { at: Instant::now(), topic, numbers, bytes });
        if let Some(hanging) = hanging {
            return hanging;
        }
        if failing {
            return Answer::Retryable;
        }
        let answer = script.answers.pop_front().unwrap_or(if refused { Answer::Refused } else { Answer::Ok });
        if let (Answer::Ok, Some(pause)) = (&answer, script.pause) {
            script.failing.insert(records[0].topic().to_owned(), Some(Instant::now() + pause));
        }
        answer
    }

    /// Nothing is awaited between a confirmation and the answer: a write that is given up has not gone through.
    fn confirm(&self, records: &[SinkRecord]) -> ConnectorResult<()> {
        records.iter().for_each(|record| self.ledger.confirmed(number(record)));
        Ok(())
    }

    async fn write_parts(&self, records: &[SinkRecord], size: usize, parts: Vec<Part>) -> ConnectorResult<()> {
        let order = self.script().order.unwrap_or(SubscriptionType::Exclusive);
        let concurrently =
            Concurrently { order, at_once: 3, until: std::time::Instant::now() + Duration::from_secs(60) };
        let parts_left = Mutex::new(VecDeque::from(parts));
        let batches = records.chunks(size).map(<[_]>::to_vec).collect();
        let write = |part: Vec<SinkRecord>| {
            let answer = parts_left.lock().unwrap().pop_front().unwrap_or(Part::Ok);
            async move {
                sleep(Duration::from_millis(10)).await;
                self.write_part(&part, answer)
            }
        };
        concurrently.write(batches, write).await
    }

    fn write_part(&self, part: &[SinkRecord], answer: Part) -> ConnectorResult<()> {
        match answer {
            Part::Ok => self.confirm(part),
            Part::Retryable => Err(ConnectorError::retryable("503")),
            Part::RejectsFirst => {
                self.ledger.rejected(number(&part[0]));
                self.confirm(&part[1..])?;
                let mut failure = PartialFailure::default();
                failure.reject(&part[0], "too long");
                failure.into_result()
            }
            Part::InvalidFirst => {
                self.ledger.rejected(number(&part[0]));
                Err(ConnectorError::invalid_record(&part[0], "not what the target takes"))
            }
            Part::Refused => Err(ConnectorError::refused("a value is out of range")),
            Part::Deferred => self.partial(part, &[Fate::Deferred]),
        }
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
                Fate::Deferred => {
                    self.ledger.retried(number(record));
                    failure.retry_untried(record);
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

    async fn health_check(&self) -> ConnectorResult<()> {
        let (answer, unwell_until) = {
            let script = self.script();
            (script.health.clone(), script.unwell_until)
        };
        match answer {
            None if unwell_until.is_some_and(|until| Instant::now() < until) => {
                Err(ConnectorError::retryable("no connection"))
            }
            None => Ok(()),
            Some(Answer::Fatal) => Err(ConnectorError::fatal("the user may not log in")),
            Some(Answer::Hang) => std::future::pending().await,
            Some(_) => Err(ConnectorError::retryable("no connection")),
        }
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let answer = self.called(&records);
        let each = self.script().each;
        if !each.is_zero() {
            sleep(each * u32::try_from(records.len()).unwrap()).await;
        }
        match answer {
            Answer::Ok => self.confirm(&records),
            Answer::Parts(size, parts) => self.write_parts(&records, size, parts).await,
            Answer::PartsThen(size, failure) => {
                self.write_parts(&records, size, Vec::new()).await?;
                Err(match *failure {
                    Answer::Refused => ConnectorError::refused("a value is out of range"),
                    _ => ConnectorError::retryable("the connection broke"),
                })
            }
            Answer::Slow(time) => {
                sleep(time).await;
                self.confirm(&records)
            }
            Answer::Retryable => Err(ConnectorError::retryable("the target is busy")),
            Answer::RetryableLate(time) => {
                sleep(time).await;
                Err(ConnectorError::retryable("no answer"))
            }
            Answer::RetryAfter(wait) => Err(ConnectorError::retry_after("the target is busy", wait)),
            Answer::Partial(fates) => self.partial(&records, &fates),
            Answer::Invalid(index) => {
                let record = &records[index % records.len()];
                self.ledger.rejected(number(record));
                Err(ConnectorError::invalid_record(record, "not what the target takes"))
            }
            Answer::InvalidEach(indices) => {
                for record in indices.iter().map(|index| &records[*index]) {
                    self.ledger.rejected(number(record));
                }
                let reason = "not what the target takes";
                let invalid = indices.iter().map(|index| (records[*index].id().clone(), reason.to_owned()));
                Err(PartialFailure::of_invalid(&records, invalid.collect()).into())
            }
            Answer::AtMost(most) if records.len() > most => Err(ConnectorError::too_large("out of memory")),
            Answer::AtMost(_) => self.confirm(&records),
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
