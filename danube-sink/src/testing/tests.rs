//! The kit passes connectors that are in order, and finds what is wrong with those that are not.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{Prepared, Report, Subject, Verdict, conforms, conforms_in};
use crate::{
    config::{ConnectorConfig, ConsumerConfig, SubscriptionType},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult, PartialFailure, TargetFailure},
    record::SinkRecord,
};

/// What is wrong with a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Nothing,
    /// None either: it refuses a batch with a record that it cannot write, and does not say which.
    RefusesTheBatch,
    LosesEveryTenth,
    WritesTwice,
    /// It says that it is idempotent, and adds what comes again.
    AddsWhatComesAgain,
    /// It answers `Ok` for what it only keeps in memory.
    WritesAtShutdown,
    /// It writes nothing of a batch with a record that it rejects, and names that record alone.
    ForgetsTheRest,
    RejectsItsOwn,
    /// It ends where the target is away.
    GivesUp,
    /// It ends at a record that is not valid.
    EndsAtAnInvalidRecord,
    /// It rejects every record that the target refuses for a reason of its own.
    RejectsWhatIsRefused,
    /// It names one invalid record after the other.
    NamesOneInvalid,
    /// It says what a record holds.
    Repeats,
    /// Of one key's versions in a batch it keeps the first one.
    KeepsTheFirst,
    ReadsAnotherTopic,
}

/// A list, and whether one can write to it.
#[derive(Debug, Default)]
struct Target {
    numbers: Vec<u64>,
    versions: BTreeMap<u64, u64>,
    away: bool,
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

    fn idempotent(&self) -> bool {
        self.idempotent
    }

    async fn take_away(&self) -> bool {
        self.target().away = true;
        true
    }

    async fn refuse_all(&self) -> bool {
        self.target().refuses = true;
        true
    }

    async fn give_back(&self) {
        let mut target = self.target();
        (target.away, target.refuses) = (false, false);
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
        if target.away {
            let fatal = self.list.flaw == Flaw::GivesUp;
            return Err(if fatal { ConnectorError::fatal("away") } else { ConnectorError::retryable("away") });
        }
        if target.refuses {
            return Err(TargetFailure::NotReady.error("the right to write is missing"));
        }
        for number in numbers {
            let adds = !self.list.idempotent || self.list.flaw == Flaw::AddsWhatComesAgain;
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
                _ if self.list.flaw == Flaw::Repeats => drop(failure.reject(record, record.json())),
                _ => drop(failure.reject(record, "no number")),
            }
        }
        if self.list.flaw == Flaw::NamesOneInvalid
            && let Some((id, reason)) = failure.rejected.pop()
        {
            return Err(ConnectorError::InvalidRecord { id, reason });
        }
        if self.list.flaw == Flaw::RejectsWhatIsRefused && self.list.target().refuses {
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

/// The report, if it says this of that scenario.
#[track_caller]
fn finds(report: &Report, scenario: &str, text: &str) {
    let found = report.failed().find(|failed| failed.name == scenario);
    let Some(Verdict::Failed(findings)) = found.map(|failed| &failed.verdict) else {
        panic!("`{scenario}` passes\n{report}");
    };
    assert!(findings.iter().any(|finding| finding.contains(text)), "no {text:?}\n{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_in_order_passes_everything() {
    let report = conforms(List::new(Flaw::Nothing, true)).await;
    report.assert();
    assert!(report.scenarios().iter().all(|scenario| scenario.verdict == Verdict::Passed), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_in_order_passes_without_being_idempotent() {
    conforms(List::new(Flaw::Nothing, false)).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_in_order_passes_that_refuses_whole_batches() {
    let played = ["payloads of every type, to dead letters", "payloads of every type, skipped"];
    report(Flaw::RefusesTheBatch, &played).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_is_found() {
    let report = report(Flaw::LosesEveryTenth, &["1 000 records"]).await;
    finds(&report, "1 000 records", "100 of 1000 records are not in the target");
    finds(&report, "1 000 records", "the connector answered Ok for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_write_is_found() {
    let report = report(Flaw::WritesTwice, &["one record", "a batch fails in part"]).await;
    finds(&report, "one record", "1 of 1 records are in the target more than once");
    finds(&report, "a batch fails in part", "60 of 60 records are in the target more than once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_not_idempotent_is_found() {
    let report = report(Flaw::AddsWhatComesAgain, &["1 000 records", "a try fails after the write"]).await;
    finds(&report, "a try fails after the write", "records are in the target more than once");
    assert_eq!(report.failed().count(), 1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_before_the_write_is_found() {
    let report = report(Flaw::WritesAtShutdown, &["one record", "a batch fails in part"]).await;
    finds(&report, "one record", "the connector answered Ok for 1 records, and the target lacked 1 of them");
    finds(&report, "a batch fails in part", "when everything was acknowledged: 60 of 60 records are not in the target");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_that_takes_others_along_is_found() {
    let report = report(Flaw::ForgetsTheRest, &["a batch fails in part", "payloads of every type, skipped"]).await;
    finds(&report, "payloads of every type, skipped", "records are not in the target");
    assert_eq!(report.failed().count(), 1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_of_a_good_record_is_found() {
    let report = report(Flaw::RejectsItsOwn, &["1 000 records"]).await;
    finds(&report, "1 000 records", "10 records were rejected although their payloads are of the connector's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_in_an_outage_is_found() {
    let played = ["an outage of many tries", "the target is away"];
    let report = report(Flaw::GivesUp, &played).await;
    finds(&report, "the target is away", "the connector ended: away");
    assert_eq!(report.failed().count(), 1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_at_an_invalid_record_is_found() {
    let report = report(Flaw::EndsAtAnInvalidRecord, &["payloads of every type, skipped"]).await;
    finds(&report, "payloads of every type, skipped", "the connector ended: not valid");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_rejected_for_the_targets_own_reason_are_found() {
    let report = report(Flaw::RejectsWhatIsRefused, &["the target refuses everything"]).await;
    finds(&report, "the target refuses everything", "two refused tries did not happen");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_attempt_for_each_invalid_record_is_found() {
    let report = report(Flaw::NamesOneInvalid, &["many invalid records in a batch"]).await;
    finds(&report, "many invalid records in a batch", "a batch with 50 payloads that are not JSON took");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_in_an_error_is_found() {
    let played = ["payloads of every type, skipped", "hostile values in every field"];
    let report = report(Flaw::Repeats, &played).await;
    finds(&report, played[0], "an error of process_batch repeats a value of a record");
    finds(&report, played[1], "the reason of a dead letter repeats a value of its record");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_that_stays_is_found() {
    let report = report(Flaw::KeepsTheFirst, &["the last version of a key stays"]).await;
    finds(&report, "the last version of a key stays", "the target holds the keys and versions");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_reads_elsewhere_is_found_once() {
    let report = report(Flaw::ReadsAnotherTopic, &["one record", "1 000 records"]).await;
    finds(&report, "opens and closes without a record", "the connector was not ready");
    assert_eq!(report.failed().count(), 1, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scenario_that_there_is_not_does_not_pass() {
    let report = report(Flaw::Nothing, &["one recrod"]).await;
    finds(&report, "one recrod", "there is no scenario of this name");
}
