//! From a topic to the API, through the runtime.

use std::collections::HashSet;

use danube_sink::{
    ConnectorConfig,
    testing::{HttpReply, from_toml},
};
use danube_sink_tests::{Broker, Ledger, Load, Publisher, Running, topic, until, within};

use super::{
    Http,
    api::{Api, key},
};

/// Starts a connector with one mapping of a topic.
pub(super) async fn start(
    api: &Api,
    broker: &Broker,
    topic: &str,
    mapping: &str,
    set: impl Fn(&mut ConnectorConfig),
) -> Running {
    drop(broker.producer(topic, "creator", None).await);
    let text = super::toml(api, "", mapping).replace(super::TOPIC, topic);
    let (sink, mut core) = from_toml::<Http>(&text).expect("a valid configuration");
    set(&mut core);
    Running::start(sink, core, broker).await
}

async fn holds(api: &Api, count: usize) {
    until("the last record at the API", || async { api.numbers().len() >= count }).await;
}

/// The server breaks connections, and accepts requests that it does not answer: the idempotency key removes duplicates.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_duplicated_when_the_server_restarts_under_load() {
    for mapping in ["", "subscription_type = 'Exclusive'", "body = 'ndjson'\nmetadata = ['id']"] {
        let (api, broker, topic) = (Api::start(), Broker::start().await, topic("outage"));
        let running = start(&api, &broker, &topic, mapping, |core| core.max_backoff = core.retry_backoff).await;
        let load = Load { url: broker.url().to_owned(), topic, partitions: None, keyed: false };
        let publisher = Publisher::start(&load);
        for _ in 0..2 {
            publisher.confirms(100).await;
            api.script([
                HttpReply::handled_then_closed(),
                HttpReply::handled_then_closed(),
                HttpReply::status(503, "").header("retry-after", "0"),
                HttpReply::close(),
                HttpReply::handled_then_closed(),
            ]);
            publisher.confirms(100).await;
            api.stop();
            publisher.confirms(200).await;
            api.restart().await.expect("the port");
        }
        publisher.confirms(100).await;
        let published = publisher.stop().await;
        // The API may have unconfirmed ones, too.
        let has_all = || {
            let held: HashSet<_> = api.numbers().into_iter().collect();
            published.confirmed.iter().all(|number| held.contains(number))
        };
        until("the confirmed records at the API", async || has_all()).await;
        running.stop().await;
        let ledger = Ledger::compare_possible(mapping, &published.confirmed, &published.unconfirmed, &api.numbers());
        assert_eq!(ledger, Ledger::CLEAN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_refused_in_a_batch_is_found_and_the_others_are_written() {
    for mapping in ["body = 'json_array'", ""] {
        let (api, broker, topic) = (Api::start(), Broker::start().await, topic("refused"));
        api.refuse(r#""number":13,"#);
        let skip = format!("{mapping}\non_invalid_record = 'skip'\nmetadata = ['id']");
        let running = start(&api, &broker, &topic, &skip, |_| {}).await;
        let confirmed = danube_sink_tests::flood(broker.url(), &topic, 0..100).await;
        holds(&api, 99).await;
        until("all settled", || async { running.handle.settled() == 100 }).await;
        running.stop().await;
        let others: Vec<_> = confirmed.into_iter().filter(|number| *number != 13).collect();
        assert_eq!(Ledger::compare("refused", &others, &api.numbers()), Ledger::CLEAN);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_waits_for_retry_after() {
    let (api, broker, topic) = (Api::start(), Broker::start().await, topic("after"));
    let running = start(&api, &broker, &topic, "", |_| {}).await;
    api.script([HttpReply::status(429, "").header("retry-after", "2")]);
    // Not after the first answer, since this task may run much later.
    let started = std::time::Instant::now();
    danube_sink_tests::flood(broker.url(), &topic, 0..1).await;
    holds(&api, 1).await;
    assert!(started.elapsed().as_millis() > 1_900, "{:?}", started.elapsed());
    let seen = api.requests();
    assert_eq!((seen.len(), key(&seen[0])), (2, key(&seen[1])), "the same key each time");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn max_backoff_limits_retry_after() {
    let (api, broker, topic) = (Api::start(), Broker::start().await, topic("day"));
    let two_seconds = |core: &mut ConnectorConfig| core.max_backoff = std::time::Duration::from_secs(2);
    let running = start(&api, &broker, &topic, "", two_seconds).await;
    let replies = ["86400", "9999999999999", "18446744073709551615"]
        .map(|seconds| HttpReply::status(503, "").header("retry-after", seconds));
    api.script(replies);
    danube_sink_tests::flood(broker.url(), &topic, 0..1).await;
    within("three requests after the first", api.received(4)).await;
    until("the record settled", || async { running.handle.settled() == 1 }).await;
    running.stop().await;
}

/// No request overtakes one that is retried.
#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_a_partition_holds_through_failures() {
    let (api, broker, topic) = (Api::start(), Broker::start().await, topic("order"));
    let mapping = "subscription_type = 'Exclusive'\non_invalid_record = 'skip'";
    let running = start(&api, &broker, &topic, mapping, |core| core.max_backoff = core.retry_backoff).await;
    let busy = || HttpReply::status(503, "");
    api.script([
        busy(),
        busy(),
        HttpReply::close(),
        HttpReply::status(400, ""),
        busy(),
        HttpReply::handled_then_closed(),
        HttpReply::close(),
    ]);
    let producer = broker.producer(&topic, "p", None).await;
    for number in 0..50 {
        producer.send(danube_sink_tests::payload(number), None).await.expect("a confirmation");
    }
    until("all settled", || async { running.handle.settled() == 50 }).await;
    running.stop().await;
    let numbers: Vec<_> = api
        .requests()
        .iter()
        .map(|seen| {
            let body: serde_json::Value = serde_json::from_str(&seen.text()).expect("JSON");
            body["number"].as_u64()
        })
        .collect();
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert_eq!(api.numbers().len(), 49);
}
