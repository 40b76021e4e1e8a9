//! The requests that are sent, and their order.

use std::{iter, time::Duration};

use danube_sink::{
    SinkConnector, SinkRecord,
    testing::{HttpReply, attempt},
};
use serde_json::{Value, json};

use super::{
    TOPIC,
    api::{Api, key, take_late},
    connected, record, records, rejected, report, toml,
};

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_filled_in_from_the_record() {
    let api = Api::start();
    let mapping = "method = '{attribute:method}'\npath = '/a/{/user/id}/{{x}}?from={topic}&{partition}={offset}'\n\
                   headers = { x-producer = 'by {producer}', x-key = '{key}', x-time = '{publish_time}', x-ok = '{/ok}' }";
    let mut sink = connected(&toml(&api, "", mapping), &[]).await;
    let record = SinkRecord::builder(TOPIC)
        .payload(r#"{"user":{"id":"a/b ../ü?#%2e&="},"ok":true}"#)
        .partition(Some(3), "/default/t-part-3".into())
        .offset(42)
        .key("k")
        .producer("me", 1, 2)
        .publish_time(1_517_966_773_840)
        .attribute("method", "DELETE")
        .build();
    let id = record.id().to_string();
    sink.process_batch(vec![record]).await.expect("it is taken");
    let seen = &api.requests()[0];
    assert_eq!(seen.method, "DELETE");
    assert_eq!(seen.uri, "/a/a%2Fb%20..%2F%C3%BC%3F%23%252e%26%3D/%7Bx%7D?from=%2Fdefault%2Ft&3=42");
    assert_eq!(seen.header("x-producer"), "by me");
    assert_eq!(seen.header("x-key"), "k");
    assert_eq!(seen.header("x-time"), "2018-02-07T01:26:13.840000Z");
    assert_eq!(seen.header("x-ok"), "true");
    assert_eq!((seen.header("content-type"), key(seen)), ("application/json", id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_lacks_a_value_of_a_template_is_rejected_and_the_others_are_sent() {
    let api = Api::start();
    let mapping = "method = '{attribute:method}'\npath = '/{/id}'\nheaders = { x-note = '{/note}' }";
    let mut sink = connected(&toml(&api, "", mapping), &[]).await;
    let with = |method: &str, payload: Value| {
        SinkRecord::builder(TOPIC).offset(8).attribute("method", method).payload(payload.to_string()).build()
    };
    let invalid = [
        with("PUT", json!({ "note": "no id" })),
        with("PUT", json!({ "id": null, "note": "" })),
        with("PUT", json!({ "id": { "a": 1 }, "note": "" })),
        with("PUT", json!({ "id": "", "note": "the collection" })),
        with("DELETE", json!({ "id": "..", "note": "the folder above" })),
        with("PUT", json!({ "id": 1, "note": "two\r\nlines: x" })),
        with("TRACE", json!({ "id": 1, "note": "" })),
        record(1, r#"{"id":1,"note":"no method"}"#),
        record(2, "plain text"),
    ];
    let count = invalid.len();
    for invalid in invalid {
        let valid = SinkRecord::builder(TOPIC).attribute("method", "PUT").payload(r#"{"id":7,"note":""}"#).build();
        let answer = sink.process_batch(vec![valid, invalid.clone()]).await;
        let (count, reason) = rejected(answer);
        assert!(count == 1 && !reason.contains("lines: x"), "{invalid:?}: {reason}");
    }
    assert!(
        api.requests().iter().all(|seen| seen.uri == "/7") && api.requests().len() == count,
        "{:?}",
        api.requests()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_as_the_mapping_sets_them() {
    let of = async |mapping: &str, records: Vec<SinkRecord>| {
        let api = Api::start();
        connected(&toml(&api, "", mapping), &[]).await.process_batch(records).await.expect("taken");
        let [seen] = &api.requests()[..] else { panic!("one request") };
        (seen.header("content-type").to_owned(), seen.text().into_owned(), key(seen).to_owned())
    };
    let (kind, body, key) = of("body = 'json_array'", records(2)).await;
    assert_eq!((kind.as_str(), body.as_str()), ("application/json", r#"[{"number":0},{"number":1}]"#));
    let (kind, body, same_records) = of("body = 'ndjson'", records(2)).await;
    assert_eq!((kind.as_str(), body.as_str()), ("application/x-ndjson", "{\"number\":0}\n{\"number\":1}\n"));
    assert_eq!(key, same_records, "the key is that of the records");
    assert_ne!(key, of("body = 'ndjson'", records(3)).await.2);
    let (kind, body, _) = of("body = 'bytes'", vec![record(1, "as { it is")]).await;
    assert_eq!((kind.as_str(), body.as_str()), ("application/octet-stream", "as { it is"));
    let (kind, body, key) = of("headers = { content-type = 'text/x', idempotency-key = '{offset}' }", records(1)).await;
    assert_eq!((kind.as_str(), body.as_str(), key.as_str()), ("text/x", r#"{"number":0}"#, "0"));
    let (_, body, _) = of("metadata = ['topic', 'offset', 'key']", vec![record(9, "[1.0]")]).await;
    assert_eq!(body, format!(r#"{{"payload":[1.0],"topic":"{TOPIC}","offset":9,"key":null}}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_sent() {
    for (section, secret, header, value) in [
        ("", "t", "authorization", "Bearer t"),
        ("api.username = 'Aladdin'", "open sesame", "authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("api.secret_header = 'Api-Key'", "k", "api-key", "k"),
        ("api.secret_header = 'authorization'", "ApiKey t0k", "authorization", "ApiKey t0k"),
        (
            "api.username = 'Aladdin'\napi.secret_header = 'x-login'",
            "open sesame",
            "x-login",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
    ] {
        let api = Api::start();
        connected(&toml(&api, section, ""), &[("HTTP_SECRET", secret)])
            .await
            .process_batch(records(1))
            .await
            .expect("taken");
        assert_eq!(api.requests()[0].header(header), value);
    }
}

/// Replies during which other requests arrive.
fn late(replies: usize) -> impl Iterator<Item = HttpReply> {
    iter::repeat_n(HttpReply::handled().after(Duration::from_millis(10)), replies)
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_subscriptions_send_up_to_concurrency_requests_at_once() {
    let api = Api::start();
    // The API answers when three requests are in progress, and so late that a fourth one would be, too.
    api.wait_for(3);
    api.script(late(20));
    let mut sink = connected(&toml(&api, "concurrency = 3", ""), &[]).await;
    sink.process_batch(records(20)).await.expect("taken");
    assert_eq!((api.most_at_once(), api.requests().len()), (3, 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn exclusive_subscriptions_send_a_partition_in_order_and_partitions_side_by_side() {
    let api = Api::start();
    api.wait_for(2);
    api.script(late(20));
    let mut sink = connected(&toml(&api, "", "subscription_type = 'Exclusive'"), &[]).await;
    let of = |partition: u32| {
        move |offset: u64| {
            let topic = format!("{TOPIC}-part-{partition}");
            let payload = json!({ "number": offset, "partition": partition }).to_string();
            SinkRecord::builder(TOPIC).partition(Some(partition), topic.into()).offset(offset).payload(payload).build()
        }
    };
    sink.process_batch((0..10).map(of(0)).chain((0..10).map(of(1))).collect()).await.expect("taken");
    assert_eq!(api.most_at_once(), 2);
    for partition in 0..2 {
        let bodies = api.requests().into_iter().map(|seen| serde_json::from_str::<Value>(&seen.text()).expect("JSON"));
        let numbers: Vec<_> = bodies.filter(|body| body["partition"] == partition).collect();
        assert!(numbers.iter().map(|body| body["number"].as_u64()).eq((0..10).map(Some)), "{numbers:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_shared_subscriptions_send_a_key_in_order_and_keys_side_by_side() {
    let api = Api::start();
    api.wait_for(4);
    api.script(late(20));
    let mut sink = connected(&toml(&api, "", "subscription_type = 'KeyShared'"), &[]).await;
    let of = |number: u64| {
        let payload = json!({ "number": number }).to_string();
        SinkRecord::builder(TOPIC).offset(number).key(format!("{}", number % 4)).payload(payload).build()
    };
    sink.process_batch((0..20).map(of).collect()).await.expect("taken");
    assert_eq!(api.most_at_once(), 4);
    for key in 0..4 {
        let bodies = api.requests().into_iter().map(|seen| serde_json::from_str::<Value>(&seen.text()).expect("JSON"));
        let numbers: Vec<_> =
            bodies.filter_map(|body| body["number"].as_u64()).filter(|number| number % 4 == key).collect();
        assert!(numbers.len() == 5 && numbers.is_sorted(), "{numbers:?}");
    }
}

/// The records of one key, or of a partition, whose methods change: an earlier request is not joined by a later record that
/// another request stands between.
#[tokio::test(flavor = "multi_thread")]
async fn batches_of_several_methods_keep_the_order_of_the_subscription() {
    let methods = ["POST", "POST", "DELETE", "POST", "DELETE", "DELETE", "POST"];
    for order in ["Exclusive", "Failover", "KeyShared"] {
        let api = Api::start();
        let mapping = format!("method = '{{attribute:m}}'\nbody = 'json_array'\nsubscription_type = '{order}'");
        let mut sink = connected(&toml(&api, "", &mapping), &[]).await;
        let of = |(number, method): (u64, &&str)| {
            let record = SinkRecord::builder(TOPIC).offset(number).attribute("m", *method).key("k");
            record.payload(json!({ "number": number }).to_string()).build()
        };
        sink.process_batch((0..).zip(&methods).map(of).collect()).await.expect("taken");
        let sent: Vec<_> = api.requests().iter().map(|seen| (seen.method.to_string(), numbers(&seen.text()))).collect();
        let expected =
            [("POST", vec![0, 1]), ("DELETE", vec![2]), ("POST", vec![3]), ("DELETE", vec![4, 5]), ("POST", vec![6])];
        assert_eq!(sent, expected.map(|(method, numbers)| (method.to_owned(), numbers)), "{order}");
    }
}

/// Records of other keys, and of a subscription without an order, share a request wherever they stand in the batch.
#[tokio::test(flavor = "multi_thread")]
async fn records_whose_order_does_not_matter_share_a_request() {
    for (order, requests) in [("Shared", 2), ("KeyShared", 2), ("Exclusive", 6)] {
        let api = Api::start();
        let mapping = format!("method = '{{attribute:m}}'\nbody = 'json_array'\nsubscription_type = '{order}'");
        let mut sink = connected(&toml(&api, "", &mapping), &[]).await;
        let of = |number: u64| {
            let method = if number.is_multiple_of(2) { "POST" } else { "DELETE" };
            let record = SinkRecord::builder(TOPIC).offset(number).attribute("m", method).key(number.to_string());
            record.payload(json!({ "number": number }).to_string()).build()
        };
        sink.process_batch((0..6).map(of).collect()).await.expect("taken");
        assert_eq!(api.requests().len(), requests, "{order}");
    }
}

fn numbers(body: &str) -> Vec<u64> {
    let records: Vec<Value> = serde_json::from_str(body).expect("an array");
    records.iter().filter_map(|record| record["number"].as_u64()).collect()
}

/// A slow request leaves the others for the next attempt, which does not count as a failure.
#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_write_timeout_are_retried() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", "subscription_type = 'Exclusive'"), &[]).await;
    // Nine tenths of it, less the nine seconds that a request may take: no further one starts after a second.
    let timeout = Duration::from_secs(10) * 10 / 9;
    api.script([take_late(Duration::from_millis(1_100))]);
    let report = report(attempt(timeout, sink.process_batch(records(3))).await);
    assert!(!report.contains("tried: true") && report.contains("rejected: []"), "{report}");
    assert_eq!(api.numbers(), [0]);
}

/// The last request to start has its whole timeout: the runtime gives up only after that and the time before together.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_begins_last_ends_within_write_timeout() {
    let api = Api::start();
    let text = toml(&api, "", "subscription_type = 'Exclusive'");
    let (mut sink, mut core) = super::load(&text, &super::with(&[])).expect("valid");
    let write_timeout = Duration::from_secs(10);
    core.write_timeout = write_timeout;
    sink.initialize(core).await.expect("the API is there");
    // Half a second before the time after which no further request starts.
    api.script([take_late(Duration::from_secs(4)), HttpReply::never()]);
    // The report of an attempt that the runtime gives up has no record that was tried.
    let report = report(attempt(write_timeout, sink.process_batch(records(3))).await);
    assert!(report.contains("tried: true") && api.numbers() == [0], "{report}");
}
