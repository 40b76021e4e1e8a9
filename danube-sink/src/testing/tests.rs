//! The kit passes conforming connectors, and finds the flaws of others.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{Prepared, Report, ScenarioResult, Subject, conforms, conforms_in};
use crate::{
    config::{ConnectorConfig, ConsumerConfig, SubscriptionType},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult, PartialFailure, TargetFailure},
    record::SinkRecord,
};

/// Flaw of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Nothing,
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
}

/// A list in memory that can be made unavailable.
#[derive(Debug, Default)]
struct Target {
    numbers: Vec<u64>,
    versions: BTreeMap<u64, u64>,
    unavailable: bool,
    refuses: bool,
}

#[derive(Debug, Clone)]
struct List {
    flaw: Flaw,
    idempotent: bool,
    target: Arc<Mutex<Target>>,
}

impl List {
    fn new(flaw: Flaw, idempotent: bool) -> Self {
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
        Ok((Lister { list: self.clone(), consumer, kept: Vec::new() }, ConnectorConfig::new("", "lister")))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"number":{number}}}"#).into_bytes()
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
        if self.flaw == Flaw::Nothing { Duration::from_secs(30) } else { Duration::from_secs(5) }
    }
}

struct Lister {
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
            match record.payload()["number"].as_u64() {
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

async fn report(flaw: Flaw, scenarios: &[&'static str]) -> Report {
    conforms_in(List::new(flaw, true), scenarios).await
}

/// Asserts that the report has a finding of that scenario with this text.
#[track_caller]
fn finds(report: &Report, scenario: &str, text: &str) {
    let found = report.failed().find(|failed| failed.name == scenario);
    let Some(ScenarioResult::Failed(findings)) = found.map(|failed| &failed.result) else {
        panic!("`{scenario}` passes\n{report}");
    };
    assert!(findings.iter().any(|finding| finding.contains(text)), "no {text:?}\n{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conforming_connector_passes_everything() {
    let report = conforms(List::new(Flaw::Nothing, true)).await;
    report.assert();
    assert!(report.scenarios().iter().all(|scenario| scenario.result == ScenarioResult::Passed), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conforming_connector_passes_without_being_idempotent() {
    conforms(List::new(Flaw::Nothing, false)).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_refuses_whole_batches_passes() {
    let scenarios = ["payloads of every type, to dead letters", "payloads of every type, skipped"];
    report(Flaw::RefusesTheBatch, &scenarios).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_is_found() {
    let report = report(Flaw::LosesEveryTenth, &["1 000 records"]).await;
    finds(&report, "1 000 records", "100 of 1000 records are not in the target");
    finds(&report, "1 000 records", "the connector returned Ok for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_write_is_found() {
    let report = report(Flaw::WritesTwice, &["one record", "a batch fails partially"]).await;
    finds(&report, "one record", "1 of 1 records are in the target more than once");
    finds(&report, "a batch fails partially", "60 of 60 records are in the target more than once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_not_idempotent_is_found() {
    let report = report(Flaw::AppendsRedelivered, &["1 000 records", "an attempt fails after the write"]).await;
    finds(&report, "an attempt fails after the write", "records are in the target more than once");
    assert_eq!(report.failed().count(), 1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ok_before_the_write_is_found() {
    let report = report(Flaw::WritesAtShutdown, &["one record", "a batch fails partially"]).await;
    finds(&report, "one record", "the connector returned Ok for 1 records, of which 1 are not in the target");
    finds(
        &report,
        "a batch fails partially",
        "when everything was acknowledged: 60 of 60 records are not in the target",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_that_loses_other_records_is_found() {
    let report = report(Flaw::ForgetsTheRest, &["a batch fails partially", "payloads of every type, skipped"]).await;
    finds(&report, "payloads of every type, skipped", "records are not in the target");
    assert_eq!(report.failed().count(), 1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_of_a_good_record_is_found() {
    let report = report(Flaw::RejectsItsOwn, &["1 000 records"]).await;
    finds(&report, "1 000 records", "10 records were rejected although their payloads are valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_in_an_outage_is_found() {
    let scenarios = ["an outage of many attempts", "the target is unavailable"];
    let report = report(Flaw::GivesUp, &scenarios).await;
    finds(&report, "the target is unavailable", "the connector ended: unavailable");
    assert_eq!(report.failed().count(), 1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_at_an_invalid_record_is_found() {
    let report = report(Flaw::EndsAtAnInvalidRecord, &["payloads of every type, skipped"]).await;
    finds(&report, "payloads of every type, skipped", "the connector ended: not valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn rejections_during_an_outage_are_found() {
    let report = report(Flaw::RejectsRefused, &["the target refuses everything"]).await;
    finds(&report, "the target refuses everything", "two refused attempts did not happen");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_attempt_for_each_invalid_record_is_found() {
    let report = report(Flaw::ReportsOneInvalid, &["many invalid records in a batch"]).await;
    finds(&report, "many invalid records in a batch", "a batch with 50 payloads that are not JSON took");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_record_is_found() {
    let scenarios = ["payloads of every type, skipped", "many invalid records in a batch"];
    let counted = report(Flaw::DropsInvalid, &scenarios).await;
    finds(&counted, scenarios[0], "18 of 18 accepted payloads are not in the target");
    finds(&counted, scenarios[1], "50 of 50 accepted payloads are not in the target");
    let uncounted = report(Flaw::DropsInvalidUncounted, &scenarios).await;
    assert!(uncounted.passed(), "{uncounted}");
    assert!(uncounted.to_string().contains("note: 18 of 18 payloads of other types were accepted"), "{uncounted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_in_an_error_is_found() {
    let scenarios = ["payloads of every type, skipped", "hostile values in every field"];
    let report = report(Flaw::RepeatsValues, &scenarios).await;
    finds(&report, scenarios[0], "an error of process_batch repeats a value of a record");
    finds(&report, scenarios[1], "the reason of a dead letter repeats a value of its record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_version_is_found() {
    let report = report(Flaw::KeepsTheFirst, &["the last version of a key stays"]).await;
    finds(&report, "the last version of a key stays", "the target has the keys and versions");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_consumes_another_topic_is_found_once() {
    let report = report(Flaw::ReadsAnotherTopic, &["one record", "1 000 records"]).await;
    finds(&report, "starts and stops without a record", "the connector was not ready");
    assert_eq!(report.failed().count(), 1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_scenario_fails() {
    let report = report(Flaw::Nothing, &["one recrod"]).await;
    finds(&report, "one recrod", "there is no scenario with this name");
}
