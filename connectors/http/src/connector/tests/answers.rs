//! Answers of the API, and the errors that they become.

use danube_sink::{ConnectorError, SinkConnector, SinkRecord, testing::HttpReply};

use super::{TOPIC, api::Api, connected, records, report, toml};

#[tokio::test(flavor = "multi_thread")]
async fn temporary_failures_are_retried() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "api.timeout = '2s'", ""), &[]).await;
    for status in [408, 425, 429, 500, 501, 502, 503, 504, 599] {
        api.script([HttpReply::status(status, "")]);
        let report = report(sink.process_batch(records(1)).await);
        assert!(report.contains(&status.to_string()) && report.contains("rejected: []"), "{report}");
    }
    for reply in [HttpReply::close(), HttpReply::never()] {
        // The client itself retries a request on a pooled connection that breaks.
        api.script([reply.clone(), reply]);
        let report = report(sink.process_batch(records(1)).await);
        assert!(report.contains("tried: true") && report.contains("rejected: []"), "{report}");
    }
    api.stop();
    let report = report(sink.process_batch(records(1)).await);
    assert!(report.contains("tried: true") && report.contains("rejected: []"), "{report}");
    danube_sink_tests::until("no answer", async || sink.health_check().await.is_err()).await;
}

/// As APIs answer that keep idempotency keys, while they work on the first request.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_with_a_try_that_had_no_answer_is_retried() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "api.timeout = '2s'", ""), &[]).await;
    api.script([HttpReply::never(), HttpReply::status(409, ""), HttpReply::status(204, "")]);
    let first = report(sink.process_batch(records(1)).await);
    assert!(first.contains("tried: true") && first.contains("rejected: []"), "{first}");
    let in_progress = report(sink.process_batch(records(1)).await);
    assert!(in_progress.contains("409") && in_progress.contains("rejected: []"), "{in_progress}");
    assert!(in_progress.contains("an earlier try, which had no answer"), "{in_progress}");
    sink.process_batch(records(1)).await.expect("the first try is done");
    assert_eq!(api.requests().len(), 3);
    api.script([HttpReply::status(409, "")]);
    let refused = report(sink.process_batch(records(1)).await);
    assert!(refused.contains("retry: []") && !refused.contains("earlier"), "{refused}");
}

/// The key of the mapping counts, and what `answers` says of 409 stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_with_an_earlier_try_is_known_by_the_key_of_the_request() {
    let api = Api::start();
    let mapping = "body = 'ndjson'\nheaders = { idempotency-key = '{/number}' }";
    let mut sink = connected(&toml(&api, "", mapping), &[]).await;
    api.script([504, 409].map(|status| HttpReply::status(status, "")));
    for status in ["504", "409"] {
        let text = report(sink.process_batch(records(1)).await);
        assert!(text.contains(status) && text.contains("rejected: []"), "{text}");
    }
    let mut accepting = connected(&toml(&api, "answers = { accept = [409] }", ""), &[]).await;
    api.script([504, 409].map(|status| HttpReply::status(status, "")));
    assert!(report(accepting.process_batch(records(1)).await).contains("504"));
    accepting.process_batch(records(1)).await.expect("it counts as delivered");
}

/// A gateway, or an API that has no time, says nothing of the first try.
#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_failure_in_between_does_not_end_the_conflict() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "api.timeout = '2s'", ""), &[]).await;
    let statuses = [503, 409, 429, 409, 204].map(|status| HttpReply::status(status, ""));
    api.script([HttpReply::never()].into_iter().chain(statuses));
    for answer in ["tried: true", "503", "409", "429", "409"] {
        let text = report(sink.process_batch(records(1)).await);
        assert!(text.contains(answer) && text.contains("rejected: []"), "{text}");
    }
    sink.process_batch(records(1)).await.expect("the first try is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_of_another_request_with_the_same_key_is_refused() {
    let api = Api::start();
    let key = "headers = { idempotency-key = '{/number}' }";
    let mut text = toml(&api, "", &format!("path = '/here'\n{key}"));
    for (topic, differs) in [("/default/put", "path = '/here'\nmethod = 'PUT'"), ("/default/there", "path = '/there'")]
    {
        text += &format!("[[http.topic_mappings]]\ntopic = '{topic}'\nsubscription = 'http'\n{differs}\n{key}\n");
    }
    let mut sink = connected(&text, &[]).await;
    api.script([504, 409, 409, 409].map(|status| HttpReply::status(status, "")));
    let mut answers = Vec::new();
    for topic in [TOPIC, "/default/put", "/default/there", TOPIC] {
        let record = SinkRecord::builder(topic).payload(r#"{"number":1}"#).build();
        answers.push(report(sink.process_batch(vec![record]).await));
    }
    let is_retried: Vec<_> = answers.iter().map(|text| text.contains("rejected: []")).collect();
    assert_eq!(is_retried, [true, false, false, true], "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_in_the_error() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", ""), &[]).await;
    api.script([HttpReply::status(429, "").header("retry-after", "7")]);
    assert!(report(sink.process_batch(records(1)).await).contains("retry_after: Some(7s)"));
    api.script([HttpReply::status(503, "").header("retry-after", "Wed, 21 Oct 2076 07:28:00 GMT")]);
    let until_then = report(sink.process_batch(records(1)).await);
    assert!(until_then.contains("retry_after: Some(") && !until_then.contains("Some(7s)"), "{until_then}");
    for nothing in ["Wed, 21 Oct 2015 07:28:00 GMT", "soon", "-1"] {
        api.script([HttpReply::status(503, "").header("retry-after", nothing)]);
        assert!(report(sink.process_batch(records(1)).await).contains("retry_after: None"), "{nothing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_is_rejected_alone_with_the_answer_of_the_api() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", ""), &[]).await;
    api.refuse(r#""number":3"#);
    let report = report(sink.process_batch(records(5)).await);
    let said = format!("POST {} was answered 422 Unprocessable Entity not this one", api.url());
    assert!(report.contains("retry: []") && report.contains("offset: 3") && report.contains(&said), "{report}");
    assert_eq!(api.numbers().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_is_refused_as_a_whole() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", "body = 'ndjson'"), &[]).await;
    api.refuse(r#""number":3"#);
    let answer = sink.process_batch(records(5)).await;
    assert!(matches!(answer, Err(ConnectorError::Refused { .. })), "{answer:?}");
}

/// The other group is written: what was refused is retried alone, which is no failure.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_group_is_retried_without_the_others() {
    let api = Api::start();
    let mapping = "body = 'json_array'\nheaders = { x-parity = '{/parity}' }";
    let mut sink = connected(&toml(&api, "", mapping), &[]).await;
    let of = |number: u64| super::record(number, &format!(r#"{{"number":{number},"parity":{}}}"#, number % 2));
    api.refuse(r#""number":3"#);
    let answer = sink.process_batch((0..6).map(of).collect()).await;
    let report = report(answer);
    assert!(!report.contains("tried: true") && report.contains("rejected: []"), "{report}");
    assert_eq!(api.requests().iter().filter(|seen| seen.header("x-parity") == "0").count(), 1);
    let answer = sink.process_batch([1, 3, 5].map(of).to_vec()).await;
    assert!(matches!(answer, Err(ConnectorError::Refused { .. })), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_the_same_for_every_record_ends_the_connector() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", ""), &[]).await;
    for status in [301, 307, 401, 407] {
        api.script([HttpReply::status(status, "").header("location", "/other")]);
        let answer = sink.process_batch(records(1)).await;
        assert!(matches!(answer, Err(ConnectorError::Fatal { .. })), "{answer:?}");
    }
    assert_eq!(api.requests().len(), 4, "no redirect is followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_the_api_repeats_is_not_shown() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", ""), &[("HTTP_SECRET", "s3cret words")]).await;
    api.script([HttpReply::status(403, r#"{"your token":"Bearer s3cret words"}"#)]);
    let report = report(sink.process_batch(records(1)).await);
    assert!(report.contains("Bearer ***") && !report.contains("s3cret") && !report.contains("words"), "{report}");
    assert_eq!(api.requests()[0].header("authorization"), "Bearer s3cret words");
}
