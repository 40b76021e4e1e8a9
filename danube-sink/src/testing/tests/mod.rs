//! The kit passes conforming connectors, and finds the flaws of others.

mod list;

use self::list::{Flaw, List};
use super::{Report, ScenarioResult, conforms, conforms_in};

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
async fn hostile_values_pass_alone() {
    report(Flaw::Nothing, &["hostile values in every field"]).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_of_vectors_passes() {
    let scenarios = ["hostile values in every field", "hostile keys and attributes"];
    report(Flaw::HasVectors, &scenarios).await.assert();
}

/// With a spool, messages are acknowledged before the target has them.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_a_spool_passes() {
    report(Flaw::HasSpool, &["one record", "the target is unavailable"]).await.assert();
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
async fn a_dropped_hostile_record_is_found() {
    let scenarios = ["hostile values in every field", "hostile keys and attributes"];
    let counted = conforms_in(List::new(Flaw::DropsHostile, false), &scenarios).await;
    finds(&counted, scenarios[0], "accepted payloads are not in the target");
    finds(&counted, scenarios[1], "15 of 15 accepted payloads are not in the target");
    let keyed = report(Flaw::DropsHostile, &scenarios).await;
    assert!(keyed.passed(), "{keyed}");
    assert!(keyed.to_string().contains("note: 15 of 15 payloads of other types were accepted"), "{keyed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_record_with_a_name_twice_is_found() {
    let scenario = "hostile values in every field";
    let report = conforms_in(List::new(Flaw::DropsRepeatedNames, false), &[scenario]).await;
    finds(&report, scenario, "1 of ");
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
