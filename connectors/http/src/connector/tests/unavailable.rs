//! An API that refuses every request for a while: no record is rejected, `/ready` shows what to do, and all are delivered later.

use danube_sink::{ConnectorConfig, testing::HttpReply};
use danube_sink_tests::{Broker, Ledger, get, topic, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{api::Api, delivery::start};

fn with_short_backoff(core: &mut ConnectorConfig) {
    (core.retry_backoff, core.max_backoff) =
        (std::time::Duration::from_millis(20), std::time::Duration::from_millis(200));
}

/// The API answers every request with the status until `/ready` shows it; then it recovers.
async fn recovers(status: u16, mapping: &str, most_letters: usize) {
    const RECORDS: u64 = 200;
    let (api, broker, topic) = (Api::start(), Broker::embedded(Default::default()).await, topic("recovers"));
    let letters = format!("{topic}-letters");
    // Two writes have to fail before the engine waits: a first one of all records would make each of them a dead letter.
    let mapping =
        format!("{mapping}\nbatch_size = 20\non_invalid_record = 'dead_letter'\ndead_letter_topic = '{letters}'");
    let running = start(&api, &broker, &topic, &mapping, with_short_backoff).await;
    api.always(HttpReply::status(status, "the key has expired"));
    let confirmed = danube_sink_tests::flood(broker.url(), &topic, 0..RECORDS).await;
    let address = running.handle.metrics_address();
    let shows = async || {
        let (code, body) = get(address, "/ready").await;
        code == 503 && [&status.to_string(), "the key has expired"].iter().all(|part| body.contains(*part))
    };
    until("the advice in /ready", shows).await;
    assert!(api.numbers().is_empty());
    api.always(None);
    until("all settled", || async { running.handle.settled() == RECORDS }).await;
    until("readiness", || async { get(address, "/ready").await.0 == 200 }).await;
    running.stop().await;
    let letters = broker.embedded.as_ref().expect("an embedded broker").messages(&letters);
    assert!(letters.len() <= most_letters, "{status} {mapping}: {} dead letters", letters.len());
    let number =
        |payload: &[u8]| serde_json::from_slice::<serde_json::Value>(payload).expect("JSON")["number"].as_u64();
    let rejected = letters.iter().filter_map(|letter| number(&letter.payload));
    let all: Vec<_> = api.numbers().into_iter().chain(rejected).collect();
    assert_eq!(Ledger::compare(&mapping, &confirmed, &all), Ledger::CLEAN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_403_for_every_record_makes_no_dead_letter() {
    recovers(403, "", 0).await;
    recovers(404, "body = 'ndjson'\nmetadata = ['id']\nsubscription_type = 'Exclusive'", 0).await;
}

/// A status that blames the record, for every record: the engine waits before the 32nd.
#[tokio::test(flavor = "multi_thread")]
async fn a_400_for_every_record_rejects_a_few_and_then_waits() {
    recovers(400, "", 31).await;
    recovers(404, "path = '/things/{/number}'\nsubscription_type = 'Exclusive'", 31).await;
    recovers(422, "body = 'json_array'\nmetadata = ['id']\nsubscription_type = 'Exclusive'", 31).await;
}

/// Records that wait for a failed one are not rejected with it.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_record_that_was_tried_becomes_a_dead_letter() {
    let (api, broker, topic) = (Api::start(), Broker::embedded(Default::default()).await, topic("letters"));
    let letters = format!("{topic}-letters");
    let mapping = format!("subscription_type = 'Exclusive'\ndead_letter_topic = '{letters}'");
    let set = |core: &mut ConnectorConfig| {
        with_short_backoff(core);
        (core.max_retries, core.on_retries_exhausted) = (2, danube_sink::OnRetriesExhausted::DeadLetter);
    };
    let running = start(&api, &broker, &topic, &mapping, set).await;
    api.script((0..3).map(|_| HttpReply::status(500, "a bug with this one")));
    let producer = broker.producer(&topic, "p", None).await;
    for number in 0..100 {
        producer.send(danube_sink_tests::payload(number), None).await.expect("a confirmation");
    }
    until("all settled", || async { running.handle.settled() == 100 }).await;
    running.stop().await;
    let letters = broker.embedded.as_ref().expect("an embedded broker").messages(&letters);
    assert_eq!((letters.len(), api.numbers().len()), (1, 99));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_served_on_ipv6_and_ipv4() {
    let (api, broker, topic) = (Api::start(), Broker::start().await, topic("probes"));
    let running = start(&api, &broker, &topic, "", |_| {}).await;
    for host in ["::1", "127.0.0.1"] {
        let mut stream = TcpStream::connect((host, running.handle.metrics_address().port())).await.expect("/live");
        stream.write_all(b"GET /live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{host}: {answer}");
    }
    running.stop().await;
}
