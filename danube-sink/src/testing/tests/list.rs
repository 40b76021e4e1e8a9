//! A connector that keeps numbers in a list, and its flaws.

use std::{
    collections::BTreeMap,
    env,
    net::Ipv6Addr,
    process,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::super::{Prepared, Subject};
use crate::{
    config::{ConnectorConfig, ConsumerConfig, SubscriptionType},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult, PartialFailure, TargetFailure},
    record::SinkRecord,
};

/// Length of a vector in a payload.
const DIMENSIONS: usize = 400;

/// Flaw of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    Nothing,
    /// Not a flaw: its payloads have a vector.
    HasVectors,
    /// Not a flaw: its configuration has a spool, and an address for `/metrics`.
    HasSpool,
    /// Not a flaw: it refuses a batch with an invalid record, without saying which.
    RefusesTheBatch,
    LosesEveryTenth,
    WritesTwice,
    /// It claims to be idempotent, and appends redelivered records.
    AppendsRedelivered,
    /// It returns `Ok` for records that are only in memory.
    WritesAtShutdown,
    /// It writes nothing of a batch with a rejected record, and lists only that record.
    ForgetsTheRest,
    RejectsItsOwn,
    /// It fails fatally while the target is unavailable.
    GivesUp,
    /// It fails fatally at an invalid record.
    EndsAtAnInvalidRecord,
    /// It rejects every record while the target refuses everything.
    RejectsRefused,
    /// It reports one invalid record after the other.
    ReportsOneInvalid,
    /// Its errors repeat values of records.
    RepeatsValues,
    /// It keeps the first version of a key in a batch.
    KeepsTheFirst,
    ReadsAnotherTopic,
    /// It neither writes nor rejects an invalid record.
    DropsInvalid,
    /// The same, where the target cannot be counted.
    DropsInvalidUncounted,
    /// It neither writes nor rejects records that are not from [`Subject::payload`].
    DropsHostile,
    /// It neither writes nor rejects a record that has its number twice.
    DropsRepeatedNames,
}

/// A list in memory that can be made unavailable.
#[derive(Debug, Default)]
pub(super) struct Target {
    numbers: Vec<u64>,
    versions: BTreeMap<u64, u64>,
    unavailable: bool,
    refuses: bool,
}

#[derive(Debug, Clone)]
pub(super) struct List {
    flaw: Flaw,
    idempotent: bool,
    target: Arc<Mutex<Target>>,
}

impl List {
    pub(super) fn new(flaw: Flaw, idempotent: bool) -> Self {
        Self { flaw, idempotent, target: Arc::default() }
    }

    fn target(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subject for List {
    type Connector = Lister;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Lister> {
        let topic = if self.flaw == Flaw::ReadsAnotherTopic { "/default/another" } else { topic };
        let consumer = ConsumerConfig {
            topic: topic.to_owned(),
            consumer_name: "lister".to_owned(),
            subscription: subscription.to_owned(),
            subscription_type: SubscriptionType::Exclusive,
            expected_schema_subject: None,
        };
        let mut config = ConnectorConfig::new("", "lister");
        if self.flaw == Flaw::HasSpool {
            config.data_dir = Some(env::temp_dir().join(format!("conformance-spool-{}", process::id())));
            config.metrics_address = Ipv6Addr::LOCALHOST.into();
        }
        Ok((Lister { list: self.clone(), consumer, kept: Vec::new() }, config))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        let vector = if self.flaw == Flaw::HasVectors { vec![0.5; DIMENSIONS] } else { Vec::new() };
        format!(r#"{{"number":{number},"vector":{vector:?}}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        self.target().numbers.clone()
    }

    async fn count(&self) -> Option<u64> {
        (self.flaw != Flaw::DropsInvalidUncounted).then(|| self.target().numbers.len() as u64)
    }

    fn idempotent(&self) -> bool {
        self.idempotent
    }

    async fn take_away(&self) -> bool {
        self.target().unavailable = true;
        true
    }

    async fn refuse_all(&self) -> bool {
        self.target().refuses = true;
        true
    }

    async fn give_back(&self) {
        let mut target = self.target();
        (target.unavailable, target.refuses) = (false, false);
    }

    fn version(&self, key: u64, version: u64) -> Option<Vec<u8>> {
        Some(format!(r#"{{"number":{key},"version":{version}}}"#).into_bytes())
    }

    async fn versions(&self) -> Vec<(u64, u64)> {
        self.target().versions.clone().into_iter().collect()
    }

    fn patience(&self) -> Duration {
        // These two are found when the patience is over; the others need it on a busy machine alone.
        if matches!(self.flaw, Flaw::ReadsAnotherTopic | Flaw::RejectsRefused) {
            Duration::from_secs(5)
        } else {
            Duration::from_secs(30)
        }
    }
}

pub(super) struct Lister {
    list: List,
    consumer: ConsumerConfig,
    kept: Vec<u64>,
}

impl Lister {
    fn write_versions(&self, records: &[SinkRecord]) {
        let mut target = self.list.target();
        let mut seen = Vec::new();
        for value in records.iter().map(SinkRecord::payload) {
            let (Some(key), Some(version)) = (value["number"].as_u64(), value["version"].as_u64()) else { continue };
            if self.list.flaw != Flaw::KeepsTheFirst || !seen.contains(&key) {
                target.versions.insert(key, version);
                seen.push(key);
            }
        }
    }

    fn write(&self, numbers: &[u64]) -> ConnectorResult<()> {
        let mut target = self.list.target();
        if target.unavailable {
            let fatal = self.list.flaw == Flaw::GivesUp;
            return Err(if fatal {
                ConnectorError::fatal("unavailable")
            } else {
                ConnectorError::retryable("unavailable")
            });
        }
        if target.refuses {
            return Err(TargetFailure::NotReady.error("the permission to write is missing"));
        }
        for number in numbers {
            let adds = !self.list.idempotent || self.list.flaw == Flaw::AppendsRedelivered;
            if adds || !target.numbers.contains(number) {
                target.numbers.push(*number);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl SinkConnector for Lister {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        Ok(vec![self.consumer.clone()])
    }

    async fn process(&mut self, record: SinkRecord) -> ConnectorResult<()> {
        self.process_batch(vec![record]).await
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut failure = PartialFailure::default();
        let mut numbers = Vec::new();
        for record in &records {
            let is_own = record.key().is_some_and(|key| key.starts_with("key-"));
            match record.payload()["number"].as_u64() {
                _ if self.list.flaw == Flaw::DropsHostile && !is_own => {}
                _ if self.list.flaw == Flaw::DropsRepeatedNames && record.json().matches("\"number\":").count() > 1 => {
                }
                Some(number) if self.list.flaw != Flaw::RejectsItsOwn || number % 100 != 0 => numbers.push(number),
                _ if matches!(self.list.flaw, Flaw::DropsInvalid | Flaw::DropsInvalidUncounted) => {}
                _ if self.list.flaw == Flaw::RepeatsValues => drop(failure.reject(record, record.json())),
                _ => drop(failure.reject(record, "no number")),
            }
        }
        if self.list.flaw == Flaw::ReportsOneInvalid
            && let Some((id, reason)) = failure.rejected.pop()
        {
            return Err(ConnectorError::InvalidRecord { id, reason });
        }
        if self.list.flaw == Flaw::RejectsRefused && self.list.target().refuses {
            let mut failure = PartialFailure::default();
            records.iter().for_each(|record| _ = failure.reject(record, "refused"));
            return failure.into_result();
        }
        let rejects = failure.into_result();
        if self.list.flaw == Flaw::EndsAtAnInvalidRecord && rejects.is_err() {
            return Err(ConnectorError::fatal("not valid"));
        }
        match self.list.flaw {
            Flaw::RefusesTheBatch if rejects.is_err() => return Err(ConnectorError::refused("something in it")),
            Flaw::ForgetsTheRest if rejects.is_err() => {}
            Flaw::LosesEveryTenth => {
                numbers.retain(|number| number % 10 != 9);
                self.write(&numbers)?;
            }
            Flaw::WritesTwice => {
                self.write(&numbers)?;
                self.list.target().numbers.extend(&numbers);
            }
            Flaw::WritesAtShutdown => self.kept.extend(&numbers),
            _ => self.write(&numbers)?,
        }
        self.write_versions(&records);
        rejects
    }

    async fn shutdown(&mut self) -> ConnectorResult<()> {
        self.write(&self.kept)
    }
}
